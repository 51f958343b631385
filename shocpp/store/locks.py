"""Folders as locks between processes (memory floor)."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shocpp.errors import ShocppError


@contextmanager
def one_at_a_time(folder: Path, unusable: type[ShocppError]) -> Iterator[None]:
    """Wait until no other process is in such a block for this folder; raises `unusable`."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise unusable(f"the folder {folder} cannot be read: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
