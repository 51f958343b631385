"""The voice answer of a canned call that chooses a limit: one line that an assistant can speak.

A limit is stored whatever the charger says to it, so a repeat within seconds changes nothing and
gets the answer of the first.
"""

from shocpp.calls.answering import Answer
from shocpp.clock import now_ms
from shocpp.configuration.canned_calls import CannedCall
from shocpp.language.voice import moment, sentence
from shocpp.settings import Settings
from shocpp.site.choices.limits import (
    ACCEPTED,
    NO_ANSWER,
    OFFLINE,
    REFUSED,
    WAITING,
    await_set_point,
    choose_limit,
    parse_limit,
    parse_until,
)
from shocpp.site.choices.voice import Permit, charger_of, in_words
from shocpp.store.database import Database

_OUTCOMES = {
    ACCEPTED: ("done", "limited"),
    OFFLINE: ("done", "limit_waits"),
    REFUSED: ("refused", "limit_refused"),
    NO_ANSWER: ("no_answer", "limit_unanswered"),
    WAITING: ("no_answer", "limit_unanswered"),
}
"""The outcome of a limit, a key of REPORTS, and its sentence, by the answer of the charger."""


def answer_limit(
    db: Database,
    settings: Settings,
    canned: CannedCall,
    asked_by: str,
    permit: Permit,
) -> Answer:
    """Choose the limit of a canned call, as `canned.answer_choice`."""
    language, moment_ms = settings.language, now_ms()
    name = charger_of(db, canned, language)
    if isinstance(name, Answer):
        return name
    permit(name, canned.payload)
    payload = canned.payload
    limit_ma, until_ms = parse_limit(payload["limit"]), None
    if payload.get("until") is not None:
        until_ms = parse_until(payload["until"], settings.zone, moment_ms)
    connector_id = payload.get("connector")
    chosen = choose_limit(db, settings, name, connector_id, limit_ma, until_ms, asked_by, moment_ms)
    values = {
        "charge_point": name,
        "limit": "" if limit_ma is None else f"{limit_ma // 1000} A",
        "until": "" if until_ms is None else moment(until_ms, moment_ms, settings.zone, language),
    }
    if limit_ma is None:
        line = sentence("unlimited", values, language)
        return in_words(canned, "done", "limited", line, values)
    outcome, sentence_key = _OUTCOMES[await_set_point(db, chosen, limit_ma, canned.timeout_s)]
    reply = outcome if outcome == "no_answer" else sentence_key
    if sentence_key == "limited":
        sentence_key = f"{'limited' if limit_ma else 'paused'}{'_until' if until_ms else ''}"
    return in_words(canned, outcome, reply, sentence(sentence_key, values, language), values)
