"""Doorbells: FIFOs that wake a process that waits for a row (a room).

SQLite stays the only truth: a ring says "look", never what there is to see, and a lost one costs a
second at most. A FIFO has no limit on its path's length, and opening one whose owner has died says
so at once (ENXIO).
"""

import contextlib
import errno
import os
from pathlib import Path

from shocpp.errors import StoreUnavailable
from shocpp.unique_ids import random_uuid


class Doorbell:
    """A bell of this process's own; `fileno` becomes readable when it is rung."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreUnavailable where this process may not hang a bell."""
        self.path = f"{folder}/{random_uuid()}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.mkfifo(self.path, 0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"{folder} cannot be written: {error.strerror}; see free space and its rights, and "
                "run this as the user who runs the server"
            ) from None
        # Opened for writing too, so that it never reports the end of its last ringer.
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._descriptor

    def answer(self) -> None:
        """Take all rings that have come."""
        with contextlib.suppress(BlockingIOError):
            while len(os.read(self._descriptor, 4096)) == 4096:
                pass

    def remove(self) -> None:
        """Take the bell down."""
        os.close(self._descriptor)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def doorbells_folder(database: Path) -> Path:
    """Where the bells of everybody who uses this database hang."""
    return database.with_name(f"{database.name}-bells")


def ring(path: str) -> bool:
    """Ring a bell; False where its owner is gone."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        return error.errno not in (errno.ENXIO, errno.ENOENT)
    try:
        os.write(descriptor, b"!")
    except BlockingIOError:
        pass  # so many rings wait that one more says nothing new
    finally:
        os.close(descriptor)
    return True


def remove_doorbell(path: str) -> None:
    """Remove the bell of an owner that is gone."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
