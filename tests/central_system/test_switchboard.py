"""The switchboard: identities and takeovers, closes and their codes, and a failing database."""

import contextlib
import itertools
import json
import os
import signal
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from shocpp.central_system.switchboard import Switchboard
from tests.world.connections import BOOT, START, STOP, ask, close_code, connect, is_connected
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.placing import place_call
from tests.world.server import Server

Serve = Callable[..., Server]


def test_health_is_good_once_the_cards_are_read(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    assert home.run("shocpp", "migrate").returncode == 0
    board = Switchboard(home.settings)
    board.start()
    try:
        assert (board.health(), board.conf_trouble()) == (None, None)
        home.tags_file.unlink()
        wait_for(board.conf_trouble, 5)
        assert "the 3 accounts read before stay in force" in caplog.text
    finally:
        board.stop()


@contextlib.contextmanager
def served(server: Server, charge_point_id: str) -> Iterator[ClientConnection]:
    """Connect a charger, and wait until the loop has adopted its socket."""
    with connect(server.url(charge_point_id)) as charger:
        ask(charger, "Heartbeat", {})
        yield charger


def test_a_newer_connection_replaces_an_older_one_whose_end_does_not_remove_it(
    server: Server,
) -> None:
    with served(server, "garage") as older, connect(server.url("GARAGE")) as newer:
        assert close_code(older) == 1008
        older.close()
        assert ask(newer, "BootNotification", BOOT)["status"] == "Accepted"
        assert is_connected(server.home, "garage")
    wait_for(lambda: not is_connected(server.home, "garage"))


def test_a_call_reaches_the_newest_connection(server: Server) -> None:
    with served(server, "garage") as older, connect(server.url("garage")) as newer:
        assert close_code(older) == 1008
        ask(newer, "BootNotification", BOOT)
        with ThreadPoolExecutor(1) as caller:
            placed = caller.submit(place_call, server.home.settings, "garage", "ClearCache", {})
            _, call_id, action, _ = json.loads(newer.recv(5))
            newer.send(json.dumps([3, call_id, {"status": "Accepted"}]))
            outcome = placed.result(10)
    assert (action, outcome.state) == ("ClearCache", "answered")
    assert json.loads(outcome.confirmation or "") == {"status": "Accepted"}


@contextlib.contextmanager
def asleep(worker: int) -> Iterator[None]:
    """Stop a worker, so that the other one accepts the next connections."""
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


def test_a_connection_to_another_worker_replaces_the_older_one_there(serve: Serve) -> None:
    server = serve(GUNICORN_CMD_ARGS="--workers 2")
    wait_for(lambda: server.home.query("SELECT count(*) FROM worker") == [(2,)])
    one, other = server.workers()
    # A worker that is stopped in the middle of a write would keep the database locked.
    time.sleep(0.5)
    with contextlib.ExitStack() as stack:
        with asleep(one):
            older = stack.enter_context(connect(server.url("garage")))
            ask(older, "BootNotification", BOOT)
        with asleep(other):
            newer = stack.enter_context(connect(server.url("garage")))
            ask(newer, "BootNotification", BOOT)
        assert len(server.home.query("SELECT worker FROM worker")) == 2
        assert close_code(older) == 1008
        assert ask(newer, "Heartbeat", {}).keys() == {"currentTime"}
        assert is_connected(server.home, "garage")


def test_a_charger_without_identity_is_named_by_its_serial(server: Server) -> None:
    with connect(server.url()) as charger:
        assert ask(charger, "BootNotification", BOOT)["status"] == "Accepted"
        assert is_connected(server.home, "219010")


def test_a_charger_without_identity_that_begins_with_a_stop_is_asked_to_boot_first(
    server: Server,
) -> None:
    with connect(server.url("219010")) as charger:
        ask(charger, "StartTransaction", START)
    with connect(server.url()) as charger:
        charger.send(json.dumps([2, "7", "StopTransaction", STOP]))
        asked = json.loads(charger.recv(5))
        assert asked[0] == 2
        assert asked[2:] == ["TriggerMessage", {"requestedMessage": "BootNotification"}]
        charger.send(json.dumps([3, asked[1], {"status": "Accepted"}]))
        charger.send(json.dumps([2, "8", "BootNotification", BOOT]))
        assert [json.loads(charger.recv(5))[1] for _ in range(2)] == ["7", "8"]
    assert server.home.query("SELECT charge_point_id, account, consumed_wh FROM accounting") == [
        ("219010", "family-y", 33_000)
    ]


def test_a_serial_of_another_identity_cannot_be_claimed(server: Server) -> None:
    with connect(server.url("garage")) as charger:
        ask(charger, "BootNotification", BOOT)
        with connect(server.url()) as impostor:
            assert ask(impostor, "BootNotification", BOOT)["status"] == "Accepted"
            ask(impostor, "StartTransaction", START)
            ask(charger, "Heartbeat", {})
            assert server.home.query("SELECT charge_point_id FROM open_transactions") == [
                ("unidentified-127.0.0.1",)
            ]
            assert server.home.query("SELECT id FROM charge_points WHERE connected") == [
                ("garage",),
                ("unidentified-127.0.0.1",),
            ]
    assert "the serial 219010 belongs to garage" in server.log()


def test_binary_frames_close_1003_and_garbage_three_times_1002(server: Server) -> None:
    with connect(server.url("garage")) as charger:
        charger.send(b"binary")
        assert close_code(charger) == 1003
    with connect(server.url("garage")) as charger:
        for _ in range(3):
            charger.send("no JSON")
        assert close_code(charger) == 1002


def test_a_strangers_huge_message_closes_1009_but_a_known_charger_may_send_it(
    server: Server,
) -> None:
    huge = {"vendorId": "x", "data": "x" * (1024 * 1024)}
    with connect(server.url("garage")) as charger:
        with contextlib.suppress(ConnectionClosed):
            charger.send(json.dumps([2, "1", "DataTransfer", huge]))
        assert close_code(charger) == 1009
    with connect(server.url("garage")) as charger:
        ask(charger, "BootNotification", BOOT)
        assert ask(charger, "DataTransfer", huge, "2") == {"status": "UnknownVendorId"}


def test_ten_thousand_messages_after_an_outage_are_answered_in_order(server: Server) -> None:
    sample = {"connectorId": 1, "meterValue": [{"sampledValue": [{"value": "9042000"}]}]}
    with connect(server.url("garage")) as charger:
        received: list[int] = []
        for number in range(10_000):
            charger.send(json.dumps([2, str(number), "MeterValues", sample]))
            if number % 50 == 49:
                received += [int(json.loads(charger.recv(10))[1]) for _ in range(50)]
    assert received == list(range(10_000))
    assert server.home.query("SELECT count(*) FROM meter_values") == [(10_000,)]


def test_no_wake_up_is_lost_among_many_chargers(server: Server) -> None:
    # Each lost wake-up costs a second: 400 messages in a row would run into the time-out.
    def talk(number: int) -> None:
        with connect(server.url(f"c{number}")) as charger:
            for turn in range(400):
                ask(charger, "DataTransfer", {"vendorId": "x"}, str(turn))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, range(8)))
    assert server.home.query("SELECT count(*) FROM data_transfer") == [(3_200,)]


def test_a_stop_is_not_acknowledged_while_the_database_is_locked_but_afterwards(
    server: Server,
) -> None:
    with connect(server.url("a")) as charger, connect(server.url("b")) as other:
        assert ask(charger, "StartTransaction", START)["transactionId"] == 20_009_042
        # The lock would also hold up the entry of a connection that has just been made.
        ask(other, "Heartbeat", {})
        with contextlib.closing(sqlite3.connect(server.home.database)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            charger.send(json.dumps([2, "2", "StopTransaction", STOP]))
            for _ in range(10):
                begun = time.monotonic()
                ask(other, "Heartbeat", {})
                assert time.monotonic() - begun < 1
                time.sleep(0.1)
            assert close_code(charger) == 1013
            with pytest.raises(InvalidStatus) as refused, connect(server.url("a")):
                pass
            assert refused.value.response.status_code == 503
            assert int(refused.value.response.headers["Retry-After"]) > 0
            lock.rollback()
        wait_for(lambda: _lets_in(server))
        with connect(server.url("a")) as charger:
            assert ask(charger, "StopTransaction", STOP) == {}
    assert server.home.query("SELECT account, consumed_wh FROM accounting") == [
        ("family-y", 33_000)
    ]


def _lets_in(server: Server) -> bool:
    try:
        with connect(server.url("probe")):
            return True
    except InvalidStatus:
        return False


LOCKED_S = 3.0
"""The time for which another program locks the database: less than the busy timeout."""

READING = {
    "connectorId": 1,
    "transactionId": 20_009_042,
    "meterValue": [{"timestamp": "2026-10-01T06:00:00Z", "sampledValue": [{"value": "9050000"}]}],
}


def test_heartbeats_do_not_wait_for_the_lock_of_another_program_and_nothing_is_lost(
    server: Server,
) -> None:
    released = threading.Event()

    def ask_until_released(charger: ClientConnection) -> int:
        for number in itertools.count(1):
            ask(charger, "Heartbeat", {}, f"heartbeat-{number}")
            if released.wait(0.1):
                break
        return number

    with contextlib.ExitStack() as connections, ThreadPoolExecutor(20) as pool:
        idle = [connections.enter_context(served(server, f"idle-{n}")) for n in range(20)]
        charging = connections.enter_context(served(server, "garage"))
        assert ask(charging, "StartTransaction", START)["transactionId"] == 20_009_042
        wait_for(lambda: _answers(server) == 22)
        quick = _answers(server, "1.0")
        with contextlib.closing(sqlite3.connect(server.home.database)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            counts = [pool.submit(ask_until_released, charger) for charger in idle]
            try:
                # The loop writes readings and heartbeats itself, and leaves a stop to the writer.
                for call in ([2, "r", "MeterValues", READING], [2, "s", "StopTransaction", STOP]):
                    charging.send(json.dumps(call))
                    with pytest.raises(TimeoutError):
                        charging.recv(LOCKED_S / 2)
                lock.rollback()
                answers = [json.loads(charging.recv(10)) for _ in range(2)]
            finally:
                released.set()
        heartbeats = sum(count.result() for count in counts)
        assert answers == [[3, "r", {}], [3, "s", {}]]
        assert heartbeats > 20 * LOCKED_S
        wait_for(lambda: _answers(server) == 22 + heartbeats + 2)
    # Only the reading and the stop have waited.
    assert _answers(server, "1.0") == quick + heartbeats
    written = "SELECT count(*) FROM frame WHERE direction = 'in' AND action = 'Heartbeat'"
    wait_for(lambda: server.home.query(written) == [(21 + heartbeats,)])
    assert server.home.query("SELECT count(*) FROM meter_values") == [(1,)]
    assert server.home.query("SELECT consumed_wh FROM accounting") == [(33_000,)]


def _answers(server: Server, within_s: str = "+Inf") -> int:
    """Return the number of answers within so many seconds, by the server's own clock."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as metrics:
        text = metrics.read().decode()
    bucket = f'shocpp_answer_seconds_bucket{{le="{within_s}"}}'
    (line,) = [line for line in text.splitlines() if line.startswith(bucket)]
    return int(float(line.removeprefix(bucket)))


def test_a_killed_server_loses_nothing_it_has_acknowledged_and_books_nothing_twice(
    server: Server,
) -> None:
    with connect(server.url("garage")) as charger:
        assert ask(charger, "StartTransaction", START)["transactionId"] == 20_009_042
        server.kill()
    server.restart()
    with connect(server.url("garage")) as charger:
        assert ask(charger, "StartTransaction", START, "77")["transactionId"] == 20_009_042
        assert ask(charger, "StopTransaction", STOP) == {}
        server.kill()
    server.restart()
    with connect(server.url("garage")) as charger:
        assert ask(charger, "StopTransaction", STOP, "78") == {}
    home = server.home
    assert home.query("SELECT consumed_wh, repeats FROM accounting") == [(33_000, 1)]
    wait_for(lambda: len(home.record_files()) == 1)
    assert json.loads(home.record_files()[0].read_text())["consumed_kwh"] == "33"


def test_a_frame_without_a_waiting_charger_is_written_after_the_batch_delay(server: Server) -> None:
    with connect(server.url("garage")) as charger:
        # 32 frames fill a batch; the last eight wait for the batch delay.
        for number in range(40):
            ask(charger, "Heartbeat", {}, str(number))
        counted = "SELECT count(*), count(answer) FROM frame WHERE action = 'Heartbeat'"
        wait_for(lambda: server.home.query(counted) == [(40, 40)])


def test_a_frame_without_a_waiting_charger_is_written_before_the_server_stops(
    server: Server,
) -> None:
    with connect(server.url("garage")) as charger:
        ask(charger, "Heartbeat", {})
        server.process.terminate()
        assert close_code(charger, 2) == 1012
    assert server.process.wait(2) == 0
    heartbeats = server.home.query("SELECT text, answer FROM frame WHERE action = 'Heartbeat'")
    ((sent, answered),) = heartbeats
    assert json.loads(sent)[:2] == [2, json.loads(answered)[1]]


def test_a_stop_closes_all_connections_with_1012_within_two_seconds(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        chargers = [stack.enter_context(connect(server.url(f"c{i}"))) for i in range(50)]
        for charger in chargers:
            ask(charger, "Heartbeat", {})
        server.process.terminate()
        assert [close_code(charger, 2) for charger in chargers] == [1012] * 50
        assert server.process.wait(2) == 0


def test_a_reload_closes_with_1012_and_the_new_workers_serve(server: Server) -> None:
    former = server.workers()
    with connect(server.url("garage")) as charger:
        ask(charger, "Heartbeat", {})
        os.kill(server.process.pid, signal.SIGHUP)
        assert close_code(charger, 5) == 1012
    wait_for(lambda: server.workers() and not set(former) & set(server.workers()))
    with connect(server.url("garage")) as charger:
        ask(charger, "Heartbeat", {})
