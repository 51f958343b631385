"""Polls of a device over HTTP each few seconds, in a thread of their own.

A device that hangs must not delay a decision. Readings wait until the leader takes them.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from shocpp.clock import now_ms
from shocpp.errors import ShocppError

log = logging.getLogger(__name__)

MOST_WAITING = 100
"""Readings that wait for the leader at most, the newest."""

Reading = TypeVar("Reading")


class Polling(ABC, Generic[Reading]):
    """The polls of one device, from `start` to `stop`.

    trouble     the reason why the last poll failed, or None
    failed_ms   since when all polls have failed, None if the last one did not
    """

    def __init__(self, name: str, every_s: int, wake: Callable[[], object]) -> None:
        """Create it without a thread; `wake` is called after each reading."""
        self.trouble: str | None = None
        self.failed_ms: int | None = None
        self._name, self._every_s, self._wake = name, every_s, wake
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._readings: list[Reading] = []

    @abstractmethod
    def _read(self) -> Reading:
        """Return a reading; raises ShocppError with the reason."""

    def start(self) -> None:
        """Poll from now on."""
        threading.Thread(target=self._run, name="polling", daemon=True).start()

    def stop(self) -> None:
        """End the polls; one that is under way is not awaited."""
        self._ended.set()

    def take(self) -> list[Reading]:
        """Return the readings since the last call, the oldest first."""
        with self._lock:
            readings, self._readings = self._readings, []
        return readings

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(due - time.monotonic(), 0)):
            # By a fixed beat, but never one poll right after the other for lost time.
            due = max(due + self._every_s, time.monotonic())
            begun_ms = now_ms()
            try:
                reading = self._read()
            except ShocppError as error:
                self._note(str(error), begun_ms)
                continue
            if self._ended.is_set():
                return
            self._note(None, begun_ms)
            with self._lock:
                self._readings = [*self._readings, reading]
                del self._readings[:-MOST_WAITING]
            self._wake()

    def _note(self, trouble: str | None, begun_ms: int) -> None:
        """Log a reason once, and its end."""
        if trouble is None:
            self.failed_ms = None
        elif self.failed_ms is None:
            self.failed_ms = begun_ms
        if trouble == self.trouble:
            return
        self.trouble = trouble
        if trouble is None:
            log.info("%s answers", self._name)
        else:
            log.warning("%s", trouble)
