"""The readings of the site's meter, and the highest load of the house of each day."""

from shocpp.energy.model import PerPhase, SiteReading
from shocpp.store.database import Database

POSTED, POLLED, MQTT = "posted", "polled", "mqtt"
"""The sources of readings."""


def add(db: Database, source: str, reading: SiteReading) -> None:
    """Store a reading; import from the grid is positive."""
    db.execute(
        "INSERT INTO site_reading (received_ms, source, l1_ma, l2_ma, l3_ma, is_sum)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (reading.received_ms, source, *reading.currents_ma, reading.is_sum),
    )


def since(db: Database, received_ms: int) -> list[SiteReading]:
    """Return the readings that were received after a time, the oldest first."""
    rows = db.execute(
        "SELECT received_ms, l1_ma, l2_ma, l3_ma, is_sum FROM site_reading WHERE received_ms > ?"
        " ORDER BY received_ms, id",
        (received_ms,),
    )
    return [_reading(*row) for row in rows.fetchall()]


def between(db: Database, begin_ms: int, end_ms: int) -> list[SiteReading]:
    """Return the readings from a moment to before another, the oldest first."""
    rows = db.execute(
        "SELECT received_ms, l1_ma, l2_ma, l3_ma, is_sum FROM site_reading"
        " WHERE received_ms >= ? AND received_ms < ? ORDER BY received_ms, id",
        (begin_ms, end_ms),
    )
    return [_reading(*row) for row in rows.fetchall()]


def newest(db: Database) -> SiteReading | None:
    """Return the newest reading, or None."""
    row = db.execute(
        "SELECT received_ms, l1_ma, l2_ma, l3_ma, is_sum FROM site_reading ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return _reading(*row) if row else None


def purge(db: Database, before_ms: int) -> None:
    """Delete the readings that were received before a time."""
    db.execute("DELETE FROM site_reading WHERE received_ms < ?", (before_ms,))


def forget_after(db: Database, after_ms: int) -> None:
    """Delete the readings that were received after a time: the clock was set back since."""
    db.execute("DELETE FROM site_reading WHERE received_ms > ?", (after_ms,))


def thin(db: Database, begin_ms: int, end_ms: int, step_ms: int) -> None:
    """Delete all but the first reading of each step of time, from a moment to before another."""
    # The rest stay as they were received: a mean of them would be no reading of the meter.
    db.execute(
        "DELETE FROM site_reading WHERE received_ms >= ?1 AND received_ms < ?2 AND id NOT IN"
        " (SELECT min(id) FROM site_reading WHERE received_ms >= ?1 AND received_ms < ?2"
        " GROUP BY received_ms / ?3)",
        (begin_ms, end_ms, step_ms),
    )


def record_peak(db: Database, day: str, currents_ma: PerPhase) -> None:
    """Store the load of the house on a day (YYYY-MM-DD) where it is the highest of its phase."""
    db.execute(
        "INSERT INTO site_peak VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " l1_ma = max(l1_ma, excluded.l1_ma), l2_ma = max(l2_ma, excluded.l2_ma),"
        " l3_ma = max(l3_ma, excluded.l3_ma)",
        (day, *currents_ma),
    )


def peak(db: Database, since_day: str) -> PerPhase | None:
    """Return the highest load of each phase since a day, or None if none was stored."""
    l1, l2, l3 = db.execute(
        "SELECT max(l1_ma), max(l2_ma), max(l3_ma) FROM site_peak WHERE day >= ?", (since_day,)
    ).fetchone()
    return None if l1 is None else (l1, l2, l3)


def forget_peaks(db: Database) -> None:
    """Delete the highest loads of the house: they are those of another meter."""
    db.execute("DELETE FROM site_peak")


def _reading(received_ms: int, l1_ma: int, l2_ma: int, l3_ma: int, is_sum: int) -> SiteReading:
    return SiteReading(received_ms, (l1_ma, l2_ma, l3_ma), bool(is_sum))
