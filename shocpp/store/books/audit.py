"""What registers have counted beside what is booked: the views audit and gaps (memory floor).

The views look at all that was ever claimed. Of one month the same is told by the claims since the
last ones before it, wherever time and reading agree about what came before them.
"""

import json
import re
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


class MonthAudit:
    """The audit of a month of local time."""

    def __init__(self, db: Database, year: int, month: int) -> None:
        self._db, self._year, self._month = db, year, month
        self._name = f"{year:04}-{month:02}"
        self._since = json.dumps(list(since(db, self._name).items()))

    def charge_points(self) -> list[Audited]:
        """Each Charge Point of which readings were booked in the month."""
        rows = self._db.execute(
            f"{_views_since(self._db)} SELECT charge_point_id, meter_wh, booked_wh, unassigned_wh,"
            " under_review_wh, gap_wh, overlap_wh, restarts FROM audit"
            " WHERE year = ? AND month = ? ORDER BY charge_point_id",
            (self._since, self._year, self._month),
        )
        return [Audited(*row) for row in rows.fetchall()]

    def gaps(self) -> list[Gap]:
        """The gaps of the month, in the order of their times."""
        rows = self._db.execute(
            f"{_views_since(self._db)} {_GAP} WHERE month = ? ORDER BY charge_point_id, before_ms",
            (self._since, self._name),
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


# -- since when the claims of a month need to be looked at -----------------------------------------

_SINCE = (
    "since (charge_point, from_ms) AS"
    " (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)),"
    " entries AS ("
    "  SELECT entry.* FROM since CROSS JOIN main.entries AS entry"
    "  ON entry.charge_point = since.charge_point AND entry.review IS NULL"
    "  AND coalesce(entry.started_ms, entry.stopped_ms) >= since.from_ms"
    "  UNION ALL SELECT * FROM main.entries WHERE review IS NOT NULL)"
)
_MADE_OF_ENTRIES = ("claims", "covered", "counted", "uncovered", "audit")


def _views_since(db: Database) -> str:
    """The views over the entries since certain moments: `[[charge point, ms], …]` as JSON."""
    texts = dict(db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'view'").fetchall())
    made = (f"{name} AS ({_select_of(texts[name])})" for name in _MADE_OF_ENTRIES)
    return f"WITH {_SINCE}, {', '.join(made)}"


def _select_of(view: str) -> str:
    return re.sub(r"^CREATE VIEW \w+ AS\s", "", view) + "\n"  # it may end with a comment


def since(db: Database, month: str) -> dict[int, int]:
    """Since when (ms) claims tell all about a month (YYYY-MM), of each Charge Point with any."""
    firsts = db.execute(
        "SELECT charge_point, min(coalesce(started_ms, stopped_ms)) FROM accounting_record"
        " WHERE month >= ? AND charge_point IS NOT NULL GROUP BY charge_point",
        (month,),
    ).fetchall()
    return {row: _since_when(db, row, first_ms) for row, first_ms in firsts}


class _Claim(NamedTuple):
    id: int | str
    connector_id: int | None
    begin_wh: int
    end_wh: int
    moment_ms: int
    until_ms: int


_ENTRY = (
    "SELECT id, register, begin_wh, max(begin_wh, end_wh),"
    " coalesce(started_ms, stopped_ms) AS moment_ms, stopped_ms FROM entries"
    " WHERE charge_point = ?1"
)
_BOOKED = f"{_ENTRY} AND review IS NULL AND provenance <> 'imported'"
_CLAIM = f"{_BOOKED} AND entry <> 'dismissal'"
_CLAIMS = (  # and the readings of what is not booked, whenever it was
    f"{_CLAIM} AND coalesce(started_ms, stopped_ms) >= ?2"
    f" UNION ALL {_ENTRY} AND review IS NOT NULL"
    " UNION ALL SELECT 'T' || id, connector_id, meter_start_wh, meter_start_wh,"
    "  coalesce(started_ms, received_ms), coalesce(started_ms, received_ms)"
    "  FROM started_transaction INDEXED BY started_transaction_unstopped"
    "  WHERE charge_point = ?1 AND state <> 'stopped'"
)
EVER = -(2**63)
"""A moment before all others."""


def _since_when(db: Database, charge_point: int, first_ms: int) -> int:
    """Since when a Charge Point's claims tell all about those from `first_ms` on.

    That is the last claim of each register before it, if all earlier claims end below it and all
    later ones begin above it: then what is older neither covers nor precedes what is newer.
    """
    lasts: dict[int, _Claim] = {}
    registers = db.execute(
        f"SELECT DISTINCT register FROM ({_CLAIMS}) WHERE moment_ms >= ?2", (charge_point, first_ms)
    )
    for (connector_id,) in registers.fetchall():
        if connector_id is None:
            return EVER
        last = db.execute(
            f"{_CLAIM} AND connector_id = ?2 AND coalesce(started_ms, stopped_ms) < ?3"
            " ORDER BY coalesce(started_ms, stopped_ms) DESC LIMIT 1",
            (charge_point, connector_id, first_ms),
        ).fetchone()
        if last is None:
            return EVER
        lasts[connector_id] = _Claim(*last)
    since_ms = min((last.moment_ms for last in lasts.values()), default=first_ms)
    for row in db.execute(_CLAIMS, (charge_point, since_ms)):
        if not all(_fits(_Claim(*row), last) for last in lasts.values()):
            return EVER
    return EVER if _reaches(db, charge_point, lasts, since_ms) else since_ms


def _fits(claim: _Claim, last: _Claim) -> bool:
    """Whether a claim ends below another one that is later, or begins above an earlier one."""
    if claim.id == last.id or claim.connector_id not in (last.connector_id, None):
        return True
    if claim.moment_ms < last.moment_ms:
        return claim.end_wh <= last.begin_wh
    return claim.begin_wh > last.begin_wh and claim.until_ms >= last.moment_ms


def _reaches(db: Database, charge_point: int, lasts: dict[int, _Claim], since_ms: int) -> bool:
    """Whether a claim from before ends above one of these, or what was dismissed does."""
    lowest_wh = min((last.begin_wh for last in lasts.values()), default=0)
    before = f"{_BOOKED} AND +coalesce(started_ms, stopped_ms) < ?3"
    rows = db.execute(
        # By the reading: there are few above, and many before.
        f"{before} AND end_wh > ?2 UNION ALL {before} AND begin_wh > ?2 AND end_wh < begin_wh",
        (charge_point, lowest_wh, since_ms),
    )
    for claim in (_Claim(*row) for row in rows):
        if claim.connector_id is None:
            return True
        last = lasts.get(claim.connector_id)
        if last is not None and claim.end_wh > last.begin_wh:
            return True
    return False
