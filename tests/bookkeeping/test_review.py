"""The decisions of humans: their entries, and the sums of the months after them."""

import json
import re

import pytest

from tests.world.home import Home
from tests.world.machine import ROOT
from tests.world.visits import (
    EVENING,
    MORNING,
    NOON,
    listed,
    review,
    say,
    start,
    stop,
    sums,
    values,
)


def balance(home: Home) -> tuple[int, ...]:
    """Return the Wh of the meter: all, booked, unassigned, under review, gaps. They must add up."""
    ((meter, booked, unassigned, reviewed, gap, overlap, restarts),) = home.query(
        "SELECT meter_wh, booked_wh, unassigned_wh, under_review_wh, gap_wh, overlap_wh, restarts"
        " FROM audit"
    )
    assert not restarts
    assert meter == booked + unassigned + reviewed + gap - overlap
    return meter, booked, unassigned, reviewed, gap


def test_energy_of_an_unknown_card_is_given_to_an_account(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING, "ABCD"), stop(5_000, NOON))
    assert listed(migrated_home) == [("1", "card", 4_000)]
    review(migrated_home, "assign", "1", "--account", "family-y", why="their new card")
    assert listed(migrated_home) == []
    assert sums(migrated_home) == {"family-y": 4_000, "unassigned": 0}
    assert balance(migrated_home) == (4_000, 4_000, 0, 0, 0)
    assert migrated_home.query(
        "SELECT entry, account, consumed_wh, consumed_kwh, replaces, decided_by, decided_why,"
        " month FROM accounting ORDER BY number"
    ) == [
        ("record", "unassigned", 4_000, 4, None, None, None, "2026-10"),
        ("reversal", "unassigned", -4_000, -4, 1, "anna", "their new card", "2026-10"),
        ("replacement", "family-y", 4_000, 4, 1, "anna", "their new card", "2026-10"),
    ]


def test_the_query_energy_by_card_counts_records_in_force(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING, "ABCD"), stop(5_000, NOON))
    review(migrated_home, "assign", "1", "--account", "family-y")
    query = (ROOT / "db" / "reports" / "energy_by_card.sql").read_text()
    assert migrated_home.query(query) == [("2026-10", "family-y", "ABCD", 1, 4.0)]


def test_a_decision_has_files_of_its_own(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING, "ABCD"), stop(5_000, NOON))
    (before,) = migrated_home.record_files()
    first = before.read_text()
    review(migrated_home, "assign", "1", "--account", "family-y")
    assert before.read_text() == first
    added = [json.loads(f.read_text()) for f in migrated_home.record_files() if f != before]
    assert {(file["entry"], file["replaces_file"], file["consumed_kwh"]) for file in added} == {
        ("reversal", before.name, "-4"),
        ("replacement", before.name, "4"),
    }


def test_a_record_under_review_is_booked_when_it_is_confirmed(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING), stop(301_000, EVENING), start(301_000, EVENING))
    assert listed(migrated_home) == [("1", "record", 300_000)]
    review(migrated_home, "assign", "1", "--account", "family-y", why="a lorry")
    assert sums(migrated_home) == {"family-y": 300_000}
    assert balance(migrated_home) == (300_000, 300_000, 0, 0, 0)


def test_a_misreading_is_corrected_and_the_rest_is_a_gap(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING), stop(301_000, EVENING))
    say(migrated_home, start(20_000, EVENING, "1111"), stop(21_000, EVENING))
    review(migrated_home, "correct", "1", "--wh", "15000", why="the display said 16")
    assert sums(migrated_home) == {"company-x": 1_000, "family-y": 15_000}
    assert listed(migrated_home) == [("G2", "gap", 4_000)]
    assert balance(migrated_home) == (20_000, 16_000, 0, 0, 4_000)


def test_a_correction_of_a_booked_record_reverses_it_first(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING), stop(5_000, NOON))
    review(migrated_home, "correct", "1", "--end", "4000")
    assert sums(migrated_home) == {"family-y": 3_000}
    review(migrated_home, "correct", "3", "--account", "company-x")
    assert sums(migrated_home) == {"company-x": 3_000, "family-y": 0}
    assert [
        entry for (entry,) in migrated_home.query("SELECT entry FROM accounting ORDER BY number")
    ] == [*("record", "reversal", "replacement", "reversal", "replacement")]


def test_a_dismissed_record_is_owed_by_nobody_and_seen_as_a_gap(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING), stop(301_000, EVENING), start(301_000, EVENING))
    review(migrated_home, "dismiss", "1", why="the electrician's test")
    assert sums(migrated_home) == {"family-y": 0}
    say(migrated_home, stop(302_000, "2026-10-02T05:00:00Z"))
    assert listed(migrated_home) == [("G3", "gap", 300_000)]
    review(migrated_home, "dismiss", "G3", why="the same")
    assert listed(migrated_home) == []
    assert balance(migrated_home) == (301_000, 1_000, 0, 0, 300_000)
    assert migrated_home.query("SELECT gap_wh, dismissed FROM gaps") == [(300_000, "the same")]
    assert "    G3: 300,000 kWh verworfen (the same), zwischen" in (
        migrated_home.run("shocpp-summary", "2026", "10").stdout
    )


def test_a_correction_gives_a_dismissed_record_its_energy_back(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING), stop(5_000, NOON))
    review(migrated_home, "dismiss", "1")
    done = migrated_home.run(
        "shocpp", "review", "assign", "3", "--account", "company-x", "--why", "so"
    )
    assert done.returncode == 2
    assert "shocpp review correct 3 --account company-x" in done.stderr
    review(migrated_home, "correct", "3", "--account", "company-x")
    assert sums(migrated_home) == {"company-x": 4_000, "family-y": 0}


def test_a_gap_is_given_to_an_account(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING), stop(2_000, NOON))
    say(migrated_home, start(2_500, EVENING), stop(3_000, EVENING))
    assert listed(migrated_home) == [("G2", "gap", 500)]
    review(migrated_home, "assign", "G2", "--account", "company-x")
    assert listed(migrated_home) == []
    assert sums(migrated_home) == {"company-x": 500, "family-y": 1_500}
    assert balance(migrated_home) == (2_000, 2_000, 0, 0, 0)


def test_an_assigned_gap_is_not_booked_again_by_its_late_transaction(migrated_home: Home) -> None:
    """The charger was offline, and sends it when later ones are booked already."""
    say(migrated_home, start(1_000, MORNING), stop(2_000, NOON))
    say(migrated_home, start(2_500, EVENING), stop(3_000, EVENING))
    review(migrated_home, "assign", "G2", "--account", "company-x")
    say(migrated_home, start(2_000, "2026-10-01T12:00:00Z"), stop(2_500, "2026-10-01T13:00:00Z"))
    assert sums(migrated_home) == {"company-x": 500, "family-y": 1_500}
    assert listed(migrated_home) == [("4", "record", 500)]


def test_a_transaction_that_never_stopped_is_booked_up_to_its_last_reading(
    migrated_home: Home,
) -> None:
    say(migrated_home, start(1_000, MORNING), values(2_500, NOON, 20_000_001))
    say(migrated_home, start(3_000, EVENING, "1111"))
    assert listed(migrated_home) == [("T1", "transaction", 1_500)]
    review(migrated_home, "assign", "T1", "--account", "family-y")
    assert listed(migrated_home) == [("GT2", "gap", 500)]
    say(migrated_home, stop(2_800, NOON, 20_000_001))  # the late stop
    assert sums(migrated_home) == {"family-y": 1_800}
    assert listed(migrated_home) == [("GT2", "gap", 200)]


def test_a_transaction_dismissed_in_error_is_booked_by_its_late_stop(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING), start(3_000, EVENING, "1111"))
    review(migrated_home, "dismiss", "T1")
    say(migrated_home, stop(3_000, NOON, 20_000_001))
    assert sums(migrated_home) == {"family-y": 2_000}


def test_a_transaction_needs_a_reading_of_a_human_where_it_has_none(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING), start(3_000, EVENING, "1111"))
    review(migrated_home, "correct", "T1", "--end", "3000")
    assert sums(migrated_home) == {"family-y": 2_000}


def test_a_transaction_that_never_stopped_belongs_to_the_month_of_its_last_reading(
    migrated_home: Home,
) -> None:
    """A charger sends its offline queue months later."""
    august = "2026-08-03T05:00:00Z"
    say(migrated_home, start(6_000, august), values(6_500, "2026-08-03T06:00:00Z", 20_000_006))
    say(migrated_home, start(7_000, "2026-08-04T05:00:00Z"))
    review(migrated_home, "assign", "T1", "--account", "family-y")
    assert migrated_home.query("SELECT localtime, consumed_wh FROM accounting") == [
        ("2026-08-03 08:00:00", 500)
    ]


def test_the_summary_names_decisions_with_day_and_reason(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING, "ABCD"), stop(5_000, NOON))
    say(migrated_home, start(5_500, EVENING), stop(6_000, EVENING))
    review(migrated_home, "assign", "1", "--account", "company-x", why="Besuch")
    statement = migrated_home.run("shocpp-summary", "2026", "10").stdout
    assert "Mandant: company-x                      4,000 kWh" in statement
    line = (
        r"  Nr. 4, 2026-10-01 12:00:00 garage: 4,000 kWh zugeordnet zu company-x"
        r" \([0-9-]+: Besuch\)"
    )
    assert re.search(line, statement)
    assert "  garage: 4,500 abgerechnet + 0,500 Lücken = 5,000 kWh gezählt" in statement
    assert (
        "    G2: 0,500 kWh nicht zugeordnet, "
        "zwischen 2026-10-01 12:00:00 und 2026-10-01 20:00:00" in statement
    )


def test_a_meter_that_begins_anew_is_named_as_one_that_cannot_be_audited(
    migrated_home: Home,
) -> None:
    say(migrated_home, start(0, MORNING), stop(5_000, NOON), start(0, NOON), stop(4_000, EVENING))
    statement = migrated_home.run("shocpp-summary", "2026", "10").stdout
    assert "  garage: nicht prüfbar, denn sein Zähler begann neu" in statement
    assert listed(migrated_home) == []


def test_the_tenth_record_does_not_look_older_than_the_ninth(migrated_home: Home) -> None:
    """Both belong to one transaction: the second stop has the same start."""
    days = [f"2026-10-{day:02}T05:00:00Z" for day in range(1, 11)]
    for number, day in enumerate(days[:8], 1):
        say(migrated_home, start(number * 1_000, day), stop(number * 1_000 + 1_000, day))
    say(
        migrated_home,
        start(9_000, days[8]),
        stop(10_000, days[8]),
        stop(21_000, days[9], 20_000_009),
    )
    assert balance(migrated_home) == (20_000, 20_000, 0, 0, 0)


def test_a_restarted_register_is_listed_until_it_is_decided(
    migrated_home: Home,
) -> None:
    """Without meter values the energy before the restart is unknown."""
    say(migrated_home, start(5_000, MORNING), stop(400, NOON, 20_000_005))
    assert sums(migrated_home) == {"family-y": 400}
    assert listed(migrated_home) == [("1", "register", 400)]
    assert "register restarted: 400 Wh are booked" in migrated_home.run("shocpp", "review").stdout
    review(migrated_home, "correct", "1", "--wh", "2400", why="the car says so")
    assert sums(migrated_home) == {"family-y": 2_400}
    assert listed(migrated_home) == []


def test_review_lists_open_cases_as_text(migrated_home: Home) -> None:
    assert migrated_home.run("shocpp", "review").stdout == "none\n"
    say(migrated_home, stop(5_000, NOON))
    output = migrated_home.run("shocpp", "review").stdout
    assert "1           unknown  no transaction matches this stop" in output
    assert f"garage  5000 to 5000 Wh  ? to {NOON[:-1]}.000Z  id -1  account unassigned" in output
    assert "shocpp review assign" in output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("assign", "9", "--account", "family-y"), "there is no record 9"),
        (("assign", "T9", "--account", "family-y"), "there is no transaction T9"),
        (("assign", "G9", "--account", "family-y"), "there is no gap G9"),
        (("assign", "x", "--account", "family-y"), "'x' is not a case"),
        (("assign", "1", "--account", "nobody"), "there is no account 'nobody'; one of: company-x"),
        (("correct", "1", "--end", "0"), "the energy from 1000 Wh to 0 Wh cannot be -1000 Wh"),
        (("correct", "1", "--begin", "1", "--end", "3", "--wh", "9"), "is 2 Wh, not 9"),
    ],
)
def test_an_impossible_decision_is_refused_with_the_next_step(
    migrated_home: Home, words: tuple[str, ...], complaint: str
) -> None:
    say(migrated_home, start(1_000, MORNING), stop(5_000, NOON))
    done = migrated_home.run("shocpp", "review", *words, "--why", "because")
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert migrated_home.query("SELECT count(*) FROM accounting") == [(1,)]


def test_a_record_is_decided_on_once(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING, "ABCD"), stop(5_000, NOON))
    review(migrated_home, "assign", "1", "--account", "family-y")
    for number, complaint in (
        ("1", "the record in force is 3"),
        ("2", "is only the reversal of record 1; see"),
    ):
        done = migrated_home.run("shocpp", "review", "dismiss", number, "--why", "again")
        assert done.returncode == 2
        assert complaint in done.stderr


def test_a_decision_needs_a_reason(migrated_home: Home) -> None:
    done = migrated_home.run("shocpp", "review", "dismiss", "1", "--why", " ")
    assert done.returncode == 2
    assert "--why must not be empty" in done.stderr


def test_a_connector_is_listed_with_its_name(migrated_home: Home) -> None:
    say(migrated_home, start(1_000, MORNING, "?"), stop(5_000, NOON))
    known = {"garage": {"auth": "none", "connectors": {"1": "left"}}}
    migrated_home.charge_points_file.write_text(json.dumps(known))
    assert (
        "garage connector 1 (left)  1000 to 5000 Wh" in migrated_home.run("shocpp", "review").stdout
    )
    migrated_home.charge_points_file.write_text("{")
    assert "garage connector 1  1000 to 5000 Wh" in migrated_home.run("shocpp", "review").stdout
