"""Simulated chargers that charge: each has a session, and a tile on the first page."""

import contextlib
import json
import select
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bench.frames import PATIENCE_S, PONG, booted, first_frame, framed

ID_TAG, PING = "3333", 9


def name_of(number: int) -> str:
    """Return the name of a charger."""
    return f"charger-{number}"


def charge_points_of(chargers: int) -> dict[str, Any]:
    """Return a charge points file. Listed chargers have tiles, connected or not."""
    return {name_of(number): {"auth": "none"} for number in range(chargers)}


def ask(charger: socket.socket, action: str, **payload: object) -> float:
    """Send a Call, and return the seconds until its answer; pings before it are answered."""
    call, received = json.dumps([2, "call", action, payload]).encode(), b""
    # `select` takes no large descriptors.
    poll = select.poll()
    poll.register(charger.fileno(), select.POLLIN)
    begun = time.perf_counter()
    charger.sendall(framed(call))
    while not (frame := first_frame(received)) or frame[0] == PING:
        if frame:
            charger.sendall(PONG)
            received = received[frame[2] :]
        else:
            poll.poll(PATIENCE_S * 1e3)
            received += charger.recv(65_536)
    took = time.perf_counter() - begun
    assert frame[1].startswith(b'[3,"call"'), frame
    return took


def moment() -> str:
    """Return the present moment as a charger writes it."""
    return datetime.now(UTC).isoformat()


def meter_values(power_w: int, register_wh: int) -> dict[str, Any]:
    """Return the payload of MeterValues with a power and a register."""
    power = {"value": str(power_w), "measurand": "Power.Active.Import", "unit": "W"}
    register = {"value": str(register_wh), "unit": "Wh"}
    value = {"timestamp": moment(), "sampledValue": [power, register]}
    return {"connectorId": 1, "meterValue": [value]}


@contextlib.contextmanager
def charging(url: str, chargers: int) -> Iterator[list[socket.socket]]:
    """Connect the listed chargers, and let each begin a session."""
    with contextlib.ExitStack() as stack:
        sockets = []
        for number in range(chargers):
            charger = stack.enter_context(booted(url, name_of(number))[0])
            status = {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}
            ask(charger, "StatusNotification", **status)
            session = {"connectorId": 1, "idTag": ID_TAG, "meterStart": 5_000}
            ask(charger, "StartTransaction", **session, timestamp=moment())
            ask(charger, "MeterValues", **meter_values(1_000, 5_000))
            sockets.append(charger)
        yield sockets
