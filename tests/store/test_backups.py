"""Tests of backups: complete, of one moment, and never in place of another file."""

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shocpp.clock import now_ms
from shocpp.store.schema.migrations import migrate
from tests.world.charger import ChargerWithCar
from tests.world.home import Home
from tests.world.machine import BIN, needs, wait_for
from tests.world.server import Server
from tests.world.visits import EVENING, MORNING, say, start, stop, sums


@pytest.fixture
def charged_home(home: Home) -> Home:
    """A home with one record."""
    migrate(home.database, now_ms())
    say(home, start(1_000, MORNING), stop(5_000, EVENING))
    return home


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    """Return rows of a copy."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def refused(home: Home, to: Path | str) -> str:
    """Return the error of a backup that is refused, and check that it leaves no file."""
    done = home.run("shocpp", "backup", str(to), cwd=home.folder)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert not list(home.folder.rglob(".*.[0-9]*"))
    return done.stderr


def test_a_copy_is_one_file_with_all_rows(charged_home: Home) -> None:
    copy = charged_home.folder / "copy.sqlite3"
    done = charged_home.run("shocpp", "backup", str(copy))
    assert (done.returncode, done.stderr) == (0, "")
    first, lacks = done.stdout.splitlines()
    assert first == f"{copy} is a complete copy of {charged_home.database}"
    assert lacks.startswith(f"it has neither {charged_home.folder}/accounting nor conf/; ")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert query(copy, "PRAGMA journal_mode") == [("delete",)]
    assert query(copy, "SELECT * FROM accounting") == charged_home.query("SELECT * FROM accounting")
    assert not list(charged_home.folder.glob("*copy.sqlite3?*"))


def test_a_copy_works_in_place_of_the_database(charged_home: Home) -> None:
    copy = charged_home.folder / "copy.sqlite3"
    assert charged_home.run("shocpp", "backup", str(copy)).returncode == 0
    say(charged_home, start(5_000, EVENING, "1111"))
    shutil.rmtree(charged_home.database.parent)
    charged_home.database.parent.mkdir()
    shutil.move(copy, charged_home.database)
    assert charged_home.run("shocpp", "migrate").returncode == 0
    say(charged_home, start(1_000, MORNING), stop(5_000, EVENING))
    say(charged_home, start(5_000, EVENING, "1111"), stop(6_000, "2026-10-02T05:00:00Z"))
    assert sums(charged_home) == {"family-y": 4_000, "company-x": 1_000}


def test_a_newer_copy_replaces_an_older_one(charged_home: Home) -> None:
    copy = charged_home.folder / "copy.sqlite3"
    for records in (1, 2):
        assert (
            charged_home.run("shocpp", "backup", "copy.sqlite3", cwd=charged_home.folder).returncode
            == 0
        )
        assert query(copy, "SELECT count(*) FROM accounting") == [(records,)]
        say(charged_home, start(5_000, EVENING), stop(6_000, "2026-10-02T05:00:00Z"))


def test_a_copy_replaces_no_other_file(charged_home: Home) -> None:
    text = charged_home.folder / "text"
    text.write_text("mine")
    foreign = charged_home.folder / "foreign.sqlite3"
    with contextlib.closing(sqlite3.connect(foreign)) as db:
        db.execute("CREATE TABLE t (x)")
    link = charged_home.folder / "link"
    link.symlink_to(charged_home.database)
    for path in (text, foreign, charged_home.folder, charged_home.tags_file):
        assert "exists and is no copy made by shocpp; name another file" in refused(
            charged_home, path
        )
    for path in (charged_home.database, link):
        assert "is the database itself" in refused(charged_home, path)
    assert "does not exist; make it first" in refused(charged_home, "missing/copy.sqlite3")
    assert text.read_text() == "mine"
    assert query(foreign, "SELECT * FROM t") == []
    assert sums(charged_home) == {"family-y": 4_000}


def test_a_copy_replaces_no_database_in_use(charged_home: Home) -> None:
    """SQLite would read the -wal of that database as one of the copy, and damage it."""
    copy = charged_home.folder / "copy.sqlite3"
    assert charged_home.run("shocpp", "backup", str(copy)).returncode == 0
    with contextlib.closing(sqlite3.connect(copy)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("INSERT INTO property VALUES ('x', 'y')")
        db.commit()
        assert "in use" in refused(charged_home, copy)
    assert query(copy, "SELECT value FROM property WHERE name = 'x'") == [("y",)]


def test_a_backup_without_a_database_names_the_next_step(home: Home) -> None:
    done = home.run("shocpp", "backup", str(home.folder / "copy"))
    assert done.returncode != 0
    assert "make it with: shocpp migrate" in done.stderr
    assert not (home.folder / "copy").exists()


def test_a_damaged_database_is_not_copied(charged_home: Home) -> None:
    copy = charged_home.folder / "copy.sqlite3"
    assert charged_home.run("shocpp", "backup", str(copy)).returncode == 0
    before = copy.read_bytes()
    whole = charged_home.database.read_bytes()
    page = 4096 * (len(whole) // 4096 // 2)
    charged_home.database.write_bytes(whole[:page] + b"\xee" * 4096 + whole[page + 4096 :])
    done = charged_home.run("shocpp", "backup", str(copy))
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert copy.read_bytes() == before
    assert [path.name for path in charged_home.folder.glob("*copy*")] == ["copy.sqlite3"]


# Queries that return 0 for a copy of one moment.
WHOLE = (
    # Each record has its stop, each stop its record, and each stopped transaction its stop.
    (
        "SELECT count(*) FROM accounting_record WHERE received_stop NOT IN"
        " (SELECT id FROM received_stop)"
    ),
    (
        "SELECT count(*) FROM received_stop WHERE id NOT IN"
        " (SELECT received_stop FROM accounting_record)"
    ),
    (
        "SELECT count(*) FROM started_transaction WHERE state = 'stopped' AND id NOT IN"
        " (SELECT started_transaction FROM received_stop)"
    ),
    "SELECT count(*) FROM accounting_record WHERE consumed_wh <> 33000",
    "SELECT count(*) FROM frame WHERE action LIKE 'St%Transaction' AND answer IS NULL",
)


def test_a_copy_made_while_a_charger_sends_is_of_one_moment(home: Home, server: Server) -> None:
    done = threading.Event()

    def charge() -> None:
        with ChargerWithCar(server, "garage") as charger:
            while not done.is_set():
                charger.start("3333")
                charger.stop()

    thread = threading.Thread(target=charge)
    thread.start()
    try:
        counts = []
        for number in range(4):
            wait_for(
                lambda: home.query("SELECT count(*) FROM accounting")[0][0] > sum(counts[-1:], 0)
            )
            copy = home.folder / f"copy{number % 2}.sqlite3"
            assert home.run("shocpp", "backup", str(copy)).returncode == 0
            assert [query(copy, sql) for sql in WHOLE] == [[(0,)]] * len(WHOLE)
            assert query(copy, "PRAGMA integrity_check") == [("ok",)]
            ((records,),) = query(copy, "SELECT count(*) FROM accounting")
            counts.append(int(str(records)))
        assert counts == sorted(set(counts))
    finally:
        done.set()
        thread.join()


def test_a_backup_that_was_killed_keeps_the_older_copy(charged_home: Home) -> None:
    copy = charged_home.folder / "copy.sqlite3"
    assert charged_home.run("shocpp", "backup", str(copy)).returncode == 0
    before = copy.read_bytes()
    with contextlib.closing(sqlite3.connect(charged_home.database)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
            " INSERT INTO frame (charge_point, direction, action, moment_ms, text)"
            " SELECT 1, 'in', '', 0, printf('%01000d', i) FROM n"
        )
        db.commit()
    process = subprocess.Popen(
        [str(BIN / "shocpp"), "backup", str(copy)], env=charged_home.environment
    )
    try:
        wait_for(
            lambda: any(
                path.stat().st_size > 1_000_000
                for path in charged_home.folder.glob(".copy.sqlite3.*")
            )
        )
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert copy.read_bytes() == before
    assert charged_home.run("shocpp", "backup", str(copy)).returncode == 0
    assert query(copy, "SELECT count(*) > 60000 FROM frame") == [(1,)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 1 MB, which needs root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        [needs("mount"), "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run([needs("umount"), str(folder)], check=True)


def test_a_full_disk_keeps_the_older_copy_and_nothing_else(
    charged_home: Home, small_disk: Path
) -> None:
    copy = small_disk / "copy.sqlite3"
    assert charged_home.run("shocpp", "backup", str(copy)).returncode == 0
    before = copy.read_bytes()
    (small_disk / "filler").write_bytes(b"x" * (1_048_576 - len(before) - 100_000))
    done = charged_home.run("shocpp", "backup", str(copy))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert copy.read_bytes() == before
    assert sorted(path.name for path in small_disk.iterdir()) == ["copy.sqlite3", "filler"]
    assert sums(charged_home) == {"family-y": 4_000}
