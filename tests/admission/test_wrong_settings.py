"""Chargers that only another setting lets in: they are listed with it, and logged once a day."""

import json
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.world.connections import BOOT, OCPP16, UPGRADE, RawCharger, ask
from tests.world.connections import connect as connect_charger
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server

BOOT_2 = {"reason": "PowerUp", "chargingStation": {"model": "m", "vendorName": "v"}}
EVENT = {"eventType": "Ended", "seqNo": 7, "transactionInfo": {"transactionId": "t"}}
CHOOSE = "choose OCPP 1.6 JSON (1.6-J) in the charger"


def refused(home: Home) -> list[dict[str, Any]]:
    """Return the rows of `shocpp charge-points --refused --json`."""
    return list(json.loads(home.run("shocpp", "charge-points", "--refused", "--json").stdout))


@pytest.mark.parametrize("headers", [UPGRADE, (*UPGRADE, OCPP16)])
@pytest.mark.parametrize(
    ("action", "payload"), [("BootNotification", BOOT_2), ("TransactionEvent", EVENT)]
)
def test_a_charger_that_speaks_ocpp_2_is_closed_unanswered_and_listed(
    server: Server, headers: tuple[str, ...], action: str, payload: object
) -> None:
    home = server.home
    for _ in range(3):
        with RawCharger(server, b"/garage", *headers) as charger:
            charger.send(json.dumps([2, "1", action, payload]))
            # Its code comes first: a text before it would be an answer.
            assert charger.close_code() == 1002
    wait_for(lambda: refused(home) and refused(home)[0]["attempts"] == 3)
    (row,) = refused(home)
    assert (row["id"], row["address"], row["told"]) == ("garage", "127.0.0.1", action)
    assert (row["reason"], row["remedy"]) == ("OCPP 2.x message", CHOOSE)
    line = f"'garage' from 127.0.0.1: OCPP 2.x message '{action}'; {CHOOSE}"
    assert server.log().count(line) == 1
    assert home.query("SELECT 1 FROM frame") == []


def test_a_charger_that_speaks_ocpp_2_again_and_again_does_not_fill_the_log(
    server: Server,
) -> None:
    def lines() -> int:
        return len(server.log().splitlines())

    before, counts = lines(), []
    for _ in range(10):
        with RawCharger(server, b"/garage", *UPGRADE) as charger:
            charger.send(json.dumps([2, "1", "BootNotification", BOOT_2]))
            assert charger.close_code() == 1002
        counts.append(lines() - before)
    assert counts[-1] <= 5
    with connect_charger(server.url("garage")) as charger:
        assert ask(charger, "BootNotification", BOOT)["status"] == "Accepted"
        wait_for(lambda: server.log().count("garage is connected from") == 2)


def test_a_charger_that_offers_only_ocpp_2_is_one_warning_a_day(server: Server) -> None:
    for _ in range(5):
        with (
            connect(server.url("garage"), subprotocols=["ocpp2.0.1"]) as charger,  # type: ignore[list-item]
            pytest.raises(ConnectionClosed),
        ):
            charger.recv(5)
        wait_for(lambda: refused(server.home))
    wait_for(lambda: refused(server.home)[0]["attempts"] == 5)
    assert refused(server.home)[0]["remedy"] == CHOOSE
    line = f"'garage' from 127.0.0.1: foreign subprotocol 'ocpp2.0.1'; {CHOOSE}"
    assert server.log().count(line) == 1
    assert server.log().count("foreign subprotocol") == 1


@pytest.fixture
def tls() -> ssl.SSLContext:
    """Return the settings of a client that trusts any certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_tls_at_the_plain_port_is_listed_and_logged_once(
    serve: Callable[..., Server], home: Home, tls: ssl.SSLContext
) -> None:
    server = serve()
    for _ in range(4):
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=2) as wire,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            tls.wrap_socket(wire, server_hostname="garage.example")
    wait_for(lambda: refused(home) and refused(home)[0]["attempts"] == 4)
    (row,) = refused(home)
    assert (row["id"], row["address"]) == ("", "127.0.0.1")
    assert row["reason"] == "wss:// at a ws:// port"
    assert row["remedy"].startswith("write ws:// for wss:// in the charger")
    assert server.log().count("wss:// at a ws:// port") == 1
    assert "Socket error" not in server.log()
    listed = home.run("shocpp", "charge-points", "--refused").stdout
    assert "without a name from 127.0.0.1: wss:// at a ws:// port, 4 times; write ws://" in listed


def test_a_body_that_begins_like_tls_is_a_body(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire:
        head = b"POST /cgi-bin/caller HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
        wire.sendall(head)
        wire.sendall(b"\x16\x03\x01")
        assert wire.recv(12).startswith(b"HTTP/1.1 4")
    assert refused(server.home) == []
