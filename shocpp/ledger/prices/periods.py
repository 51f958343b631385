"""The period of a tariff, and the prices of its hours (pure).

Prices follow local time. In autumn one hour comes twice, in spring one hour is missing. "Wall time"
is here a number of milliseconds: the time since 1970 that a clock in this time zone shows. `zone`
parameters and `from_ms`/`until_ms` of the function `stretches` are real moments.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

DAY_MS = 86_400_000
"""A day of wall time: it always has 24 hours."""

HOUR_MS = 3_600_000
MINUTE_MS = 60_000

SOLAR = "Solar"
"""The name of the price of solar energy, in every language."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_ENDLESS_MS = 2**63


class Rate(NamedTuple):
    """The price of a kWh and its source; the fields but the last are those of a `PricePart`.

    basis          own or flat
    rate           the name of the price, or empty
    valid_from     an ISO date
    vat_bp         the VAT rate in basis points, None without VAT
    solar          the own price of solar energy in microeuro per kWh, None without one
    """

    basis: str
    rate: str
    valid_from: str
    microeuro_per_kwh: int
    vat_bp: int | None
    vat_included: bool
    solar: int | None = None

    @property
    def of_sun(self) -> "Rate | None":
        """Return the rate of solar energy, or None if it has no price of its own."""
        if self.solar is None:
            return None
        # Day, basis and VAT are those of the grid's price: one tariff has both.
        return self._replace(rate=SOLAR, microeuro_per_kwh=self.solar, solar=None)


class Stretch(NamedTuple):
    """A time span with one price; `rate` is None if it has no price."""

    from_ms: int
    until_ms: int
    rate: Rate | None


class Window(NamedTuple):
    """A part of every day with its own price.

    The minutes are 0..1439. If `until_minute` is not later, the window ends on the next day.
    """

    from_minute: int
    until_minute: int
    rate: Rate

    def parts(self) -> list[tuple[int, int, Rate]]:
        """Return the window as one or two parts of a day, split at midnight."""
        if self.from_minute < self.until_minute:
            return [(self.from_minute, self.until_minute, self.rate)]
        # Until midnight exactly: the part of the next day would be empty.
        early = [(0, self.until_minute, self.rate)] if self.until_minute else []
        return [*early, (self.from_minute, 24 * 60, self.rate)]


class Period(NamedTuple):
    """A tariff from its first to its last day.

    valid_until          the last day, included; None if it has no end
    rate                 the price outside the windows; None for the flat price of the year
    day                  the prices of a whole day, as (begin, end, rate) in minutes
    base_fee_microeuro   the base fee of a month
    """

    valid_from: date
    valid_until: date | None
    rate: Rate | None
    windows: tuple[Window, ...]
    day: tuple[tuple[int, int, Rate], ...]
    base_fee_microeuro: int
    vat_bp: int | None
    vat_included: bool

    @property
    def until_ms(self) -> int:
        """Return the wall time at which it ends, which no longer belongs to it."""
        return _ENDLESS_MS if self.valid_until is None else _midnight_ms(self.valid_until) + DAY_MS

    def years(self, last: int) -> range:
        """Return the years in which it holds; without an end, up to the year `last`."""
        end = max(last, self.valid_from.year) if self.valid_until is None else self.valid_until.year
        return range(self.valid_from.year, end + 1)

    def days_in(self, first: date, last: date) -> int:
        """Return the number of days from `first` to `last`, both included, on which it holds."""
        until = last if self.valid_until is None else min(self.valid_until, last)
        return max((until - max(self.valid_from, first)).days + 1, 0)

    def stretches(
        self, from_ms: int, until_ms: int, flat_prices: Mapping[int, int]
    ) -> Iterator[Stretch]:
        """Yield the prices of a span of wall time that lies within the period."""
        if self.rate is None:
            yield from self._by_year(from_ms, until_ms, flat_prices)
        elif not self.windows:
            yield Stretch(from_ms, until_ms, self.rate)
        else:
            yield from self._by_hours(from_ms, until_ms)

    def _by_year(
        self, from_ms: int, until_ms: int, flat_prices: Mapping[int, int]
    ) -> Iterator[Stretch]:
        """Yield the flat price of each year."""
        while from_ms < until_ms:
            year = date.fromordinal(from_ms // DAY_MS + _EPOCH_DAY).year
            end_ms = min(_midnight_ms(date(year + 1, 1, 1)), until_ms)
            yield Stretch(from_ms, end_ms, self._flat_rate(year, flat_prices.get(year)))
            from_ms = end_ms

    def _flat_rate(self, year: int, microeuro_per_kwh: int | None) -> Rate | None:
        """Return the rate of a year's flat price, or None if the year has none."""
        if microeuro_per_kwh is None:
            return None
        # The first day on which this price held for this account, for the statement.
        since = max(self.valid_from, date(year, 1, 1)).isoformat()
        return Rate("flat", "", since, microeuro_per_kwh, self.vat_bp, self.vat_included)

    def _by_hours(self, from_ms: int, until_ms: int) -> Iterator[Stretch]:
        """Yield the prices of each day's windows and of the hours between them."""
        # `day` covers all its minutes, so every millisecond gets exactly one price.
        for midnight_ms in range(from_ms - from_ms % DAY_MS, until_ms, DAY_MS):
            for begin, end, rate in self.day:
                begin_ms = max(midnight_ms + begin * MINUTE_MS, from_ms)
                end_ms = min(midnight_ms + end * MINUTE_MS, until_ms)
                if begin_ms < end_ms:
                    yield Stretch(begin_ms, end_ms, rate)


def day_of(rate: Rate, windows: Iterable[Window]) -> tuple[tuple[int, int, Rate], ...] | None:
    """Return the prices of a whole day: the windows, and `rate` between them.

    None if windows overlap.
    """
    day: list[tuple[int, int, Rate]] = []
    at = 0
    for begin, end, window_rate in sorted(part for window in windows for part in window.parts()):
        if begin < at:
            return None
        if begin > at:
            day.append((at, begin, rate))
        day.append((begin, end, window_rate))
        at = end
    if at < 24 * 60:
        day.append((at, 24 * 60, rate))
    return tuple(day)


def stretches(
    periods: Iterable[Period],
    flat_prices: Mapping[int, int],
    from_ms: int,
    until_ms: int,
    zone: tzinfo,
) -> list[Stretch]:
    """Return the prices from one moment to another, each as long as it stays the same.

    The periods are those of one account, in order. Between them there is no price.
    """
    merged: list[Stretch] = []
    # Between two changes of the clock, wall time and real time differ by a constant. So periods and
    # windows calculate in wall time only, and know nothing of daylight saving.
    for begin_ms, end_ms, offset_ms in _steady(from_ms, until_ms, zone):
        for wall in _between(periods, flat_prices, begin_ms + offset_ms, end_ms + offset_ms):
            until = wall.until_ms - offset_ms
            # One price continues across midnight and across a change of the clock. Without the
            # merge a record would be split where nothing changes.
            if merged and merged[-1].rate == wall.rate:
                merged[-1] = Stretch(merged[-1].from_ms, until, wall.rate)
            else:
                merged.append(Stretch(wall.from_ms - offset_ms, until, wall.rate))
    return merged


def _between(
    periods: Iterable[Period], flat_prices: Mapping[int, int], from_ms: int, until_ms: int
) -> Iterator[Stretch]:
    """Yield the prices of a span of wall time; `rate` is None outside the periods."""
    at_ms = from_ms
    for period in periods:
        begin_ms = max(_midnight_ms(period.valid_from), at_ms)
        end_ms = min(period.until_ms, until_ms)
        if begin_ms < end_ms:
            if at_ms < begin_ms:
                yield Stretch(at_ms, begin_ms, None)
            yield from period.stretches(begin_ms, end_ms, flat_prices)
            at_ms = end_ms
    if at_ms < until_ms:
        yield Stretch(at_ms, until_ms, None)


def _steady(from_ms: int, until_ms: int, zone: tzinfo) -> Iterator[tuple[int, int, int]]:
    """Yield the spans between two changes of the clock, each with its offset from UTC."""
    at_ms, offset_ms = from_ms, _offset_ms(from_ms, zone)
    while at_ms < until_ms:
        # A day at a time is enough: the changes of a zone's clock lie weeks apart.
        next_ms = min(at_ms + DAY_MS, until_ms)
        if _offset_ms(next_ms, zone) != offset_ms:
            next_ms = _change_ms(at_ms, next_ms, zone)
            yield from_ms, next_ms, offset_ms
            from_ms, offset_ms = next_ms, _offset_ms(next_ms, zone)
        at_ms = next_ms
    if from_ms < until_ms:
        yield from_ms, until_ms, offset_ms


def _change_ms(before_ms: int, after_ms: int, zone: tzinfo) -> int:
    """Return the moment of a change of the clock, between two moments with different offsets."""
    # tzinfo has no method for it, so this is a binary search: 27 steps for a day.
    offset_ms = _offset_ms(before_ms, zone)
    while after_ms - before_ms > 1:
        middle_ms = (before_ms + after_ms) // 2
        if _offset_ms(middle_ms, zone) == offset_ms:
            before_ms = middle_ms
        else:
            after_ms = middle_ms
    return after_ms


def _offset_ms(ms: int, zone: tzinfo) -> int:
    """Return the offset of local time from UTC at a moment, in milliseconds."""
    offset_ms = _hour_offset_ms(ms // HOUR_MS, zone)
    return _exact_offset_ms(ms, zone) if offset_ms is None else offset_ms


@lru_cache(maxsize=1_024)
def _hour_offset_ms(hour: int, zone: tzinfo) -> int | None:
    """Return the offset of a whole hour since 1970, None if the clock changes in it."""
    offset_ms = _exact_offset_ms(hour * HOUR_MS, zone)
    is_steady = offset_ms == _exact_offset_ms((hour + 1) * HOUR_MS, zone)
    return offset_ms if is_steady else None


def _exact_offset_ms(ms: int, zone: tzinfo) -> int:
    """Return the offset of a moment as the time zone has it."""
    offset = (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(milliseconds=1)


def _midnight_ms(day: date) -> int:
    """Return the wall time at which a day begins."""
    return (day.toordinal() - _EPOCH_DAY) * DAY_MS
