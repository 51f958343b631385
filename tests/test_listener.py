"""shocpp-listener: it starts, says where everything is, serves, and stops at once."""

import json
import socket

import pytest
from conftest import Home, Server, free_port
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect


def test_a_charger_is_answered_and_told_goodbye_when_the_server_stops(server: Server) -> None:
    with connect(server.url("garage"), subprotocols=["ocpp1.6"]) as charger:
        assert charger.subprotocol == "ocpp1.6"
        charger.send('[2,"1","Heartbeat",{}]')
        assert json.loads(charger.recv(5))[:2] == [3, "1"]
        server.process.terminate()
        with pytest.raises(ConnectionClosedError):
            charger.recv(2)
        assert charger.close_code == 1012
    assert server.process.wait(2) == 0


def test_it_prints_the_chargers_address_the_accounts_and_the_files(server: Server) -> None:
    for told in (
        f"ws://127.0.0.1:{server.port}/garage",
        "company-x, family-y, company-z",
        str(server.home.database),
        str(server.home.folder / "accounting"),
        "without a password",
    ):
        assert told in server.log()


def test_a_taken_port_is_one_sentence_and_exit_78(home: Home) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as other:
        port = str(other.getsockname()[1])
        ended = home.run("shocpp-listener", env={"WS_PORT": port})
    assert ended.returncode == 78
    assert ended.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}" in ended.stderr
