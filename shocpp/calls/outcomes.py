"""The outcomes of a Call, and the report of each one by every interface: one table.

done          the charger has confirmed
refused       it has confirmed with a status by which it says no
error         it has answered with a CallError
no_answer     it was sent the Call, and has not answered in time
not_ready     it takes no Calls yet, so the Call was not sent in time
unknown       the connection ended while the Call was outstanding
offline       the charger is not connected; nothing was queued
which         several chargers are connected, and the request names none
not_charging  there is no open transaction to stop
restarting    the charger has hung up after a Reset, and is not connected again yet
restarted     likewise, and it is connected again (`restarts.py`)
"""

import json
from typing import Any

from shocpp.errors import Ambiguous, NotCharging, ShocppError, Unreachable
from shocpp.store.calls import NEVER_SENT, CallOutcome

UNREACHABLE = "OCPP unreachable"
"""The line that scripts of the first version compare with: it must not change."""

REFUSING = ("Rejected", "Failed", "NotSupported", "NotImplemented", "UnlockFailed", "Faulted")
"""Statuses of confirmations by which a charger says no (OCPP 1.6 §7)."""


class Report:
    """The report of one outcome.

    command   exit code of `shocpp-command`, which prints any confirmation
    caller    exit code of `shocpp-caller`
    api       HTTP status in the API, which returns any confirmation
    canned    HTTP status of a canned call: somebody reads its line, also if it is a refusal
    line      the line that `shocpp-command` prints, without the values; empty: the error's own
    sentence  the sentence of the API, likewise
    word      the voice answer of a canned call, likewise; None: a sentence of `language.voice`
    """

    # No NamedTuple: making one takes a CGI process 0.1 ms.
    def __init__(
        self,
        command: int,
        caller: int,
        api: int,
        canned: int,
        line: str = "",
        sentence: str = "",
        word: str | None = None,
    ) -> None:
        self.command, self.caller, self.api, self.canned = command, caller, api, canned
        self.line, self.sentence, self.word = line, sentence, word


_LATE_LINE = f"{UNREACHABLE}. No answer in {{timeout_s:g}} s: {{reason}}"
_LATE = "{charge_point} has not answered in {timeout_s:g} s: {reason}"
_UNKNOWN = "outcome unknown: it was sent, then {reason}; see: shocpp transactions"
_ERROR = "{charge_point} has answered with an error: {code} {reason}"

_RESTARTING = "{charge_point} is restarting; not back yet after {timeout_s:g} s"
_RESTARTED = "{charge_point} is restarting; back after {seconds} s"

REPORTS = {
    "done": Report(0, 0, 200, 200),
    "refused": Report(0, 1, 200, 200),
    "error": Report(1, 1, 502, 502, "{code} {reason}", _ERROR, "{code}"),
    "no_answer": Report(1, 1, 504, 504, _LATE_LINE, _LATE, UNREACHABLE),
    "not_ready": Report(1, 1, 504, 504, _LATE_LINE, _LATE, UNREACHABLE),
    "unknown": Report(1, 1, 504, 504, _UNKNOWN, _UNKNOWN),
    "offline": Report(1, 1, 502, 502, f"{UNREACHABLE}. {{reason}}", "", UNREACHABLE),
    "which": Report(2, 1, 404, 200),
    "not_charging": Report(1, 1, 409, 200),
    "restarting": Report(0, 0, 200, 200, _RESTARTING, _RESTARTING),
    "restarted": Report(0, 0, 200, 200, _RESTARTED, _RESTARTED),
}
"""The report of each outcome."""

OUTCOME_OF_ERROR: tuple[tuple[type[ShocppError], str], ...] = (
    (Unreachable, "offline"),
    (Ambiguous, "which"),
    (NotCharging, "not_charging"),
)
"""The outcomes of Calls that were never queued, by the error that says so."""


def confirmation_of(call: CallOutcome) -> dict[str, Any]:
    """Return the payload of a CallResult; NaN and Infinity, which are no JSON, become None."""
    confirmation = json.loads(call.confirmation or "{}", parse_constant=lambda _: None)
    assert isinstance(confirmation, dict)
    return confirmation


def outcome_of(call: CallOutcome) -> str:
    """Return the outcome of a Call that has ended, a key of REPORTS."""
    if call.state == "answered":
        return "refused" if confirmation_of(call).get("status") in REFUSING else "done"
    if call.state == "refused":
        return "error"
    if call.state == "unknown":
        return "unknown"
    return "not_ready" if is_unsent(call) else "no_answer"


def is_unsent(call: CallOutcome) -> bool:
    """Return True if the Call has ended in the queue."""
    return call.state == "expired" and (call.error_description or "").startswith(NEVER_SENT)


def wait_of(call: CallOutcome) -> str:
    """Return the wait of a Call that was not sent in time: a key of `language.voice.SENTENCES`."""
    description = call.error_description or ""
    for words, wait in (("is booting;", "booting"), ("has just reconnected;", "reconnected")):
        if words in description:
            return wait
    return "not_ready"


def is_refusal(call: CallOutcome) -> bool:
    """Return True if the charger has refused: a CallError, or a status in REFUSING."""
    return outcome_of(call) in ("error", "refused")


def outcome_of_error(error: ShocppError) -> str:
    """Return the outcome of a Call that was not queued because of this error."""
    return next(outcome for kind, outcome in OUTCOME_OF_ERROR if isinstance(error, kind))


def values_of(call: CallOutcome) -> dict[str, str]:
    """Return the code and the reason of a Call without a confirmation, for lines and sentences."""
    outcome, reason = outcome_of(call), call.error_description or ""
    if outcome == "no_answer":
        reason = "it was sent, and may have been carried out"
    elif outcome == "unknown":
        reason = reason or "the process that held the charger has died"
    return {
        "code": call.error_code or "GenericError" if outcome == "error" else "",
        "reason": reason,
    }
