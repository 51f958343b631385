"""The feed: the changes that were committed, for all who watch them (pages, MQTT, relays).

    bounded   The changes are in a ring of fixed size; each subscriber is a position in it.
    O(1)      To publish a change costs the same with one subscriber and with thousands.
    woken     A subscriber that has taken all changes sleeps. The next change wakes it once; it is
              woken again only after it has taken the changes.
    slow      A subscriber that the ring has passed is told to start over: it reads the whole state
              and misses none. No subscriber can make the loop or another subscriber wait.

Only the loop publishes. Subscribers may live in any thread. Nothing here takes a lock: the loop
would have to wait for a thread that was interrupted while it holds the lock.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Sequence

from shocpp.store.changes import START_OVER, Change

SIZE = 4_096
"""The changes in the ring: half a minute of 1 000 chargers that send readings every 10 s."""


class Subscription:
    """One subscriber's position in the feed, for one thread at a time."""

    __slots__ = ("_feed", "_is_asleep", "_position", "_wake", "is_closed")

    def __init__(self, feed: "Feed", wake: Callable[[], None]) -> None:
        self._feed = feed
        self._wake = wake
        self._is_asleep = False
        # The ring has passed this position: the first `take` says to start over.
        self._position = feed.end - len(feed.ring)
        self.is_closed = False

    def take(self) -> list[Change]:
        """Return the changes since the last call, each once, and sleep until the next one.

        Returns [START_OVER] the first time, and if too many changes have come since.
        """
        # Asleep first, then the changes: one that is published in between wakes for nothing. In
        # the opposite order nobody would be woken for it.
        if not self._is_asleep:
            self._is_asleep = True
            self._feed.sleeping.append(self)
        ring = self._feed.ring
        size, begin, end = len(ring), self._position, self._feed.end
        self._position = end
        if begin == end:
            return []
        if end - begin < size:
            first, last = begin % size, end % size
            changes = ring[first:last] if first < last else ring[first:] + ring[:last]
            # The loop may have written over the oldest ones meanwhile.
            if self._feed.end - begin < size:
                return list(dict.fromkeys(changes))
        return [START_OVER]

    def wake(self) -> None:
        """Call the subscriber's function; for the feed."""
        self._is_asleep = False
        if not self.is_closed:
            self._wake()

    def close(self) -> None:
        """End the subscription. Its function may be called once more by a change at this moment."""
        self.is_closed = True
        self._feed.leave(self)


class Feed:
    """The changes that this process publishes.

    ring      the newest changes
    end       the number of changes so far: the next one goes to this position, modulo the size
    sleeping  the subscribers that the next change wakes
    """

    def __init__(self, watch: Callable[[], None] = lambda: None, size: int = SIZE) -> None:
        """Create a feed; `watch` is called in any thread when `is_watched` has changed."""
        self.ring = [START_OVER] * size
        self.end = 0
        self.sleeping: deque[Subscription] = deque()
        self._watch = watch
        self._subscriptions: set[Subscription] = set()

    def is_watched(self) -> bool:
        """Return True if there is a subscriber; for any thread."""
        return bool(self._subscriptions)

    def subscribe(self, wake: Callable[[], None]) -> Subscription:
        """Return a new subscription; for any thread.

        `wake` is called in the loop when there are changes to take. It must return at once and must
        not raise; it may take the changes, or have another thread take them.
        """
        subscription = Subscription(self, wake)
        self._subscriptions.add(subscription)
        if len(self._subscriptions) == 1:
            self._watch()
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """Forget a subscription that has been closed; for any thread."""
        self._subscriptions.discard(subscription)
        with contextlib.suppress(ValueError):
            self.sleeping.remove(subscription)
        if not self._subscriptions:
            self._watch()

    def publish(self, changes: Sequence[Change]) -> None:
        """Publish committed changes, and wake the subscribers that sleep; for the loop."""
        if not self._subscriptions:
            return
        ring, size = self.ring, len(self.ring)
        for change in changes:
            if change is START_OVER or change == START_OVER:
                # All positions are now behind the ring.
                self.end += size
            else:
                # Not counted before it is in its place: another thread may be reading.
                ring[self.end % size] = change
                self.end += 1
        self._wake_sleeping()

    def _wake_sleeping(self) -> None:
        # Not more than now: a subscriber that takes the changes at once sleeps again.
        for _ in range(len(self.sleeping)):
            # Another thread may have closed the last ones meanwhile.
            with contextlib.suppress(IndexError):
                self.sleeping.popleft().wake()
