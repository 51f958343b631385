"""The split of a record's energy at the moments at which its price changes (pure).

The register is known at the start, at the stop, and at every reading between them. Between two of
these points it is assumed to grow evenly. Without readings this is a split by time.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from shocpp.ledger.own_readings import of_best_source
from shocpp.ledger.record import Record
from shocpp.ocpp.facts import Reading

CLOSE_MS = 3_600_000
"""The largest distance of two readings, in milliseconds, at which a split between them counts as
measured."""


class Point(NamedTuple):
    """The energy counted since the start at a moment; `is_reading` is False for start and stop."""

    ms: int
    wh: int
    is_reading: bool


class Split(NamedTuple):
    """The energies in Wh before, between and after the moments.

    `is_measured` is True if readings prove the energy at every moment.
    """

    wh: list[int]
    is_measured: bool


def split(
    record: Record, began_ms: int, moments_ms: Sequence[int], readings: Iterable[Reading]
) -> Split:
    """Return the record's energy before, between and after these moments.

    `began_ms` is the record's start. The moments are in order and lie between start and stop. The
    energies always add up to `consumed_wh`.
    """
    points = points_of(record, began_ms, readings)
    counted_wh, measured = [0], []
    at = 1
    for moment_ms in moments_ms:
        # Moments and points are both in order, so one pass is enough.
        while points[at].ms < moment_ms:
            at += 1
        low, high = points[at - 1], points[at]
        counted_wh.append(_wh_at(moment_ms, low, high))
        measured.append(_is_measured(moment_ms, low, high))
    # Differences of one rounded sequence: no Wh is lost or counted twice by rounding.
    counted_wh.append(record.consumed_wh)
    shares = [after_wh - before_wh for before_wh, after_wh in pairwise(counted_wh)]
    return Split(shares, all(measured))


def _wh_at(moment_ms: int, low: Point, high: Point) -> int:
    """Return the energy at a moment between two points, interpolated and rounded half up."""
    # In integers, like every energy: exact at any size.
    grown, span_ms = (high.wh - low.wh) * (moment_ms - low.ms), high.ms - low.ms
    return low.wh + (2 * grown + span_ms) // (2 * span_ms)


def _is_measured(moment_ms: int, low: Point, high: Point) -> bool:
    """Return True if readings prove the energy at this moment.

    A reading is at the moment itself, or the points around it are close, or no energy flowed.
    """
    if not (low.is_reading or high.is_reading):
        return False
    if high.is_reading and high.ms == moment_ms:
        return True
    return high.ms - low.ms <= CLOSE_MS or high.wh == low.wh


def points_of(record: Record, began_ms: int, readings: Iterable[Reading]) -> list[Point]:
    """Return start, usable readings and stop, in order of time with rising energy."""
    first = Point(began_ms, 0, is_reading=False)
    last = Point(record.stopped_ms, record.consumed_wh, is_reading=False)
    # The register restarted, or a human corrected the energy. Then no reading fits, only time does.
    if record.consumed_wh != record.end_wh - record.begin_wh:
        return [first, last]
    samples = sorted(
        Point(reading.sampled_ms, reading.register_wh - record.begin_wh, is_reading=True)
        for reading in of_best_source(readings)
        if reading.sampled_ms is not None
        and reading.register_wh is not None
        and began_ms < reading.sampled_ms < record.stopped_ms
        and record.begin_wh <= reading.register_wh <= record.end_wh
    )
    return [first, *_rising(samples), last]


def _rising(points: list[Point]) -> list[Point]:
    """Return the points without those that contradict the rest.

    A wrong point is too high for the points after it, or too low for those before it. The longer of
    both selections is returned: it leaves out fewer points.
    """
    not_too_low: list[Point] = []
    for point in points:
        if not not_too_low or point.wh >= not_too_low[-1].wh:
            not_too_low.append(point)
    not_too_high: list[Point] = []
    for point in reversed(points):
        if not not_too_high or point.wh <= not_too_high[-1].wh:
            not_too_high.append(point)
    return max(not_too_low, not_too_high[::-1], key=len)
