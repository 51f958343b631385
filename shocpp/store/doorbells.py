"""Doorbells: FIFOs that wake a process that waits for a row.

The database stays the only source: a ring carries no content, it only means "read your rows". A
lost ring delays its reader by a second at most.
"""
# A FIFO and not a socket, because the path of a socket is short (about 100 bytes), and opening a
# FIFO whose owner has died fails at once (ENXIO).

import contextlib
import errno
import os
from pathlib import Path

from shocpp.errors import StoreUnavailable


class Doorbell:
    """The doorbell of this process; its descriptor becomes readable when another one rings."""

    def __init__(self, folder: Path, name: str) -> None:
        """Make a doorbell of this name, which is random, in a folder, which is made if need be.

        Raises StoreUnavailable if this process may not write there.
        """
        self.path = f"{folder}/{name}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.mkfifo(self.path, 0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"{folder} cannot be written: {error.strerror}; see free space and its rights, and "
                "run this as the user who runs the server"
            ) from None
        # Opened for writing too: otherwise it would report the end of file, and stay readable, as
        # soon as the last ringing process has closed it.
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)

    def fileno(self) -> int:
        """Return the descriptor to wait for with select."""
        return self._descriptor

    def clear(self) -> None:
        """Discard all rings so far; call it before reading the rows, not after."""
        with contextlib.suppress(BlockingIOError):
            while len(os.read(self._descriptor, 4096)) == 4096:
                pass

    def remove(self) -> None:
        """Close the doorbell and delete its FIFO."""
        os.close(self._descriptor)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def doorbells_folder(database: Path) -> Path:
    """Return the folder with the doorbells of all processes that use this database."""
    return database.with_name(f"{database.name}-bells")


def ring(path: str) -> bool:
    """Ring the doorbell at this path. Return False if its owner is gone."""
    # Without O_NONBLOCK opening would wait for a reader. ENXIO: no process reads this FIFO.
    # Any other error, such as too many open files, does not prove that the owner is gone.
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        return error.errno not in (errno.ENXIO, errno.ENOENT)
    # The FIFO may be full. Then its owner has rings to read already, and one more adds nothing.
    try:
        os.write(descriptor, b"!")
    except BlockingIOError:
        pass
    # Its owner has gone since the FIFO was opened.
    except BrokenPipeError:
        return False
    finally:
        os.close(descriptor)
    return True


def remove_doorbell(path: str) -> None:
    """Delete the doorbell of an owner that is gone; it may be deleted already."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
