"""The audit of one month beside the views that look at everything."""

from shocpp.language.month import Month
from shocpp.store.books import audit
from shocpp.store.database import Database


def assert_months_tell_the_same(db: Database) -> None:
    """Assert that the audit of each month alone equals the views over all months."""
    months = db.execute("SELECT DISTINCT year, month FROM audit ORDER BY year, month").fetchall()
    for year, month in months:
        told = db.execute(
            "SELECT charge_point_id, meter_wh, booked_wh, unassigned_wh, under_review_wh, gap_wh,"
            " overlap_wh, restarts FROM audit WHERE year = ? AND month = ?"
            " ORDER BY charge_point_id",
            (year, month),
        ).fetchall()
        alone = audit.MonthAudit(db, Month(year, month))
        assert alone.charge_points() == told, (year, month)
        gaps = db.execute(
            "SELECT uncovered.gap, from_wh, to_wh, after_ms, before_ms, dismissed FROM uncovered"
            " WHERE month = ?",
            (Month(year, month).name,),
        ).fetchall()
        found = [
            (gap.number, gap.from_wh, gap.to_wh, gap.after_ms, gap.before_ms, gap.dismissed)
            for gap in alone.gaps()
        ]
        assert sorted(found) == sorted(gaps), (year, month)
