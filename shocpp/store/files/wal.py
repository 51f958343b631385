"""The -wal of an open database: its sync, and when it is to be copied into the database.

A commit in WAL mode with synchronous=NORMAL is in the page cache only. A sync of the -wal puts it,
and all commits before it, on the disk: recovery reads the -wal up to the first frame that is not
whole (SQLite, WAL file format, §4). The lock of the -wal file is ours: SQLite locks the -shm.
"""

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

from shocpp.errors import StoreUnavailable
from shocpp.store.files.identity import Identity, displaced_in_use
from shocpp.store.sqlite_errors import translated

FRAMES = 1_900
"""The frames, of one page each, after which the -wal is to be copied into the database."""

_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24
_PAGE_SIZE, _SALT, _FRAME_SALT_AT, _SALT_BYTES = slice(8, 12), slice(16, 24), 8, 8


class Wal:
    """The -wal that a connection uses; it is opened at the first sync.

    `restarts` is True if the whole -wal is copied: the next commit begins it anew and syncs its
    header, whatever the durability of that commit. `is_doubtful` is True after a failed sync.
    """

    __slots__ = (
        "_copied",
        "_copied_salt",
        "_descriptor",
        "_execute",
        "_identity",
        "is_doubtful",
        "restarts",
    )

    def __init__(self, identity: Identity, execute: Callable[[str], sqlite3.Cursor]) -> None:
        """`execute` runs a statement on the connection of this identity."""
        self._identity = identity
        self._execute = execute
        self._descriptor: int | None = None
        self._copied, self._copied_salt = 0, b""
        self.restarts = self.is_doubtful = False

    def sync(self) -> None:
        """Wait until all commits before this call are on the disk.

        Raises StoreUnavailable if the disk fails, or if the -wal is not at its path any more.
        """
        if self.is_doubtful:
            self._empty()
        try:
            _sync(self._opened())
        except OSError as error:
            self.is_doubtful = True
            raise StoreUnavailable(
                f"{self._identity.wal_name} cannot be written: {error.strerror}; see its disk"
            ) from None

    def _empty(self) -> None:
        """Copy it into the database and cut it, after a failed sync."""
        # The kernel drops what it could not write, and the next sync reports success (fsync(2)).
        # Frames after such a gap would be lost in a power cut.
        name = self._identity.wal_name
        try:
            row = self._execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise translated(error, Path(name)) from error
        is_busy, frames, copied = row
        if is_busy or copied < frames:
            raise StoreUnavailable(f"{name} was not synced and is in use; end other programs")
        self.is_doubtful = False

    def salt(self) -> bytes:
        """Return the salt, which changes when it begins anew; empty before its first commit."""
        return self._header()[_SALT]

    def is_due(self) -> bool:
        """Return True if it has grown by FRAMES since it began anew or was copied."""
        # Frames of an earlier -wal have other salts, so the salt of one frame tells the length.
        header = self._header()
        salt, page_bytes = header[_SALT], int.from_bytes(header[_PAGE_SIZE], "big")
        frame = FRAMES + (self._copied if salt == self._copied_salt else 0)
        at = _HEADER_BYTES + frame * (_FRAME_HEADER_BYTES + page_bytes) + _FRAME_SALT_AT
        return bool(salt) and os.pread(self._opened(), _SALT_BYTES, at) == salt

    def note_copied(self, frames: int, salt: bytes, *, is_whole: bool) -> None:
        """Note how long it was when it was copied, and if all of it is in the database."""
        # Its length, not what was copied: while a reader holds the rest back, each commit would
        # begin a copy in vain.
        self._copied, self._copied_salt = frames, salt
        self.restarts = is_whole

    def lead(self) -> bool:
        """Return True if this connection alone, of all processes, is to copy the -wal.

        It stays so until it is closed. Two programs that copy it at once are part of a race in
        SQLite before 3.51.3.
        """
        # Imported here, because a CGI process never needs it and pays for every import.
        import fcntl

        try:
            fcntl.flock(self._opened(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Close the file; the connection is closed, too."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _header(self) -> bytes:
        return os.pread(self._opened(), _HEADER_BYTES, 0)

    def _opened(self) -> int:
        if self._descriptor is None:
            name = self._identity.wal_name
            try:
                descriptor = os.open(name, os.O_RDONLY)
            except OSError:
                raise displaced_in_use(name) from None
            if not self._identity.is_wal(descriptor):
                os.close(descriptor)
                raise displaced_in_use(name)
            self._descriptor = descriptor
        return self._descriptor


def version_with_wal_race() -> str | None:
    """Return SQLite's version if it has a rare race of WAL restarts (3.7.0 to 3.51.2), or None."""
    return sqlite3.sqlite_version if sqlite3.sqlite_version_info < (3, 51, 3) else None


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        # macOS: a plain fsync leaves the data in the cache of the disk.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(descriptor)
