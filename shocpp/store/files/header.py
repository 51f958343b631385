"""The header of a database file, read before SQLite opens the file, and then by SQLite."""

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from shocpp.errors import UnusableDatabase
from shocpp.store.files.identity import require_in_place
from shocpp.store.sqlite_errors import damaged, unusable

if TYPE_CHECKING:
    from shocpp.store.database import Database

APPLICATION_ID = 0x73686F63
"""`shoc` in ASCII, in the header of each database of shocpp; no other file is opened."""

_WRITE_VERSION = 2
"""The newest write version of a file header (WAL). SQLite only reads a file with a higher one."""

_checked_files: set[tuple[int, int]] = set()


def check_header(path: Path) -> None:
    """Raise UnusableDatabase for a foreign file, before SQLite opens it and changes anything.

    Raises StoreUnavailable while programs use a -wal or -shm that was removed. The caller holds
    `opening`.
    """
    # SQLite would play back the journal or the -wal of a foreign database. Its program may have
    # crashed and need them.
    #
    # The file is opened here once per process, and before its first connection. Closing any
    # descriptor of a file drops all POSIX locks that the process holds on it, those of SQLite too.
    # The next process that leaves the database then removes the -wal, and commits are lost.
    try:
        status = os.stat(path)
        file_id = (status.st_dev, status.st_ino)
        if file_id not in _checked_files:
            with open(path, "rb") as file:
                _refuse_foreign(path, file.read(100))
            _checked_files.add(file_id)
    except OSError as error:
        remedy = (
            "run this as the user who runs the server"
            if isinstance(error, PermissionError)
            else "it must be a database of shocpp, or not exist"
        )
        raise UnusableDatabase(f"{path} cannot be used: {error.strerror}; {remedy}") from None
    require_in_place(path)


def _refuse_foreign(path: Path, header: bytes) -> None:
    # Database file format, §1.3: the write version is byte 18, the application id begins at 68.
    is_database = header.startswith(b"SQLite format 3\0")
    if is_database and int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise UnusableDatabase(
            f"{path} is not a database of shocpp; move it away or set SHOCPP_DATABASE"
        )
    if is_database and header[18] > _WRITE_VERSION:
        raise damaged(path, "SQLite can read it but not write it")


def check_ours(database: "Database") -> int:
    """Return the version of a database of shocpp.

    For any other file it closes the connection and raises UnusableDatabase; the file is unchanged.
    """
    path = database.path
    try:
        (application_id,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        database.close()
        raise unusable(path, error) from error
    if application_id != APPLICATION_ID:
        database.close()
        raise UnusableDatabase(
            f"{path} is not a database of shocpp; move it away or set SHOCPP_DATABASE"
        )
    return int(version)
