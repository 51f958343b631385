"""The voice answer of a canned call that chooses a mode: one line that an assistant can speak."""

from shocpp.calls.answering import Answer
from shocpp.clock import now_ms
from shocpp.configuration.canned_calls import CannedCall
from shocpp.language.figures import plain_decimal
from shocpp.language.modes import choice_text, mode_name
from shocpp.language.voice import moment, sentence
from shocpp.settings import Settings
from shocpp.site.choices.limits import parse_until
from shocpp.site.choices.modes import NoSun, WantedMode, choose_mode, parse_mode
from shocpp.site.choices.voice import Permit, charger_of, in_words
from shocpp.store.database import Database


def answer_mode(
    db: Database, settings: Settings, canned: CannedCall, asked_by: str, permit: Permit
) -> Answer:
    """Choose the mode of a canned call, as `canned.answer_choice`."""
    language, zone, moment_ms = settings.language, settings.zone, now_ms()
    name = charger_of(db, canned, language)
    if isinstance(name, Answer):
        return name
    payload = canned.payload
    permit(name, payload)
    mode, texts = parse_mode(payload["mode"]), (payload.get("until"), payload.get("by"))
    until_ms, by_ms = (
        None if text is None else parse_until(text, zone, moment_ms) for text in texts
    )
    goal_wh = None if payload.get("kwh") is None else round(1000 * payload["kwh"])
    wanted = None if mode is None else WantedMode(mode, until_ms, goal_wh, by_ms)
    until, by = (
        "" if one is None else moment(one, moment_ms, zone, language) for one in (until_ms, by_ms)
    )
    values = {
        "charge_point": name,
        "mode": "" if mode is None else mode_name(mode, language),
        "kwh": "" if goal_wh is None else plain_decimal(goal_wh, 3, language),
        "until": until,
        "by": by,
    }
    try:
        choose_mode(db, settings, name, payload.get("connector"), wanted, asked_by, moment_ms)
    except NoSun:
        line = sentence("no_sun", values, language)
        return in_words(canned, "refused", "mode_refused", line, values)
    if wanted is None:
        line = sentence("mode_default", values, language)
    else:
        text = choice_text(values["mode"], until, goal_wh, by, language)
        line = sentence("mode_chosen", {**values, "mode": text}, language)
    return in_words(canned, "done", "mode_chosen", line, values)
