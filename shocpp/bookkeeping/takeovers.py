"""Which of two connections with one name has it (a room).

Without a password anybody can say any name. So the newest one wins where it is sure who it is, or
where it comes from the same address, as a charger does whose network was gone; but not again and
again.
"""

from collections import deque

from shocpp.bookkeeping.jobs import Connect
from shocpp.store.charge_points.connections import Former, address_of
from shocpp.store.workers import is_alive

MOST, WITHIN_MS = 5, 60_000
"""So often a Charge Point's newest connection wins at once; two with one name would never end."""


class Takeovers:
    """Those of one process, by the row of the Charge Point."""

    def __init__(self) -> None:
        self._of_row: dict[int, deque[int]] = {}

    def may_replace(self, former: Former, newest: Connect, row: int, now_ms: int) -> bool:
        """Whether the newest one wins at once; otherwise only where the former one is dead."""
        taken = self._of_row.get(row)
        often = taken and len(taken) == MOST and now_ms - taken[0] < WITHIN_MS
        same_address = address_of(former.remote) == address_of(newest.remote)
        if not often and (newest.is_sure or same_address):
            return True
        return former.doorbell is None or not is_alive(former.doorbell)

    def note(self, row: int, now_ms: int) -> None:
        """One has been replaced."""
        self._of_row.setdefault(row, deque(maxlen=MOST)).append(now_ms)
