"""The import of accounting files: those of the seed's scripts, and our own."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shocpp.clock import now_ms
from shocpp.interfaces.cli.upkeep import progress
from shocpp.recovery.restore import Restored, import_files
from shocpp.store.database import open_database
from shocpp.store.schema.migrations import migrate
from tests.world.home import Home
from tests.world.machine import BIN, wait_for
from tests.world.server import Server
from tests.world.visits import listed, say, start, stop, sums

SEED = {
    "1693673985-cb298fc7f419": ("2023-09-02 18:59:45", "company-x", 9_003, 9_021),
    "1693688702-6e9c73294697": ("2023-09-02 23:05:02", "family-y", 9_021, 9_042),
    "1693727530-0326fd891def": ("2023-09-03 09:52:10", "family-y", 9_042, 9_075),
}
NAME = "1693727530-0326fd891def"


def seeds(name: str = NAME, **other: object) -> dict[str, object]:
    """Return the content of a file of the seed's scripts: six keys, all strings."""
    local_time, account, begin, end = SEED[name]
    return {
        "localtime": local_time,
        "unixtime": name.partition("-")[0],
        "account": account,
        "begin_kwh": str(begin),
        "end_kwh": str(end),
        "consumed_kwh": str(end - begin),
    } | other


def file_of(folder: Path, values: object, name: str = NAME) -> Path:
    """Write a file in the folder of its month; `values` as JSON, or bytes as they are."""
    month = folder / "2023" / "09"
    month.mkdir(parents=True, exist_ok=True)
    path = month / f"{name}.json"
    path.write_bytes(values if isinstance(values, bytes) else json.dumps(values).encode())
    return path


@pytest.fixture
def old(home: Home) -> Path:
    """The accounting folder of the seed's scripts, beside a home with an empty database."""
    migrate(home.database, now_ms())
    folder = home.folder / "old"
    for name in SEED:
        file_of(folder, seeds(name), name)
    return folder


def take(home: Home, path: Path, *options: str, code: int = 0) -> tuple[str, str]:
    """Run `shocpp import`, and return its output and its error."""
    done = home.run("shocpp", "import", str(path), *options)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout.strip(), done.stderr


def taken(home: Home, path: Path) -> Restored:
    """Import in this process, and return the result."""
    with open_database(home.database) as db:
        return import_files(db, home.settings, path, None, progress)


def test_the_seeds_files_become_its_month(home: Home, old: Path) -> None:
    assert take(home, old) == ("3 records taken, 0 were there, 0 refused", "")
    assert sums(home) == {"company-x": 18_000, "family-y": 54_000}
    assert home.query("SELECT file_name, localtime, unixtime FROM accounting ORDER BY number") == [
        (f"{name}.json", SEED[name][0], int(name[:10])) for name in SEED
    ]
    statement = home.run("shocpp-summary", "2023", "9").stdout
    assert "Mandant: family-y                       54,000 kWh" in statement
    assert "2023-09-03 09:52:10" in statement


def test_an_imported_record_gets_a_file_of_ours_with_the_seeds_keys(home: Home, old: Path) -> None:
    take(home, old)
    written = {path.name: json.loads(path.read_text()) for path in home.record_files()}
    assert sorted(written) == sorted(f"{name}.json" for name in SEED)
    for name in SEED:
        assert seeds(name).items() <= written[f"{name}.json"].items()
    assert take(home, home.folder / "accounting")[0] == "0 records taken, 3 were there, 0 refused"


def test_files_of_the_seed_in_their_place_get_numbers_and_keep_their_keys(
    home: Home, old: Path
) -> None:
    shutil.move(old, home.folder / "accounting")
    before = home.record_files()
    take(home, home.folder / "accounting")
    assert home.record_files() == before
    written = {path.name: json.loads(path.read_text()) for path in before}
    for name in SEED:
        assert seeds(name).items() <= written[f"{name}.json"].items()
    assert home.query("SELECT file_name, number FROM accounting ORDER BY number") == [
        (name, content["number"]) for name, content in written.items()
    ]


def test_a_second_import_takes_nothing(home: Home, old: Path) -> None:
    take(home, old)
    assert take(home, old)[0] == "0 records taken, 3 were there, 0 refused"
    assert take(home, old / "2023" / "09" / f"{NAME}.json")[0].startswith("0 records taken, 1 were")
    assert sums(home) == {"company-x": 18_000, "family-y": 54_000}


def many(folder: Path, how_many: int) -> None:
    """Write the files of many evenings with a register that goes on."""
    month = folder / "2023" / "09"
    month.mkdir(parents=True)
    for number in range(how_many):
        values = seeds(
            unixtime=str(1_693_600_000 + number),
            begin_kwh=str(5_000 + number),
            end_kwh=str(5_001 + number),
            consumed_kwh="1",
        )
        (month / f"{1_693_600_000 + number}-{number:012x}.json").write_text(json.dumps(values))


def start_process(home: Home, *command: str) -> subprocess.Popen[bytes]:
    """Start one of our commands."""
    return subprocess.Popen(
        [str(BIN / command[0]), *command[1:]],
        env=home.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_an_import_that_was_killed_goes_on_where_it_was(home: Home) -> None:
    migrate(home.database, now_ms())
    many(home.folder / "many", 700)
    for taken in (1, 400):
        process = start_process(home, "shocpp", "import", str(home.folder / "many"))
        try:
            wait_for(
                lambda taken=taken, process=process: (
                    process.poll() is not None
                    or home.query("SELECT count(*) >= ? FROM accounting_record", taken)[0][0]
                )
            )
        finally:
            process.kill()
            process.wait()
        assert process.returncode == -signal.SIGKILL
    take(home, home.folder / "many")
    assert home.query("SELECT count(*), sum(consumed_wh) FROM accounting") == [(700, 700_000)]
    assert len(home.record_files()) == 700
    assert not list((home.folder / "accounting").glob("*/*/.*"))


# --- the seed's defects ---


@pytest.mark.parametrize("account", ["", None, "null"])
def test_energy_of_a_card_that_the_seed_did_not_know_is_unassigned(
    home: Home, old: Path, account: str | None
) -> None:
    file_of(old, seeds(account=account))
    take(home, old)
    assert sums(home) == {"company-x": 18_000, "family-y": 21_000, "unassigned": 33_000}
    assert listed(home) == [("3", "card", 33_000)]


def test_a_negative_number_is_for_a_human(home: Home, old: Path) -> None:
    file_of(old, seeds(end_kwh="9040", consumed_kwh="-2"))
    take(home, old)
    assert sums(home) == {"company-x": 18_000, "family-y": 21_000}
    assert listed(home) == [("3", "record", 0)]
    reason = home.query("SELECT reason FROM review")
    assert reason == [("the file says -2 kWh of its readings",)]


def test_a_record_that_contradicts_its_readings_is_for_a_human(home: Home, old: Path) -> None:
    file_of(old, seeds(begin_kwh="9090", end_kwh="9099", consumed_kwh="33"))
    take(home, old)
    assert listed(home) == [("3", "record", 33_000)]


def test_a_transaction_that_the_seed_booked_twice_is_booked_once(home: Home, old: Path) -> None:
    file_of(old, seeds(unixtime="1693727544"), "1693727544-aaaaaaaaaaaa")
    take(home, old)
    assert sums(home) == {"company-x": 18_000, "family-y": 54_000}
    assert listed(home) == [("4", "record", 33_000)]


BROKEN: dict[str, tuple[object, str]] = {
    "garbage": (b"\x00\xff garbage", "cannot be read"),
    "empty": (b"", "cannot be read"),
    "truncated": (json.dumps(seeds()).encode()[:70], "cannot be read"),
    "huge": (b" " * (8 * 1024 * 1024 + 1), "is too large"),
    "deep": (b"[" * 100_000, "cannot be read"),
    "a list": ([], "is not an accounting record, which is an object"),
    "a text": ("x", "is not an accounting record, which is an object"),
    "without readings": ({"account": "family-y"}, "it has no 'begin_kwh'"),
    "words": (seeds(begin_kwh="nine"), "begin_kwh is 'nine', not a whole number"),
    "a fraction": (seeds(begin_kwh=9.5), "begin_kwh is 9.5, not a whole number"),
    "too large": (seeds(end_kwh="9" * 16), "end_kwh is '9999999999999999', not a whole"),
    "other digits": (seeds(end_kwh="\uff19\uff10"), "not a whole number"),
    "no time": (seeds(localtime="yesterday"), "localtime is 'yesterday'"),
    "a path": (seeds(localtime="../../../etc/passwd"), "localtime is '../../../etc/passwd'"),
    "half a character": (seeds(account="\ud800"), "surrogates not allowed"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_file_that_is_no_record_is_named_and_the_others_are_imported(
    home: Home, old: Path, how: str
) -> None:
    content, complaint = BROKEN[how]
    path = file_of(old, content)
    restored, known, (refused,), _ = taken(home, old)
    assert (restored, known) == (2, 0)
    assert refused.startswith(str(path))
    assert complaint in refused
    file_of(old, seeds())
    assert taken(home, old) == (1, 2, [], [])


def test_each_refused_file_is_named_in_one_line(home: Home, old: Path) -> None:
    paths = [file_of(old, b"{", NAME), file_of(old, b"[]", "1693688702-6e9c73294697")]
    output, complaints = take(home, old, code=1)
    assert output == "1 records taken, 0 were there, 2 refused"
    assert [line.split()[0] for line in sorted(complaints.splitlines())] == sorted(map(str, paths))


def test_a_record_of_an_unknown_account_is_imported_once_the_account_exists(
    home: Home, old: Path
) -> None:
    file_of(old, seeds(account="aunt"))
    output, complaints = take(home, old, code=1)
    assert output == "2 records taken, 0 were there, 1 refused"
    assert "there is no account 'aunt'; add it to tags.json" in complaints
    accounts = json.loads(home.tags_file.read_text())
    accounts.append({"index": 9, "account": "aunt", "ids": []})
    home.tags_file.write_text(json.dumps(accounts))
    assert take(home, old)[0] == "1 records taken, 2 were there, 0 refused"
    assert sums(home)["aunt"] == 33_000
    assert home.query("SELECT account_index FROM account WHERE account = 'aunt'") == [(9,)]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("missing",), "does not exist; name an accounting folder"),
        (("old", "-c", "a/b"), "'a/b' cannot be the name of a charger"),
        (("old", "-c", ""), "cannot be the name of a charger"),
    ],
)
def test_a_path_or_charger_that_cannot_be_imported_is_refused(
    home: Home, old: Path, words: tuple[str, ...], complaint: str
) -> None:
    done = home.run("shocpp", "import", *words, cwd=home.folder)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert home.query("SELECT count(*) FROM accounting") == [(0,)]


def test_a_file_with_another_kind_of_name_is_refused(home: Home, old: Path) -> None:
    other = old / "record.json"
    other.write_text(json.dumps(seeds()))
    done = home.run("shocpp", "import", str(other))
    assert done.returncode == 2
    assert "record.json is not named like a record" in done.stderr


def test_without_a_database_an_import_says_how_to_make_one(home: Home) -> None:
    done = home.run("shocpp", "import", str(home.folder))
    assert done.returncode != 0
    assert "make it with: shocpp migrate" in done.stderr


# --- the switch-over ---


def test_the_records_are_of_the_charger_that_a_human_names(home: Home, old: Path) -> None:
    take(home, old, "-c", "garage")
    assert home.query("SELECT DISTINCT charge_point_id FROM accounting") == [("garage",)]


@pytest.mark.parametrize("options", [(), ("-c", "garage")])
def test_a_transaction_open_at_the_switch_over_is_booked_once(
    home: Home, old: Path, options: tuple[str, ...]
) -> None:
    take(home, old, *options)
    late = stop(9_091_400, "2023-09-04T05:00:00Z", 20_009_075)
    say(home, late)
    say(home, late, late)
    assert sums(home) == {"company-x": 18_000, "family-y": 54_000 + 16_400}
    assert home.query("SELECT provenance FROM accounting WHERE review IS NULL")[-1] == ("decoded",)
    assert listed(home) == []


@pytest.mark.parametrize("options", [(), ("-c", "garage")])
def test_a_stop_that_the_seed_has_booked_is_not_booked_again(
    home: Home, old: Path, options: tuple[str, ...]
) -> None:
    take(home, old, *options)
    say(home, stop(9_075_600, "2023-09-03T07:52:09Z", 20_009_042))
    assert sums(home) == {"company-x": 18_000, "family-y": 54_000}
    assert [row[1:] for row in listed(home)] == [("record", 33_600)]


def test_a_file_that_comes_after_its_stop_was_booked_waits(home: Home, old: Path) -> None:
    say(home, stop(9_075_600, "2023-09-03T07:52:09Z", 20_009_042))
    assert sums(home) == {"family-y": 33_600}
    take(home, old)
    assert sums(home) == {"company-x": 18_000, "family-y": 21_000 + 33_600}
    assert [row[1:] for row in listed(home)] == [("record", 33_000)]


def test_a_server_goes_on_while_files_are_imported(
    home: Home, serve: Callable[..., Server]
) -> None:
    serve()
    many(home.folder / "many", 500)
    process = start_process(home, "shocpp", "import", str(home.folder / "many"))
    longest, evenings = 0.0, 0
    try:
        while process.poll() is None:
            begun = time.monotonic()
            wh = 5_000_000 + evenings * 1_000
            say(
                home,
                start(wh, f"2026-10-01T05:{evenings % 60:02}:00Z", "1111"),
                stop(wh + 1_000, f"2026-10-01T05:{evenings % 60:02}:30Z"),
            )
            longest, evenings = max(longest, time.monotonic() - begun), evenings + 1
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert sums(home) == {"family-y": 500_000, "company-x": evenings * 1_000}
    assert longest < 5


# --- our own files ---


def ours(home: Home) -> Path:
    """Return a file of ours whose database is lost."""
    migrate(home.database, now_ms())
    say(home, start(1_000, "2026-10-01T05:00:00Z"), stop(5_000, "2026-10-01T10:00:00Z"))
    (path,) = home.record_files()
    shutil.rmtree(home.database.parent)
    migrate(home.database, now_ms())
    return path


def test_a_file_of_ours_is_what_it_was(home: Home) -> None:
    migrate(home.database, now_ms())
    say(home, start(1_000, "2026-10-01T05:00:00Z"), stop(5_000, "2026-10-01T10:00:00Z"))
    before = home.query("SELECT * FROM accounting")
    ours_path = home.folder / "kept"
    shutil.copytree(home.folder / "accounting", ours_path)
    shutil.rmtree(home.folder / "db")
    migrate(home.database, now_ms())
    take(home, ours_path)
    assert home.query("SELECT * FROM accounting") == before


HOSTILE: dict[str, dict[str, Any]] = {
    "words for a number": {"begin_wh": "x"},
    "a truth value": {"begin_wh": True},
    "a huge number": {"end_wh": 2**63},
    "an unknown entry": {"entry": "gift"},
    "an unknown provenance": {"provenance": "found"},
    "less than nothing": {"consumed_wh": -5},
    "a decision without a human": {"entry": "dismissal"},
    "a decision about nothing": {
        "entry": "replacement",
        "replaces_file": "../../../etc/passwd",
        "decided_by": "a",
        "decided_why": "b",
    },
    "a reversal of nothing": {
        "entry": "reversal",
        "consumed_wh": -4_000,
        "decided_by": "a",
        "decided_why": "b",
    },
    "a record that replaces another": {"replaces_file": NAME},
    "no time": {"stopped_at": None},
    "no flags": {"flags": None},
    "a start that is none": {"start": [1]},
    "a start without its columns": {"start": {}},
    "a list in the start": {"start": ("id_tag", ["x"])},
    "words in the start": {"start": ("meter_start_wh", "x")},
    "a huge number in the start": {"start": ("meter_start_wh", 2**70)},
    "half a character in the start": {"start": ("id_tag", "\ud800")},
    "an object in the stop": {"stop": ("stop_key", {"a": 1})},
    "a huge number in the stop": {"stop": ("received_ms", 2**70)},
    "half a character in the stop": {"stop": ("stop_key", "\udfff")},
    "no key in the stop": {"stop": ("stop_key", None)},
    "an index beyond the last": {"account_index": 215},
    "an id beyond the last": {"start": ("transaction_id", 2**31)},
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_file_of_ours_that_was_tampered_with_is_refused(home: Home, how: str) -> None:
    path = ours(home)
    values = json.loads(path.read_text())
    for key, value in HOSTILE[how].items():
        values[key] = values[key] | dict([value]) if isinstance(value, tuple) else value
    path.write_text(json.dumps(values))
    restored, known, (refused,), _ = taken(home, path)
    assert (restored, known) == (0, 0)
    assert refused.startswith(str(path))
    assert home.query("SELECT (SELECT count(*) FROM accounting_record), count(*) FROM account") == [
        (0, 0)
    ]


def test_an_index_stays_with_the_account_that_the_books_know(home: Home) -> None:
    path = ours(home)
    say(home, start(7_000, "2026-10-02T05:00:00Z"), stop(8_000, "2026-10-02T10:00:00Z"))
    values = json.loads(path.read_text())
    values["account"] = values["start"]["account"] = "thief"
    path.write_text(json.dumps(values))
    (refused,) = taken(home, path).refused
    assert "index 2 belongs to the account 'family-y' in the books, not to 'thief'" in refused
    assert sums(home) == {"family-y": 1_000}


def test_two_evenings_of_a_charger_without_a_clock_are_two_also_from_their_files(
    home: Home,
) -> None:
    """Booked within a millisecond, they differ only in the names of their files."""
    path = ours(home)
    values = json.loads(path.read_text())
    values["start"]["has_clock"] = values["stop"]["has_clock"] = 0
    path.write_text(json.dumps(values))
    twin = path.with_name(f"{path.name[:11]}{'a' * 12}.json")
    twin.write_text(json.dumps(values | {"number": 2}))
    assert take(home, path.parent)[0] == "2 records taken, 0 were there, 0 refused"
    assert sums(home) == {"family-y": 8_000}


def test_a_pipe_among_the_files_does_not_block_an_import(home: Home, old: Path) -> None:
    os.mkfifo(old / "2023" / "1693727999-aaaaaaaaaaaa.json")
    output, complaints = take(home, old, code=1)
    assert output == "3 records taken, 0 were there, 1 refused"
    assert "1693727999-aaaaaaaaaaaa.json is not a file" in complaints
