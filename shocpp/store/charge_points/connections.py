"""Which worker holds which Charge Point, by which connection (memory floor).

A worker is a process with a switchboard; its bell wakes it. A connection's token keeps an older
connection from acting for a newer one.
"""

from typing import NamedTuple

from shocpp.ocpp.identity import identity_key
from shocpp.store.database import Database


class Former(NamedTuple):
    """The connection that holds a Charge Point when another comes; its worker and that one's bell.

    `remote` is where it comes from, as address and port.
    """

    token: str
    worker: str
    doorbell: str | None
    remote: str


class Held(NamedTuple):
    """A connection that is to hold a Charge Point."""

    token: str
    remote: str
    authenticated: bool


def holder(db: Database, charge_point_id: str) -> tuple[str, str] | None:
    """The worker that holds this Charge Point, and its bell."""
    found = db.execute(
        "SELECT worker.worker, worker.bell FROM charge_point JOIN connection"
        " ON connection.charge_point = charge_point.id JOIN worker USING (worker)"
        " WHERE identity_key = ?",
        (identity_key(charge_point_id),),
    ).fetchone()
    return found or None


def connected(db: Database) -> list[str]:
    """The identities of the Charge Points that are connected."""
    rows = db.execute(
        "SELECT charge_point_id FROM connection JOIN charge_point"
        " ON charge_point.id = connection.charge_point ORDER BY charge_point_id"
    )
    return [charge_point_id for (charge_point_id,) in rows.fetchall()]


def former(db: Database, charge_point: int) -> Former | None:
    """The connection that holds this Charge Point, if one does."""
    found = db.execute(
        "SELECT connection.token, connection.worker, worker.bell, connection.remote"
        " FROM connection LEFT JOIN worker USING (worker) WHERE charge_point = ?",
        (charge_point,),
    ).fetchone()
    return Former(*found) if found else None


def hold(
    db: Database, charge_point: int, held: Held, worker: str, now_ms: int, former: Former | None
) -> None:
    """Enter a connection as the one that holds its Charge Point, in place of the former one.

    Where another worker has that, it has to be told by its bell.
    """
    db.execute(
        "INSERT OR REPLACE INTO connection"
        " (charge_point, token, worker, remote, connected_ms, authenticated)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (charge_point, held.token, worker, held.remote, now_ms, held.authenticated),
    )
    if former is not None and former.worker != worker:
        db.execute("INSERT OR IGNORE INTO superseded VALUES (?, ?)", (former.token, former.worker))


def contest(db: Database, former: Former) -> None:
    """Ask for a sign of life of a connection whose name another one claims."""
    db.execute("INSERT OR IGNORE INTO contested VALUES (?, ?)", (former.token, former.worker))


def release(db: Database, token: str) -> None:
    """Forget a connection; a newer one of the same Charge Point is not touched."""
    for table in ("connection", "superseded", "contested"):
        db.execute(f"DELETE FROM {table} WHERE token = ?", (token,))


def is_replaced(db: Database, charge_point: int, token: str) -> bool:
    """Whether another connection than this one holds the Charge Point by now."""
    found = db.execute(
        "SELECT 1 FROM connection WHERE charge_point = ? AND token <> ?", (charge_point, token)
    ).fetchone()
    return found is not None


def has_notices(db: Database, worker: str) -> bool:
    """Whether a newer connection has replaced one of this worker's, or claims its name."""
    found = db.execute(
        "SELECT 1 FROM superseded WHERE worker = ?1 UNION ALL"
        " SELECT 1 FROM contested WHERE worker = ?1 LIMIT 1",
        (worker,),
    ).fetchone()
    return found is not None


def take_superseded(db: Database, worker: str) -> list[str]:
    """The tokens of the connections that this worker is to close; it is told only once."""
    rows = db.execute("DELETE FROM superseded WHERE worker = ? RETURNING token", (worker,))
    return [token for (token,) in rows.fetchall()]


def take_contested(db: Database, worker: str) -> list[str]:
    """The tokens of the connections that are to show a sign of life; it is told only once."""
    rows = db.execute("DELETE FROM contested WHERE worker = ? RETURNING token", (worker,))
    return [token for (token,) in rows.fetchall()]


def enter_worker(db: Database, worker: str, doorbell: str, pid: int, now_ms: int) -> None:
    """Enter a process that holds Charge Points."""
    db.execute("INSERT OR REPLACE INTO worker VALUES (?, ?, ?, ?)", (worker, doorbell, pid, now_ms))


def workers(db: Database) -> list[tuple[str, str]]:
    """Each worker and its bell."""
    return db.execute("SELECT worker, bell FROM worker").fetchall()


def forget_worker(db: Database, worker: str, now_ms: int) -> list[str]:
    """Forget a worker that is gone; the bells of those who wait for what it had sent are returned.

    What it had sent has an unknown end and is not sent again.
    """
    rows = db.execute(
        "UPDATE call SET state = 'unknown', settled_ms = ? WHERE state = 'sent' AND worker = ?"
        " RETURNING bell",
        (now_ms, worker),
    ).fetchall()
    for table in ("connection", "superseded", "contested", "worker"):
        db.execute(f"DELETE FROM {table} WHERE worker = ?", (worker,))
    return [doorbell for (doorbell,) in rows if doorbell]


def address_of(remote: str) -> str:
    """The address in a `remote`, which is an address and a port, or has no port at all."""
    return remote.rpartition(":")[0] or remote
