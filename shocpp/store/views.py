"""The views of db/views.sql, row by row (memory floor)."""

from typing import Any

from shocpp.store.database import Database

LISTED = ("charge_points", "connectors", "open_transactions", "review", "gaps", "waiting_calls")


def rows_of(db: Database, view: str) -> list[dict[str, Any]]:
    """All rows of one of the listed views, each by its columns' names."""
    if view not in LISTED:
        raise KeyError(view)
    cursor = db.execute(f"SELECT * FROM {view}")
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
