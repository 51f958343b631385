"""The names of gaps: that of the record or transaction above, whatever is decided about others."""

import tempfile
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ledger.decisions import Measured
from shocpp.store.database import open_database
from tests.recovery.test_rebuild import DECISION, ENERGIES, Evenings, decide
from tests.world.auditing import assert_months_tell_the_same
from tests.world.home import Home
from tests.world.visits import say, start, stop, values

EVENING = st.tuples(
    st.sampled_from(["garage", "yard"]),
    st.integers(1, 2),
    st.sampled_from(["1111", "3333", "44:44", "?"]),
    ENERGIES,
    # Mostly with energy past the books before it, and sometimes from a reading for a second time.
    st.sampled_from([0, 7, 2_500, 2_500, -5_000]),
    st.sampled_from(["plain", "plain", "twice", "without its id", "more", "orphaned", "open"]),
)
Gaps = dict[str, tuple[Any, ...]]


def gaps(played: Evenings) -> Gaps:
    """Return Charge Point, connector and readings of each gap by its number."""
    rows = played.desk.db.execute(
        "SELECT number, charge_point_id, connector_id, from_wh, to_wh FROM gaps"
    ).fetchall()
    by_number = {number: tuple(gap) for number, *gap in rows}
    assert len(by_number) == len(rows), "a number is unique"
    return by_number


def decided_names(played: Evenings) -> set[str]:
    """Return the names that a gap below the case of the newest record has, or had as a T case."""
    rows = played.desk.db.execute(
        "SELECT coalesce(root, CAST(id AS TEXT)), started_transaction FROM accounting_record"
        " ORDER BY id DESC LIMIT 1"
    ).fetchall()
    return {name for root, row in rows for name in (f"G{root}", f"GT{row}")}


def assert_other_names_stay(before: Gaps, after: Gaps, decided: set[str]) -> None:
    """Assert that a decision has given no other name to a gap that there was before.

    The gap below the decided case itself may be that below another one afterwards.
    """
    numbers = {gap: number for number, gap in before.items() if number not in decided}
    for number, gap in after.items():
        assert numbers.get(gap, number) == number, (before, after)
        if number in before.keys() - decided:
            charger, connector, _, _ = gap
            assert before[number][:2] == (charger, connector)


@given(st.lists(EVENING, min_size=2, max_size=9), st.lists(DECISION, min_size=1, max_size=8))
@hypothesis.settings(max_examples=60, deadline=None)
def test_no_decision_changes_the_name_of_another_gap(
    evenings: list[tuple[str, int, str, int, int, str]], decisions: list[tuple[str, int, int]]
) -> None:
    with tempfile.TemporaryDirectory(prefix="gaps-") as folder:
        played = Evenings(Path(folder))
        for evening in evenings:
            played.play(*evening)
        for decision in decisions:
            before = gaps(played)
            played.decide(*decision)
            assert_other_names_stay(before, gaps(played), decided_names(played))
        assert_months_tell_the_same(played.desk.db)
        played.desk.db.close()


def names(home: Home) -> list[tuple[Any, ...]]:
    """Return the gaps with their readings, the lowest first."""
    return home.query("SELECT number, from_wh, to_wh FROM gaps ORDER BY from_wh")


MORNING, NOON = "2026-10-01T05:00:00Z", "2026-10-01T10:00:00Z"


def test_a_gap_keeps_its_name_when_the_record_above_is_decided_twice(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING), stop(2_000, "2026-10-01T06:00:00Z"))
    say(migrated_home, start(3_000, "2026-10-01T07:00:00Z"), stop(5_000, "2026-10-01T08:00:00Z"))
    assert names(migrated_home) == [("G2", 2_000, 3_000)]
    decide(migrated_home, ("assign", "2", "company-x"))
    decide(migrated_home, ("assign", "4", "company-z"))
    assert names(migrated_home) == [("G2", 2_000, 3_000)]
    decide(migrated_home, ("assign", "G2", "family-y"))
    assert names(migrated_home) == []


def test_the_gap_below_an_orphan_keeps_its_name_when_that_is_decided(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING), stop(2_000, "2026-10-01T06:00:00Z"))
    say(migrated_home, start(3_000, "2026-10-01T07:00:00Z", "1111"))
    say(migrated_home, values(4_000, "2026-10-01T08:00:00Z", 10_000_003))
    say(migrated_home, start(6_000, NOON), stop(7_000, "2026-10-01T11:00:00Z"))
    assert names(migrated_home) == [("GT2", 2_000, 3_000), ("G2", 4_000, 6_000)]
    decide(migrated_home, ("assign", "T2", "company-x"))
    assert names(migrated_home) == [("GT2", 2_000, 3_000), ("G2", 4_000, 6_000)]
    decide(migrated_home, ("assign", "3", "company-z"))
    assert names(migrated_home) == [("GT2", 2_000, 3_000), ("G2", 4_000, 6_000)]
    with open_database(migrated_home.database) as db:
        assert_months_tell_the_same(db)


def test_a_decision_that_comes_to_a_reading_takes_no_name_from_the_case_there(
    migrated_home: Home,
) -> None:
    """A gap that is assigned, and a record that is corrected, begin where T2 has begun."""
    say(migrated_home, start(1_000, MORNING), stop(2_000, "2026-10-01T06:00:00Z"))
    say(migrated_home, start(3_000, "2026-10-01T07:00:00Z", "1111"))
    say(migrated_home, start(6_000, NOON), stop(7_000, "2026-10-01T11:00:00Z"))
    assert names(migrated_home) == [("GT2", 2_000, 3_000), ("G2", 3_000, 6_000)]
    decide(migrated_home, ("assign", "G2", "company-x"))
    assert names(migrated_home) == [("GT2", 2_000, 3_000)]
    decide(migrated_home, ("correct", "2", Measured(begin_wh=3_000), None))
    assert names(migrated_home) == [("GT2", 2_000, 3_000)]
    decide(migrated_home, ("assign", "T2", "company-z"))
    assert names(migrated_home) == [("GT2", 2_000, 3_000)]
