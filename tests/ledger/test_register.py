"""The growth of a register: a restart is followed, any other fall is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ledger.register import CAP_WH, Growth, growth


@pytest.mark.parametrize(
    ("begin_wh", "registers", "end_wh", "grown"),
    [
        # The plain case needs no samples, and samples on the way change nothing.
        (10_000, [], 15_000, Growth(5_000, 0, 0)),
        (10_000, [11_000, 14_000], 15_000, Growth(5_000, 0, 0)),
        # It restarts at zero: the energy before and after.
        (9_042_000, [], 2_000, Growth(2_000, 1, 0)),
        (9_042_000, [9_045_000], 2_000, Growth(5_000, 1, 0)),
        (10_000, [12_000, 0, 501], 500, Growth(2_501, 1, 0)),
        (5_000, [5_500, 100, 300], 300, Growth(800, 1, 0)),
        # The stop lies above the start, and yet it has restarted.
        (5_000, [8_000, 0, 3_000, 6_000], 6_000, Growth(9_000, 1, 0)),
        # It restarted if it stays low: below the start, or below half of where it was.
        (1_000, [1_200, 900], 950, Growth(1_150, 1, 0)),
        (0, [1_000], 400, Growth(1_400, 1, 0)),
        (0, [1_000], 500, Growth(1_000, 0, 1)),
        (1_000, [1_500], 1_000, Growth(500, 0, 1)),
        # The same samples again, without times to tell them apart.
        (10_000, [10_500, 11_000, 10_500, 11_000, 0], 500, Growth(1_500, 1, 1)),
        # Another register's samples: zero-based ones beside a cumulative start (MicroOcpp #66).
        (9_042_000, [100, 5_000, 33_000], 9_075_000, Growth(33_000, 0, 3)),
        # Glitches: a zero, a spike, a negative, more than any car takes.
        (9_042_000, [9_043_000, 0, 9_044_000], 9_075_000, Growth(33_000, 0, 1)),
        (9_042_000, [9_043_000, 9_143_000, 9_044_000], 9_075_000, Growth(101_000, 0, 2)),
        (9_042_000, [-1_000, -3_000], 9_075_000, Growth(33_000, 0, 2)),
        (10, [4 * 10**18, 0, 4 * 10**18], 3, Growth(3, 1, 2)),
        (0, [CAP_WH], 0, Growth(CAP_WH, 1, 0)),
        (0, [CAP_WH + 1], 0, Growth(0, 0, 1)),
        # Nearly the level again, or nearly the start: no restart.
        (1_000, [1_500, 100], 1_498, Growth(500, 0, 1)),
        (1_000, [1_010], 998, Growth(10, 0, 1)),
        # A fall within the tolerance is rounding.
        (133, [], 132, Growth(0, 0, 0)),
        (1_000, [2_000, 1_998], 2_000, Growth(1_000, 0, 0)),
        (1_000, [2_000, 1_997], 2_000, Growth(1_000, 0, 1)),
    ],
)
def test_growth(begin_wh: int, registers: list[int], end_wh: int, grown: Growth) -> None:
    assert growth(begin_wh, registers, end_wh) == grown


readings_wh = st.integers(-(2**62), 2**62) | st.integers(0, 10**7)


@given(readings_wh, st.lists(readings_wh, max_size=6), readings_wh)
def test_growth_is_never_negative_and_bounded(
    begin_wh: int, registers: list[int], end_wh: int
) -> None:
    grown = growth(begin_wh, registers, end_wh)
    assert grown.wh >= 0
    assert grown.wh <= (1 + grown.restarts) * (abs(begin_wh) + abs(end_wh) + CAP_WH)


@given(st.integers(0, 10**9), st.lists(st.integers(0, 9_000), max_size=10))
def test_a_register_that_only_grows_is_its_difference(begin_wh: int, steps: list[int]) -> None:
    levels = [begin_wh]
    for step in steps:
        levels.append(levels[-1] + step)
    assert growth(begin_wh, levels[1:-1], levels[-1]) == Growth(sum(steps), 0, 0)
