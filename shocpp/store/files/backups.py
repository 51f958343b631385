"""Copies of a database that is in use."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from shocpp.errors import UsageError
from shocpp.store.database import Database
from shocpp.store.files.header import APPLICATION_ID
from shocpp.store.files.identity import real_path
from shocpp.store.sqlite_errors import damaged, translated

PAGES_AT_ONCE = 2_000
"""Pages that SQLite copies between two calls of `report`."""


def back_up(db: Database, to: Path, report: Callable[[int], None]) -> None:
    """Write a complete, checked copy of the database to another file, or nothing at all.

    Other connections may write meanwhile. `report` receives the number of pages copied since its
    last call. An older copy at `to` is replaced once the new one is complete.

    Raises UsageError if `to` is any other file, and UnusableDatabase if the copy fails its checks.
    It also raises StoreUnavailable for an error of SQLite, and OSError for one of the folder.
    """
    refuse_to_replace(db, to)
    partial = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        # Created here, because SQLite would create it with the rights of the umask.
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        copy(db, partial, report)
        # Until this rename the older copy is untouched, also if this process is killed.
        os.replace(partial, to)
        sync(to.parent)
    finally:
        for leftover in (partial, *beside(partial)):
            leftover.unlink(missing_ok=True)


def copy(db: Database, to: Path, report: Callable[[int], None]) -> None:
    """Copy the database as it is now into an empty file, check the copy, and sync it to disk.

    Raises UnusableDatabase if the copy fails its checks, StoreUnavailable for an error of SQLite.
    """
    with db.reading():
        copied = sqlite3.connect(to, isolation_level=None)
        try:
            # SQLite begins the copy again whenever another process has written. A read transaction
            # around the whole copy prevents that; its first SELECT starts it.
            db.execute("BEGIN")
            try:
                db.execute("SELECT count(*) FROM sqlite_master").fetchone()
                db.connection.backup(
                    copied,
                    pages=PAGES_AT_ONCE,
                    progress=lambda _status, left, total: report(
                        PAGES_AT_ONCE if left else total % PAGES_AT_ONCE
                    ),
                )
            finally:
                db.execute("ROLLBACK")
            # The copied header says WAL. In this mode the copy is one file, without -wal and -shm.
            copied.execute("PRAGMA journal_mode=DELETE")
            verdict = copied.execute("PRAGMA integrity_check").fetchall()
            broken = copied.execute("PRAGMA foreign_key_check").fetchall()
        except sqlite3.Error as error:
            raise translated(error, to) from error
        finally:
            copied.close()
    if verdict != [("ok",)] or broken:
        raise damaged(
            db.path,
            verdict[0][0] if verdict != [("ok",)] else "a row refers to a row that does not exist",
        )
    sync(to)


def pages(db: Database) -> int:
    """Return the number of pages of the database, as `back_up` counts them."""
    return int(db.execute("PRAGMA page_count").fetchone()[0])


def refuse_to_replace(db: Database, to: Path) -> None:
    """Raise UsageError unless the path is free or holds an older copy that nobody uses."""
    if not to.parent.is_dir():
        raise UsageError(f"the folder {to.parent} does not exist; make it first")
    if not to.exists():
        return
    if to.samefile(db.path):
        raise UsageError(f"{to} is the database itself; name another file")
    # The header of an SQLite database has its application id at byte 68.
    header = b""
    if to.is_file():
        with open(to, "rb") as file:
            header = file.read(72)
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise UsageError(f"{to} exists and is no copy made by shocpp; name another file")
    # SQLite would read an old -wal or journal as a part of the new copy.
    if any(other.exists() for other in beside(to)):
        raise UsageError(f"{to} is a database in use, or not closed; name another file")


def beside(path: Path) -> tuple[Path, ...]:
    """Return the paths of the files that SQLite may keep beside a database."""
    real = real_path(path)
    return tuple(real.with_name(f"{real.name}-{suffix}") for suffix in ("wal", "shm", "journal"))


def sync(path: Path) -> None:
    """Write a file or the entries of a folder to disk (fsync). Raises OSError.

    A rename survives a loss of power only after its folder is synced.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_whole(db: Database) -> None:
    """Raise UnusableDatabase if SQLite's integrity check finds a fault in the database."""
    try:
        verdict = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise damaged(db.path, error) from None
    if verdict != "ok":
        raise damaged(db.path, verdict)
