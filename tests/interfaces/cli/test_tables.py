"""Tables for people: they fit the terminal, stay aligned, and pass no control character on."""

import json
import sqlite3
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.interfaces.cli.tables import Column, table
from tests.world.home import Home
from tests.world.terminal import run_in_terminal
from tests.world.visits import EVENING, MORNING, NOON, review, say, start, stop, values

HOSTILE = "\x1b[31mred\u202e\n\u5145\u96fb"


@pytest.fixture
def books(migrated_home: Home) -> Home:
    """A home with sessions of several kinds, a running one, and names."""
    conf = migrated_home.folder / "conf"
    tariff = {"account": "family-y", "valid_from": "2026-01-01", "ct_per_kwh": 30}
    (conf / "tariffs.json").write_text(json.dumps({"tariffs": [tariff]}))
    garage = {"auth": "none", "name": "Stellplatz 4", "connectors": {"1": "links"}}
    migrated_home.charge_points_file.write_text(json.dumps({"garage": garage}))
    family = {"index": 2, "account": "family-y", "ids": ["3333"], "names": {"3333": "Golf"}}
    company = {"index": 1, "account": "company-x", "ids": ["1111"]}
    migrated_home.tags_file.write_text(json.dumps([company, family]))
    say(
        migrated_home,
        ("BootNotification", {"chargePointVendor": "go-e", "chargePointModel": HOSTILE}),
        *(start(1_000, MORNING), stop(21_000, NOON)),
        *(start(21_000, EVENING, "04A2B3C4"), stop(25_000, "2026-10-02T05:00:00Z")),
        *(start(25_000, "2026-10-03T05:00:00Z", "1111"), stop(325_000, "2026-10-05T05:00:00Z")),
        *(
            start(325_000, "2026-11-01T05:00:00Z"),
            values(331_000, "2026-11-01T06:00:00Z", 20000325),
        ),
    )
    return migrated_home


# --- the table ---

texts = st.lists(st.text(max_size=40), min_size=3, max_size=3)


@given(st.lists(texts, min_size=1, max_size=5), st.integers(30, 120))
def test_a_table_fits_its_width_without_control_characters(
    rows: list[list[str]], width: int
) -> None:
    columns = [Column("A", 4), Column("B", 4, is_figure=True), Column("C", 4)]
    lines = list(table(columns, rows, width))
    assert len(lines) == len(rows) + 1
    for line in lines:
        assert line.isprintable()
        # A combining character takes no cell of its own.
        assert sum(not unicodedata.combining(character) for character in line) <= width


def test_a_table_is_aligned_and_cut_where_it_may_be() -> None:
    columns = [Column("NUMBER"), Column("KWH", is_figure=True), Column("EMPTY"), Column("WHY", 6)]
    rows = [["1", "4,000", "", "a long reason"], ["12", "500,500", "", "short"]]
    assert list(table(columns, rows, None)) == [
        "NUMBER      KWH  WHY",
        "1         4,000  a long reason",
        "12      500,500  short",
    ]
    # Its gaps are narrow before a text is cut.
    assert list(table(columns, rows, 29))[1] == "1        4,000 a long reason"
    assert list(table(columns, rows, 25)) == [
        "NUMBER     KWH WHY",
        "1        4,000 a long re…",
        "12     500,500 short",
    ]
    # Below the least widths it is as wide as it must be.
    assert list(table(columns, rows, 10))[1] == "1        4,000 a lon…"


def test_a_sentence_in_a_table_has_more_lines_instead_of_a_cut() -> None:
    columns = [Column("NUMBER"), Column("CHARGER", 6), Column("WHY", 8, wraps=True)]
    rows = [["1", "Stellplatz 4", "no transaction matches"], ["2", "garage", "short"]]
    assert list(table(columns, rows, 34)) == [
        "NUMBER  CHARGER       WHY",
        "1       Stellplatz 4  no",
        "                      transaction",
        "                      matches",
        "2       garage        short",
    ]
    # Names are cut only where the sentence has its least width, and long words with them.
    assert list(table(columns, rows, 24))[1:4] == [
        "1      Stellpl… no",
        "                transac…",
        "                matches",
    ]


def test_a_wide_character_takes_two_cells() -> None:
    columns = [Column("A", 3), Column("B")]
    assert list(table(columns, [["\u5145\u96fb", "x"], ["e\u0301", "x"]], None)) == [
        *("A     B", "\u5145\u96fb  x", "e\u0301     x"),
    ]
    assert list(table(columns, [["\u5145\u96fb", "x"]], 5))[1] == "\u5145\u2026 x"


# --- the commands ---


@pytest.mark.parametrize("columns", [80, 100, 120])
@pytest.mark.parametrize("command", ["review", "transactions", "charge-points", "sessions"])
def test_a_list_fits_a_terminal(books: Home, command: str, columns: int) -> None:
    session = run_in_terminal(books, "shocpp", command, columns=columns)
    assert session.code == 0, session.output
    assert max(map(len, session.lines)) <= columns
    assert "Stell" in session.output
    assert all(line.isprintable() for line in session.lines)


def test_people_read_local_times_kwh_and_names(books: Home) -> None:
    shown = {
        command: run_in_terminal(books, "shocpp", command).lines
        for command in ("review", "transactions", "sessions")
    }
    assert shown["review"] == [
        "NUMBER  ENDED             CHARGER                 KWH  ACCOUNT    REASON",
        "2       2026-10-02 07:00  Stellplatz 4/links    4,000             unknown card: 04A2B3C4",
        "3       2026-10-05 07:00  Stellplatz 4/links  300,000  company-x  more than 200 kWh",
        "decide with: shocpp review assign|correct|dismiss|end NUMBER (see --help)",
    ]
    head, running = shown["transactions"]
    titles = ["NUMBER", "ID", "STARTED", "CHARGER", "CARD", "ACCOUNT", "KWH", "WATT", "STATE"]
    assert head.split() == titles
    assert " ".join(running.split()) == (
        "T4 20000325 2026-11-01 06:00 Stellplatz 4/links Golf family-y 6,000 ~6000 open"
    )
    assert [" ".join(line.split()) for line in shown["sessions"]] == [
        "NUMBER TIME CHARGER CARD ACCOUNT KWH EUR STATE",
        "1 2026-10-01 07:00-12:00 Stellplatz 4/links Golf family-y 20,000 6,00",
        "2 2026-10-01 20:00-07:00 +1d Stellplatz 4/links 04A2B3C4 unassigned 4,000",
        "3 2026-10-03 07:00-07:00 +2d Stellplatz 4/links 1111 company-x 300,000 review",
        "2 sessions, 24,000 kWh, 6,00 EUR, 1 without a price",
        "under review, not in the sum: 1 with 300,000 kWh",
    ]


def test_english_figures_are_those_of_the_setting(books: Home) -> None:
    english = run_in_terminal(books, "shocpp", "sessions", SHOCPP_LANG="en")
    assert english.lines[-2].startswith("2 sessions, 24.000 kWh, 6.00 EUR, ")


def test_programs_get_the_same_lines_and_json_as_before(books: Home) -> None:
    lines = books.run("shocpp", "transactions").stdout
    assert lines.startswith("transaction_id=20000325  charge_point_id=garage  connector_id=1  ")
    assert books.run("shocpp", "review").stdout.startswith("2           4000 Wh  unknown card: ")
    points = books.run("shocpp", "charge-points").stdout
    assert points.startswith("id=garage  vendor=go-e  model=\\x1b[31mred")
    for command in ("transactions", "charge-points", "calls"):
        piped = json.loads(books.run("shocpp", command, "--json").stdout)
        shown = json.loads(run_in_terminal(books, "shocpp", command, "--json").output)
        assert piped == shown


def test_refused_chargers_are_listed_with_their_local_time(books: Home) -> None:
    with sqlite3.connect(books.database) as db:
        db.execute(
            "INSERT INTO refused_attempt (charge_point_id, address, reason, told, attempts,"
            " first_ms, last_ms) VALUES ('yard', '192.0.2.1', 'not listed', '', 1,"
            " 1790838600000, 1790838600000)"
        )
    db.close()
    rest = "  yard from 192.0.2.1: not listed; admit it: shocpp charge-points add yard"
    shown = run_in_terminal(books, "shocpp", "charge-points").lines
    assert shown[-2:] == ["refused, the newest first:", f"  2026-10-01 09:10:00{rest}"]
    piped = books.run("shocpp", "charge-points").stdout.splitlines()
    assert piped[-1] == f"  2026-10-01T07:10:00.000Z{rest}"


def test_a_call_is_listed_with_its_answer(books: Home) -> None:
    assert run_in_terminal(books, "shocpp", "calls").output == "none\n"
    with sqlite3.connect(books.database) as db:
        db.execute(
            "INSERT INTO call (call_id, charge_point, action, payload, state, confirmation,"
            " asked_by, queued_ms, deadline_ms) VALUES ('x', 1, 'Reset', '{\"type\":\"Soft\"}',"
            " 'answered', '{\"status\":\"Accepted\"}', 'anna', 1790838600000, 1790838600000)"
        )
    db.close()
    assert [" ".join(line.split()) for line in run_in_terminal(books, "shocpp", "calls").lines] == [
        "NUMBER QUEUED CHARGER ACTION PAYLOAD STATE ANSWER BY",
        '1 2026-10-01 09:10 Stellplatz 4 Reset {"type":"Soft"} answered Accepted anna',
    ]


@pytest.mark.parametrize(
    ("confirmation", "shown"),
    [
        ("{}", "{}"),
        ('{"status":"Accepted","data":"1"}', '{"status":"Accepted","data":"1"}'),
        ('{"status":7}', '{"status":7}'),
        (None, "NotSupported: no such action"),
    ],
)
def test_an_answer_is_a_word_only_if_it_has_nothing_else(
    books: Home, confirmation: str | None, shown: str
) -> None:
    with sqlite3.connect(books.database) as db:
        db.execute(
            "INSERT INTO call (call_id, charge_point, action, payload, state, confirmation,"
            " error_code, error_description, queued_ms, deadline_ms) VALUES ('x', 1, 'ClearCache',"
            " '{}', 'answered', ?, 'NotSupported', 'no such action', 1790838600000, 1790838600000)",
            (confirmation,),
        )
    db.close()
    text = run_in_terminal(books, "shocpp", "calls", columns=160).lines[1]
    assert f" answered  {shown}" in text


def test_broken_files_cost_a_list_its_names_only(books: Home) -> None:
    for file in (books.charge_points_file, books.tags_file):
        file.write_text("{")
    session = run_in_terminal(books, "shocpp", "sessions")
    assert session.code == 0, session.output
    assert " garage/1  3333 " in session.output


# --- sessions ---


def listed(home: Home, *options: str) -> list[tuple[int, str, int]]:
    """Return the sessions that a command lists: number, account, Wh."""
    done = home.run("shocpp", "sessions", *options, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert all(one["billed_ms"] <= other["billed_ms"] for one, other in pairwise(rows))
    return [(row["number"], row["account"], row["consumed_wh"]) for row in rows]


def test_sessions_are_the_records_in_force(books: Home) -> None:
    all_ = [(1, "family-y", 20_000), (2, "unassigned", 4_000), (3, "company-x", 300_000)]
    assert listed(books) == all_
    review(books, "assign", "2", "--account", "family-y")
    review(books, "dismiss", "3")
    assert listed(books) == [(1, "family-y", 20_000), (5, "family-y", 4_000), (6, "company-x", 0)]
    total = books.run("shocpp", "sessions").stdout.splitlines()[-1]
    assert total == "2 sessions, 24,000 kWh, 7,20 EUR"


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (("--account", "family-y"), [1]),
        (("-c", "garage"), [1, 2, 3]),
        (("--month", "2026-10"), [1, 2, 3]),
        (("--month", "2026-11"), []),
        (("--from", "2026-10-02"), [2, 3]),
        (("--from", "2026-10-01", "--to", "2026-10-01"), [1]),
        (("--to", "2026-10-02", "--account", "unassigned"), [2]),
    ],
)
def test_sessions_are_chosen(books: Home, options: tuple[str, ...], numbers: list[int]) -> None:
    assert [number for number, _, _ in listed(books, *options)] == numbers


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--account", "nobody"), "there is no account 'nobody'; one of: company-x, family-y"),
        (("-c", "nobody"), "'nobody' is no charger that has been here"),
        (("--month", "2026-13"), "--month: '2026-13' is not a month such as 2026-09"),
        (("--month", "2026-10", "--to", "2026-10-02"), "--month is a span of its own"),
    ],
)
def test_an_impossible_choice_of_sessions_is_refused(
    books: Home, options: tuple[str, ...], complaint: str
) -> None:
    done = books.run("shocpp", "sessions", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_no_session_is_a_sum_of_nothing(migrated_home: Home) -> None:
    assert migrated_home.run("shocpp", "sessions").stdout == "0 sessions, 0,000 kWh\n"
