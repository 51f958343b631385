"""The queue of Calls to Charge Points (memory floor).

    queued → sent → answered | refused | expired | unknown
       └───────────────────────→ expired

Every step is one conditional UPDATE, so that of many workers and callers exactly one takes it. The
row's deadline is its expiry: nobody wants last night's RemoteStart at six in the morning. A row
that was sent is never sent again, whatever became of its worker.
"""

from typing import NamedTuple

from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.redaction import redacted
from shocpp.store.database import Database

_CHANGING = (
    "('RemoteStartTransaction', 'RemoteStopTransaction', 'Reset', 'UnlockConnector',"
    " 'ChangeAvailability')"
)
"""Actions after which asking again for another one is no repeat."""

NEVER_SENT = "it was never sent"


class QueuedCall(NamedTuple):
    """A Call that waits for its Charge Point; `charge_point_id` is an identity."""

    call_id: str
    charge_point_id: str
    action: str
    payload: str
    deadline_ms: int


class CallOutcome(NamedTuple):
    """How a Call stands or ended; `confirmation` is JSON text."""

    state: str
    confirmation: str | None
    error_code: str | None
    error_description: str | None


def queue(
    db: Database, call: QueuedCall, doorbell: str, now_ms: int, *, asked_by: str, canned: str | None
) -> None:
    """Queue a Call; `bell` is rung when it is settled."""
    db.execute(
        "INSERT INTO call (call_id, charge_point, action, payload, state, queued_ms, deadline_ms,"
        " bell, asked_by, canned) SELECT ?, id, ?, ?, 'queued', ?, ?, ?, ?, ? FROM charge_point"
        " WHERE identity_key = ?",
        (
            call.call_id,
            call.action,
            call.payload,
            now_ms,
            call.deadline_ms,
            doorbell,
            asked_by,
            canned,
            identity_key(call.charge_point_id),
        ),
    )


class Repeatable(NamedTuple):
    """A canned call that was asked for just now; asking again may be a repeat of it."""

    call_id: str
    charge_point_id: str
    action: str
    payload: str
    queued_ms: int
    outcome: CallOutcome


def just_asked(db: Database, canned: str, since_ms: int, now_ms: int) -> Repeatable | None:
    """The newest Call of this canned call, as long as nothing has undone it.

    A start after a stop is no repeat, and one that was never sent is not repeated either.
    """
    found = db.execute(
        "SELECT call_id, charge_point_id, action, payload, queued_ms, state, confirmation,"
        " error_code, error_description FROM call AS first JOIN charge_point"
        " ON charge_point.id = charge_point WHERE canned = ?1 AND queued_ms BETWEEN ?2 AND ?3"
        " AND first.id = (SELECT max(id) FROM call WHERE canned = ?1)"
        " AND NOT (state = 'expired' AND sent_ms IS NULL) AND NOT EXISTS (SELECT 1 FROM call"
        "  WHERE call.charge_point = first.charge_point AND call.id > first.id"
        f"  AND call.action <> first.action AND call.action IN {_CHANGING})",
        (canned, since_ms, now_ms),
    ).fetchone()
    if found is None:
        return None
    call_id, charge_point_id, action, payload, queued_ms, *outcome = found
    return Repeatable(call_id, charge_point_id, action, payload, queued_ms, CallOutcome(*outcome))


def withdraw(db: Database, call_id: str, now_ms: int) -> None:
    """End a Call that is still queued: nobody will take it."""
    rows = db.execute(
        "UPDATE call SET state = 'expired', settled_ms = ?, error_description = ?"
        " WHERE call_id = ? AND state = 'queued' RETURNING id, payload",
        (now_ms, NEVER_SENT, call_id),
    )
    _redact(db, rows.fetchall())


def waiting_for(db: Database, worker: str, now_ms: int) -> list[QueuedCall]:
    """The Calls queued for Charge Points that this worker holds, first come first served."""
    rows = db.execute(
        # In this order: Calls that wait are few, Charge Points may be many.
        "SELECT call_id, charge_point_id, action, payload, deadline_ms"
        " FROM call INDEXED BY call_queued"
        " CROSS JOIN connection USING (charge_point)"
        " CROSS JOIN charge_point ON charge_point.id = charge_point"
        " WHERE call.state = 'queued' AND connection.worker = ? AND deadline_ms > ?"
        " ORDER BY call.id",
        (worker, now_ms),
    )
    return [QueuedCall(*row) for row in rows.fetchall()]


def claim(db: Database, call_id: str, worker: str, token: str, payload: str, now_ms: int) -> bool:
    """Take a queued Call for the connection `token`; False where another one has it, or too late.

    `payload` replaces the queued one: it is on its way now, and its secrets need not stay.
    """
    cursor = db.execute(
        "UPDATE call SET state = 'sent', sent_ms = ?, worker = ?, token = ?, payload = ?"
        " WHERE call_id = ? AND state = 'queued' AND deadline_ms > ?",
        (now_ms, worker, token, payload, call_id, now_ms),
    )
    return cursor.rowcount == 1


def settle(db: Database, call_id: str, token: str, outcome: CallOutcome, now_ms: int) -> str | None:
    """End a Call that went out on the connection `token`. Returns the bell of who waits for it."""
    row = db.execute(
        "UPDATE call SET state = ?, confirmation = ?, error_code = ?, error_description = ?,"
        " settled_ms = ? WHERE call_id = ? AND token = ? AND state = 'sent' RETURNING bell",
        (*outcome, now_ms, call_id, token),
    ).fetchall()
    return row[0][0] if row else None


def overdue(db: Database, now_ms: int) -> bool:
    """Whether there is a Call that its deadline has overtaken."""
    found = db.execute(
        "SELECT 1 FROM call WHERE state IN ('queued', 'sent') AND deadline_ms <= ? LIMIT 1",
        (now_ms,),
    ).fetchone()
    return found is not None


def expire(db: Database, now_ms: int) -> None:
    """End what its deadline has overtaken."""
    rows = db.execute(
        "UPDATE call SET state = 'expired', settled_ms = ?1,"
        " error_description = iif(state = 'queued', ?2, error_description)"
        " WHERE state IN ('queued', 'sent') AND deadline_ms <= ?1 RETURNING id, payload",
        (now_ms, NEVER_SENT),
    )
    _redact(db, rows.fetchall())


def _redact(db: Database, ended: list[tuple[int, str]]) -> None:
    """What was never sent was never redacted by `claim`."""
    for row, payload in ended:
        if (kept := redacted(payload)) != payload:
            db.execute("UPDATE call SET payload = ? WHERE id = ?", (kept, row))


def outcome(db: Database, call_id: str) -> CallOutcome | None:
    """How a Call stands."""
    row = db.execute(
        "SELECT state, confirmation, error_code, error_description FROM call WHERE call_id = ?",
        (call_id,),
    ).fetchone()
    return CallOutcome(*row) if row else None


def purge(db: Database, before_ms: int, at_most: int = 1_000) -> bool:
    """Drop Calls that ended long ago, oldest first; whether there may be more."""
    cursor = db.execute(
        "DELETE FROM call WHERE id IN (SELECT id FROM call ORDER BY id LIMIT ?)"
        " AND queued_ms < ? AND state NOT IN ('queued', 'sent')",
        (at_most, before_ms),
    )
    return cursor.rowcount == at_most
