"""Figures of the present state for a monitoring system.

Each is cheap enough to be read every few seconds: by an index, or by one scan of the accounting
records (70 ms for 100 000 of them). Gaps are missing on purpose: the view `gaps` takes a second
and more with so many records.
"""

from typing import NamedTuple

from shocpp.store.books.transactions import present_name
from shocpp.store.database import Database

MAX_UNBILLED_CHARGERS = 100
"""Connected chargers that were never billed and get metrics: a stranger can invent such names."""

MOST_CONNECTORS = 100
"""The highest connector id that gets a metric: a charger can report any number."""


class ListedChargePoint(NamedTuple):
    """A Charge Point that metrics may name: it is connected, or was billed. `row` is its row id."""

    row: int
    charge_point_id: str
    is_connected: bool


def listed_charge_points(db: Database) -> list[ListedChargePoint]:
    """Return the Charge Points that an account was billed for, and connected others up to a limit.

    The limit of `MOST_STRANGERS` bounds the number of time series.
    """
    rows = db.execute(
        "WITH known AS (SELECT id, charge_point_id,"
        "  connection.charge_point IS NOT NULL AS is_there,"
        "  EXISTS (SELECT 1 FROM accounting_record AS record WHERE account_index > 0"
        "   AND review IS NULL AND record.charge_point = charge_point.id) AS is_billed"
        "  FROM charge_point LEFT JOIN connection ON connection.charge_point = charge_point.id)"
        " SELECT id, charge_point_id, is_there FROM known WHERE is_billed UNION ALL"
        " SELECT id, charge_point_id, is_there FROM (SELECT * FROM known"
        "  WHERE is_there AND NOT is_billed ORDER BY id LIMIT ?)",
        (MAX_UNBILLED_CHARGERS,),
    )
    return [ListedChargePoint(row, name, bool(is_there)) for row, name, is_there in rows]


def connected_charge_points(db: Database) -> int:
    """Return the number of connected Charge Points."""
    return _number(db, "SELECT count(*) FROM connection")


def open_transactions(db: Database) -> int:
    """Return the number of open transactions."""
    return _number(
        db,
        # The first condition is that of the index started_transaction_unstopped.
        "SELECT count(*) FROM started_transaction WHERE state <> 'stopped' AND state = 'open'",
    )


def connector_states(db: Database) -> list[tuple[int, int, str]]:
    """Return the row id of the Charge Point, connector id and status of each known connector."""
    return db.execute(
        "SELECT charge_point, connector_id, status FROM connector"
        " WHERE connector_id BETWEEN 0 AND ?"
        " ORDER BY charge_point, connector_id",
        (MOST_CONNECTORS,),
    ).fetchall()


def booked_wh(db: Database) -> list[tuple[str, int]]:
    """Return the Wh booked to each account since the first record.

    The sum is that of the view monthly_consumption over all months.
    """
    # A scan of the whole table takes half as long as the index that SQLite would choose.
    return db.execute(
        f"SELECT {present_name('record')} AS name, sum(consumed_wh)"
        " FROM (SELECT account_index, account, sum(consumed_wh) AS consumed_wh"
        "  FROM accounting_record NOT INDEXED WHERE review IS NULL"
        "  GROUP BY account_index, account) AS record GROUP BY name ORDER BY name"
    ).fetchall()


def cases_under_review(db: Database) -> list[tuple[str, int]]:
    """Return the number of cases under review by kind: record, card, transaction, register.

    Gaps are left out, because counting them is slow.
    """
    return db.execute(
        "SELECT kind, count(*) FROM review WHERE kind <> 'gap' GROUP BY kind"
    ).fetchall()


def waiting_calls(db: Database) -> list[tuple[str, int]]:
    """Return the number of Calls by state: queued, and sent without a confirmation so far."""
    return db.execute(
        "SELECT state, count(*) FROM call WHERE state IN ('queued', 'sent') GROUP BY state"
    ).fetchall()


def waiting_files(db: Database) -> int:
    """Return the number of accounting files that are still to be written."""
    # Each table has an index of those rows, or very few rows.
    tables = ("accounting_record", "closed_month", "renumbering", "session_note")
    waits = [*((table, "exported_ms IS NULL") for table in tables)]
    waits.append(("statement_form", "content IS NOT NULL OR sha256 IS NULL"))
    return sum(_number(db, f"SELECT count(*) FROM {table} WHERE {is_}") for table, is_ in waits)


def _number(db: Database, sql: str) -> int:
    return int(db.execute(sql).fetchone()[0])
