"""Connections of Charge Points, and the workers that hold them.

A worker is a process with a switchboard; its doorbell wakes it. Each connection has a random token,
so that an older connection of a Charge Point cannot act for a newer one.
"""

from typing import NamedTuple

from shocpp.ocpp.identity import identity_key
from shocpp.store.changes import CALL, CHARGER
from shocpp.store.database import Database


class FormerConnection(NamedTuple):
    """The connection that holds a Charge Point when another one comes.

    `doorbell` is that of its worker, None if the worker is unknown. `remote` is an address, mostly
    with a port. `connected_ms` is the time at which it became the holder.
    """

    token: str
    worker: str
    doorbell: str | None
    remote: str
    connected_ms: int


class NewConnection(NamedTuple):
    """A new connection that is to hold a Charge Point.

    `authenticated` is True if its password or its caller proves its identity.
    """

    token: str
    remote: str
    authenticated: bool


class WorkerRow(NamedTuple):
    """A worker: its random id, the path of its doorbell, and its process id.

    `listens` is the host and port of its server, as in `0.0.0.0:8080`, or None.
    """

    worker: str
    doorbell: str
    pid: int
    listens: str | None = None


def holder(db: Database, charge_point_id: str) -> tuple[str, str] | None:
    """Return the worker that holds this Charge Point and the worker's doorbell, or None."""
    row = db.execute(
        "SELECT worker.worker, worker.bell FROM charge_point JOIN connection"
        " ON connection.charge_point = charge_point.id JOIN worker USING (worker)"
        " WHERE identity_key = ?",
        (identity_key(charge_point_id),),
    ).fetchone()
    return row or None


def connected(db: Database) -> list[str]:
    """Return the identities of the connected Charge Points."""
    rows = db.execute(
        "SELECT charge_point_id FROM connection JOIN charge_point"
        " ON charge_point.id = connection.charge_point ORDER BY charge_point_id"
    )
    return [charge_point_id for (charge_point_id,) in rows.fetchall()]


def former(db: Database, charge_point: int) -> FormerConnection | None:
    """Return the connection that holds the Charge Point with this row id, or None."""
    row = db.execute(
        "SELECT connection.token, connection.worker, worker.bell, connection.remote, connected_ms"
        " FROM connection LEFT JOIN worker USING (worker) WHERE charge_point = ?",
        (charge_point,),
    ).fetchone()
    return FormerConnection(*row) if row else None


def hold(
    db: Database,
    charge_point: int,
    held: NewConnection,
    worker: str,
    now_ms: int,
    former: FormerConnection | None,
) -> None:
    """Enter a connection as the one that holds its Charge Point, in place of the former one.

    If another worker has the former one, the caller rings that worker's doorbell after the commit:
    the worker then reads `take_superseded` and closes the connection.
    """
    db.execute("DELETE FROM name_claim WHERE token = ?", (held.token,))
    # The primary key is the Charge Point, so exactly one connection holds it in spite of races.
    db.execute(
        "INSERT OR REPLACE INTO connection"
        " (charge_point, token, worker, remote, connected_ms, authenticated)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (charge_point, held.token, worker, held.remote, now_ms, held.authenticated),
    )
    # This worker closes its own former connection without a notice.
    if former is not None and former.worker != worker:
        db.execute("INSERT OR IGNORE INTO superseded VALUES (?, ?)", (former.token, former.worker))
    db.changes.note(CHARGER, charge_point)


def contest(
    db: Database, former: FormerConnection, token: str, charge_point: int, worker: str
) -> None:
    """Ask the worker of a connection to test it, because another one claims its identity.

    The caller rings the worker's doorbell after the commit. The connection `token` of `worker`
    waits for the Charge Point: `take_free_names` returns it once the former one has ended.
    """
    db.execute("INSERT OR IGNORE INTO contested VALUES (?, ?)", (former.token, former.worker))
    db.execute(
        "INSERT OR REPLACE INTO name_claim (token, charge_point, worker) VALUES (?, ?, ?)",
        (token, charge_point, worker),
    )


def release(db: Database, token: str) -> list[str]:
    """Delete a connection that has ended; a newer one of the same Charge Point stays.

    Return the doorbells to ring after the commit: of workers whose connections wait for its name.
    """
    return _release(db, "token", token)


def _release(db: Database, column: str, value: str) -> list[str]:
    """Delete connections by their token or worker, with the notices about them.

    Return the doorbells of the workers whose connections wait for one of their names.
    """
    # Notices about a connection are void once it has ended, and so is what it claims itself.
    for table in ("superseded", "contested", "name_claim"):
        db.execute(f"DELETE FROM {table} WHERE {column} = ?", (value,))
    rows = db.execute(f"DELETE FROM connection WHERE {column} = ? RETURNING charge_point", (value,))
    doorbells: list[str] = []
    for (charge_point,) in rows.fetchall():
        db.changes.note(CHARGER, charge_point)
        waiting = db.execute(
            "UPDATE name_claim SET is_free = 1 WHERE charge_point = ?"
            " RETURNING (SELECT bell FROM worker WHERE worker.worker = name_claim.worker)",
            (charge_point,),
        )
        doorbells += [doorbell for (doorbell,) in waiting.fetchall() if doorbell]
    return doorbells


def is_replaced(db: Database, charge_point: int, token: str) -> bool:
    """Return True if another connection than this one holds the Charge Point now."""
    row = db.execute(
        "SELECT 1 FROM connection WHERE charge_point = ? AND token <> ?", (charge_point, token)
    ).fetchone()
    return row is not None


def has_notices(db: Database, worker: str) -> bool:
    """Return True if connections or changes of other processes wait for this worker.

    `take_superseded`, `take_contested`, `take_free_names` and `PendingChanges.take_notices` take
    them. This is a read, so that a worker begins no write transaction for nothing.
    """
    row = db.execute(
        "SELECT 1 FROM superseded WHERE worker = ?1 UNION ALL"
        " SELECT 1 FROM contested WHERE worker = ?1 UNION ALL"
        " SELECT 1 FROM name_claim WHERE worker = ?1 AND is_free UNION ALL"
        " SELECT 1 FROM change_notice WHERE worker = ?1 LIMIT 1",
        (worker,),
    ).fetchone()
    return row is not None


def take_superseded(db: Database, worker: str) -> list[str]:
    """Remove and return the tokens of the connections that this worker must close.

    Each was replaced by a newer connection, and is returned only once.
    """
    rows = db.execute("DELETE FROM superseded WHERE worker = ? RETURNING token", (worker,))
    return [token for (token,) in rows.fetchall()]


def take_contested(db: Database, worker: str) -> list[str]:
    """Remove and return the tokens of the connections that this worker must test.

    Another connection claims the identity of each; it is returned only once.
    """
    rows = db.execute("DELETE FROM contested WHERE worker = ? RETURNING token", (worker,))
    return [token for (token,) in rows.fetchall()]


def take_free_names(db: Database, worker: str) -> list[str]:
    """Remove and return the tokens of this worker's connections that may ask for a name again.

    Each waits for a name whose holder has ended; it is returned only once.
    """
    rows = db.execute(
        "DELETE FROM name_claim WHERE worker = ? AND is_free RETURNING token", (worker,)
    )
    return [token for (token,) in rows.fetchall()]


def enter_worker(db: Database, row: WorkerRow, now_ms: int) -> None:
    """Enter this process as a worker."""
    db.execute(
        "INSERT OR REPLACE INTO worker (worker, bell, pid, listens, started_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (*row, now_ms),
    )


def workers(db: Database) -> list[tuple[str, str]]:
    """Return (worker, path of its doorbell) for each worker, dead ones included."""
    return db.execute("SELECT worker, bell FROM worker").fetchall()


def forget_worker(db: Database, worker: str, now_ms: int) -> list[str]:
    """Delete a worker that is gone, with its connections.

    The Calls it had sent end as `unknown`. Return the doorbells of the processes that wait for one.
    """
    # They are not sent again: the Charge Point may have carried them out.
    rows = db.execute(
        "UPDATE call SET state = 'unknown', settled_ms = ? WHERE state = 'sent' AND worker = ?"
        " RETURNING charge_point, call_id, bell",
        (now_ms, worker),
    ).fetchall()
    for charge_point, call_id, _ in rows:
        db.changes.note(CALL, charge_point, key=call_id)
    waiting = _release(db, "worker", worker)
    db.changes.forget(worker)
    db.execute("DELETE FROM worker WHERE worker = ?", (worker,))
    return [*(doorbell for _, _, doorbell in rows if doorbell), *waiting]


def address_of(remote: str) -> str:
    """Return the address of a `remote`, without its port if it has one."""
    return remote.rpartition(":")[0] or remote
