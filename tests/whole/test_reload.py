"""Reloads and restarts of server and nginx under chargers that never stop talking.

A charger numbers its readings and keeps each Call until it is answered (OCPP 1.6 §3.7.1); what it
was answered is held to the books, frame by frame, and each end of a connection is looked at.
"""

import contextlib
import itertools
import json
import signal
import ssl
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets import Subprotocol
from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.whole.test_faults_server import reload, stop_and_start
from tests.world.faults import (
    START,
    STOP,
    LivingCharger,
    assert_each_record_has_its_file,
    go_on,
    living,
)
from tests.world.home import FRAMES, Home
from tests.world.machine import free_port, wait_for
from tests.world.shipped import Deployment, built, certificate, shipped_site

RESTARTS = 1012
READINGS = """
    SELECT register_wh FROM meter_reading
    JOIN charge_point ON charge_point.id = meter_reading.charge_point WHERE charge_point_id = ?
"""


class Acknowledged(NamedTuple):
    """A Call that was answered: by its unique id, in which transaction."""

    unique_id: str
    action: str
    transaction_id: int


class TalkingCharger(LivingCharger):
    """Each of its attempts has a unique id of its own."""

    def __init__(self, url: str, number: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(url, number)
        self.acknowledged: list[Acknowledged] = []
        self.readings: list[int] = []
        self.closings: list[int | None] = []
        self.troubles: list[str] = []
        self._tls = tls
        self._unique_ids = (f"{self.name}-{n}" for n in itertools.count())

    def charge(self) -> None:
        """Begin and end a transaction."""
        begin_wh = self.register_wh
        started = self._say("StartTransaction", START | {"meterStart": begin_wh})
        transaction = {"transactionId": started["transactionId"]}
        for _ in range(3):
            self.register_wh += 100
            sampled = {"timestamp": START["timestamp"], "sampledValue": [self._sample()]}
            values = {"connectorId": 1, "meterValue": [sampled]} | transaction
            self._say("MeterValues", values)
            self.readings.append(self.register_wh)
        self._say("StopTransaction", STOP | transaction | {"meterStop": self.register_wh})
        self.energy_wh += self.register_wh - begin_wh
        self.transactions += 1

    def _sample(self) -> dict[str, str]:
        return {"value": str(self.register_wh), "unit": "Wh"}

    def _say(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        while True:
            unique_id = next(self._unique_ids)
            with contextlib.suppress(OSError, InvalidHandshake, ConnectionClosed):
                wire = self._connected()
                wire.send(json.dumps([2, unique_id, action, payload]))
                answer = json.loads(wire.recv(20))
                if answer[:2] != [3, unique_id]:
                    self.troubles.append(f"{action} {unique_id} was answered {answer}")
                confirmation = dict(answer[2])
                number = confirmation.get("transactionId") or payload["transactionId"]
                self.acknowledged.append(Acknowledged(unique_id, action, number))
                return confirmation
            self._disconnected()

    def _connected(self) -> ClientConnection:
        if self.wire is None:
            opening = connect(
                self.url,
                subprotocols=[Subprotocol("ocpp1.6")],
                ssl=self._tls,
                proxy=None,
                open_timeout=5,
                close_timeout=2,
            )
            self.wire = self.line.enter_context(opening)
        return self.wire

    def _disconnected(self) -> None:
        if self.wire is not None:
            broken = self.wire.protocol.parser_exc
            if isinstance(broken, WebSocketException):  # such as a page of HTTP in a WebSocket
                self.troubles.append(repr(broken))
            self.closings.append(self.wire.close_code)
            self.wire = None
        self.line.close()
        if self.ended.wait(0.01):
            raise SystemExit


@contextlib.contextmanager
def talking(
    url: str, tls: ssl.SSLContext | None = None, first: int = 1
) -> Iterator[list[TalkingCharger]]:
    """Six chargers that talk during the block, and go on after it."""
    shared_server = [TalkingCharger(url, number, tls) for number in range(first, first + 6)]
    with living(shared_server):
        yield shared_server


def assert_the_books_have_what_was_acknowledged(
    home: Home, shared_server: list[TalkingCharger]
) -> None:
    """Each acknowledged frame and its answer once, each transaction once, each Wh once."""
    assert [charger.troubles for charger in shared_server] == [[]] * len(shared_server)
    frames = Counter(
        (direction, json.loads(text)[1])
        for direction, text in home.query(f"SELECT direction, text FROM {FRAMES}")
    )
    told = [said for charger in shared_server for said in charger.acknowledged]
    assert [frames["in", said.unique_id] for said in told] == [1] * len(told)
    assert [frames["out", said.unique_id] for said in told] == [1] * len(told)
    records = "charge_point_id, count(*), sum(consumed_wh), count(review)"
    assert sorted(home.query(f"SELECT {records} FROM accounting GROUP BY 1")) == sorted(
        (charger.name, charger.transactions, charger.energy_wh, 0) for charger in shared_server
    )
    assert booked_ids(home) == Counter(
        (charger.name, said.transaction_id)
        for charger in shared_server
        for said in charger.acknowledged
        if said.action == "StopTransaction"
    )
    for charger in shared_server:
        kept = home.query(READINGS, charger.name)
        assert set(charger.readings) <= {register_wh for (register_wh,) in kept}
    assert home.query("SELECT 1 FROM started_transaction WHERE state <> 'stopped'") == []
    assert home.query("PRAGMA integrity_check") == [("ok",)]
    wait_for(lambda: not home.query("SELECT 1 FROM accounting_record WHERE exported_ms IS NULL"))
    assert_each_record_has_its_file(home)


def booked_ids(home: Home) -> Counter[tuple[str, int]]:
    """Return the number of records of each transaction."""
    rows = home.query("SELECT charge_point_id, transaction_id FROM accounting")
    return Counter((name, int(number)) for name, number in rows)


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """A server, and a folder for nginx."""
    with built(tmp_path) as deployment:
        yield deployment


def three_reloads(deployment: Deployment, shared_server: list[TalkingCharger]) -> None:
    """As `systemctl reload` does, before the chargers have all come back as well."""
    for _ in range(3):
        reload(deployment.server)
        wait_for(lambda: deployment.server.home.query("SELECT 1 FROM connection"))


def two_restarts(deployment: Deployment, shared_server: list[TalkingCharger]) -> None:
    """As `systemctl restart` does."""
    for _ in range(2):
        stop_and_start(deployment.server)
        go_on(shared_server)


@pytest.mark.parametrize("disturb", [three_reloads, two_restarts])
def test_chargers_are_told_that_the_server_restarts_and_lose_nothing(
    deployment: Deployment, disturb: Callable[[Deployment, list[TalkingCharger]], None]
) -> None:
    with talking(deployment.server.url()) as shared_server:
        disturb(deployment, shared_server)
    closings = [code for charger in shared_server for code in charger.closings]
    assert set(closings) == {RESTARTS}
    assert all(len(charger.closings) > 1 for charger in shared_server)
    assert_the_books_have_what_was_acknowledged(deployment.home, shared_server)


@pytest.mark.parametrize("disturb", [three_reloads, two_restarts])
def test_chargers_behind_nginx_are_told_so_too(
    deployment: Deployment, disturb: Callable[[Deployment, list[TalkingCharger]], None]
) -> None:
    tls, port = certificate(deployment), free_port()
    deployment.run_nginx(shipped_site(deployment, port))
    with talking(f"wss://localhost:{port}/ocpp/", tls) as shared_server:
        disturb(deployment, shared_server)
    closings = [code for charger in shared_server for code in charger.closings]
    assert set(closings) == {RESTARTS}
    assert_the_books_have_what_was_acknowledged(deployment.home, shared_server)


def test_a_reload_of_nginx_hangs_up_on_nobody(deployment: Deployment) -> None:
    tls, port = certificate(deployment), free_port()
    nginx = deployment.run_nginx(shipped_site(deployment, port))
    with talking(f"wss://localhost:{port}/ocpp/", tls) as shared_server:
        former = children(nginx)
        for _ in range(3):
            nginx.send_signal(signal.SIGHUP)
        wait_for(lambda: set(children(nginx)) - set(former))
        with talking(f"wss://localhost:{port}/ocpp/", tls, 7) as newcomers:
            go_on(shared_server)
    assert [charger.closings for charger in [*shared_server, *newcomers]] == [[]] * 12
    assert_the_books_have_what_was_acknowledged(deployment.home, [*shared_server, *newcomers])


def test_chargers_come_back_from_a_restart_of_nginx_and_lose_nothing(
    deployment: Deployment,
) -> None:
    tls, port = certificate(deployment), free_port()
    site = shipped_site(deployment, port)
    nginx = deployment.run_nginx(site)
    with talking(f"wss://localhost:{port}/ocpp/", tls) as shared_server:
        for _ in range(2):
            nginx.terminate()
            nginx.wait(20)
            wait_for(lambda: deployment.home.query("SELECT count(*) FROM connection") == [(0,)])
            nginx = deployment.run_nginx(site)
            go_on(shared_server)
    assert all(len(charger.closings) >= 2 for charger in shared_server)
    assert_the_books_have_what_was_acknowledged(deployment.home, shared_server)


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """The pids of a program's workers."""
    told = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in told.split()]
