"""A soak test: chargers for a long time, with reconnects and Calls, and a comparison of energy.

    python -m bench.soak [--minutes 20] [--chargers 100] [--rate 200]

Every charger sends whole sessions; all together send this number of messages a second. Each
reconnects after a few sessions, sometimes during one, and gets a Call now and then. Every minute a
line has the memory (PSS) and descriptors of the server and the size of the -wal. At the end every
acknowledged Wh must be booked, and only once.
"""

import argparse
import random
import select
import sqlite3
import sys
import threading
import time
from itertools import count
from typing import NamedTuple

from bench import servers
from bench.chargers import Charger
from bench.frames import PATIENCE_S
from bench.machine import cpu_s, descriptors, family, machine, pss_kb, raise_descriptors
from bench.servers import Ours
from bench.talks import Numbers, Talk, sessions
from shocpp.calls.placing import place_call
from shocpp.errors import ShocppError

SESSION = 9
"""The messages of one session."""

SESSION_WH = 500
COMMANDS_A_SECOND = 2.0


class Sample(NamedTuple):
    """The resources of the server at a moment."""

    minute: float
    messages: int
    pss_kb: int
    descriptors: int
    wal_kb: int
    cpu_s: float


class Soaker:
    """A charger whose messages continue where the last connection was cut."""

    def __init__(self, url: str, number: int) -> None:
        self.name = f"charger-{number}"
        self.acknowledged_wh = 0
        self._url = url
        self._talk: Talk = sessions(Numbers())
        self._sent = 0
        self.charger = Charger(url, self.name, lambda _: self._counted())

    def _counted(self) -> Talk:
        """Yield the messages of sessions, and count the energy of each answered stop."""
        frame = next(self._talk)
        while True:
            # The stop counts when it is answered, so no frame is made ahead.
            answer = yield frame._replace(is_awaited=True)
            self._sent += 1
            if self._sent % SESSION == 8:
                self.acknowledged_wh += SESSION_WH
            frame = self._talk.send(answer)

    def reconnect(self) -> None:
        """Continue on another connection."""
        self.charger.reconnect(self._url, self.name)


class Crowd:
    """All chargers, and the rate of their messages."""

    def __init__(self, url: str, chargers: int, rate: float) -> None:
        self.soakers = [Soaker(url, number) for number in range(chargers)]
        self.messages = self.reconnects = 0
        self._rate = rate
        self._chance = random.Random(7)
        self._poll = select.epoll()
        self._by_descriptor: dict[int, Soaker] = {}
        for soaker in self.soakers:
            soaker.reconnect()
            self._watch(soaker)

    def _watch(self, soaker: Soaker) -> None:
        descriptor = soaker.charger.socket.fileno()
        self._by_descriptor[descriptor] = soaker
        self._poll.register(descriptor, select.EPOLLIN)

    def run(self, until: float) -> None:
        """Send messages by turns until this moment of the monotonic clock."""
        begun = time.monotonic()
        for number in count():
            due = begun + number / self._rate
            if due > until:
                return
            self._receive(due)
            soaker = self.soakers[number % len(self.soakers)]
            while not soaker.charger.is_free:
                self._receive(time.monotonic() + PATIENCE_S, once=True)
            soaker.charger.send_next(time.perf_counter())
            if self._chance.random() < 1 / (5 * SESSION):
                self._reconnect(soaker)

    def settle(self) -> None:
        """Receive the answers that are still outstanding."""
        while any(not soaker.charger.is_free for soaker in self.soakers):
            self._receive(time.monotonic() + PATIENCE_S, once=True)

    def _reconnect(self, soaker: Soaker) -> None:
        """Reconnect a charger while its message is outstanding, so it never gets the answer."""
        del self._by_descriptor[soaker.charger.socket.fileno()]
        soaker.reconnect()
        self._watch(soaker)
        self.reconnects += 1

    def _receive(self, until: float, *, once: bool = False) -> None:
        """Receive answers until this moment, or only once."""
        while (left := until - time.monotonic()) > 0:
            for descriptor, _ in self._poll.poll(left):
                self.messages += self._by_descriptor[descriptor].charger.receive()
            if once:
                return


class Commands(threading.Thread):
    """A thread that sends a Call to one charger after the other."""

    def __init__(self, server: Ours, chargers: int) -> None:
        super().__init__(daemon=True)
        self.answered = self.failed = 0
        self._server, self._chargers = server, chargers
        self._ended = threading.Event()

    def run(self) -> None:
        for number in count():
            if self._ended.wait(1 / COMMANDS_A_SECOND):
                return
            name = f"charger-{number % self._chargers}"
            payload = {"vendorId": "de.example"}
            try:
                outcome = place_call(self._server.settings, name, "DataTransfer", payload)
                self.answered += outcome.confirmation is not None
                self.failed += outcome.confirmation is None
            # The charger is just reconnecting.
            except ShocppError as error:
                self.failed += 1
                print(f"a command to {name}: {error}", file=sys.stderr)

    def end(self) -> None:
        """Stop sending Calls."""
        self._ended.set()
        self.join()


def sample(server: Ours, minute: float, messages: int) -> Sample:
    """Measure the server."""
    wal = server.settings.database.with_name(f"{server.settings.database.name}-wal")
    pids = family(server.pid)
    fds = sum(map(descriptors, pids))
    return Sample(
        minute, messages, pss_kb(pids), fds, wal.stat().st_size // 1024, round(cpu_s(pids), 1)
    )


def compare(server: Ours, crowd: Crowd) -> str:
    """Compare acknowledged and booked energy; exit if they differ, else return a sentence."""
    with sqlite3.connect(server.settings.database) as db:
        booked = dict(
            db.execute(
                "SELECT charge_point_id, sum(consumed_wh) FROM accounting"
                " WHERE review IS NULL AND in_force GROUP BY charge_point_id"
            ).fetchall()
        )
        (waiting,) = db.execute("SELECT count(*) FROM review").fetchone()
    for soaker in crowd.soakers:
        if booked.get(soaker.name, 0) != soaker.acknowledged_wh:
            sys.exit(f"{soaker.name}: {soaker.acknowledged_wh} Wh, booked {booked[soaker.name]}")
    return f"{sum(booked.values()):,} Wh acknowledged and booked, {waiting} under review"


def main() -> None:
    """Print a line a minute, then the comparison."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--chargers", type=int, default=100)
    parser.add_argument("--rate", type=float, default=200.0)
    options = parser.parse_args()
    raise_descriptors()
    print(f"`python -m bench.soak --minutes {options.minutes:g}`, {machine()}\n")
    with servers.ours() as server:
        crowd = Crowd(f"ws://{servers.ADDRESS}:{server.port}", options.chargers, options.rate)
        commands = Commands(server, options.chargers)
        commands.start()
        begun = time.monotonic()
        print("| minute | messages | memory KB | descriptors | -wal KB | CPU s |")
        print("|---|---|---|---|---|---|", flush=True)
        for minute in range(1, int(options.minutes) + 1):
            crowd.run(begun + minute * 60)
            figures = sample(server, minute, crowd.messages)
            print(f"| {' | '.join(map(str, figures))} |", flush=True)
        crowd.settle()
        commands.end()
        print(f"\n{crowd.messages:,} messages, {crowd.reconnects} reconnects, ", end="")
        print(f"{commands.answered} commands answered, {commands.failed} not; ", end="")
        print(compare(server, crowd))


if __name__ == "__main__":
    main()
