"""Tests of the readings that count for a transaction: their source, times and range."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ledger.clocks import CLOCK_AHEAD_MS
from shocpp.ledger.own_readings import (
    Running,
    attributed,
    best_source,
    grown,
    has_own_register,
    has_value,
    of_best_source,
    of_messages,
    registers_of,
    resolved,
    select,
)
from shocpp.ledger.register import CAP_WH, TOLERANCE_WH
from shocpp.ocpp.facts import Reading

BEGAN_MS = 1_793_509_200_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
STOPPED_MS = BEGAN_MS + HOUR_MS


def at(minutes: float | None, wh: int | None, source: str = "Outlet", **more: Any) -> Reading:
    """Return a register reading some minutes after the start, None for no time."""
    sampled_ms = None if minutes is None else BEGAN_MS + int(minutes * MINUTE_MS)
    return Reading(sampled_ms, wh, None, source if wh is not None else None, **more)


# --- the source ---


def test_the_best_source_counts_and_the_others_are_left_out() -> None:
    mixed = [at(1, 5, "Inlet"), at(2, 100), at(3, 6, "Inlet"), at(4, None), at(5, 200)]
    chosen = of_best_source(mixed)
    assert [reading.register_wh for reading in chosen] == [None, 100, None, None, 200]
    assert [reading.sampled_ms for reading in chosen] == [reading.sampled_ms for reading in mixed]
    alike = tuple(mixed[0::2][:2])
    assert of_best_source(alike) == alike, "a source that is alone counts"


def test_a_reading_of_an_older_version_is_a_total_at_the_outlet() -> None:
    chosen = of_best_source([Reading(BEGAN_MS, 7, 70), at(1, 5, "Body"), at(2, 8)])
    assert registers_of(chosen) == [7, 8]


def test_the_best_source_is_that_of_a_register() -> None:
    power = Reading(BEGAN_MS, None, 1_380, None, "Outlet")
    assert best_source([power, at(1, 5, "Inlet L1"), at(2, 6, "Inlet"), at(3, None)]) == "Inlet"
    assert best_source([at(1, 5, "Cable"), Reading(BEGAN_MS, 5, None)]) == "Outlet"
    assert best_source([power]) is None


def test_a_power_has_a_source_of_its_own() -> None:
    measured = Reading(BEGAN_MS, None, 1_380, None, "Inlet")
    derived = Reading(BEGAN_MS, 5, 1_400, "Body", "Outlet from current")
    assert [reading.power_w for reading in of_best_source([measured, derived])] == [1_380, None]
    outlet = measured._replace(power_source="Outlet")
    assert [reading.power_w for reading in of_best_source([measured, outlet])] == [None, 1_380]
    registers = at(1, 5), at(2, 6, "Inlet")
    assert of_best_source([*registers, measured])[2] == measured
    powers = measured, derived._replace(register_wh=None, register_source=None)
    assert [reading.power_w for reading in of_best_source(powers)] == [1_380, None]


def test_an_own_register_is_one_that_came_with_the_id() -> None:
    assert has_own_register([at(1, 5)])
    assert has_own_register([Reading(BEGAN_MS, 5, None)])
    assert not has_own_register([at(1, 5, "Outlet without id"), at(1, None)])


def test_readings_come_from_one_kind_of_message() -> None:
    with_id, without_id = (at(1, 5),), (at(1, 5, "Outlet without id"),)
    in_stop, power = (at(1, 6),), (Reading(BEGAN_MS, None, 1_380),)
    assert of_messages(with_id, in_stop) == with_id
    assert of_messages(without_id, in_stop) == in_stop
    assert of_messages(without_id, power) == of_messages(without_id, ()) == without_id
    assert of_messages(power, in_stop) == in_stop
    assert of_messages(power, ()) == ()


# --- values without an id ---


RUNNING = Running(1, 100_000, BEGAN_MS, None)


@pytest.mark.parametrize(
    ("wh", "minutes", "counts"),
    [
        (100_000, 0, True),
        (110_000, 60, True),
        (99_998, 60, True),
        (1_500, 60, True),
        (0, 60, True),
        (-1, 60, False),
        # More than a charger delivers in the time, also after a restart at zero.
        (133_333, 5, True),
        (133_334, 5, False),
        (33_333, 1, True),
        (33_334, 1, False),
        (300_000, 600, True),
        (300_001, 600, False),
        (166_666, 10, True),
        (166_667, 10, False),
        (5_000_000, 60, False),
        (None, 60, True),
    ],
)
def test_values_without_an_id_count_if_the_register_can_reach_them(
    wh: int | None, minutes: int, counts: bool
) -> None:
    reading = at(minutes, wh)
    made = attributed([reading], None, RUNNING, BEGAN_MS)
    assert attributed([reading], 0, RUNNING, BEGAN_MS) == made, "an id of no transaction"
    source = None if wh is None else "Outlet without id"
    assert made == ((reading._replace(register_source=source),) if counts else None)
    assert attributed([reading], 1, RUNNING, BEGAN_MS) == (reading,)


@pytest.mark.parametrize(("wh", "counts"), [(999_998, True), (999_997, False), (600, True)])
def test_a_value_without_an_id_may_lie_below_the_start_by_rounding_only(
    wh: int, counts: bool
) -> None:
    running = RUNNING._replace(meter_start_wh=1_000_000)
    assert (attributed([at(1, wh)], None, running, BEGAN_MS) is not None) is counts


def test_one_value_out_of_reach_leaves_out_all_of_its_message() -> None:
    assert attributed([at(1, 100_000), at(1, 9_000_000)], None, RUNNING, BEGAN_MS) is None


def test_values_without_id_and_clock_are_checked_by_their_receipt() -> None:
    reading = Reading(5, 150_000, 1_380, "Body L1", "Body L1")
    assert attributed([reading], None, RUNNING, BEGAN_MS) is None
    (made,) = attributed([reading], None, RUNNING, STOPPED_MS) or ()
    assert made[3:5] == ("Body L1 without id", "Body L1 without id")
    timeless = reading._replace(sampled_ms=None)
    assert attributed([timeless], None, RUNNING, STOPPED_MS) is not None


def test_a_start_without_a_reading_leaves_the_range_open() -> None:
    unread = RUNNING._replace(meter_start_wh=None)
    assert attributed([at(1, 9_000_000)], None, unread, BEGAN_MS) is not None


# --- an ambiguous comma ---


@pytest.mark.parametrize(
    ("begin_wh", "wh"),
    [
        *((162_000, 162_440), (162_442, 162_440), (162_443, None), (100, None), (0, None)),
        *((500_000, None), (None, None)),
    ],
)
def test_an_ambiguous_comma_is_read_as_the_course_decides(
    begin_wh: int | None, wh: int | None
) -> None:
    (reading,) = resolved([at(1, 162, or_else_wh=162_440)], begin_wh)
    assert reading == at(1, wh)


def test_an_ambiguous_comma_may_be_a_decimal_comma() -> None:
    far = at(1, 500, or_else_wh=500_400)
    assert resolved([far], 300_400) == (at(1, 500_400),)
    assert resolved([far], 300_399) == (at(1, None),)
    assert attributed([far], 7, RUNNING._replace(meter_start_wh=500_000), BEGAN_MS) == (
        at(1, 500_400),
    )
    small = at(1, 900, or_else_wh=900_400)
    assert resolved([small, at(2, 5)], 899) == (at(1, 900), at(2, 5))
    assert attributed([small], 7, RUNNING, BEGAN_MS) == (at(1, None),)


# --- times ---


def chosen(
    *readings: Reading,
    begin_wh: int = 0,
    end_wh: int,
    most_wh: int = CAP_WH,
    **times: int | None,
) -> Any:
    """Return the registers that count, the energy, and True if it is doubtful."""
    span = {
        "started_ms": BEGAN_MS,
        "stopped_ms": STOPPED_MS,
        "now_ms": STOPPED_MS + HOUR_MS,
    } | times
    selection = select(readings, **span)  # type: ignore[arg-type]
    growth, is_doubtful = grown(selection, begin_wh, end_wh, most_wh)
    return registers_of(selection.readings), growth.wh, is_doubtful


def test_a_sample_after_the_stop_is_not_of_the_transaction() -> None:
    """A charger sends buffered readings before its buffered stop."""
    later = (at(10, 100), at(20, 372))
    stop = {"stopped_ms": BEGAN_MS + 11 * MINUTE_MS}
    assert chosen(*later, end_wh=100, **stop) == ([100], 100, False)
    assert chosen(*later[::-1], end_wh=100, **stop) == ([100], 100, False)


def test_a_sample_before_the_start_is_not_of_the_transaction() -> None:
    assert chosen(at(-5, 9_000), at(5, 100), end_wh=200) == ([100], 200, False)


def test_only_registers_after_the_stop_are_later() -> None:
    power = Reading(STOPPED_MS + MINUTE_MS, None, 1_380)
    readings = (at(-5, 9_000), at(5, 100), power, at(61, 300), at(60, 200), at(20, 7, "Inlet"))
    selection = select(readings, BEGAN_MS, STOPPED_MS, STOPPED_MS + HOUR_MS)
    assert selection.later_wh == (300,)
    assert selection.other_wh == (7,)
    assert select(readings, None, STOPPED_MS, STOPPED_MS).other_wh == (7,)


def test_a_second_before_the_start_and_after_the_stop_is_rounding() -> None:
    assert chosen(at(-1 / 60, 0), at(61 / 60 + 59, 200), end_wh=200)[0] == [0, 200]
    assert chosen(at(-1.1 / 60, 0), at(61.1 / 60 + 59, 200), end_wh=200)[0] == []


@given(st.permutations([at(10, 13_500), at(20, 18_000), at(30, 1_500)]))
def test_the_order_of_receipt_does_not_matter_with_a_clock(readings: list[Reading]) -> None:
    expected = ([13_500, 18_000, 1_500], 12_000, False)
    assert chosen(*readings, begin_wh=9_000, end_wh=3_000) == expected


@pytest.mark.parametrize(
    "times",
    [
        {"started_ms": None},
        {"stopped_ms": None},
        {"started_ms": 5},
        {"stopped_ms": BEGAN_MS - 1},
        {"now_ms": STOPPED_MS - CLOCK_AHEAD_MS - 1},
    ],
)
def test_the_order_of_receipt_counts_without_a_clock(times: dict[str, int | None]) -> None:
    readings = (at(20, 18_000), at(10, 13_500), at(70, 1_500))
    assert chosen(*readings, begin_wh=9_000, end_wh=3_000, **times)[0] == [18_000, 13_500, 1_500]


@pytest.mark.parametrize("odd", [at(None, 13_500), Reading(5, 13_500, None, "Outlet")])
def test_one_register_without_a_time_leaves_the_order_of_receipt(odd: Reading) -> None:
    readings = (at(20, 18_000), odd, at(70, 1_500))
    assert chosen(*readings, begin_wh=9_000, end_wh=3_000)[0] == [18_000, 13_500, 1_500]
    power = Reading(None, None, 1_380)
    assert chosen(at(20, 18_000), power, at(10, 13_500), end_wh=20_000)[0] == [13_500, 18_000]


def test_an_unset_clock_of_ours_does_not_deny_the_chargers() -> None:
    assert chosen(at(20, 2), at(10, 1), end_wh=2, now_ms=5)[0] == [1, 2]


# --- restarts that lie outside the times ---


def test_a_restart_outside_the_times_is_doubtful() -> None:
    """The stop has another clock than its samples."""
    early_stop = {"stopped_ms": BEGAN_MS + 15 * MINUTE_MS}
    course = (at(10, 13_500), at(20, 18_000), at(40, 1_500))
    assert chosen(*course, begin_wh=9_000, end_wh=3_000, **early_stop) == (
        [13_500],
        4_500 + 4_500 + 3_000,
        True,
    )
    # The stop lies above the start, and only the samples after it restart.
    course = (at(10, 5_000), at(20, 9_000), at(30, 200))
    assert chosen(*course, begin_wh=1_000, end_wh=3_000, **early_stop)[1:] == (11_000, True)


def test_a_restart_is_doubtful_when_only_samples_after_the_stop_show_it() -> None:
    stop = {"stopped_ms": BEGAN_MS + 15 * MINUTE_MS}
    course = (at(10, 5_000), at(20, 12_000), at(30, 300))
    assert chosen(*course, begin_wh=1_000, end_wh=9_000, **stop)[1:] == (20_000, True)


def test_a_restart_of_a_large_battery_is_doubtful_like_any_other() -> None:
    large = {"most_wh": 400_000, "stopped_ms": BEGAN_MS + 15 * MINUTE_MS}
    course = (at(10, 259_000), at(20, 300_000), at(40, 1_500))
    assert chosen(*course, begin_wh=9_000, end_wh=3_000, **large)[1:] == (294_000, True)
    course = (at(10, 5_000), at(20, 250_000), at(30, 9_500))
    assert chosen(*course, begin_wh=1_000, end_wh=9_000, **large)[1:] == (258_500, True)
    assert chosen(*course, begin_wh=1_000, end_wh=9_000, **large | {"most_wh": CAP_WH})[1:] == (
        8_000,
        False,
    )


def test_a_restart_of_a_large_battery_may_be_shown_by_another_source() -> None:
    course = (at(10, 259_000, "Inlet"), at(40, 1_500))
    assert chosen(*course, begin_wh=9_000, end_wh=3_000, most_wh=400_000) == (
        *([1_500], 253_000, True),
    )


def test_a_restart_within_the_times_is_not_doubtful() -> None:
    course = (at(10, 13_500), at(20, 1_500), at(70, 2_900))
    assert chosen(*course, begin_wh=9_000, end_wh=3_000) == ([13_500, 1_500], 7_500, False)


def test_a_register_that_goes_on_after_the_stop_is_not_doubtful() -> None:
    """The buffered readings before a buffered stop, of a register that has restarted."""
    course = (at(10, 13_500), at(20, 18_000), at(30, 1_500), at(50, 3_400), at(60, 4_000))
    stop = {"stopped_ms": BEGAN_MS + 40 * MINUTE_MS}
    own = ([13_500, 18_000, 1_500], 12_000, False)
    assert chosen(*course, begin_wh=9_000, end_wh=3_000, **stop) == own
    # Beside one before the start, which a clock that was set may have made early, it is.
    assert chosen(at(-5, 19_000), *course, begin_wh=9_000, end_wh=3_000, **stop)[2]


# --- values without an id and restarts ---


def test_values_without_id_never_show_a_restart_between_two_rising_ends() -> None:
    """They are those of another register: a session's start and stop, and a lifetime between."""
    lifetime = (at(10, 150_000, "Outlet without id"), at(20, 151_000, "Outlet without id"))
    assert chosen(*lifetime, end_wh=8_000)[1:] == (8_000, False)
    assert chosen(*lifetime, begin_wh=9_000, end_wh=9_000 - TOLERANCE_WH)[1:] == (0, False)
    assert chosen(at(10, 150_000), at(20, 151_000), end_wh=8_000)[1] > 8_000


def test_values_without_id_follow_a_register_that_restarted() -> None:
    source = "Outlet without id"
    course = (at(10, 13_500, source), at(20, 18_000, source), at(30, 1_500, source))
    assert chosen(*course, begin_wh=9_000, end_wh=3_000)[1:] == (12_000, False)


# --- a source that changes as the register restarts ---


def test_a_restart_that_only_another_source_shows_is_doubtful() -> None:
    """A charger that loses its register by an update may label its samples otherwise, too."""
    course = (at(10, 13_500, "Inlet"), at(20, 18_000, "Inlet"), at(40, 1_500))
    assert chosen(*course, begin_wh=9_000, end_wh=3_000) == ([1_500], 12_000, True)
    clockless = (at(None, 13_500, "Inlet"), at(None, 18_000, "Inlet"), at(None, 1_500))
    assert chosen(*clockless, begin_wh=9_000, end_wh=3_000)[1:] == (12_000, True)
    # Its own source has seen the register before the restart.
    both = (at(5, 13_500), *course)
    assert chosen(*both, begin_wh=9_000, end_wh=3_000)[1:] == (7_500, False)
    # The other one shows nothing more.
    low = (at(10, 700, "Inlet"), at(40, 1_500))
    assert chosen(*low, begin_wh=9_000, end_wh=3_000)[1:] == (3_000, False)


def test_a_reading_without_register_and_power_has_no_value() -> None:
    assert not has_value(Reading(5, None, None))
    assert has_value(Reading(None, 5, None))
    assert has_value(Reading(None, None, 5))
    assert has_value(Reading(None, None, None, or_else_wh=5))
