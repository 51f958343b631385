"""The loop of a process: waits for descriptors, for the time, and for other threads (a room).

It knows no chargers. Whatever it calls must return at once; nothing here waits for a disk, a lock
or a peer.
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


class Watchable(Protocol):
    """Anything with a descriptor."""

    def fileno(self) -> int:
        """The descriptor to watch."""


class Loop:
    """Descriptors, timers and posted actions; only `soon` is for other threads."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        self._selector = selector or selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = itertools.count()
        self._posted: deque[Callable[[], None]] = deque()
        self._awake = False
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        self._selector.register(self._wake_reader, READ, self._woken)

    def soon(self, action: Callable[[], None]) -> None:
        """Have the loop call this in its next turn."""
        self._posted.append(action)
        if not self._awake:
            self._awake = True
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake_writer, b"!")

    def at(self, due: float, action: Callable[..., None], *about: object) -> None:
        """Call this at a time of the monotonic clock."""
        heapq.heappush(self._timers, (due, next(self._numbers), action, about))

    def watch(self, thing: Watchable, mask: int, ready: Callable[[int], None]) -> None:
        """Call `ready` with what of the mask has come true, each time it is so."""
        try:
            self._selector.modify(thing, mask, ready)
        except KeyError:
            self._selector.register(thing, mask, ready)

    def unwatch(self, thing: Watchable) -> None:
        """Watch this no longer."""
        self._selector.unregister(thing)

    def has_posted(self) -> bool:
        """Whether something waits to be called."""
        return bool(self._posted)

    def turn(self, longest_s: float = IDLE_S) -> None:
        """Wait for the next thing to happen and deal with all that has."""
        now = time.monotonic()
        patience = min(longest_s, self._timers[0][0] - now) if self._timers else longest_s
        for key, mask in self._selector.select(max(patience, 0.0)):
            key.data(mask)
        self.run_posted()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, _, action, about = heapq.heappop(self._timers)
            action(*about)

    def run_posted(self) -> None:
        """Call what other threads have posted."""
        while self._posted:
            self._posted.popleft()()

    def _woken(self, _mask: int) -> None:
        # In this order: whoever posts between the two has already left what there is to see, and
        # this turn looks at it. The other way round its byte is read and the next one suppressed.
        os.read(self._wake_reader, 4096)
        self._awake = False
