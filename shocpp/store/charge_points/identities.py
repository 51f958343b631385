"""Charge Points by identity and by serial.

An identity is compared by its `identity_key`, which has an index.
"""

from shocpp.ocpp.identity import identity_key
from shocpp.store.database import Database


def enter(db: Database, charge_point_id: str, now_ms: int) -> int:
    """Return the row id of this identity; make the row if the identity is new."""
    key = identity_key(charge_point_id)
    row = db.execute("SELECT id FROM charge_point WHERE identity_key = ?", (key,)).fetchone()
    if row is not None:
        return int(row[0])
    identity = {"charge_point_id": charge_point_id, "identity_key": key}
    return db.insert(
        "charge_point", {**identity, "first_heard_ms": now_ms, "last_heard_ms": now_ms}
    )


def row_of(db: Database, charge_point_id: str) -> int | None:
    """Return the row id of this identity, or None if it is not on file."""
    key = identity_key(charge_point_id)
    row = db.execute("SELECT id FROM charge_point WHERE identity_key = ?", (key,)).fetchone()
    return int(row[0]) if row else None


def charge_point_id_of(db: Database, charge_point: int) -> str:
    """Return the identity of this row in the spelling of its first connection."""
    row = db.execute("SELECT charge_point_id FROM charge_point WHERE id = ?", (charge_point,))
    return str(row.fetchone()[0])


def identity_of_serial(db: Database, serial: str) -> str | None:
    """Return the identity of the Charge Point with this serial, or None.

    None also if the identity is the serial itself.
    """
    row = db.execute(
        "SELECT charge_point_id FROM charge_point"
        " WHERE serial = ? COLLATE NOCASE AND identity_key <> ?",
        (serial, identity_key(serial)),
    ).fetchone()
    return row[0] if row else None


def find(db: Database, name: str) -> list[str]:
    """Return the identities that a name of a user fits: the one of this name, else by serial."""
    rows = db.execute(
        "SELECT charge_point_id FROM charge_point WHERE identity_key = ?", (identity_key(name),)
    ).fetchall()
    # A serial is compared without regard to case, by an index of that kind.
    if not rows:
        rows = db.execute(
            "SELECT charge_point_id FROM charge_point WHERE serial = ? COLLATE NOCASE ORDER BY id",
            (name,),
        ).fetchall()
    return [charge_point_id for (charge_point_id,) in rows]


def needs_boot(db: Database, charge_point: int) -> bool:
    """Return True if a Charge Point takes no Calls before it has booted on its connection.

    It has never booted here, or it hung up when it was called.
    """
    row = db.execute(
        "SELECT booted_ms IS NULL OR calls_need_boot FROM charge_point WHERE id = ?",
        (charge_point,),
    )
    return bool(row.fetchone()[0])


def record_needs_boot(db: Database, charge_point_id: str) -> None:
    """Store that a Charge Point hung up when it was called after a reconnect.

    Another firmware in a BootNotification (`notifications.record_boot`) deletes this.
    """
    db.execute(
        "UPDATE charge_point SET calls_need_boot = 1 WHERE identity_key = ?",
        (identity_key(charge_point_id),),
    )


def record_last_seen(db: Database, last_seen: dict[int, int]) -> None:
    """Store the time of the last frame of each Charge Point: {row id: ms}."""
    db.executemany(
        "UPDATE charge_point SET last_heard_ms = ? WHERE id = ?",
        [(moment_ms, charge_point) for charge_point, moment_ms in last_seen.items()],
    )


def extend_seen(db: Database, charge_point: int, moment_ms: int) -> None:
    """Extend the time in which a Charge Point was seen to a moment of the past."""
    db.execute(
        "UPDATE charge_point SET first_heard_ms = min(first_heard_ms, ?1),"
        " last_heard_ms = max(last_heard_ms, ?1) WHERE id = ?2",
        (moment_ms, charge_point),
    )


def last_seen_ms(db: Database, charge_point_id: str) -> int | None:
    """Return the time of the last frame of a Charge Point, or None if it is not on file."""
    row = db.execute(
        "SELECT last_heard_ms FROM charge_point WHERE identity_key = ?",
        (identity_key(charge_point_id),),
    ).fetchone()
    return int(row[0]) if row else None


def strangers(db: Database, limit: int) -> list[str]:
    """Return at most `limit` identities that were never authenticated and have no record.

    An empty list if there are less Charge Points at all.
    """
    # No row is ever deleted, so the row ids tell how many there are. Few databases have as many.
    if db.execute("SELECT 1 FROM charge_point WHERE id >= ?", (limit,)).fetchone() is None:
        return []
    rows = db.execute(
        "SELECT charge_point_id FROM charge_point WHERE NOT EXISTS"
        "  (SELECT 1 FROM shown_password WHERE identity_key = charge_point.identity_key)"
        " AND NOT EXISTS (SELECT 1 FROM connection"
        "  WHERE connection.charge_point = charge_point.id AND authenticated)"
        " AND NOT EXISTS (SELECT 1 FROM accounting_record AS record WHERE review IS NULL"
        "  AND account_index > 0 AND record.charge_point = charge_point.id) LIMIT ?",
        (limit,),
    )
    return [charge_point_id for (charge_point_id,) in rows.fetchall()]


def only_charge_point_id(db: Database) -> str | None:
    """Return the identity of the only Charge Point, or None if there are none or several."""
    rows = db.execute("SELECT charge_point_id FROM charge_point LIMIT 2").fetchall()
    return str(rows[0][0]) if len(rows) == 1 else None
