"""Bare connections of a charger: connect, send a Call, read the code of a Close."""

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_websocket
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Message, TextMessage

from tests.world.home import Home
from tests.world.server import Server

BOOT = {"chargePointVendor": "go-e", "chargePointModel": "V3", "chargePointSerialNumber": "219010"}


START = {
    "connectorId": 1,
    "idTag": "3333",
    "meterStart": 9_042_000,
    "timestamp": "2026-10-01T05:00:00Z",
}


STOP = {"transactionId": 20_009_042, "meterStop": 9_075_000, "timestamp": "2026-10-01T07:10:00Z"}


@contextlib.contextmanager
def connect(url: str, **options: Any) -> Iterator[ClientConnection]:
    """Open the connection of a charger."""
    with connect_websocket(url, subprotocols=["ocpp1.6"], **options) as charger:  # type: ignore[list-item]
        yield charger


def ask(charger: ClientConnection, action: str, payload: object, unique_id: str = "1") -> Any:
    """Send a Call and return the payload of its confirmation."""
    charger.send(json.dumps([2, unique_id, action, payload]))
    frame = json.loads(charger.recv(10))
    assert frame[:2] == [3, unique_id], frame
    return frame[2]


def close_code(charger: ClientConnection, timeout_s: float = 10) -> int | None:
    """Return the code with which the server closes."""
    with contextlib.suppress(ConnectionClosed):
        charger.recv(timeout_s)
    return charger.close_code


def is_connected(home: Home, charge_point_id: str) -> bool:
    """Return True if the database has a charger as connected."""
    rows = home.query("SELECT connected FROM charge_points WHERE id = ?", charge_point_id)
    return bool(rows) and bool(rows[0][0])


class RawCharger:
    """A charger that writes its handshake itself."""

    def __init__(
        self,
        server: Server,
        target: bytes,
        *headers: str,
        port: int | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Connect to the server, or to `port` with TLS: a proxy in front of it."""
        wire = socket.create_connection(("127.0.0.1", port or server.port), timeout=10)
        self.socket = tls.wrap_socket(wire, server_hostname="localhost") if tls else wire
        lines = ["Host: garage.example", "Sec-WebSocket-Version: 13", *headers]
        head = "".join(f"{line}\r\n" for line in lines).encode()
        self.socket.sendall(b"GET " + target + b" HTTP/1.1\r\n" + head + b"\r\n")
        received = b""
        while b"\r\n\r\n" not in received:
            got = self.socket.recv(4096)
            assert got, received
            received += got
        answered, _, rest = received.partition(b"\r\n\r\n")
        self.answered = answered.decode().splitlines()
        self.status = int(self.answered[0].split()[1])
        self._wire = Connection(ConnectionType.CLIENT)
        self._wire.receive_data(rest)

    def __enter__(self) -> "RawCharger":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def header(self, name: str) -> str | None:
        """A header of the answer."""
        found = [line for line in self.answered if line.lower().startswith(f"{name.lower()}:")]
        return found[0].partition(":")[2].strip() if found else None

    def send(self, text: str) -> None:
        """Send a text as one message."""
        self.socket.sendall(self._wire.send(Message(data=text)))

    def receive(self) -> str:
        """The next message."""
        while True:
            for event in self._wire.events():
                if isinstance(event, TextMessage):
                    return str(event.data)
            self._wire.receive_data(self.socket.recv(65_536))

    def close_code(self) -> int | None:
        """Return the code with which the server closes."""
        while True:
            for event in self._wire.events():
                if isinstance(event, CloseConnection):
                    return event.code
            self._wire.receive_data(self.socket.recv(65_536) or None)

    def ask(self, action: str, payload: object) -> Any:
        """The confirmation's payload of one Call."""
        self.send(json.dumps([2, "1", action, payload]))
        frame = json.loads(self.receive())
        assert frame[:2] == [3, "1"], frame
        return frame[2]


KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", KEY)


OCPP16 = "Sec-WebSocket-Protocol: ocpp1.6"
