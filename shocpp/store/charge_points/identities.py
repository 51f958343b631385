"""Charge Points by identity and serial (memory floor)."""

from shocpp.ocpp.identity import identity_key
from shocpp.store.database import Database


def enter(db: Database, charge_point_id: str, now_ms: int) -> int:
    """The row of this identity, made where it is new."""
    row = row_of(db, charge_point_id)
    if row is not None:
        return row
    cursor = db.execute(
        "INSERT INTO charge_point"
        " (charge_point_id, identity_key, first_heard_ms, last_heard_ms) VALUES (?, ?, ?, ?)",
        (charge_point_id, identity_key(charge_point_id), now_ms, now_ms),
    )
    return int(cursor.lastrowid or 0)


def row_of(db: Database, charge_point_id: str) -> int | None:
    """The row of this identity, if it has ever been here."""
    key = identity_key(charge_point_id)
    found = db.execute("SELECT id FROM charge_point WHERE identity_key = ?", (key,)).fetchone()
    return int(found[0]) if found else None


def spelled(db: Database, charge_point: int) -> str:
    """The identity of this row as it was first written."""
    found = db.execute("SELECT charge_point_id FROM charge_point WHERE id = ?", (charge_point,))
    return str(found.fetchone()[0])


def identity_of_serial(db: Database, serial: str) -> str | None:
    """The identity that a serial belongs to, where it is known under another name."""
    found = db.execute(
        "SELECT charge_point_id FROM charge_point"
        " WHERE serial = ? COLLATE NOCASE AND identity_key <> ?",
        (serial, identity_key(serial)),
    ).fetchone()
    return found[0] if found else None


def find(db: Database, name: str) -> list[str]:
    """The identities that a person means by an identity (which wins) or a serial."""
    rows = db.execute(
        "SELECT charge_point_id FROM charge_point WHERE identity_key = ?", (identity_key(name),)
    ).fetchall()
    if not rows:
        rows = db.execute(
            "SELECT charge_point_id FROM charge_point WHERE serial = ? COLLATE NOCASE ORDER BY id",
            (name,),
        ).fetchall()
    return [charge_point_id for (charge_point_id,) in rows]


def heard(db: Database, last_seen: dict[int, int]) -> None:
    """Note when each Charge Point was last heard."""
    db.executemany(
        "UPDATE charge_point SET last_heard_ms = ? WHERE id = ?",
        [(moment_ms, charge_point) for charge_point, moment_ms in last_seen.items()],
    )


def heard_since(db: Database, charge_point: int, moment_ms: int) -> None:
    """Note that a Charge Point was heard at a moment of the past, too."""
    db.execute(
        "UPDATE charge_point SET first_heard_ms = min(first_heard_ms, ?1),"
        " last_heard_ms = max(last_heard_ms, ?1) WHERE id = ?2",
        (moment_ms, charge_point),
    )


def last_seen_ms(db: Database, charge_point_id: str) -> int | None:
    """When a Charge Point has last said anything; None for one that was never here."""
    found = db.execute(
        "SELECT last_heard_ms FROM charge_point WHERE identity_key = ?",
        (identity_key(charge_point_id),),
    ).fetchone()
    return int(found[0]) if found else None


def only(db: Database) -> str | None:
    """The identity of the only Charge Point that has ever been here, if there is but one."""
    rows = db.execute("SELECT charge_point_id FROM charge_point LIMIT 2").fetchall()
    return str(rows[0][0]) if len(rows) == 1 else None
