"""The energy of each minute at the site, from which the solar energy of records follows."""

from collections.abc import Iterable

from shocpp.ledger.solar import SiteMinute
from shocpp.store.database import Database


def store(db: Database, rows: Iterable[SiteMinute]) -> None:
    """Store minutes. One that comes twice, after the clock was set back, counts as without meter.

    Which of both is meant by the time of a reading, nobody knows.
    """
    db.executemany(
        "INSERT INTO site_minute (minute, imported_mwh, exported_mwh, cars_mwh)"
        " VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET imported_mwh = NULL, exported_mwh = NULL,"
        " cars_mwh = max(cars_mwh, excluded.cars_mwh)",
        rows,
    )


def between(db: Database, first: int, last: int) -> list[SiteMinute]:
    """Return the minutes from one to another, both included, in order."""
    # By the primary key: the stop of each session asks for its minutes within its transaction.
    rows = db.execute(
        "SELECT minute, imported_mwh, exported_mwh, cars_mwh FROM site_minute"
        " WHERE minute BETWEEN ? AND ? ORDER BY minute",
        (first, last),
    )
    return [SiteMinute(*row) for row in rows.fetchall()]


def purge(db: Database, before_ms: int) -> None:
    """Delete the minutes before a time."""
    db.execute("DELETE FROM site_minute WHERE minute < ?", (before_ms // 60_000,))
