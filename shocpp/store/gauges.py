"""What is measured of the books as they are now, for a monitoring system (memory floor).

Everything here is cheap enough to be asked every few seconds: an index, or one reading of the
accounting records (70 ms for 100 000 of them). Energy past the books is not: the view `gaps` takes
a second and more there.
"""

from typing import NamedTuple

from shocpp.store.database import Database

MOST_STRANGERS = 100
"""Connected chargers that nobody was ever billed for: their names may be anybody's invention."""

MOST_CONNECTORS = 100
"""A charger may claim any number to be one of its connectors."""


class ListedChargePoint(NamedTuple):
    """A Charge Point whose name may be shown: it is connected, or has been billed."""

    row: int
    charge_point_id: str
    is_connected: bool


def listed_charge_points(db: Database) -> list[ListedChargePoint]:
    """Charge Points that an account was billed for, and some of the others while connected."""
    rows = db.execute(
        "WITH known AS (SELECT id, charge_point_id,"
        "  connection.charge_point IS NOT NULL AS is_there,"
        "  EXISTS (SELECT 1 FROM accounting_record AS record WHERE account_index > 0"
        "   AND review IS NULL AND record.charge_point = charge_point.id) AS is_billed"
        "  FROM charge_point LEFT JOIN connection ON connection.charge_point = charge_point.id)"
        " SELECT id, charge_point_id, is_there FROM known WHERE is_billed UNION ALL"
        " SELECT id, charge_point_id, is_there FROM (SELECT * FROM known"
        "  WHERE is_there AND NOT is_billed ORDER BY id LIMIT ?)",
        (MOST_STRANGERS,),
    )
    return [ListedChargePoint(row, name, bool(is_there)) for row, name, is_there in rows]


def connected_charge_points(db: Database) -> int:
    """How many Charge Points are connected."""
    return _number(db, "SELECT count(*) FROM connection")


def open_transactions(db: Database) -> int:
    """How many transactions are open."""
    return _number(
        db,  # there is an index of what is not stopped
        "SELECT count(*) FROM started_transaction WHERE state <> 'stopped' AND state = 'open'",
    )


def connector_states(db: Database) -> list[tuple[int, int, str]]:
    """Charge Point (its row), connector and status of all that have told one."""
    return db.execute(
        "SELECT charge_point, connector_id, status FROM connector"
        " WHERE connector_id BETWEEN 0 AND ?"
        " ORDER BY charge_point, connector_id",
        (MOST_CONNECTORS,),
    ).fetchall()


def booked_wh(db: Database) -> list[tuple[str, int]]:
    """What each account was booked since ever, as the view monthly_consumption sums it up."""
    # Reading all in order is half as long as by the index that SQLite would take.
    return db.execute(
        "SELECT account, sum(consumed_wh) FROM accounting_record NOT INDEXED"
        " WHERE review IS NULL GROUP BY account ORDER BY account"
    ).fetchall()


def cases_under_review(db: Database) -> list[tuple[str, int]]:
    """How many records, unknown cards, transactions and registers need a human; no gaps."""
    return db.execute(
        "SELECT kind, count(*) FROM review WHERE kind <> 'gap' GROUP BY kind"
    ).fetchall()


def waiting_calls(db: Database) -> list[tuple[str, int]]:
    """How many Calls are queued, and how many wait for their answer."""
    return db.execute(
        "SELECT state, count(*) FROM call WHERE state IN ('queued', 'sent') GROUP BY state"
    ).fetchall()


def _number(db: Database, sql: str) -> int:
    return int(db.execute(sql).fetchone()[0])
