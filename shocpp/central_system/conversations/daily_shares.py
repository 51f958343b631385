"""The shares of the disk that chargers take in a day (pure but for the log).

A share is counted in bytes by the key of an identity, or by address before there is one:

    within the budget      everything is stored
    over the budget        only the lengths of messages are; the ledger stays whole
    over twice the budget  the charger is also read slowly: its messages wait in its own queue

A large message that takes the loop long is followed by a rest of its charger, whatever it has sent
before, and by a shorter one of all other large messages: between them all others are served.

Each process counts its own connections, from its start or the last midnight in UTC.
"""

import logging
from collections.abc import Iterable, Mapping

from shocpp.ledger.matching import KeyedStop
from shocpp.ledger.transactions import KeyedStart

log = logging.getLogger(__name__)

LEAST_BYTES = 200
"""The fewest bytes that a frame counts: its row and its answer take as many."""

ROWS_BYTES: Mapping[type, int] = {KeyedStart: 2_000, KeyedStop: 8_000}
"""Bytes of the rows and files that a fact makes, besides its frame."""

SLOW_BYTES_A_S = 10_000
"""The bytes that are read from a slow charger a second, on average."""

SLOWEST_FRAME_S, LONGEST_PAUSE_S = 1.0, 60.0
"""The shortest and the longest pause of reading after a frame of a slow charger, in seconds."""

MOST_SHARES = 10_000
"""The most shares that are remembered, because strangers invent names."""

IGNORED_A_MINUTE = 10
"""The most frames that are no OCPP and are recorded, per minute and charger."""

LARGE, OBJECT_BYTES, MEMBER_BYTES = 30_000, 100, 25
"""Characters of a large text, and bytes that each object and member in it counts at least."""

COSTLY_S, REST_FACTOR = 0.1, 20
"""Seconds of the loop from which a large message is followed by a rest, and its length by those."""

DAY_MS, MINUTE_MS = 86_400_000, 60_000


class DailyShares:
    """The shares of one process.

    `resume_at` has the moments (monotonic) to read slow ones, and `rest_until` those to read others
    after a costly message. Before `large_after` no large message is read further.
    """

    __slots__ = ("_bytes", "_day", "budget", "large_after", "rest_until", "resume_at")

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.resume_at: dict[str, float] = {}
        self.rest_until: dict[str, float] = {}
        self.large_after = 0.0
        self._bytes: dict[str, int] = {}
        self._day = 0

    def take(self, key: str, size: int, fact_type: type, now_ms: int, now: float) -> bool:
        """Count a frame of `size` bytes; return True if its text is within the budget.

        `now` is the same moment as `now_ms`, in seconds of the monotonic clock.
        """
        day = now_ms // DAY_MS
        if day != self._day:
            self._day = day
            self._bytes.clear()
            self.resume_at.clear()
        size = (max(size, LEAST_BYTES)) + ROWS_BYTES.get(fact_type, 0)
        before = self._bytes.get(key, 0)
        if not before and len(self._bytes) >= MOST_SHARES:
            self._forget_smallest()
        self._bytes[key] = taken = before + size
        if taken <= self.budget:
            return True
        if before <= self.budget:
            self._begin_excess(key)
        if taken > 2 * self.budget:
            self._slow_down(key, size, now)
        return False

    def rest(self, key: str, spent_s: float, now: float) -> None:
        """Let a charger rest whose large message has taken so many seconds of the loop."""
        self.rest_until = {other: due for other, due in self.rest_until.items() if due > now}
        self.rest_until[key] = now + min(REST_FACTOR * spent_s, LONGEST_PAUSE_S)
        self.large_after = now + min(spent_s, 1.0)

    def _begin_excess(self, key: str) -> None:
        log.warning(
            "%s has sent more than %d kB today: the texts of its messages are not stored until "
            "midnight (UTC); its energy is booked all the same; see SHOCPP_CHARGER_MB",
            key,
            self.budget // 1_000,
        )

    def _forget_smallest(self) -> None:
        # The largest stay: new names must not reset the share of a charger that floods.
        by_size = sorted(self._bytes.items(), key=lambda share: share[1], reverse=True)
        self._bytes = dict(by_size[: MOST_SHARES // 2])

    def _slow_down(self, key: str, size: int, now: float) -> None:
        if key not in self.resume_at:
            log.warning("%s has sent twice as much: it is read slowly until then", key)
        # Also for a charger that reconnects meanwhile.
        begun = max(now, self.resume_at.get(key, now))
        due = begun + max(SLOWEST_FRAME_S, size / SLOW_BYTES_A_S)
        self.resume_at[key] = min(due, now + LONGEST_PAUSE_S)


class Share:
    """The share of one connection, which belongs to the charger or address of `key`.

    `pauses` is True while reading pauses because the share is used up, and `reads_little` while
    each read takes few bytes.
    """

    __slots__ = ("_shares", "key", "pauses", "reads_little")

    def __init__(self, shares: DailyShares, key: str) -> None:
        self._shares = shares
        self.key = key
        self.pauses = self.reads_little = False

    def take(self, text: str, fact_type: type, now_ms: int, now: float) -> bool:
        """Count a received text; return True if it is within the budget."""
        size = len(text) if text.isascii() else len(text.encode())
        # A text of tiny samples takes far more time and rows than its bytes.
        if size >= LARGE:
            size = max(size, OBJECT_BYTES * text.count("{"), MEMBER_BYTES * text.count(":"))
        return self._shares.take(self.key, size, fact_type, now_ms, now)

    def is_used_up(self) -> bool:
        """Return True if the charger is to be read slowly."""
        return self.key in self._shares.resume_at

    def pause_s(self, now: float) -> float:
        """Return the seconds that reading pauses now, 0 without a pause."""
        shares = self._shares
        until = max(shares.resume_at.get(self.key, now), shares.rest_until.get(self.key, now))
        return until - now if until > now else 0.0

    def rest(self, texts: Iterable[str], spent_s: float, now: float) -> None:
        """Let the charger rest after texts that have taken so long, if one of them is large."""
        if any(len(text) >= LARGE for text in texts):
            self._shares.rest(self.key, spent_s, now)


class IgnoredFrames:
    """The frames of one connection that are no OCPP, counted for a minute."""

    __slots__ = ("_number", "_since_ms")

    def __init__(self) -> None:
        self._number = self._since_ms = 0

    def is_recorded(self, now_ms: int) -> bool:
        """Count a frame; return True if it is to be recorded: only a few a minute are."""
        if now_ms - self._since_ms >= MINUTE_MS:
            self._since_ms, self._number = now_ms, 0
        self._number += 1
        return self._number <= IGNORED_A_MINUTE
