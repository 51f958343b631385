"""A soak: chargers for a long time, with reconnects and commands, and the books compared.

    python -m bench.soak [--minutes 20] [--chargers 100] [--rate 200]

Every charger tells whole sessions; together they send so many messages a second. Each comes anew
after a few sessions, now and then in the middle of one, and is asked something by a command now and
then. Once a minute: memory (PSS) and descriptors of the server, the size of the -wal. At the end
every Wh that was acknowledged must be booked, once.
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
from bench.chargers import PATIENCE_S, Charger, Numbers, Talk, sessions
from bench.machine import cpu_s, descriptors, family, machine, pss_kb, raise_descriptors
from bench.servers import Ours
from shocpp.calls.placing import place_call
from shocpp.errors import ShocppError

SESSION = 9
"""Messages of one."""

SESSION_WH = 500
COMMANDS_A_SECOND = 2.0


class Sample(NamedTuple):
    """What the server holds at a moment."""

    minute: float
    messages: int
    pss_kb: int
    descriptors: int
    wal_kb: int
    cpu_s: float


class Soaker:
    """One charger: what it says goes on where the last connection was cut."""

    def __init__(self, url: str, number: int) -> None:
        self.name = f"charger-{number}"
        self.acknowledged_wh = 0
        self._url = url
        self._talk: Talk = sessions(Numbers())
        self._said = 0
        self.charger = Charger(url, self.name, lambda _: self._told())

    def _told(self) -> Talk:
        """The talk, whose stops are counted when they are answered."""
        frame = next(self._talk)
        while True:
            answer = yield frame
            self._said += 1
            if self._said % SESSION == 8:
                self.acknowledged_wh += SESSION_WH
            frame = self._talk.send(answer)

    def come_again(self) -> None:
        """On a new connection."""
        self.charger.come_again(self._url, self.name)


class Crowd:
    """All of them, and the pace at which they speak."""

    def __init__(self, url: str, chargers: int, rate: float) -> None:
        self.soakers = [Soaker(url, number) for number in range(chargers)]
        self.messages = self.reconnects = 0
        self._rate = rate
        self._chance = random.Random(7)
        self._poll = select.epoll()
        self._by_descriptor: dict[int, Soaker] = {}
        for soaker in self.soakers:
            soaker.come_again()
            self._watch(soaker)

    def _watch(self, soaker: Soaker) -> None:
        descriptor = soaker.charger.socket.fileno()
        self._by_descriptor[descriptor] = soaker
        self._poll.register(descriptor, select.EPOLLIN)

    def run(self, until: float) -> None:
        """By turns, until that moment of the monotonic clock."""
        begun = time.monotonic()
        for number in count():
            due = begun + number / self._rate
            if due > until:
                return
            self._hear(due)
            soaker = self.soakers[number % len(self.soakers)]
            while not soaker.charger.is_free:
                self._hear(time.monotonic() + PATIENCE_S, once=True)
            soaker.charger.say(time.perf_counter())
            if self._chance.random() < 1 / (5 * SESSION):
                self._come_again(soaker)

    def settle(self) -> None:
        """Hear the answers that are still on their way."""
        while any(not soaker.charger.is_free for soaker in self.soakers):
            self._hear(time.monotonic() + PATIENCE_S, once=True)

    def _come_again(self, soaker: Soaker) -> None:
        """With a question on its way, whose answer it never hears."""
        del self._by_descriptor[soaker.charger.socket.fileno()]
        soaker.come_again()
        self._watch(soaker)
        self.reconnects += 1

    def _hear(self, until: float, *, once: bool = False) -> None:
        while (left := until - time.monotonic()) > 0:
            for descriptor, _ in self._poll.poll(left):
                self.messages += self._by_descriptor[descriptor].charger.hear()
            if once:
                return


class Commands(threading.Thread):
    """Asks one charger after the other."""

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
            question = {"vendorId": "de.example"}
            try:
                outcome = place_call(self._server.settings, name, "DataTransfer", question)
                self.answered += outcome.confirmation is not None
                self.failed += outcome.confirmation is None
            except ShocppError as error:  # a charger that is just coming again
                self.failed += 1
                print(f"a command to {name}: {error}", file=sys.stderr)

    def end(self) -> None:
        self._ended.set()
        self.join()


def sample(server: Ours, minute: float, messages: int) -> Sample:
    wal = server.settings.database.with_name(f"{server.settings.database.name}-wal")
    pids = family(server.pid)
    fds = sum(map(descriptors, pids))
    return Sample(
        minute, messages, pss_kb(pids), fds, wal.stat().st_size // 1024, round(cpu_s(pids), 1)
    )


def compare(server: Ours, crowd: Crowd) -> str:
    """What was acknowledged, beside what is booked; ends where they differ."""
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
    asked = parser.parse_args()
    raise_descriptors()
    print(f"`python -m bench.soak --minutes {asked.minutes:g}`, {machine()}\n")
    with servers.ours() as server:
        crowd = Crowd(f"ws://{servers.ADDRESS}:{server.port}", asked.chargers, asked.rate)
        commands = Commands(server, asked.chargers)
        commands.start()
        begun = time.monotonic()
        print("| minute | messages | memory KB | descriptors | -wal KB | CPU s |")
        print("|---|---|---|---|---|---|", flush=True)
        for minute in range(1, int(asked.minutes) + 1):
            crowd.run(begun + minute * 60)
            told = sample(server, minute, crowd.messages)
            print(f"| {' | '.join(map(str, told))} |", flush=True)
        crowd.settle()
        commands.end()
        print(f"\n{crowd.messages:,} messages, {crowd.reconnects} reconnects, ", end="")
        print(f"{commands.answered} commands answered, {commands.failed} not; ", end="")
        print(compare(server, crowd))


if __name__ == "__main__":
    main()
