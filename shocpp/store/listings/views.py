"""Rows of the views of db/views.sql, for listings."""

from typing import Any

from shocpp.ocpp.identity import identity_key
from shocpp.store.database import Database

LISTED = (
    *("calls", "charge_points", "connectors", "gaps", "open_transactions"),
    *("refused_attempts", "review", "set_points", "site"),
)
"""The views that are small enough to be read whole; `calls` may be limited."""


OF_A_CHARGE_POINT = ("configuration_values", "connectors", "requested_availability")
"""The views that are also read for one Charge Point."""


def rows_of(db: Database, view: str, last: int | None = None) -> list[dict[str, Any]]:
    """Return the rows of one of the `LISTED` views, each as values by column name.

    `last` limits `calls` to its newest rows, the oldest of them first; no other view has a number
    to sort by. Raises KeyError for any other name of a view.
    """
    # The name becomes a part of the SQL, so only known names pass.
    if view not in LISTED:
        raise KeyError(view)
    newest = "" if last is None else " ORDER BY number DESC LIMIT ?"
    rows = _rows(db, f"SELECT * FROM {view}{newest}", *(() if last is None else (last,)))
    return rows if last is None else rows[::-1]


def columns_of(db: Database, view: str) -> list[str]:
    """Return the names of the columns of one of the `LISTED` views; raises KeyError as above."""
    if view not in LISTED:
        raise KeyError(view)
    return [column[0] for column in db.execute(f"SELECT * FROM {view} LIMIT 0").description]


def rows_at(db: Database, view: str, charge_point_id: str) -> list[dict[str, Any]]:
    """Return the rows of one of the views OF_A_CHARGE_POINT for one of them, by its identity.

    Raises KeyError as `rows_of` does.
    """
    if view not in OF_A_CHARGE_POINT:
        raise KeyError(view)
    # The view has its identity in the spelling of its first connection.
    identity = "(SELECT charge_point_id FROM charge_point WHERE identity_key = ?)"
    sql = f"SELECT * FROM {view} WHERE charge_point_id = {identity}"
    return _rows(db, sql, identity_key(charge_point_id))


def newest_calls_at(db: Database, charge_point_id: str, last: int) -> list[dict[str, Any]]:
    """Return the newest rows of the view `calls` for a Charge Point, the newest first."""
    # Their numbers come from an index: SQLite would scan all Calls for the view.
    return _rows(
        db,
        "SELECT * FROM calls WHERE number IN (SELECT id FROM call WHERE charge_point ="
        " (SELECT id FROM charge_point WHERE identity_key = ?) ORDER BY id DESC LIMIT ?)"
        " ORDER BY number DESC",
        *(identity_key(charge_point_id), last),
    )


def _rows(db: Database, sql: str, *values: object) -> list[dict[str, Any]]:
    cursor = db.execute(sql, values)
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
