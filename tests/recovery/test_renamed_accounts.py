"""Rebuild, salvage, import and restore of the books of an account that was renamed."""

import contextlib
import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from shocpp.clock import now_ms
from shocpp.store.schema.migrations import migrate
from tests.recovery.test_salvage import checkpoint, header_gone, records_gone
from tests.world.home import Home
from tests.world.visits import MORNING, NOON, review, say, start, stop, sums, values

BOOKS = (
    "SELECT number, file_name, account_index, account, consumed_wh, month, entry FROM {}"
    " ORDER BY number"
)
ROWS = "(SELECT *, id AS number FROM accounting_record)"


@pytest.fixture(scope="module")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose family-y is flat 3 since its second record, and has a third one and a fourth."""
    home = Home(tmp_path_factory.mktemp("renamed") / "home")
    migrate(home.database, now_ms())
    say(home, start(1_000, MORNING), stop(5_000, NOON, 20_000_001))
    done = home.run("shocpp", "close", "2026", "10", "--by", "anna")
    assert done.returncode == 0, done.stderr
    say(home, *session(1, 5_000), start(9_000, "2026-11-02T05:00:00Z"))
    rename(home, "family-y", "flat 3")
    say(
        home,
        values(12_000, "2026-11-02T06:00:00Z", 20_000_009),
        stop(13_000, "2026-11-02T07:00:00Z", 20_000_009),
        *session(3, 13_000),
    )
    review(home, "correct", "1", "--wh", "3000")
    checkpoint(home.database)
    return home


@pytest.fixture
def charged_home(home: Home, first_home: Home) -> Home:
    """A copy of that home."""
    home.copy_from(first_home)
    return home


def session(day: int, begin_wh: int) -> tuple[tuple[str, dict[str, object]], ...]:
    """Return a session of family-y in November, of 4 kWh."""
    begun = start(begin_wh, f"2026-11-{day:02}T05:00:00Z")
    return begun, stop(
        begin_wh + 4_000, f"2026-11-{day:02}T07:00:00Z", 20_000_000 + begin_wh // 1000
    )


def rename(home: Home, account: str, name: str) -> None:
    """Rename an account by command."""
    done = home.run("shocpp", "accounts", "rename", account, name)
    assert done.returncode == 0, done.stderr


def books(home: Home) -> list[list[tuple[Any, ...]]]:
    """Return the records with the names of their rows, and with those of the lists."""
    return [home.query(BOOKS.format(table)) for table in (ROWS, "accounting")]


def lose(home: Home) -> None:
    """Lose the database."""
    for path in home.database.parent.glob("shocpp.sqlite3*"):
        path.unlink() if path.is_file() else shutil.rmtree(path)


def damaged(home: Home) -> None:
    """Lose the first page and the files of records, whose rows are left."""
    header_gone(home)
    for path in home.record_files():
        path.unlink()


def damaged_records(home: Home) -> None:
    """Lose the table of records, whose files are left."""
    records_gone(home)


def rebuild(home: Home, *options: str) -> str:
    """Rebuild, and return the output; nothing may be refused."""
    done = home.run("shocpp", "rebuild", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_names_of_rows_and_lists(charged_home: Home) -> None:
    rows, listed = books(charged_home)
    assert [row[3] for row in rows] == [*["family-y"] * 2, *["flat 3"] * 4]
    assert {row[3] for row in listed} == {"flat 3"}
    assert sums(charged_home) == {"flat 3": 15_000}


@pytest.mark.parametrize("loss", [lose, damaged, damaged_records])
def test_a_rebuild_has_all_records_under_their_index(charged_home: Home, loss: object) -> None:
    before = books(charged_home)
    assert callable(loss)
    loss(charged_home)
    rebuild(charged_home)
    assert books(charged_home) == before
    assert charged_home.query("SELECT account FROM account WHERE account_index = 2") == [
        ("flat 3",)
    ]
    assert charged_home.run("shocpp", "verify").returncode == 0


def test_a_derived_ledger_keeps_the_names_of_its_files(charged_home: Home) -> None:
    before = books(charged_home)
    files = {path.name: path.read_text() for path in charged_home.record_files()}
    rebuild(charged_home, "--frames")
    assert books(charged_home) == before
    assert {path.name: path.read_text() for path in charged_home.record_files()} == files
    assert not list((charged_home.folder / "accounting").glob("**/*.superseded"))
    lose(charged_home)
    rebuild(charged_home)
    assert books(charged_home) == before


def test_files_of_a_name_that_tags_json_has_forgotten_are_named(charged_home: Home) -> None:
    """They are refused and not lost: the sentence says how to get them in."""
    before = books(charged_home)
    entries = json.loads(charged_home.tags_file.read_text())
    del entries[1]["former"]
    charged_home.tags_file.write_text(json.dumps(entries))
    # The books know both names, also without the file.
    rebuild(charged_home, "--frames")
    assert books(charged_home) == before
    lose(charged_home)
    done = charged_home.run("shocpp", "rebuild")
    assert 'write the former one into "former" of its entry in tags.json' in (
        done.stdout + done.stderr
    )
    entries[1]["former"] = ["family-y"]
    charged_home.tags_file.write_text(json.dumps(entries))
    done = charged_home.run("shocpp", "import", str(charged_home.folder / "accounting"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert sums(charged_home) == {"flat 3": 15_000}
    assert [row[2:5] for row in books(charged_home)[0]] == [row[2:5] for row in before[0]]


def test_a_seeds_file_with_a_former_name_is_one_of_the_account(
    charged_home: Home, tmp_path: Path
) -> None:
    """And it waits for a decision if the account has its readings already."""
    seed = {
        "localtime": "2026-11-20 09:10:00",
        "unixtime": "1795162200",
        "account": "family-y",
        "begin_kwh": "30",
        "end_kwh": "34",
        "consumed_kwh": "4",
    }
    for name, values_ in (
        ("1795162200-0326fd891def", seed),
        ("1795162201-0326fd891def", seed | {"begin_kwh": "13", "end_kwh": "17"}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(values_))
    done = charged_home.run("shocpp", "import", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert charged_home.query(
        "SELECT account_index, account, consumed_wh, review IS NULL FROM accounting"
        " WHERE provenance = 'imported' ORDER BY number"
    ) == [(2, "flat 3", 4_000, 1), (2, "flat 3", 4_000, 0)]
    assert sums(charged_home) == {"flat 3": 19_000}


def test_a_backup_from_before_gets_the_records_and_the_name_of_later(
    first_home: Home, home: Home, tmp_path: Path
) -> None:
    backup = tmp_path / "books.zip"
    say(home, start(1_000, MORNING), stop(5_000, NOON, 20_000_001))
    assert home.run("shocpp", "backup", str(backup)).returncode == 0
    rename(home, "family-y", "flat 3")
    say(home, *session(1, 5_000))
    before = books(home)
    lose(home)
    done = home.run("shocpp", "restore", str(backup))
    assert done.returncode == 0, done.stdout + done.stderr
    assert books(home) == before
    assert sums(home) == {"flat 3": 8_000}


def test_a_record_whose_name_was_damaged_is_derived_from_its_frames(charged_home: Home) -> None:
    """A flipped byte makes a name that the account never had."""
    with contextlib.closing(sqlite3.connect(charged_home.database)) as db, db:
        db.execute("UPDATE accounting_record SET account = 'flat 2' WHERE id = 4")
        assert db.execute("SELECT entry FROM accounting_record WHERE id = 4").fetchone() == (
            "record",
        )
    checkpoint(charged_home.database)
    damaged(charged_home)
    # Without the header nobody knows which pages were free, such as those of forms that are files.
    assert re.search(r"unreadable in it: \d+ pages and 1 rows", rebuild(charged_home))
    assert sums(charged_home) == {"flat 3": 15_000}
    names = {row[3] for row in books(charged_home)[0]}
    assert names == {"family-y", "flat 3"}
