"""Copies of a database that is in use (memory floor)."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from shocpp.errors import UsageError
from shocpp.store.database import APPLICATION_ID, Database, damaged, translated

PAGES_AT_ONCE = 2_000


def back_up(db: Database, to: Path, tell: Callable[[int], None]) -> None:
    """Copy the database as it is now to another file, whole and looked through, or not at all.

    Writers go on meanwhile. An older copy there is replaced, and only that; `tell` hears how many
    more pages are copied. Raises UsageError where `to` is something else,
    UnusableDatabase where the copy is not whole.
    """
    refuse_to_replace(db, to)
    partial = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        copy(db, partial, tell)
        os.replace(partial, to)
        sync(to.parent)
    finally:
        for leftover in (partial, *beside(partial)):
            leftover.unlink(missing_ok=True)


def copy(db: Database, to: Path, tell: Callable[[int], None]) -> None:
    """Copy the database as it is now into an empty file, and look through it."""
    with db.reading():
        copied = sqlite3.connect(to, isolation_level=None)
        try:
            # One read transaction for all of it: otherwise the copying begins again whenever
            # another process has written.
            db.execute("BEGIN")
            try:
                db.execute("SELECT count(*) FROM sqlite_master").fetchone()
                db.connection.backup(
                    copied,
                    pages=PAGES_AT_ONCE,
                    progress=lambda _status, left, total: tell(
                        PAGES_AT_ONCE if left else total % PAGES_AT_ONCE
                    ),
                )
            finally:
                db.execute("ROLLBACK")
            copied.execute("PRAGMA journal_mode=DELETE")
            verdict = copied.execute("PRAGMA integrity_check").fetchall()
            broken = copied.execute("PRAGMA foreign_key_check").fetchall()
        except sqlite3.Error as error:
            raise translated(error, to) from error
        finally:
            copied.close()
    if verdict != [("ok",)] or broken:
        raise damaged(db.path, verdict[0][0] if verdict != [("ok",)] else "rows without their row")
    sync(to)


def pages(db: Database) -> int:
    """How many pages a copy has."""
    return int(db.execute("PRAGMA page_count").fetchone()[0])


def refuse_to_replace(db: Database, to: Path) -> None:
    """Raises UsageError unless the place is free or holds an older copy."""
    if not to.parent.is_dir():
        raise UsageError(f"the folder {to.parent} does not exist; make it first")
    if not to.exists():
        return
    if to.samefile(db.path):
        raise UsageError(f"{to} is the database itself; name another file")
    header = b""
    if to.is_file():
        with open(to, "rb") as file:
            header = file.read(72)
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise UsageError(f"{to} is there and is no copy of ours; name another file")
    if any(other.exists() for other in beside(to)):
        # What is in them would be taken for a part of the new copy.
        raise UsageError(f"{to} is a database in use, or not closed; name another file")


def beside(path: Path) -> tuple[Path, ...]:
    """The files that SQLite keeps beside a database."""
    return tuple(path.with_name(f"{path.name}-{what}") for what in ("wal", "shm", "journal"))


def sync(path: Path) -> None:
    """What is at this path, or in this folder, is on disk when this returns; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_whole(db: Database) -> None:
    """Raises UnusableDatabase where the database is damaged."""
    try:
        verdict = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise damaged(db.path, error) from None
    if verdict != "ok":
        raise damaged(db.path, verdict)
