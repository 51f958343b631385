"""The numbers of records: the same for ever, in files, databases and decisions."""

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shocpp.clock import now_ms
from shocpp.store.books import numbers
from shocpp.store.database import Database, open_database
from shocpp.store.keys import EVERYTHING
from shocpp.store.schema.migrations import migrate
from tests.recovery.test_rebuild import (
    DECISIONS,
    charged_home,
    decide,
    first_home,
    lose,
    made_again,
)
from tests.recovery.test_restore import SEED, file_of, many, seeds
from tests.world.home import Home
from tests.world.machine import BIN, wait_for
from tests.world.server import Server
from tests.world.visits import say, start, stop

__all__ = ["charged_home", "first_home"]

MORNING, NOON, EVENING = (f"2026-10-01T{hour}:00:00Z" for hour in ("05", "10", "18"))


def numbers_of(home: Home) -> dict[str, int]:
    """Return the numbers of the records by the names of their files."""
    return dict(home.query("SELECT file_name, number FROM accounting ORDER BY number"))


def filed_numbers(home: Home) -> dict[str, int | None]:
    """Return the numbers in the files of the records, None in a file without one."""
    return {path.name: content(path).get("number") for path in home.record_files()}


def content(path: Path) -> dict[str, Any]:
    """Return the content of a file."""
    values = json.loads(path.read_text())
    assert isinstance(values, dict)
    return values


def change(home: Home, name: str, **changed: object) -> None:
    """Change values in the file of a record; None removes the value."""
    (path,) = (home.folder / "accounting").glob(f"*/*/{name}")
    values = content(path) | changed
    path.write_text(json.dumps({key: value for key, value in values.items() if value != ()}))


def as_of_an_older_release(home: Home, *names: str) -> None:
    """Remove the numbers from files, as older releases wrote them; from all without names."""
    for path in home.record_files():
        if not names or path.name in names:
            values = content(path)
            del values["number"]
            for key in numbers.START_NUMBERS:
                (values["start"] or {}).pop(key, None)
            path.write_text(json.dumps(values))


def renumberings(home: Home) -> list[Path]:
    """Return the files of renumberings."""
    return sorted((home.folder / "accounting").glob("00_renumbered_*.json"))


def run(home: Home, *command: str, code: int = 0) -> str:
    """Run `shocpp` and return its output."""
    done = home.run("shocpp", *command)
    assert done.returncode == code, done.stderr
    return done.stdout


def two_records(home: Home) -> tuple[str, str]:
    """Charge twice, and return the names of the records' files."""
    migrate(home.database, now_ms())
    say(home, start(1_000, MORNING), stop(2_000, NOON))
    say(home, start(2_000, NOON), stop(3_000, EVENING))
    first, second = numbers_of(home)
    return first, second


# --- they come back ---


@pytest.mark.parametrize("command", ["rebuild", "import"])
def test_numbers_come_back_from_the_files(charged_home: Home, command: str) -> None:
    decide(charged_home, *DECISIONS)
    before = numbers_of(charged_home)
    assert filed_numbers(charged_home) == before
    gaps = charged_home.query("SELECT number, from_wh, to_wh FROM gaps WHERE month IS NOT NULL")
    lose(charged_home)
    if command == "rebuild":
        run(charged_home, "rebuild")
    else:
        run(charged_home, "migrate")
        run(charged_home, "import", str(charged_home.folder / "accounting"))
    assert numbers_of(charged_home) == before
    assert set(gaps) <= set(charged_home.query("SELECT number, from_wh, to_wh FROM gaps"))
    say(charged_home, start(400_000, "2026-10-08T05:00:00Z"), stop(401_000, "2026-10-08T06:00:00Z"))
    assert max(numbers_of(charged_home).values()) == max(before.values()) + 1


def test_the_newest_record_at_a_start_comes_back(charged_home: Home) -> None:
    """A second stop must not book again what was booked since its transaction began."""
    query = (
        "SELECT id, start_key, last_record FROM started_transaction WHERE state = 'stopped'"
        " ORDER BY id"
    )
    before = charged_home.query(query)
    lose(charged_home)
    run(charged_home, "rebuild")
    assert charged_home.query(query) == before


@pytest.mark.parametrize("closed", [True, False])
def test_numbers_stay_when_the_ledger_is_derived_again(charged_home: Home, closed: bool) -> None:
    decide(charged_home, *DECISIONS)
    say(charged_home, start(400_000, "2026-11-01T05:00:00Z"), stop(400_500, "2026-11-01T06:00:00Z"))
    if closed:
        run(charged_home, "close", "2026", "10")
    say(charged_home, start(400_500, "2026-11-02T05:00:00Z"))
    queries = (
        "SELECT number, file_name, replaces FROM accounting ORDER BY number",
        "SELECT id, started_transaction, root FROM accounting_record ORDER BY id",
        "SELECT id, state, start_key, last_record FROM started_transaction ORDER BY id",
        "SELECT stop_key, last_start, started_transaction FROM received_stop ORDER BY received_ms",
        "SELECT number, from_wh, to_wh FROM gaps ORDER BY 1",
        "SELECT record, part FROM price_part ORDER BY 1, 2",
        "SELECT count(*), started_transaction FROM meter_reading GROUP BY 2 ORDER BY 2",
    )
    before = [charged_home.query(query) for query in queries]
    rebuilt = made_again(charged_home, "frames")
    assert (rebuilt.restored.refused, rebuilt.superseded) == ([], ())
    assert [charged_home.query(query) for query in queries] == before
    assert charged_home.query("PRAGMA foreign_key_check") == []
    assert filed_numbers(charged_home) == numbers_of(charged_home)


def test_a_record_that_is_derived_otherwise_gets_a_number_above_all(home: Home) -> None:
    """Its former number never names another record."""
    first, second = two_records(home)
    with closing(sqlite3.connect(home.database)) as db:
        db.execute("UPDATE frame SET text = replace(text, '2000}', '2001}')")
        db.execute("UPDATE frame SET text = replace(text, '2000,', '2001,')")
        db.commit()
    made_again(home, "frames")
    assert home.query("SELECT begin_wh, end_wh FROM accounting ORDER BY begin_wh") == [
        (1_000, 2_001),
        (2_001, 3_000),
    ]
    again = numbers_of(home)
    assert first not in again
    assert again[second] == 2
    assert sorted(again.values()) == [2, 3]


def test_a_new_database_begins_above_the_files(charged_home: Home) -> None:
    highest = max(numbers_of(charged_home).values())
    lose(charged_home)
    run(charged_home, "migrate")
    say(charged_home, start(500_000, MORNING), stop(501_000, NOON))
    say(charged_home, start(501_000, NOON), stop(502_000, EVENING))
    assert [*numbers_of(charged_home).values()] == [highest + 1, highest + 2]
    run(charged_home, "import", str(charged_home.folder / "accounting"))
    assert [*numbers_of(charged_home).values()] == [*range(1, highest + 3)]


# --- files without numbers ---


def test_files_of_older_releases_get_numbers_above_all_known(charged_home: Home) -> None:
    first, *_ = before = numbers_of(charged_home)
    as_of_an_older_release(charged_home, first)
    lose(charged_home)
    run(charged_home, "rebuild")
    highest = max(before.values())
    assert numbers_of(charged_home) == before | {first: highest + 1}
    assert filed_numbers(charged_home) == numbers_of(charged_home)


def test_without_any_number_they_are_counted_in_the_order_of_their_times(
    charged_home: Home,
) -> None:
    as_of_an_older_release(charged_home)
    lose(charged_home)
    run(charged_home, "rebuild")
    again = numbers_of(charged_home)
    assert [*again] == sorted(again)
    lose(charged_home)
    run(charged_home, "rebuild")
    assert numbers_of(charged_home) == again


def test_files_of_the_seed_get_numbers_that_stay(charged_home: Home) -> None:
    before = numbers_of(charged_home)
    for name in SEED:
        file_of(charged_home.folder / "accounting", seeds(name), name)
    run(charged_home, "import", str(charged_home.folder / "accounting"))
    imported = numbers_of(charged_home)
    assert [imported[f"{name}.json"] for name in SEED] == [9, 10, 11]
    assert before.items() <= imported.items()
    lose(charged_home)
    run(charged_home, "rebuild")
    assert numbers_of(charged_home) == imported


@pytest.mark.parametrize("number", [0, -1, True, "1", 1.5, 10**16])
def test_a_file_with_an_impossible_number_is_refused(home: Home, number: object) -> None:
    first, second = two_records(home)
    change(home, first, number=number)
    lose(home)
    done = home.run("shocpp", "rebuild")
    assert done.returncode == 1
    assert f"number is {number!r}, not the number of a record" in done.stderr
    assert numbers_of(home) == {second: 2}


def test_a_rewriting_that_was_killed_goes_on(home: Home, serve: Callable[..., Server]) -> None:
    """The migration has queued all files; those of closed months as well."""
    migrate(home.database, now_ms())
    say(home, start(1_000, MORNING), stop(2_000, NOON))
    many(home.folder / "many", 400)
    run(home, "import", str(home.folder / "many"), "-c", "garage")
    run(home, "close", "2023", "9")
    before = filed_numbers(home)
    as_of_an_older_release(home)
    with closing(sqlite3.connect(home.database)) as db:
        db.execute("UPDATE accounting_record SET exported_ms = NULL")
        db.commit()
    process = subprocess.Popen(
        [str(BIN / "shocpp"), "import", str(home.folder / "many")], env=home.environment
    )
    try:
        wait_for(lambda: process.poll() is not None or written(home) > 20)
    finally:
        process.kill()
        process.wait()
    assert written(home) < len(before), "it was killed in the middle"
    server = serve()
    wait_for(lambda: written(home) == len(before))
    assert server.stop() == 0
    assert filed_numbers(home) == before
    assert run(home, "verify").endswith("whole: 1 closed month\n")


def written(home: Home) -> int:
    """Return how many files have a number."""
    return sum(number is not None for number in filed_numbers(home).values())


# --- collisions ---


def test_of_two_files_with_one_number_the_older_record_keeps_it(home: Home) -> None:
    first, second = two_records(home)
    change(home, first, number=2)
    lose(home)
    output = run(home, "rebuild")
    assert numbers_of(home) == {first: 2, second: 3}
    name = second.removesuffix(".json")
    reason = f"2 is the number of {first.removesuffix('.json')}, which is older"
    assert f"{name} is record 3 from now on: {reason}\n" in output
    (path,) = renumberings(home)
    assert path.name == f"00_renumbered_{name}_3.json"
    assert content(path) == {
        "entry": "renumbering",
        "replaces_file": second,
        "number": 3,
        "former_number": 2,
        "decided_by": "shocpp",
        "decided_why": reason,
        "booked_at": content(path)["booked_at"],
    }
    assert filed_numbers(home) == numbers_of(home)


@pytest.mark.parametrize("how", ["rebuild", "import", "frames"])
def test_a_renumbering_gives_the_same_numbers_again(home: Home, how: str) -> None:
    """Also if the file of the record has its former number, as in a backup."""
    first, second = two_records(home)
    change(home, first, number=2)
    run(home, "import", str(home.folder / "accounting"))
    lose(home)
    run(home, "rebuild")
    say(home, start(3_000, EVENING), stop(4_000, "2026-10-01T19:00:00Z"))
    before = numbers_of(home)
    if how == "frames":
        made_again(home, "frames")
    else:
        change(home, second, number=2)
        lose(home)
        if how == "import":
            run(home, "migrate")
        output = run(home, *([how] if how == "rebuild" else [how, str(home.folder / "accounting")]))
        assert "from now on" not in output
    assert numbers_of(home) == before
    assert filed_numbers(home) == before
    assert len(renumberings(home)) == 1


def test_a_lost_file_of_a_renumbering_is_written_again(
    home: Home, serve: Callable[..., Server]
) -> None:
    first, _ = two_records(home)
    change(home, first, number=2)
    lose(home)
    run(home, "rebuild")
    (path,) = renumberings(home)
    before = path.read_bytes()
    path.unlink()
    server = serve()
    wait_for(path.exists)
    assert server.stop() == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"replaces_file": "a.json", "number": "x"}', "7"], ids=str
)
def test_a_damaged_renumbering_is_named_and_the_records_come_back(home: Home, text: str) -> None:
    two_records(home)
    before = numbers_of(home)
    path = home.folder / "accounting" / "00_renumbered_1-aaaaaaaaaaaa_7.json"
    path.write_text(text)
    lose(home)
    done = home.run("shocpp", "rebuild")
    assert done.returncode == 1
    assert f"{path} is not a renumbering of a record" in done.stderr
    assert numbers_of(home) == before


def began_anew(home: Home) -> Path:
    """Let a new database book, which did not know the folder of the old one; return that folder."""
    two_records(home)
    old = (home.folder / "accounting").rename(home.folder / "old")
    lose(home)
    run(home, "migrate")
    say(home, start(3_000, "2026-10-02T05:00:00Z", "ABCD"), stop(4_000, "2026-10-02T10:00:00Z"))
    return old


def test_an_older_record_from_a_file_gets_its_number_back_from_a_younger_one(home: Home) -> None:
    old = began_anew(home)
    decide(home, ("assign", "1", "family-y"))
    younger = numbers_of(home)
    record, reversal, replacement = younger
    run(home, "import", str(old))
    first, second = sorted(set(numbers_of(home)) - set(younger))
    # 3 is free: the file of the new number is the proof of both others.
    assert numbers_of(home) == {first: 1, second: 2, record: 4, reversal: 5, replacement: 3}
    assert home.query("SELECT number, replaces FROM accounting WHERE replaces ORDER BY 1") == [
        (3, 4),
        (5, 4),
    ]
    assert home.query("SELECT root FROM accounting_record WHERE id IN (3, 5)") == [("4",), ("4",)]
    assert filed_numbers(home) == numbers_of(home)
    assert home.query("PRAGMA foreign_key_check") == []


def test_a_record_of_a_closed_month_keeps_its_number(home: Home) -> None:
    """Its month is printed with the same numbers for ever."""
    old = began_anew(home)
    run(home, "close", "2026", "10")
    (record,) = numbers_of(home)
    printed = home.run("shocpp-summary", "2026", "10", "--format", "csv").stdout
    output = run(home, "import", str(old))
    assert numbers_of(home)[record] == 1
    assert sorted(numbers_of(home).values()) == [1, 2, 3]
    assert "is record 3 from now on: 1 is the number of" in output
    assert home.run("shocpp-summary", "2026", "10", "--format", "csv").stdout == printed


# --- other numbers for rows ---


def test_all_references_to_numbers_are_known(home: Home) -> None:
    migrate(home.database, now_ms())
    tables = [name for (name,) in home.query("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for referred_to, known in numbers.REFERENCES.items():
        found = {
            (table, row[3])
            for table in tables
            for row in home.query(f"SELECT * FROM pragma_foreign_key_list('{table}')")
            if row[2] in (referred_to, "price" if referred_to == "accounting_record" else "")
        }
        assert found == set(known)


def test_numbers_can_be_exchanged(home: Home) -> None:
    first, second = two_records(home)
    with open_database(home.database) as db, db.writing(keys=EVERYTHING):
        exchange(db)
    assert numbers_of(home) == {first: 2, second: 1}


def exchange(db: Database) -> None:
    """Exchange the numbers 1 and 2 of records and of transactions."""
    for table in numbers.REFERENCES:
        numbers.renumber(db, table, {1: 2, 2: 1})
