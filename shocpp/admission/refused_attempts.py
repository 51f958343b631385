"""Refused attempts: when an address has failed too often (429), the log and the database.

`Refusals.add` decides about 429: from the MAX_FAILURES-th refused attempt of an address within
WINDOW_S on it returns True. The answer is then 429 instead of 401, and nothing else changes: every
attempt is still checked, and a correct password is never refused.

Attempts go to the log and the database once a second, added up, so that a flood costs little.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from shocpp.admission.decision import NOT_CHECKED, WRONG_SETTINGS, Attempt, NotAdmitted
from shocpp.clock import now_ms
from shocpp.store.charge_points.admissions import RefusedAttempts

log = logging.getLogger(__name__)


MAX_FAILURES, WINDOW_S = 10, 60.0
"""Refused attempts of one address, in so many seconds, from which on the answer is 429."""

REPORT_EVERY_S = 1.0

MAX_KINDS = 100
"""Kinds of refused attempts, and addresses, that are remembered: a flood cannot fill the memory."""


class Refusals:
    """The refused attempts of one process; its methods are for any thread.

    A kind of attempts has the same identity, address and reason.
    """

    def __init__(
        self,
        report: Callable[[Iterable[RefusedAttempts]], None],
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        """Create an empty count.

        `report` records attempts in the database; `later` calls a function after some seconds.
        """
        self._report = report
        self._later = later
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str, str], RefusedAttempts] = {}
        self._unlisted = 0
        self._failures: dict[str, tuple[float, int]] = {}

    def add(self, attempt: Attempt, refused: NotAdmitted) -> bool:
        """Count a refused attempt; return True if its address has too many by now (429)."""
        name, address = attempt.charge_point_id or "", attempt.address
        key = (name, address, refused.reason)
        with self._lock:
            # The first attempt after a report starts the timer of the next one.
            first = not self._waiting
            known = self._waiting.get(key)
            attempts = known.attempts + 1 if known else 1
            if known or len(self._waiting) < MAX_KINDS:
                self._waiting[key] = RefusedAttempts(*key, refused.presented, attempts, now_ms())
            else:
                self._unlisted += 1
            # One that was not checked is no failure of its sender.
            too_many = refused.reason != NOT_CHECKED and self._count(address)
        if first:
            self._later(REPORT_EVERY_S, self._write_report)
        return too_many

    def is_suspect(self, address: str) -> bool:
        """Return True if an address has too many refused attempts in the last WINDOW_S."""
        with self._lock:
            since, failures = self._failures.get(address, (0.0, 0))
        return failures >= MAX_FAILURES and time.monotonic() - since <= WINDOW_S

    def _count(self, address: str) -> bool:
        """Count a failure of an address; return True from the MAX_FAILURES-th in WINDOW_S on."""
        now = time.monotonic()
        # Forgetting all is safe: the counts only choose between 401 and 429.
        if len(self._failures) > MAX_KINDS:
            self._failures.clear()
        since, failures = self._failures.get(address, (now, 0))
        if now - since > WINDOW_S:
            since, failures = now, 0
        self._failures[address] = (since, failures + 1)
        return failures >= MAX_FAILURES

    def _write_report(self) -> None:
        """Write the attempts since the last report to the log and hand them to the database."""
        with self._lock:
            waiting, self._waiting = list(self._waiting.values()), {}
            unlisted, self._unlisted = self._unlisted, 0
        for kind in waiting:
            # The writer logs these once a day.
            if kind.reason in WRONG_SETTINGS:
                continue
            name = kind.charge_point_id or "a charger without a name"
            often = f", {kind.attempts} times" if kind.attempts > 1 else ""
            reason = f"{kind.reason} {kind.told!r}" if kind.told else kind.reason
            log.warning("%r from %s may not connect: %s%s", name, kind.address, reason, often)
        if unlisted:
            log.warning("%d more connection attempts were refused", unlisted)
        self._report(waiting)
