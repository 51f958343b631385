"""The choice of old readings: what stays gives the same energy, restarts and splits."""

from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ledger.own_readings import grown, registers_of, select
from shocpp.ledger.prices.splitting import split
from shocpp.ledger.record import Record
from shocpp.ledger.register import CAP_WH, growth
from shocpp.ledger.thinning import QUARTER_MS, FramedReading, few_of, removable_frames
from shocpp.ocpp.facts import Reading

BEGAN_MS = 1_793_509_200_000
"""A full hour."""

MINUTE_MS = 60_000


def framed(
    frame: int, minute: float, wh: int | None, power_w: int | None = None, source: str = "Outlet"
) -> FramedReading:
    """Return a reading that was sampled and received some minutes after the start."""
    at_ms = BEGAN_MS + int(minute * MINUTE_MS)
    sources = [None if value is None else source for value in (wh, power_w)]
    return FramedReading(frame, at_ms, Reading(at_ms, wh, power_w, *sources))


def by_minute(*registers: int) -> list[FramedReading]:
    """Return a frame for each register, a minute after the one before."""
    return [framed(minute, minute, wh) for minute, wh in enumerate(registers)]


def staying(series: Sequence[FramedReading]) -> list[FramedReading]:
    removable = removable_frames(series)
    return [each for each in series if each.frame not in removable]


def frames(series: Sequence[FramedReading]) -> list[int]:
    return [each.frame for each in staying(series)]


def test_of_a_quarter_in_which_the_register_rises_both_ends_stay() -> None:
    assert frames(by_minute(*range(0, 4_600, 100))) == [0, 14, 15, 29, 30, 44, 45]


def test_of_a_quarter_in_which_the_register_stands_still_one_reading_stays() -> None:
    assert frames(by_minute(*[500] * 46)) == [0, 15, 30, 45]
    # It rises between the last of this quarter and the first of the next one.
    assert frames(by_minute(*[500] * 30, *[600] * 16)) == [0, 15, 29, 30, 45]


def test_the_last_reading_of_a_quarter_stays_after_a_fall_that_the_next_one_does_not_make_up() -> (
    None
):
    quarter = [900, 100, *range(110, 240, 10)]
    assert frames(by_minute(*quarter, 240, 250)) == [0, 1, 14, 15, 16]


def test_both_sides_of_every_fall_stay() -> None:
    assert frames(by_minute(10, 20, 30, 5, 6, 7, 8)) == [0, 2, 3, 6]
    assert frames(by_minute(10, 11, 12, 11, 12, 13, 14)) == [0, 2, 3, 6]


def test_both_sides_of_a_leap_and_of_a_negative_value_stay() -> None:
    assert frames(by_minute(10, 11, 12, 13 + CAP_WH, 14 + CAP_WH, 15 + CAP_WH)) == [0, 2, 3, 5]
    assert frames(by_minute(10, 11, 12, -1, 13, 14, 15)) == [0, 2, 3, 4, 6]


def test_a_frame_with_a_reading_that_stays_stays_whole() -> None:
    series = [framed(minute // 3, minute, 10 * minute) for minute in range(15)]
    assert frames(series) == [0, 0, 0, 4, 4, 4]


def test_each_source_has_its_own_ends_and_falls() -> None:
    outlet = [framed(minute, minute, 100 + minute) for minute in range(5)]
    inlet = [framed(10 + minute, minute, 50 + minute, source="Inlet") for minute in range(5)]
    interleaved = [each for pair in zip(outlet, inlet, strict=True) for each in pair]
    # Together they would fall at each step.
    assert frames(interleaved) == [0, 10, 4, 14]


def test_of_powers_the_ends_and_one_a_quarter_stay() -> None:
    series = [framed(minute, minute, None, 11_000 - minute) for minute in range(40)]
    assert frames(series) == [0, 15, 30, 39]


def test_registers_and_powers_of_unknown_source_are_those_of_the_outlet() -> None:
    old = [each._replace(reading=each.reading._replace(register_source=None)) for each in SERIES]
    assert frames(old) == frames(SERIES)


SERIES = by_minute(0, 10, 20, 30)


def test_a_frame_without_a_value_goes() -> None:
    assert frames([*SERIES, framed(9, 3, None)]) == [0, 3]
    assert removable_frames([framed(9, 3, None)]) == {9}
    assert removable_frames([]) == set()


def test_without_a_clock_the_quarters_are_those_of_receipt() -> None:
    for sampled_ms in (None, 0):
        series = [
            each._replace(reading=each.reading._replace(sampled_ms=sampled_ms))
            for each in by_minute(*range(0, 4_600, 100))
        ]
        assert frames(series) == [0, 14, 15, 29, 30, 44, 45]


def test_a_register_without_a_clock_stays_because_it_decides_on_the_order() -> None:
    series = by_minute(*range(0, 1_000, 100))
    bare = series[4].reading._replace(sampled_ms=None)
    assert frames([*series[:4], series[4]._replace(reading=bare), *series[5:]]) == [0, 4, 9]


def test_readings_that_come_late_are_compared_by_time_too() -> None:
    # 2 is sent after 5. By receipt the register falls there and by time it does not, and so on.
    late = [framed(minute, minute, 10 * minute) for minute in (0, 1, 3, 4, 5, 2, 6, 7)]
    assert frames(late) == [0, 5, 2, 7]
    fallen = [framed(1, 1, 10), framed(3, 3, 25), framed(4, 4, 30), framed(2, 2, 30)]
    assert frames(fallen) == [1, 3, 4, 2]


steps = st.lists(
    st.one_of(
        *(st.just(0), st.integers(1, 400), st.integers(1, 400)),
        st.integers(-3, -1),
        # A restart or a glitch.
        st.integers(-100_000, -1_000),
    ),
    min_size=1,
    max_size=60,
)


@given(steps, st.integers(1, 20), st.integers(0, 50_000), st.data())
def test_what_stays_gives_the_same_energy_and_restarts(
    moves: list[int], every_minutes: int, begin_wh: int, data: st.DataObject
) -> None:
    # A fall goes to zero at most, or below it by a few Wh.
    registers = list(accumulate(moves, lambda wh, move: max(wh + move, -2), initial=begin_wh))
    series = [framed(n, n * every_minutes, wh) for n, wh in enumerate(registers)]
    swapped = data.draw(st.sets(st.integers(0, len(series) - 2), max_size=2))
    for at in swapped:
        series[at], series[at + 1] = series[at + 1], series[at]
    end_wh = data.draw(st.sampled_from([registers[-1], registers[-1] + 50, 300]))
    stopped_ms = BEGAN_MS + len(registers) * every_minutes * MINUTE_MS

    def booked(
        some: Sequence[FramedReading], started_ms: int | None
    ) -> tuple[int, int, bool, bool]:
        readings = [each.reading for each in some]
        selection = select(readings, started_ms, stopped_ms, stopped_ms)
        growth, is_doubtful = grown(selection, begin_wh, end_wh)
        return growth.wh, growth.restarts, growth.contradictions > 0, is_doubtful

    for started_ms in (BEGAN_MS, None):
        assert booked(staying(series), started_ms) == booked(series, started_ms)


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 1) | st.integers(0, 900)), max_size=80),
    st.integers(-(10**6), 10**6),
)
def test_what_stays_gives_the_same_split_at_each_quarter(
    passed: list[tuple[int, int]], offset_ms: int
) -> None:
    minutes = list(accumulate((minutes for minutes, _ in passed), initial=0))
    registers = list(accumulate((wh for _, wh in passed), initial=1_000))
    began_ms, stopped_ms = BEGAN_MS + offset_ms, BEGAN_MS + offset_ms + 2 + minutes[-1] * MINUTE_MS
    series = [
        FramedReading(n, at_ms, Reading(at_ms, wh, None, "Outlet"))
        for n, (minute, wh) in enumerate(zip(minutes, registers, strict=True))
        if (at_ms := began_ms + 1 + minute * MINUTE_MS)
    ]
    record = Record(
        *(1, "family-y", 1, "3333", 1_000, registers[-1], registers[-1] - 1_000),
        *(began_ms, stopped_ms, stopped_ms, (stopped_ms - began_ms) // 1_000, None),
        *("Local", "started", None, ()),
    )
    first = -(-(began_ms + 1) // QUARTER_MS) * QUARTER_MS
    moments_ms = list(range(first, stopped_ms, QUARTER_MS))
    of_all = split(record, began_ms, moments_ms, (each.reading for each in series))
    assert split(record, began_ms, moments_ms, (e.reading for e in staying(series))) == of_all


@given(steps, st.integers(1, 20), st.data())
def test_a_selection_that_was_cut_off_goes_on(
    moves: list[int], every_minutes: int, data: st.DataObject
) -> None:
    registers = list(accumulate(moves, lambda wh, move: max(wh + move, 0), initial=500))
    series = [framed(n // 2, n * every_minutes, wh) for n, wh in enumerate(registers)]
    removable = removable_frames(series)
    gone = data.draw(st.sets(st.sampled_from(sorted(removable)))) if removable else set()
    rest = [each for each in series if each.frame not in gone]
    assert removable_frames(rest) <= removable
    assert registers_of(each.reading for each in staying(rest))[0] == registers[0]


@pytest.mark.parametrize("every_minutes", [1, 5, 15, 60])
def test_a_day_keeps_at_most_two_readings_a_quarter(every_minutes: int) -> None:
    series = [framed(n, n, 100 * n) for n in range(0, 24 * 60, every_minutes)]
    assert len(staying(series)) == min(len(series), 2 * 24 * 4)


def test_of_many_readings_of_a_frame_the_ends_and_the_falls_stay() -> None:
    course = [*range(3_000), *range(7, 2_000)]
    own = tuple(Reading(None, wh, None, "Outlet") for wh in course)
    other = (Reading(None, 5, None, "Inlet"), Reading(None, None, 7), Reading(None, 9, None, "EV"))
    kept = few_of((*own[:2_000], *other, *own[2_000:]))
    registers = [reading.register_wh for reading in kept if reading.register_source == "Outlet"]
    assert growth(0, registers, 2_000)[:2] == growth(0, course, 2_000)[:2] == (4_999, 1)
    assert {"Outlet", "Inlet", "EV"} <= {reading.register_source for reading in kept}
    assert len(kept) < 120
    assert few_of(own[:100]) == own[:100]


def test_of_a_register_that_always_falls_few_readings_stay() -> None:
    kept = few_of(tuple(Reading(None, -wh, None) for wh in range(10_000)))
    assert len(kept) < 310
    assert (kept[0].register_wh, kept[-1].register_wh) == (0, -9_999)
