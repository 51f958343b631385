"""The choice of old readings that may be deleted (pure).

A series is the readings of one transaction, or of a connector between transactions. What stays of
it gives the same energy, the same restarts, and the same split at each quarter-hour:

    each source     its first and its last reading, by receipt and by time
    each register   both sides of every fall and of every leap; its first reading without a clock
    each quarter    its first reading; its last one too if the register rises until the next quarter

Frames are deleted whole: one that holds a reading that stays, stays with all its readings.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice, pairwise
from typing import NamedTuple

from shocpp.ledger.clocks import has_clock
from shocpp.ledger.register import CAP_WH
from shocpp.ocpp.facts import Reading
from shocpp.ocpp.meter_values.quantities import BEST_SOURCE

QUARTER_MS = 15 * 60_000
"""A quarter-hour. Prices change at full hours, halves and quarters, in every time zone."""


FEW = 100
"""Readings of a frame that are always kept, and falls in one of more."""


class FramedReading(NamedTuple):
    """A reading, the row id of its frame and the time of receipt."""

    frame: int
    received_ms: int
    reading: Reading


class _Point(NamedTuple):
    """The value of a reading at a moment; `at` is its position in the series."""

    moment_ms: int
    at: int
    value: int
    has_clock: bool


def removable_frames(series: Sequence[FramedReading]) -> set[int]:
    """Return the frames of a series that may be deleted; it is in the order of receipt."""
    staying = set(_staying(series))
    needed = {series[at].frame for at in staying}
    return {framed.frame for framed in series} - needed


def few_of(readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """Return readings of one frame, or of many those that its energy needs.

    These are the first and the last one of each source, both sides of the first falls, and some
    evenly between.
    """
    if len(readings) <= FEW:
        return readings
    staying = {*range(0, len(readings), len(readings) // FEW)}
    falls, last = 0, dict[str | None, tuple[int, int]]()
    for at, reading in enumerate(readings):
        wh, source = reading.register_wh, reading.register_source
        if wh is not None:
            before_at, before_wh = last.get(source, (at, wh))
            if source not in last:
                staying.add(at)
            elif wh < before_wh and falls < FEW:
                staying |= {before_at, at}
                falls += 1
            last[source] = at, wh
    staying |= {at for at, _ in last.values()}
    return tuple(readings[at] for at in sorted(staying))


def _staying(series: Sequence[FramedReading]) -> Iterator[int]:
    """Yield the positions of the readings that stay; some several times."""
    for points in _by_source(series, _register):
        in_time = sorted(points)
        for order in (points, in_time):
            yield from _ends(order)
            yield from _sides_of_breaks(order)
        yield from _by_quarter(in_time)
        # One register without a clock makes all of them count in the order of receipt.
        yield from islice((point.at for point in points if not point.has_clock), 1)
    for points in _by_source(series, _power):
        yield from _ends(points)
        in_time = sorted(points)
        yield from _ends(in_time)
        # Between two readings of a power nothing is interpolated, so one a quarter-hour is enough.
        yield from (quarter[0].at for quarter in _quarters(in_time))


def _by_source(
    series: Sequence[FramedReading], value_of: Callable[[Reading], tuple[int | None, str | None]]
) -> Iterable[list[_Point]]:
    """Return the points of each source, in the order of receipt."""
    by_source: dict[str, list[_Point]] = {}
    for at, framed in enumerate(series):
        value, source = value_of(framed.reading)
        if value is not None:
            sampled_ms = framed.reading.sampled_ms
            if has_clock(sampled_ms):
                point = _Point(sampled_ms, at, value, True)
            else:
                point = _Point(framed.received_ms, at, value, False)
            by_source.setdefault(source or BEST_SOURCE, []).append(point)
    return by_source.values()


def _register(reading: Reading) -> tuple[int | None, str | None]:
    return reading.register_wh, reading.register_source


def _power(reading: Reading) -> tuple[int | None, str | None]:
    return reading.power_w, reading.power_source


def _ends(points: Sequence[_Point]) -> tuple[int, int]:
    return points[0].at, points[-1].at


def _sides_of_breaks(points: Sequence[_Point]) -> Iterator[int]:
    """Yield both sides of each fall, of each leap and of each negative value."""
    # Without both sides of a leap, a value that no register can reach would hide the fall after it.
    for before, after in pairwise(points):
        if not 0 <= before.value <= after.value <= before.value + CAP_WH:
            yield before.at
            yield after.at


def _by_quarter(points: Sequence[_Point]) -> Iterator[int]:
    """Yield the first point of each quarter-hour, and the last one where the register rises.

    Measured: with the first ones only, half of all splits at a quarter change, by up to 558 Wh.
    """
    quarters = _quarters(points)
    followers = [*(quarter[0] for quarter in quarters[1:]), points[-1]]
    for quarter, follower in zip(quarters, followers, strict=True):
        yield quarter[0].at
        if follower.value != quarter[0].value:
            yield quarter[-1].at


def _quarters(points: Sequence[_Point]) -> list[list[_Point]]:
    """Return points in the order of time by their quarter-hours."""
    return [list(quarter) for _, quarter in groupby(points, lambda p: p.moment_ms // QUARTER_MS)]
