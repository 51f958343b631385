"""The rows that the leader stores of the history."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shocpp.site.history.memory import LEAST_STEP_SHARE, LEAST_STEP_W, STEP_MS, HistoryMemory
from tests.world.stored_limits import set_point

NOW_MS = 1_795_000_000_000
KEY = ("garage", 1)
TICK_MS = 5_000


def stored(powers_w: list[int | None]) -> list[tuple[int, int]]:
    """Return the powers that are stored of one each tick, with their seconds."""
    memory, rows = HistoryMemory(), []
    for tick, power_w in enumerate(powers_w):
        moment_ms = NOW_MS + tick * TICK_MS
        due = memory.due_powers({} if power_w is None else {KEY: power_w}, moment_ms)
        memory.note(due, (), moment_ms)
        rows += [(tick * TICK_MS // 1000, row[1]) for row in due]
    return rows


def test_a_connector_without_a_car_has_one_row() -> None:
    assert stored([0] * 100) == [(0, 0)]


def test_a_steady_power_has_a_row_each_minute() -> None:
    assert stored([4_140] * 25) == [(0, 4_140), (60, 4_140), (120, 4_140)]


def test_noise_of_a_meter_has_no_rows() -> None:
    assert stored([4_140, 4_160, 4_120, 4_180, 4_140, 4_101]) == [(0, 4_140)]


def test_other_powers_have_a_row_each_ten_seconds() -> None:
    assert stored([1_000, 2_000, 3_000, 4_000, 5_000]) == [
        *((0, 1_000), (10, 3_000), (20, 5_000)),
    ]


def test_a_connector_that_is_gone_draws_nothing() -> None:
    assert stored([4_140, 4_140, 4_140, None, None, None]) == [(0, 4_140), (15, 0)]


def test_the_least_power_is_not_nothing() -> None:
    assert stored([0, 0, 0, 20, 20, 20, 20, 0, 0]) == [(0, 0), (15, 20), (35, 0)]


@given(st.lists(st.integers(0, 22_000), min_size=1, max_size=60))
def test_a_stored_power_is_near_and_rows_are_few(powers_w: list[int]) -> None:
    rows = stored(list(powers_w))
    seconds = [second for second, _ in rows]
    steps = pairwise(seconds)
    assert all(later - earlier >= STEP_MS / 1000 for earlier, later in steps)
    for tick, power_w in enumerate(powers_w):
        second = tick * TICK_MS // 1000
        since, newest_w = [row for row in rows if row[0] <= second][-1]
        is_near = abs(power_w - newest_w) <= max(LEAST_STEP_W, LEAST_STEP_SHARE * newest_w)
        assert is_near or second - since < STEP_MS / 1000


def test_a_countdown_in_a_reason_has_no_rows() -> None:
    memory, rows = HistoryMemory(), 0
    for second in range(60):
        point = set_point("garage", 1, 6_000, "rises_in", to_a=8, seconds=60 - second)
        due = memory.due_points([point], NOW_MS + 1000 * second)
        memory.note((), due, NOW_MS + 1000 * second)
        rows += len(due)
    assert rows == 1


def test_another_limit_or_mode_has_a_row_at_once_and_another_reason_later() -> None:
    memory = HistoryMemory()
    first = set_point("garage", 1, 6_000, "house_leaves")
    memory.note((), [first], NOW_MS)
    other_reason = set_point("garage", 1, 6_000, "own_maximum")
    assert memory.due_points([first], NOW_MS + STEP_MS) == []
    assert memory.due_points([other_reason], NOW_MS + STEP_MS - 1) == []
    assert memory.due_points([other_reason], NOW_MS + STEP_MS) == [other_reason]
    for other in (first._replace(limit_ma=0), first._replace(mode="solar")):
        assert memory.due_points([other], NOW_MS + 1) == [other]


def test_rows_go_on_after_the_clock_was_set_back() -> None:
    memory = HistoryMemory()
    memory.note([(KEY, 4_140)], (), NOW_MS)
    assert memory.due_powers({KEY: 0}, NOW_MS - 3_600_000) == [(KEY, 0)]
