"""Values over time and their means."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shocpp.site.history.spans import Span, clipped, full_means, means, merged

MOMENTS = st.integers(0, 60)
INTERVALS = st.lists(
    st.tuples(MOMENTS, MOMENTS).map(lambda pair: (min(pair), max(pair))), max_size=6
)


@st.composite
def spans_in_order(draw: st.DrawFn) -> list[Span[int]]:
    """Draw spans that do not overlap, with gaps between some of them."""
    moments = sorted(draw(st.sets(MOMENTS, max_size=12)))
    values = st.integers(-11_000, 11_000)
    return [
        Span(begin, end, draw(values)) for begin, end in pairwise(moments) if draw(st.booleans())
    ]


def value_at(spans: list[Span[int]], moment: int) -> int | None:
    """Return the value at a moment, None in a gap."""
    return next((one.value for one in spans if one.begin_ms <= moment < one.end_ms), None)


@given(spans_in_order(), st.integers(0, 30), st.integers(1, 15), st.integers(0, 8))
def test_a_mean_is_that_of_each_moment_with_a_value(
    spans: list[Span[int]], begin: int, length: int, count: int
) -> None:
    found = means(spans, begin, length, count)
    assert len(found) == count
    for slot, mean in enumerate(found):
        moments = range(begin + slot * length, begin + (slot + 1) * length)
        values = [value for one in moments if (value := value_at(spans, one)) is not None]
        assert mean == (round(sum(values) / len(values)) if values else None)


@given(spans_in_order(), st.integers(0, 30), st.integers(1, 15), st.integers(0, 60))
def test_a_full_mean_has_0_where_there_is_no_value(
    spans: list[Span[int]], begin: int, length: int, seconds: int
) -> None:
    found = full_means(spans, begin, length, begin + seconds)
    for slot, mean in enumerate(found):
        first = begin + slot * length
        moments = range(first, min(first + length, begin + seconds))
        values = [value_at(spans, one) for one in moments]
        if all(value is None for value in values):
            assert mean is None
        else:
            assert mean == round(sum(value or 0 for value in values) / len(values))


@given(spans_in_order(), INTERVALS)
def test_clipped_spans_are_those_within_intervals(
    spans: list[Span[int]], intervals: list[tuple[int, int]]
) -> None:
    within = clipped(spans, merged(intervals))
    for moment in range(61):
        is_within = any(begin <= moment < end for begin, end in intervals)
        assert value_at(within, moment) == (value_at(spans, moment) if is_within else None)


@given(INTERVALS)
def test_merged_intervals_do_not_overlap(intervals: list[tuple[int, int]]) -> None:
    united = merged(intervals)
    assert all(first[1] < second[0] for first, second in pairwise(united))
    for moment in range(61):
        assert any(begin <= moment < end for begin, end in united) == any(
            begin <= moment < end for begin, end in intervals
        )
