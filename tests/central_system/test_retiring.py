"""Several sockets of one charger that open within milliseconds.

openWB opens one for each message and does not repeat; what each socket has sent is answered on it.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.world.charger import Charger
from tests.world.connections import BOOT, OCPP16, START, UPGRADE, RawCharger, connect
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server

Serve = Callable[..., Server]
processes = pytest.mark.parametrize("processes", [1, 2])
"""The sockets come to one process, or in turn to two with the same database."""


def servers(serve: Serve, number: int) -> list[Server]:
    """Start servers of one home."""
    return [serve() for _ in range(number)]


def metered(transaction_id: int, wh: int) -> dict[str, object]:
    """Return MeterValues with one reading."""
    sample = {"timestamp": "2026-10-01T06:00:00Z", "sampledValue": [{"value": str(wh)}]}
    return {"connectorId": 1, "transactionId": transaction_id, "meterValue": [sample]}


def frames_of_a_session() -> list[tuple[str, dict[str, object]]]:
    """Return ten messages of a charger whose transaction id is the one of its start."""
    transaction_id = 20_009_042
    stop = {"transactionId": transaction_id, "meterStop": 9_075_000}
    status = {"connectorId": 1, "errorCode": "NoError"}
    return [
        ("BootNotification", dict(BOOT)),
        ("StatusNotification", status | {"status": "Preparing"}),
        ("Authorize", {"idTag": "3333"}),
        ("StartTransaction", dict(START)),
        ("StatusNotification", status | {"status": "Charging"}),
        *(("MeterValues", metered(transaction_id, 9_042_000 + 10_000 * n)) for n in (1, 2, 3)),
        ("StopTransaction", stop | {"timestamp": "2026-10-01T07:10:00Z"}),
        ("StatusNotification", status | {"status": "Available"}),
    ]


def assert_all_are_answered(sockets: list[ClientConnection]) -> None:
    """Each socket gets the CallResult of its own Call."""
    for number, socket in enumerate(sockets):
        assert json.loads(socket.recv(10))[:2] == [3, str(number)]


@processes
def test_each_of_ten_sockets_of_one_charger_is_answered_and_the_energy_is_booked_once(
    home: Home, serve: Serve, processes: int
) -> None:
    here = servers(serve, processes)
    with ExitStack() as line:
        urls = [here[number % processes].url("garage") for number in range(10)]
        sockets = [line.enter_context(connect(url)) for url in urls]
        for number, (action, payload) in enumerate(frames_of_a_session()):
            sockets[number].send(json.dumps([2, str(number), action, payload]))
        assert_all_are_answered(sockets)
    records = home.query("SELECT consumed_wh, review FROM accounting")
    assert sum(wh for wh, _ in records) == 33_000
    assert len(home.query("SELECT 1 FROM frame WHERE direction = 'in'")) == 10


@processes
def test_a_socket_for_each_message_of_a_session_keeps_its_order(
    home: Home, serve: Serve, processes: int
) -> None:
    here = servers(serve, processes)
    with ExitStack() as line:
        sockets = []
        for number, (action, payload) in enumerate(frames_of_a_session()):
            socket = line.enter_context(connect(here[number % processes].url("garage")))
            socket.send(json.dumps([2, str(number), action, payload]))
            sockets.append(socket)
        assert_all_are_answered(sockets)
    if processes == 1:
        assert home.query("SELECT consumed_wh, review FROM accounting") == [(33_000, None)]
    assert home.query("SELECT sum(consumed_wh) FROM accounting") == [(33_000,)]


def test_an_older_connection_is_closed_after_its_answers(home: Home, serve: Serve) -> None:
    (server,) = servers(serve, 1)
    with connect(server.url("garage")) as old:
        # Before the other one connects: two handshakes at once may claim the name in any order.
        old.send('[2,"first","Heartbeat",{}]')
        assert "currentTime" in str(old.recv(10))
        with connect(server.url("garage")) as new:
            for number, socket in enumerate((old, new)):
                socket.send(f'[2,"{number}","Heartbeat",{{}}]')
            assert_all_are_answered([old, new])
            with pytest.raises(ConnectionClosed) as closed:
                old.recv(8)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.reason == "replaced by a newer connection"
            new.send('[2,"2","Heartbeat",{}]')
            assert json.loads(new.recv(5))[:2] == [3, "2"]


def test_an_older_connection_gets_no_calls(home: Home, serve: Serve) -> None:
    (server,) = servers(serve, 1)
    with Charger(server, "garage") as old:
        old.boot()
        with Charger(server, "garage") as new:
            new.boot()
            assert home.run("shocpp-command", "-c", "garage", "ClearCache").returncode == 0
            assert [action for action, _ in new.calls] == ["ClearCache"]
            assert old.calls == []


def test_an_older_connection_may_not_stop_without_a_time(home: Home, serve: Serve) -> None:
    """A newer connection may have sent the same stop before, and it could not be told apart."""
    (server,) = servers(serve, 1)
    with Charger(server, "garage") as old:
        transaction_id = old.begin("3333", 9_042_000)
        with Charger(server, "garage") as new:
            new.ask("Heartbeat")
            old.send_call("StopTransaction", transactionId=transaction_id, meterStop=9_043_000)
            wait_for(lambda: old._socket.close_code is not None)
            assert old._socket.close_code == 1013
            new.end(transaction_id, 9_043_000)
    assert home.query("SELECT consumed_wh FROM accounting") == [(1_000,)]


def test_of_hundreds_of_connections_of_one_charger_few_stay(home: Home, serve: Serve) -> None:
    (server,) = servers(serve, 1)
    with ExitStack() as line:
        for _ in range(200):
            line.enter_context(RawCharger(server, b"/garage", *UPGRADE, OCPP16))
        newest = line.enter_context(connect(server.url("garage")))
        newest.send('[2,"0","Heartbeat",{}]')
        assert_all_are_answered([newest])
        with connect(server.url("other")) as other:
            other.send('[2,"0","Heartbeat",{}]')
            assert_all_are_answered([other])
    assert server.log().count("is disconnected: replaced by a newer connection") >= 150
