"""The count of wrong tokens, cookies and invitations of each address: too many get a 429.

Every attempt is still checked, and a right secret is never refused: people behind one address must
not lock each other out, and nobody can guess 128 bits.
"""

import threading
import time

MOST, WINDOW_S = 100, 600.0
"""Wrong secrets of one address, in so many seconds, above which the answer is 429.

Workers share them evenly, so that all together never answer more of them with 401.
"""

MOST_ADDRESSES = 1_000
"""The addresses that are remembered: a flood cannot fill the memory."""


class WrongSecrets:
    """The wrong secrets of one of so many workers, by address; its method is for any thread."""

    def __init__(self, workers: int) -> None:
        self._most = MOST // workers
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[float, int]] = {}

    def add(self, address: str) -> bool:
        """Count a wrong secret of an address; return True if it has sent too many."""
        now = time.monotonic()
        with self._lock:
            # Forgetting all is safe: the counts only choose between 401 and 429.
            if len(self._counts) > MOST_ADDRESSES:
                self._counts.clear()
            since, count = self._counts.get(address, (now, 0))
            if now - since > WINDOW_S:
                since, count = now, 0
            self._counts[address] = (since, count + 1)
            return count >= self._most
