"""A day of the site: the grid, each car, its limits and their reasons, from what was stored.

The sun itself is not measured: what is known is the power at the grid, and that of the cars. Their
difference is the house, or where it is below 0, what the sun leaves.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from shocpp.calls.tiles import View, natural_order, tiles
from shocpp.energy.model import VOLT, Key, SiteReading
from shocpp.language.month import Month
from shocpp.language.site import reason_of, reason_text
from shocpp.ocpp.identity import identity_key
from shocpp.reports.books import Books
from shocpp.settings import Settings
from shocpp.site.history.memory import REPEAT_MS
from shocpp.site.history.spans import Interval, Span, clipped, full_means, means, merged
from shocpp.site.rules import site_conf
from shocpp.store.database import Database
from shocpp.store.site import history, readings
from shocpp.store.site.history import DrawnPower, SetPointChange

DAYS = 14
"""The days of which the history is stored."""

SLOT_MS = 300_000
"""The length of a slot: a point of the picture, and a line of the file."""

LASTS_MS = 2 * REPEAT_MS + 30_000
"""The time for which a stored power counts, unless it is 0."""

LEAST_STALE_MS = 30_000
"""The least time for which a reading of the meter counts: older ones are 10 s apart."""

Row = TypeVar("Row")

Powers = Sequence[int | None]
"""A power in W for each slot, None where it is not known."""


class SetPointText(NamedTuple):
    """A set point: its limits, its mode, and a sentence with the limit and the reason."""

    limit_ma: int | None
    base_ma: int | None
    mode: str
    sentence: str


class ConnectorDay(NamedTuple):
    """A connector on a day: the power of its car, and its set points in their order."""

    title: str
    powers_w: Powers
    set_points: Sequence[Span[SetPointText]]


class SiteDay(NamedTuple):
    """A day of a site in local time; `grid_w` is import, negative for export.

    `end_ms` is the end of the day, `until_ms` now or that end, and `slots` are the begins of the
    slots that have begun.
    """

    day: date
    begin_ms: int
    end_ms: int
    until_ms: int
    slots: Sequence[int]
    grid_w: Powers
    connectors: Sequence[ConnectorDay]

    @property
    def has_grid(self) -> bool:
        """Return True if the meter was read on this day."""
        return any(power_w is not None for power_w in self.grid_w)

    @property
    def cars_w(self) -> Powers:
        """Return the power of all cars; one that is not known counts as 0."""
        return [
            sum(one.powers_w[slot] or 0 for one in self.connectors)
            for slot in range(len(self.slots))
        ]

    @property
    def house_w(self) -> Powers:
        """Return what the house takes, less what the sun gives; 0 while the sun gives more."""
        return [None if rest_w is None else max(0, rest_w) for rest_w in self._rest_w]

    @property
    def sun_w(self) -> Powers:
        """Return what the sun leaves for cars and for the grid."""
        return [None if rest_w is None else max(0, -rest_w) for rest_w in self._rest_w]

    def energy_wh(self, powers_w: Powers) -> int:
        """Return the energy of the powers of slots; the last one may not be over yet."""
        lengths_ms = (min(SLOT_MS, self.until_ms - begin_ms) for begin_ms in self.slots)
        energies = (
            (power_w or 0) * length_ms
            for power_w, length_ms in zip(powers_w, lengths_ms, strict=True)
        )
        return round(sum(energies) / 3_600_000)

    @property
    def _rest_w(self) -> Powers:
        """Return the power at the grid without the cars."""
        return [
            None if grid_w is None else grid_w - (cars_w or 0)
            for grid_w, cars_w in zip(self.grid_w, self.cars_w, strict=True)
        ]


def bounds(day: date, zone: ZoneInfo) -> Interval:
    """Return the begin and the end of a day of local time, which may have 23 or 25 hours."""
    begin, end = (
        datetime(one.year, one.month, one.day, tzinfo=zone) for one in (day, day + timedelta(1))
    )
    return int(begin.timestamp() * 1000), int(end.timestamp() * 1000)


def site_day(
    db: Database, settings: Settings, day: date, now_ms: int, account: str | None = None
) -> SiteDay:
    """Return a day; of an account only its own transactions, without the grid."""
    return _Reading(db, settings, day, now_ms).site_day(account)


class _Reading:
    """The rows of one day."""

    def __init__(self, db: Database, settings: Settings, day: date, now_ms: int) -> None:
        self._db, self._settings, self._day, self._now_ms = db, settings, day, now_ms
        self._begin_ms, self._end_ms = bounds(day, settings.zone)
        self._until_ms = max(self._begin_ms, min(self._end_ms, now_ms))
        self._slots = range(self._begin_ms, self._until_ms, SLOT_MS)
        self._titles = {
            (identity_key(tile.charge_point), tile.connector_id): tile.title
            for tile in tiles(db, settings, View(True), now_ms)
        }

    def site_day(self, account: str | None) -> SiteDay:
        """Return the day."""
        drawn = history.drawn_between(self._db, self._begin_ms, self._until_ms)
        powers = _spans_of_powers(drawn, self._until_ms)
        points = self._set_points()
        grid_w: Powers = [None] * len(self._slots)
        if account is None:
            grid_w = means(self._grid(), self._begin_ms, SLOT_MS, len(self._slots))
        else:
            # Also the reasons: those of other times may tell of other people's cars.
            own = self._intervals_of(account)
            powers = {key: clipped(powers.get(key, ()), own[key]) for key in own}
            points = {key: clipped(points.get(key, ()), own[key]) for key in own}
        connectors = [
            ConnectorDay(self._title(key), self._drawn(powers.get(key, ())), points.get(key, ()))
            for key in {**powers, **points}
            if _is_used(powers.get(key, ()), points.get(key, ()), self._begin_ms)
        ]
        connectors.sort(key=lambda one: natural_order(one.title))
        return SiteDay(
            self._day,
            self._begin_ms,
            self._end_ms,
            self._until_ms,
            self._slots,
            grid_w,
            tuple(connectors),
        )

    def _drawn(self, spans: Iterable[Span[int]]) -> Powers:
        # A session begins and ends within a slot: the rest of it has no energy.
        return full_means(spans, self._begin_ms, SLOT_MS, self._until_ms)

    def _title(self, key: Key) -> str:
        """Return the name of a connector for people; one that is gone has its identity."""
        name, connector_id = key
        return self._titles.get((identity_key(name), connector_id), f"{name}, {connector_id}")

    def _grid(self) -> Iterator[Span[int]]:
        """Yield the power at the grid for the time that each reading counts."""
        conf = site_conf(self._db, self._settings)
        stale_ms, split_sum = LEAST_STALE_MS, 1.0
        if conf is not None:
            stale_ms = max(stale_ms, conf.rules.stale_ms)
            split_sum = sum(conf.rules.split)
        # The last reading of the day before counts into this one.
        begin_ms = self._begin_ms - stale_ms
        rows = readings.between(self._db, begin_ms, self._until_ms)
        moments_ms = [row.received_ms for row in rows]
        for row, next_ms in _until_next(rows, moments_ms, self._until_ms):
            end_ms = min(next_ms, row.received_ms + stale_ms)
            yield Span(row.received_ms, end_ms, grid_power_w(row, split_sum))

    def _set_points(self) -> dict[Key, list[Span[SetPointText]]]:
        """Return the set points of each connector, without repeated ones."""
        changes: dict[Key, list[SetPointChange]] = {}
        for change in history.changes_between(self._db, self._begin_ms, self._until_ms):
            known = changes.setdefault((change.charge_point_id, change.connector_id), [])
            if not known or _decided(known[-1]) != _decided(change):
                known.append(change)
        return {
            key: [
                Span(max(row.moment_ms, self._begin_ms), end_ms, self._text(row))
                for row, end_ms in _until_next(
                    rows, [row.moment_ms for row in rows], self._until_ms
                )
            ]
            for key, rows in changes.items()
        }

    def _text(self, row: SetPointChange) -> SetPointText:
        limit_ma = row.base_ma if row.limit_ma is None else row.limit_ma
        # The time to the next change is that of the moment at which it was decided.
        left_ms = None if row.next_ms is None else row.next_ms - row.moment_ms
        sentence = reason_text(reason_of(row.reason), limit_ma, self._settings.language, left_ms)
        return SetPointText(row.limit_ma, row.base_ma, row.mode, sentence)

    def _intervals_of(self, account: str) -> dict[Key, list[Interval]]:
        """Return the time of an account's transactions on each connector."""
        indices = Books(self._db, self._settings).indices_of(account)
        month = Month.of_moment(self._begin_ms, self._settings.zone).name
        intervals: dict[Key, list[Interval]] = {}
        for row in history.sessions_of(self._db, indices, month, self._begin_ms, self._until_ms):
            end_ms = self._until_ms if row.end_ms is None else min(row.end_ms, self._until_ms)
            at = intervals.setdefault((row.charge_point_id, row.connector_id), [])
            at.append((row.begin_ms, end_ms))
        return {key: merged(own) for key, own in intervals.items()}


def grid_power_w(reading: SiteReading, split_sum: float) -> int:
    """Return the power of a reading; `split_sum` is the sum of the shares of the phases."""
    total_ma = sum(reading.currents_ma)
    # A sum counts whole on each phase if nobody knows its shares: then they add up to 3.
    return round(total_ma / (split_sum if reading.is_sum else 1) * VOLT / 1000)


def _spans_of_powers(rows: Sequence[DrawnPower], until_ms: int) -> dict[Key, list[Span[int]]]:
    """Return the powers of each connector for the time that each counts."""
    of_keys: dict[Key, list[DrawnPower]] = {}
    for row in rows:
        of_keys.setdefault((row.charge_point_id, row.connector_id), []).append(row)
    return {
        key: [
            Span(row.moment_ms, min(end_ms, row.moment_ms + LASTS_MS), row.power_w)
            if row.power_w
            else Span(row.moment_ms, end_ms, 0)
            for row, end_ms in _until_next(of_key, [row.moment_ms for row in of_key], until_ms)
        ]
        for key, of_key in of_keys.items()
    }


def _until_next(
    rows: Sequence[Row], moments_ms: Sequence[int], until_ms: int
) -> Iterator[tuple[Row, int]]:
    """Yield each row with the moment of the next one."""
    yield from zip(rows, [*moments_ms, until_ms][1:], strict=True)


def _decided(row: SetPointChange) -> tuple[int | None, int | None, str, str]:
    """Return what makes a set point another one: a new leader stores it once more."""
    return row.limit_ma, row.base_ma, row.mode, row.reason


def _is_used(
    powers: Collection[Span[int]], points: Collection[Span[SetPointText]], begin_ms: int
) -> bool:
    """Return True if a connector had a car or a limit of its session on a day."""
    # A limit that waits for a car says nothing of the day.
    drew = any(span.value for span in powers if span.end_ms > begin_ms)
    return drew or any(span.value.limit_ma is not None for span in points)
