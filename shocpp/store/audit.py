"""What registers have counted beside what is booked: the views audit and gaps (memory floor)."""

from typing import NamedTuple

from shocpp.store.database import Database


class Audited(NamedTuple):
    """A Charge Point's month.

    `meter_wh` = booked + unassigned + under review + gap - overlap, all in Wh, where the register
    has not begun anew (`restarts` is 0); `under_review_wh` is what of it the register has counted.
    """

    charge_point_id: str
    meter_wh: int
    booked_wh: int
    unassigned_wh: int
    under_review_wh: int
    gap_wh: int
    overlap_wh: int
    restarts: int


def of_month(db: Database, year: int, month: int) -> list[Audited]:
    """Each Charge Point of which readings were booked in a month of local time."""
    rows = db.execute(
        "SELECT charge_point_id, meter_wh, booked_wh, unassigned_wh, under_review_wh, gap_wh,"
        " overlap_wh, restarts FROM audit WHERE year = ? AND month = ? ORDER BY charge_point_id",
        (year, month),
    )
    return [Audited(*row) for row in rows.fetchall()]


class Gap(NamedTuple):
    """Energy past the books: what a register counted between two claims, and when."""

    number: str
    charge_point: int
    charge_point_id: str
    connector_id: int | None
    from_wh: int
    to_wh: int
    after_ms: int
    before_ms: int
    dismissed: str | None


_GAP = (
    "SELECT gap, charge_point, charge_point_id, uncovered.connector_id, from_wh, to_wh, after_ms,"
    " before_ms, dismissed FROM uncovered"
    " JOIN charge_point ON charge_point.id = uncovered.charge_point"
)


def gaps_of_month(db: Database, year: int, month: int) -> list[Gap]:
    """The gaps of a month, in the order of their times."""
    rows = db.execute(
        f"{_GAP} WHERE month = ? ORDER BY charge_point_id, before_ms", (f"{year:04}-{month:02}",)
    )
    return [Gap(*row) for row in rows.fetchall()]


def gap(db: Database, number: str) -> Gap | None:
    """The gap of this number, which is that of the claim after it."""
    found = db.execute(f"{_GAP} WHERE gap = ?", (number,)).fetchone()
    return Gap(*found) if found else None


def is_gap(
    db: Database, charge_point: int | None, connector_id: int | None, from_wh: int, to_wh: int
) -> bool:
    """Whether nobody claims anything of this interval, which a register has counted."""
    found = db.execute(
        "SELECT 1 FROM uncovered WHERE charge_point = ? AND connector_id IS ?"
        " AND from_wh <= ? AND to_wh >= ?",
        (charge_point, connector_id, from_wh, to_wh),
    ).fetchone()
    return found is not None
