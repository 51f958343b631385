"""The plausibility of times: a charger's clock may be unset, and so may ours (pure)."""

from typing import TypeGuard

CLOCK_SET_SINCE_MS = 1_577_836_800_000
"""2020-01-01: an earlier time comes from an unset clock.

MicroOcpp sends 1970 and Alfen 2014-01-01 before their clocks are set.
"""

CLOCK_AHEAD_MS = 5 * 60_000
"""The largest lead of a charger's clock over ours, in milliseconds, at which its times count."""


def has_clock(moment_ms: int | None) -> TypeGuard[int]:
    """Return True if a time comes from a clock that was set."""
    return moment_ms is not None and moment_ms >= CLOCK_SET_SINCE_MS


def clocked(moment_ms: int | None) -> int | None:
    """Return a time if it comes from a clock that was set, else None."""
    return moment_ms if has_clock(moment_ms) else None


def is_ahead(moment_ms: int, now_ms: int) -> bool:
    """Return True if a charger's time lies too far in the future.

    If our own clock is unset, it proves nothing.
    """
    return has_clock(now_ms) and moment_ms > now_ms + CLOCK_AHEAD_MS
