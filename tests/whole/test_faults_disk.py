"""Disks that are full, that fail, that are read-only, or that hold something else.

Neither acknowledge nor refuse: hang up, answer handshakes 503 until a probe can be written, keep
answering the heartbeats of others; and serve on without a restart when the disk is well again.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.world.connections import close_code
from tests.world.faults import (
    BOOT,
    DAY,
    START,
    STOP,
    ask,
    assert_booked_once,
    assert_each_record_has_its_file,
    connect,
    failing,
    frame,
    full,
    healthz,
    refusal,
    remount,
    small_disk,
)
from tests.world.home import Home
from tests.world.machine import free_port, wait_for
from tests.world.server import Server

Serve = Callable[..., Server]


def weather(
    server: Server, fault: AbstractContextManager[None], *, is_written: bool = False
) -> None:
    """A stop comes while nothing can be written; it is booked once when something can.

    If only the sync fails, it `is_written` before, but not acknowledged.
    """
    with connect(server.url("garage")) as charger, connect(server.url("other")) as other:
        ask(charger, "BootNotification", BOOT)
        ask(other, "Heartbeat", {})
        ask(charger, "StartTransaction", START)
        with fault:
            charger.send(json.dumps([2, "stop", "StopTransaction", STOP]))
            assert close_code(charger) == 1013
            assert refusal(server) == (503, 10)
            status, told = healthz(server)
            assert (status, told.count("\n")) == (503, 1)
            assert str(server.home.database) in told
            for number in range(5):
                begun = time.monotonic()
                assert ask(other, "Heartbeat", {}, f"{number}").keys() == {"currentTime"}
                assert time.monotonic() - begun < 1
                time.sleep(0.1)
            assert server.home.query("SELECT count(*) FROM accounting") == [(is_written,)]
        wait_for(lambda: refusal(server) is None)
        assert healthz(server) == (200, "ok\n")
        assert ask(other, "Heartbeat", {}, "after").keys() == {"currentTime"}
    with connect(server.url("garage")) as charger:
        assert ask(charger, "StopTransaction", STOP, "again") == {}
    assert_booked_once(server.home)


@pytest.mark.parametrize(
    "fault",
    [
        "fdatasync:error=EIO",
        "pwrite64:error=ENOSPC",
        "pwrite64:error=EROFS",
        "pwrite64:error=EIO",
        "pwrite64:retval=0",
    ],
)
def test_a_disk_that_fails_costs_no_energy_and_no_restart(server: Server, fault: str) -> None:
    weather(server, failing(server, fault), is_written=fault.startswith("fdatasync"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk, which outlives the server on it."""
    with small_disk(tmp_path / "disk", "3m") as folder:
        yield folder


@pytest.fixture
def small_home(disk: Path) -> Home:
    """A home that is on the small disk."""
    return Home(disk / "home")


@pytest.fixture
def small_server(small_home: Home) -> Iterator[Server]:
    """A running server in it."""
    server = Server(small_home)
    yield server
    server.kill()


def test_a_full_disk_costs_no_energy_and_no_restart(disk: Path, small_server: Server) -> None:
    weather(small_server, full(disk))


def test_a_full_disk_at_the_start_is_one_sentence_and_leaves_nothing_half_made(
    disk: Path, small_home: Home
) -> None:
    with full(disk):
        ended = small_home.run("shocpp-listener", env={"WS_PORT": str(free_port())})
        assert (ended.returncode, ended.stderr.count("\n")) == (78, 1), ended.stderr
        assert str(small_home.folder) in ended.stderr
        assert not small_home.database.exists()
    told = small_home.run("shocpp-backend", "-c", "garage", stdin=frame("1", DAY[0])).stdout
    assert "Accepted" in told


def test_a_read_only_disk_at_the_start_is_one_sentence(disk: Path, small_home: Home) -> None:
    said = "".join(frame(f"{n}", call) for n, call in enumerate(DAY))
    small_home.run("shocpp-backend", "-c", "garage", stdin=said)
    remount(disk, "ro")
    for command in ("shocpp-listener", "shocpp-backend"):
        ended = small_home.run(command, stdin=said, env={"WS_PORT": str(free_port())})
        assert (ended.returncode, ended.stdout) == (78, "")
        assert str(small_home.database) in ended.stderr
        assert ended.stderr.count("\n") == 1
    remount(disk, "rw")
    small_home.run("shocpp-backend", "-c", "garage", stdin=said)
    assert_booked_once(small_home)


def test_a_full_accounting_disk_stops_nobody_and_its_files_are_written_later(
    home: Home, serve: Serve, disk: Path
) -> None:
    server = serve(SHOCPP_ACCOUNTINGDIR=str(disk))
    (home.folder / "accounting").symlink_to(disk)
    with full(disk), connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
        assert ask(charger, "StopTransaction", STOP) == {}
        wait_for(lambda: "record files cannot be written now" in server.log())
        assert healthz(server) == (200, "ok\n")
        assert home.record_files() == []
    with connect(server.url("garage")) as charger:
        begun = ask(charger, "StartTransaction", START | {"meterStart": 9_075_000})
        transaction = {"transactionId": begun["transactionId"], "meterStop": 9_076_000}
        ask(charger, "StopTransaction", STOP | transaction)
    wait_for(lambda: len(home.record_files()) == 2)
    assert_each_record_has_its_file(home)


def flip_the_header(file: Path) -> None:
    """One byte of SQLite's format number."""
    content = bytearray(file.read_bytes())
    content[18] ^= 0xFF
    file.write_bytes(content)


def overwrite_pages(file: Path) -> None:
    """All but the header is garbage."""
    file.write_bytes(file.read_bytes()[:100] + b"garbage!" * 8192)


def put_another_there(file: Path) -> None:
    """The database of another program."""
    file.unlink()
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE photo (name TEXT)")


@pytest.mark.parametrize("command", ["shocpp-backend", "shocpp-listener", "shocpp-summary 2026 10"])
@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (flip_the_header, "damaged or no SQLite database"),
        (overwrite_pages, "damaged or no SQLite database"),
        (lambda file: file.write_bytes(b""), "empty|not a database of shocpp"),
        (put_another_there, "is not a database of shocpp"),
    ],
    ids=["a flipped byte", "garbage", "empty", "foreign"],
)
def test_what_is_no_database_of_ours_is_refused_in_one_sentence_and_left_as_it_is(
    home: Home, harm: Callable[[Path], object], told: str, command: str
) -> None:
    home.run("shocpp", "migrate")
    harm(home.database)
    before = home.database.read_bytes()
    said = frame("1", DAY[1])
    ended = home.run(*command.split(), stdin=said, env={"WS_PORT": str(free_port())})
    assert (ended.returncode, ended.stdout) == (78, "")
    assert any(sentence in ended.stderr for sentence in told.split("|"))
    assert str(home.database) in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert home.database.read_bytes() == before
