"""Record the calls into a checkout's functions; tests.architecture.ways installs this file.

A copy named sitecustomize.py on PYTHONPATH makes every Python process below it record, also those
that replace themselves (`shocpp-listener` becomes gunicorn) and those that fork (its workers).

Each call appends a line to CALLS_FILE: process and thread, then the file below CALLS_ROOT. Calls
while a module is imported are left out: when a module is imported depends on what ran before.
Comprehensions are left out too: newer Pythons have no calls for them.

Once CLOCK_FILE exists its time of modification is the time. When it goes on by an hour, all timers
that were set before are put off by 36 s: no poll falls into what is recorded.
"""

import os
import sys
import threading
import time
from types import FrameType
from typing import Any

COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>")


def record(root: str, file: str) -> None:
    """Record the calls of this process and of those that it forks, from now on."""
    # Unbuffered, because the process may end with os._exit, or with a signal.
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    thread = threading.local()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event not in ("call", "return") or not frame.f_code.co_filename.startswith(root):
            return
        name = frame.f_code.co_name
        imports = getattr(thread, "imports", 0)
        if name == "<module>":
            thread.imports = imports + (1 if event == "call" else -1)
        elif event == "call" and not imports and name not in COMPREHENSIONS:
            path = frame.f_code.co_filename[len(root) :]
            line = f"{os.getpid()}-{threading.get_ident()} {path}\n"
            os.write(descriptor, line.encode())

    threading.setprofile(profile)
    sys.setprofile(profile)


def read_clock_from(file: str) -> None:
    """Take the time from a file as soon as it exists; the monotonic clock goes back as it goes on.

    All processes have the same clocks: gunicorn compares its workers' with its own.
    """
    real_time_ns, real_monotonic = time.time_ns, time.monotonic

    def set_ns() -> int:
        try:
            return os.stat(file).st_mtime_ns
        except FileNotFoundError:
            return 0

    time.time_ns = lambda: set_ns() or real_time_ns()
    time.monotonic = lambda: real_monotonic() - set_ns() / 1e11


if __name__ == "sitecustomize":
    read_clock_from(os.environ["CLOCK_FILE"])
    record(os.environ["CALLS_ROOT"], os.environ["CALLS_FILE"])
