"""The rate of new connections of one Charge Point.

Each connection costs the loop a millisecond. One that is opened and closed hundreds of times a
second would delay all other Charge Points.
"""

import threading

MOST_CONNECTIONS, WINDOW_S = 300, 60.0
"""The most connections of one Charge Point in so many seconds.

openWB opens one for each message; a charger that reconnects in a loop opens one or two a second.
"""

MOST_KEYS = 10_000
"""The most Charge Points that are remembered: anybody can invent names."""


class ConnectionRate:
    """The connections of each Charge Point in its window; the method is for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}

    def is_exceeded(self, key: str, now: float) -> bool:
        """Count a connection; return True if there were too many in this window.

        `key` is an identity key or an address; `now` is monotonic.
        """
        with self._lock:
            since, connections = self._windows.get(key, (now, 0))
            if now - since > WINDOW_S:
                since, connections = now, 0
            # Forgetting all is safe: each Charge Point only begins a new window.
            if len(self._windows) >= MOST_KEYS:
                self._windows.clear()
            self._windows[key] = since, connections + 1
        return connections >= MOST_CONNECTIONS
