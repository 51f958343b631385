"""Servers, workers and proxies that come and go in the middle of transactions, and long outages.

The chargers here keep what they have to say until it is answered, as OCPP 1.6 §3.7.1 wants, and say
it again on a new connection; what they know of their energy is the truth the books are held to.
"""

import collections
import contextlib
import itertools
import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection

from tests.world.faults import (
    BOOT,
    START,
    STOP,
    LivingCharger,
    ask,
    assert_booked_once,
    assert_each_record_has_its_file,
    connect,
    living,
)
from tests.world.home import Home
from tests.world.machine import free_port, needs, wait_for
from tests.world.server import Server

Serve = Callable[..., Server]


class PatientCharger(LivingCharger):
    """Says everything until it is answered."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(url, number)
        self.connections = 0
        self._unique_ids = map(str, itertools.count())

    def charge(self) -> None:
        """Begin and end a transaction."""
        energy_wh = 1_000 + self.transactions
        start = START | {"meterStart": self.register_wh}
        transaction_id = self._say("StartTransaction", start)["transactionId"]
        sample = {"connectorId": 1, "transactionId": transaction_id, "meterValue": []}
        self._say("MeterValues", sample)
        self.register_wh += energy_wh
        stop = {"transactionId": transaction_id, "meterStop": self.register_wh}
        self._say("StopTransaction", STOP | stop)
        self.transactions += 1
        self.energy_wh += energy_wh

    def connected(self) -> ClientConnection:
        """The connection, which begins with the first need of it."""
        if self.wire is None:
            self.wire = self.line.enter_context(connect(self.url, open_timeout=2))
            self.connections += 1
        return self.wire

    def _say(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        while True:
            try:
                return dict(ask(self.connected(), action, payload, next(self._unique_ids)))
            except (OSError, WebSocketException):
                self.wire = None
                self.ended.wait(0.02)


@contextlib.contextmanager
def chargers(url: str) -> Iterator[list[PatientCharger]]:
    """Chargers that charge all the time; at the end of the block each has once more."""
    shared_server = [PatientCharger(url, number) for number in range(1, 7)]
    with living(shared_server):
        yield shared_server


def assert_all_is_booked(home: Home, shared_server: list[PatientCharger]) -> None:
    """Each charger's energy to the Wh, and each transaction once."""
    told = "charge_point_id, count(*), sum(consumed_wh), count(review)"
    assert sorted(home.query(f"SELECT {told} FROM accounting GROUP BY 1")) == sorted(
        (charger.name, charger.transactions, charger.energy_wh, 0) for charger in shared_server
    )
    assert home.query("PRAGMA integrity_check") == [("ok",)]
    assert home.query("SELECT 1 FROM started_transaction WHERE state <> 'stopped'") == []
    wait_for(lambda: not home.query("SELECT 1 FROM accounting_record WHERE exported_ms IS NULL"))
    assert_each_record_has_its_file(home)


def reload(server: Server) -> None:
    """As `systemctl reload` does."""
    former = set(server.workers())
    os.kill(server.process.pid, signal.SIGHUP)
    wait_for(lambda: server.workers() and not former & set(server.workers()))


def stop_and_start(server: Server) -> None:
    """As `systemctl restart` does."""
    assert server.stop() == 0
    server.restart()


def kill_and_start(server: Server) -> None:
    """As a power cut does."""
    server.kill()
    server.restart()


def kill_a_worker(server: Server) -> None:
    """The out-of-memory killer; gunicorn starts another. One that holds a charger is killed."""
    ((killed,),) = server.home.query(
        "SELECT pid FROM worker JOIN connection USING (worker) LIMIT 1"
    )
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: len(server.workers()) > 0 and killed not in server.workers())


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("disturb", [reload, stop_and_start, kill_and_start, kill_a_worker])
def test_chargers_in_the_middle_of_transactions_come_back_and_nothing_is_lost(
    serve: Serve, disturb: Callable[[Server], None], workers: int
) -> None:
    server = serve(GUNICORN_CMD_ARGS=f"--workers {workers}")
    wait_for(lambda: server.home.query("SELECT count(*) FROM worker") == [(workers,)])
    with chargers(server.url()) as shared_server:
        disturb(server)
    assert max(charger.connections for charger in shared_server) > 1
    assert_all_is_booked(server.home, shared_server)


def test_two_workers_share_the_chargers_and_keep_one_set_of_books(serve: Serve) -> None:
    server = serve(GUNICORN_CMD_ARGS="--workers 2")
    wait_for(lambda: server.home.query("SELECT count(*) FROM worker") == [(2,)])
    shared_server = [PatientCharger(server.url(), number) for number in range(1, 17)]
    held = "SELECT count(*) FROM connection"
    # Which worker takes a connection is the kernel's choice: here, the one that is awake.
    for asleep, part in zip(server.workers(), (shared_server[:8], shared_server[8:]), strict=True):
        os.kill(asleep, signal.SIGSTOP)
        for charger in part:
            charger.connected()
        os.kill(asleep, signal.SIGCONT)
        wait_for(
            lambda: server.home.query(held) == [(sum(one.connections for one in shared_server),)]
        )
    with living(shared_server):
        assert server.home.query(f"{held} GROUP BY worker") == [(8,), (8,)]
    assert [charger.connections for charger in shared_server] == [1] * 16
    assert_all_is_booked(server.home, shared_server)


# --- the way between ---


class Nginx:
    """A proxy before a server, on a port of its own."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/"
        folder.mkdir()
        proxy = (
            f"listen 127.0.0.1:{self.port}; location / {{ proxy_http_version 1.1;"
            " proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
            f" proxy_pass http://127.0.0.1:{server.port}; }}"
        )
        temporary = " ".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}"
            f" http {{ access_log off; {temporary} server {{ {proxy} }} }}"
        )
        self._command = [needs("nginx"), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
        self.start()

    def start(self) -> None:
        """Start it."""
        self.process = subprocess.Popen(self._command, start_new_session=True)

    def kill(self) -> None:
        """End master and workers at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)


@pytest.fixture
def nginx(server: Server, tmp_path: Path) -> Iterator[Nginx]:
    """A running nginx before the server."""
    nginx = Nginx(tmp_path / "nginx", server)
    yield nginx
    nginx.kill()


def test_chargers_come_back_when_the_nginx_between_is_restarted(
    server: Server, nginx: Nginx
) -> None:
    with chargers(nginx.url) as shared_server:
        nginx.kill()
        wait_for(lambda: server.home.query("SELECT count(*) FROM connection") == [(0,)])
        nginx.start()
    assert [charger.connections for charger in shared_server] == [2] * 6
    assert_all_is_booked(server.home, shared_server)


def test_what_was_asked_on_a_connection_that_is_dead_is_answered_on_the_newer_one(
    server: Server,
) -> None:
    """The charger's side is gone without a word; to us, its connection is as good as ever."""
    with connect(server.url("garage")) as dead, connect(server.url("other")) as other:
        ask(dead, "BootNotification", BOOT)
        ask(dead, "StartTransaction", START)
        # The lock would also hold up the entry of a connection that has just been made.
        ask(other, "Heartbeat", {})
        with contextlib.closing(sqlite3.connect(server.home.database)) as lock:
            lock.execute("BEGIN IMMEDIATE")  # so that its answer is not out yet
            dead.send(json.dumps([2, "dead", "StopTransaction", STOP]))
            ask(other, "Heartbeat", {})
            with connect(server.url("garage")) as newer:
                newer.send(json.dumps([2, "newer", "StopTransaction", STOP]))
                lock.rollback()
                with contextlib.suppress(WebSocketException):
                    collections.deque(dead, maxlen=0)  # to its end
                assert dead.close_code == 1008
                assert json.loads(newer.recv(10)) == [3, "newer", {}]
                assert ask(newer, "Heartbeat", {}, "last").keys() == {"currentTime"}
    assert_booked_once(server.home)
    assert server.home.query("SELECT repeats FROM accounting") == [(1,)]


# --- a long outage ---


def memory_kib(pid: int) -> int:
    """The most memory that a process has ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


def backlog() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the messages of a charger after a year offline: 1 000 transactions with samples."""
    for number in range(1_000):
        begin_wh, day = 1_000_000 + number * 1_000, f"2025-{number // 84 + 1:02}"
        clock = f"{day}-{number % 84 // 3 + 1:02}T{number % 3 * 8:02}"
        start = {"meterStart": begin_wh, "timestamp": f"{clock}:00:00Z"}
        yield "StartTransaction", START | start
        transaction_id = 20_000_000 + begin_wh // 1_000
        for minute in range(5, 45, 5):
            register = {"value": str(begin_wh + minute * 20)}
            sample = {"timestamp": f"{clock}:{minute:02}:00Z", "sampledValue": [register]}
            told = {"connectorId": 1, "transactionId": transaction_id, "meterValue": [sample]}
            yield "MeterValues", told
        stop = {"transactionId": transaction_id, "meterStop": begin_wh + 1_000}
        yield "StopTransaction", stop | {"timestamp": f"{clock}:45:00Z"}


def test_ten_thousand_messages_sent_without_waiting_are_answered_in_order_in_little_memory(
    server: Server,
) -> None:
    (worker,) = server.workers()
    frames = [json.dumps([2, f"{n}", *call]) for n, call in enumerate(backlog())]
    assert len(frames) == 10_000
    with connect(server.url("garage")) as charger, connect(server.url("other")) as other:
        ask(charger, "BootNotification", BOOT)
        before = memory_kib(worker)

        def pour() -> None:
            for frame in frames:
                charger.send(frame)

        pouring = threading.Thread(target=pour)
        pouring.start()
        answered = [json.loads(charger.recv(20))[:2] for _ in range(5_000)]
        ask(other, "Heartbeat", {})
        answered += [json.loads(charger.recv(20))[:2] for _ in range(5_000)]
        pouring.join(20)
        assert memory_kib(worker) - before < 8 * 1024
    assert answered == [[3, f"{n}"] for n in range(10_000)]
    told = "count(*), sum(consumed_wh), count(review), min(duration_s), max(duration_s)"
    assert server.home.query(f"SELECT {told} FROM accounting") == [
        (1_000, 1_000_000, 0, 2_700, 2_700)
    ]
    assert server.home.query("SELECT count(*) FROM meter_reading") == [(8_000,)]
