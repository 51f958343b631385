"""Migrations: they make the database, or bring it to the version of this program.

A new database is made under another name and then renamed, so that there is never an incomplete
one. A file that is no database of shocpp stays as it is.
"""
# Only this module switches WAL on, under a lock on the folder. Measured: several workers that do
# so on a new file end in "database is locked", because this PRAGMA ignores the busy timeout.

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
"""The size up to which each start also checks all pages of the file (about one second)."""


def migrate(path: Path, now_ms: int, *, thorough: bool = True) -> None:
    """Make the database, or bring it to the version of this program.

    `thorough` also checks the pages of a file that is not too large. Raises UnusableDatabase if the
    file is foreign, empty, damaged or newer; then it stays unchanged.
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
    """Return a lock that one process at a time holds while it migrates this database."""
    # The folder is locked, not the file: closing another descriptor of the database file would drop
    # the POSIX locks of SQLite on it.
    return one_at_a_time(path.parent, UnusableDatabase)


def put_in_place(new: Path, path: Path, aside: Path) -> None:
    """Replace a database by another closed one, and rename the former one to `aside`.

    The -wal and other files of the former one move with it. Raises OSError.
    """
    sync(new)
    # Between the two renames there is no database. Under the lock no worker makes an empty one.
    with _turn(path):
        for old, renamed in zip((path, *beside(path)), (aside, *beside(aside)), strict=True):
            if old.exists():
                old.rename(renamed)
        new.rename(path)
        sync(path.parent)


def _create(path: Path, now_ms: int) -> None:
    """Make a new database with all migrations and views, and rename it to `path`."""
    new = path.with_name(f"{path.name}.new")
    try:
        # An earlier attempt may have been killed.
        for leftover in (new, new.with_name(f"{new.name}-wal"), new.with_name(f"{new.name}-shm")):
            leftover.unlink(missing_ok=True)
        # The rights of the database are also those of its -wal and -shm, which SQLite makes.
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
        # The mode is stored in the file, so that every later connection uses it.
        database.execute("PRAGMA journal_mode=WAL")
        database.close()
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    os.replace(new, path)


def _upgrade(path: Path, thorough: bool) -> None:
    """Check an existing database, and apply the migrations that it lacks."""
    # SQLite would open it as an empty database. A full disk may have left it so.
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
    """Raise UnusableDatabase if a page of the file is damaged; larger files are not checked."""
    if database.path.stat().st_size > _QUICK_CHECK_BYTES:
        return
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise damaged(database.path, verdict)


def _migration_files() -> list[Path]:
    """Return the files of db/migrations in the order of their numbers."""
    return sorted(_MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))


def _apply(database: Database, version: int) -> None:
    """Run the migrations after this version, and replace the views if their text has changed."""
    # Each migration and its version number are one transaction, also if the process is killed.
    # executescript() would commit it before its first statement, so each statement is run alone.
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
    """Drop all views, and make those of this text in the same transaction."""
    with database.writing():
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
        for (name,) in names:
            database.execute(f'DROP VIEW "{name}"')
        for statement in _statements(views):
            database.execute(statement)
        database.execute("INSERT OR REPLACE INTO property VALUES ('views', ?)", (views,))


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of an SQL script, each of which ends at the end of a line."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
