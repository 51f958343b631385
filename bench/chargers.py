"""The load: many chargers in one process, and what they saw.

    python -m bench.chargers URL [--chargers 100] [--seconds 5] [--talk mix] [--rate 400]

Every charger waits for an answer before it sends again (OCPP-J §4.1.1). Without a rate it sends at
once, so the load is what the server can take; with one, all together send so many messages a second
by turns, and the time of each counts from when it was due. Frames are made before the clock runs
where they can be: the load must not be what is measured, and `share` tells the part of the time
that this process was busy itself. Prints one JSON object: messages, seconds, rate, share, and p50,
p99 and worst in ms.
"""

import argparse
import json
import os
import select
import socket
import sys
import time
from array import array
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench.machine import percentile

PATIENCE_S = 20.0
WARM_UP_S = 1.0
MADE_AHEAD = 32
CARD = "3333"
PONG = b"\x8a\x80\0\0\0\0"
BOOT = '[2,"boot","BootNotification",{"chargePointVendor":"go-e","chargePointModel":"go-eCharger"}]'
SAMPLES = (
    ("Energy.Active.Import.Register", None, "Wh"),
    *((("Voltage", f"L{phase}-N", "V")) for phase in (1, 2, 3)),
    *((("Current.Import", f"L{phase}", "A")) for phase in (1, 2, 3)),
    *((("Power.Active.Import", f"L{phase}", "W")) for phase in (1, 2, 3)),
    ("Power.Active.Import", None, "W"),
    ("SoC", None, "Percent"),
)
"""What a three-phase charger reports: twelve samples, 1.6 kB."""

Frame = tuple[bytes, bytes]
"""A masked WebSocket frame, and how its answer begins."""

Talk = Generator[Frame, bytes, None]
"""What a charger says; it is sent the payload of the answer to what it has said last."""


def framed(text: str) -> bytes:
    """The text as a client's frame (RFC 6455 §5.2), masked as it must be."""
    payload, mask = text.encode(), os.urandom(4)
    size = len(payload)
    assert size < 65_536
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2)
    keys = int.from_bytes((mask * (size // 4 + 1))[:size])
    return head + mask + (int.from_bytes(payload) ^ keys).to_bytes(size)


class Numbers:
    """The unique ids and the clock of one charger."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._moments = count()
        self._begun = datetime.now(UTC) - timedelta(days=20)

    def call(self, action: str, payload: dict[str, Any]) -> Frame:
        number = f"{next(self._ids):08d}"
        text = json.dumps([2, number, action, payload], separators=(",", ":"))
        return framed(text), f'[3,"{number}"'.encode()

    def moment(self) -> str:
        """Ten seconds after the one before."""
        moment = self._begun + timedelta(seconds=10 * next(self._moments))
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def samples(wh: int) -> list[dict[str, str]]:
    told = []
    for number, (measurand, phase, unit) in enumerate(SAMPLES):
        value = str(wh) if measurand.startswith("Energy") else f"{16 * number}.{number}"
        sample = {"value": value, "context": "Sample.Periodic", "format": "Raw"}
        sample |= {"measurand": measurand, "unit": unit, "location": "Outlet"}
        told.append(sample | ({"phase": phase} if phase else {}))
    return told


def meter_values(numbers: Numbers, transaction_id: int, wh: int) -> Frame:
    value = {"timestamp": numbers.moment(), "sampledValue": samples(wh)}
    payload = {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}
    return numbers.call("MeterValues", payload)


def start(numbers: Numbers, wh: int) -> Frame:
    payload = {"connectorId": 1, "idTag": CARD, "meterStart": wh, "timestamp": numbers.moment()}
    return numbers.call("StartTransaction", payload)


def told_id(answer: bytes) -> int:
    return int(json.loads(answer)[2]["transactionId"])


def status(numbers: Numbers, word: str) -> Frame:
    payload = {"connectorId": 1, "status": word, "errorCode": "NoError"}
    return numbers.call("StatusNotification", payload | {"timestamp": numbers.moment()})


def heartbeats(numbers: Numbers) -> Talk:
    """Heartbeats only."""
    while True:
        yield numbers.call("Heartbeat", {})


def mix(numbers: Numbers) -> Talk:
    """Heartbeat and MeterValues by turns, in a transaction that does not end."""
    transaction_id = told_id((yield start(numbers, 1_000)))
    wh = count(1_000, 10)
    pairs = (
        (numbers.call("Heartbeat", {}), meter_values(numbers, transaction_id, next(wh)))
        for _ in range(MADE_AHEAD)
    )
    frames = [frame for pair in pairs for frame in pair]
    for turn in count():
        yield frames[turn % len(frames)]


def transactions(numbers: Numbers) -> Talk:
    """StartTransaction and StopTransaction by turns."""
    for wh in count(1_000, 500):
        transaction_id = told_id((yield start(numbers, wh)))
        stop = {"transactionId": transaction_id, "meterStop": wh + 500, "idTag": CARD}
        yield numbers.call("StopTransaction", stop | {"timestamp": numbers.moment()})


def sessions(numbers: Numbers) -> Talk:
    """Whole sessions, as a charger tells them: nine messages each."""
    for wh in count(1_000, 500):
        yield numbers.call("Authorize", {"idTag": CARD})
        yield status(numbers, "Preparing")
        transaction_id = told_id((yield start(numbers, wh)))
        yield status(numbers, "Charging")
        yield meter_values(numbers, transaction_id, wh + 100)
        yield meter_values(numbers, transaction_id, wh + 200)
        yield numbers.call("Heartbeat", {})
        stop = {"transactionId": transaction_id, "meterStop": wh + 500, "idTag": CARD}
        yield numbers.call("StopTransaction", stop | {"timestamp": numbers.moment()})
        yield status(numbers, "Available")


def outage(numbers: Numbers) -> Talk:
    """What a charger has kept while it was alone: transactions with eight MeterValues each."""
    for wh in count(1_000, 900):
        transaction_id = told_id((yield start(numbers, wh)))
        for place in range(1, 9):
            yield meter_values(numbers, transaction_id, wh + 100 * place)
        stop = {"transactionId": transaction_id, "meterStop": wh + 900, "idTag": CARD}
        yield numbers.call("StopTransaction", stop | {"timestamp": numbers.moment()})


TALKS: dict[str, Callable[[Numbers], Talk]] = {
    talk.__name__: talk for talk in (heartbeats, mix, transactions, sessions, outage)
}


class Charger:
    """One connection. `due` is when what it says next is or was to be sent."""

    def __init__(self, url: str, name: str, talk: Callable[[Numbers], Talk]) -> None:
        self.socket = connected(url, name)
        self.due = 0.0
        self.is_free = True
        self._received = b""
        self._talk = talk(Numbers())
        self._next, self._expected = next(self._talk)

    def come_again(self, url: str, name: str) -> None:
        """On a new connection, which it begins by booting; what is not answered is said again."""
        self.socket.close()
        self.socket, self._received = booted(url, name)
        if not self.is_free:
            self.socket.send(self._next)

    def say(self, due: float) -> None:
        self.due = due
        self.is_free = False
        self.socket.send(self._next)

    def hear(self) -> bool:
        """Whether the answer is here; what is to be said next is made at once."""
        received = self.socket.recv(65_536)
        if not received:
            sys.exit("a charger was hung up on")
        self._received += received
        is_answered = False
        while frame := taken(self._received):
            kind, payload, size = frame
            self._received = self._received[size:]
            if kind == 0x9:
                self.socket.send(PONG)
            elif kind == 0x1 and payload.startswith(b"[2,"):
                self.socket.send(accepted(payload))
            elif kind == 0x1 and payload.startswith(self._expected):
                is_answered = self.is_free = True
                self._next, self._expected = self._talk.send(payload)
            else:
                sys.exit(f"no answer to {self._expected!r}: {kind} {payload[:200]!r}")
        return is_answered


def accepted(call: bytes) -> bytes:
    """The answer to a Call of the Central System, framed."""
    unique_id = json.loads(call)[1]
    return framed(f'[3,"{unique_id}",{{"status":"Accepted"}}]')


def upgrade(url: str, name: str) -> bytes:
    """The request for a WebSocket of OCPP 1.6."""
    return (
        f"GET /{name} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    ).encode()


def connected(url: str, name: str) -> socket.socket:
    """A WebSocket of OCPP 1.6, not blocking."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 80
    wire = socket.create_connection((host, port), PATIENCE_S)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.sendall(upgrade(url, name))
    head = b""
    while not head.endswith(b"\r\n\r\n"):  # by bytes: what follows is a frame's
        byte = wire.recv(1)
        if not byte:
            sys.exit(f"{name} was not let in: {head!r}")
        head += byte
    if not head.startswith(b"HTTP/1.1 101"):
        sys.exit(f"{name} was not let in: {head!r}")
    wire.setblocking(False)
    return wire


def booted(url: str, name: str) -> tuple[socket.socket, bytes]:
    """The same, after a BootNotification, and what has come since.

    To a charger that has not booted nothing is sent at first.
    """
    wire = connected(url, name)
    wire.settimeout(PATIENCE_S)
    wire.sendall(framed(BOOT))
    received = b""
    while (frame := taken(received)) is None:
        received += wire.recv(65_536)
    assert frame[1].startswith(b'[3,"boot"'), frame
    wire.setblocking(False)
    return wire, received[frame[2] :]


def taken(received: bytes) -> tuple[int, bytes, int] | None:
    """The first whole frame of a server: its kind, its payload, and its size with the head."""
    if len(received) < 2:
        return None
    size, begin = received[1], 2
    if size == 126:
        size, begin = int.from_bytes(received[2:4]), 4
    end = begin + size
    return (received[0] & 0xF, received[begin:end], end) if len(received) >= end else None


class Load(NamedTuple):
    """What all chargers together saw."""

    messages: int
    seconds: float
    rate: float
    share: float
    p50: float
    p99: float
    worst: float


class Crowd:
    """All chargers of this process."""

    def __init__(self, url: str, chargers: int, talk: str) -> None:
        self._chargers = [Charger(url, f"charger-{n}", TALKS[talk]) for n in range(chargers)]
        self._by_descriptor = {one.socket.fileno(): one for one in self._chargers}
        self._poll = select.epoll()
        for descriptor in self._by_descriptor:
            self._poll.register(descriptor, select.EPOLLIN)
        self._times = array("d")

    def greet(self) -> None:
        """Let each say the first thing: most begin a transaction with it."""
        for charger in self._chargers:
            charger.say(time.perf_counter())
        waiting = len(self._chargers)
        while waiting:
            for descriptor, _ in self._poll.poll(PATIENCE_S):
                waiting -= self._by_descriptor[descriptor].hear()

    def flood(self, seconds: float) -> Load:
        """Each says the next thing as soon as it is answered."""
        for charger in self._chargers:
            if charger.is_free:
                charger.say(time.perf_counter())
        return self._timed(seconds, self._answer_at_once)

    def pace(self, seconds: float, rate: float) -> Load:
        """By turns, at fixed moments; one whose charger is busy then is sent late, and counts."""
        turns = self._turns(rate)
        self._due, self._turn = next(turns)
        self._turns_left = turns
        return self._timed(seconds, self._answer_in_turn)

    def _turns(self, rate: float) -> Generator[tuple[float, Charger], None, None]:
        begun = time.perf_counter()
        for number in count():
            yield begun + number / rate, self._chargers[number % len(self._chargers)]

    def _timed(self, seconds: float, step: Callable[[], None]) -> Load:
        self._times = array("d")
        begun, busy = time.perf_counter(), time.process_time()
        end = begun + seconds
        while time.perf_counter() < end:
            step()
        took, busy = time.perf_counter() - begun, time.process_time() - busy
        times = sorted(self._times)
        ms = [percentile(times, part) * 1e3 for part in (0.5, 0.99, 1)]
        return Load(len(times), took, len(times) / took, busy / took, *ms)

    def _answer_at_once(self) -> None:
        for descriptor, _ in self._poll.poll(PATIENCE_S):
            charger = self._by_descriptor[descriptor]
            if charger.hear():
                now = time.perf_counter()
                self._times.append(now - charger.due)
                charger.say(now)

    def _answer_in_turn(self) -> None:
        now = time.perf_counter()
        while self._due <= now and self._turn.is_free:
            self._turn.say(self._due)
            self._due, self._turn = next(self._turns_left)
        patience = max(0.0, self._due - time.perf_counter()) if self._turn.is_free else PATIENCE_S
        # epoll rounds up to whole milliseconds: the last one is spent looking.
        for descriptor, _ in self._poll.poll(max(0.0, patience - 0.001)):
            charger = self._by_descriptor[descriptor]
            if charger.hear():
                self._times.append(time.perf_counter() - charger.due)


def main() -> None:
    """Print what the chargers saw."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--chargers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--talk", choices=list(TALKS), default="mix")
    parser.add_argument("--rate", type=float, metavar="MESSAGES_A_SECOND")
    asked = parser.parse_args()
    crowd = Crowd(asked.url, asked.chargers, asked.talk)
    crowd.greet()
    if asked.rate is None:
        crowd.flood(WARM_UP_S)
        load = crowd.flood(asked.seconds)
    else:
        crowd.pace(WARM_UP_S, asked.rate)
        load = crowd.pace(asked.seconds, asked.rate)
    print(json.dumps(load._asdict()))


if __name__ == "__main__":
    main()
