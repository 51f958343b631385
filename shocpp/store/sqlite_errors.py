"""Errors of SQLite as errors of this program, with the next step for the operator."""

import sqlite3
from pathlib import Path

from shocpp.errors import DamagedDatabase, StoreUnavailable, UnusableDatabase

# Troubles of the file, the disk or other processes. All other codes are mistakes of this program.
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)

# The file is no complete database: neither space nor rights will help, only a backup or a rebuild.
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


# The driver raises these without a code or with the general one: for text that is not UTF-8, and
# for tables and columns that a flipped byte of the schema has renamed. All that our statements
# name is made by the migrations.
_NOT_UTF8 = "Could not decode to UTF-8"
_OTHER_SCHEMA = ("no such table", "no such column", "no such index", "has no column named")


def translated(error: Exception, path: Path) -> Exception:
    """Return DamagedDatabase or StoreUnavailable for an error of the file, the disk or a lock.

    Any other error is returned as it is: it is a mistake of this program.
    """
    if not isinstance(error, sqlite3.Error):
        return error
    fault = _fault(error)
    if fault is not None:
        return damaged(path, fault)
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
    fault = _fault(error)
    if fault is not None:
        return damaged(path, fault)
    return UnusableDatabase(
        f"{path} cannot be used: {error}; see free space and the rights of it and its folder"
    )


def damaged(path: Path, fault: object) -> DamagedDatabase:
    """Return the DamagedDatabase for a file that is no complete database."""
    return DamagedDatabase(
        f"{path} is damaged or no SQLite database ({fault}); stop the server and restore a backup "
        "of it, or make it again from the accounting files: shocpp rebuild"
    )


def _fault(error: sqlite3.Error) -> str | None:
    """Return the fault of a damaged file, or None if the error has another cause."""
    text = str(error)
    if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _DAMAGED:
        return text
    if text.startswith(_NOT_UTF8):
        # "Could not decode to UTF-8 column 'model' with text 'go-\xff'": the text may be a secret.
        column = text.removeprefix(_NOT_UTF8).partition(" with text ")[0].strip()
        return f"a text in {column or 'a column'} is not UTF-8; shocpp check names its row"
    if any(phrase in text for phrase in _OTHER_SCHEMA):
        return f"its tables are not those of this program: {text}"
    return None
