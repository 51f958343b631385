"""The table `new_password`: passwords that wait until charge_points.json has them.

Each was queued for a Charge Point with a Call, and its hash is in force from here meanwhile.
"""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.ocpp.identity import identity_key
from shocpp.store.database import Database


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


def add(db: Database, call_id: str, charge_point_id: str, stored_hash: str, replaces: str) -> None:
    """Store the new password of a Call, in the transaction that queues it."""
    db.execute(
        "INSERT INTO new_password (call_id, charge_point, password_hash, replaces)"
        " SELECT ?, id, ?, ? FROM charge_point WHERE identity_key = ?",
        (call_id, stored_hash, replaces, identity_key(charge_point_id)),
    )


def waiting(db: Database) -> tuple[NewPassword, ...]:
    """Return the new passwords that Charge Points have, or may have, the oldest first."""
    rows = db.execute(
        "SELECT new.call_id, charge_point_id, password_hash, replaces,"
        " coalesce(state NOT IN ('queued', 'sent'), 1) FROM new_password AS new"
        " JOIN charge_point ON charge_point.id = new.charge_point"
        " LEFT JOIN call ON call.call_id = new.call_id ORDER BY new.id"
    )
    return tuple(NewPassword(*row) for row in rows.fetchall())


def withdraw(db: Database, call_id: str) -> None:
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


def waits(db: Database, call_id: str) -> bool:
    """Return True if this Call has a new password that waits."""
    row = db.execute("SELECT 1 FROM new_password WHERE call_id = ?", (call_id,)).fetchone()
    return row is not None


def delete(db: Database, call_ids: Iterable[str]) -> None:
    """Delete the new passwords of these Calls, because charge_points.json decides now."""
    db.executemany(
        "DELETE FROM new_password WHERE call_id = ?", [(call_id,) for call_id in call_ids]
    )


def rebase(db: Database, former: str, present: str) -> None:
    """Let all waiting passwords that replace `former` replace `present` instead."""
    db.execute("UPDATE new_password SET replaces = ? WHERE replaces = ?", (present, former))
