"""The load: many chargers in one process, and the times of their answers.

    python -m bench.chargers URL [--chargers 100] [--seconds 5] [--talk mix] [--rate 400]

Every charger waits for an answer before it sends again (OCPP-J §4.1.1). Without a rate it then
sends at once, so the server sets the rate. With a rate, all together send that many messages a
second by turns, and the time of each message counts from the moment when it was due. A frame is
made while its charger waits for the answer before it, because the load itself must not be the
limit. Prints one JSON object: the fields of `Load`.
"""

import argparse
import json
import select
import sys
import time
from array import array
from collections.abc import Callable, Generator
from itertools import count
from typing import NamedTuple

from bench.frames import (
    PATIENCE_S,
    PONG,
    Frame,
    accepted,
    booted,
    connected,
    first_frame,
)
from bench.machine import cpu_by_thread, family, percentile, raise_descriptors
from bench.talks import TALKS, Numbers, Talk

WARM_UP_S = 2.0
"""Node.js compiles meanwhile; a second was too short for it on a busy machine."""


class Charger:
    """A charger on one connection; `due` is the moment at which its next message is due."""

    def __init__(
        self,
        url: str,
        name: str,
        talk: Callable[[Numbers], Talk],
        numbers: Numbers | None = None,
        password: str = "",
    ) -> None:
        self.socket = connected(url, name, password)
        self.due = 0.0
        self.is_free = True
        self._received = b""
        self._talk = talk(numbers or Numbers())
        self._ahead: Frame | None = next(self._talk)
        self._sent = self._ahead
        self._answer = b""

    def reconnect(self, url: str, name: str) -> None:
        """Open another connection, boot, and send an unanswered message again."""
        self.socket.close()
        self.socket, self._received = booted(url, name)
        if not self.is_free:
            self.socket.send(self._sent.masked)

    def send_next(self, due: float) -> None:
        """Send the next message, which is or was due at this moment; make the one after it."""
        self.due = due
        self.is_free = False
        self._sent = self._ahead or self._talk.send(self._answer)
        self.socket.send(self._sent.masked)
        self._ahead = None if self._sent.is_awaited else self._talk.send(b"")

    def receive(self) -> bool:
        """Read frames; return True if the answer is among them."""
        received = self.socket.recv(65_536)
        if not received:
            sys.exit("a charger was hung up on")
        # Nearly always this is the answer alone, in one short frame.
        if (
            not self._received
            and received.startswith(b"\x81")
            and received[1] == len(received) - 2
            and received.startswith(b"[3,", 2)
            and self._sent.unique_id in received
        ):
            self._answer = received[2:]
            self.is_free = True
            return True
        return self._receive_frames(received)

    def _receive_frames(self, received: bytes) -> bool:
        self._received += received
        is_answered = False
        while frame := first_frame(self._received):
            kind, payload, size = frame
            self._received = self._received[size:]
            if kind == 0x9:
                self.socket.send(PONG)
            elif kind == 0x1 and payload.startswith(b"[2,"):
                self.socket.send(accepted(payload))
            elif kind == 0x1 and payload.startswith(b"[3,") and self._sent.unique_id in payload:
                is_answered = self.is_free = True
                self._answer = payload
            else:
                sys.exit(f"no answer to {self._sent.unique_id!r}: {kind} {payload[:200]!r}")
        return is_answered


class Load(NamedTuple):
    """The figures of all chargers together.

    share      the part of a core that the load itself used
    p50        ms, as are p99 and worst
    cpu        the server's CPU time a message in µs, by thread
    """

    messages: int
    seconds: float
    rate: float
    share: float
    p50: float
    p99: float
    worst: float
    cpu: dict[str, float]

    @property
    def cpu_us(self) -> float:
        """The CPU time of the server in µs a message, of all its threads."""
        return sum(self.cpu.values())


class Crowd:
    """All chargers of this process."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._chargers = [
            Charger(
                options.url,
                f"charger-{number}",
                TALKS[options.talk],
                Numbers(number, options.wh),
                options.password,
            )
            for number in range(options.chargers)
        ]
        self._pids = family(options.pid) if options.pid else []
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
        before = cpu_by_thread(self._pids)
        begun, busy = time.perf_counter(), time.process_time()
        end = begun + seconds
        while time.perf_counter() < end:
            step()
        took, busy = time.perf_counter() - begun, time.process_time() - busy
        after = cpu_by_thread(self._pids)
        times = sorted(self._times)
        us = {name: (s - before[name]) / len(times) * 1e6 for name, s in after.items()}
        p50, p99, worst = (percentile(times, part) * 1e3 for part in (0.5, 0.99, 1))
        return Load(len(times), took, len(times) / took, busy / took, p50, p99, worst, us)

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
    parser.add_argument("url", metavar="URL", help="{} in its path is the charger's name")
    parser.add_argument("--chargers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--talk", choices=list(TALKS), default="mix")
    parser.add_argument("--rate", type=float, metavar="MESSAGES_A_SECOND")
    parser.add_argument("--warm-up", type=float, default=WARM_UP_S, metavar="SECONDS")
    parser.add_argument("--password", default="", help="HTTP Basic authentication")
    parser.add_argument("--wh", type=int, default=1_000, help="all registers at the beginning")
    parser.add_argument("--pid", type=int, help="the server, whose CPU time is measured")
    options = parser.parse_args()
    raise_descriptors()
    crowd = Crowd(options)
    crowd.begin()
    for seconds in filter(None, (options.warm_up, options.seconds)):
        if options.rate is None:
            load = crowd.flood(seconds)
        else:
            load = crowd.pace(seconds, options.rate)
    print(json.dumps(load._asdict()))


if __name__ == "__main__":
    main()
