"""Refused attempts to connect, and passwords: those presented last, and new ones on their way."""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.ocpp.identity import identity_key
from shocpp.store.database import Database

KEPT, KEPT_OF_ADDRESS = 200, 50
"""Rows of refused attempts that are stored, in all and of one address: the newest.

Strangers decide how many attempts there are, so the table must not grow with them.
"""


class RefusedAttempts(NamedTuple):
    """Refused attempts with the same identity, address and reason.

    `charge_point_id` is empty if none was given. `told` is what was presented instead of a valid
    user name or password, for people to read. `last_ms` is the time of the last attempt.
    """

    charge_point_id: str
    address: str
    reason: str
    told: str
    attempts: int
    last_ms: int


def record_refused(db: Database, refused: Iterable[RefusedAttempts]) -> None:
    """Add attempts to the rows with the same identity, address and reason; delete the oldest."""
    db.executemany(
        "INSERT INTO refused_attempt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO UPDATE"
        " SET told = excluded.told, attempts = attempts + excluded.attempts,"
        " last_ms = excluded.last_ms",
        refused,
    )
    # The limit of an address comes first, so that one stranger cannot displace all others.
    db.execute(
        "DELETE FROM refused_attempt WHERE (charge_point_id, address, reason) IN"
        " (SELECT charge_point_id, address, reason FROM (SELECT *, row_number() OVER (PARTITION BY"
        "  address ORDER BY last_ms DESC) AS place FROM refused_attempt) WHERE place > ?)",
        (KEPT_OF_ADDRESS,),
    )
    db.execute(
        "DELETE FROM refused_attempt WHERE last_ms <"
        " (SELECT last_ms FROM refused_attempt ORDER BY last_ms DESC LIMIT 1 OFFSET ?)",
        (KEPT - 1,),
    )


def presented_password(db: Database, key: str) -> str | None:
    """Return the digest of the password that a Charge Point presented last, or None.

    The table holds no password: the digest is made from the hash in charge_points.json.
    """
    row = db.execute(
        "SELECT password FROM shown_password WHERE identity_key = ?", (key,)
    ).fetchone()
    return row[0] if row else None


def record_presented_password(db: Database, key: str, password: str, now_ms: int) -> None:
    """Store the digest of the valid password that a Charge Point has presented now."""
    db.execute("INSERT OR REPLACE INTO shown_password VALUES (?, ?, ?)", (key, password, now_ms))


class NewPassword(NamedTuple):
    """A password that was queued for a Charge Point and is not in charge_points.json yet.

    `stored_hash` is its hash. `replaces` is the newest hash that the Charge Point had before, or a
    word (`configuration.charge_points.newest_hash`). `has_ended` is True if its Call has.
    """

    call_id: str
    charge_point_id: str
    stored_hash: str
    replaces: str
    has_ended: bool


def add_new_password(
    db: Database, call_id: str, charge_point_id: str, stored_hash: str, replaces: str
) -> None:
    """Store the new password of a Call, in the transaction that queues it."""
    db.execute(
        "INSERT INTO new_password (call_id, charge_point, password_hash, replaces)"
        " SELECT ?, id, ?, ? FROM charge_point WHERE identity_key = ?",
        (call_id, stored_hash, replaces, identity_key(charge_point_id)),
    )


def new_passwords(db: Database) -> tuple[NewPassword, ...]:
    """Return the new passwords that Charge Points have, or may have, the oldest first."""
    rows = db.execute(
        "SELECT new.call_id, charge_point_id, password_hash, replaces,"
        " coalesce(state NOT IN ('queued', 'sent'), 1) FROM new_password AS new"
        " JOIN charge_point ON charge_point.id = new.charge_point"
        " LEFT JOIN call ON call.call_id = new.call_id ORDER BY new.id"
    )
    return tuple(NewPassword(*row) for row in rows.fetchall())


def withdraw_new_password(db: Database, call_id: str) -> None:
    """Delete the new password of a Call, because the Charge Point has certainly not taken it."""
    rows = db.execute(
        "DELETE FROM new_password WHERE call_id = ?"
        " RETURNING charge_point, password_hash, replaces",
        (call_id,),
    ).fetchall()
    # A later one that was to replace this one replaces the one before it.
    for charge_point, stored_hash, replaces in rows:
        db.execute(
            "UPDATE new_password SET replaces = ? WHERE charge_point = ? AND replaces = ?",
            (replaces, charge_point, stored_hash),
        )


def is_new_password(db: Database, call_id: str) -> bool:
    """Return True if this Call has a new password that waits."""
    row = db.execute("SELECT 1 FROM new_password WHERE call_id = ?", (call_id,)).fetchone()
    return row is not None


def delete_new_passwords(db: Database, call_ids: Iterable[str]) -> None:
    """Delete the new passwords of these Calls, because charge_points.json decides now."""
    db.executemany(
        "DELETE FROM new_password WHERE call_id = ?", [(call_id,) for call_id in call_ids]
    )


def known_identities(db: Database) -> list[str]:
    """Return the identities of all Charge Points on file, connected or not."""
    rows = db.execute("SELECT charge_point_id FROM charge_point ORDER BY charge_point_id")
    return [charge_point_id for (charge_point_id,) in rows.fetchall()]
