"""The space on a disk, and the parts of it that the settings limit.

budget   the bytes of one charger and day that are stored as they are (SHOCPP_CHARGER_MB)
reserve  the free bytes below which only rows of the ledger are written (SHOCPP_RESERVE_MB)
"""

import os
from pathlib import Path
from typing import NamedTuple

MEGABYTE = 1_000_000

LARGEST_BUDGET, BUDGET_PERCENT = 32 * MEGABYTE, 1
"""The default budget is the smaller of these: bytes, and per cent of the disk."""

LARGEST_RESERVE, RESERVE_PERCENT = 200 * MEGABYTE, 2
"""The default reserve, in the same way."""


class Space(NamedTuple):
    """The bytes of a disk: those that are free for this user, and all of them."""

    free: int
    total: int


def space_of(path: Path) -> Space:
    """Return the space on the disk of a path, or of its nearest folder that exists.

    Raises OSError.
    """
    while not path.exists() and path != path.parent:
        path = path.parent
    status = os.statvfs(path)
    return Space(status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize)


def budget_bytes(megabytes: int | None, total: int) -> int:
    """Return the budget of a charger and day; `megabytes` is the setting, None if it is not set."""
    if megabytes is not None:
        return megabytes * MEGABYTE
    return min(LARGEST_BUDGET, total * BUDGET_PERCENT // 100)


def reserve_bytes(megabytes: int | None, total: int) -> int:
    """Return the reserve of a disk; `megabytes` is the setting, None if it is not set."""
    if megabytes is not None:
        return megabytes * MEGABYTE
    return min(LARGEST_RESERVE, total * RESERVE_PERCENT // 100)


def megabytes_text(number: int) -> str:
    """Return bytes as megabytes for people, such as 0.3, 32 or 2000."""
    megabytes = number / MEGABYTE
    return f"{megabytes:.1f}" if megabytes < 10 and megabytes % 1 else f"{megabytes:.0f}"
