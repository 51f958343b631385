"""The feed: whatever the speeds of its subscribers, none misses the last state of anything."""

import functools
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.central_system import feed as feed_module
from shocpp.central_system.feed import Feed
from shocpp.store.changes import CONNECTOR, POWER, START_OVER, Change

SIZE = 8
CHANGES = [Change(CONNECTOR, "garage", number) for number in range(SIZE + 1)]


class Watcher:
    """A subscriber with a copy of the state: it reads what it is told has changed."""

    def __init__(self, feed: Feed, state: dict[Change, int]) -> None:
        self.copy: dict[Change, int] = {}
        self.wakes = 0
        self.starts = 0
        self._state = state
        self.subscription = feed.subscribe(self._wake)

    def _wake(self) -> None:
        self.wakes += 1

    def take(self) -> list[Change]:
        """Take the changes, and read the present state of each."""
        changes = self.subscription.take()
        if changes == [START_OVER]:
            self.starts += 1
            self.copy = dict(self._state)
        else:
            self.copy |= {change: self._state[change] for change in changes}
        return changes


def test_a_subscriber_starts_over_first_and_then_takes_each_change_once() -> None:
    feed = Feed()
    subscription = feed.subscribe(lambda: None)
    assert subscription.take() == [START_OVER]
    assert subscription.take() == []
    feed.publish([CHANGES[0], CHANGES[1], CHANGES[0]])
    feed.publish([CHANGES[1]])
    assert subscription.take() == [CHANGES[0], CHANGES[1]]
    assert subscription.take() == []


def test_a_sleeping_subscriber_is_woken_once_until_it_takes() -> None:
    feed = Feed()
    watcher = Watcher(feed, dict.fromkeys(CHANGES, 0))
    feed.publish(CHANGES)
    assert watcher.wakes == 0
    watcher.take()
    watcher.take()
    feed.publish(CHANGES)
    feed.publish(CHANGES)
    assert watcher.wakes == 1
    watcher.take()
    feed.publish(CHANGES)
    assert watcher.wakes == 2


def test_a_subscriber_may_take_the_changes_while_it_is_woken() -> None:
    feed, taken = Feed(), list[Change]()
    subscription = feed.subscribe(lambda: taken.extend(subscription.take()))
    subscription.take()
    for change in CHANGES:
        feed.publish([change])
    assert taken == CHANGES


def test_a_subscriber_that_the_ring_has_passed_starts_over() -> None:
    feed = Feed(size=SIZE)
    subscription = feed.subscribe(lambda: None)
    subscription.take()
    for number in range(SIZE - 1):
        feed.publish([Change(POWER, "garage", number)])
    assert len(subscription.take()) == SIZE - 1
    for number in range(SIZE):
        feed.publish([Change(POWER, "garage", number)])
    assert subscription.take() == [START_OVER]
    feed.publish([START_OVER])
    assert subscription.take() == [START_OVER]


def test_a_closed_subscription_is_not_woken_and_the_feed_tells_when_it_is_watched() -> None:
    watched: list[bool] = []
    feed = Feed(lambda: watched.append(feed.is_watched()))
    first, second = Watcher(feed, {}), Watcher(feed, {})
    first.take()
    second.take()
    first.subscription.close()
    feed.publish([START_OVER])
    assert (first.wakes, second.wakes) == (0, 1)
    second.take()
    second.subscription.close()
    assert watched == [True, False]
    assert not feed.sleeping


@given(st.lists(st.integers(-3, len(CHANGES) - 1), max_size=60))
def test_no_subscriber_misses_a_state_at_any_speed(steps: list[int]) -> None:
    """A step is the number of a change, or below zero the watcher that takes all so far."""
    state = dict.fromkeys(CHANGES, 0)
    feed = Feed(size=SIZE)
    watchers = [Watcher(feed, state) for _ in range(3)]
    for version, step in enumerate(steps, 1):
        if step < 0:
            watchers[step].take()
            assert watchers[step].copy == state
        else:
            state[CHANGES[step]] = version
            feed.publish([CHANGES[step]])
    for watcher in watchers:
        watcher.take()
        assert watcher.copy == state
        # Each wake-up is one that a `take` has asked for.
        assert watcher.wakes <= len(steps)


def interrupted(function: Callable[[], object], by: Callable[[], object], at: int) -> bool:
    """Call a function, and another one before the bytecode with this number in feed.py.

    So the second one runs where another thread could. Return True if there was such a bytecode.
    """
    left = [at]

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename != feed_module.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left[0] -= 1
            if left[0] == 0:
                sys.settrace(None)
                by()
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(former)
    return left[0] <= 0


@pytest.mark.parametrize("before", [0, 1, SIZE - 1, SIZE])
@pytest.mark.parametrize("times", [1, 2, SIZE])
@pytest.mark.parametrize("interrupts", ["publish", "take"])
def test_no_state_is_lost_if_a_thread_interrupts_another(
    before: int, times: int, interrupts: str
) -> None:
    """At each bytecode: a publish within a take, or a take within a publish."""
    for bytecode in itertools.count(1):
        state = dict.fromkeys(CHANGES, 0)
        feed = Feed(size=SIZE)
        watcher = Watcher(feed, state)

        def publish(
            changes: Iterable[Change], state: dict[Change, int] = state, feed: Feed = feed
        ) -> None:
            for change in changes:
                state[change] += 1
                feed.publish([change])

        watcher.take()
        # Other changes than those of the interrupted call, which would bring them again.
        publish(itertools.islice(itertools.cycle(CHANGES[1:]), before))
        watcher.wakes = 0
        calls = [watcher.take, functools.partial(publish, [CHANGES[0]] * times)]
        if interrupts == "take":
            calls.reverse()
        if not interrupted(*calls, bytecode):
            break
        # A subscriber that is not woken takes nothing more.
        if watcher.wakes:
            watcher.take()
        assert watcher.copy == state, bytecode
    assert bytecode > 20


@pytest.fixture
def switching_often() -> Iterator[None]:
    """Have threads interrupt each other within their loops."""
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval_s)


@pytest.mark.usefixtures("switching_often")
def test_subscribers_in_other_threads_reach_the_last_state_without_a_poll() -> None:
    state, feed = dict.fromkeys(CHANGES, 0), Feed(size=64)
    last, watchers, has_passed = 20_000, list[Watcher](), threading.Event()

    def watch(pause_s: float, *, is_slow: bool = False) -> None:
        woken = threading.Event()
        watcher = Watcher(feed, state)
        watcher.subscription.close()
        watcher.subscription = feed.subscribe(woken.set)
        watcher.take()
        watchers.append(watcher)
        if is_slow:
            assert has_passed.wait(20)
        while True:
            watcher.take()
            if max(watcher.copy.values(), default=0) == last:
                return
            # A lost wake-up would last for ever.
            assert woken.wait(20)
            woken.clear()
            time.sleep(pause_s)

    threads = [threading.Thread(target=watch, args=(pause_s,)) for pause_s in (0, 0, 0.0002)]
    threads.append(threading.Thread(target=watch, args=(0,), kwargs={"is_slow": True}))
    for thread in threads:
        thread.start()
    while len(watchers) < len(threads):
        time.sleep(0.001)
    for version in range(1, last + 1):
        change = CHANGES[version % len(CHANGES)]
        state[change] = version
        feed.publish([change])
        if version == 2 * len(feed.ring):
            has_passed.set()
    for thread in threads:
        thread.join(30)
    assert [watcher.copy for watcher in watchers] == [state] * len(threads)
    assert max(watcher.starts for watcher in watchers) > 1
