"""The placing of a Call: find its Charge Point, queue it from any process and wait for its end.

Without a name the only connected Charge Point is addressed. A RemoteStopTransaction may name a
Charge Point or an account instead of a transaction id: the open transaction is then looked up.

The row in the queue is the Call. The caller rings the doorbell of the worker that holds the Charge
Point; that worker rings the caller's doorbell at the end. Both rings only shorten the wait: a lost
one costs time, never a Call.
"""

import select
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from shocpp.calls.outcomes import is_refusal
from shocpp.clock import now_ms
from shocpp.errors import Ambiguous, NotCharging, Unreachable, UsageError
from shocpp.ocpp.outgoing import (
    allowed_payload,
    check_no_password,
    check_stop_by,
    names_no_transaction,
    payload_text,
)
from shocpp.ocpp.redaction import redacted
from shocpp.settings import Settings
from shocpp.store import calls
from shocpp.store.calls import CallOutcome, QueuedCall, Repeatable
from shocpp.store.charge_points import connections, identities
from shocpp.store.database import Database, open_database
from shocpp.store.doorbells import Doorbell, doorbells_folder, ring
from shocpp.store.keys import NO_KEYS
from shocpp.unique_ids import random_uuid

if TYPE_CHECKING:
    from shocpp.store.charge_points.charging import OpenTransaction

SEE = "see: shocpp charge-points"
"""The next step in error messages."""

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


BY_A_PROGRAM = CallOptions("a program")


class Addressed(NamedTuple):
    """The identity of a Charge Point, and the payload to send to it."""

    charge_point_id: str
    payload: dict[str, Any]


class PlacedCall(NamedTuple):
    """A Call that has ended, or whose caller has waited long enough; for a repeat, the first Call.

    `queued_ms` is the moment when it was queued.
    """

    call_id: str
    charge_point_id: str
    queued_ms: int
    outcome: CallOutcome


def place_call(
    settings: Settings,
    charge_point: str | None,
    action: str,
    payload: Mapping[str, Any],
    asked: CallOptions = BY_A_PROGRAM,
    *,
    forced: bool = False,
) -> CallOutcome:
    """Send a Call to a Charge Point and wait for its end.

    `charge_point` is an identity, a serial, or None for the only connected one. `forced` skips the
    check of the payload, but for a password. Raises UsageError for an unknown or ambiguous charge
    point, an unknown action, or a payload that OCPP 1.6 §6 does not allow. Raises Unreachable if
    the charge point is not connected. Nothing is queued then.
    """
    payload = checked_payload(action, payload, forced=forced)
    with open_database(settings.database) as db:
        addressed = address(db, charge_point, action, payload)
        return place(db, addressed, action, asked).outcome


def checked_payload(action: str, payload: Mapping[str, Any], *, forced: bool) -> Mapping[str, Any]:
    """Return a payload that OCPP 1.6 §6 allows, or raise UsageError; `forced` skips the check."""
    if forced:
        check_no_password(action, payload)
        return payload
    return allowed_payload(action, payload)


# -- the Charge Point -----------------------------------------------------------------------------


def address(
    db: Database, charge_point: str | None, action: str, payload: Mapping[str, Any]
) -> Addressed:
    """Return the Charge Point and the payload of a Call.

    `charge_point` is an identity, a serial, or None for the only connected one. Raises:

    UsageError   the name matches no Charge Point or several, or several transactions are open
    Ambiguous    no name is given and several Charge Points are connected
    Unreachable  no name is given and none is connected
    NotCharging  no transaction is open that a RemoteStopTransaction could stop
    """
    if names_no_transaction(action, payload):
        return _of_open_transaction(db, charge_point, payload)
    name = resolve_identity(db, charge_point) if charge_point is not None else only_connected(db)
    return Addressed(name, dict(payload))


def resolve_identity(db: Database, charge_point: str) -> str:
    """Return the identity of an identity or serial; raises UsageError unless one matches."""
    # Text that is not printable may hold a lone surrogate, which SQLite refuses.
    names = identities.find(db, charge_point) if charge_point.isprintable() else []
    if len(names) != 1:
        match = (
            f"several chargers: {', '.join(names)}" if names else "no charger that has been here"
        )
        raise UsageError(f"{charge_point!r} is {match}; {SEE}")
    return names[0]


def only_connected(db: Database) -> str:
    """Return the identity of the only connected Charge Point.

    Raises Unreachable if none is connected, Ambiguous if several are.
    """
    names = connections.connected(db)
    if len(names) > 1:
        # No other Call needs it, and a CGI process pays for its imports.
        from shocpp.store.workers import reap_dead_workers

        # A killed worker leaves its connections behind: these must not make it ambiguous.
        reap_dead_workers(db)
        names = connections.connected(db)
    if not names:
        raise Unreachable(f"no charger is connected; {SEE}")
    if len(names) > 1:
        raise Ambiguous(
            f"{len(names)} chargers are connected, so one must be named: {', '.join(names)}"
        )
    return names[0]


def _of_open_transaction(
    db: Database, charge_point: str | None, payload: Mapping[str, Any]
) -> Addressed:
    """Return the Charge Point of the open transaction of a RemoteStopTransaction, and its id."""
    # No other Call needs it, and a CGI process pays for its imports.
    from shocpp.store.charge_points import charging

    check_stop_by(payload)
    account, named = payload.get("account"), payload.get("charge_point", charge_point)
    if named is not None:
        identity = resolve_identity(db, named)
    elif account is None:
        identity = only_connected(db)
    else:
        identity = None
    candidates = charging.open_at(db, identity) if identity else charging.open_of(db, str(account))
    if account is not None:
        candidates = [candidate for candidate in candidates if candidate.account == account]
    if "connectorId" in payload:
        connector_id = payload["connectorId"]
        candidates = [
            candidate for candidate in candidates if candidate.connector_id == connector_id
        ]
    transaction = _the_only(candidates, identity or str(account))
    return Addressed(transaction.charge_point_id, {"transactionId": transaction.transaction_id})


def _the_only(candidates: "list[OpenTransaction]", name: str) -> "OpenTransaction":
    """Return the only candidate; `name` is the identity or account in the error's text.

    Raises NotCharging if there is none, UsageError if there are several.
    """
    if not candidates:
        raise NotCharging(f"no transaction is open at {name}; see: shocpp transactions")
    if len(candidates) > 1:
        listed = ", ".join(
            f"{candidate.transaction_id} ({candidate.charge_point_id}, "
            f"connector {candidate.connector_id}, {candidate.account})"
            for candidate in candidates
        )
        raise UsageError(f"several transactions are open, so name one as transactionId: {listed}")
    return candidates[0]


# -- the queue ------------------------------------------------------------------------------------


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
        # A power cut must not lose what an effect needs: the charger may have the Call already.
        with db.writing(keys=NO_KEYS.at(charge_point_id), durable=beside is not None):
            # Inside the transaction, because two callers may come at the same moment.
            queued_ms = now_ms()
            first = first_of_repeat(db, asked.canned, action, same, queued_ms)
            if first is None:
                deadline_ms = queued_ms + int(asked.timeout_s * 1000)
                call = QueuedCall(call_id, charge_point_id, action, payload, deadline_ms)
                calls.queue(
                    db, call, doorbell.path, queued_ms, asked_by=asked.by, canned=asked.canned
                )
                if beside is not None:
                    beside(call_id)
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
        db.require_in_place()
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
            db.require_in_place()
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
