"""The common parts of voice answers about chosen limits and modes."""

from collections.abc import Callable, Mapping
from typing import Any

from shocpp.calls.addressing import only_connected, resolve_identity
from shocpp.calls.answering import Answer
from shocpp.calls.outcomes import outcome_of_error
from shocpp.configuration.canned_calls import CannedCall, filled
from shocpp.errors import Ambiguous, Unreachable
from shocpp.language.voice import sentence
from shocpp.store.database import Database

Permit = Callable[[str, Mapping[str, Any]], None]
"""Raises an exception unless the caller may use this Charge Point with this payload."""


def permit_all(_charge_point_id: str, _payload: Mapping[str, Any]) -> None:
    """Permit everything, as for a caller on this machine."""


def charger_of(db: Database, canned: CannedCall, language: str) -> str | Answer:
    """Return the identity of the charger of a canned call, or the answer if none is meant.

    Raises UsageError if its charger has never connected.
    """
    named = canned.charge_point
    try:
        return resolve_identity(db, named) if named is not None else only_connected(db)
    except (Unreachable, Ambiguous) as error:
        outcome = outcome_of_error(error)
        sentence_key = "none_connected" if outcome == "offline" else outcome
        return in_words(canned, outcome, outcome, sentence(sentence_key, {}, language), {})


def in_words(
    canned: CannedCall, outcome: str, reply: str, line: str, values: Mapping[str, str]
) -> Answer:
    """Return an answer, in the words that canned.json has for its outcome, if it has any."""
    template = canned.reply(reply)
    if template is None:
        return Answer(outcome, line)
    return Answer(outcome, filled(template, {**values, "sentence": line}))
