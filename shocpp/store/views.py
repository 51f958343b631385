"""The views of db/views.sql, row by row (memory floor)."""

from typing import Any

from shocpp.store.database import Database

LISTED = (
    *("calls", "charge_points", "connectors", "gaps", "open_transactions"),
    *("refused_attempts", "review"),
)


def rows_of(db: Database, view: str, last: int | None = None) -> list[dict[str, Any]]:
    """The rows of one of the listed views, each by its columns' names.

    `last`: only the newest so many of `calls`, which grows; oldest first.
    """
    if view not in LISTED:
        raise KeyError(view)
    newest = "" if last is None else " ORDER BY number DESC LIMIT ?"
    cursor = db.execute(f"SELECT * FROM {view}{newest}", () if last is None else (last,))
    columns = [column[0] for column in cursor.description]
    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return rows if last is None else rows[::-1]
