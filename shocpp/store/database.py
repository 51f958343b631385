"""One connection to the database, and the one place that says BEGIN (memory floor).

WAL with synchronous=NORMAL does not fsync a commit, so whatever an answer to a charger promises is
written with FULL. Every write transaction is BEGIN IMMEDIATE: a deferred one that has read first
fails at once with BUSY_SNAPSHOT, whatever the timeout. Driver errors become ours here.
"""

import os
import sqlite3
from _thread import allocate_lock
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Self

from shocpp.errors import StoreUnavailable, UnusableDatabase, UsageError

APPLICATION_ID = 0x73686F63
"""`shoc`: a file without it is not ours."""

VERSION = 6
"""The newest migration in db/migrations, which a test compares."""

BUSY_S = 5.0

MOST_REMEMBERED = 10_000

ROWS_AT_ONCE = (64, 8, 1)

_WRITE_VERSION = 2
"""The newest format that SQLite writes: of any other it makes a read-only database."""

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


_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Database:
    """An open database of ours; to be used by the thread that opened it."""

    __slots__ = (
        "_durable",
        "_file",
        "_remembered",
        "connection",
        "execute",
        "executemany",
        "path",
    )

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self.connection = connection
        self.execute = connection.execute
        self.executemany = connection.executemany
        self._durable: bool | None = None
        self._remembered: set[object] = set()
        status = os.stat(path)
        self._file = (status.st_dev, status.st_ino)

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[None]:
        """One write transaction; on disk when this returns, if `durable`.

        Raises StoreUnavailable when it cannot be had or finished; nothing is written then.
        """
        try:
            if durable is not self._durable:
                self.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                self._remembered.clear()
                # A full disk and an I/O error roll back by themselves.
                if self.connection.in_transaction:
                    self.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    @contextmanager
    def apart(self) -> Iterator[None]:
        """A part of a write transaction that is undone alone; StoreUnavailable ends the whole.

        Raises UsageError for values that the tables refuse.
        """
        self.execute("SAVEPOINT part")
        try:
            yield
        except BaseException as error:
            self._remembered.clear()
            if self.connection.in_transaction:
                self.execute("ROLLBACK TO part")
                self.execute("RELEASE part")
            if isinstance(error, sqlite3.IntegrityError):
                raise UsageError(f"it does not fit into the books: {error}") from error
            if isinstance(error, sqlite3.Error):
                raise translated(error, self.path) from error
            raise
        self.execute("RELEASE part")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Reads whose driver errors become ours."""
        try:
            yield
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def insert(self, table: str, values: Mapping[str, object]) -> int:
        """Insert a row given by its columns' names; returns its key."""
        sql = f"INSERT INTO {table} ({','.join(values)}) VALUES (?{',?' * (len(values) - 1)})"
        cursor = self.execute(sql, tuple(values.values()))
        return int(cursor.lastrowid or 0)

    def insert_rows(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        """Insert whole rows, many with one statement: each one lets other threads go first."""
        at = 0
        for number in ROWS_AT_ONCE:
            while len(rows) - at >= number:
                some = rows[at : at + number]
                self.execute(_insertion(table, len(some[0]), number), [*chain.from_iterable(some)])
                at += number

    def remember(self, written: object) -> None:
        """Remember that something is written that stays so; forgotten if anything is undone."""
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered.add(written)

    def is_remembered(self, written: object) -> bool:
        """Whether it is known to be written."""
        return written in self._remembered

    def version_of_others(self) -> int:
        """A number that changes whenever another connection has written."""
        return int(self.execute("PRAGMA data_version").fetchone()[0])

    def is_in_place(self) -> bool:
        """Whether the path still names the file that was opened.

        What is written to a file that was moved away or deleted is lost with it.
        """
        try:
            status = os.stat(self.path)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._file

    def sort_on_disk(self) -> None:
        """From now on sort what is large in temporary files: a month may be larger than memory."""
        self.execute("PRAGMA temp_store=FILE")

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Close it; a driver's error becomes ours."""
        self.close()
        if isinstance(error, sqlite3.Error):
            raise translated(error, self.path) from error


def version_with_wal_race() -> str | None:
    """SQLite's version, where several processes may race for a WAL that begins anew.

    It is rare, and reported to be mended in 3.51.3.
    """
    return sqlite3.sqlite_version if sqlite3.sqlite_version_info < (3, 51, 3) else None


def translated(error: sqlite3.Error, path: Path) -> Exception:
    """Our name for a driver's error; one that is a mistake of ours stays as it is."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _UNAVAILABLE:
        return StoreUnavailable(
            f"{path} cannot be written: {error}; see free space, its rights and those of the -wal "
            "and -shm files beside it, and other programs using it"
        )
    return error


def open_database(path: Path) -> Database:
    """Open a database that `migrate` has made.

    Raises UnusableDatabase where there is none, or it is foreign, damaged or of another version.
    """
    try:
        path.stat()
    except FileNotFoundError:
        sentence = (
            f"there is no database {path}; make it with: shocpp migrate, or if it was lost, from "
            "the accounting files: shocpp rebuild"
        )
        raise UnusableDatabase(sentence) from None
    except OSError as error:
        raise UnusableDatabase(f"{path} cannot be used: {error.strerror}; see its rights") from None
    database = connect(path)
    version = check_ours(database)
    if version != VERSION:
        database.close()
        raise UnusableDatabase(
            f"{path} has version {version}, this program needs {VERSION}; run: shocpp migrate"
        )
    return database


def connect(path: Path) -> Database:
    """A connection to an existing file, with the settings every connection has."""
    _check_header(path)
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    try:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA fullfsync=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise unusable(path, error) from error
    return Database(connection, path)


@lru_cache
def _insertion(table: str, columns: int, rows: int) -> str:
    row = f"({','.join('?' * columns)})"
    return f"INSERT INTO {table} VALUES {','.join([row] * rows)}"


_looking = allocate_lock()
_looked_at: set[tuple[int, int]] = set()


def _check_header(path: Path) -> None:
    """Look at a file before SQLite does: opening a foreign one would tidy up its journal.

    Once a process and file, before the first connection: closing a descriptor of our own drops the
    locks that this process's connections hold (POSIX), and then the next process that leaves the
    database removes the -wal under them, with all that they write into it from then on.
    """
    try:
        with _looking:
            status = os.stat(path)
            file_id = (status.st_dev, status.st_ino)
            if file_id in _looked_at:
                return
            with open(path, "rb") as file:
                header = file.read(100)
            _looked_at.add(file_id)
    except OSError as error:
        remedy = (
            "run this as the user who runs the server"
            if isinstance(error, PermissionError)
            else "it must be a file of ours, or not there"
        )
        raise UnusableDatabase(f"{path} cannot be used: {error.strerror}; {remedy}") from None
    is_database = header.startswith(b"SQLite format 3\0")
    if is_database and int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        _looked_at.discard(file_id)
        raise UnusableDatabase(
            f"{path} is not a database of shocpp; move it away or set SHOCPP_DATABASE"
        )
    if is_database and header[18] > _WRITE_VERSION:
        _looked_at.discard(file_id)
        raise damaged(path, "SQLite would only read it")


def check_ours(database: Database) -> int:
    """The version of a database of ours; UnusableDatabase for any other file, left untouched."""
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


def unusable(path: Path, error: sqlite3.Error) -> UnusableDatabase:
    """The refusal of a file that SQLite cannot open, and what to do about it."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
        return damaged(path, error)
    return UnusableDatabase(
        f"{path} cannot be used: {error}; see free space and the rights of it and its folder"
    )


def damaged(path: Path, error: object) -> UnusableDatabase:
    """The refusal of a file that is no whole database."""
    return UnusableDatabase(
        f"{path} is damaged or no SQLite database ({error}); stop the server and restore a backup "
        "of it, or make it again from the accounting files: shocpp rebuild"
    )
