"""The event loop of a process: it waits for descriptors, timers and other threads.

It knows no chargers. Everything runs in one thread, so the state of its callers needs no locks.
Every function that it calls must return at once: none may wait for a disk, a lock or a peer.
"""

import contextlib
import heapq
import itertools
import os
import selectors
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

IDLE_S = 60.0
"""The longest wait of one turn, in seconds."""


class Watchable(Protocol):
    """An object with a file descriptor."""

    def fileno(self) -> int:
        """Return the descriptor to watch."""


class Loop:
    """Descriptors, timers and posted functions. Other threads may call `call_soon` only."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        """Create a loop. A selector is given where epoll, the default, does not fit."""
        self._selector = selector or selectors.DefaultSelector()
        # The number keeps timers of the same moment in their order, and keeps the heap from
        # comparing functions, which raises TypeError.
        self._timers: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = itertools.count()
        # deque's append and popleft are atomic: `call_soon` needs no lock.
        self._posted: deque[Callable[[], None]] = deque()
        self._awake = False
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        self._selector.register(self._wake_reader, READ, self._receive_wake_up)

    def call_soon(self, function: Callable[[], None]) -> None:
        """Call a function in the loop's next turn; for any thread."""
        # Post first, wake second: a loop that is woken must find the function.
        self._posted.append(function)
        # `_awake` saves a system call for each function while a byte is in the pipe already.
        if not self._awake:
            self._awake = True
            # A full pipe wakes the loop as well as one more byte would.
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake_writer, b"!")

    def call_at(self, due: float, function: Callable[..., None], *arguments: object) -> None:
        """Call a function at a time of the monotonic clock, in seconds.

        A timer cannot be cancelled: its function checks whether it still has something to do.
        """
        heapq.heappush(self._timers, (due, next(self._numbers), function, arguments))

    def watch(self, source: Watchable, mask: int, ready: Callable[[int], None]) -> None:
        """Call `ready` each time that an event of the mask (READ, WRITE) occurs.

        `ready` gets the events that occurred. A second `watch` of a source replaces the first.
        """
        try:
            self._selector.modify(source, mask, ready)
        except KeyError:
            self._selector.register(source, mask, ready)

    def unwatch(self, source: Watchable) -> None:
        """Stop watching a source; raises KeyError if it is not watched."""
        self._selector.unregister(source)

    def has_posted(self) -> bool:
        """Return True if a posted function waits to be called."""
        return bool(self._posted)

    def turn(self, longest_s: float = IDLE_S) -> None:
        """Wait for an event, at most `longest_s` seconds, and handle all that have occurred."""
        now = time.monotonic()
        timeout_s = min(longest_s, self._timers[0][0] - now) if self._timers else longest_s
        for key, mask in self._selector.select(max(timeout_s, 0.0)):
            key.data(mask)
        self.run_posted()
        # Read the clock again: the functions above took time, and a timer may be due by now.
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, _, function, arguments = heapq.heappop(self._timers)
            function(*arguments)

    def run_posted(self) -> None:
        """Call the functions that other threads have posted, oldest first."""
        while self._posted:
            self._posted.popleft()()

    def _receive_wake_up(self, _mask: int) -> None:
        """Empty the wake-up pipe; the same turn calls the posted functions afterwards."""
        # Read first, then clear `_awake`. A thread that posts between the two writes no byte, but
        # its function is posted already and this turn calls it. In the opposite order, its byte
        # would be read here and the next thread would write none: a lost wake-up.
        os.read(self._wake_reader, 4096)
        self._awake = False
