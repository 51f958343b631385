"""A database that is a link to a file on another disk: its -wal and -shm are beside that file."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from shocpp.clock import now_ms
from shocpp.store.schema.migrations import migrate
from tests.world.faults import START, STOP, ask, assert_booked_once, connect, healthz
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server
from tests.world.visits import EVENING, MORNING, say, start, stop, sums


@pytest.fixture
def books(home: Home, tmp_path: Path) -> Path:
    """Return the file of the home's database, which is a link to it."""
    books = tmp_path / "disk" / "books"
    migrate(books, now_ms())
    home.database.parent.mkdir(exist_ok=True)
    home.database.symlink_to(books)
    return books


def test_several_processes_use_it_and_its_removed_wal_is_noticed(
    books: Path, server: Server
) -> None:
    home = server.home
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
        listed = home.run("shocpp", "charge-points")
        assert (listed.returncode, "garage" in listed.stdout) == (0, True), listed.stderr
    for ending in ("-wal", "-shm"):
        books.with_name(books.name + ending).unlink()
    wait_for(lambda: "was removed or replaced while in use" in server.log(), 5)
    wait_for(lambda: healthz(server) == (200, "ok\n"), 10)
    with connect(server.url("garage")) as charger:
        assert ask(charger, "StopTransaction", STOP) == {}
    assert_booked_once(home)


def test_a_rebuild_reads_its_wal_and_leaves_the_link(books: Path, home: Home) -> None:
    with contextlib.closing(sqlite3.connect(books)) as db:
        # Another open connection keeps the last one of a command from removing the -wal.
        db.execute("SELECT count(*) FROM frame").fetchone()
        say(home, start(1_000, MORNING), stop(5_000, EVENING))
        for path in home.record_files():
            path.unlink()
        kept = books.with_name("books-wal").read_bytes()
    books.with_name("books-wal").write_bytes(kept)
    with open(books, "r+b") as file:
        file.write(bytes(100))
    done = home.run("shocpp", "rebuild")
    assert done.returncode == 0, done.stderr
    assert sums(home) == {"family-y": 4_000}
    assert home.database.readlink() == books


def test_a_restore_and_a_derived_ledger_leave_the_link(books: Path, home: Home) -> None:
    say(home, start(1_000, MORNING), stop(5_000, EVENING))
    archive = home.folder.parent / "backup.zip"
    for command in (["backup", str(archive)], ["restore", str(archive)], ["rebuild", "--frames"]):
        done = home.run("shocpp", *command)
        assert done.returncode == 0, done.stderr
        assert home.database.readlink() == books
        assert sums(home) == {"family-y": 4_000}
    assert sorted(path.name[:8] for path in books.parent.iterdir() if path.suffix != "") == [
        "books.20",
        "books.20",
    ]


def test_nothing_replaces_a_link_that_leads_nowhere(books: Path, home: Home) -> None:
    say(home, start(1_000, MORNING), stop(5_000, EVENING))
    archive = home.folder.parent / "backup.zip"
    assert home.run("shocpp", "backup", str(archive)).returncode == 0
    books.parent.rename(books.parent.with_name("not mounted"))
    for command in (["restore", str(archive)], ["rebuild"]):
        done = home.run("shocpp", *command)
        assert (done.returncode, "mount its disk" in done.stderr) == (78, True), done.stderr
    assert home.database.readlink() == books
    assert not books.parent.exists()
