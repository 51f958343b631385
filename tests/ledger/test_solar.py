"""The solar part of a record: by the minutes of the site, and never above the record's energy."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ledger.prices.splitting import split
from shocpp.ledger.record import ENERGY_UNKNOWN, Record
from shocpp.ledger.solar import (
    GAP_MS,
    MINUTE_MS,
    Minutes,
    SiteMinute,
    divided,
    no_minutes,
    shares_of,
    solar_wh,
)
from shocpp.ocpp.facts import Reading
from tests.ledger.prices.test_splitting import BEGAN_MS, record

FIRST = BEGAN_MS // MINUTE_MS
"""The minute in which the records here begin, at its first millisecond."""


def known(*minutes: SiteMinute) -> Minutes:
    """Return these minutes as the database does."""

    def between(first: int, last: int) -> Sequence[SiteMinute]:
        return [one for one in minutes if first <= one.minute <= last]

    return between


def minute(number: int, imported_wh: float | None, cars_wh: float = 100) -> SiteMinute:
    """Return a minute of the session with its energies in Wh."""
    imported = None if imported_wh is None else int(imported_wh * 1000)
    return SiteMinute(FIRST + number, imported, 0, int(cars_wh * 1000))


def at(minutes: float, wh: int) -> Reading:
    """Return a reading so many minutes after the start, with the energy since the start."""
    return Reading(BEGAN_MS + int(minutes * MINUTE_MS), 50_000 + wh, None)


def ten_minutes(**changed: object) -> Record:
    """Return a record of ten minutes and 1000 Wh."""
    return record(1_000, hours=1 / 6, **changed)  # type: ignore[arg-type]


def test_solar_is_what_the_import_of_each_minute_does_not_cover() -> None:
    minutes = known(
        *(minute(number, 0) for number in range(4)),
        minute(4, 25),
        minute(5, 100),
        minute(6, 4_000),
        *(minute(number, 50) for number in range(7, 10)),
    )
    # 4 of 100 Wh, 75, two of none, 3 of 50.
    assert solar_wh(ten_minutes(), [at(5, 500)], minutes) == 625


def test_cars_share_the_import_by_their_energy() -> None:
    # All cars take 400 Wh a minute, 100 of them from the grid: three quarters are solar.
    minutes = known(*(minute(number, 100, 400) for number in range(10)))
    assert solar_wh(ten_minutes(), [at(5, 500)], minutes) == 750


def test_a_session_may_have_taken_more_than_the_cars_powers_say() -> None:
    minutes = known(*(minute(number, 20, 50) for number in range(10)))
    assert solar_wh(ten_minutes(), [at(5, 500)], minutes) == 800


def test_a_minute_without_a_reading_is_of_the_grid() -> None:
    sunny = [minute(number, 0) for number in range(10)]
    without = [*sunny[:3], minute(3, None), *sunny[5:]]
    assert solar_wh(ten_minutes(), [at(5, 500)], known(*sunny)) == 1_000
    assert solar_wh(ten_minutes(), [at(5, 500)], known(*without)) == 800


def test_the_last_minutes_count_as_the_one_before_until_they_are_over() -> None:
    booked = ten_minutes(stopped_ms=BEGAN_MS + 10 * MINUTE_MS + 30_000)
    sunny = [minute(number, 0) for number in range(12)]
    assert solar_wh(booked, [at(5, 500)], known(*sunny[:9])) == 1_000
    assert solar_wh(booked, [at(5, 500)], known(*sunny[:7])) == 682
    # Also in a session that is shorter than a minute.
    short = record(50, hours=1 / 120)
    assert solar_wh(short, [], known(minute(-1, 0))) == 50


@pytest.mark.parametrize(("late_ms", "expected"), [(0, 1_000), (1_000, 0)])
def test_energy_between_distant_readings_is_of_the_grid(late_ms: int, expected: int) -> None:
    minutes = known(*(minute(number, 0, 200) for number in range(120)))
    charged = record(1_000, hours=1)
    began = Reading(BEGAN_MS + MINUTE_MS, 50_000, None)
    later = Reading(BEGAN_MS + MINUTE_MS + GAP_MS + late_ms, 51_000, None)
    assert solar_wh(charged, [began, later], minutes) == expected


def test_nobody_knows_the_solar_energy_of_some_records() -> None:
    minutes = known(*(minute(number, 0) for number in range(700)))
    readings = [at(5, 500)]
    assert solar_wh(ten_minutes(), readings, no_minutes) is None
    assert solar_wh(ten_minutes(started_ms=None), readings, minutes) is None
    assert solar_wh(ten_minutes(flags=(ENERGY_UNKNOWN,)), readings, minutes) is None
    # A long session of which nothing but its ends is known, as that of a late stop.
    assert solar_wh(record(1_000, hours=10), [], minutes) is None
    # A site whose meter was silent is one with a meter: its grid energy is known.
    assert solar_wh(ten_minutes(), readings, known(minute(3, None))) == 0
    assert solar_wh(ten_minutes(consumed_wh=0, end_wh=50_000), [], minutes) == 0


@st.composite
def sessions(draw: st.DrawFn) -> tuple[Record, list[Reading], Minutes]:
    """Return a record with readings, some wrong, and the minutes of the site."""
    length = draw(st.integers(1, 90))
    wh = draw(st.integers(0, 30_000))
    charged = record(wh, hours=length / 60, stopped_ms=BEGAN_MS + length * MINUTE_MS - 7)
    moments = st.floats(-1, length + 1, allow_nan=False)
    readings = draw(st.lists(st.builds(at, moments, st.integers(-100, wh + 100)), max_size=20))
    energies = st.none() | st.integers(0, 400)
    minutes = draw(
        st.lists(
            st.builds(minute, st.integers(-3, length + 2), energies, st.integers(0, 400)),
            max_size=60,
            unique_by=lambda one: one.minute,
        )
    )
    return charged, readings, known(*minutes)


@given(sessions(), st.lists(st.integers(1, 89 * MINUTE_MS), max_size=5, unique=True))
def test_solar_and_grid_are_the_energy_in_whole_wh_also_of_each_share(
    session: tuple[Record, list[Reading], Minutes], moments: list[int]
) -> None:
    charged, readings, minutes = session
    solar = solar_wh(charged, readings, minutes)
    assert solar is None or 0 <= solar <= charged.consumed_wh
    booked = charged._replace(solar_wh=solar)
    moments_ms = [BEGAN_MS + one for one in sorted(moments)]
    moments_ms = [one for one in moments_ms if one < booked.stopped_ms]
    wh = split(booked, BEGAN_MS, moments_ms, readings).wh
    for later in (minutes, no_minutes):
        shares = shares_of(booked, moments_ms, wh, readings, later)
        assert sum(shares) == (solar or 0)
        assert all(0 <= share <= most for share, most in zip(shares, wh, strict=True))


def test_shares_follow_the_time_of_the_sun() -> None:
    minutes = known(*(minute(number, 0 if number < 5 else 100) for number in range(10)))
    readings = [at(5, 500)]
    charged = ten_minutes(solar_wh=solar_wh(ten_minutes(), readings, minutes))
    noon = [BEGAN_MS + 6 * MINUTE_MS]
    assert shares_of(charged, noon, [600, 400], readings, minutes) == [500, 0]
    # When the minutes are gone, the shares follow the energy.
    assert shares_of(charged, noon, [600, 400], readings, no_minutes) == [300, 200]


def test_shares_of_a_record_without_a_start_follow_the_energy() -> None:
    begun_later = ten_minutes(started_ms=None, solar_wh=100)
    assert shares_of(begun_later, [BEGAN_MS], [600, 400], [], no_minutes) == [60, 40]


@given(
    st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 10**9)), min_size=1, max_size=9),
    st.floats(0, 1),
)
def test_divided_shares_are_whole_and_none_is_above_its_energy(
    pairs: list[tuple[int, int]], part: float
) -> None:
    wh, weights = [one for one, _ in pairs], [weight for _, weight in pairs]
    total = int(sum(wh) * part)
    shares = divided(total, wh, weights)
    assert sum(shares) == total
    assert all(0 <= share <= most for share, most in zip(shares, wh, strict=True))
