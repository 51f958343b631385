"""The queue of Calls to Charge Points.

    queued → sent → answered | refused | expired | unknown
       └───────────────────────→ expired

Each step is one conditional UPDATE: of many workers and callers exactly one takes it. A Call that
waits past its deadline expires, because a RemoteStart of last night must not start a car in the
morning. A Call that was sent is never sent again. Its state is `unknown` if its worker died before
the confirmation came.

A payload with secrets is stored without them. The whole one waits beside it, sealed by
`store/files/sealing.py`, until the Call is sent or ends. So does the hash of a new password in it,
until charge_points.json has it.
"""

from typing import NamedTuple

from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.redaction import redacted
from shocpp.store import new_passwords
from shocpp.store.changes import CALL
from shocpp.store.database import Database

_CHANGING = (
    "('RemoteStartTransaction', 'RemoteStopTransaction', 'Reset', 'UnlockConnector',"
    " 'ChangeAvailability')"
)
"""Actions that change the state of a Charge Point, as an SQL list.

After one of these the same canned call asks for something new; it is no repeat.
"""

_ENDED = "charge_point, call_id, payload, sealed"
"""The columns of a Call that `_end` needs."""

NEVER_SENT = "it was never sent"
"""The error description of a Call that ended while it was queued, or its first words.

The reason follows if the view `calls` knows it.
"""

_NEVER_SENT_BECAUSE = (
    f"'{NEVER_SENT}' || coalesce(', because ' ||"
    " (SELECT waits_because FROM calls WHERE number = call.id), '')"
)
"""NEVER_SENT with the reason, as an SQL expression about a row of `call`."""


class QueuedCall(NamedTuple):
    """A Call that waits for its Charge Point.

    `call_id` is its unique id in OCPP-J, `charge_point_id` an identity, and `payload` JSON text.
    Of a Call from the queue, `payload` has no secrets; `sealed` is then the whole one, sealed.
    """

    call_id: str
    charge_point_id: str
    action: str
    payload: str
    deadline_ms: int
    sealed: str | None = None


class CallOutcome(NamedTuple):
    """The state of a Call: one of those above. `confirmation` is JSON text.

    The error members are those of a CallError, or describe why no confirmation came.
    """

    state: str
    confirmation: str | None
    error_code: str | None
    error_description: str | None


def queue(
    db: Database,
    call: QueuedCall,
    doorbell: str | None,
    now_ms: int,
    *,
    asked_by: str,
    canned: str | None,
) -> None:
    """Queue a Call for its Charge Point, which must have a row.

    `doorbell` is the path to ring when the Call is settled, None if nobody waits. `asked_by` names
    the caller for the listing of Calls, `canned` the canned call if it is one. Raises
    StoreUnavailable if the payload has secrets and cannot be sealed.
    """
    public, sealed = redacted(call.payload), None
    if public != call.payload:
        # Few Calls have secrets, and a CGI process pays for its imports.
        from shocpp.store.files.sealing import seal

        sealed = seal(db.path, call.call_id, call.payload)
    db.execute(
        "INSERT INTO call (call_id, charge_point, action, payload, sealed, state, queued_ms,"
        " deadline_ms, bell, asked_by, canned) SELECT ?, id, ?, ?, ?, 'queued', ?, ?, ?, ?, ?"
        " FROM charge_point WHERE identity_key = ?",
        (
            call.call_id,
            call.action,
            public,
            sealed,
            now_ms,
            call.deadline_ms,
            doorbell,
            asked_by,
            canned,
            identity_key(call.charge_point_id),
        ),
    )


class Repeatable(NamedTuple):
    """A recent Call of a canned call; the same request again may be a repeat of it."""

    call_id: str
    charge_point_id: str
    action: str
    payload: str
    queued_ms: int
    outcome: CallOutcome


def latest_repeatable(db: Database, canned: str, since_ms: int, now_ms: int) -> Repeatable | None:
    """Return the newest Call of this canned call, or None if another request is no repeat.

    The Call was queued between the two times. None if it was never sent, or if a later Call of
    another action has changed the state of the Charge Point: a start after a stop is no repeat.
    """
    # Only the newest Call of the canned call counts: an older one was followed by a new request.
    row = db.execute(
        "SELECT call_id, charge_point_id, action, payload, queued_ms, state, confirmation,"
        " error_code, error_description FROM call AS first JOIN charge_point"
        " ON charge_point.id = charge_point WHERE canned = ?1 AND queued_ms BETWEEN ?2 AND ?3"
        " AND first.id = (SELECT max(id) FROM call WHERE canned = ?1)"
        " AND NOT (state = 'expired' AND sent_ms IS NULL) AND NOT EXISTS (SELECT 1 FROM call"
        "  WHERE call.charge_point = first.charge_point AND call.id > first.id"
        f"  AND call.action <> first.action AND call.action IN {_CHANGING})",
        (canned, since_ms, now_ms),
    ).fetchone()
    if row is None:
        return None
    call_id, charge_point_id, action, payload, queued_ms, *outcome = row
    return Repeatable(call_id, charge_point_id, action, payload, queued_ms, CallOutcome(*outcome))


LATEST_CALLS = 2_000
"""Calls that are searched for those of a page, the newest."""


def newest_of_each(db: Database, prefix: str, since_ms: int) -> list[tuple[str, Repeatable]]:
    """Return the newest Call since a time of each canned call whose name has this prefix."""
    # By row id: years of such Calls may be on file, and the newest few are the last rows.
    rows = db.execute(
        "SELECT canned, call_id, charge_point_id, action, payload, queued_ms, state, confirmation,"
        " error_code, error_description, max(call.id) FROM call NOT INDEXED JOIN charge_point"
        " ON charge_point.id = charge_point WHERE call.id > (SELECT max(id) FROM call) - ?"
        " AND substr(canned, 1, ?) = ? AND queued_ms >= ? GROUP BY canned",
        (LATEST_CALLS, len(prefix), prefix, since_ms),
    )
    return [
        (canned, Repeatable(call_id, name, action, payload, queued_ms, CallOutcome(*outcome[:4])))
        for canned, call_id, name, action, payload, queued_ms, *outcome in rows.fetchall()
    ]


def withdraw(db: Database, call_id: str, now_ms: int) -> None:
    """Expire a Call if it is still queued, so that no worker sends it."""
    rows = db.execute(
        "UPDATE call SET state = 'expired', settled_ms = ?,"
        f" error_description = {_NEVER_SENT_BECAUSE}"
        f" WHERE call_id = ? AND state = 'queued' RETURNING {_ENDED}",
        (now_ms, call_id),
    )
    _end(db, rows.fetchall())


def replace_waiting(db: Database, charge_point_id: str, asked_by: str, now_ms: int) -> bool:
    """Expire the queued Calls of an asker to a Charge Point, which a newer one replaces.

    Return False if one was sent and has no end yet: the newer Call has to wait for it.
    """
    mine = "charge_point = (SELECT id FROM charge_point WHERE identity_key = ?) AND asked_by = ?"
    key = identity_key(charge_point_id)
    rows = db.execute(
        "UPDATE call SET state = 'expired', settled_ms = ?,"
        f" error_description = '{NEVER_SENT}: a newer one replaces it'"
        f" WHERE state = 'queued' AND {mine} RETURNING {_ENDED}",
        (now_ms, key, asked_by),
    )
    _end(db, rows.fetchall())
    # By the index of Calls without an end: years of Calls may be on file.
    sent = "SELECT 1 FROM call INDEXED BY call_pending WHERE state IN ('queued', 'sent')"
    return db.execute(f"{sent} AND {mine} LIMIT 1", (key, asked_by)).fetchone() is None


def waiting_for(db: Database, worker: str, now_ms: int) -> list[QueuedCall]:
    """Return the queued Calls for the Charge Points that this worker holds, the oldest first."""
    # CROSS JOIN keeps SQLite to this order of the tables: queued Calls are few, connections may be
    # thousands. Measured with 10 000 of them: a command took 7.8 ms before, and 1.5 ms since.
    rows = db.execute(
        "SELECT call_id, charge_point_id, action, payload, deadline_ms, sealed"
        " FROM call INDEXED BY call_queued"
        " CROSS JOIN connection USING (charge_point)"
        " CROSS JOIN charge_point ON charge_point.id = charge_point"
        " WHERE call.state = 'queued' AND connection.worker = ? AND deadline_ms > ?"
        " ORDER BY call.id",
        (worker, now_ms),
    )
    return [QueuedCall(*row) for row in rows.fetchall()]


def whole_payload(db: Database, call: QueuedCall) -> str:
    """Return the payload of a queued Call with its secrets.

    Raises StoreUnavailable if it cannot be unsealed.
    """
    if call.sealed is None:
        return call.payload
    from shocpp.store.files.sealing import unseal

    return unseal(db.path, call.call_id, call.sealed)


def claim(db: Database, call: QueuedCall, worker: str, token: str, now_ms: int) -> bool:
    """Mark a queued Call as sent on the connection `token`. Return True if this worker has it.

    False if another worker has it, it was withdrawn, or its deadline has passed. Its secrets are
    removed, because they are not needed once it is sent.
    """
    # The deadline is compared here as well: the Call may have waited between read and claim.
    cursor = db.execute(
        "UPDATE call SET state = 'sent', sent_ms = ?, worker = ?, token = ?, payload = ?,"
        " sealed = NULL WHERE call_id = ? AND state = 'queued' AND deadline_ms > ?",
        # Older versions have queued payloads with their secrets.
        (now_ms, worker, token, redacted(call.payload), call.call_id, now_ms),
    )
    return cursor.rowcount == 1


def settle(
    db: Database, call_id: str, token: str, outcome: CallOutcome, now_ms: int
) -> tuple[int, str, str, str | None] | None:
    """End a Call that was sent on the connection `token`.

    Return the row id of its Charge Point, its action, its payload, and its caller's doorbell or
    None; the payload is JSON text without secrets. Return None if the Call is not outstanding
    there: a confirmation on another connection must not settle it.
    """
    # All rows of RETURNING are fetched: the commit fails while a statement is still in progress.
    rows = db.execute(
        "UPDATE call SET state = ?, confirmation = ?, error_code = ?, error_description = ?,"
        " settled_ms = ? WHERE call_id = ? AND token = ? AND state = 'sent'"
        " RETURNING charge_point, action, payload, bell",
        (*outcome, now_ms, call_id, token),
    ).fetchall()
    if not rows:
        return None
    charge_point, action, payload, doorbell = rows[0]
    db.changes.note(CALL, charge_point, key=call_id)
    return charge_point, action, payload, doorbell


def first_deadline_ms(db: Database) -> int | None:
    """Return the first deadline of all Calls without an end, None if there is none."""
    (deadline_ms,) = db.execute(
        "SELECT min(deadline_ms) FROM call WHERE state IN ('queued', 'sent')"
    ).fetchone()
    return None if deadline_ms is None else int(deadline_ms)


def expire(db: Database, now_ms: int) -> None:
    """Expire the Calls that are past their deadlines."""
    rows = db.execute(
        "UPDATE call SET state = 'expired', settled_ms = ?1,"
        f" error_description = iif(state = 'queued', {_NEVER_SENT_BECAUSE}, error_description)"
        f" WHERE state IN ('queued', 'sent') AND deadline_ms <= ?1 RETURNING {_ENDED}",
        (now_ms,),
    )
    _end(db, rows.fetchall())


def refuse(db: Database, call_id: str, why: str, now_ms: int) -> str | None:
    """Expire a queued Call that cannot be sent, with the reason; return its caller's doorbell."""
    rows = db.execute(
        "UPDATE call SET state = 'expired', settled_ms = ?, error_description = ?"
        f" WHERE call_id = ? AND state = 'queued' RETURNING bell, {_ENDED}",
        (now_ms, f"{NEVER_SENT}: {why}", call_id),
    ).fetchall()
    _end(db, [row[1:] for row in rows])
    return rows[0][0] if rows else None


def _end(db: Database, ended: list[tuple[int, str, str, str | None]]) -> None:
    """Note the ends of Calls, and remove the secrets of those that were never sent.

    `claim` removes the secrets of the others when it sends them.
    """
    for charge_point, call_id, payload, sealed in ended:
        db.changes.note(CALL, charge_point, key=call_id)
        # `claim` has removed the sealed payload, or there never was one; older versions have
        # queued payloads with their secrets.
        public = redacted(payload)
        if sealed is not None or public != payload:
            db.execute(
                "UPDATE call SET payload = ?, sealed = NULL WHERE call_id = ?", (public, call_id)
            )
            new_passwords.withdraw(db, call_id)


def outcome(db: Database, call_id: str) -> CallOutcome | None:
    """Return the outcome of a Call so far, or None if there is no such Call."""
    row = db.execute(
        "SELECT state, confirmation, error_code, error_description FROM call WHERE call_id = ?",
        (call_id,),
    ).fetchone()
    return CallOutcome(*row) if row else None


def back_after_ms(db: Database, call_id: str) -> int | None:
    """Return the time from the end of a Call until its Charge Point has connected anew, in ms.

    Negative if the new connection has replaced that of the Call; None as long as there is none.
    """
    row = db.execute(
        "SELECT connected_ms - settled_ms FROM call JOIN connection USING (charge_point)"
        " WHERE call_id = ? AND connection.token <> call.token",
        (call_id,),
    ).fetchone()
    return row[0] if row else None


def purge(db: Database, before_ms: int, at_most: int = 1_000) -> bool:
    """Delete ended Calls that were queued before a time. Return True if there may be more.

    It looks at the `at_most` oldest Calls only, so that the write transaction stays short.
    """
    cursor = db.execute(
        "DELETE FROM call WHERE id IN (SELECT id FROM call ORDER BY id LIMIT ?)"
        " AND queued_ms < ? AND state NOT IN ('queued', 'sent')",
        (at_most, before_ms),
    )
    return cursor.rowcount == at_most
