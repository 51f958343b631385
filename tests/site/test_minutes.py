"""The minutes of the site: import, export and cars' energy, integrated from powers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ledger.solar import MINUTE_MS, SiteMinute
from shocpp.site.minutes import LONGEST_MS, Minutes
from shocpp.store.database import Database
from shocpp.store.keys import EVERYTHING
from shocpp.store.site import minutes as stored
from tests.world.desk import Office

START_MS = 1_767_225_600_000  # a full minute
FIRST = START_MS // MINUTE_MS


def integrated(*adds: tuple[int, int | None, int]) -> list[SiteMinute]:
    """Return the minutes of powers at so many milliseconds after START_MS."""
    minutes = Minutes()
    ended = [minutes.add(START_MS + after_ms, *powers) for after_ms, *powers in adds]
    return [one for some in ended for one in some]


def ticks(first_s: int, last_s: int, imported_w: int | None, cars_w: int = 3_600) -> list[tuple]:
    """Return the powers of a tick each 5 s."""
    return [(second * 1000, imported_w, cars_w) for second in range(first_s, last_s + 1, 5)]


def test_a_covered_minute_has_its_energies() -> None:
    assert integrated(*ticks(0, 60, 1_200)) == [SiteMinute(FIRST, 20_000, 0, 60_000)]
    assert integrated(*ticks(0, 60, -600)) == [SiteMinute(FIRST, 0, 10_000, 60_000)]


def test_import_and_export_of_a_minute_are_not_balanced() -> None:
    half = [*ticks(0, 25, 1_200), *ticks(30, 60, -1_200)]
    assert integrated(*half) == [SiteMinute(FIRST, 10_000, 10_000, 60_000)]


def test_a_power_that_crosses_the_end_of_a_minute_counts_in_both() -> None:
    adds = [*ticks(0, 55, 1_200), (58_000, 3_600, 0), (62_000, 0, 0), *ticks(65, 125, 0, 0)]
    assert integrated(*adds) == [
        SiteMinute(FIRST, 19_333 + 2_000, 0, 58_000),
        SiteMinute(FIRST + 1, 2_000, 0, 0),
    ]


@pytest.mark.parametrize(
    ("adds", "without"),
    [
        # Begun within the minute, as after a restart.
        (ticks(5, 60, 100), [FIRST]),
        # No fresh reading for a moment.
        ([*ticks(0, 20, 100), *ticks(25, 25, None), *ticks(30, 60, 100)], [FIRST]),
        # The leader stood still for longer than a power holds.
        ([*ticks(0, 10, 100), *ticks(45, 60, 100)], [FIRST]),
    ],
)
def test_a_minute_that_is_not_wholly_covered_has_no_import(
    adds: list[tuple], without: list[int]
) -> None:
    assert [one.minute for one in integrated(*adds) if one.imported_mwh is None] == without


def test_a_long_gap_has_no_rows() -> None:
    adds = [*ticks(0, 70, 1_200), *ticks(600, 720, 1_200)]
    ended = integrated(*adds)
    assert [(one.minute - FIRST, one.imported_mwh) for one in ended] == [
        *((0, 20_000), (1, None), (10, 20_000), (11, 20_000)),
    ]


def test_a_clock_that_is_set_back_begins_a_new_minute() -> None:
    adds = [*ticks(0, 30, 1_200), *ticks(-100, 60, 1_200)]
    ended = integrated(*adds)
    assert [(one.minute - FIRST, one.imported_mwh) for one in ended] == [
        *((-2, None), (-1, 20_000), (0, 20_000)),
    ]


@given(
    st.lists(
        st.tuples(
            st.integers(-90_000, 200_000),
            st.none() | st.integers(-20_000, 20_000),
            st.integers(0, 22_000),
        ),
        max_size=60,
    )
)
def test_no_energy_is_made_up(steps: list[tuple[int, int | None, int]]) -> None:
    minutes, moment_ms, ended = Minutes(), START_MS, list[SiteMinute]()
    known_mj = 0
    former: tuple[int, int | None, int] | None = None
    for step_ms, imported_w, cars_w in steps:
        moment_ms += step_ms
        if former is not None and 0 <= moment_ms - former[0] <= LONGEST_MS:
            known_mj += max(former[1] or 0, 0) * (moment_ms - former[0])
        ended += minutes.add(moment_ms, imported_w, cars_w)
        former = (moment_ms, imported_w, cars_w)
    assert sum(one.imported_mwh or 0 for one in ended) * 3_600 <= known_mj + 1_800 * len(ended)
    assert all((one.imported_mwh is None) == (one.exported_mwh is None) for one in ended)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return Office(tmp_path).db


def test_minutes_are_stored_and_deleted(db: Database) -> None:
    rows = [SiteMinute(FIRST + number, 1_000, 0, 2_000) for number in range(3)]
    with db.writing(keys=EVERYTHING):
        stored.store(db, rows)
    assert stored.between(db, FIRST, FIRST + 1) == rows[:2]
    with db.writing(keys=EVERYTHING):
        stored.purge(db, START_MS + MINUTE_MS)
    assert stored.between(db, 0, FIRST + 9) == rows[1:]


def test_a_minute_that_comes_twice_has_no_import(db: Database) -> None:
    with db.writing(keys=EVERYTHING):
        stored.store(db, [SiteMinute(FIRST, 1_000, 0, 2_000)])
        stored.store(db, [SiteMinute(FIRST, 0, 500, 3_000)])
    assert stored.between(db, FIRST, FIRST) == [SiteMinute(FIRST, None, None, 3_000)]
