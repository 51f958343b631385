"""The stateless transaction id: account and start reading in one int32 (ground floor: pure).

    transaction_id = account_index * 10_000_000 + meter_start_kwh

It travels through the Charge Point, so a StopTransaction can be booked after a restart, after a
week offline, on another worker and even when the database is lost. It is the wire id and the
recovery record; it is not a key: two short transactions within one kWh share it.
"""

from collections.abc import Collection
from typing import NamedTuple

SHARE = 10_000_000
"""Ids an account has: one for each kWh up to 10 GWh."""

INT32_MAX = 2_147_483_647

UNASSIGNED_INDEX = 0
LAST_INDEX = INT32_MAX // SHARE
"""214; of its share only the part below 7 483 648 kWh fits into an int32."""


class Packed(NamedTuple):
    """An id to issue, and whether it says something else than the reading it was made from."""

    transaction_id: int
    clamped: bool
    moved_kwh: int


class Unpacked(NamedTuple):
    """What an id says."""

    account_index: int
    start_kwh: int


def pack(account_index: int, meter_start_wh: int, taken: Collection[int] = ()) -> Packed:
    """The id for a transaction; `taken` are the ids open on the same Charge Point.

    A reading that does not fit is clamped into the account's share, never carried into the
    neighbour's. An id that is taken moves to the next free kWh of the share, upwards and at its
    end downwards. Index 0 below 1 kWh uses 1, because an id is positive.
    """
    if not UNASSIGNED_INDEX <= account_index <= LAST_INDEX:
        raise ValueError(f"account index {account_index} is not in 0..{LAST_INDEX}")
    lowest = max(account_index * SHARE, 1)
    highest = min(account_index * SHARE + SHARE - 1, INT32_MAX)
    meant = account_index * SHARE + meter_start_wh // 1000
    nearest = min(max(meant, lowest), highest)
    free = nearest
    while free in taken and free < highest:
        free += 1
    while free in taken and free > lowest:
        free -= 1
    clamped = (
        nearest != max(meant, 1)
        if account_index == UNASSIGNED_INDEX and meant >= 0
        else nearest != meant
    )
    return Packed(free, clamped, free - nearest)


def unpack(transaction_id: int) -> Unpacked | None:
    """What an id says, or None where it cannot be ours (Python floors: -1 // 10**7 == -1)."""
    if not 0 < transaction_id <= INT32_MAX:
        return None
    return Unpacked(*divmod(transaction_id, SHARE))
