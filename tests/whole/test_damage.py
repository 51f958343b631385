"""A database that is damaged, or that loses its -wal, while it is served and at a start.

Damage is told with its remedy; nothing loops, nothing goes on as if nothing was, and a database is
never worse afterwards.
"""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.world.connections import close_code
from tests.world.faults import (
    START,
    STOP,
    as_root,
    ask,
    assert_booked_once,
    connect,
    healthz,
    not_allowed_here,
    refusal,
)
from tests.world.home import Home
from tests.world.machine import needs, wait_for
from tests.world.queued_charger import AVAILABLE
from tests.world.server import Server

Serve = Callable[..., Server]

NOT_UTF8 = "CAST(x'676fff' AS TEXT)"


def change(home: Home, *statements: str) -> None:
    """Change the database as a person does, with another program."""
    with contextlib.closing(sqlite3.connect(home.database, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def failed_start(home: Home) -> tuple[int, str]:
    """Return the exit code and the only line of a listener that does not start."""
    ended = home.run("shocpp-listener", env={"WS_PORT": "0"})
    assert (ended.stdout, ended.stderr.count("\n")) == ("", 1), ended.stderr
    return ended.returncode, ended.stderr


def deaths(server: Server) -> int:
    """Return the number of workers that have ended."""
    return server.log().count("Booting worker") - len(server.workers())


# --- text that is not UTF-8, and other damage ---


def test_a_text_that_is_not_utf8_is_damage_while_serving(server: Server) -> None:
    """The writer's first read of it makes the writer unhealthy; no process dies of it."""
    home = server.home
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
        change(home, f"UPDATE started_transaction SET id_tag = {NOT_UTF8}")
        with pytest.raises(ConnectionClosed):
            ask(charger, "StopTransaction", STOP)
    status, sentence = healthz(server)
    assert (status, sentence.count("\n")) == (503, 1)
    assert "a text in column 'id_tag' is not UTF-8" in sentence
    assert "restore a backup" in sentence
    assert "shocpp rebuild" in sentence
    assert refusal(server) == (503, 10)
    time.sleep(2.5)
    assert healthz(server)[0] == 503
    assert deaths(server) == 0
    assert "Traceback" not in server.log()


def test_a_text_that_is_not_utf8_is_a_sentence_of_every_command(home: Home) -> None:
    home.run("shocpp", "migrate")
    change(home, f"INSERT INTO account VALUES (2, {NOT_UTF8})")
    for command in (["transactions"], ["charge-points"], ["review"], ["check"]):
        ended = home.run("shocpp", *command)
        assert "Traceback" not in ended.stderr
        assert ended.returncode in (0, 1, 78), (command, ended)
    ended = home.run("shocpp-backend", "-c", "garage", stdin="")
    assert "Traceback" not in ended.stderr
    code, line = failed_start(home)
    assert (code, "not UTF-8" in line, "shocpp rebuild" in line) == (78, True, True)


@pytest.mark.parametrize("table", ["started_transaction", "property"])
def test_a_flipped_byte_of_the_schema_is_78_at_a_start(home: Home, table: str) -> None:
    home.run("shocpp", "migrate")
    content = home.database.read_bytes()
    home.database.write_bytes(
        content.replace(f"CREATE TABLE {table} ".encode(), f"CREATE TABLF {table} ".encode())
    )
    code, line = failed_start(home)
    assert code == 78
    assert "is damaged" in line
    assert "shocpp rebuild" in line


def test_a_damaged_file_that_came_while_serving_may_be_replaced_by_a_whole_one(
    server: Server,
) -> None:
    home = server.home
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
    whole, broken = home.folder / "whole", home.folder / "broken"
    assert home.run("shocpp", "backup", str(whole)).returncode == 0
    broken.write_bytes(whole.read_bytes().replace(b"CREATE TABLE worker ", b"CREATE TABLF worker "))
    for path in beside(home, "", "-wal", "-shm"):
        path.rename(home.folder / f"aside{path.suffix}")
    for path in (broken, whole):
        path.replace(home.database)
        wait_for(lambda is_whole=path == whole: healthz(server)[0] == (200 if is_whole else 503))
    with connect(server.url("garage")) as charger:
        assert ask(charger, "StopTransaction", STOP) == {}
    assert_booked_once(home)


# --- an unexpected error of the writer ---


def test_a_writer_that_fails_twice_becomes_unhealthy_and_its_process_stays(server: Server) -> None:
    """A doorbell with a NUL is neither the disk's fault nor a lock's, and text that is UTF-8."""
    home = server.home
    (worker,) = server.workers()
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
    begin = len(server.log())
    change(
        home,
        "INSERT INTO worker (worker, bell, pid, started_ms, watching)"
        " VALUES ('w', CAST(x'6100' AS TEXT), 1, 1, 1)",
    )
    with connect(server.url("garage")) as charger:
        # Its name may not be written either.
        with contextlib.suppress(ConnectionClosed):
            charger.send(json.dumps([2, "stop", "StopTransaction", STOP]))
        assert close_code(charger) == 1013
    # One failure is no reason to refuse anybody, a second one within a minute is: that of a poll.
    wait_for(lambda: "has failed twice (ValueError: embedded null byte)" in server.log()[begin:])
    assert healthz(server)[0] == 503
    change(home, "DELETE FROM worker WHERE worker = 'w'")
    wait_for(lambda: "sqlite3 can be written again" in server.log()[begin:])
    wait_for(lambda: healthz(server)[0] == 200)
    assert server.workers() == [worker]
    with connect(server.url("garage")) as charger:
        assert ask(charger, "StopTransaction", STOP) == {}
    assert_booked_once(home)


@pytest.mark.parametrize("column", ["payload", "action"])
def test_a_queued_call_that_is_damaged_ends_no_process(server: Server, column: str) -> None:
    home = server.home
    (worker,) = server.workers()
    with connect(server.url("garage")) as charger:
        ask(charger, "Heartbeat", {})
        wait_for(lambda: home.query("SELECT 1 FROM connection"))
        change(
            home,
            "INSERT INTO call (call_id, charge_point, action, payload, state, queued_ms,"
            " deadline_ms) VALUES ('c', 1, 'Reset', '{}', 'queued', 1, 4102444800000)",
            f"UPDATE call SET {column} = '{{\"type'",
        )
        time.sleep(2.5)
        with contextlib.suppress(ConnectionClosed):
            ask(charger, "Heartbeat", {}, "2")
    assert server.workers() == [worker]
    with connect(server.url("other")) as other:
        assert ask(other, "Heartbeat", {}).keys() == {"currentTime"}


# --- a -wal or -shm that goes ---


def beside(home: Home, *endings: str) -> list[Path]:
    return [home.database.with_name(home.database.name + ending) for ending in endings]


ENDINGS = [("-wal",), ("-shm",), ("-wal", "-shm")]


@pytest.mark.parametrize("endings", ENDINGS, ids=["wal", "shm", "both"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_removed_wal_loses_nothing_and_the_server_goes_on(
    server: Server, serve: Serve, endings: tuple[str, ...], workers: int
) -> None:
    """Every acknowledged message is in the database afterwards, and the database is whole."""
    home = server.home
    if workers == 2:
        serve()
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
    for path in beside(home, *endings):
        path.unlink()
    # Nobody sends anything: the poll notices it.
    wait_for(lambda: "was removed or replaced while in use" in server.log(), 5)
    wait_for(lambda: "sqlite3 can be written again" in server.log(), 10)
    wait_for(lambda: healthz(server) == (200, "ok\n"), 10)
    with connect(server.url("garage")) as charger:
        assert ask(charger, "StopTransaction", STOP) == {}
    assert_booked_once(home)
    assert server.stop() == 0
    assert home.query("PRAGMA integrity_check") == [("ok",)]


def test_a_stop_right_after_the_wal_has_gone_is_not_acknowledged_into_nothing(
    server: Server,
) -> None:
    home = server.home
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
        for path in beside(home, "-wal", "-shm"):
            path.unlink()
        with pytest.raises(ConnectionClosed):
            ask(charger, "StopTransaction", STOP)
    wait_for(lambda: healthz(server) == (200, "ok\n"))
    with connect(server.url("garage")) as charger:
        assert ask(charger, "StopTransaction", STOP) == {}
    server.kill()
    server.restart()
    assert_booked_once(home)


def test_a_command_makes_no_second_wal_while_the_server_uses_the_removed_one(home: Home) -> None:
    """The first process holds the database open without its -wal, as between two polls."""
    home.run("shocpp", "migrate")
    with contextlib.closing(sqlite3.connect(home.database, isolation_level=None)) as holder:
        holder.execute("INSERT INTO account VALUES (2, 'family-y')")
        for path in beside(home, "-wal", "-shm"):
            path.unlink()
        # A lock of another process counts, so the holder is the test and the command is not.
        ended = home.run("shocpp", "transactions")
        assert (ended.returncode, ended.stdout) == (1, "")
        assert "was removed or replaced while in use" in ended.stderr
        assert not any(path.exists() for path in beside(home, "-wal", "-shm"))
    assert home.query("SELECT * FROM account") == [(2, "family-y")]
    assert home.run("shocpp", "transactions").returncode == 0


@pytest.mark.parametrize("is_read", [False, True], ids=["at-once", "after-a-reader"])
def test_a_wal_that_another_program_has_written_meanwhile_is_put_aside(
    server: Server, is_read: bool
) -> None:
    """A reader of the removed one delays that: the first error is not the last."""
    home = server.home
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
    (worker,) = server.workers()
    with contextlib.closing(sqlite3.connect(home.database, isolation_level=None)) as reader:
        if is_read:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM account").fetchall()
            with connect(server.url("garage")) as charger:
                ask(charger, "StatusNotification", AVAILABLE)
        else:
            reader.close()
        os.kill(worker, signal.SIGSTOP)  # between two of its polls
        try:
            for path in beside(home, "-wal", "-shm"):
                path.unlink()
            sql = "INSERT OR REPLACE INTO property VALUES ('of_somebody', '1')"
            subprocess.run([needs("sqlite3"), home.database, sql], check=True, timeout=20)
        finally:
            os.kill(worker, signal.SIGCONT)
        if is_read:
            wait_for(lambda: "its removed -wal is still read" in server.log())
    wait_for(lambda: "is put aside as" in server.log())
    status, sentence = healthz(server)
    assert (status, "restart the server" in sentence) == (503, True)
    assert beside(home, "-wal.replaced")[0].stat().st_size
    assert server.stop() == 0
    server.restart()
    with connect(server.url("garage")) as charger:
        assert ask(charger, "StopTransaction", STOP) == {}
    assert_booked_once(home)


# --- a frozen worker that holds the write lock ---


def test_a_frozen_worker_that_holds_the_write_lock_is_replaced(serve: Serve, home: Home) -> None:
    """Its stop at a write in the middle of a commit keeps all others from writing."""
    server = serve(GUNICORN_CMD_ARGS="--workers 2")
    with contextlib.ExitStack() as stack:
        pids: dict[int, ClientConnection] = {}
        for number in range(40):
            charger = stack.enter_context(connect(server.url(f"c{number}")))
            ask(charger, "Heartbeat", {})
            wait_for(lambda name=f"c{number}": home.query(PID_OF, name))
            pids[home.query(PID_OF, f"c{number}")[0][0]] = charger
            if len(pids) == 2:
                break
        (frozen, of_frozen), (living, _) = pids.items()
        tracer = stack.enter_context(stopping_in_commit(frozen))
        of_frozen.send(json.dumps([2, "start", "StartTransaction", START]))
        wait_for(lambda: " T" in state_of(frozen) or " t" in state_of(frozen))
        begun = time.monotonic()
        wait_for(lambda: frozen not in server.workers(), 40)
        tracer.terminate()
        wait_for(lambda: living in server.workers() and healthz(server) == (200, "ok\n"))
        assert time.monotonic() - begun < 25
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
        assert ask(charger, "StopTransaction", STOP) == {}
    assert_booked_once(home)


PID_OF = """
    SELECT pid FROM worker JOIN connection USING (worker)
    JOIN charge_point ON charge_point.id = charge_point WHERE charge_point_id = ?"""


def state_of(pid: int) -> str:
    """Return the state of a process, as /proc has it."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    return ""


@contextlib.contextmanager
def stopping_in_commit(pid: int) -> Iterator[subprocess.Popen[str]]:
    """The next write of a process to a -wal begins with a SIGSTOP to it."""
    trace = [*as_root(), needs("strace"), "-f", "-p", str(pid), "-o", os.devnull]
    inject = ["-e", "trace=pwrite64", "-e", "inject=pwrite64:signal=SIGSTOP:when=1"]
    with subprocess.Popen([*trace, *inject], stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr
        if "attached" not in (line := tracer.stderr.readline()):
            not_allowed_here(line.strip())
        try:
            yield tracer
        finally:
            tracer.terminate()


# --- a disk that is not mounted ---


@pytest.mark.parametrize("link", ["db", "db/shocpp.sqlite3"])
def test_a_link_that_leads_nowhere_is_78_and_makes_no_database(home: Home, link: str) -> None:
    path = home.folder / link
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(home.folder / "not mounted" / path.name)
    code, line = failed_start(home)
    assert (code, f"{path} is a link to" in line, "mount its disk" in line) == (78, True, True)
    assert home.run("shocpp", "migrate").returncode == 78
    assert not (home.folder / "not mounted").exists()


def test_a_missing_folder_outside_of_the_home_folder_is_78(home: Home) -> None:
    elsewhere = home.folder.parent / "disk" / "shocpp.sqlite3"
    home.environment["SHOCPP_DATABASE"] = str(elsewhere)
    code, line = failed_start(home)
    assert code == 78
    assert f"the folder {elsewhere.parent} does not exist; mount its disk" in line
    assert not elsewhere.parent.exists()


def test_a_lost_database_is_told_at_the_start_where_records_are(server: Server) -> None:
    home = server.home
    with connect(server.url("garage")) as charger:
        ask(charger, "StartTransaction", START)
        ask(charger, "StopTransaction", STOP)
    wait_for(home.record_files)
    assert server.stop() == 0
    begin = len(server.log())
    for path in beside(home, "", "-wal", "-shm"):
        path.unlink(missing_ok=True)
    server.restart()
    log = server.log()[begin:]
    assert "LOST? the books are empty; if the database was lost, stop the server" in log
    assert "did not exist and is new and empty, but there are accounting files" in log
    assert log.count("shocpp rebuild") == 2
    assert "are not in the books" in home.run("shocpp", "check").stdout
