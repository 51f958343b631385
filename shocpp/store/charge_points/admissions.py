"""Who was not let in, and which password who was has shown last (memory floor)."""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.store.database import Database

KEPT, KEPT_OF_ADDRESS = 200, 50
"""Attempts of strangers are their work, not ours: so many are kept, the newest."""


class RefusedAttempts(NamedTuple):
    """Attempts of one kind. `charge_point_id` is empty where none was told."""

    charge_point_id: str
    address: str
    reason: str
    told: str
    attempts: int
    last_ms: int


def record_refused(db: Database, refused: Iterable[RefusedAttempts]) -> None:
    """Add attempts to those of their kind."""
    db.executemany(
        "INSERT INTO refused_attempt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO UPDATE"
        " SET told = excluded.told, attempts = attempts + excluded.attempts,"
        " last_ms = excluded.last_ms",
        refused,
    )
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


def shown_password(db: Database, key: str) -> str | None:
    """The newest password that this charger has shown, as `note_shown` has been told it."""
    found = db.execute(
        "SELECT password FROM shown_password WHERE identity_key = ?", (key,)
    ).fetchone()
    return found[0] if found else None


def note_shown(db: Database, key: str, password: str, now_ms: int) -> None:
    """A charger has shown this password."""
    db.execute("INSERT OR REPLACE INTO shown_password VALUES (?, ?, ?)", (key, password, now_ms))


def every_charger(db: Database) -> list[str]:
    """The identities of all Charge Points that have been here."""
    rows = db.execute("SELECT charge_point_id FROM charge_point ORDER BY charge_point_id")
    return [charge_point_id for (charge_point_id,) in rows.fetchall()]
