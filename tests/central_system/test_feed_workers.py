"""The feed of two workers on one database: 1 000 subscribers, real sockets, another process."""

import functools
import json
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from wsproto.events import TextMessage

from shocpp.central_system.feed import SIZE
from shocpp.central_system.switchboard import Switchboard
from shocpp.store.changes import CHARGER, CONNECTOR, REVIEW, START_OVER, Change
from tests.world.adopted import SocketCharger
from tests.world.home import Home
from tests.world.machine import wait_for

SUBSCRIBERS = 500
"""The subscribers of each worker."""


class Worker:
    """A switchboard of this process, and a connection to the database for its subscribers."""

    def __init__(self, home: Home) -> None:
        self.board = Switchboard(home.settings)
        self.board.start()
        self._db = sqlite3.connect(home.database, check_same_thread=False, isolation_level=None)
        self._lock = threading.Lock()

    def stop(self) -> None:
        """End the switchboard."""
        self.board.stop()
        self._db.close()

    def query(self, sql: str, *values: object) -> list[Any]:
        """Return rows of the present state."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()


class Subscriber:
    """A subscriber with a copy of the states of all connectors, and the other changes."""

    def __init__(self, worker: Worker) -> None:
        self.states: dict[tuple[str, int], str] = {}
        self.kinds: list[str] = []
        self.starts = 0
        self.is_slow = False
        self._worker = worker
        self._woken = threading.Event()
        self.subscription = worker.board.feed.subscribe(self._wake)

    def _wake(self) -> None:
        self._woken.set()
        if not self.is_slow:
            self.take()

    def take(self) -> None:
        """Take the changes, and read the present states of what has changed."""
        self._woken.clear()
        for change in self.subscription.take():
            if change == START_OVER:
                self.starts += 1
                self.states = dict(self._read(""))
            elif change.kind == CONNECTOR:
                key = (change.charge_point_id, change.connector_id)
                condition = " WHERE charge_point_id = ? AND connector_id = ?"
                self.states |= dict(self._read(condition, *key))
            else:
                self.kinds.append(change.kind)

    def watch(self) -> None:
        """Take the changes in this thread whenever the feed has some."""
        while not self.subscription.is_closed:
            if self._woken.wait(0.05):
                self.take()

    def _read(self, condition: str, *values: object) -> Iterator[tuple[tuple[str, int], str]]:
        rows = self._worker.query(
            "SELECT charge_point_id, connector_id, status FROM connector"
            f" JOIN charge_point ON charge_point.id = charge_point{condition}",
            *values,
        )
        return (((name, connector_id), status) for name, connector_id, status in rows)


@pytest.fixture
def workers(migrated_home: Home) -> Iterator[tuple[Worker, Worker]]:
    first, second = Worker(migrated_home), Worker(migrated_home)
    yield first, second
    first.stop()
    second.stop()


def say(charger: SocketCharger, action: str, payload: dict[str, object]) -> Any:
    """Send a Call, and return the payload of its confirmation."""
    charger.send(json.dumps([2, "1", action, payload]))
    answer = next(event for event in charger.events(10) if isinstance(event, TextMessage))
    return json.loads(answer.data)[2]


def report(charger: SocketCharger, connector_id: int, status: str) -> None:
    """Report the state of a connector."""
    state = {"connectorId": connector_id, "status": status, "errorCode": "NoError"}
    say(charger, "StatusNotification", state)


def begin(workers: tuple[Worker, Worker]) -> list[Subscriber]:
    """Subscribe at both workers, and wait until both of them watch."""
    subscribers = [Subscriber(worker) for worker in workers for _ in range(SUBSCRIBERS)]
    for subscriber in subscribers:
        subscriber.take()
    wait_for(lambda: workers[0].query("SELECT sum(watching) FROM worker") == [(2,)])
    return subscribers


def charge(workers: tuple[Worker, Worker]) -> dict[tuple[str, int], str]:
    """Let a charger of each worker report states; return the last ones of all connectors."""
    for worker, name in zip(workers, ("garage", "yard"), strict=True):
        charger = SocketCharger(worker.board, name)
        for status in ("Preparing", "Charging", "SuspendedEV", "Finishing"):
            report(charger, 1, status)
            report(charger, 2, status)
    return {(name, number): "Finishing" for name in ("garage", "yard") for number in (1, 2)}


def test_a_thousand_subscribers_of_two_workers_miss_no_state(
    workers: tuple[Worker, Worker],
) -> None:
    subscribers = begin(workers)
    # Most take the changes in the loop, one of each worker in a thread of its own.
    in_threads = subscribers[0], subscribers[-1]
    threads = [threading.Thread(target=subscriber.watch) for subscriber in in_threads]
    for subscriber, thread in zip(in_threads, threads, strict=True):
        subscriber.is_slow = True
        thread.start()
    last = charge(workers)
    wait_for(lambda: all(subscriber.states == last for subscriber in subscribers))
    for subscriber, thread in zip(in_threads, threads, strict=True):
        subscriber.subscription.close()
        thread.join(5)


def test_a_subscriber_that_is_too_slow_starts_over_and_has_the_whole_state(
    workers: tuple[Worker, Worker],
) -> None:
    board = workers[0].board
    slow, fast = Subscriber(workers[0]), Subscriber(workers[0])
    wait_for(lambda: workers[0].query("SELECT sum(watching) FROM worker") == [(1,)])
    slow.take()
    slow.is_slow = True
    fast.take()
    last = charge(workers)
    wait_for(lambda: fast.states == last)
    # More changes than the ring holds.
    for begin in (0, SIZE // 2):
        strangers = [Change(CHARGER, f"stranger {row}") for row in range(begin, begin + SIZE // 2)]
        board.later(0, functools.partial(board.feed.publish, strangers))
    wait_for(lambda: fast.kinds.count(CHARGER) >= SIZE)
    starts = slow.starts
    slow.take()
    assert slow.starts == starts + 1
    assert slow.states == last


def test_the_changes_of_a_command_reach_the_subscribers_of_all_workers(
    migrated_home: Home, workers: tuple[Worker, Worker]
) -> None:
    subscribers = begin(workers)
    garage = SocketCharger(workers[0].board, "garage")
    start = {"connectorId": 1, "idTag": "3333", "meterStart": 0, "timestamp": "2026-10-01T05:00Z"}
    sent = say(garage, "StartTransaction", start)["transactionId"]
    # More than a charger can deliver: a case for review.
    stop = {"transactionId": sent, "meterStop": 990_000, "timestamp": "2026-10-01T07:00:00Z"}
    say(garage, "StopTransaction", stop)
    wait_for(lambda: all(REVIEW in one.kinds for one in subscribers))
    for subscriber in subscribers:
        subscriber.kinds.clear()
    by = ("--by", "anna", "--why", "test", "--yes")
    decided = migrated_home.run("shocpp", "review", "dismiss", "1", *by)
    assert decided.returncode == 0, decided.stderr
    wait_for(lambda: all(REVIEW in one.kinds for one in subscribers))


def test_the_notices_end_with_the_last_subscriber(workers: tuple[Worker, Worker]) -> None:
    first, _ = workers
    subscriber = Subscriber(first)
    wait_for(lambda: first.query("SELECT sum(watching) FROM worker") == [(1,)])
    subscriber.subscription.close()
    wait_for(lambda: first.query("SELECT sum(watching) FROM worker") == [(0,)])
    report(SocketCharger(workers[1].board, "yard"), 1, "Available")
    assert first.query("SELECT count(*) FROM change_notice") == [(0,)]
