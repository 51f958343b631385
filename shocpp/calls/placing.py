"""The placing of a Call: queue it from any process, and wait for its end.

The row in the queue is the Call. The caller rings the doorbell of the worker that holds the Charge
Point; that worker rings the caller's doorbell at the end. Both rings only shorten the wait: a lost
one costs time, never a Call.
"""

import select
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from shocpp.calls.addressing import SEE, Addressed
from shocpp.calls.outcomes import is_refusal
from shocpp.clock import now_ms
from shocpp.errors import Unreachable
from shocpp.ocpp.outgoing import (
    allowed_payload,
    check_no_password,
    payload_text,
)
from shocpp.ocpp.redaction import redacted
from shocpp.store import calls
from shocpp.store.calls import CallOutcome, QueuedCall, Repeatable
from shocpp.store.charge_points import connections
from shocpp.store.database import Database
from shocpp.store.doorbells import Doorbell, doorbells_folder, ring
from shocpp.store.keys import NO_KEYS
from shocpp.unique_ids import random_uuid

POLL_EVERY_S = 0.5
"""Seconds between two checks of a Call without a ring."""

REPEATED_WITHIN_MS = 10_000
"""Milliseconds in which a repeat of a canned call gets the answer of the first one.

A double tap, a link preview or the second attempt of a proxy must not start a second transaction.
"""

REPEAT_POLL_EVERY_S = 0.05
"""Seconds between two checks of another caller's Call, whose end rings only that caller."""

ENDED = ("answered", "refused", "expired", "unknown")
"""The final states of a Call in the queue."""


class CallOptions(NamedTuple):
    """Options of a Call.

    by         the caller, as the queue records it
    timeout_s  seconds until the Call expires
    canned     the name of the canned call, or None
    """

    by: str
    timeout_s: float = 5.0
    canned: str | None = None


class PlacedCall(NamedTuple):
    """A Call that has ended, or whose caller has waited long enough; for a repeat, the first Call.

    `queued_ms` is the moment when it was queued.
    """

    call_id: str
    charge_point_id: str
    queued_ms: int
    outcome: CallOutcome


def checked_payload(action: str, payload: Mapping[str, Any], *, forced: bool) -> Mapping[str, Any]:
    """Return a payload that OCPP 1.6 §6 allows, or raise UsageError; `forced` skips the check."""
    if forced:
        check_no_password(action, payload)
        return payload
    return allowed_payload(action, payload)


def place(
    db: Database,
    addressed: Addressed,
    action: str,
    asked: CallOptions,
    beside: Callable[[str], None] | None = None,
) -> PlacedCall:
    """Queue a Call and wait for its end; a repeat of a canned call waits for the first one.

    `beside` gets the id of the Call, and writes rows of its effect in the transaction that queues
    it. Raises Unreachable if the charge point is not connected; nothing is queued then.
    """
    deadline = time.monotonic() + asked.timeout_s
    charge_point_id, payload = addressed.charge_point_id, payload_text(action, addressed.payload)
    same = (charge_point_id, payload)
    holder = connections.holder(db, charge_point_id)
    if holder is None:
        # The first one may have made the charger disconnect, such as a Reset.
        first = first_of_repeat(db, asked.canned, action, same, now_ms())
        if first is None:
            raise Unreachable(f"{charge_point_id} is not connected; {SEE}")
        return watch(db, first, deadline)
    # Before the Call is queued: its worker may settle it and ring at once.
    call_id = random_uuid()
    doorbell = Doorbell(doorbells_folder(db.path), call_id)
    try:
        call = QueuedCall(call_id, charge_point_id, action, payload, deadline_ms=0)
        queued_ms, first = _queue(db, call, doorbell.path, asked, beside)
        if first is not None:
            return watch(db, first, deadline)
        # Nobody reads the doorbell: the worker is dead, and its connections are gone with it.
        if not ring(holder[1]):
            _release_dead_holder(db, holder, call)
            raise Unreachable(f"{charge_point_id} is not connected any more; {SEE}")
        return PlacedCall(
            call_id, charge_point_id, queued_ms, _wait(db, call, doorbell, holder, deadline)
        )
    finally:
        doorbell.remove()


def place_unattended(
    db: Database,
    addressed: Addressed,
    action: str,
    asked: CallOptions,
    beside: Callable[[str], None] | None = None,
) -> str:
    """Queue a Call without waiting for its end, and return its id; for a repeat, the first one's.

    Whoever shows the Charge Point reads the outcome later. `beside` is as in `place`. Raises
    Unreachable if it is not connected; nothing is queued then.
    """
    charge_point_id, payload = addressed.charge_point_id, payload_text(action, addressed.payload)
    holder = connections.holder(db, charge_point_id)
    if holder is None:
        raise Unreachable(f"{charge_point_id} is not connected; {SEE}")
    call = QueuedCall(random_uuid(), charge_point_id, action, payload, deadline_ms=0)
    _, first = _queue(db, call, None, asked, beside)
    if first is not None:
        return first.call_id
    if not ring(holder[1]):
        _release_dead_holder(db, holder, call)
        raise Unreachable(f"{charge_point_id} is not connected any more; {SEE}")
    return call.call_id


def _queue(
    db: Database,
    call: QueuedCall,
    doorbell: str | None,
    asked: CallOptions,
    beside: Callable[[str], None] | None,
) -> tuple[int, Repeatable | None]:
    """Queue a Call until its timeout, and return the time; a repeat queues nothing.

    For a repeat of a canned call, the first Call is returned beside the time.
    """
    # A power cut must not lose what an effect needs: the charger may have the Call already.
    with db.writing(keys=NO_KEYS.at(call.charge_point_id), durable=beside is not None):
        # Inside the transaction, because two callers may come at the same moment.
        queued_ms, same = now_ms(), (call.charge_point_id, call.payload)
        first = first_of_repeat(db, asked.canned, call.action, same, queued_ms)
        if first is None:
            # From now on, not from before the wait for the lock.
            call = call._replace(deadline_ms=queued_ms + int(asked.timeout_s * 1000))
            calls.queue(db, call, doorbell, queued_ms, asked_by=asked.by, canned=asked.canned)
            if beside is not None:
                beside(call.call_id)
    return queued_ms, first


def first_of_repeat(
    db: Database, canned: str | None, action: str, same: tuple[str, str] | None, moment_ms: int
) -> Repeatable | None:
    """Return the earlier Call that a canned call would repeat at this moment, or None.

    `same` is the charge point and the payload that it must have had; None accepts any.
    """
    if canned is None:
        return None
    first = calls.latest_repeatable(db, canned, moment_ms - REPEATED_WITHIN_MS, moment_ms)
    # A refused Call has changed nothing, so it may be tried again at once.
    if first is None or first.action != action or is_refusal(first.outcome):
        return None
    if same is None:
        return first
    charge_point_id, payload = same
    # The queue has no secrets.
    was_same = first.payload == redacted(payload)
    return first if was_same and first.charge_point_id == charge_point_id else None


def watch(db: Database, first: Repeatable, deadline: float) -> PlacedCall:
    """Wait until `deadline` (monotonic) for the end of a Call that another caller has placed."""
    outcome = first.outcome
    while outcome.state not in ENDED and time.monotonic() < deadline:
        time.sleep(REPEAT_POLL_EVERY_S)
        db.identity.require_in_place()
        outcome = _outcome(db, first.call_id)
    if outcome.state not in ENDED:
        outcome = outcome._replace(state="expired")
    return PlacedCall(first.call_id, first.charge_point_id, first.queued_ms, outcome)


def _release_dead_holder(db: Database, holder: tuple[str, str], call: QueuedCall) -> None:
    """Release all that a dead worker holds, and withdraw a Call that it has not sent."""
    # Workers die rarely, and a CGI process pays for its imports.
    from shocpp.store import workers

    workers.release_dead_worker(db, *holder)
    with db.writing(keys=NO_KEYS, durable=False):
        calls.withdraw(db, call.call_id, now_ms())


def _wait(
    db: Database, call: QueuedCall, doorbell: Doorbell, holder: tuple[str, str], deadline: float
) -> CallOutcome:
    """Wait until `deadline` (monotonic) for the end of our Call."""
    while (left := deadline - time.monotonic()) > 0:
        # Sleep first: a check before the answer can be there would only contend with the worker for
        # the database.
        rung, _, _ = select.select([doorbell], [], [], min(left, POLL_EVERY_S))
        doorbell.clear()
        outcome = _outcome(db, call.call_id)
        if outcome.state in ENDED:
            return outcome
        if not rung:
            db.identity.require_in_place()
            # A worker that was killed rings nobody: its end is found here only.
            if not ring(holder[1]):
                _release_dead_holder(db, holder, call)
    return _give_up(db, call.call_id)


def _give_up(db: Database, call_id: str) -> CallOutcome:
    """Withdraw a Call if it is still queued: no caller waits for it, so it must not be sent."""
    with db.writing(keys=NO_KEYS, durable=False):
        calls.withdraw(db, call_id, now_ms())
    outcome = _outcome(db, call_id)
    return outcome if outcome.state in ENDED else outcome._replace(state="expired")


def _outcome(db: Database, call_id: str) -> CallOutcome:
    """Return the present state of a Call."""
    outcome = calls.outcome(db, call_id)
    assert outcome is not None, "a Call's row outlives its callers"
    return outcome
