"""Making and upgrading the database (memory floor).

Only this switches WAL on, and only under a lock on the folder: several workers doing so on a fresh
file end in "database is locked" despite the timeout. A new database is made beside its place and
renamed into it, so there is never half of one; a file that is there but not ours is left alone.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from shocpp.errors import UnusableDatabase
from shocpp.settings import CHECKOUT
from shocpp.store.backups import beside, sync
from shocpp.store.database import (
    APPLICATION_ID,
    VERSION,
    Database,
    check_ours,
    connect,
)
from shocpp.store.locks import one_at_a_time
from shocpp.store.sqlite_errors import damaged, unusable

_MIGRATIONS = CHECKOUT / "db" / "migrations"
_VIEWS = CHECKOUT / "db" / "views.sql"
_QUICK_CHECK_BYTES = 256 * 1024 * 1024
"""Up to this size a start also looks through the pages of the file (about a second)."""


def migrate(path: Path, now_ms: int, *, thorough: bool = True) -> None:
    """Make the database, or bring it to this program's version; look through it if `thorough`.

    Raises UnusableDatabase where the file is foreign, empty, damaged or newer; it stays untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableDatabase(f"the folder {path.parent} cannot be made: {error}") from None
    with _turn(path):
        if path.exists():
            _upgrade(path, thorough)
        else:
            _create(path, now_ms)


def _turn(path: Path) -> AbstractContextManager[None]:
    """One migrating process at a time. The folder is locked, not the file: closing another
    descriptor of a database file would drop SQLite's own locks on it."""
    return one_at_a_time(path.parent, UnusableDatabase)


def put_in_place(new: Path, path: Path, aside: Path) -> None:
    """Give a closed database the place of another one, which goes aside; raises OSError.

    Nobody makes a new one in the moment in which there is none.
    """
    sync(new)
    with _turn(path):
        for old, kept in zip((path, *beside(path)), (aside, *beside(aside)), strict=True):
            if old.exists():
                old.rename(kept)
        new.rename(path)
        sync(path.parent)


def _create(path: Path, now_ms: int) -> None:
    new = path.with_name(f"{path.name}.new")
    try:
        for leftover in (new, new.with_name(f"{new.name}-wal"), new.with_name(f"{new.name}-shm")):
            leftover.unlink(missing_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise UnusableDatabase(
            f"{path} cannot be made: {error}; see the rights of its folder"
        ) from None
    try:
        database = connect(new)
        database.execute(f"PRAGMA application_id={APPLICATION_ID}")
        _apply(database, 0)
        with database.writing():
            database.execute("INSERT INTO property VALUES ('born_ms', ?)", (str(now_ms),))
        database.execute("PRAGMA journal_mode=WAL")
        database.close()
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    os.replace(new, path)


def _upgrade(path: Path, thorough: bool) -> None:
    if path.stat().st_size == 0:
        raise UnusableDatabase(
            f"{path} is empty (0 bytes), which no database of shocpp ever is; restore a backup "
            "of it, or make it again from the accounting files: shocpp rebuild"
        )
    database = connect(path)
    version = check_ours(database)
    try:
        if version > VERSION:
            raise UnusableDatabase(
                f"{path} has version {version}, this program knows {VERSION}; "
                "it was written by a newer shocpp: use that one"
            )
        if thorough:
            _quick_check(database)
        _apply(database, version)
        database.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    finally:
        database.close()


def _quick_check(database: Database) -> None:
    if database.path.stat().st_size > _QUICK_CHECK_BYTES:
        return
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise damaged(database.path, verdict)


def _migration_files() -> list[Path]:
    return sorted(_MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))


def _apply(database: Database, version: int) -> None:
    """Run what is missing, statement by statement: executescript() commits what is open."""
    for file in _migration_files():
        number = int(file.name[:4])
        if number > version:
            with database.writing():
                for statement in _statements(file.read_text()):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version={number}")
    views = _VIEWS.read_text()
    known = database.execute("SELECT value FROM property WHERE name = 'views'").fetchone()
    if known != (views,):
        _replace_views(database, views)


def _replace_views(database: Database, views: str) -> None:
    with database.writing():
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
        for (name,) in names:
            database.execute(f'DROP VIEW "{name}"')
        for statement in _statements(views):
            database.execute(statement)
        database.execute("INSERT OR REPLACE INTO property VALUES ('views', ?)", (views,))


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
