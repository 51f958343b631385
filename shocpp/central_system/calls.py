"""Placing a Call from any process and waiting for its end (a room).

The row in the queue is the Call; the worker that holds the Charge Point is woken by its bell and
wakes the caller by the caller's. Both bells only shorten the wait.
"""

import select
import time
from collections.abc import Mapping
from typing import Any

from shocpp.central_system.bells import Bell, bells_folder, ring
from shocpp.central_system.unique_ids import random_uuid
from shocpp.errors import Unreachable, UsageError
from shocpp.ocpp.fields import TO_CHARGE_POINT
from shocpp.ocpp.frames import to_text
from shocpp.ocpp.validation import first_violation
from shocpp.settings import Settings
from shocpp.store import calls, charge_points
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.database import Database, open_database

LOOK_EVERY_S = 0.5
ENDED = ("answered", "refused", "expired", "unknown")


def place_call(
    settings: Settings,
    charge_point: str,
    action: str,
    payload: Mapping[str, Any],
    timeout_s: float = 5.0,
) -> CallOutcome:
    """Send a Call to a Charge Point, named by identity or serial, and wait for its end.

    Raises UsageError for an unknown charge point, action or payload (OCPP 1.6 §6), and Unreachable
    where the charge point is not connected. Nothing is queued then.
    """
    _check(action, payload)
    with open_database(settings.database) as db:
        charge_point_id = identity_meant(db, charge_point)
        holder = calls.holder_bell(db, charge_point_id)
        if holder is None:
            raise Unreachable(f"{charge_point_id} is not connected; see: shocpp charge-points")
        return _place(db, settings, charge_point_id, action, payload, timeout_s, holder)


def _check(action: str, payload: Mapping[str, Any]) -> None:
    fields = TO_CHARGE_POINT.get(action)
    if fields is None:
        raise UsageError(f"{action} is not a request to a charger: {', '.join(TO_CHARGE_POINT)}")
    violation = first_violation(fields, payload, strict=True)
    if violation is not None:
        raise UsageError(f"{action}: {violation.sentence}")


def identity_meant(db: Database, charge_point: str) -> str:
    """The identity that an identity or serial names; UsageError where it is not exactly one."""
    found = charge_points.find(db, charge_point)
    if len(found) != 1:
        what = f"several chargers: {', '.join(found)}" if found else "no charger that has been here"
        raise UsageError(f"{charge_point} is {what}; see: shocpp charge-points")
    return found[0]


def _place(
    db: Database,
    settings: Settings,
    charge_point_id: str,
    action: str,
    payload: Mapping[str, Any],
    timeout_s: float,
    holder: str,
) -> CallOutcome:
    now_ms = time.time_ns() // 1_000_000
    deadline_ms = now_ms + int(timeout_s * 1000)
    call = QueuedCall(random_uuid(), charge_point_id, action, to_text(payload), deadline_ms)
    bell = Bell(bells_folder(settings.database))
    try:
        with db.writing(durable=False):
            calls.queue(db, call, bell.path, now_ms)
        ring(holder)
        return _wait(db, call.call_id, bell, timeout_s)
    finally:
        bell.remove()


def _wait(db: Database, call_id: str, bell: Bell, timeout_s: float) -> CallOutcome:
    deadline = time.monotonic() + timeout_s
    while True:
        outcome = calls.outcome(db, call_id)
        assert outcome is not None
        left = deadline - time.monotonic()
        if outcome.state in ENDED:
            return outcome
        if left <= 0:
            return outcome._replace(state="expired")
        select.select([bell], [], [], min(left, LOOK_EVERY_S))
        bell.answer()
