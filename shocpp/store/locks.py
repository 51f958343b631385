"""Locks between processes, on folders."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shocpp.errors import ShocppError


@contextmanager
def one_at_a_time(folder: Path, unusable: type[ShocppError]) -> Iterator[None]:
    """Run a block while no other process runs such a block for this folder.

    It waits without a time limit. Raises `unusable` if the folder cannot be opened.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise unusable(f"the folder {folder} cannot be read: {error.strerror}") from None
    # The kernel releases the lock with the descriptor, also if this process is killed.
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
