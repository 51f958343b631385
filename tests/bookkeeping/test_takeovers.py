"""Takeovers: a second connection claims the name of a connected charger."""

import base64
import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from shocpp.bookkeeping.jobs import Connect
from shocpp.bookkeeping.takeovers import MOST_TAKEOVERS, WITHIN_MS, Takeovers
from shocpp.ocpp.passwords import password_hash
from shocpp.store.charge_points.connections import FormerConnection
from tests.world.charger import Charger
from tests.world.connections import OCPP16, UPGRADE, RawCharger
from tests.world.home import Home
from tests.world.machine import BIN, wait_for
from tests.world.server import Server

PROXY = {"SHOCPP_TRUSTED_PROXIES": "127.0.0.1"}
HOME, ELSEWHERE = {"X-Forwarded-For": "192.0.2.7"}, {"X-Forwarded-For": "198.51.100.9"}
KEY = {"Authorization": "Basic " + base64.b64encode(b"garage:secret12").decode()}
elsewhere = pytest.mark.parametrize("processes", [1, 2])
"""The second connection comes to the same process, or to another one with the same database."""


@contextmanager
def connected(
    server: Server, headers: dict[str, str], name: str = "garage"
) -> Iterator[ClientConnection]:
    """Connect with this name in the address, by default as the garage."""
    with connect(
        server.url(name),
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        additional_headers=headers,
    ) as client:
        yield client


def heartbeat(client: ClientConnection) -> str:
    """Send a Heartbeat and return the answer."""
    client.send('[2,"h","Heartbeat",{}]')
    return str(client.recv(15))


def holder(home: Home) -> str:
    """Return the address of the connection that holds the garage."""
    rows = home.query("SELECT remote FROM charge_points WHERE id = 'garage'")
    return str(rows[0][0]).rpartition(":")[0] if rows else ""


def start(
    home: Home, serve: Callable[..., Server], processes: int = 1, *, password: bool = False
) -> tuple[Server, Server]:
    """Start one or two servers of one home behind a proxy, with or without passwords."""
    if password:
        entries = {"garage": {"password_hash": password_hash(b"secret12", b"salt", 1)}}
        (home.folder / "conf" / "charge_points.json").write_text(json.dumps(entries))
    first = serve(**PROXY)
    return first, serve(**PROXY) if processes == 2 else first


@elsewhere
def test_without_passwords_a_living_connection_keeps_its_name(
    home: Home, serve: Callable[..., Server], processes: int
) -> None:
    server, other = start(home, serve, processes)
    with Charger(server, "garage", headers=HOME) as victim:
        victim.boot()
        transaction = victim.begin("3333", 9_042_000)
        with connected(other, ELSEWHERE) as thief:
            stop = {"transactionId": transaction, "meterStop": 9_999_000, "timestamp": "2026-10-02"}
            thief.send(json.dumps([2, "1", "StopTransaction", stop]))
            with pytest.raises(ConnectionClosed) as closed:
                thief.recv(15)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "name taken")
        assert holder(home) == "192.0.2.7"
        assert home.run("shocpp-command", "-c", "garage", "ClearCache").returncode == 0
        victim.end(transaction, 9_043_000)
    assert home.query("SELECT consumed_wh FROM accounting") == [(1_000,)]
    rows = wait_for(lambda: home.query("SELECT id, address, reason FROM refused_attempts"))
    assert rows == [("garage", "198.51.100.9", "name taken")]


@elsewhere
def test_without_passwords_a_dead_connection_loses_its_name(
    home: Home, serve: Callable[..., Server], processes: int
) -> None:
    server, other = start(home, serve, processes)
    address = "X-Forwarded-For: 192.0.2.7"
    with RawCharger(server, b"/garage", *UPGRADE, OCPP16, address) as dead:
        dead.ask("Heartbeat", {})
        # Its network has failed: no ping is answered, and no connection is closed.
        with connected(other, ELSEWHERE) as new:
            assert "currentTime" in heartbeat(new)
            assert holder(home) == "198.51.100.9"


@elsewhere
def test_a_connection_that_waits_for_a_name_gets_it_when_the_holder_leaves(
    home: Home, serve: Callable[..., Server], processes: int
) -> None:
    server, other = start(home, serve, processes)
    with connected(server, HOME) as held:
        # Before the other one connects: two handshakes at once may claim the name in any order.
        heartbeat(held)
        with connected(other, ELSEWHERE) as new:
            new.send('[2,"h","Heartbeat",{}]')
            with pytest.raises(TimeoutError):
                new.recv(1)
            held.close()
            # Before the timer of the waiting connection, six seconds after its first try.
            assert "currentTime" in str(new.recv(4))
            assert holder(home) == "198.51.100.9"
    wait_for(lambda: holder(home) == "")
    assert home.query("SELECT * FROM name_claim") == []


def test_a_connection_whose_end_could_not_be_written_keeps_no_name(
    home: Home, serve: Callable[..., Server]
) -> None:
    server, _ = start(home, serve)
    with connected(server, HOME) as lost:
        heartbeat(lost)
        with closing(sqlite3.connect(home.database)) as db, db:
            db.execute("UPDATE connection SET token = 'lost'")
    wait_for(lambda: "garage is disconnected" in server.log())
    assert holder(home) == "192.0.2.7"
    with connected(server, ELSEWHERE) as new:
        assert "currentTime" in heartbeat(new)
        assert holder(home) == "198.51.100.9"


@elsewhere
def test_from_the_same_address_the_newest_wins_at_once(
    home: Home, serve: Callable[..., Server], processes: int
) -> None:
    server, other = start(home, serve, processes)
    with connected(server, HOME) as old:
        heartbeat(old)
        with connected(other, HOME) as new:
            assert "currentTime" in heartbeat(new)
            with pytest.raises(ConnectionClosed) as closed:
                old.recv(10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.reason == "replaced by a newer connection"


@elsewhere
def test_with_its_password_a_charger_wins_at_once_from_anywhere(
    home: Home, serve: Callable[..., Server], processes: int
) -> None:
    server, other = start(home, serve, processes, password=True)
    with connected(server, HOME | KEY) as old:
        heartbeat(old)
        begun = time.monotonic()
        with connected(other, ELSEWHERE | KEY) as new:
            assert "currentTime" in heartbeat(new)
            assert time.monotonic() - begun < 5
            assert holder(home) == "198.51.100.9"


def test_an_outstanding_call_fails_when_its_connection_is_replaced(
    home: Home, serve: Callable[..., Server]
) -> None:
    server, _ = start(home, serve, password=True)
    with Charger(server, "garage", headers=HOME | KEY, ClearCache=None) as old:
        old.boot()
        asking = subprocess.Popen(
            [str(BIN / "shocpp-command"), "-c", "garage", "ClearCache"],
            stderr=subprocess.PIPE,
            text=True,
            env=home.environment,
        )
        wait_for(lambda: old.calls)
        with connected(server, ELSEWHERE | KEY) as new:
            heartbeat(new)
            _, error = asking.communicate(timeout=15)
    assert asking.returncode == 1
    assert "replaced by a newer connection" in error


def test_only_the_newest_connection_of_an_address_waits_for_a_name(
    home: Home, serve: Callable[..., Server]
) -> None:
    server, _ = start(home, serve)
    with connected(server, HOME) as held, ExitStack() as line:
        heartbeat(held)
        first = line.enter_context(connected(server, ELSEWHERE))
        begun = time.monotonic()
        line.enter_context(connected(server, ELSEWHERE))
        with pytest.raises(ConnectionClosed):
            first.recv(15)
        assert time.monotonic() - begun < 4
        assert "currentTime" in heartbeat(held)


def test_a_renamed_connection_is_not_closed_for_a_newer_waiting_one(
    home: Home, serve: Callable[..., Server]
) -> None:
    server, _ = start(home, serve)

    boot = {"chargePointVendor": "v", "chargePointModel": "m", "chargePointSerialNumber": "G-1"}
    with ExitStack() as line:

        def booted(headers: dict[str, str], name: str) -> ClientConnection:
            client = line.enter_context(connected(server, headers, name))
            client.send(json.dumps([2, "b", "BootNotification", boot]))
            return client

        booted(HOME, "garage").recv(15)
        # The serial is the garage's, so a charger without a name is named by its address.
        for _ in range(6):
            replaced = booted(ELSEWHERE, "")
            replaced.recv(15)
        waited = booted(ELSEWHERE, "")
        time.sleep(0.5)
        replaced.close()
        assert "Accepted" in waited.recv(15)
        booted(ELSEWHERE, "")
        time.sleep(1)
        assert "currentTime" in heartbeat(waited)


def test_frequent_takeovers_are_slowed_down(home: Home, serve: Callable[..., Server]) -> None:
    server, _ = start(home, serve, password=True)
    with ExitStack() as line:
        for number in range(6):
            headers = ELSEWHERE if number % 2 else HOME
            newest = line.enter_context(connected(server, headers | KEY))
            heartbeat(newest)
            # Several sockets that a charger opens within a second are one takeover.
            time.sleep(1.1)
        begun = time.monotonic()
        with connected(server, ELSEWHERE | KEY) as next_one, pytest.raises(ConnectionClosed):
            next_one.recv(15)
        assert time.monotonic() - begun > 4
        assert "currentTime" in heartbeat(newest)


def test_a_clock_that_was_set_back_slows_no_takeover_down(home: Home) -> None:
    former = FormerConnection("old", "worker", str(home.folder), "192.0.2.7:1", connected_ms=0)
    newest, takeovers = Connect("new", "garage", "198.51.100.9:1", is_sure=True), Takeovers()
    later_ms = 10 * WITHIN_MS
    for _ in range(MOST_TAKEOVERS):
        takeovers.note(former, 1, later_ms)
    earlier_ms = later_ms - 5 * WITHIN_MS
    assert takeovers.replaces_at_once(former, newest, 1, earlier_ms)
