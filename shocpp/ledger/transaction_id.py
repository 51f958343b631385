"""The transaction id: account and start reading in one int32 (pure).

    transaction_id = account_index * 10_000_000 + meter_start_kwh

The Charge Point returns the id with its StopTransaction. So the stop can be booked after a restart,
after a week offline, on another worker, and even when the database is lost. The id is the wire id
and the recovery record. It is no key: two short transactions within one kWh share an id.
"""

from collections.abc import Collection
from typing import NamedTuple

SHARE = 10_000_000
"""The number of ids of one account: one for each kWh up to 10 GWh."""

INT32_MAX = 2_147_483_647
"""The highest transaction id. Ids are positive signed 32-bit integers (invariant I8)."""

UNASSIGNED_INDEX = 0
"""The account index of unknown cards."""

LAST_INDEX = INT32_MAX // SHARE
"""The highest account index, 214. Of its share only the ids below 7 483 648 kWh fit an int32."""


FLOAT32_SLIP = 64
"""The largest error of an id that a charger keeps in a float32.

Above 2**30 such ids are multiples of 128, so rounding moves an id by 64 at most.
"""


class Packed(NamedTuple):
    """A transaction id to issue, and its deviation from the start reading.

    `clamped` is True if the reading lies outside the account's share; `moved_kwh` is the distance
    from the reading's own id, which another open transaction has.
    """

    transaction_id: int
    clamped: bool
    moved_kwh: int


class Unpacked(NamedTuple):
    """The account index and the start reading, in whole kWh, of a transaction id."""

    account_index: int
    start_kwh: int


def pack(account_index: int, meter_start_wh: int, taken: Collection[int] = ()) -> Packed:
    """Return the id for a new transaction; `taken` are the ids open on the same Charge Point.

    A reading that does not fit is clamped to the account's share. A taken id moves to the next free
    kWh of the share: upwards, and from the end of the share downwards.
    Raises ValueError if the account index is not in 0..214.
    """
    if not UNASSIGNED_INDEX <= account_index <= LAST_INDEX:
        raise ValueError(f"account index {account_index} is not in 0..{LAST_INDEX}")
    # Invariant I8: an id is positive. So index 0 uses 1 for readings below 1 kWh.
    lowest = max(account_index * SHARE, 1)
    highest = min(account_index * SHARE + SHARE - 1, INT32_MAX)
    # Without the clamp a reading of 10 GWh or more would name the next account, and a negative one
    # the account before: Python floors, -1 // 1000 == -1.
    exact = account_index * SHARE + meter_start_wh // 1000
    nearest = min(max(exact, lowest), highest)
    free = nearest
    while free in taken and free < highest:
        free += 1
    while free in taken and free > lowest:
        free -= 1
    # Index 0 below 1 kWh is no clamp: the id differs from the reading by less than its unit.
    clamped = (
        nearest != max(exact, 1)
        if account_index == UNASSIGNED_INDEX and exact >= 0
        else nearest != exact
    )
    return Packed(free, clamped, free - nearest)


def unpack(transaction_id: int) -> Unpacked | None:
    """Return account index and start reading of an id, or None if this program cannot issue it."""
    # Ids of 0 and below mean "no id" to many chargers, and divmod(-1, 10**7) is (-1, 9999999).
    if not 0 < transaction_id <= INT32_MAX:
        return None
    return Unpacked(*divmod(transaction_id, SHARE))


def is_float32_rounding(sent: int, issued: int, account_index: int) -> bool:
    """Return True if a float32 can have made `sent` from an issued id of this account."""
    # The account must agree: 64 kWh across the end of a share would bill another account.
    same_account = unpack(sent) is not None and sent // SHARE == issued // SHARE == account_index
    return same_account and abs(sent - issued) <= FLOAT32_SLIP
