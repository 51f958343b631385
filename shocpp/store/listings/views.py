"""Rows of the views of db/views.sql, for listings."""

from typing import Any

from shocpp.store.database import Database

LISTED = (
    *("calls", "charge_points", "connectors", "gaps", "open_transactions"),
    *("refused_attempts", "review"),
)
"""The views that are small enough to be read whole; `calls` may be limited."""


def rows_of(db: Database, view: str, last: int | None = None) -> list[dict[str, Any]]:
    """Return the rows of one of the `LISTED` views, each as values by column name.

    `last` limits `calls` to its newest rows, the oldest of them first; no other view has a number
    to sort by. Raises KeyError for any other name of a view.
    """
    # The name becomes a part of the SQL, so only known names pass.
    if view not in LISTED:
        raise KeyError(view)
    newest = "" if last is None else " ORDER BY number DESC LIMIT ?"
    cursor = db.execute(f"SELECT * FROM {view}{newest}", () if last is None else (last,))
    columns = [column[0] for column in cursor.description]
    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return rows if last is None else rows[::-1]
