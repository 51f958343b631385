"""The past of the site, as the leader stores it: peaks, minutes, powers, set points."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from shocpp.energy.model import METER_ABSENT, METER_NONE, VOLT, Connector, Key, PerPhase
from shocpp.energy.standing import is_settled
from shocpp.energy.state.model import Decision
from shocpp.ledger.solar import GAP_MS, SiteMinute
from shocpp.site.facts.gathering import Gathered
from shocpp.site.history.memory import HistoryMemory
from shocpp.site.minutes import Minutes
from shocpp.store.charge_points import present
from shocpp.store.database import Database
from shocpp.store.site import history, limits, minutes, profiles, readings
from shocpp.store.site.set_points import StoredSetPoint

DAY_MS = 86_400_000
READING_DAYS, MINUTE_DAYS, PEAK_DAYS, REFUSED_DAYS = 14, 60, 7, 1
"""Days for which readings, minutes and refusals are stored, and for which peaks count."""

HOUSEKEEPING_MS = 3_600_000
"""The time between two deletions of old rows."""

THIN_AFTER_MS, THIN_STEP_MS = 120_000, 10_000
"""The age from which readings are thinned, and the least time between two of them then."""

MOST_WAITING = 1_000
"""Minutes that wait at most for a database that cannot be written, the newest."""


class PastRows(NamedTuple):
    """The rows that one decision adds to the past; `cleans` is True if old ones are deleted."""

    peak: tuple[str, PerPhase] | None
    minutes: Sequence[SiteMinute]
    powers: Sequence[tuple[Key, int]]
    points: Sequence[StoredSetPoint]
    cleans: bool

    @property
    def are_due(self) -> bool:
        """True if there is anything to write."""
        return any(self)


class Past:
    """The memory of one leader about what it has stored of the past."""

    def __init__(self) -> None:
        self._peak: tuple[str, PerPhase] | None = None
        self._minutes = Minutes()
        self._ended: list[SiteMinute] = []
        self._history = HistoryMemory()
        self._cleaned_ms = 0

    def rows(
        self,
        db: Database,
        gathered: Gathered,
        decision: Decision,
        points: Sequence[StoredSetPoint],
        moment_ms: int,
    ) -> PastRows:
        """Return the rows that this decision adds."""
        powers_w = _powers_w(db, gathered, decision, moment_ms)
        if decision.meter != METER_NONE:
            ended = self._minutes.add(moment_ms, _imported_w(decision), sum(powers_w.values()))
            self._ended = [*self._ended, *ended][-MOST_WAITING:]
        return PastRows(
            self._next_peak(gathered, decision, moment_ms),
            self._ended,
            self._history.due_powers(powers_w, moment_ms),
            self._history.due_points(points, moment_ms),
            moment_ms - self._cleaned_ms >= HOUSEKEEPING_MS,
        )

    def store(self, db: Database, rows: PastRows, moment_ms: int) -> None:
        """Store the rows in the caller's write transaction."""
        if rows.peak is not None:
            readings.record_peak(db, *rows.peak)
        minutes.store(db, rows.minutes)
        history.record(db, rows.powers, rows.points, moment_ms)
        if rows.cleans:
            _clean(db, self._cleaned_ms, moment_ms)

    def note(self, rows: PastRows, moment_ms: int) -> None:
        """Note that these rows are committed."""
        self._peak = rows.peak or self._peak
        self._ended = []
        self._history.note(rows.powers, rows.points, moment_ms)
        self._cleaned_ms = moment_ms if rows.cleans else self._cleaned_ms

    def _next_peak(
        self, gathered: Gathered, decision: Decision, moment_ms: int
    ) -> tuple[str, PerPhase] | None:
        """Return the day and the load of the house, if it is a new peak of the day."""
        house_ma, day = decision.house_ma, _day(moment_ms)
        # A car whose current is not known would count as a load of the house, for a week.
        connectors = gathered.facts.connectors
        if house_ma is None or not all(_is_known(one, moment_ms) for one in connectors):
            return None
        if self._peak is None or self._peak[0] != day:
            return day, house_ma
        first, second, third = map(max, self._peak[1], house_ma)
        highest = (first, second, third)
        return None if highest == self._peak[1] else (day, highest)


def first_peak_day(moment_ms: int) -> str:
    """Return the first day whose peak counts."""
    return _day(moment_ms - PEAK_DAYS * DAY_MS)


def _powers_w(
    db: Database, gathered: Gathered, decision: Decision, moment_ms: int
) -> dict[Key, int]:
    """Return the power that the car of each session draws, by what was reported last.

    It is 0 where nothing was reported for GAP_MS. Otherwise a charger that is away, or has lost the
    stop of its transaction, would draw for ever, and reduce the grid's part of all others.
    """
    charging = {one.key: one for one in gathered.facts.connectors if one.session is not None}
    drawn = {key: _drawn(decision, one) for key, one in charging.items()}
    # Without current and power, the registers tell it: otherwise each such car would count as if
    # the whole import were its own.
    unknown = {key for key, one in drawn.items() if one is None}
    for one in present.running(db, {key[0] for key in unknown}) if unknown else ():
        key = (one.transaction.charge_point_id, one.transaction.connector_id)
        if one.power is not None and key in unknown:
            # A register may leap.
            most_ma = charging[key].max_ma * len(charging[key].phases)
            power_w = min(one.power.power_w, most_ma * VOLT // 1_000)
            drawn[key] = power_w, one.power.measured_ms
    # The clock may have been set back.
    return {
        key: 0 if last is None or abs(moment_ms - last[1]) > GAP_MS else last[0]
        for key, last in drawn.items()
    }


def _drawn(decision: Decision, connector: Connector) -> tuple[int, int] | None:
    """Return the power of a connector's car and the time of the report, None without one."""
    memory, observed = decision.state.connectors.get(connector.key), connector.observed
    if memory is None or memory.drawn_ma is None:
        return None
    # Too little is safe: of its own energy, a session knows how much it was (`ledger.solar`).
    least_ma = None if observed is None else observed.least_ma
    drawn_ma = memory.drawn_ma if least_ma is None else least_ma
    return drawn_ma * VOLT // 1_000, memory.drawn_ms


def _imported_w(decision: Decision) -> int | None:
    """Return the power from the grid, None if no reading says it, or it is not that of the cars."""
    if decision.grid_ma is None or decision.meter == METER_ABSENT:
        return None
    return decision.grid_ma * VOLT // 1_000


def _clean(db: Database, cleaned_ms: int, moment_ms: int) -> None:
    """Delete rows that are too old, and thin the readings since the last time."""
    thin_from_ms = max(cleaned_ms, moment_ms - DAY_MS) - THIN_AFTER_MS
    readings.thin(db, thin_from_ms, moment_ms - THIN_AFTER_MS, THIN_STEP_MS)
    readings.purge(db, moment_ms - READING_DAYS * DAY_MS)
    history.purge(db, moment_ms - READING_DAYS * DAY_MS)
    minutes.purge(db, moment_ms - MINUTE_DAYS * DAY_MS)
    limits.purge(db, moment_ms)
    profiles.forget_refused(db, moment_ms - REFUSED_DAYS * DAY_MS)


def _is_known(connector: Connector, moment_ms: int) -> bool:
    """Return True if the current of a connector's car is known."""
    if connector.session is None:
        return True
    observed = connector.observed
    return observed is not None and is_settled(connector, observed, moment_ms)


def _day(moment_ms: int) -> str:
    """Return the day of a moment in UTC, as in `2026-12-31`."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment_ms)).date().isoformat()
