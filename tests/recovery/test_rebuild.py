"""The rebuild of the database from files and from frames: the same books as before."""

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.bookkeeping import review
from shocpp.bookkeeping.review import Decider
from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.interfaces.cli.upkeep import progress
from shocpp.ledger.decisions import Measured
from shocpp.recovery import rebuild
from shocpp.recovery.rebuild import Rebuilt
from shocpp.settings import read_settings
from shocpp.store.database import open_database
from shocpp.store.keys import EVERYTHING
from shocpp.store.schema.migrations import migrate
from tests.world.desk import Desk
from tests.world.home import Home
from tests.world.machine import BIN, wait_for
from tests.world.server import Server
from tests.world.tellings import TELLINGS, Telling
from tests.world.visits import listed, say, start, stop, sums, values

DAY = "2026-10-{:02}T{:02}:00:00Z"
BOTH = pytest.mark.parametrize("way", ["files", "frames"])


def at(day: int, hour: int) -> str:
    """Return a time in October 2026."""
    return DAY.format(day, hour)


EVENINGS = (
    (start(1_000, at(1, 5)), stop(5_000, at(1, 10))),  # record 1
    (start(5_000, at(1, 12), "ABCD"), stop(6_500, at(1, 13))),  # 2, an unknown card
    (start(6_500, at(2, 5), "1111"), stop(306_500, at(2, 6))),  # 3, beyond the cap
    (start(306_500, at(3, 5)), stop(307_500, at(3, 6)), stop(308_000, at(3, 7), 20_000_306)),
    (start(308_400, at(4, 5)), values(309_000, at(4, 6), 20_000_308)),  # an orphan, after a gap
    (start(310_000, at(5, 5), "1111"), stop(311_000, at(5, 6))),
    (stop(999_000, at(6, 5), 7), stop(5, at(6, 6), 2**31)),  # of nobody
    (start(311_000, at(7, 5), "3333"),),  # open
)


@pytest.fixture(scope="module")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose charger has charged for a week, in all ways."""
    home = Home(tmp_path_factory.mktemp("rebuild") / "home")
    migrate(home.database, now_ms())
    say(home, *[call for evening in EVENINGS for call in evening])
    return home


@pytest.fixture
def charged_home(home: Home, first_home: Home) -> Home:
    """A copy of that home."""
    home.copy_from(first_home)
    return home


def decide(home: Home, *decisions: tuple[Any, ...]) -> None:
    """Decide in this process: assign, correct or dismiss, a reference, and the rest."""
    with open_database(home.database) as db:
        for decision, reference, *rest in decisions:
            getattr(review, decision)(db, home.settings, reference, *rest, Decider("anna", "so"))


DECISIONS = (
    ("assign", "2", "family-y"),
    ("correct", "3", Measured(consumed_wh=20_000), None),
    ("correct", "1", Measured(end_wh=4_000), "company-x"),
    ("assign", "GT5", "company-z"),
    ("assign", "T5", "family-y"),
    ("dismiss", "7"),
)


def made_again(home: Home, way: str) -> Rebuilt:
    """Rebuild in this process, from files or from frames."""
    how = rebuild.rebuild if way == "files" else rebuild.rebuild_from_frames
    return how(home.settings, progress)


BOOKS = (
    (
        "SELECT localtime, unixtime, account, begin_kwh, end_kwh, consumed_kwh, consumed_wh,"
        " begin_wh, end_wh, account_index, charge_point_id, connector_id, id_tag, transaction_id,"
        " started_at, stopped_at, booked_at, duration_s, stop_reason, provenance, review, flags,"
        " entry, replaces_file, decided_by, decided_why, month, file_name, in_force, number,"
        " replaces FROM accounting"
    ),
    "SELECT * FROM monthly_consumption",
    (
        "SELECT number, kind, reason, charge_point_id, connector_id, account, id_tag,"
        " transaction_id, begin_wh, end_wh, consumed_wh, started_at, stopped_at, frame_text"
        " FROM review WHERE kind <> 'gap'"
    ),
    "SELECT account_index, account FROM account WHERE account_index > 0",
)
METERS = (
    "SELECT * FROM audit",
    (
        "SELECT number, charge_point_id, connector_id, from_wh, to_wh, after, before, month,"
        " dismissed FROM gaps WHERE month IS NOT NULL"
    ),
)


def books(home: Home, *more: str) -> list[Counter[Any]]:
    """Return all rows of the books."""
    return [Counter(home.query(view)) for view in (*BOOKS, *more)]


def lose(home: Home) -> None:
    """Lose the disk with the database."""
    shutil.rmtree(home.database.parent)


def replay(home: Home) -> list[Any]:
    """Send all frames of the charger again, and return the answers."""
    frames = [
        json.dumps([2, str(number), *call])
        for number, call in enumerate(call for evening in EVENINGS for call in evening)
    ]
    done = home.run("shocpp-backend", "-c", "garage", stdin="\n".join(frames))
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- from the files ---


def test_a_decision_on_a_decision_comes_back_although_the_clock_was_set_back_between_them(
    charged_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    tomorrow_ms = now_ms() + 86_400_000
    with monkeypatch.context() as clock:
        clock.setattr(review, "now_ms", lambda: tomorrow_ms)
        decide(charged_home, ("assign", "2", "family-y"))
    ((last,),) = charged_home.query("SELECT max(number) FROM accounting")
    decide(charged_home, ("correct", str(last), Measured(consumed_wh=700), None))
    before = Counter(charged_home.query(BOOKS[0]))
    lose(charged_home)
    assert made_again(charged_home, "files").restored.refused == []
    assert Counter(charged_home.query(BOOKS[0])) == before


@pytest.mark.parametrize("imported", [True, False])
def test_of_two_decisions_on_one_record_the_later_one_holds(
    charged_home: Home, tmp_path: Path, imported: bool
) -> None:
    """An older copy of the database was used again, which did not have the first decision."""
    copy = tmp_path / "copy.sqlite3"
    assert charged_home.run("shocpp", "backup", str(copy)).returncode == 0
    decide(charged_home, ("assign", "2", "company-z"))
    lose(charged_home)
    charged_home.database.parent.mkdir()
    shutil.copy(copy, charged_home.database)
    decide(charged_home, ("assign", "2", "family-y"))
    before = books(charged_home)[:2]
    if imported:
        done = charged_home.run("shocpp", "import", str(charged_home.folder / "accounting"))
        assert done.returncode == 1
        assert "was decided in another way since" in done.stderr
        assert "Traceback" not in done.stderr
        assert books(charged_home)[:2] == before
    lose(charged_home)
    rebuilt = made_again(charged_home, "files")
    assert bool(rebuilt.restored.refused) is not imported
    assert books(charged_home)[:2] == before
    assert len(list((charged_home.folder / "accounting").glob("*/*/*.superseded"))) == 2


def test_a_rebuild_sets_last_seen_to_the_time_of_the_last_record(charged_home: Home) -> None:
    lose(charged_home)
    made_again(charged_home, "files")
    assert charged_home.query("SELECT last_heard FROM charge_points") == charged_home.query(
        "SELECT max(booked_at) FROM accounting"
    )


def test_a_lost_database_comes_back_from_its_files(charged_home: Home) -> None:
    decide(charged_home, *DECISIONS)
    say(charged_home, stop(312_000, at(7, 9)))
    before = books(charged_home, *METERS)
    lose(charged_home)
    done = charged_home.run("shocpp", "rebuild")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"{charged_home.database} is rebuilt\n"
        "frames and Calls are lost; open transactions are booked when they stop\n"
        "all devices and tokens are lost; invite people again: shocpp invite\n"
        "17 records taken, 0 were there, 0 refused\n"
    )
    assert books(charged_home, *METERS) == before
    assert replay(charged_home)
    assert books(charged_home, *METERS)[:2] == before[:2]


@pytest.mark.parametrize(
    "content", [b"", b"garbage" * 1000, "foreign", "truncated", "overwritten"], ids=str
)
def test_a_damaged_database_is_replaced_and_renamed(
    charged_home: Home, content: bytes | str
) -> None:
    before = books(charged_home)
    path = charged_home.database
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "foreign":
        path.unlink()
        with sqlite3.connect(path) as foreign:
            foreign.execute("CREATE TABLE t (x)")
        foreign.close()
    elif content == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        whole = path.read_bytes()
        path.write_bytes(whole[:8192] + b"\xee" * (len(whole) - 8192))
    damaged = path.read_bytes()
    done = charged_home.run("shocpp", "rebuild")
    assert done.returncode == 0, done.stderr
    (aside,) = path.parent.glob("shocpp.sqlite3.2*")
    assert f"the old database is {aside}" in done.stdout
    assert aside.read_bytes() == damaged
    assert books(charged_home)[:2] == before[:2]


def test_a_whole_database_is_not_made_again(charged_home: Home) -> None:
    before = charged_home.database.read_bytes()
    done = charged_home.run("shocpp", "rebuild")
    assert done.returncode == 2
    assert "is whole, and nothing is to be rebuilt" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert charged_home.database.read_bytes() == before


def test_a_whole_database_of_another_version_is_not_made_again(charged_home: Home) -> None:
    with sqlite3.connect(charged_home.database) as db:
        db.execute("PRAGMA user_version=2")
    db.close()
    done = charged_home.run("shocpp", "rebuild")
    assert done.returncode == 2
    assert not list(charged_home.database.parent.glob("shocpp.sqlite3.2*"))


@pytest.mark.parametrize("options", [(), ("--frames",)])
def test_while_a_server_runs_nothing_is_made_again(
    charged_home: Home, serve: Callable[..., Server], options: tuple[str, ...]
) -> None:
    server = serve()
    done = charged_home.run("shocpp", "rebuild", *options)
    assert done.returncode == 2
    assert "stop the server, and begin again" in done.stderr
    assert server.stop() == 0
    done = charged_home.run("shocpp", "rebuild", "--frames")
    assert done.returncode == 0, done.stderr


def test_without_any_file_an_empty_database_is_made(home: Home) -> None:
    done = home.run("shocpp", "rebuild")
    assert done.returncode == 0
    assert "0 records taken" in done.stdout
    assert home.query("SELECT count(*) FROM accounting") == [(0,)]


def test_ids_are_the_same_after_a_rebuild_and_nothing_is_booked_again(charged_home: Home) -> None:
    before, answers = books(charged_home), replay(charged_home)
    assert books(charged_home) == before
    lose(charged_home)
    made_again(charged_home, "files")
    assert replay(charged_home) == answers
    assert replay(charged_home) == answers
    accounting, consumption, review_, accounts = books(charged_home)
    assert [accounting, consumption, accounts] == [*before[:2], before[3]]
    # An open transaction has no file, so its number is lost with the database.
    assert {row[1:] for row in review_} == {row[1:] for row in before[2]}
    say(charged_home, stop(312_000, at(7, 9), 20_000_311))
    assert sums(charged_home)["family-y"] == 5_000 - 1_000 + 1_500 + 1_000


def test_an_open_transaction_of_a_lost_database_is_booked_from_its_id(charged_home: Home) -> None:
    lose(charged_home)
    made_again(charged_home, "files")
    say(charged_home, stop(312_000, at(7, 9), 20_000_311))
    assert charged_home.query(
        "SELECT provenance, consumed_wh FROM accounting ORDER BY number DESC"
    )[0] == ("decoded", 1_000)


def test_a_rebuild_that_was_killed_goes_on(charged_home: Home) -> None:
    from tests.recovery.test_restore import many

    many(charged_home.folder / "accounting", 700)
    before = sums(charged_home)
    lose(charged_home)
    process = subprocess.Popen(
        [str(BIN / "shocpp"), "rebuild"],
        env=charged_home.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    new = charged_home.database.with_name("shocpp.sqlite3.rebuilt")
    try:
        wait_for(lambda: process.poll() is not None or (new.exists() and rows_in(new) > 200))
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not charged_home.database.exists()
    done = charged_home.run("shocpp", "rebuild")
    assert done.returncode == 0, done.stderr
    assert sums(charged_home) == before | {"family-y": before["family-y"] + 700_000}
    assert not list(charged_home.database.parent.glob("*.rebuilt*"))


def rows_in(path: Path) -> int:
    """Return the number of records in a database that another process is making."""
    try:
        db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        try:
            return int(db.execute("SELECT count(*) FROM accounting_record").fetchone()[0])
        finally:
            db.close()
    except sqlite3.Error:
        return 0


def test_a_damaged_file_is_named_and_imported_once_it_is_mended(charged_home: Home) -> None:
    before = books(charged_home)
    damaged = charged_home.record_files()[0]
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:100])
    lose(charged_home)
    done = charged_home.run("shocpp", "rebuild")
    assert done.returncode == 1
    assert done.stderr.startswith(str(damaged))
    damaged.write_bytes(whole)
    done = charged_home.run("shocpp", "import", str(charged_home.folder / "accounting"))
    assert done.returncode == 0
    assert "1 records taken" in done.stdout
    assert books(charged_home)[:2] == before[:2]


def test_a_decision_waits_for_the_file_that_it_is_about(charged_home: Home) -> None:
    decide(charged_home, *DECISIONS)
    before = books(charged_home)
    ((name,),) = charged_home.query("SELECT file_name FROM accounting WHERE number = 2")
    (missing,) = (path for path in charged_home.record_files() if path.name == name)
    moved = missing.rename(charged_home.folder / name)
    lose(charged_home)
    rebuilt = made_again(charged_home, "files")
    assert len(rebuilt.restored.refused) == 2
    assert all(
        "the record that it decides on is not in the books" in sentence
        for sentence in rebuilt.restored.refused
    )
    moved.rename(missing)
    done = charged_home.run("shocpp", "import", str(charged_home.folder / "accounting"))
    assert done.returncode == 0
    assert "3 records taken" in done.stdout
    assert books(charged_home)[:2] == before[:2]


def test_the_seeds_files_do_not_go_before_ours(home: Home) -> None:
    """Only our files may name their accounts, and show which of them were booked twice."""
    from tests.recovery.test_restore import file_of, seeds

    migrate(home.database, now_ms())
    say(home, stop(9_075_600, "2023-09-03T09:52:09Z", 20_009_042))
    file_of(home.folder / "accounting", seeds())
    assert home.run("shocpp", "import", str(home.folder / "accounting")).returncode == 0
    assert sums(home) == {"family-y": 33_600}
    before = books(home)
    home.tags_file.write_text("[]")
    lose(home)
    made_again(home, "files")
    assert books(home) == before


# --- from the frames ---


def assert_comes_back(home: Home, way: str) -> list[Counter[Any]]:
    """Rebuild, assert that records and meter checks are as before, and return them."""
    before = books(home, *METERS)
    if way == "files":
        lose(home)
    rebuilt = made_again(home, way)
    assert (rebuilt.restored.refused, rebuilt.superseded) == ([], ())
    assert books(home, *METERS) == before
    return before


@BOTH
def test_decisions_hold_in_books_that_are_made_again(charged_home: Home, way: str) -> None:
    decide(charged_home, *DECISIONS)
    before = books(charged_home, *METERS)
    files = {path: path.read_bytes() for path in charged_home.record_files()}
    if way == "files":
        lose(charged_home)
    rebuilt = made_again(charged_home, way)
    assert rebuilt.restored.refused == []
    assert rebuilt.superseded == ()
    after = books(charged_home, *METERS)
    assert after[:2] == before[:2]
    if way == "frames":
        assert after == before
    assert {path: path.read_bytes() for path in charged_home.record_files()} == files
    assert replay(charged_home)
    assert books(charged_home)[:2] == before[:2]


DAMAGE = {
    "another energy": "UPDATE accounting_record SET consumed_wh = 1, account = 'thief'",
    "no records": "DELETE FROM accounting_record",
    "no stops": "DELETE FROM accounting_record; DELETE FROM received_stop",
    "no transactions": "DELETE FROM accounting_record; DELETE FROM received_stop;"
    " DELETE FROM meter_reading; DELETE FROM started_transaction",
    "other starts": "UPDATE started_transaction SET meter_start_wh = 7, account = 'thief',"
    " account_index = 9, transaction_id = id, state = 'open'",
    "other stops": "UPDATE received_stop SET meter_stop_wh = 0, stop_key = id",
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_ledger_damaged_by_hand_is_derived_again(charged_home: Home, how: str) -> None:
    decide(charged_home, *DECISIONS)
    before, answers = books(charged_home, *METERS), replay(charged_home)
    with sqlite3.connect(charged_home.database) as db:
        db.executescript(DAMAGE[how])
    db.close()
    rebuilt = made_again(charged_home, "frames")
    assert (rebuilt.restored.refused, rebuilt.superseded) == ([], ())
    assert books(charged_home, *METERS) == before
    assert replay(charged_home) == answers
    assert books(charged_home)[:2] == before[:2]


def hour_of(number: int, telling: Telling) -> list[tuple[str, dict[str, object]]]:
    """Return an hour with 12 000 Wh of a register that restarts, its readings out of order."""
    begin_wh, hour = 9_000 + 20_000 * number, f"2026-10-{10 + number // 24:02}T{number % 24:02}"
    transaction_id = 20_000_000 + begin_wh // 1000
    registers = ((45, 1_500), (15, begin_wh + 4_500), (30, begin_wh + 9_000))
    entries = [
        (telling.entry(f"{hour}:{minute}:00Z", wh, begin_wh), wh) for minute, wh in registers
    ]
    stopped = stop(3_000, f"{hour}:58:00Z", transaction_id)
    if telling.in_stop:
        stopped[1]["transactionData"] = [entry for entry, _ in entries]
        entries = []
    told = [
        ("MeterValues", payload)
        for entry, wh in entries
        for payload in telling.messages(1, transaction_id, entry, wh)
    ]
    return [start(begin_wh, f"{hour}:00:00Z"), *told, stopped]


def test_readings_that_are_labelled_oddly_give_the_same_records_from_their_frames(
    home: Home,
) -> None:
    hours = [hour_of(number, telling) for number, telling in enumerate(TELLINGS.values())]
    without_id = values(700_500, at(20, 6), 0)
    del without_id[1]["transactionId"]
    migrate(home.database, now_ms())
    say(home, *[call for hour in hours for call in hour], start(700_000, at(20, 5)), without_id)
    energies = "SELECT consumed_wh, review, count(*) FROM accounting GROUP BY 1, 2"
    assert home.query(energies) == [(12_000, None, len(TELLINGS))]
    sources = (
        "SELECT register_wh, reading.register_source, sampled_ms, transaction_id,"
        " started.register_source FROM meter_reading AS reading"
        " LEFT JOIN started_transaction AS started ON started.id = started_transaction"
    )
    live = "SELECT transaction_id, consumed_wh, power_w, power_basis FROM open_transactions"
    assert home.query(live) == [(20_000_700, 500, 500, "register")]
    before = books(home, *METERS, sources, live)
    files = {path.name: path.read_bytes() for path in home.record_files()}
    assert len(files) == len(TELLINGS)
    with contextlib.closing(sqlite3.connect(home.database)) as db, db:
        db.execute("UPDATE meter_reading SET register_wh = NULL, started_transaction = NULL")
    done = home.run("shocpp", "rebuild", "--frames")
    assert done.returncode == 0, done.stderr
    assert "renamed" not in done.stdout
    assert books(home, *METERS, sources, live) == before
    assert {path.name: path.read_bytes() for path in home.record_files()} == files


def test_accounts_and_ids_are_those_that_were_answered(charged_home: Home) -> None:
    before, answers = books(charged_home), replay(charged_home)
    accounts = [
        {"index": 1, "account": "company-x", "ids": ["3333", "ABCD"]},
        {"index": 2, "account": "family-y", "ids": ["1111"]},
        {"index": 3, "account": "company-z", "ids": []},
    ]
    charged_home.tags_file.write_text(json.dumps(accounts))
    rebuilt = made_again(charged_home, "frames")
    assert (rebuilt.restored.refused, rebuilt.superseded) == ([], ())
    assert books(charged_home) == before
    assert replay(charged_home) == answers


def test_two_open_transactions_of_one_kwh_keep_their_ids(home: Home) -> None:
    migrate(home.database, now_ms())
    one, two = start(1_000, at(1, 5)), start(1_000, at(1, 5))
    two[1]["connectorId"] = 2
    say(home, one, two, stop(2_000, at(1, 6), 20_000_001), stop(1_500, at(1, 6), 20_000_002))
    before = books(home)
    assert made_again(home, "frames").superseded == ()
    assert books(home) == before


@BOTH
def test_a_late_stop_after_its_orphan_was_decided_books_only_the_rest(home: Home, way: str) -> None:
    migrate(home.database, now_ms())
    say(home, start(1_000, at(1, 5)), values(2_500, at(1, 6), 20_000_001))
    say(home, start(3_000, at(2, 5), "1111"))
    decide(home, ("assign", "T1", "company-z"))
    say(home, stop(2_800, at(1, 7), 20_000_001), stop(4_000, at(2, 6), 10_000_003))
    assert sums(home) == {"company-z": 1_500, "family-y": 300, "company-x": 1_000}
    before = assert_comes_back(home, way)
    say(home, stop(2_800, at(1, 7), 20_000_001), stop(4_000, at(2, 6), 10_000_003))
    assert books(home, *METERS) == before


BOOT = ("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})


@BOTH
@pytest.mark.parametrize("late", ["before", "after", "without its id"])
def test_a_transaction_ended_by_hand_and_its_late_stop_come_back(
    home: Home, late: str, way: str
) -> None:
    migrate(home.database, now_ms())
    stop_of_it = stop(2_800, at(1, 7), -1 if late == "without its id" else 20_000_001)
    say(home, start(1_000, at(1, 5)), values(2_500, at(1, 6), 20_000_001))
    say(home, BOOT)
    decide(home, ("end", "T1"))
    if late != "after":
        say(home, stop_of_it)
    say(home, start(3_000, at(2, 5), "1111"), stop(4_000, at(2, 6), 10_000_003))
    before = assert_comes_back(home, way)
    say(home, stop_of_it)
    if late != "after":
        assert books(home, *METERS) == before
    assert sums(home) == {"family-y": 1_800, "company-x": 1_000}
    say(home, stop_of_it)
    assert sums(home) == {"family-y": 1_800, "company-x": 1_000}


@BOTH
def test_a_decision_on_the_record_of_a_late_stop_comes_back(home: Home, way: str) -> None:
    migrate(home.database, now_ms())
    say(home, start(1_000, at(1, 5)), values(2_500, at(1, 6), 20_000_001))
    say(home, BOOT)
    decide(home, ("end", "T1"))
    say(home, stop(2_800, at(1, 7), 20_000_001))
    decide(home, ("assign", "3", "company-x"))
    assert_comes_back(home, way)
    assert sums(home) == {"company-x": 1_800, "family-y": 0}


def test_the_file_of_an_end_by_hand_is_set_aside_where_the_stop_is_booked(home: Home) -> None:
    """An older copy of the database was in use again, and the charger repeated its stop."""
    migrate(home.database, now_ms())
    say(home, start(1_000, at(1, 5)), values(2_500, at(1, 6), 20_000_001))
    say(home, BOOT)
    shutil.copy(home.database, home.folder / "copy")
    decide(home, ("end", "T1"))
    (by_hand,) = home.record_files()
    put_in_place(home, home.folder / "copy")
    say(home, stop(2_800, at(1, 7), 20_000_001))
    done = home.run("shocpp", "import", str(home.folder / "accounting"))
    assert f"{by_hand}: the transaction that it ends was stopped since; set aside" in done.stderr
    assert sums(home) == {"family-y": 1_800}
    assert not by_hand.exists()


def put_in_place(home: Home, copy: Path) -> None:
    """Put a copy of the database in the place of the present one."""
    for file in home.database.parent.glob("shocpp.sqlite3*"):
        file.unlink() if file.is_file() else None
    shutil.copy(copy, home.database)


@pytest.mark.parametrize("decision", [("end", "T1"), ("assign", "T1", "company-x")])
def test_a_stop_from_a_file_bills_no_energy_of_an_ended_transaction_again(
    home: Home, decision: tuple[str, ...]
) -> None:
    """An older copy of the database was in use for a while, and has booked the stop."""
    older, newer = home.folder / "older", home.folder / "newer"
    migrate(home.database, now_ms())
    say(home, start(1_000, at(1, 5)), values(2_500, at(1, 6), 20_000_001))
    say(home, BOOT)
    shutil.copy(home.database, older)
    decide(home, decision)
    shutil.copy(home.database, newer)
    put_in_place(home, older)
    say(home, stop(2_800, at(1, 7), 20_000_001))
    put_in_place(home, newer)
    accounting = str(home.folder / "accounting")
    assert home.run("shocpp", "import", accounting).returncode == 0
    is_ended = decision[0] == "end"
    expected = {"family-y": 1_800} if is_ended else {"company-x": 1_500}
    reasons = [] if is_ended else [("overlaps what is booked already",)]
    for again in ("import", "lose", "import"):
        assert sums(home) == expected
        assert home.query("SELECT DISTINCT reason FROM review") == reasons
        if again == "lose":
            before = books(home, *METERS)
            lose(home)
            made_again(home, "files")
            assert books(home, *METERS) == before
        else:
            assert home.run("shocpp", "import", accounting).returncode == 0


@hypothesis.settings(max_examples=6, deadline=None)
@hypothesis.example(
    end_wh=1_001,
    readings=[],
    anonymous=True,
    again=0,
    rebuilds=["files", "frames"],
    decided="assign",
)
@given(
    end_wh=st.integers(1_000, 9_000),
    readings=st.lists(st.integers(1_000, 5_000), max_size=2).map(sorted),
    anonymous=st.booleans(),
    again=st.integers(0, 2),
    rebuilds=st.lists(st.sampled_from(["files", "frames"]), max_size=2),
    decided=st.sampled_from([None, "assign", "correct"]),
)
def test_a_transaction_ended_by_hand_is_billed_once(
    end_wh: int,
    readings: list[int],
    anonymous: bool,
    again: int,
    rebuilds: list[str],
    decided: str | None,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        migrate(home.database, now_ms())
        (last_wh,) = readings[-1:] or [1_000]
        end_wh = max(end_wh, last_wh)
        samples = [values(wh, at(1, 6), 20_000_001) for wh in readings]
        stop_of_it = stop(end_wh, at(1, 7), -1 if anonymous else 20_000_001)
        say(home, start(1_000, at(1, 5)), *samples)
        say(home, BOOT)
        decide(home, ("end", "T1"))
        if decided == "assign":
            decide(home, ("assign", "1", "company-x"))
        elif decided == "correct":
            decide(home, ("correct", "1", Measured(consumed_wh=12_345), None))
        for way in rebuilds[:1]:
            if way == "files":
                lose(home)
            made_again(home, way)
        for _ in range(again + 1):
            say(home, stop_of_it)
        for way in rebuilds[1:]:
            if way == "files":
                lose(home)
            made_again(home, way)
            say(home, stop_of_it)
        owner = "company-x" if decided == "assign" else "family-y"
        assert {name: wh for name, wh in sums(home).items() if wh} == (
            {owner: end_wh - 1_000} if end_wh > 1_000 else {}
        )


def test_the_rest_is_booked_again_also_where_the_files_were_written_late(home: Home) -> None:
    migrate(home.database, now_ms())
    say(home, start(1_000, at(1, 5)), values(2_500, at(1, 6), 20_000_001))
    say(home, start(3_000, at(2, 5), "1111"))
    (home.folder / "accounting").mkdir(exist_ok=True)
    (home.folder / "accounting" / "2026").write_text("in the way")
    decide(home, ("assign", "T1", "company-z"))
    say(home, stop(2_800, at(1, 7), 20_000_001))
    (home.folder / "accounting" / "2026").unlink()
    say(home, stop(4_000, at(2, 6), 10_000_003))
    assert len(home.record_files()) == 3
    before = books(home)
    rebuilt = made_again(home, "frames")
    assert (rebuilt.restored.refused, rebuilt.superseded) == ([], ())
    assert books(home) == before


def test_an_orphan_of_a_register_that_begins_anew_stays_decided(home: Home) -> None:
    migrate(home.database, now_ms())
    say(home, start(0, at(1, 5)), stop(5_000, at(1, 6)))
    say(home, start(0, at(2, 5)), values(2_500, at(2, 6), 20_000_000))
    say(home, start(0, at(3, 5)))
    decide(home, ("assign", "T2", "company-x"))
    before = books(home)
    assert sums(home) == {"family-y": 5_000, "company-x": 2_500}
    rebuilt = made_again(home, "frames")
    assert (rebuilt.restored.refused, rebuilt.superseded) == ([], ())
    assert books(home) == before


def test_a_card_that_was_learnt_keeps_its_transactions_also_if_their_rows_are_gone(
    home: Home,
) -> None:
    migrate(home.database, now_ms())
    say(home, start(1_000, at(1, 5), "ABCD"))
    with open_database(home.database) as db, db.writing(keys=EVERYTHING):
        from shocpp.ledger.accounts import id_tag_key
        from shocpp.ledger.decisions import Owner
        from shocpp.store.books import transactions

        assert transactions.reassign_open(
            db, id_tag_key("ABCD"), Owner(2, "family-y"), "anna: hers"
        )
    say(home, stop(2_000, at(1, 6)))
    before = books(home)
    assert sums(home) == {"family-y": 1_000}
    with sqlite3.connect(home.database) as raw:
        raw.executescript(DAMAGE["no transactions"])
    raw.close()
    rebuilt = made_again(home, "frames")
    assert (rebuilt.restored.refused, rebuilt.superseded) == ([], ())
    assert books(home) == before


def test_a_file_that_its_frames_do_not_bear_out_is_superseded(charged_home: Home) -> None:
    before = books(charged_home)
    path = charged_home.record_files()[0]
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"consumed_wh": 1}))
    done = charged_home.run("shocpp", "rebuild", "--frames")
    assert done.returncode == 0, done.stderr
    assert f"the frames do not confirm this file, so it is renamed: {path}" in done.stdout
    assert books(charged_home) == before
    assert json.loads(path.read_text()) == content
    assert json.loads(path.with_name(f"{path.name}.superseded").read_text())["consumed_wh"] == 1
    assert (
        charged_home.run("shocpp", "import", str(charged_home.folder / "accounting")).returncode
        == 0
    )
    assert books(charged_home) == before


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_decision_is_set_aside_when_the_file_of_its_record_is_lost(
    charged_home: Home, how: str
) -> None:
    decide(charged_home, ("assign", "2", "family-y"))
    ((name,),) = charged_home.query("SELECT file_name FROM accounting WHERE number = 2")
    (path,) = (path for path in charged_home.record_files() if path.name == name)
    path.unlink() if how == "missing" else path.write_text("{")
    done = charged_home.run("shocpp", "rebuild", "--frames")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "decide again: shocpp review" in done.stderr
    assert sum(sums(charged_home).values()) == 4_000 + 1_500 + 1_000 + 500 + 1_000
    assert "2" in {number for number, *_ in listed(charged_home)}


@BOTH
def test_decisions_on_imported_records_hold(home: Home, way: str) -> None:
    from tests.recovery.test_restore import SEED, file_of, seeds

    migrate(home.database, now_ms())
    for name in SEED:
        file_of(home.folder / "accounting", seeds(name), name)
    file_of(home.folder / "accounting", seeds(unixtime="1693727544"), "1693727544-aaaaaaaaaaaa")
    assert home.run("shocpp", "import", str(home.folder / "accounting")).returncode == 0
    decide(home, ("assign", "1", "company-z"), ("dismiss", "4"))
    before = books(home)
    if way == "files":
        lose(home)
    assert made_again(home, way).restored.refused == []
    assert books(home) == before


def test_a_rebuild_refuses_an_id_that_was_refused_before_an_import(home: Home) -> None:
    """An id that this ledger did not issue; a later import makes no difference."""
    migrate(home.database, now_ms() - 40 * 86_400_000)
    say(home, stop(9_075_600, at(1, 5), 20_009_042))
    assert sums(home) == {}
    (home.folder / "none").mkdir()
    assert home.run("shocpp", "import", str(home.folder / "none")).returncode == 0
    before = books(home)
    assert made_again(home, "frames").superseded == ()
    assert books(home) == before


def test_two_rebuilds_in_a_second_keep_both_old_databases(charged_home: Home) -> None:
    asides = {made_again(charged_home, "frames").aside for _ in range(3)}
    assert len(asides) == 3
    assert all(aside is not None and aside.exists() for aside in asides)


def test_a_damaged_database_is_not_derived_from_its_frames(charged_home: Home) -> None:
    charged_home.database.write_bytes(charged_home.database.read_bytes()[:20_000])
    done = charged_home.run("shocpp", "rebuild", "--frames")
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert not list(charged_home.database.parent.glob("*.rebuilt*"))


def test_no_decision_is_written_during_a_rebuild_from_frames(charged_home: Home) -> None:
    tried = []

    def meddling(label: str, count: int) -> Any:
        if label == "frames":
            tried.append(
                charged_home.run(
                    "shocpp", "review", "assign", "2", "--account", "family-y", "--why", "x"
                )
            )
        return progress(label, count)

    rebuild.rebuild_from_frames(charged_home.settings, meddling)
    assert [done.returncode for done in tried] == [1]
    assert "cannot be written" in tried[0].stderr
    assert len(charged_home.query("SELECT * FROM accounting")) == 8


# --- whole evenings: the same books from the files, and from the frames ---

ENERGIES = st.sampled_from([0, 1, 300, 999, 5_000, 5_000, 200_000, 200_001])
EVENING = st.tuples(
    st.sampled_from(["garage", "yard"]),
    st.integers(1, 2),
    st.sampled_from(["1111", "3333", "44:44", "?"]),
    ENERGIES,
    st.sampled_from([0, 0, 0, 7, 2_500]),  # Wh past the books before it
    st.sampled_from(["plain", "plain", "twice", "without its id", "more", "orphaned", "open"]),
)
DECISION = st.tuples(
    st.sampled_from(["assign", "correct", "dismiss"]), st.integers(0, 50), st.integers(0, 3_000)
)


class Evenings:
    """Evenings at a desk, and all Calls that were sent there."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.settings = read_settings(
            {
                "SHOCPP_HOME": str(folder),
                "SHOCPP_DATABASE": str(self.desk.path),
                "SHOCPP_TAGSFILE": str(folder / "tags.json"),
                "SHOCPP_ACCOUNTINGDIR": str(folder / "accounting"),
                "TZ": "Europe/Berlin",
            }
        )
        self.registers: dict[tuple[str, int], int] = {}
        self.sent: list[tuple[str, dict[str, Any], str]] = []

    def say(self, action: str, payload: dict[str, Any], charger: str) -> dict[str, Any]:
        self.sent.append((action, payload, charger))
        answer = self.desk.ask(action, payload, charger)
        assert isinstance(answer, dict)
        return answer

    def play(self, charger: str, connector: int, id_tag: str, wh: int, gap: int, how: str) -> None:
        begin_wh = self.registers.get((charger, connector), 10_000 * connector) + gap
        self.registers[charger, connector] = begin_wh + wh
        meter = {"connectorId": connector, "meterStart": begin_wh, "idTag": id_tag}
        sent = self.say("StartTransaction", meter | {"timestamp": self.desk.time()}, charger)
        self.desk.later(1)
        sampled = {"timestamp": self.desk.time(), "sampledValue": [{"value": str(begin_wh + wh)}]}
        measured = {"connectorId": connector, "transactionId": sent["transactionId"]}
        self.say("MeterValues", measured | {"meterValue": [sampled]}, charger)
        self.desk.later(2)
        if how in ("orphaned", "open"):
            return
        ended = {
            "transactionId": -1 if how == "without its id" else sent["transactionId"],
            "meterStop": begin_wh + wh,
            "timestamp": self.desk.time(),
            "idTag": id_tag,
        }
        for _ in range(1 + (how == "twice")):
            self.say("StopTransaction", ended, charger)
        if how == "more":
            self.registers[charger, connector] += 500
            self.desk.later(1)
            more = {"meterStop": begin_wh + wh + 500, "timestamp": self.desk.time()}
            self.say("StopTransaction", ended | more, charger)

    def decide(self, decision: str, which: int, wh: int) -> None:
        """Decide on one of the listed cases or on any record, if that is possible."""
        waiting = [*self.desk.query("SELECT number FROM review")]
        waiting += map(str, self.desk.query("SELECT number FROM accounting WHERE in_force"))
        if not waiting:
            return
        reference = waiting[which % len(waiting)]
        for gap_wh in self.desk.query("SELECT gap_wh FROM gaps WHERE number = ?", reference):
            wh = min(wh, gap_wh)  # a human has to decide again on more than the gap
        rest: tuple[Any, ...] = {
            "assign": ("family-y",),
            "correct": (Measured(consumed_wh=wh), "company-x"),
            "dismiss": (),
        }[decision]
        self.desk.later(1)
        with (
            contextlib.suppress(UsageError),
            patched_clock(self.desk.now_ms),
        ):
            decider = Decider("anna", "so")
            getattr(review, decision)(self.desk.db, self.settings, reference, *rest, decider)
        self.desk.later(1)

    def books(self) -> list[Counter[Any]]:
        """Return all rows of the books."""
        return [Counter(self.desk.query(view)) for view in BOOKS[:2]]

    def balance(self) -> None:
        """Check that the month of each meter adds up."""
        for meter, booked, nobodys, waits, gap, overlap, restarts in self.desk.query(
            "SELECT meter_wh, booked_wh, unassigned_wh, under_review_wh, gap_wh, overlap_wh,"
            " restarts FROM audit"
        ):
            assert restarts or meter == booked + nobodys + waits + gap - overlap
            assert min(waits, gap) >= 0


@contextlib.contextmanager
def patched_clock(ms: int) -> Iterator[None]:
    """Decide at this time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(review, "now_ms", lambda: ms)
        yield


@given(st.lists(EVENING, min_size=1, max_size=8), st.lists(DECISION, max_size=6), st.data())
@hypothesis.settings(max_examples=12, deadline=None)
def test_a_rebuild_gives_the_same_books_after_random_evenings(
    evenings: list[tuple[str, int, str, int, int, str]],
    decisions: list[tuple[str, int, int]],
    data: st.DataObject,
) -> None:
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        played = Evenings(Path(folder))
        for evening in evenings:
            played.play(*evening)
            if decisions and data.draw(st.booleans()):
                played.decide(*decisions.pop())
            played.balance()
        for decision in decisions:
            played.decide(*decision)
            played.balance()
        played.desk.files()
        before = played.books()
        rebuilt = rebuild.rebuild_from_frames(played.settings, progress)
        assert (rebuilt.restored.refused, rebuilt.superseded) == ([], ())
        played.desk.restart()
        assert played.books() == before
        played.desk.lose_the_database()
        played.desk.db.close()
        played.desk.path.unlink()
        assert rebuild.rebuild(played.settings, progress).restored.refused == []
        played.desk.restart()
        assert played.books() == before
        for action, payload, charger in played.sent:
            played.desk.ask(action, payload, charger)
        assert played.books() == before
        played.desk.db.close()


def local_start(wh: int, when: str, card: dict[str, str]) -> tuple[str, dict[str, object]]:
    """Return a StartTransaction with a time without a zone."""
    return "StartTransaction", {"connectorId": 1, "meterStart": wh, "timestamp": when, **card}


def test_a_chargers_zone_cap_and_default_tag_hold_when_its_ledger_is_derived_again(
    home: Home,
) -> None:
    migrate(home.database, now_ms())
    entry: dict[str, object] = {"auth": "none", "tz": "Europe/Berlin", "cap_kwh": 3}

    def known(**more: object) -> None:
        home.charge_points_file.write_text(json.dumps({"garage": entry | more}))

    known(default_tag="3333")
    say(home, local_start(1_000, "2026-10-01T08:00:00", {}), stop(5_000, "2026-10-01T10:00:00"))
    known()
    say(home, local_start(5_000, "2026-10-02T08:00:00", {}), stop(6_000, "2026-10-02T10:00:00"))
    before = books(home)
    assert home.query(
        "SELECT account, id_tag, stopped_at, review, flags FROM accounting ORDER BY stopped_at"
    ) == [
        (
            *("family-y", "3333", "2026-10-01T08:00:00.000Z", "more than 3 kWh"),
            "matched without its id; no card told: default tag",
        ),
        ("unassigned", "", "2026-10-02T08:00:00.000Z", None, "matched without its id"),
    ]
    known(default_tag="1111")
    rebuilt = made_again(home, "frames")
    assert (rebuilt.restored.refused, rebuilt.superseded) == ([], ())
    assert books(home) == before
    lose(home)
    made_again(home, "files")
    assert books(home) == before


def test_a_zone_that_is_named_later_holds_for_what_is_derived_again(home: Home) -> None:
    migrate(home.database, now_ms())
    say(home, local_start(1_000, "2026-10-01T08:00:00", {}), stop(5_000, "2026-10-01T10:00:00"))
    zone = {"garage": {"auth": "none", "tz": "Europe/Berlin"}}
    home.charge_points_file.write_text(json.dumps(zone))
    (path,) = home.record_files()
    rebuilt = made_again(home, "frames")
    assert rebuilt.superseded == (path.with_name(f"{path.name}.superseded"),)
    assert home.query("SELECT started_at, stopped_at, consumed_wh FROM accounting") == [
        ("2026-10-01T06:00:00.000Z", "2026-10-01T08:00:00.000Z", 4_000)
    ]
