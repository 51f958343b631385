"""The wall clock (a room): receipt times, and nothing that is decided."""

import time


def now_ms() -> int:
    """Milliseconds since 1970 in UTC."""
    return time.time_ns() // 1_000_000
