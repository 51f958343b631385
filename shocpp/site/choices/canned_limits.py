"""The voice answer of a canned call that chooses a limit: one line that an assistant can speak.

A limit is stored whatever the charger says to it, so a repeat within seconds changes nothing and
gets the answer of the first.
"""

from collections.abc import Callable, Mapping
from typing import Any

from shocpp.calls.addressing import only_connected, resolve_identity
from shocpp.calls.answering import Answer
from shocpp.calls.outcomes import outcome_of_error
from shocpp.clock import now_ms
from shocpp.configuration.canned_calls import CannedCall, filled
from shocpp.errors import Ambiguous, Unreachable
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
from shocpp.store.database import Database

Permit = Callable[[str, Mapping[str, Any]], None]
"""Raises an exception unless the caller may use this Charge Point with this payload."""

_OUTCOMES = {
    ACCEPTED: ("done", "limited"),
    OFFLINE: ("done", "limit_waits"),
    REFUSED: ("refused", "limit_refused"),
    NO_ANSWER: ("no_answer", "limit_unanswered"),
    WAITING: ("no_answer", "limit_unanswered"),
}
"""The outcome of a limit, a key of REPORTS, and its sentence, by the answer of the charger."""


def _permit_all(_charge_point_id: str, _payload: Mapping[str, Any]) -> None:
    """Permit everything, as for a caller on this machine."""


def answer_limit(
    db: Database,
    settings: Settings,
    canned: CannedCall,
    asked_by: str,
    permit: Permit = _permit_all,
) -> Answer:
    """Choose the limit of a canned call, and return the voice answer.

    `asked_by` is the caller, as the choice records it. `permit` is asked before anything is
    stored; its exception passes. Raises UsageError if its charger has never connected.
    """
    language, moment_ms = settings.language, now_ms()
    try:
        named = canned.charge_point
        name = resolve_identity(db, named) if named is not None else only_connected(db)
    except (Unreachable, Ambiguous) as error:
        outcome = outcome_of_error(error)
        spoken = "none_connected" if outcome == "offline" else outcome
        return _answer(canned, outcome, outcome, sentence(spoken, {}, language), {})
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
        return _answer(canned, "done", "limited", line, values)
    outcome, spoken = _OUTCOMES[await_set_point(db, chosen, limit_ma, canned.timeout_s)]
    reply = outcome if outcome == "no_answer" else spoken
    if spoken == "limited":
        spoken = f"{'limited' if limit_ma else 'paused'}{'_until' if until_ms else ''}"
    return _answer(canned, outcome, reply, sentence(spoken, values, language), values)


def _answer(
    canned: CannedCall, outcome: str, reply: str, line: str, values: Mapping[str, str]
) -> Answer:
    """Return an answer, in the words that canned.json has for its outcome, if it has any."""
    template = canned.reply(reply)
    if template is None:
        return Answer(outcome, line)
    return Answer(outcome, filled(template, {**values, "sentence": line}))
