"""Values over time, and their means in slots of equal length (pure)."""

from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

Value = TypeVar("Value")


class Span(NamedTuple, Generic[Value]):
    """A value from a moment to before another, in milliseconds since 1970."""

    begin_ms: int
    end_ms: int
    value: Value


Interval = tuple[int, int]
"""The time from a moment to before another."""


def clipped(spans: Iterable[Span[Value]], intervals: Iterable[Interval]) -> list[Span[Value]]:
    """Return the parts of spans that lie in intervals, which do not overlap."""
    within = list(intervals)
    return [
        Span(max(span.begin_ms, begin_ms), min(span.end_ms, end_ms), span.value)
        for span in spans
        for begin_ms, end_ms in within
        if span.begin_ms < end_ms and begin_ms < span.end_ms
    ]


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same time as intervals that do not overlap, in order."""
    united: list[Interval] = []
    for begin_ms, end_ms in sorted(intervals):
        if united and begin_ms <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], end_ms))
        elif begin_ms < end_ms:
            united.append((begin_ms, end_ms))
    return united


def means(spans: Iterable[Span[int]], begin_ms: int, slot_ms: int, count: int) -> list[int | None]:
    """Return the mean of each of so many slots, over the time that has a value.

    A slot without a value has None.
    """
    sums, covered_ms = [0] * count, [0] * count
    for span in spans:
        for slot, length_ms in _slots(span, begin_ms, slot_ms, count):
            sums[slot] += span.value * length_ms
            covered_ms[slot] += length_ms
    # Time without a value is not 0 W: a silent meter has read nothing.
    return [
        round(total / length_ms) if length_ms else None
        for total, length_ms in zip(sums, covered_ms, strict=True)
    ]


def _slots(span: Span[int], begin_ms: int, slot_ms: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield the slots that a span covers, each with the length of its part."""
    at_ms, end_ms = max(span.begin_ms, begin_ms), min(span.end_ms, begin_ms + count * slot_ms)
    while at_ms < end_ms:
        slot = (at_ms - begin_ms) // slot_ms
        next_ms = min(end_ms, begin_ms + (slot + 1) * slot_ms)
        yield slot, next_ms - at_ms
        at_ms = next_ms
