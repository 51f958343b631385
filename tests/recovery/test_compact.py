"""The compaction of the database: free pages go back to the disk, and nothing else changes."""

import contextlib
import os
import re
import shutil
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shocpp.clock import now_ms
from shocpp.errors import StoreUnavailable
from shocpp.interfaces.cli.upkeep import progress
from shocpp.recovery.compact import compact
from shocpp.store.files import compaction
from shocpp.store.schema.migrations import migrate
from tests.world.faults import EVERY_STEP, small_disk
from tests.world.findings import check
from tests.world.home import Home
from tests.world.machine import BIN, needs
from tests.world.server import Server
from tests.world.terminal import run_in_terminal
from tests.world.visits import EVENING, MORNING, say, start, stop

COMPACT = [str(BIN / "shocpp"), "compact"]
CHANGES = "pwrite64,fdatasync,fsync,ftruncate,?unlink,?unlinkat,?rename,?renameat,?renameat2"
SAMPLE = 6

pytestmark = pytest.mark.timeout(1800 if EVERY_STEP else 60)


def fill(path: Path, megabytes: int) -> None:
    """Put frames of a megabyte into a database, and delete them again."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        with db:
            db.executemany(
                "INSERT INTO frame (direction, action, moment_ms, text) VALUES ('in', '', 0, ?)",
                [("x" * 1_000_000,)] * megabytes,
            )
        with db:
            db.execute("DELETE FROM frame WHERE length(text) = 1000000")


@pytest.fixture(scope="module")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with one record, whose database is mostly free pages."""
    home = Home(tmp_path_factory.mktemp("compact") / "home")
    migrate(home.database, now_ms())
    say(home, start(1_000, MORNING), stop(5_000, EVENING))
    fill(home.database, 5)
    return home


@pytest.fixture
def emptied_home(home: Home, first_home: Home) -> Home:
    """A copy of that home."""
    home.copy_from(first_home)
    return home


def content(home: Home) -> list[list[tuple[object, ...]]]:
    """Return all rows of its tables, its versions and its mode."""
    tables = home.query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    )
    queries = [f"SELECT * FROM {name}" for (name,) in tables if name != "property"]
    pragmas = ["application_id", "user_version", "journal_mode", "integrity_check", "page_size"]
    schema = "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2"
    return [home.query(sql) for sql in [*queries, schema, *(f"PRAGMA {p}" for p in pragmas)]]


def files(home: Home) -> list[str]:
    return sorted(path.name for path in home.database.parent.iterdir() if path.is_file())


def test_free_pages_go_back_to_the_disk_and_nothing_else_changes(emptied_home: Home) -> None:
    home = emptied_home
    before, size = content(home), home.database.stat().st_size
    done = home.run("shocpp", "compact")
    assert (done.returncode, done.stderr) == (0, "")
    assert size > 5_000_000 > 600_000 > home.database.stat().st_size
    assert done.stdout == (
        f"{home.database} is compact: {size / 1e6:.1f} MB before,"
        f" {home.database.stat().st_size / 1e6:.1f} MB now\n"
    )
    assert content(home) == before
    assert home.query("PRAGMA freelist_count") == [(0,)]
    assert home.database.stat().st_mode & 0o777 == 0o600
    assert files(home) == ["shocpp.sqlite3"]
    say(home, start(5_000, EVENING))
    assert home.run("shocpp", "compact").returncode == 0


def test_a_terminal_shows_the_progress(emptied_home: Home) -> None:
    done = run_in_terminal(emptied_home, "shocpp", "compact")
    assert done.code == 0
    assert "pages" in done.output
    assert "100%" in done.output


def test_a_link_to_the_database_stays_a_link(emptied_home: Home, tmp_path: Path) -> None:
    other = tmp_path / "disk"
    other.mkdir()
    emptied_home.database.rename(other / "books")
    emptied_home.database.symlink_to(other / "books")
    assert emptied_home.run("shocpp", "compact").returncode == 0
    assert emptied_home.database.is_symlink()
    assert (other / "books").stat().st_size < 600_000
    assert len(emptied_home.query("SELECT * FROM accounting")) == 1


def assert_refused(home: Home, reason: str) -> None:
    """Check that a compaction is refused in a line, and changes nothing."""
    before = content(home)
    done = home.run("shocpp", "compact")
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert reason in done.stderr
    assert content(home) == before
    assert not [name for name in files(home) if "compact" in name]


def test_it_is_refused_while_a_server_runs(server: Server) -> None:
    fill(server.home.database, 1)
    assert_refused(server.home, "a process is using")


def test_it_is_refused_while_anything_has_the_database_open(emptied_home: Home) -> None:
    with contextlib.closing(sqlite3.connect(emptied_home.database)) as other:
        other.execute("SELECT count(*) FROM frame").fetchone()
        assert_refused(emptied_home, "another process is using")


def test_it_is_refused_where_the_disk_has_no_room_for_the_copy(
    emptied_home: Home, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "small", "30m") as folder:
        path = folder / "shocpp.sqlite3"
        shutil.copy(emptied_home.database, path)
        (folder / "other").write_bytes(bytes(15_000_000))
        emptied_home.environment["SHOCPP_DATABASE"] = str(path)
        done = emptied_home.run("shocpp", "compact")
        assert done.returncode == 2
        assert "MB are free; make room first" in done.stderr
        assert sorted(file.name for file in folder.iterdir()) == ["other", path.name]


def test_a_disk_that_fills_up_leaves_the_database_as_it_was(
    emptied_home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = content(emptied_home)
    monkeypatch.setattr(compaction, "require_room", lambda _: None)
    with small_disk(tmp_path / "small", "6m") as folder:
        path = folder / "shocpp.sqlite3"
        shutil.copy(emptied_home.database, path)
        emptied_home.environment["SHOCPP_DATABASE"] = str(path)
        # The copy gets half of the room that it needs.
        (folder / "other").write_bytes(bytes(shutil.disk_usage(folder).free - 200_000))
        with pytest.raises(StoreUnavailable, match="see free space"):
            compact(emptied_home.settings, progress)
        assert sorted(file.name for file in folder.iterdir()) == ["other", path.name]
        shutil.copy(path, emptied_home.database)
    assert content(emptied_home) == before


def test_without_a_database_none_is_made(home: Home) -> None:
    done = home.run("shocpp", "compact")
    assert done.returncode != 0
    assert "there is no database" in done.stderr
    assert not home.database.exists()


def test_a_damaged_database_stays_as_it_is(emptied_home: Home) -> None:
    fill(emptied_home.database, 1)
    with open(emptied_home.database, "r+b") as file:
        # The root page of an index, somewhere among the used ones.
        (page,) = emptied_home.query(
            "SELECT rootpage FROM sqlite_master WHERE name = 'accounting_record_of_month'"
        )
        file.seek((page[0] - 1) * 4096)
        file.write(bytes(4096))
    before = emptied_home.database.read_bytes()
    done = emptied_home.run("shocpp", "compact")
    assert done.returncode != 0
    assert "is damaged" in done.stderr
    # Only the version of its journal differs, if at all.
    after = emptied_home.database.read_bytes()
    assert after[100:] == before[100:]


def test_a_process_that_has_waited_for_the_lock_does_not_use_the_former_file(
    emptied_home: Home,
) -> None:
    # It has opened the file, and reads it for the first time after the compaction.
    waiting = sqlite3.connect(emptied_home.database)
    former = os.open(emptied_home.database, os.O_RDONLY)
    assert emptied_home.run("shocpp", "compact").returncode == 0
    # The version of the former file is no longer that of any program.
    assert os.pread(former, 4, 60) == bytes(4)
    os.close(former)
    waiting.close()


def test_whatever_step_it_is_killed_at_the_database_is_whole(
    emptied_home: Home, tmp_path: Path
) -> None:
    before = content(emptied_home)
    strace, trace = needs("strace"), tmp_path / "trace"

    def copied(name: str) -> Home:
        home = Home(tmp_path / name)
        shutil.copytree(emptied_home.database.parent, home.database.parent)
        return home

    whole = copied("whole")
    done = whole.run(strace, "-f", "-e", f"trace={CHANGES}", "-o", str(trace), *COMPACT)
    assert done.returncode == 0, done.stderr
    called = re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.MULTILINE)
    steps = [(call, called[: at + 1].count(call)) for at, call in enumerate(called)]
    (renamed,) = (at for at, (call, _) in enumerate(steps) if call.startswith("rename"))
    near = steps[renamed - 2 : renamed + 4]
    # Each only once: the copy of a step has its name.
    chosen = dict.fromkeys(steps if EVERY_STEP else [*near, *steps[:: len(steps) // SAMPLE]])

    def is_large_when_killed_at(step: tuple[str, int]) -> bool:
        home, (call, when) = copied(f"{step}"), step
        fault = f"inject={call}:signal=KILL:when={when}"
        killed = home.run(
            *(strace, "-f", "-e", f"trace={CHANGES}", "-e", fault, "-o", os.devnull, *COMPACT)
        )
        assert killed.returncode in (-signal.SIGKILL, 0), killed.stderr
        is_large = home.database.stat().st_size > 1_000_000
        migrate(home.database, now_ms())
        assert content(home) == before, step
        compact(home.settings, progress)
        assert content(home) == before, step
        assert files(home) == ["shocpp.sqlite3"], step
        return is_large

    with ThreadPoolExecutor(2) as pool:
        sizes = set(pool.map(is_large_when_killed_at, chosen))
    # Some were killed before the copy took its place, and some after.
    assert sizes == {True, False}


def test_check_names_free_pages_that_are_worth_a_compaction(emptied_home: Home) -> None:
    assert "free pages" not in check(emptied_home).stdout
    fill(emptied_home.database, 60)
    checked = check(emptied_home).stdout
    assert "shocpp.sqlite3 are free pages;" in checked
    assert "shocpp compact" in checked
    assert emptied_home.run("shocpp", "compact").returncode == 0
    assert "free pages" not in check(emptied_home).stdout
