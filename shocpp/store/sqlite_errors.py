"""Errors of SQLite as errors of this program, with the next step for the operator."""

import sqlite3
from pathlib import Path

from shocpp.errors import StoreUnavailable, UnusableDatabase

# Troubles of the file, the disk or other processes. All other codes are mistakes of this program.
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)

# The file is no complete database: neither space nor rights will help, only a backup or a rebuild.
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def translated(error: sqlite3.Error, path: Path) -> Exception:
    """Return StoreUnavailable for an error of the file, the disk or a lock.

    Any other error is returned as it is: it is a mistake of this program.
    """
    code = getattr(error, "sqlite_errorcode", None)
    # The low byte is the primary result code, the rest tells more of its cause.
    if code is not None and code & 0xFF in _UNAVAILABLE:
        return StoreUnavailable(
            f"{path} cannot be written: {error}; see free space, its rights and those of the -wal "
            "and -shm files beside it, and other programs using it"
        )
    return error


def unusable(path: Path, error: sqlite3.Error) -> UnusableDatabase:
    """Return the UnusableDatabase for a file that SQLite cannot open, with the next step."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
        return damaged(path, error)
    return UnusableDatabase(
        f"{path} cannot be used: {error}; see free space and the rights of it and its folder"
    )


def damaged(path: Path, error: object) -> UnusableDatabase:
    """Return the UnusableDatabase for a file that is no complete database."""
    return UnusableDatabase(
        f"{path} is damaged or no SQLite database ({error}); stop the server and restore a backup "
        "of it, or make it again from the accounting files: shocpp rebuild"
    )
