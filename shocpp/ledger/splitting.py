"""A record's energy on both sides of the moments at which its price changes (ground floor: pure).

The register is known at the start, at the stop and at every reading between them; from one to the
next it is taken to have grown evenly. Without readings that is the same as by time.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from shocpp.ledger.booking import Record
from shocpp.ocpp.facts import Reading

CLOSE_MS = 3_600_000
"""How far apart two readings may be for what lies between them to count as measured."""


class _Point(NamedTuple):
    """What has been counted since the start, and whether it is a reading of its own."""

    ms: int
    wh: int
    is_reading: bool


class Split(NamedTuple):
    """The Wh before, between and after the moments; are all of them measured?"""

    wh: list[int]
    is_measured: bool


def split(
    record: Record, began_ms: int, moments_ms: Sequence[int], readings: Iterable[Reading]
) -> Split:
    """The record's energy between these moments, which lie in order between its start and stop."""
    points = _points(record, began_ms, readings)
    counted_wh, measured = [0], []
    at = 1
    for moment_ms in moments_ms:
        while points[at].ms < moment_ms:
            at += 1
        low, high = points[at - 1], points[at]
        counted_wh.append(_wh_at(moment_ms, low, high))
        measured.append(_is_measured(moment_ms, low, high))
    counted_wh.append(record.consumed_wh)
    shares = [after_wh - before_wh for before_wh, after_wh in pairwise(counted_wh)]
    return Split(shares, all(measured))


def _wh_at(moment_ms: int, low: _Point, high: _Point) -> int:
    grown, span_ms = (high.wh - low.wh) * (moment_ms - low.ms), high.ms - low.ms
    return low.wh + (2 * grown + span_ms) // (2 * span_ms)


def _is_measured(moment_ms: int, low: _Point, high: _Point) -> bool:
    """Whether a reading says it: right then, soon before or after, or because nothing flowed."""
    if not (low.is_reading or high.is_reading):
        return False
    if high.is_reading and high.ms == moment_ms:
        return True
    return high.ms - low.ms <= CLOSE_MS or high.wh == low.wh


def _points(record: Record, began_ms: int, readings: Iterable[Reading]) -> list[_Point]:
    first = _Point(began_ms, 0, is_reading=False)
    last = _Point(record.stopped_ms, record.consumed_wh, is_reading=False)
    if record.consumed_wh != record.end_wh - record.begin_wh:
        return [first, last]  # the register began anew, or a human knows better
    told = sorted(
        _Point(reading.sampled_ms, reading.register_wh - record.begin_wh, is_reading=True)
        for reading in readings
        if reading.sampled_ms is not None
        and reading.register_wh is not None
        and began_ms < reading.sampled_ms < record.stopped_ms
        and record.begin_wh <= reading.register_wh <= record.end_wh
    )
    return [first, *_rising(told), last]


def _rising(points: list[_Point]) -> list[_Point]:
    """Without those that contradict the rest: too high for what follows, or too low, if fewer."""
    not_too_low: list[_Point] = []
    for point in points:
        if not not_too_low or point.wh >= not_too_low[-1].wh:
            not_too_low.append(point)
    not_too_high: list[_Point] = []
    for point in reversed(points):
        if not not_too_high or point.wh <= not_too_high[-1].wh:
            not_too_high.append(point)
    return max(not_too_low, not_too_high[::-1], key=len)
