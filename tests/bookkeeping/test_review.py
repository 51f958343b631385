"""The decisions of humans: their entries, and the sums of the months after them."""

import json
import re

import pytest

from tests.world.home import Home
from tests.world.machine import ROOT

MORNING = "2026-10-01T05:00:00Z"
NOON = "2026-10-01T10:00:00Z"
EVENING = "2026-10-01T18:00:00Z"


@pytest.fixture
def garage(home: Home) -> Home:
    """A home whose charger has no record yet."""
    assert home.run("shocpp", "migrate").returncode == 0
    return home


def say(home: Home, *calls: tuple[str, dict[str, object]]) -> None:
    """Send these Calls from the charger `garage`; each must be answered."""
    frames = [json.dumps([2, str(number), *call]) for number, call in enumerate(calls)]
    done = home.run("shocpp-backend", "-c", "garage", stdin="\n".join(frames))
    assert len(done.stdout.splitlines()) == len(calls), done.stderr


def start(wh: int, when: str, id_tag: str = "3333") -> tuple[str, dict[str, object]]:
    """Return a StartTransaction at connector 1."""
    return "StartTransaction", {
        "connectorId": 1,
        "idTag": id_tag,
        "meterStart": wh,
        "timestamp": when,
    }


def stop(wh: int, when: str, transaction_id: int = -1) -> tuple[str, dict[str, object]]:
    """Return a StopTransaction, by default without a valid id."""
    return "StopTransaction", {"transactionId": transaction_id, "meterStop": wh, "timestamp": when}


def values(wh: int, when: str, transaction_id: int) -> tuple[str, dict[str, object]]:
    """Return a MeterValues of a transaction at connector 1."""
    sampled = {"timestamp": when, "sampledValue": [{"value": str(wh)}]}
    return "MeterValues", {
        "connectorId": 1,
        "transactionId": transaction_id,
        "meterValue": [sampled],
    }


def review(home: Home, *words: str, why: str = "because") -> str:
    """Run `shocpp review …`, which must succeed, and return its output."""
    done = home.run("shocpp", "review", *words, "--why", why, "--by", "anna")
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(home: Home) -> list[tuple[str, str, int]]:
    """Return the open cases: number, kind, Wh."""
    rows = json.loads(home.run("shocpp", "review", "list", "--json").stdout)
    return [(row["number"], row["kind"], row["consumed_wh"]) for row in rows]


def sums(home: Home) -> dict[str, int]:
    """Return the Wh of each account."""
    return dict(home.query("SELECT account, sum(wh) FROM monthly_consumption GROUP BY account"))


def balance(home: Home) -> tuple[int, ...]:
    """Return the Wh of the meter: all, booked, unassigned, under review, gaps. They must add up."""
    ((meter, booked, unassigned, reviewed, gap, overlap, restarts),) = home.query(
        "SELECT meter_wh, booked_wh, unassigned_wh, under_review_wh, gap_wh, overlap_wh, restarts"
        " FROM audit"
    )
    assert not restarts
    assert meter == booked + unassigned + reviewed + gap - overlap
    return meter, booked, unassigned, reviewed, gap


def test_energy_of_an_unknown_card_is_given_to_an_account(garage: Home) -> None:
    say(garage, start(1_000, MORNING, "ABCD"), stop(5_000, NOON))
    assert listed(garage) == [("1", "card", 4_000)]
    review(garage, "assign", "1", "--account", "family-y", why="their new card")
    assert listed(garage) == []
    assert sums(garage) == {"family-y": 4_000, "unassigned": 0}
    assert balance(garage) == (4_000, 4_000, 0, 0, 0)
    assert garage.query(
        "SELECT entry, account, consumed_wh, consumed_kwh, replaces, decided_by, decided_why,"
        " month FROM accounting ORDER BY number"
    ) == [
        ("record", "unassigned", 4_000, 4, None, None, None, "2026-10"),
        ("reversal", "unassigned", -4_000, -4, 1, "anna", "their new card", "2026-10"),
        ("replacement", "family-y", 4_000, 4, 1, "anna", "their new card", "2026-10"),
    ]


def test_the_query_energy_by_card_counts_records_in_force(garage: Home) -> None:
    say(garage, start(1_000, MORNING, "ABCD"), stop(5_000, NOON))
    review(garage, "assign", "1", "--account", "family-y")
    query = (ROOT / "db" / "reports" / "energy_by_card.sql").read_text()
    assert garage.query(query) == [("2026-10", "family-y", "ABCD", 1, 4.0)]


def test_a_decision_has_files_of_its_own(garage: Home) -> None:
    say(garage, start(1_000, MORNING, "ABCD"), stop(5_000, NOON))
    (before,) = garage.record_files()
    first = before.read_text()
    review(garage, "assign", "1", "--account", "family-y")
    assert before.read_text() == first
    added = [json.loads(f.read_text()) for f in garage.record_files() if f != before]
    assert {(file["entry"], file["replaces_file"], file["consumed_kwh"]) for file in added} == {
        ("reversal", before.name, "-4"),
        ("replacement", before.name, "4"),
    }


def test_a_record_under_review_is_booked_when_it_is_confirmed(garage: Home) -> None:
    say(garage, start(1_000, MORNING), stop(301_000, EVENING), start(301_000, EVENING))
    assert listed(garage) == [("1", "record", 300_000)]
    review(garage, "assign", "1", "--account", "family-y", why="a lorry")
    assert sums(garage) == {"family-y": 300_000}
    assert balance(garage) == (300_000, 300_000, 0, 0, 0)


def test_a_misreading_is_corrected_and_the_rest_is_a_gap(garage: Home) -> None:
    say(garage, start(1_000, MORNING), stop(301_000, EVENING))
    say(garage, start(20_000, EVENING, "1111"), stop(21_000, EVENING))
    review(garage, "correct", "1", "--wh", "15000", why="the display said 16")
    assert sums(garage) == {"company-x": 1_000, "family-y": 15_000}
    assert listed(garage) == [("G2", "gap", 4_000)]
    assert balance(garage) == (20_000, 16_000, 0, 0, 4_000)


def test_a_correction_of_a_booked_record_reverses_it_first(garage: Home) -> None:
    say(garage, start(1_000, MORNING), stop(5_000, NOON))
    review(garage, "correct", "1", "--end", "4000")
    assert sums(garage) == {"family-y": 3_000}
    review(garage, "correct", "3", "--account", "company-x")
    assert sums(garage) == {"company-x": 3_000, "family-y": 0}
    assert [entry for (entry,) in garage.query("SELECT entry FROM accounting ORDER BY number")] == [
        *("record", "reversal", "replacement", "reversal", "replacement")
    ]


def test_a_dismissed_record_is_owed_by_nobody_and_seen_as_a_gap(garage: Home) -> None:
    say(garage, start(1_000, MORNING), stop(301_000, EVENING), start(301_000, EVENING))
    review(garage, "dismiss", "1", why="the electrician's test")
    assert sums(garage) == {"family-y": 0}
    say(garage, stop(302_000, "2026-10-02T05:00:00Z"))
    assert listed(garage) == [("G3", "gap", 300_000)]
    review(garage, "dismiss", "G3", why="the same")
    assert listed(garage) == []
    assert balance(garage) == (301_000, 1_000, 0, 0, 300_000)
    assert garage.query("SELECT gap_wh, dismissed FROM gaps") == [(300_000, "the same")]
    assert "    G3: 300,000 kWh verworfen (the same), zwischen" in (
        garage.run("shocpp-summary", "2026", "10").stdout
    )


def test_a_correction_gives_a_dismissed_record_its_energy_back(garage: Home) -> None:
    say(garage, start(1_000, MORNING), stop(5_000, NOON))
    review(garage, "dismiss", "1")
    done = garage.run("shocpp", "review", "assign", "3", "--account", "company-x", "--why", "so")
    assert done.returncode == 2
    assert "shocpp review correct 3 --account company-x" in done.stderr
    review(garage, "correct", "3", "--account", "company-x")
    assert sums(garage) == {"company-x": 4_000, "family-y": 0}


def test_a_gap_is_given_to_an_account(garage: Home) -> None:
    say(garage, start(1_000, MORNING), stop(2_000, NOON))
    say(garage, start(2_500, EVENING), stop(3_000, EVENING))
    assert listed(garage) == [("G2", "gap", 500)]
    review(garage, "assign", "G2", "--account", "company-x")
    assert listed(garage) == []
    assert sums(garage) == {"company-x": 500, "family-y": 1_500}
    assert balance(garage) == (2_000, 2_000, 0, 0, 0)


def test_an_assigned_gap_is_not_booked_again_by_its_late_transaction(garage: Home) -> None:
    """The charger was offline, and sends it when later ones are booked already."""
    say(garage, start(1_000, MORNING), stop(2_000, NOON))
    say(garage, start(2_500, EVENING), stop(3_000, EVENING))
    review(garage, "assign", "G2", "--account", "company-x")
    say(garage, start(2_000, "2026-10-01T12:00:00Z"), stop(2_500, "2026-10-01T13:00:00Z"))
    assert sums(garage) == {"company-x": 500, "family-y": 1_500}
    assert listed(garage) == [("4", "record", 500)]


def test_a_transaction_that_never_stopped_is_booked_up_to_its_last_reading(garage: Home) -> None:
    say(garage, start(1_000, MORNING), values(2_500, NOON, 20_000_001))
    say(garage, start(3_000, EVENING, "1111"))
    assert listed(garage) == [("T1", "transaction", 1_500)]
    review(garage, "assign", "T1", "--account", "family-y")
    assert listed(garage) == [("GT2", "gap", 500)]
    say(garage, stop(2_800, NOON, 20_000_001))  # the late stop
    assert sums(garage) == {"family-y": 1_800}
    assert listed(garage) == [("GT2", "gap", 200)]


def test_a_transaction_dismissed_in_error_is_booked_by_its_late_stop(garage: Home) -> None:
    say(garage, start(1_000, MORNING), start(3_000, EVENING, "1111"))
    review(garage, "dismiss", "T1")
    say(garage, stop(3_000, NOON, 20_000_001))
    assert sums(garage) == {"family-y": 2_000}


def test_a_transaction_needs_a_reading_of_a_human_where_it_has_none(garage: Home) -> None:
    say(garage, start(1_000, MORNING), start(3_000, EVENING, "1111"))
    review(garage, "correct", "T1", "--end", "3000")
    assert sums(garage) == {"family-y": 2_000}


def test_a_transaction_that_never_stopped_belongs_to_the_month_of_its_last_reading(
    garage: Home,
) -> None:
    """A charger sends its offline queue months later."""
    august = "2026-08-03T05:00:00Z"
    say(garage, start(6_000, august), values(6_500, "2026-08-03T06:00:00Z", 20_000_006))
    say(garage, start(7_000, "2026-08-04T05:00:00Z"))
    review(garage, "assign", "T1", "--account", "family-y")
    assert garage.query("SELECT localtime, consumed_wh FROM accounting") == [
        ("2026-08-03 08:00:00", 500)
    ]


def test_the_summary_names_decisions_with_author_and_reason(garage: Home) -> None:
    say(garage, start(1_000, MORNING, "ABCD"), stop(5_000, NOON))
    say(garage, start(5_500, EVENING), stop(6_000, EVENING))
    review(garage, "assign", "1", "--account", "company-x", why="Besuch")
    statement = garage.run("shocpp-summary", "2026", "10").stdout
    assert "Mandant: company-x                      4,000 kWh" in statement
    line = (
        r"  2026-10-01 12:00:00 garage: 4,000 kWh zugeordnet zu company-x \(anna, [0-9-]+: Besuch\)"
    )
    assert re.search(line, statement)
    assert "  garage: 4,500 abgerechnet + 0,500 Lücken = 5,000 kWh gezählt" in statement
    assert (
        "    G2: 0,500 kWh nicht zugeordnet, "
        "zwischen 2026-10-01 12:00:00 und 2026-10-01 20:00:00" in statement
    )


def test_a_meter_that_begins_anew_is_named_as_one_that_cannot_be_audited(garage: Home) -> None:
    say(garage, start(0, MORNING), stop(5_000, NOON), start(0, NOON), stop(4_000, EVENING))
    statement = garage.run("shocpp-summary", "2026", "10").stdout
    assert "  garage: nicht prüfbar, denn sein Zähler begann neu" in statement
    assert listed(garage) == []


def test_the_tenth_record_does_not_look_older_than_the_ninth(garage: Home) -> None:
    """Both belong to one transaction: the second stop has the same start."""
    days = [f"2026-10-{day:02}T05:00:00Z" for day in range(1, 11)]
    for number, day in enumerate(days[:8], 1):
        say(garage, start(number * 1_000, day), stop(number * 1_000 + 1_000, day))
    say(garage, start(9_000, days[8]), stop(10_000, days[8]), stop(21_000, days[9], 20_000_009))
    assert balance(garage) == (20_000, 20_000, 0, 0, 0)


def test_a_restarted_register_is_listed_until_it_is_decided(
    garage: Home,
) -> None:
    """Without meter values the energy before the restart is unknown."""
    say(garage, start(5_000, MORNING), stop(400, NOON, 20_000_005))
    assert sums(garage) == {"family-y": 400}
    assert listed(garage) == [("1", "register", 400)]
    assert "register restarted: 400 Wh are booked" in garage.run("shocpp", "review").stdout
    review(garage, "correct", "1", "--wh", "2400", why="the car says so")
    assert sums(garage) == {"family-y": 2_400}
    assert listed(garage) == []


def test_review_lists_open_cases_as_text(garage: Home) -> None:
    assert garage.run("shocpp", "review").stdout == "none\n"
    say(garage, stop(5_000, NOON))
    output = garage.run("shocpp", "review").stdout
    assert "1              0 Wh  no transaction matches this stop" in output
    assert f"garage  5000 to 5000 Wh  ? to {NOON[:-1]}.000Z  id -1  account unassigned" in output
    assert "shocpp review assign" in output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("assign", "9", "--account", "family-y"), "there is no record 9"),
        (("assign", "T9", "--account", "family-y"), "T9 is no orphaned transaction"),
        (("assign", "G9", "--account", "family-y"), "there is no gap G9"),
        (("assign", "x", "--account", "family-y"), "'x' is none of"),
        (("assign", "1", "--account", "nobody"), "there is no account 'nobody'; one of: company-x"),
        (("correct", "1", "--end", "0"), "from 1000 Wh to 0 Wh it cannot be -1000 Wh"),
        (("correct", "1", "--begin", "1", "--end", "3", "--wh", "9"), "are 2 Wh, not 9"),
    ],
)
def test_an_impossible_decision_is_refused_with_the_next_step(
    garage: Home, words: tuple[str, ...], complaint: str
) -> None:
    say(garage, start(1_000, MORNING), stop(5_000, NOON))
    done = garage.run("shocpp", "review", *words, "--why", "because")
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert garage.query("SELECT count(*) FROM accounting") == [(1,)]


def test_a_record_is_decided_on_once(garage: Home) -> None:
    say(garage, start(1_000, MORNING, "ABCD"), stop(5_000, NOON))
    review(garage, "assign", "1", "--account", "family-y")
    for number, complaint in (
        ("1", "the record in force is 3"),
        ("2", "is only the reversal of record 1; see"),
    ):
        done = garage.run("shocpp", "review", "dismiss", number, "--why", "again")
        assert done.returncode == 2
        assert complaint in done.stderr


def test_a_decision_needs_a_reason(garage: Home) -> None:
    done = garage.run("shocpp", "review", "dismiss", "1", "--why", " ")
    assert done.returncode == 2
    assert "--why must not be empty" in done.stderr


def test_a_connector_is_listed_with_its_name(garage: Home) -> None:
    say(garage, start(1_000, MORNING, "?"), stop(5_000, NOON))
    known = {"garage": {"auth": "none", "connectors": {"1": "left"}}}
    garage.charge_points_file.write_text(json.dumps(known))
    assert "garage connector 1 (left)  1000 to 5000 Wh" in garage.run("shocpp", "review").stdout
    garage.charge_points_file.write_text("{")
    assert "garage connector 1  1000 to 5000 Wh" in garage.run("shocpp", "review").stdout
