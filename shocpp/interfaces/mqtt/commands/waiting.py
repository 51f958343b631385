"""The commands that wait for the thread that executes them: the newest of each topic."""

import threading
from typing import NamedTuple

MOST_WAITING = 64
"""Topics whose newest command waits at most: anybody at the broker can invent more."""

LONGEST_TOPIC, LONGEST_PAYLOAD = 4_000, 100
"""The most characters of a topic, and bytes of a payload, that are kept."""


class Message(NamedTuple):
    """A command as it came."""

    topic: str
    payload: bytes


class WaitingCommands:
    """The newest command of each topic that waits; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._payloads: dict[str, bytes] = {}

    def add(self, topic: str, payload: bytes) -> bool:
        """Keep a command in place of the older one of its topic; return False if too many wait."""
        with self._lock:
            is_full = topic not in self._payloads and len(self._payloads) >= MOST_WAITING
            if is_full or len(topic) > LONGEST_TOPIC:
                return False
            # A longer payload stays too long.
            self._payloads[topic] = payload[: LONGEST_PAYLOAD + 1]
            return True

    def take(self) -> list[Message]:
        """Return what waits, and forget it."""
        # Held for a moment only: the client's thread waits for it.
        with self._lock:
            waiting, self._payloads = self._payloads, {}
        return [Message(topic, payload) for topic, payload in waiting.items()]
