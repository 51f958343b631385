"""The identity of the files of an open database, and the guard before one is opened.

SQLite keeps the newest commits in the -wal, and the locks of all programs in the -shm. If either is
removed or replaced, the connections that are open go on with the file that has no name any more. A
program that opens the database then begins a new one, and the two overwrite each other's pages.
"""

import os
import sys
import time
from _thread import allocate_lock
from _weakref import ref
from pathlib import Path

from shocpp.errors import StoreUnavailable, UnusableDatabase

LEAVING_S = 2.5
"""The longest time for which another program may have the file open, and not yet its -wal."""

_LOCK_BYTES = 0x4000_0000, 512
"""The bytes that SQLite locks (database file format, §1.3): the first, and their number."""

FileId = tuple[int, int]
FileVersion = tuple[int, int, int, int]

opening = allocate_lock()
"""Held while a connection is opened: `require_in_place` closes a descriptor of the file."""

_open: "set[ref[Identity]]" = set()
"""The identities of all connections of this process that are not closed."""


class Identity:
    """The files that a connection has opened, as opposed to those at their paths later.

    `is_contested` is True once another program was found to have written to a -wal of its own.
    """

    __slots__ = ("__weakref__", "_beside", "_file", "_names", "is_contested")

    def __init__(self, path: Path) -> None:
        """Note the files of a connection that has just read; raises OSError if there is none."""
        self._names = str(path), *_wal_and_shm(path)
        self._file = _file_id(self._names[0])
        if self._file is None:
            raise FileNotFoundError(path)
        # Neither exists beside a database that is not yet in WAL mode.
        self._beside = _file_id(self._names[1]), _file_id(self._names[2])
        self.is_contested = False
        _open.add(ref(self, _open.discard))

    @property
    def wal_name(self) -> str:
        """The path of the -wal."""
        return self._names[1]

    def has_wal(self) -> bool:
        """Return True if the connection uses a -wal."""
        return self._beside[0] is not None

    def is_wal(self, descriptor: int) -> bool:
        """Return True if an open file is the -wal of the connection."""
        status = os.fstat(descriptor)
        return (status.st_dev, status.st_ino) == self._beside[0]

    def forget(self) -> None:
        """Note that the connection is closed."""
        _open.discard(ref(self))

    def is_of(self, path: Path) -> bool:
        """Return True if it is the database at this path."""
        return _file_id(str(path)) == self._file

    def is_in_place(self) -> bool:
        """Return True if the paths still name the files that were opened.

        A commit to a file that was moved away or deleted is lost with that file.
        """
        return self.has_file() and self.displaced() is None

    def require_in_place(self) -> None:
        """Raise StoreUnavailable if the -wal or -shm in use was removed, so that a wait can end."""
        displaced = self.displaced()
        if displaced is not None:
            raise displaced_in_use(displaced)

    def has_file(self) -> bool:
        """Return True if the path of the database still names its file."""
        return _file_id(self._names[0]) == self._file

    def displaced(self) -> str | None:
        """Return the path of the -wal or -shm that was removed or replaced, or None."""
        for name, file_id in zip(self._names[1:], self._beside, strict=True):
            if file_id is not None and _file_id(name) != file_id:
                return name
        return None

    def put_strangers_aside(self) -> None:
        """Rename a -wal and -shm that this connection has not opened; raises OSError."""
        for name, file_id in zip(self._names[1:], self._beside, strict=True):
            if _file_id(name) not in (None, file_id):
                # Until the connection is closed: the next try finds only the new name.
                self.is_contested |= name == self.wal_name and os.stat(name).st_size > 0
                os.replace(name, f"{name}.replaced")


def require_in_place(path: Path) -> None:
    """Raise StoreUnavailable if programs use a -wal or -shm of this database that has been removed.

    The caller holds `opening`.
    """
    names = _wal_and_shm(path)
    identities = [identity for reference in [*_open] if (identity := reference())]
    of_this_process = [identity for identity in identities if identity.is_of(path)]
    for identity in of_this_process:
        displaced = identity.displaced()
        if displaced is not None:
            raise displaced_in_use(displaced)
    if of_this_process:
        return
    deadline = time.monotonic() + LEAVING_S
    # One that opens it locks the file first, and one that leaves it removes the -wal first.
    while not all(map(_file_id, names)) and _is_locked_by_others(path):
        if time.monotonic() >= deadline:
            raise displaced_in_use(next(name for name in names if not _file_id(name)))
        time.sleep(0.02)


def displaced_in_use(name: str) -> StoreUnavailable:
    """Return the error for a -wal or -shm that is not at its path and still used."""
    return StoreUnavailable(
        f"{name} was removed or replaced while in use; the server writes its content into the "
        "database and goes on, once all other programs have closed the database: end sqlite3 and "
        "all others that have it open, and stop the program that removes the file"
    )


def real_path(path: Path) -> Path:
    """Return the path of the file itself where the path of a database is a link.

    SQLite keeps the -wal and -shm beside that file, and not beside the link.
    """
    return path.resolve() if path.is_symlink() else path


def version_of(path: Path) -> FileVersion | None:
    """Return a value that changes if a file is replaced or written; None if there is none.

    A file that nobody holds open may be replaced by one with the same number (inode).
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _wal_and_shm(path: Path) -> tuple[str, str]:
    real = real_path(path)
    return f"{real}-wal", f"{real}-shm"


def _file_id(name: str) -> FileId | None:
    try:
        status = os.stat(name)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_locked_by_others(path: Path) -> bool:
    """Return True if another process has the database open; False where nobody can tell."""
    # The layout of `struct flock` below is that of 64-bit Linux. Locks of this process are not
    # reported, and nothing is locked.
    if not sys.platform.startswith("linux") or sys.maxsize < 2**32:
        return False
    import fcntl
    import struct

    asked = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, *_LOCK_BYTES, 0)
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise UnusableDatabase(f"{path} cannot be used: {error.strerror}; see its rights") from None
    try:
        (kind,) = struct.unpack_from("h", fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        # This drops all locks of this process on the file. It has none: no connection is open.
        os.close(descriptor)
    return bool(kind != fcntl.F_UNLCK)
