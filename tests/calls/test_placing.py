"""Calls with an unusual end: strange answers, killed processes, and several callers."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from tests.world.charger import Charger
from tests.world.commands import command, refused
from tests.world.connections import BOOT, ask, close_code, is_connected
from tests.world.connections import connect as connect_websocket
from tests.world.home import Home
from tests.world.machine import BIN, wait_for
from tests.world.server import Server

Run = subprocess.CompletedProcess[str]
SOFT = '{"type": "Soft"}'


@pytest.fixture
def callers() -> Iterator[Callable[..., Future[Run]]]:
    """Return a function that starts shocpp-command in the background; `result` awaits its end."""
    with ThreadPoolExecutor(8) as pool:
        yield lambda home, *arguments: pool.submit(command, home, *arguments)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start one server for the tests that do not kill it."""
    server = Server(Home(tmp_path_factory.mktemp("town") / "home"))
    yield server
    server.kill()


@pytest.fixture
def shared_server(shared: Server) -> Server:
    """Return the shared server, without a charger and without a Call."""
    home = shared.home
    wait_for(lambda: not home.query("SELECT id FROM charge_points WHERE connected"))
    with contextlib.closing(sqlite3.connect(home.database, timeout=10)) as db, db:
        db.execute("DELETE FROM call")
    return shared


@contextlib.contextmanager
def booted(server: Server, name: str = "garage") -> Iterator[ClientConnection]:
    """Open the bare connection of a charger that has booted; the test sends all frames."""
    with connect_websocket(server.url(name)) as charger:
        ask(charger, "BootNotification", BOOT)
        yield charger


def asked(charger: ClientConnection) -> tuple[str, str]:
    """Return the unique id and the action of the next Call."""
    kind, unique_id, action, _ = json.loads(charger.recv(10))
    assert kind == 2
    return unique_id, action


def answer(charger: ClientConnection, unique_id: str, **confirmation: Any) -> None:
    """Send a CallResult."""
    charger.send(json.dumps([3, unique_id, confirmation]))


def assert_nothing_else_comes(charger: ClientConnection, unique_id: str) -> None:
    """Assert that the answer to a Heartbeat comes next, so that nothing else was sent."""
    charger.send(json.dumps([2, unique_id, "Heartbeat", {}]))
    assert json.loads(charger.recv(10))[:2] == [3, unique_id]


def states(home: Home) -> list[str]:
    """Return the state of every Call, oldest first."""
    return [state for (state,) in home.query("SELECT state FROM call ORDER BY id")]


def is_out(home: Home) -> bool:
    """Return True if a Call was sent and waits for its answer."""
    return "sent" in states(home)


# --- strange answers ---


def test_a_late_answer_settles_nothing(
    shared_server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with booted(shared_server) as charger:
        late = callers(shared_server.home, "-t", "0.4", "Reset", SOFT)
        late_id, _ = asked(charger)
        refused(late.result(), 1)
        answer(charger, late_id, status="Accepted")
        current = callers(shared_server.home, "ClearCache")
        current_id, action = asked(charger)
        answer(charger, late_id, status="Accepted")
        answer(charger, current_id, status="Rejected")
        assert (action, current.result().stdout) == ("ClearCache", '{"status": "Rejected"}\n')
    assert states(shared_server.home) == ["expired", "answered"]


def test_an_answer_counts_by_its_unique_id_only_and_only_once(
    shared_server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with booted(shared_server) as charger:
        first = callers(shared_server.home, "Reset", SOFT)
        unique_id, _ = asked(charger)
        answer(charger, "another", status="Rejected")
        charger.send(json.dumps([4, 7, "InternalError", "", {}]))
        answer(charger, unique_id, status="Accepted")
        answer(charger, unique_id, status="Rejected")
        assert first.result().stdout == '{"status": "Accepted"}\n'
        second = callers(shared_server.home, "ClearCache")
        second_id, _ = asked(charger)
        answer(charger, unique_id, status="Rejected")
        answer(charger, second_id, status="Accepted", note="second")
        assert json.loads(second.result().stdout)["note"] == "second"
        answers = shared_server.home.query("SELECT confirmation ->> 'status' FROM call")
        assert answers == [("Accepted",), ("Accepted",)]


@pytest.mark.parametrize(
    "frame",
    [
        '[3,"ID","Accepted"]',
        '[3,"ID",7]',
        '[3,"ID",[{"status":"Accepted"}]]',
        '[3,"ID",{"status":"Accep',
        '[3,"ID",{"status":"Accepted"}',
        "[3]",
        '[4,"ID"]',
        '[4,"ID",null,null]',
        '[4,"ID","","",{}]',
        '[4,"ID",["a","b"],{"c":"d\\n"},7]',
    ],
)
def test_an_unreadable_answer_is_reported_in_one_line(
    shared_server: Server, callers: Callable[..., Future[Run]], frame: str
) -> None:
    with booted(shared_server) as charger:
        waiting = callers(shared_server.home, "-t", "0.3", "Reset", SOFT)
        charger.send(frame.replace("ID", asked(charger)[0]))
        refused(waiting.result(), 1)
        # The worker settles it at the deadline of the caller, who may come first.
        wait_for(lambda: states(shared_server.home)[-1] in ("refused", "expired"))
        assert_nothing_else_comes(charger, "still there")


@pytest.mark.parametrize(
    "value", ['"\\ud800"', '"\\u0000\\n\\u001b[2J"', "9" * 5_000, "1e400", "[" * 80 + "]" * 80]
)
def test_a_strange_value_in_a_confirmation_is_printed_as_json_on_one_line(
    shared_server: Server, callers: Callable[..., Future[Run]], value: str
) -> None:
    with booted(shared_server) as charger:
        waiting = callers(shared_server.home, "-t", "0.3", "GetConfiguration")
        charger.send(f'[3,"{asked(charger)[0]}",{{"strange":{value}}}]')
        run = waiting.result()
        if run.returncode == 0:
            assert run.stdout.count("\n") == 1
            assert "\x1b" not in run.stdout
            assert json.loads(run.stdout.replace("9" * 5_000, "9")).keys() == {"strange"}
        else:
            refused(run, 1)
        assert_nothing_else_comes(charger, "still there")


# --- killed processes while a Call is outstanding ---


def test_a_worker_killed_while_a_call_is_outstanding_leaves_it_unknown_and_wakes_the_caller(
    server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with booted(server) as charger:
        waiting = callers(server.home, "-t", "20", "Reset", SOFT)
        unique_id, _ = asked(charger)
        (worker,) = server.workers()
        killed_at = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        error_text = refused(waiting.result(), 1)
        assert time.monotonic() - killed_at < 3
    assert "outcome unknown" in error_text
    assert states(server.home) == ["unknown"]
    wait_for(lambda: [pid for pid in server.workers() if pid != worker])
    with booted(server) as charger:
        answer(charger, unique_id, status="Accepted")
        assert_nothing_else_comes(charger, "not sent again")
        time.sleep(1.1)  # one poll of the switchboard
        assert_nothing_else_comes(charger, "nor later")
    assert states(server.home) == ["unknown"]


def test_a_server_killed_while_a_call_is_outstanding_never_sends_it_again(
    server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with booted(server) as charger:
        waiting = callers(server.home, "-t", "20", "Reset", SOFT)
        asked(charger)
        killed_at = time.monotonic()
        server.kill()
        assert "outcome unknown" in refused(waiting.result(), 1)
        assert time.monotonic() - killed_at < 3
    assert refused(command(server.home, "-c", "garage", "ClearCache"), 1).startswith(
        "OCPP unreachable."
    )
    server.restart()
    with booted(server) as charger:
        assert_nothing_else_comes(charger, "not sent again")
    assert states(server.home) == ["unknown"]


def test_a_server_killed_with_the_caller_settles_the_call_after_its_restart(
    server: Server,
) -> None:
    with booted(server) as charger:
        caller = subprocess.Popen(
            [BIN / "shocpp-command", "-t", "60", "Reset", SOFT],
            env=server.home.environment,
            stdout=subprocess.DEVNULL,
        )
        asked(charger)
        caller.kill()
        caller.wait()
        server.kill()
    assert states(server.home) == ["sent"]
    server.restart()
    wait_for(lambda: states(server.home) == ["unknown"])
    with booted(server) as charger:
        assert_nothing_else_comes(charger, "not sent again")


def test_a_charger_that_disconnects_while_a_call_is_outstanding_leaves_it_unknown(
    shared_server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with booted(shared_server) as charger:
        waiting = callers(shared_server.home, "-t", "20", "ClearCache")
        unique_id, _ = asked(charger)
    error_text = refused(waiting.result(), 1)
    assert error_text.startswith("outcome unknown: it was sent, then the connection ended")
    with booted(shared_server) as charger:
        answer(charger, unique_id, status="Accepted")
        assert_nothing_else_comes(charger, "not sent again")
    assert states(shared_server.home) == ["unknown"]


def test_a_newer_connection_does_not_settle_a_call_of_the_older_one(
    shared_server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with booted(shared_server) as older:
        waiting = callers(shared_server.home, "-t", "20", "ClearCache")
        unique_id, _ = asked(older)
        with booted(shared_server) as newer:
            answer(newer, unique_id, status="Accepted")
            assert close_code(older) == 1008
            assert "outcome unknown" in refused(waiting.result(), 1)
            assert_nothing_else_comes(newer, "not sent again")
    assert states(shared_server.home) == ["unknown"]


def test_a_stopped_server_does_not_keep_callers_waiting(
    server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with booted(server) as charger, connect_websocket(server.url("mute")) as mute:
        ask(mute, "Heartbeat", {})
        out = callers(server.home, "-t", "20", "-c", "garage", "Reset", SOFT)
        asked(charger)
        behind = callers(server.home, "-t", "20", "-c", "mute", "Reset", SOFT)
        wait_for(lambda: len(states(server.home)) == 2)
        stopped_at = time.monotonic()
        assert server.stop() == 0
        assert "outcome unknown" in refused(out.result(), 1)
        assert "never sent" in refused(behind.result(), 1)
        assert time.monotonic() - stopped_at < 3
    assert states(server.home) == ["unknown", "expired"]


def test_a_hanging_worker_costs_the_caller_its_timeout_and_sends_nothing_afterwards(
    server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with booted(server) as charger:
        # A worker that is stopped in the middle of a write would keep the database locked.
        time.sleep(0.3)
        (worker,) = server.workers()
        os.kill(worker, signal.SIGSTOP)
        try:
            asked_at = time.monotonic()
            error_text = refused(command(server.home, "-t", "1", "Reset", SOFT), 1)
            assert time.monotonic() - asked_at < 2
        finally:
            os.kill(worker, signal.SIGCONT)
        assert error_text.startswith("OCPP unreachable. No answer in 1 s: it was never sent")
        assert_nothing_else_comes(charger, "not sent afterwards")
        time.sleep(1.1)  # one poll of the switchboard
        assert_nothing_else_comes(charger, "nor later")
    assert states(server.home) == ["expired"]


def test_a_locked_database_is_reported_in_one_line(
    server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with booted(server) as charger:
        out = callers(server.home, "-t", "1", "Reset", SOFT)
        unique_id, _ = asked(charger)
        with contextlib.closing(sqlite3.connect(server.home.database)) as other:
            other.execute("BEGIN IMMEDIATE")
            # This answer cannot be written: the database is locked.
            answer(charger, unique_id, status="Accepted")
            error_text = refused(command(server.home, "-t", "1", "ClearCache"), 1)
            refused(out.result(), 1)
            other.execute("ROLLBACK")
        assert str(server.home.database) in error_text
        assert "locked" in error_text
        # One row only: ClearCache was never queued.
        wait_for(lambda: states(server.home) == ["expired"])
        assert_nothing_else_comes(charger, "nor sent")


# --- when it may go out ---


def test_a_call_for_a_charger_that_has_not_booted_expires_and_is_not_sent_later(
    shared_server: Server,
) -> None:
    with connect_websocket(shared_server.url("new-box")) as charger:
        ask(charger, "Heartbeat", {})
        error_text = refused(command(shared_server.home, "-t", "0.5", "Reset", SOFT), 1)
        assert error_text.startswith("OCPP unreachable. No answer in 0.5 s: it was never sent")
        ask(charger, "BootNotification", BOOT, "2")
        assert_nothing_else_comes(charger, "not sent later")
    assert states(shared_server.home) == ["expired"]


def test_a_call_waits_for_the_answer_to_the_boot_notification(
    shared_server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with connect_websocket(shared_server.url("newer-box")) as charger:
        ask(charger, "Heartbeat", {})
        waiting = callers(shared_server.home, "Reset", SOFT)
        wait_for(lambda: states(shared_server.home) == ["queued"])
        assert_nothing_else_comes(charger, "still quiet")
        ask(charger, "BootNotification", BOOT, "2")
        answer(charger, asked(charger)[0], status="Accepted")
        assert waiting.result().returncode == 0


def test_each_of_several_callers_gets_its_own_answer_in_the_order_of_the_calls(
    shared_server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with booted(shared_server) as charger:
        waiting = []
        for number in range(4):
            key = json.dumps({"key": [f"key {number}"]})
            waiting.append(callers(shared_server.home, "-t", "20", "GetConfiguration", key))
            wait_for(lambda: len(states(shared_server.home)) == len(waiting))
        for number in range(4):
            unique_id, _ = asked(charger)
            assert_nothing_else_comes(charger, f"only one at a time {number}")
            assert states(shared_server.home)[number:] == ["sent"] + ["queued"] * (3 - number)
            answer(charger, unique_id, unknownKey=[f"answer {number}"])
        for number, caller in enumerate(waiting):
            assert json.loads(caller.result().stdout) == {"unknownKey": [f"answer {number}"]}


def test_calls_of_one_poll_go_out_in_the_order_they_were_queued(
    server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with booted(server) as charger:
        # A worker that is stopped in the middle of a write would keep the database locked.
        time.sleep(0.3)
        (worker,) = server.workers()
        os.kill(worker, signal.SIGSTOP)
        try:
            waiting = []
            for number in range(3):
                key = json.dumps({"key": [str(number)]})
                waiting.append(callers(server.home, "-t", "20", "GetConfiguration", key))
                wait_for(lambda: len(states(server.home)) == len(waiting))
        finally:
            os.kill(worker, signal.SIGCONT)
        for number in range(3):
            _, unique_id, _, payload = json.loads(charger.recv(10))
            assert payload == {"key": [str(number)]}
            answer(charger, unique_id)
        assert [caller.result().stdout for caller in waiting] == ["{}\n"] * 3


def test_a_silent_charger_does_not_delay_the_calls_of_others(
    shared_server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with (
        Charger(shared_server, "silent", Reset=None).boot() as silent,
        Charger(shared_server, "quick").boot(),
    ):
        out = callers(shared_server.home, "-t", "20", "-c", "silent", "Reset", SOFT)
        wait_for(lambda: is_out(shared_server.home))
        assert command(shared_server.home, "-c", "quick", "Reset", SOFT).returncode == 0
        assert is_out(shared_server.home)
        silent.send([3, silent.call_ids[0], {"status": "Accepted"}])
        assert out.result().returncode == 0


def test_a_call_behind_an_unanswered_one_goes_out_when_that_has_expired(
    shared_server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with Charger(shared_server, "garage", Reset=None).boot() as charger:
        first = callers(shared_server.home, "-t", "0.7", "Reset", SOFT)
        wait_for(lambda: is_out(shared_server.home))
        assert command(shared_server.home, "ClearCache").returncode == 0
        refused(first.result(), 1)
        assert [action for action, _ in charger.calls] == ["Reset", "ClearCache"]
    assert states(shared_server.home) == ["expired", "answered"]


def test_a_caller_that_gives_up_while_queued_is_not_served_later(
    shared_server: Server, callers: Callable[..., Future[Run]]
) -> None:
    with Charger(shared_server, "garage", Reset=None).boot() as charger:
        first = callers(shared_server.home, "-t", "20", "Reset", SOFT)
        wait_for(lambda: is_out(shared_server.home))
        assert "never sent" in refused(command(shared_server.home, "-t", "0.3", "ClearCache"), 1)
        charger.send([3, charger.call_ids[0], {"status": "Accepted"}])
        assert first.result().returncode == 0
        charger.ask("Heartbeat")
        assert [action for action, _ in charger.calls] == ["Reset"]


def test_calls_reach_chargers_of_any_worker(
    serve: Callable[..., Server],
) -> None:
    server = serve(GUNICORN_CMD_ARGS="--workers 2")
    names = [f"c{number}" for number in range(8)]
    with contextlib.ExitStack() as stack:
        chargers = [
            stack.enter_context(Charger(server, name, Reset={"status": name}).boot())
            for name in names
        ]
        with ThreadPoolExecutor(4) as pool:
            runs = pool.map(lambda name: command(server.home, "-c", name, "Reset", SOFT), names)
            assert [json.loads(run.stdout) for run in runs] == [{"status": name} for name in names]
        assert [charger.calls for charger in chargers] == [[("Reset", {"type": "Soft"})]] * 8
        wait_for(lambda: all(is_connected(server.home, name) for name in names))
