"""Locks between processes, on folders."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shocpp.errors import ShocppError


@contextmanager
def one_at_a_time(
    folder: Path, unusable: type[ShocppError], *, waits: bool = True
) -> Iterator[None]:
    """Run a block while no other process runs such a block for this folder.

    It waits without a time limit, unless `waits` is False. Raises `unusable` if the folder cannot
    be opened, or if another process has the lock and this one does not wait.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise unusable(f"the folder {folder} cannot be read: {error.strerror}") from None
    # The kernel releases the lock with the descriptor, also if this process is killed.
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            raise unusable(f"another program is changing files in {folder}") from None
        yield
    finally:
        os.close(descriptor)
