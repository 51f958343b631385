"""The end of the demo by a signal: nothing may be left then either."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def ended_by(*signals: signal.Signals) -> Iterator[None]:
    """Let these signals end the block as Ctrl-C does, so that it cleans up."""

    def end(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    # Only the main thread may set signal handlers.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.signal(number, end) for number in signals}
    try:
        yield
    finally:
        for number, action in former.items():
            signal.signal(number, action)
