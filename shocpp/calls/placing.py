"""Placing a Call from any process and waiting for its end (a room).

The row in the queue is the Call; the worker that holds the Charge Point is woken by its bell and
wakes the caller by the caller's. Both bells only shorten the wait.
"""

import json
import select
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from shocpp.calls.addressing import SEE, Addressed, address
from shocpp.clock import now_ms
from shocpp.errors import Unreachable
from shocpp.ocpp.outgoing import allowed_payload, payload_text
from shocpp.ocpp.redaction import redacted
from shocpp.settings import Settings
from shocpp.store import calls, workers
from shocpp.store.calls import CallOutcome, QueuedCall, Repeatable
from shocpp.store.charge_points import connections
from shocpp.store.database import Database, open_database
from shocpp.store.doorbells import Doorbell, doorbells_folder, ring
from shocpp.unique_ids import random_uuid

LOOK_EVERY_S = 0.5
REPEATED_WITHIN_MS = 10_000
"""A double tap, a link preview, a second try of a proxy: the first answer is theirs too."""

REPEAT_LOOKS_EVERY_S = 0.05
ENDED = ("answered", "refused", "expired", "unknown")


class CallOptions(NamedTuple):
    """Who asks for a Call, how long they wait, and the canned call it is, if it is one."""

    by: str
    timeout_s: float = 5.0
    canned: str | None = None


ANYBODY = CallOptions("a program")

REFUSING = ("Rejected", "Failed", "NotSupported", "NotImplemented", "UnlockFailed", "Faulted")
"""Statuses of confirmations by which a charger says no (OCPP 1.6 §7)."""


class PlacedCall(NamedTuple):
    """A Call that has ended, or its caller's patience; of a repeat, the first one."""

    charge_point_id: str
    queued_ms: int
    outcome: CallOutcome


def place_call(
    settings: Settings,
    charge_point: str | None,
    action: str,
    payload: Mapping[str, Any],
    asked: CallOptions = ANYBODY,
    *,
    forced: bool = False,
) -> CallOutcome:
    """Send a Call to a Charge Point and wait for its end.

    `charge_point` is an identity, a serial, or None for the only one that is connected. Raises
    UsageError for an unknown or ambiguous charge point, an unknown action, or a payload that OCPP
    1.6 §6 does not allow (unless `forced`), and Unreachable where the charge point is not
    connected. Nothing is queued then.
    """
    if not forced:
        payload = allowed_payload(action, payload)
    with open_database(settings.database) as db:
        addressed = address(db, charge_point, action, payload)
        return place(db, settings, addressed, action, asked).outcome


def confirmation_of(outcome: CallOutcome) -> dict[str, Any]:
    """The payload of the CallResult that answered a Call; what is no JSON number is null in it."""
    confirmation = json.loads(outcome.confirmation or "{}", parse_constant=lambda _: None)
    assert isinstance(confirmation, dict)
    return confirmation


def place(
    db: Database, settings: Settings, addressed: Addressed, action: str, asked: CallOptions
) -> PlacedCall:
    """Queue a Call and wait for its end; a repeat of a canned call waits for the first one's.

    Raises Unreachable where the charge point is not connected; nothing is queued then.
    """
    deadline = time.monotonic() + asked.timeout_s
    charge_point_id, payload = addressed.charge_point_id, payload_text(action, addressed.payload)
    same = (charge_point_id, payload)
    if (first := repeats(db, asked.canned, action, same)) is not None:
        return watch(db, first, deadline)
    holder = connections.holder(db, charge_point_id)
    if holder is None:
        raise Unreachable(f"{charge_point_id} is not connected; {SEE}")
    queued_ms = now_ms()
    deadline_ms = queued_ms + int(asked.timeout_s * 1000)
    call = QueuedCall(random_uuid(), charge_point_id, action, payload, deadline_ms)
    doorbell = Doorbell(doorbells_folder(settings.database))
    try:
        with db.writing(durable=False):
            first = repeats(db, asked.canned, action, same)
            if first is None:
                calls.queue(
                    db, call, doorbell.path, queued_ms, asked_by=asked.by, canned=asked.canned
                )
        if first is not None:
            return watch(db, first, deadline)
        if not ring(holder[1]):
            _release_dead_holder(db, holder, call)
            raise Unreachable(f"{charge_point_id} is not connected any more; {SEE}")
        return PlacedCall(charge_point_id, queued_ms, _wait(db, call, doorbell, holder, deadline))
    finally:
        doorbell.remove()


def repeats(
    db: Database, canned: str | None, action: str, same: tuple[str, str] | None
) -> Repeatable | None:
    """The Call that is not to be sent again, because it was asked for by the same name just now.

    `same` are the charge point and payload it must have had; None: whatever they were. One that was
    refused has done nothing, and may be tried again.
    """
    if canned is None:
        return None
    moment_ms = now_ms()
    first = calls.just_asked(db, canned, moment_ms - REPEATED_WITHIN_MS, moment_ms)
    if first is None or first.action != action or is_refusal(first.outcome):
        return None
    if same is None:
        return first
    charge_point_id, payload = same
    was_same = first.payload in (payload, redacted(payload))
    return first if was_same and first.charge_point_id == charge_point_id else None


def is_refusal(outcome: CallOutcome) -> bool:
    """Whether the charger has said no."""
    return outcome.state == "refused" or (
        outcome.state == "answered" and confirmation_of(outcome).get("status") in REFUSING
    )


def watch(db: Database, first: Repeatable, deadline: float) -> PlacedCall:
    """Wait for the end of a Call that somebody else has placed."""
    outcome = first.outcome
    while outcome.state not in ENDED and time.monotonic() < deadline:
        time.sleep(REPEAT_LOOKS_EVERY_S)
        outcome = _outcome(db, first.call_id)
    if outcome.state not in ENDED:
        outcome = outcome._replace(state="expired")
    return PlacedCall(first.charge_point_id, first.queued_ms, outcome)


def _release_dead_holder(db: Database, holder: tuple[str, str], call: QueuedCall) -> None:
    workers.release_dead_worker(db, *holder)
    with db.writing(durable=False):
        calls.withdraw(db, call.call_id, now_ms())


def _wait(
    db: Database, call: QueuedCall, doorbell: Doorbell, holder: tuple[str, str], deadline: float
) -> CallOutcome:
    while (left := deadline - time.monotonic()) > 0:
        # To look before it can have been answered would only keep the worker from the database.
        rung, _, _ = select.select([doorbell], [], [], min(left, LOOK_EVERY_S))
        doorbell.answer()
        outcome = _outcome(db, call.call_id)
        if outcome.state in ENDED:
            return outcome
        if not rung and not workers.is_alive(holder[1]):
            _release_dead_holder(db, holder, call)
    return _give_up(db, call.call_id)


def _give_up(db: Database, call_id: str) -> CallOutcome:
    """Nobody waits for this Call any more: it is not to be sent from now on."""
    with db.writing(durable=False):
        calls.withdraw(db, call_id, now_ms())
    outcome = _outcome(db, call_id)
    return outcome if outcome.state in ENDED else outcome._replace(state="expired")


def _outcome(db: Database, call_id: str) -> CallOutcome:
    outcome = calls.outcome(db, call_id)
    assert outcome is not None, "a Call's row outlives its callers"
    return outcome
