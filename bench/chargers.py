"""The load: many chargers in one process, and the times of their answers.

    python -m bench.chargers URL [--chargers 100] [--seconds 5] [--talk mix] [--rate 400]

Every charger waits for an answer before it sends again (OCPP-J §4.1.1). Without a rate it then
sends at once, so the server sets the rate. With a rate, all together send that many messages a
second by turns, and the time of each message counts from the moment when it was due. Frames are
encoded before the measurement where possible, because the load itself must not be the limit. Prints
one JSON object: messages, seconds, rate, share (the part of the time in which this process was
busy), and p50, p99 and worst in ms.
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
"""The twelve samples of a three-phase charger (1.6 kB): measurand, phase, unit."""

Frame = tuple[bytes, bytes]
"""A masked WebSocket frame, and the beginning of its answer."""

Talk = Generator[Frame, bytes, None]
"""The messages of a charger; `send` it the payload of the last answer."""


def framed(text: str) -> bytes:
    """Return the text as a masked frame of a client (RFC 6455 §5.2, §5.3)."""
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
        """Return a Call under the next unique id."""
        number = f"{next(self._ids):08d}"
        text = json.dumps([2, number, action, payload], separators=(",", ":"))
        return framed(text), f'[3,"{number}"'.encode()

    def moment(self) -> str:
        """Return a timestamp ten seconds after the one before."""
        moment = self._begun + timedelta(seconds=10 * next(self._moments))
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def samples(wh: int) -> list[dict[str, str]]:
    """Return the sampledValue list of a MeterValues with this register."""
    sampled = []
    for number, (measurand, phase, unit) in enumerate(SAMPLES):
        value = str(wh) if measurand.startswith("Energy") else f"{16 * number}.{number}"
        sample = {"value": value, "context": "Sample.Periodic", "format": "Raw"}
        sample |= {"measurand": measurand, "unit": unit, "location": "Outlet"}
        sampled.append(sample | ({"phase": phase} if phase else {}))
    return sampled


def meter_values(numbers: Numbers, transaction_id: int, wh: int) -> Frame:
    value = {"timestamp": numbers.moment(), "sampledValue": samples(wh)}
    payload = {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}
    return numbers.call("MeterValues", payload)


def start(numbers: Numbers, wh: int) -> Frame:
    payload = {"connectorId": 1, "idTag": CARD, "meterStart": wh, "timestamp": numbers.moment()}
    return numbers.call("StartTransaction", payload)


def transaction_id_of(answer: bytes) -> int:
    """Return the transaction id in the answer to a StartTransaction."""
    return int(json.loads(answer)[2]["transactionId"])


def status(numbers: Numbers, name: str) -> Frame:
    payload = {"connectorId": 1, "status": name, "errorCode": "NoError"}
    return numbers.call("StatusNotification", payload | {"timestamp": numbers.moment()})


def heartbeats(numbers: Numbers) -> Talk:
    """Send Heartbeats only."""
    while True:
        yield numbers.call("Heartbeat", {})


def mix(numbers: Numbers) -> Talk:
    """Send Heartbeat and MeterValues by turns, in a transaction that does not end."""
    transaction_id = transaction_id_of((yield start(numbers, 1_000)))
    wh = count(1_000, 10)
    pairs = (
        (numbers.call("Heartbeat", {}), meter_values(numbers, transaction_id, next(wh)))
        for _ in range(MADE_AHEAD)
    )
    frames = [frame for pair in pairs for frame in pair]
    for turn in count():
        yield frames[turn % len(frames)]


def transactions(numbers: Numbers) -> Talk:
    """Send StartTransaction and StopTransaction by turns."""
    for wh in count(1_000, 500):
        transaction_id = transaction_id_of((yield start(numbers, wh)))
        stop = {"transactionId": transaction_id, "meterStop": wh + 500, "idTag": CARD}
        yield numbers.call("StopTransaction", stop | {"timestamp": numbers.moment()})


def sessions(numbers: Numbers) -> Talk:
    """Send whole sessions of nine messages each."""
    for wh in count(1_000, 500):
        yield numbers.call("Authorize", {"idTag": CARD})
        yield status(numbers, "Preparing")
        transaction_id = transaction_id_of((yield start(numbers, wh)))
        yield status(numbers, "Charging")
        yield meter_values(numbers, transaction_id, wh + 100)
        yield meter_values(numbers, transaction_id, wh + 200)
        yield numbers.call("Heartbeat", {})
        stop = {"transactionId": transaction_id, "meterStop": wh + 500, "idTag": CARD}
        yield numbers.call("StopTransaction", stop | {"timestamp": numbers.moment()})
        yield status(numbers, "Available")


def outage(numbers: Numbers) -> Talk:
    """Send the transactions of an outage, with eight MeterValues each."""
    for wh in count(1_000, 900):
        transaction_id = transaction_id_of((yield start(numbers, wh)))
        for step in range(1, 9):
            yield meter_values(numbers, transaction_id, wh + 100 * step)
        stop = {"transactionId": transaction_id, "meterStop": wh + 900, "idTag": CARD}
        yield numbers.call("StopTransaction", stop | {"timestamp": numbers.moment()})


TALKS: dict[str, Callable[[Numbers], Talk]] = {
    talk.__name__: talk for talk in (heartbeats, mix, transactions, sessions, outage)
}


class Charger:
    """A charger on one connection; `due` is the moment at which its next message is due."""

    def __init__(self, url: str, name: str, talk: Callable[[Numbers], Talk]) -> None:
        self.socket = connected(url, name)
        self.due = 0.0
        self.is_free = True
        self._received = b""
        self._talk = talk(Numbers())
        self._next, self._expected = next(self._talk)

    def reconnect(self, url: str, name: str) -> None:
        """Open another connection, boot, and send an unanswered message again."""
        self.socket.close()
        self.socket, self._received = booted(url, name)
        if not self.is_free:
            self.socket.send(self._next)

    def send_next(self, due: float) -> None:
        """Send the next message, which is or was due at this moment."""
        self.due = due
        self.is_free = False
        self.socket.send(self._next)

    def receive(self) -> bool:
        """Read frames; return True if the answer is among them, and prepare the next message."""
        received = self.socket.recv(65_536)
        if not received:
            sys.exit("a charger was hung up on")
        self._received += received
        is_answered = False
        while frame := first_frame(self._received):
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
    """Return the frame that accepts a Call of the Central System."""
    unique_id = json.loads(call)[1]
    return framed(f'[3,"{unique_id}",{{"status":"Accepted"}}]')


def upgrade(url: str, name: str) -> bytes:
    """Return the HTTP request for a WebSocket of OCPP 1.6."""
    return (
        f"GET /{name} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    ).encode()


def connected(url: str, name: str) -> socket.socket:
    """Return the non-blocking socket of an open WebSocket of OCPP 1.6."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 80
    sock = socket.create_connection((host, port), PATIENCE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(upgrade(url, name))
    head = b""
    # Byte by byte: the next bytes belong to a frame already.
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte:
            sys.exit(f"{name} was refused: {head!r}")
        head += byte
    if not head.startswith(b"HTTP/1.1 101"):
        sys.exit(f"{name} was refused: {head!r}")
    sock.setblocking(False)
    return sock


def booted(url: str, name: str) -> tuple[socket.socket, bytes]:
    """Return a socket after its BootNotification, and the bytes received after the answer.

    The Central System holds back Calls for a charger that has not booted.
    """
    sock = connected(url, name)
    sock.settimeout(PATIENCE_S)
    sock.sendall(framed(BOOT))
    received = b""
    while (frame := first_frame(received)) is None:
        received += sock.recv(65_536)
    assert frame[1].startswith(b'[3,"boot"'), frame
    sock.setblocking(False)
    return sock, received[frame[2] :]


def first_frame(received: bytes) -> tuple[int, bytes, int] | None:
    """Return opcode, payload and whole size of the first complete frame, or None."""
    if len(received) < 2:
        return None
    size, begin = received[1], 2
    if size == 126:
        size, begin = int.from_bytes(received[2:4]), 4
    end = begin + size
    return (received[0] & 0xF, received[begin:end], end) if len(received) >= end else None


class Load(NamedTuple):
    """The figures of all chargers together; p50, p99 and worst are in ms."""

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
        self._by_descriptor = {charger.socket.fileno(): charger for charger in self._chargers}
        self._poll = select.epoll()
        for descriptor in self._by_descriptor:
            self._poll.register(descriptor, select.EPOLLIN)
        self._times = array("d")

    def begin(self) -> None:
        """Send the first message of each charger, which mostly starts a transaction."""
        for charger in self._chargers:
            charger.send_next(time.perf_counter())
        waiting = len(self._chargers)
        while waiting:
            for descriptor, _ in self._poll.poll(PATIENCE_S):
                waiting -= self._by_descriptor[descriptor].receive()

    def flood(self, seconds: float) -> Load:
        """Let each charger send its next message as soon as it has the answer."""
        for charger in self._chargers:
            if charger.is_free:
                charger.send_next(time.perf_counter())
        return self._timed(seconds, self._answer_at_once)

    def pace(self, seconds: float, rate: float) -> Load:
        """Send messages by turns at fixed moments.

        A message of a busy charger is sent late; its time counts from its fixed moment.
        """
        turns = self._turns(rate)
        self._due, self._turn = next(turns)
        self._turns_left = turns
        return self._timed(seconds, self._answer_in_turn)

    def _turns(self, rate: float) -> Generator[tuple[float, Charger], None, None]:
        """Yield the moment and the charger of each message."""
        begun = time.perf_counter()
        for number in count():
            yield begun + number / rate, self._chargers[number % len(self._chargers)]

    def _timed(self, seconds: float, step: Callable[[], None]) -> Load:
        """Repeat a step for this time, and return its figures."""
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
            if charger.receive():
                now = time.perf_counter()
                self._times.append(now - charger.due)
                charger.send_next(now)

    def _answer_in_turn(self) -> None:
        now = time.perf_counter()
        while self._due <= now and self._turn.is_free:
            self._turn.send_next(self._due)
            self._due, self._turn = next(self._turns_left)
        patience = max(0.0, self._due - time.perf_counter()) if self._turn.is_free else PATIENCE_S
        # epoll rounds up to whole milliseconds, so the last one is spent polling.
        for descriptor, _ in self._poll.poll(max(0.0, patience - 0.001)):
            charger = self._by_descriptor[descriptor]
            if charger.receive():
                self._times.append(time.perf_counter() - charger.due)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--chargers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--talk", choices=list(TALKS), default="mix")
    parser.add_argument("--rate", type=float, metavar="MESSAGES_A_SECOND")
    options = parser.parse_args()
    crowd = Crowd(options.url, options.chargers, options.talk)
    crowd.begin()
    if options.rate is None:
        crowd.flood(WARM_UP_S)
        load = crowd.flood(options.seconds)
    else:
        crowd.pace(WARM_UP_S, options.rate)
        load = crowd.pace(options.seconds, options.rate)
    print(json.dumps(load._asdict()))


if __name__ == "__main__":
    main()
