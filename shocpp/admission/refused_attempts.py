"""Count the attempts that were refused, and tell when an address has failed too often (429).

The log and the database hear of refused attempts once a second, so that a flood of them costs
little. A correct password is never refused, however many wrong ones came from its address before.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from shocpp.admission.decision import Attempt, NotAdmitted
from shocpp.clock import now_ms
from shocpp.store.charge_points.admissions import RefusedAttempts

log = logging.getLogger(__name__)


REPORT_EVERY_S = 1.0


MOST_KINDS = 100
"""Kinds of refused attempts that are remembered between two reports."""


PATIENCE, PATIENCE_S = 10, 60.0


class Refusals:
    """The attempts that failed, told once a second to the books and the log. For any thread.

    `report` writes them down; `later` has this process call something after so many seconds.
    """

    def __init__(
        self,
        report: Callable[[Iterable[RefusedAttempts]], None],
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._report = report
        self._later = later
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str, str], RefusedAttempts] = {}
        self._untold = 0
        self._failures: dict[str, tuple[float, int]] = {}

    def add(self, attempt: Attempt, refused: NotAdmitted) -> bool:
        """Take a failed attempt; returns whether there are too many of its address by now."""
        name, address = attempt.charge_point_id or "", attempt.address
        key = (name, address, refused.reason)
        with self._lock:
            first = not self._waiting
            known = self._waiting.get(key)
            attempts = known.attempts + 1 if known else 1
            if known or len(self._waiting) < MOST_KINDS:
                self._waiting[key] = RefusedAttempts(*key, refused.told, attempts, now_ms())
            else:
                self._untold += 1
            too_many = self._count(address)
        if first:
            self._later(REPORT_EVERY_S, self._tell)
        return too_many

    def _count(self, address: str) -> bool:
        now = time.monotonic()
        if len(self._failures) > MOST_KINDS:
            self._failures.clear()
        since, failures = self._failures.get(address, (now, 0))
        if now - since > PATIENCE_S:
            since, failures = now, 0
        self._failures[address] = (since, failures + 1)
        return failures >= PATIENCE

    def _tell(self) -> None:
        with self._lock:
            waiting, self._waiting = list(self._waiting.values()), {}
            untold, self._untold = self._untold, 0
        for one in waiting:
            name, told = one.charge_point_id or "a charger without a name", one.told
            often = f", {one.attempts} times" if one.attempts > 1 else ""
            what = f"{one.reason} {told!r}" if told else one.reason
            log.warning("%r from %s is not let in: %s%s", name, one.address, what, often)
        if untold:
            log.warning("%d more attempts to come in were refused", untold)
        self._report(waiting)
