"""The leader of limits: of all processes with this database, at most one.

The leader has the lock of the doorbells' folder. The kernel releases it when the process ends, also
after kill -9, and wakes one of the threads that wait for it. A waiting thread costs nothing.
"""

import fcntl
import os
from pathlib import Path

from shocpp.errors import StoreUnavailable
from shocpp.store.doorbells import Doorbell, doorbells_folder, remove_doorbell, ring

DOORBELL = "site"
"""The name of the leader's doorbell."""


class Leadership:
    """The leadership of one process; for one thread.

    `doorbell` wakes the leader; it is None while this process does not lead.
    """

    def __init__(self, database: Path) -> None:
        self._folder = doorbells_folder(database)
        self._descriptor: int | None = None
        self.doorbell: Doorbell | None = None

    def wait(self) -> Doorbell:
        """Wait without a time limit until this process leads, and return the leader's doorbell.

        Raises StoreUnavailable if this user cannot write in the folder.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self._folder, os.O_RDONLY)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise StoreUnavailable(
                f"{self._folder} cannot be locked: {error.strerror}; see its rights and owner"
            ) from None
        # A leader that was killed has left its own.
        remove_doorbell(_path(self._folder))
        self.doorbell = Doorbell(self._folder, DOORBELL)
        return self.doorbell

    def is_in_place(self) -> bool:
        """Return True if the locked folder and the doorbell are still those that others see.

        Somebody may have removed the folder: then another process can lock the new one.
        """
        if self._descriptor is None or self.doorbell is None:
            return False
        pairs = (
            (self._descriptor, self._folder),
            (self.doorbell.fileno(), self.doorbell.path),
        )
        try:
            return all(os.path.samestat(os.fstat(ours), os.stat(path)) for ours, path in pairs)
        except OSError:
            return False

    def release(self) -> None:
        """Let another process lead."""
        if self.doorbell is not None:
            # Before the lock: afterwards the doorbell of this name belongs to the next leader.
            if self.is_in_place():
                self.doorbell.remove()
            else:
                os.close(self.doorbell.fileno())
            self.doorbell = None
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def ring_leader(database: Path) -> bool:
    """Wake the leader, which then decides at once. Return False if no process leads."""
    return ring(leader_doorbell(database))


def leader_doorbell(database: Path) -> str:
    """Return the path of the doorbell of the leader of this database."""
    return _path(doorbells_folder(database))


def _path(folder: Path) -> str:
    """Return the path of the leader's doorbell."""
    return f"{folder}/{DOORBELL}"
