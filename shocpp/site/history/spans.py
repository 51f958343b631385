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
    # Time without a value is not 0 W: a silent meter has read nothing.
    return [
        round(total / covered_ms) if covered_ms else None
        for total, covered_ms in _sums(spans, begin_ms, slot_ms, count)
    ]


def full_means(
    spans: Iterable[Span[int]], begin_ms: int, slot_ms: int, end_ms: int
) -> list[int | None]:
    """Return the mean of each slot up to an end, over all its time: 0 where there is no value.

    A slot without a value has None.
    """
    lengths_ms = [min(slot_ms, end_ms - slot) for slot in range(begin_ms, end_ms, slot_ms)]
    within = clipped(spans, [(begin_ms, end_ms)])
    sums = _sums(within, begin_ms, slot_ms, len(lengths_ms))
    return [
        round(total / length_ms) if covered_ms else None
        for (total, covered_ms), length_ms in zip(sums, lengths_ms, strict=True)
    ]


def _sums(
    spans: Iterable[Span[int]], begin_ms: int, slot_ms: int, count: int
) -> list[tuple[int, int]]:
    """Return the sum of each slot over its milliseconds, and the number of those with a value."""
    sums, covered_ms = [0] * count, [0] * count
    for span in spans:
        for slot, length_ms in _slots(span, begin_ms, slot_ms, count):
            sums[slot] += span.value * length_ms
            covered_ms[slot] += length_ms
    return list(zip(sums, covered_ms, strict=True))


def _slots(span: Span[int], begin_ms: int, slot_ms: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield the slots that a span covers, each with the length of its part."""
    at_ms, end_ms = max(span.begin_ms, begin_ms), min(span.end_ms, begin_ms + count * slot_ms)
    while at_ms < end_ms:
        slot = (at_ms - begin_ms) // slot_ms
        next_ms = min(end_ms, begin_ms + (slot + 1) * slot_ms)
        yield slot, next_ms - at_ms
        at_ms = next_ms
