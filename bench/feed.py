"""The cost of the feed: per frame with 0, 1 and 1 000 subscribers, its memory, and delays.

    python -m bench.feed [FRAMES]

Each figure has its reference in the same run: the modes take turns, and a ratio is the median of
the ratios of the turns. A frame is a StatusNotification, one in each transaction, in a database on
tmpfs if there is one. `asleep` subscribers take nothing; `awake` ones take each change at once.
"""

import json
import logging
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from statistics import median, quantiles

from wsproto.events import TextMessage

from bench.machine import machine
from shocpp.bookkeeping.bookkeeping import Bookkeeping
from shocpp.bookkeeping.jobs import Receive
from shocpp.bookkeeping.posting import posting
from shocpp.central_system.feed import SIZE, Feed, Subscription
from shocpp.central_system.switchboard import Switchboard
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.tags import TagsFile
from shocpp.ocpp.connection import Connection
from shocpp.settings import Settings, read_settings
from shocpp.store.changes import CONNECTOR, Change
from shocpp.store.charge_points import connections
from shocpp.store.charge_points.connections import WorkerRow
from shocpp.store.database import Database, open_database
from shocpp.store.keys import EVERYTHING
from shocpp.store.schema.migrations import migrate
from tests.world.adopted import SocketCharger

TURNS = 7
MANY = 1_000
NOW_MS = 1_790_000_000_000


def main() -> None:
    """Print the tables."""
    logging.disable(logging.CRITICAL)
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    print(f"`python -m bench.feed`, {machine()}\n")
    with tempfile.TemporaryDirectory(prefix="feed-", dir=fast) as folder:
        settings = read_settings({"SHOCPP_HOME": folder, "TZ": "Europe/Berlin"})
        settings.tags_file.parent.mkdir()
        settings.tags_file.write_text("[]")
        migrate(settings.database, NOW_MS)
        with open_database(settings.database) as db:
            _print_costs(Worker(db, settings), frames)
        _print_memory()
        _print_delays(settings, frames)


class Worker:
    """The bookkeeping of a worker, and its feed; the caller does what its loop does."""

    def __init__(self, db: Database, settings: Settings) -> None:
        tags, chargers = TagsFile(settings.tags_file), AllowlistFile(settings.charge_points_file)
        self.books = Bookkeeping(db, tags, posting(db, settings), "bench", chargers)
        self.db = db
        self.feed = Feed()
        self._connection = Connection(55)
        self._frames = 0
        db.changes.worker = "bench"
        with db.writing(keys=EVERYTHING):
            connections.enter_worker(db, WorkerRow("bench", "no doorbell", 1), NOW_MS)
            connections.enter_worker(db, WorkerRow("other", "no doorbell", 1), NOW_MS)

    def watch(self, worker: str, watching: int) -> None:
        """Say in the row of a worker whether it watches."""
        with self.db.writing(keys=EVERYTHING):
            self.db.execute("UPDATE worker SET watching = ? WHERE worker = ?", (watching, worker))

    def us_a_frame(self, frames: int) -> float:
        """Return the CPU time of a frame, from its event to the last subscriber."""
        jobs = []
        for _ in range(frames):
            self._frames += 1
            state = {"connectorId": self._frames % 8, "status": "Available", "errorCode": "NoError"}
            text = json.dumps([2, str(self._frames), "StatusNotification", state])
            event = self._connection.receive(text, NOW_MS)
            jobs.append(Receive("token", "garage", text, NOW_MS, event))
        begun = time.process_time()
        for job in jobs:
            self.books.write([job], NOW_MS)
            changes = self.db.changes.take()
            if changes:
                self.feed.publish(changes)
        return (time.process_time() - begun) / frames * 1e6


def subscribe(feed: Feed, number: int, *, awake: bool) -> list[Subscription]:
    """Return subscriptions that take each change at once, or that take nothing."""
    subscriptions: list[Subscription] = []
    for position in range(number):

        def wake(position: int = position) -> None:
            if awake:
                subscriptions[position].take()

        subscriptions.append(feed.subscribe(wake))
        subscriptions[-1].take()
    return subscriptions


def _print_costs(worker: Worker, frames: int) -> None:
    modes = {
        "nobody watches": (0, False, ""),
        "1 subscriber, awake": (1, True, "bench"),
        f"{MANY:,} subscribers, asleep": (MANY, False, "bench"),
        f"{MANY:,} subscribers, awake": (MANY, True, "bench"),
        "another worker watches": (0, False, "other"),
    }
    us: dict[str, list[float]] = {mode: [] for mode in modes}
    worker.us_a_frame(frames)
    for _ in range(TURNS):
        for mode, (number, awake, watching) in modes.items():
            subscriptions = subscribe(worker.feed, number, awake=awake)
            if watching:
                worker.watch(watching, 1)
            us[mode].append(worker.us_a_frame(frames))
            if watching:
                worker.watch(watching, 0)
            for subscription in subscriptions:
                subscription.close()
    print("| | µs CPU a frame | of nobody |\n|---|---|---|")
    for mode, figures in us.items():
        ratio = median(
            ours / none for ours, none in zip(figures, us["nobody watches"], strict=True)
        )
        print(f"| {mode} | {median(figures):.0f} | {ratio:.2f} |")


def _print_memory() -> None:
    tracemalloc.start()
    feed = Feed()
    for number in range(SIZE):
        feed.publish([Change(CONNECTOR, f"garage {number}", number)])
    subscriptions: list[Subscription] = []
    before, _ = tracemalloc.get_traced_memory()
    subscriptions += subscribe(feed, MANY, awake=False)
    after, _ = tracemalloc.get_traced_memory()
    for number in range(SIZE):
        feed.publish([Change(CONNECTOR, f"garage {number}", number)])
    full, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(
        f"\nA full ring of {SIZE:,} different changes: {(full - after) / 1024:.0f} KiB;"
        f" a subscriber: {(after - before) / MANY:.0f} bytes."
    )


def ask(charger: SocketCharger, action: str, payload: dict[str, object]) -> float:
    """Send a Call, and return the time until its answer, in seconds."""
    begun = time.perf_counter()
    charger.send(json.dumps([2, "1", action, payload]))
    next(event for event in charger.events(10) if isinstance(event, TextMessage))
    return time.perf_counter() - begun


def _print_delays(settings: Settings, frames: int) -> None:
    """Print the times of a Heartbeat that comes with a change, with and without subscribers."""
    switchboard = Switchboard(settings)
    switchboard.start()
    changing, other = (SocketCharger(switchboard, name) for name in ("garage", "yard"))
    modes: dict[str, Callable[[], list[Subscription]]] = {
        "0": list,
        f"{MANY:,}, awake": lambda: subscribe(switchboard.feed, MANY, awake=True),
    }
    delays_s: dict[str, list[float]] = {mode: [] for mode in modes}
    with closing(changing.socket), closing(other.socket):
        for turn in range(TURNS):
            for mode, begin in modes.items():
                subscriptions = begin()
                for number in range(frames // TURNS):
                    state = {"connectorId": turn, "status": str(number), "errorCode": "NoError"}
                    ask(changing, "StatusNotification", state)
                    delays_s[mode].append(ask(other, "Heartbeat", {}))
                for subscription in subscriptions:
                    subscription.close()
    switchboard.stop()
    none = quantiles(delays_s["0"], n=100)
    print("\n| subscribers | Heartbeat p50 ms | p99 ms | of none |\n|---|---|---|---|")
    for mode, figures in delays_s.items():
        all_ms = quantiles(figures, n=100)
        ratio = f"{all_ms[49] / none[49]:.2f}, {all_ms[98] / none[98]:.2f}"
        print(f"| {mode} | {all_ms[49] * 1e3:.2f} | {all_ms[98] * 1e3:.2f} | {ratio} |")


if __name__ == "__main__":
    main()
