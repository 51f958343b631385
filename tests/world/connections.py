"""Bare connections of a charger: connect, send a Call, read the code of a Close."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_websocket

from tests.world.home import Home

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
