"""Refused attempts to connect, and the password that each Charge Point presented last."""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.ocpp.identity import identity_key
from shocpp.store.database import Database

KEPT, KEPT_OF_ADDRESS = 200, 50
"""Rows of refused attempts that are stored, in all and of one address: the newest.

Strangers decide how many attempts there are, so the table must not grow with them.
"""


DAY_MS = 86_400_000


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


def is_first_of_day(db: Database, refused: RefusedAttempts) -> bool:
    """Return True if no attempt of this charger was refused for this reason on its day (UTC).

    A charger without a name is known by its address.
    """
    row = db.execute(
        "SELECT 1 FROM refused_attempt WHERE charge_point_id = ?1 AND reason = ?2"
        " AND last_ms / ?3 = ?4 / ?3 AND (charge_point_id <> '' OR address = ?5)",
        (refused.charge_point_id, refused.reason, DAY_MS, refused.last_ms, refused.address),
    ).fetchone()
    return row is None


def refused_since(db: Database, since_ms: int) -> list[str]:
    """Return the names of chargers that were refused since a time, the newest first.

    A charger without a name is one empty name. Those that are connected now are left out.
    """
    connected = db.execute(
        "SELECT identity_key FROM charge_point"
        " JOIN connection ON connection.charge_point = charge_point.id"
    )
    skipped = {key for (key,) in connected.fetchall()}
    rows = db.execute(
        "SELECT charge_point_id FROM refused_attempt WHERE last_ms >= ?"
        " GROUP BY charge_point_id ORDER BY max(last_ms) DESC",
        (since_ms,),
    )
    names: dict[str, str] = {}
    for (charge_point_id,) in rows.fetchall():
        key = identity_key(charge_point_id)
        if key not in skipped:
            names.setdefault(key, charge_point_id)
    return list(names.values())


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


def known_identities(db: Database) -> list[str]:
    """Return the identities of all Charge Points on file, connected or not."""
    rows = db.execute("SELECT charge_point_id FROM charge_point ORDER BY charge_point_id")
    return [charge_point_id for (charge_point_id,) in rows.fetchall()]
