"""Decisions as people make them: shown before and after, asked about, and made in groups."""

import json
import threading
from pathlib import Path

import pytest

from shocpp.bookkeeping import review
from shocpp.bookkeeping.decisions.plans import Plan
from shocpp.errors import UsageError
from tests.world.desk import ANNA, Office, charge
from tests.world.home import Home
from tests.world.terminal import run_in_terminal
from tests.world.visits import EVENING, MORNING, NOON, listed, say, start, stop, sums, values

WHY = ("--why", "because", "--by", "anna")


@pytest.fixture
def books(migrated_home: Home) -> Home:
    """A home with a healthy session of 20 kWh of family-y, at 30 ct, at a charger with a name."""
    tariff = {"account": "*", "valid_from": "2026-01-01", "ct_per_kwh": 30}
    conf = migrated_home.folder / "conf"
    (conf / "tariffs.json").write_text(json.dumps({"tariffs": [tariff]}))
    garage = {"auth": "none", "name": "Stellplatz 4", "connectors": {"1": "links"}}
    migrated_home.charge_points_file.write_text(json.dumps({"garage": garage}))
    say(migrated_home, start(1_000, MORNING), stop(21_000, NOON))
    return migrated_home


def visit_of_stranger(home: Home, day: int, wh: int, id_tag: str = "04A2B3C4") -> None:
    """Let an unknown card charge on a day of October."""
    (begin,) = home.query("SELECT max(end_wh) FROM accounting")[0]
    moments = f"2026-10-{day:02}T05:00:00Z", f"2026-10-{day:02}T21:00:00Z"
    say(home, start(begin, moments[0], id_tag), stop(begin + wh, moments[1]))


def number_of_records(home: Home) -> int:
    """Return the number of records, entries of decisions too."""
    return int(home.query("SELECT count(*) FROM accounting")[0][0])


def test_a_decision_shows_the_record_before_and_after(books: Home) -> None:
    visit_of_stranger(books, 2, 4_000)
    done = books.run("shocpp", "review", "assign", "2", "--account", "company-x", *WHY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "record 2: Stellplatz 4/links, 2026-10-02 07:00 to 2026-10-02 23:00, card 04A2B3C4",
        "          KWH   EUR  ACCOUNT      BEGIN     END  STATE",
        "before  4,000        unassigned  21,000  25,000  unknown card",
        "after   4,000  1,20  company-x   21,000  25,000  booked",
        "3  reversal  2026-10-02 23:00:00  -4000 Wh of unassigned",
        "4  replacement  2026-10-02 23:00:00  4000 Wh of company-x",
    ]


@pytest.mark.parametrize(
    ("words", "concern"),
    [
        (("assign", "1", "--account", "company-x"), "is booked to family-y and not under review"),
        (("correct", "1", "--kwh", "20,5"), "is booked to family-y and not under review"),
        (
            ("correct", "1", "--wh", "20"),
            "is booked to family-y and not under review, and 99.9 % of its energy would go",
        ),
        (
            ("dismiss", "1"),
            "is booked to family-y and not under review, and all of its energy would go",
        ),
    ],
)
def test_a_healthy_session_is_not_moved_without_a_yes(
    books: Home, words: tuple[str, ...], concern: str
) -> None:
    refused = books.run("shocpp", "review", *words, *WHY)
    assert refused.returncode == 2
    command = f"shocpp review {' '.join(words)} --why because --by anna --yes"
    assert refused.stderr == (
        f"nothing is written: record 1 {concern}; to write it all the same: {command}\n"
    )
    assert number_of_records(books) == 1
    assert books.run(*command.split()).returncode == 0
    assert number_of_records(books) == 3


@pytest.mark.parametrize(("answer", "code", "wh"), [("n", 1, 20_000), ("y", 0, 20)])
def test_a_terminal_is_asked_about_a_healthy_session(
    books: Home, answer: str, code: int, wh: int
) -> None:
    command = ("shocpp", "review", "correct", "1", "--wh", "20", *WHY)
    session = run_in_terminal(books, *command, answers=f"{answer}\n")
    assert session.code == code
    assert "before  20,000  6,00  family-y  1,000  21,000  booked" in session.lines
    assert "after    0,020  0,01  family-y  1,000   1,020  booked" in session.lines
    assert ", and 99.9 % of its energy would go. Write this decision? [y/N]: " in session.output
    assert sums(books) == {"family-y": wh}


def test_most_of_the_energy_does_not_go_without_a_yes(books: Home) -> None:
    """A record under review is corrected at once, unless 90 % of it would go."""
    say(books, start(21_000, EVENING), stop(321_000, "2026-10-02T05:00:00Z"))
    refused = books.run("shocpp", "review", "correct", "2", "--wh", "29999", *WHY)
    assert refused.returncode == 2
    assert "nothing is written: 90.0 % of the energy of record 2 would go; " in refused.stderr
    refused = books.run("shocpp", "review", "dismiss", "2", *WHY)
    assert "nothing is written: all of the energy of record 2 would go; " in refused.stderr
    assert number_of_records(books) == 2
    assert books.run("shocpp", "review", "correct", "2", "--wh", "30000", *WHY).returncode == 0
    assert sums(books) == {"family-y": 50_000}


def test_a_session_with_a_restarted_register_stays_with_its_account_without_a_yes(
    books: Home,
) -> None:
    say(books, start(21_000, EVENING), stop(400, "2026-10-02T05:00:00Z", 20_000_021))
    assert listed(books) == [("2", "register", 400)]
    refused = books.run("shocpp", "review", "assign", "2", "--account", "company-x", *WHY)
    assert "nothing is written: record 2 is booked to family-y already" in refused.stderr
    assert books.run("shocpp", "review", "correct", "2", "--wh", "2400", *WHY).returncode == 0


def test_what_is_dismissed_comes_back_with_a_yes_only(books: Home) -> None:
    say(books, start(22_000, EVENING), stop(23_000, EVENING))
    for reference, words in (("G2", ("assign", "G2")), ("1", ("correct", "5"))):
        assert books.run("shocpp", "review", "dismiss", reference, *WHY, "--yes").returncode == 0
        again = books.run("shocpp", "review", *words, "--account", "company-x", *WHY)
        assert again.returncode == 2, words
        assert "is dismissed already; to write it all the same: " in again.stderr


@pytest.mark.parametrize(
    ("text", "wh"), [("20,5", 20_500), ("20.5", 20_500), ("0,001", 1), ("20", 20_000)]
)
def test_an_energy_in_kwh_is_exact(books: Home, text: str, wh: int) -> None:
    done = books.run("shocpp", "review", "correct", "1", "--kwh", text, *WHY, "--yes")
    assert done.returncode == 0, done.stderr
    assert sums(books) == {"family-y": wh}


@pytest.mark.parametrize("text", ["", "-1", "1.234,5", "20,5555", "1e3", "20,", "٢٠", "nan"])
def test_an_energy_that_can_be_misread_is_refused(books: Home, text: str) -> None:
    done = books.run("shocpp", "review", "correct", "1", "--kwh", text, *WHY, "--yes")
    assert done.returncode == 2
    assert "is no energy such as 20,5 (at most three decimals)" in done.stderr
    both = books.run("shocpp", "review", "correct", "1", "--kwh", "1", "--wh", "1000", *WHY)
    assert both.stderr == "--wh and --kwh are the same energy; give one of them\n"
    assert number_of_records(books) == 1


# --- transactions that never stop ---


def test_the_end_of_a_transaction_is_shown_before_and_after(books: Home) -> None:
    """Its last reading is the proposal; without one its energy is unknown."""
    say(books, start(21_000, EVENING), values(22_500, "2026-10-01T19:00:00Z", 20_000_021))
    say(books, start(23_000, "2026-10-02T05:00:00Z", "1111"))
    say(books, start(24_000, "2026-10-03T05:00:00Z", "1111"))
    listed_ = run_in_terminal(books, "shocpp", "review").output
    assert "T2      since 2026-10-01 20:00  Stellplatz 4/links    1,500  family-y   " in listed_
    assert "T3      since 2026-10-02 07:00  Stellplatz 4/links  unknown  company-x  " in listed_
    done = books.run("shocpp", "review", "end", "T2", *WHY)
    assert (done.returncode, done.stderr) == (0, "")
    head, _titles, before, after, entry = done.stdout.splitlines()
    assert head == "T2: Stellplatz 4/links, 2026-10-01 20:00 to 2026-10-01 21:00, card 3333"
    assert before == ("before  1,500        family-y  21,000  22,500  under review: never stopped")
    assert after == "after   1,500  0,45  family-y  21,000  22,500  booked"
    assert entry.endswith("  replacement  2026-10-01 21:00:00  1500 Wh of family-y")
    done = books.run("shocpp", "review", "end", "T3", *WHY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nafter   unknown  0,00  company-x  23,000  23,000  booked\n" in done.stdout
    shown = run_in_terminal(books, "shocpp", "sessions").output
    assert "  company-x  unknown  0,00  decided\n" in shown
    refused = books.run("shocpp", "review", "end", "1", *WHY)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("'1' is not a transaction; give one such as T5")


# --- groups ---


def test_all_sessions_of_a_card_are_assigned_in_one_go(books: Home) -> None:
    visit_of_stranger(books, 2, 4_000)
    visit_of_stranger(books, 3, 5_000, "ABCD")
    visit_of_stranger(books, 4, 9_500)
    command = ("shocpp", "review", "assign", "--card", "04:a2:b3:c4", "--account", "company-x")
    refused = books.run(*command, *WHY)
    assert refused.returncode == 2
    assert "nothing is written: this decides 2 cases; to write it all the same: " in refused.stderr
    head, first, second, total = refused.stdout.splitlines()
    assert " ".join(head.split()) == (
        "NUMBER ENDED CHARGER CARD KWH ACCOUNT NEW KWH NEW EUR NEW ACCOUNT"
    )
    assert " ".join(first.split()) == (
        "2 2026-10-02 23:00 Stellplatz 4/links 04A2B3C4 4,000 unassigned 4,000 1,20 company-x"
    )
    assert second.startswith("4  ")
    assert total == "2 cases: 13,500 kWh before, 13,500 kWh after"
    assert number_of_records(books) == 4
    asked = run_in_terminal(books, *command, *WHY, answers="y\n")
    assert asked.code == 0, asked.output
    assert sums(books) == {"company-x": 13_500, "family-y": 20_000, "unassigned": 5_000}
    assert listed(books) == [("3", "card", 5_000)]
    none = books.run(*command, *WHY)
    assert (none.returncode, none.stdout) == (2, "")
    assert "no session that needs a decision has this card, charger and day" in none.stderr


def test_the_sessions_of_a_charger_in_a_span_of_local_days_are_dismissed(books: Home) -> None:
    """Days are included, a healthy session and a gap are not; a running transaction neither."""
    for day in (2, 3, 4):
        visit_of_stranger(books, day, 4_000)
    say(books, start(34_000, "2026-10-04T22:30:00Z", "ABCD"))
    say(books, stop(35_000, "2026-10-04T23:30:00Z"))  # the 5th in Berlin
    say(books, start(35_000, "2026-10-05T07:00:00Z"))
    days = ("--from", "2026-10-03", "--to", "2026-10-04", *WHY, "--yes")
    done = books.run("shocpp", "review", "dismiss", "--charge-point", "garage", *days)
    assert done.returncode == 0, done.stderr
    assert "2 cases: 8,000 kWh before, 0,000 kWh after" in done.stdout
    cases = [number for number, kind, _wh in listed(books) if kind != "gap"]
    assert cases == ["2", "5"]
    assert sums(books)["family-y"] == 20_000


def test_an_orphaned_transaction_is_in_the_group_of_its_card(books: Home) -> None:
    say(books, start(21_000, EVENING, "04A2B3C4"), values(22_500, EVENING, 21))
    say(books, start(23_000, "2026-10-02T05:00:00Z"))
    command = ("shocpp", "review", "assign", "--card", "04A2B3C4", "--account", "company-x")
    assert books.run(*command, *WHY, "--yes").returncode == 0
    assert sums(books) == {"company-x": 1_500, "family-y": 20_000}


@pytest.mark.parametrize(
    "words", [(), ("1", "--card", "ABCD"), ("--from", "2026-10-01"), ("1", "--to", "2026-10-01")]
)
def test_a_decision_names_one_case_or_a_group(books: Home, words: tuple[str, ...]) -> None:
    done = books.run("shocpp", "review", "dismiss", *words, *WHY)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("name one case by its number, or a group of cases: --card ID")


def test_an_empty_card_is_not_the_group_of_sessions_without_one(books: Home) -> None:
    say(books, start(21_000, EVENING, ""), stop(22_000, EVENING))
    for card in ("", " : "):
        done = books.run("shocpp", "review", "dismiss", "--card", card, *WHY, "--yes")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("--card must not be empty; ")
    assert number_of_records(books) == 2


def test_an_unknown_charger_has_no_group(books: Home) -> None:
    done = books.run("shocpp", "review", "dismiss", "--charge-point", "nobody", *WHY)
    assert done.returncode == 2
    assert "'nobody' is no charger that has been here" in done.stderr


# --- two people at the same time ---


def test_a_plan_that_has_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    """The tariff changes while somebody reads the question."""
    office = Office(tmp_path)
    charge(office, 10_000, 14_000, "unknown")

    def change_price(plans: object) -> None:
        office.price({"account": "family-y", "valid_from": "2023-01-01", "ct_per_kwh": 30})

    with pytest.raises(UsageError, match="1: changed in the meantime, so nothing is written"):
        review.assign(office.db, office.settings, "1", "family-y", ANNA, change_price)
    assert office.query("SELECT count(*) FROM accounting") == [1]
    office.db.close()


def test_two_people_decide_on_a_record_once(books: Home) -> None:
    """Both have read the same preview, and the second one answers later."""
    visit_of_stranger(books, 2, 4_000)
    outputs: list[str] = []

    def decide(account: str) -> None:
        command = ("shocpp", "review", "assign", "2", "--account", account, *WHY)
        done = books.run(*command)
        outputs.append(done.stderr)

    people = [threading.Thread(target=decide, args=(name,)) for name in ("family-y", "company-x")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(map(bool, outputs)) == [False, True]
    assert number_of_records(books) == 4
    assert sum(sums(books).values()) == 24_000


def test_the_preview_has_the_price_that_is_written(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 31.27})
    charge(office, 10_000, 43_250)
    plans: list[Plan] = []
    review.assign(office.db, office.settings, "1", "company-x", ANNA, plans.extend)
    (plan,) = plans
    assert plan.price is not None
    assert plan.price.amount_ct == 1_040
    amounts = [entry.price and entry.price.amount_ct for entry in plan.entries]
    assert amounts == [-1_040, 1_040]
    assert office.query("SELECT amount_ct FROM accounting ORDER BY number") == [1_040, *amounts]
    office.db.close()
