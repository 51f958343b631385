"""Notes on sessions: where they are printed, how long, and that they come back."""

import csv
import json
from pathlib import Path

import pytest

from tests.bookkeeping.test_closing import charge, close, price, refused
from tests.world.home import Home
from tests.world.pdf_statements import pages_of, words_of
from tests.world.visits import MORNING, NOON, say, start, stop


def noted(home: Home, *options: str, number: int = 1) -> str:
    """Run `shocpp sessions note`, which must succeed, and return its output."""
    done = home.run("shocpp", "sessions", "note", str(number), *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sessions(home: Home) -> list[tuple[int, int | None, str | None]]:
    """Return number, kilometres and note of each session."""
    rows = json.loads(home.run("shocpp", "sessions", "--json").stdout)
    return [(row["number"], row["km"], row["note"]) for row in rows]


def statement(home: Home, format_name: str, *options: str) -> str:
    """Return October in a format."""
    done = home.run("shocpp-summary", "2026", "10", "--format", format_name, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def charged(migrated_home: Home) -> Home:
    """A home with a session of family-y, and one of company-x; 30 ct/kWh."""
    price(migrated_home, 30)
    charge(migrated_home, 1_000_000, 1_033_250)
    say(migrated_home, start(1_033_250, MORNING, "1111"), stop(1_040_000, NOON))
    return migrated_home


def test_a_note_is_set_part_by_part_and_removed_by_an_empty_text(charged: Home) -> None:
    assert noted(charged, "--km", "123 456", "--text", "Dienstreise") == (
        "1: 123456 km, Dienstreise\n"
    )
    assert noted(charged, "--text", "") == "1: 123456 km\n"
    assert sessions(charged) == [(1, 123_456, None), (2, None, None)]
    assert noted(charged, "--km", "") == "1: no note any more\n"
    assert sessions(charged) == [(1, None, None), (2, None, None)]


def test_sessions_as_csv_have_the_rows_of_json(charged: Home) -> None:
    noted(charged, "--km", "7", "--text", 'a, "b"')
    rows = json.loads(charged.run("shocpp", "sessions", "--json").stdout)
    read = list(csv.DictReader(charged.run("shocpp", "sessions", "--csv").stdout.splitlines()))
    texts = [
        {key: "" if value is None else str(value) for key, value in row.items()} for row in rows
    ]
    assert read == texts
    assert (read[0]["number"], read[0]["km"], read[0]["note"]) == ("1", "7", 'a, "b"')
    assert read[0]["stop_reason"] == rows[0]["stop_reason"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("9", "--km", "1"), "there is no record 9; the numbers: shocpp sessions"),
        (("1",), "name kilometres or a text: --km 123456 --text 'Dienstreise'"),
        (("1", "--km", "12.5"), "--km: '12.5' are no kilometres; write whole ones such as 123456"),
        (("1", "--text", "a\nb"), "--text has control characters; write it on one line"),
        (("1", "--text", "x" * 201), "--text has 201 characters; at most 200 fit"),
    ],
)
def test_a_wrong_note_is_refused(charged: Home, words: tuple[str, ...], sentence: str) -> None:
    assert refused(charged, "shocpp", "sessions", "note", *words) == f"{sentence}\n"


def test_only_a_month_with_notes_has_their_columns(charged: Home, tmp_path: Path) -> None:
    """And only the statements of accounts that have one: company-x has none."""
    for format_name in ("csv", "csv-machine", "json"):
        text = statement(charged, format_name)
        assert "Kilometer" not in text
        assert '"km"' not in text
        assert ",km" not in text
    noted(charged, "--km", "123456", "--text", "Dienstreise")
    row, _ = csv.DictReader(
        statement(charged, "csv").removeprefix("\ufeff").splitlines(), delimiter=";"
    )
    assert (row["Kilometer"], row["Notiz"]) == ("123456", "Dienstreise")
    (record, _) = json.loads(statement(charged, "json"))["records"]
    assert (record["km"], record["note"]) == (123_456, "Dienstreise")
    first, _ = csv.DictReader(statement(charged, "csv-machine").splitlines())
    assert (first["km"], first["note"]) == ("123456", "Dienstreise")
    words = {}
    for account in ("family-y", "company-x"):
        file = tmp_path / account
        statement(charged, "pdf", "--account", account, "-o", str(file))
        words[account] = words_of(pages_of(file))
        assert ("Notiz" in statement(charged, "csv", "--account", account)) == (
            account == "family-y"
        )
    assert "123456 km Dienstreise" in words["family-y"]
    assert "Notiz" not in words["company-x"]


def test_a_closed_month_keeps_its_notes_and_gets_none(charged: Home) -> None:
    noted(charged, "--text", "Dienstreise")
    close(charged)
    before = {name: statement(charged, name) for name in ("csv", "csv-machine", "json")}
    assert "Dienstreise" in before["csv"]
    for number in ("1", "2"):
        sentence = refused(charged, "shocpp", "sessions", "note", number, "--km", "1")
        assert "is of 2026-10, which is closed: its statement is fixed" in sentence
    charged.database.unlink()
    for name in ("-wal", "-shm"):
        charged.database.with_name(charged.database.name + name).unlink(missing_ok=True)
    assert charged.run("shocpp", "rebuild").returncode == 0
    assert {name: statement(charged, name) for name in before} == before
    assert charged.run("shocpp", "verify").returncode == 0


def test_a_note_is_a_file_and_comes_back_from_it(charged: Home) -> None:
    noted(charged, "--km", "5", "--by", "anna")
    noted(charged, "--km", "6", "--text", "Müller", "--by", "anna")
    (file,) = (charged.folder / "accounting").glob("**/00_note_*.json")
    content = json.loads(file.read_text())
    assert (content["km"], content["text"], content["noted_by"]) == (6, "Müller", "anna")
    assert (file.parent / content["of_file"]).is_file()
    text = file.read_text()
    file.unlink()
    noted(charged, "--km", "8", number=2)
    charged.database.rename(charged.folder / "lost.sqlite3")
    for name in ("-wal", "-shm"):
        charged.database.with_name(charged.database.name + name).unlink(missing_ok=True)
    file.write_text(text)
    assert charged.run("shocpp", "rebuild").returncode == 0
    assert sessions(charged) == [(1, 6, "Müller"), (2, 8, None)]


def test_a_corrected_session_keeps_its_note(charged: Home) -> None:
    noted(charged, "--km", "5")
    done = charged.run(
        "shocpp", "review", "correct", "1", "--wh", "30000", "--why", "Display", "--yes"
    )
    assert done.returncode == 0, done.stderr
    rows = {number: km for number, km, _ in sessions(charged)}
    (corrected,) = rows.keys() - {2}
    assert (corrected != 1, rows) == (True, {corrected: 5, 2: None})
    noted(charged, "--km", "6", number=corrected)
    assert {km for _, km, _ in sessions(charged)} == {6, None}


def test_a_note_of_a_moved_session_stays_from_the_other_account(charged: Home) -> None:
    noted(charged, "--text", "Wagen von family-y")
    words = ("review", "assign", "1", "--account", "company-x", "--why", "Gast", "--yes")
    done = charged.run("shocpp", *words)
    assert done.returncode == 0, done.stderr
    for format_name in ("csv", "csv-machine", "json"):
        assert "Wagen" not in statement(charged, format_name, "--account", "company-x")
        assert "Wagen" in statement(charged, format_name)
