"""The wall clock, for times of receipt.

Pure code gets these times as parameters, so that tests and replays can set them.
"""

import time


def now_ms() -> int:
    """Return the milliseconds since 1970 in UTC."""
    return time.time_ns() // 1_000_000
