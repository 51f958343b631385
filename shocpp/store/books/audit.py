"""The audit: energy that registers have counted compared with energy that is booked.

A *claim* is an interval or a reading of a register that a record or a transaction proves. The views
`audit` and `gaps` read all claims there ever were. For one month this module runs the same views
over the claims since the last ones before the month, where that gives the same result.
"""
# Measured: with the views alone the statement of an open month took 1.1 s for each 100 000 records
# of the whole database. Over the claims since then it is 25 times as fast.

import json
import re
from typing import NamedTuple

from shocpp.language.month import Month
from shocpp.store.charge_points.identities import charge_point_id_of
from shocpp.store.database import Database


class Audited(NamedTuple):
    """The audit of a Charge Point for a month, all in Wh.

    `meter_wh` = booked + unassigned + under review + gap - overlap, unless the register restarted
    (`restarts` > 0). `under_review_wh` is the part of the energy under review that the register has
    counted. `overlap_wh` is energy that two records claim.
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
    """Energy that a register counted between two claims, and that no record claims.

    `number` is `G` and the name of the claim or case that begins where the gap ends: the first of
    its chain of decisions. `charge_point` is a row id. `dismissed` is the reason if a human has
    dismissed the gap.
    """

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

    def __init__(self, db: Database, month: Month) -> None:
        """Find the first claims that the month depends on; the methods then read from these."""
        self._db, self._month, self._name = db, month, month.name
        self._since = json.dumps(list(since(db, self._name).items()))

    def charge_points(self) -> list[Audited]:
        """Return the audit of each Charge Point with claims in the month."""
        contiguous = _contiguous(self._db, self._since, self._name)
        audited = [
            Audited(name, wh, wh - unassigned_wh, unassigned_wh, 0, 0, 0, 0)
            for name, wh, unassigned_wh in contiguous.values()
            if name
        ]
        others = [item for item in json.loads(self._since) if item[0] not in contiguous]
        if others:
            rows = self._db.execute(
                f"{_views_since(self._db)} SELECT charge_point_id, meter_wh, booked_wh,"
                " unassigned_wh, under_review_wh, gap_wh, overlap_wh, restarts FROM audit"
                " WHERE year = ? AND month = ?",
                (json.dumps(others), *self._month),
            )
            audited += [Audited(*row) for row in rows.fetchall()]
        return sorted(audited)

    def gaps(self) -> list[Gap]:
        """Return the gaps of the month by Charge Point, in the order of their times."""
        rows = self._db.execute(
            f"{_views_since(self._db)} {_GAP} WHERE month = ? ORDER BY charge_point_id, before_ms",
            (self._since, self._name),
        )
        return [Gap(*row) for row in rows.fetchall()]


def gap(db: Database, number: str) -> Gap | None:
    """Return the gap with this number, or None."""
    row = db.execute(f"{_GAP} WHERE gap = ?", (number,)).fetchone()
    return Gap(*row) if row else None


def is_gap(
    db: Database, charge_point: int | None, connector_id: int | None, from_wh: int, to_wh: int
) -> bool:
    """Return True if this interval lies within a gap: counted by a register, and not claimed."""
    row = db.execute(
        "SELECT 1 FROM uncovered WHERE charge_point = ? AND connector_id IS ?"
        " AND from_wh <= ? AND to_wh >= ?",
        (charge_point, connector_id, from_wh, to_wh),
    ).fetchone()
    return row is not None


# -- registers without anything to audit ----------------------------------------------------------

_REGISTERS_SINCE = (
    "SELECT count(*) FILTER (WHERE is_of_month),"
    " coalesce(sum(consumed_wh) FILTER (WHERE is_of_month), 0),"
    " coalesce(sum(consumed_wh) FILTER (WHERE is_of_month AND account_index = 0), 0),"
    " total(coalesce(is_odd, 1)) FROM (SELECT month = :month AS is_of_month, consumed_wh,"
    " account_index, connector_id IS NULL OR entry <> 'record' OR provenance = 'imported'"
    " OR begin_wh < 0 OR end_wh < begin_wh OR consumed_wh <> end_wh - begin_wh"
    # In the order of the claims.
    " OR begin_wh <> lag(end_wh, 1, begin_wh) OVER (PARTITION BY connector_id"
    "  ORDER BY coalesce(started_ms, stopped_ms), begin_wh, end_wh) AS is_odd"
    " FROM accounting_record WHERE charge_point = :row AND review IS NULL"
    " AND coalesce(started_ms, stopped_ms) >= :from_ms)"
)
_UNUSUAL = (
    # Each has an index of these rows.
    "SELECT charge_point FROM accounting_record WHERE review IS NOT NULL"
    " UNION SELECT charge_point FROM accounting_record WHERE root IS NOT NULL"
    " UNION SELECT charge_point FROM started_transaction WHERE state <> 'stopped'"
)
"""The Charge Points with cases, with decisions, or with open transactions."""


class _Contiguous(NamedTuple):
    """The Wh of a Charge Point in a month; the name is empty if it has no record in the month."""

    charge_point_id: str
    wh: int
    unassigned_wh: int


# The views take 1.1 s for 100 000 records, and this a quarter: at most chargers, each transaction
# begins where the one before it has ended.
def _contiguous(db: Database, since: str, month: str) -> dict[int, _Contiguous]:
    """Return the Charge Points whose registers need no audit, by row id, with their Wh of a month.

    Since the times in `since`, each record of a register begins where the one before it ended, and
    nothing is under review, decided, imported or open. So there are no gaps, overlaps or restarts,
    and what was counted is what is booked.
    """
    unusual = {row for (row,) in db.execute(_UNUSUAL).fetchall()}
    contiguous = {}
    for row, from_ms in json.loads(since):
        if row in unusual:
            continue
        values = {"month": month, "row": row, "from_ms": from_ms}
        records, *sums, odd = db.execute(_REGISTERS_SINCE, values).fetchone()
        if not odd:
            name = charge_point_id_of(db, row) if records else ""
            contiguous[row] = _Contiguous(name, *sums)
    return contiguous


# -- the first claims that the audit of a month depends on ----------------------------------------

# This `entries` hides the view of that name from the other views. It holds the entries since the
# times given as JSON, and all that are under review. CROSS JOIN keeps the order of the tables: a
# few Charge Points first, then their entries by the index of Charge Point and time.
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
"""The views that read `entries`, each after those it reads."""


def _views_since(db: Database) -> str:
    """Return a WITH clause with the views over the entries since certain times.

    Its one value is JSON: `[[row id of a Charge Point, ms], …]`.
    """
    # The texts come from the database, so that month and whole are always audited by the same SQL.
    texts = dict(db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'view'").fetchall())
    made = (f"{name} AS ({_select_of(texts[name])})" for name in _MADE_OF_ENTRIES)
    return f"WITH {_SINCE}, {', '.join(made)}"


def _select_of(view: str) -> str:
    """Return the SELECT of a CREATE VIEW statement."""
    # The new line ends a comment that the text may end with.
    return re.sub(r"^CREATE VIEW \w+ AS\s", "", view) + "\n"


def since(db: Database, month: str) -> dict[int, int]:
    """Return the times (ms) from which on claims decide the audit of a month (YYYY-MM).

    They are given by row id of each Charge Point with records in the month or later. The time is
    `EVER` where the audit depends on all claims.
    """
    firsts = db.execute(
        "SELECT charge_point, min(coalesce(started_ms, stopped_ms)) FROM accounting_record"
        " WHERE month >= ? AND charge_point IS NOT NULL GROUP BY charge_point",
        (month,),
    ).fetchall()
    return {row: _since_when(db, row, first_ms) for row, first_ms in firsts}


class _Claim(NamedTuple):
    """A row of `_CLAIMS`; `id` is that of a record, or `T` and that of a transaction."""

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
# The claims since a time, and without regard to time the readings of records under review and of
# transactions without a stop.
_CLAIMS = (
    f"{_CLAIM} AND coalesce(started_ms, stopped_ms) >= ?2"
    f" UNION ALL {_ENTRY} AND review IS NOT NULL"
    " UNION ALL SELECT 'T' || id, connector_id, meter_start_wh, meter_start_wh,"
    "  coalesce(started_ms, received_ms), coalesce(started_ms, received_ms)"
    "  FROM started_transaction INDEXED BY started_transaction_unstopped"
    "  WHERE charge_point = ?1 AND state <> 'stopped'"
)
EVER = -(2**63)
"""A time (ms) before all others."""


def _since_when(db: Database, charge_point: int, first_ms: int) -> int:
    """Return the time from which on claims decide the audit of those from `first_ms` on.

    That is the time of the last claim of each register before `first_ms`. It holds only if all
    earlier claims of the register end below that one, and all later ones begin above it. Then no
    older claim covers or precedes a newer one. Otherwise it is `EVER`.
    """
    # Without an earlier record all claims decide; this question costs less than the next one.
    earlier = (
        "SELECT 1 FROM accounting_record WHERE charge_point = ? AND review IS NULL"
        " AND coalesce(started_ms, stopped_ms) < ? LIMIT 1"
    )
    if db.execute(earlier, (charge_point, first_ms)).fetchone() is None:
        return EVER
    lasts: dict[int, _Claim] = {}
    registers = db.execute(
        f"SELECT DISTINCT register FROM ({_CLAIMS}) WHERE moment_ms >= ?2", (charge_point, first_ms)
    )
    for (connector_id,) in registers.fetchall():
        # A claim without a connector may belong to any register.
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
    """Return True if a claim ends below `last` and is older, or begins above it and is newer.

    Claims of other registers always fit.
    """
    if claim.id == last.id or claim.connector_id not in (last.connector_id, None):
        return True
    if claim.moment_ms < last.moment_ms:
        return claim.end_wh <= last.begin_wh
    return claim.begin_wh > last.begin_wh and claim.until_ms >= last.moment_ms


def _reaches(db: Database, charge_point: int, lasts: dict[int, _Claim], since_ms: int) -> bool:
    """Return True if an older claim, or an older dismissal, ends above one of the last claims."""
    lowest_wh = min((last.begin_wh for last in lasts.values()), default=0)
    # The `+` keeps SQLite from the index by time: few claims have readings above these, but many
    # are older. The second SELECT finds records that end below their begin.
    before = f"{_BOOKED} AND +coalesce(started_ms, stopped_ms) < ?3"
    rows = db.execute(
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
