"""A compact copy of a database: without its free pages, and in place of it.

The copy takes the place by one rename, so the path names a whole database at every moment. No other
process may read or write meanwhile: it would go on with the former file, whose rows are lost.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shocpp.errors import UsageError
from shocpp.store.database import Database
from shocpp.store.files.backups import sync
from shocpp.store.files.space import MEGABYTE, space_of
from shocpp.store.sqlite_errors import damaged, translated

SPARE_BYTES = 20 * MEGABYTE
"""The space that must stay free on the disk beside the copy."""

_INSTRUCTIONS = 200_000
"""The instructions of SQLite's virtual machine between two checks of the size of the copy."""


def free_bytes(db: Database) -> int:
    """Return the size of the free pages."""
    return _pages(db, "freelist_count") * _page_bytes(db)


def used_bytes(db: Database) -> int:
    """Return the size of the pages in use."""
    return (_pages(db, "page_count") - _pages(db, "freelist_count")) * _page_bytes(db)


def used_pages(db: Database) -> int:
    """Return the number of pages in use."""
    return _pages(db, "page_count") - _pages(db, "freelist_count")


@contextmanager
def alone(db: Database) -> Iterator[None]:
    """Run a block while no other connection can read or write the file.

    The database is one file meanwhile, without a -wal. Raises UsageError if another process has it
    open.
    """
    try:
        # SQLite leaves WAL only if no other connection is open.
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=DELETE")
        # In this mode the lock stays after the end of a transaction.
        db.execute("BEGIN EXCLUSIVE")
        db.execute("COMMIT")
        # Nothing is written to this file any more. A journal beside it would belong to the copy, as
        # soon as that has its name.
        db.execute("PRAGMA journal_mode=OFF")
        db.path.with_name(f"{db.path.name}-journal").unlink(missing_ok=True)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise UsageError(
                f"another process is using {db.path}; stop it, and begin again"
            ) from None
        raise translated(error, db.path) from error
    try:
        yield
    finally:
        # Not beside a new file: a journal would be played back into that. This connection itself
        # has removed its -wal, so only the file counts.
        if db.identity.has_file():
            with suppress(sqlite3.Error):
                db.execute("PRAGMA locking_mode=NORMAL")
                db.execute("PRAGMA journal_mode=WAL")


def require_room(db: Database) -> None:
    """Raise UsageError if the disk has no room for the copy."""
    needed = used_bytes(db) + SPARE_BYTES
    free = space_of(db.path.parent).free
    if free < needed:
        raise UsageError(
            f"a compact copy of {db.path} needs {needed // MEGABYTE} MB in its folder, and "
            f"{free // MEGABYTE} MB are free; make room first"
        )


def copy_compact(db: Database, to: Path, report: Callable[[int], None]) -> None:
    """Write a copy without free pages to a new file with the rights of the database.

    `report` receives the number of pages written since its last call.
    """
    status, page_bytes, pages, reported = os.stat(db.path), _page_bytes(db), used_pages(db), 0

    def report_to(written: int) -> None:
        nonlocal reported
        report(written - reported)
        reported = written

    def check() -> int:
        report_to(min(os.stat(to).st_size // page_bytes, pages))
        return 0

    # SQLite would create the file with the rights of the umask.
    descriptor = os.open(to, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        os.fchmod(descriptor, status.st_mode & 0o777)
        if os.geteuid() == 0:
            os.fchown(descriptor, status.st_uid, status.st_gid)
    finally:
        os.close(descriptor)
    db.connection.set_progress_handler(check, _INSTRUCTIONS)
    try:
        db.execute("VACUUM INTO ?", (str(to),))
        # Half-filled pages may be joined, so that the copy has fewer.
        report_to(pages)
    except sqlite3.Error as error:
        # SQLite reads and writes here, and a full disk is no damage.
        is_damage = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CORRUPT
        raise damaged(db.path, error) if is_damage else translated(error, to) from error
    finally:
        db.connection.set_progress_handler(None, 0)


def require_equal(db: Database, copied: Database) -> None:
    """Raise UnusableDatabase unless a copy is whole and has as many rows in each table.

    Both must be of one version.
    """
    try:
        (verdict,) = copied.execute("PRAGMA integrity_check(1)").fetchone()
        broken = copied.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise damaged(db.path, error) from None
    if verdict != "ok" or broken:
        raise damaged(db.path, verdict if verdict != "ok" else "a row refers to no row")
    with db.reading():
        tables = db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%'"
            " ESCAPE '!'"
        ).fetchall()
        queries = [
            *("PRAGMA application_id", "PRAGMA user_version"),
            *(f'SELECT count(*) FROM "{name}"' for (name,) in tables),
        ]
        for query in queries:
            here, there = (each.execute(query).fetchone() for each in (db, copied))
            if here != there:
                raise damaged(db.path, f"its copy differs: {query} is {here[0]}, not {there[0]}")


def take_place(db: Database, copy: Path) -> None:
    """Let a closed copy take the place of the database, whose connection is alone.

    The former file is gone when its connection is closed.
    """
    sync(copy)
    os.replace(copy, db.path)
    sync(db.path.parent)
    # A process that has opened the former file, and has waited for its lock, must not use it.
    db.execute("PRAGMA user_version=0")


def _pages(db: Database, pragma: str) -> int:
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])


def _page_bytes(db: Database) -> int:
    return _pages(db, "page_size")
