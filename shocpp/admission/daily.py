"""Events that are logged once a day for each charger, because it repeats them for ever."""

import threading

from shocpp.clock import now_ms

DAY_MS = 86_400_000

MOST_NAMES = 1_000
"""The most names that are remembered, so that those of strangers cannot fill the memory."""


class OnceADay:
    """The names that had an event today (UTC); its method is for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._day = 0
        self._names: set[str] = set()

    def is_first(self, name: str) -> bool:
        """Return True if this is the first event of a name today, and remember it."""
        day = now_ms() // DAY_MS
        with self._lock:
            if day != self._day or len(self._names) >= MOST_NAMES:
                self._day, self._names = day, set()
            is_first = name not in self._names
            self._names.add(name)
        return is_first
