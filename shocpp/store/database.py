"""A connection to the database: the only module that opens one and begins transactions.

It turns the driver's errors into StoreUnavailable, UnusableDatabase and UsageError.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Self

from shocpp.errors import UnusableDatabase, UsageError
from shocpp.store.changes import PendingChanges
from shocpp.store.files.header import check_header
from shocpp.store.files.identity import (
    Identity,
    displaced_in_use,
    opening,
)
from shocpp.store.keys import NO_KEYS, Keys
from shocpp.store.sqlite_errors import translated, unusable

APPLICATION_ID = 0x73686F63
"""`shoc` in ASCII, in the header of each database of shocpp; no other file is opened."""

VERSION = 9
"""The number of the newest migration in db/migrations; a test compares them."""

BUSY_S = 5.0
"""Seconds that a statement waits for the lock of another connection."""

MOST_REMEMBERED = 10_000
"""The size at which the set of remembered rows is cleared, so that it cannot grow for ever."""

CHECKPOINT_PAGES = 1_000
"""The pages of the -wal from which on the writer's commits copy them into the database."""

MOST_WAL_BYTES = 8 * 1024 * 1024
"""The size to which the writer cuts a -wal that has grown larger, once it is copied."""

ROWS_AT_ONCE = (64, 8, 1)
"""Rows of one INSERT, most first. Few different sizes keep their statements prepared."""


class Database:
    """An open database of shocpp, for one thread at a time.

    `execute` and `executemany` are those of the sqlite3 connection; rows are tuples. The caller
    writes within `writing()` only. `keys` and `changes` are those of the newest transaction.
    """

    __slots__ = (
        "_durable",
        "_remembered",
        "changes",
        "connection",
        "execute",
        "executemany",
        "identity",
        "keys",
        "path",
    )

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self.connection = connection
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.keys = NO_KEYS
        self.changes = PendingChanges(connection.execute)
        self._durable: bool | None = None
        self._remembered: set[object] = set()
        self.identity = Identity(path)

    @contextmanager
    def writing(self, *, keys: Keys, durable: bool = True) -> Iterator[None]:
        """Run a block as one write transaction, and commit it when the block ends.

        What the block writes must lie within `keys`; SQLite lets all transactions take turns.
        With `durable` the commit is on disk when this returns; an answer that promises anything to
        a charger may leave only after that. An exception undoes all that the block has written.
        Raises StoreUnavailable if SQLite cannot begin or commit; then nothing is written.
        """
        self.keys = keys
        try:
            # Measured: WAL with synchronous=NORMAL does not fsync a commit, FULL does.
            # SQLite refuses to change it within a transaction. It costs a statement, so not always.
            if durable is not self._durable:
                self.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            # A deferred transaction that reads first and writes then fails with BUSY_SNAPSHOT if
            # another connection has written meanwhile. It fails at once, whatever the timeout.
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                if self.changes.notes:
                    self.changes.announce()
                self.execute("COMMIT")
            except BaseException:
                # The rows remembered in this transaction are not in the database any more.
                self._remembered.clear()
                self.changes.end(is_committed=False)
                # After a full disk or an I/O error SQLite has rolled back by itself.
                if self.connection.in_transaction:
                    self.execute("ROLLBACK")
                raise
            if self.changes.notes or self.changes.notices:
                self.changes.end(is_committed=True)
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Run a block as a savepoint of the caller's write transaction.

        An exception undoes only what the block has written, and the transaction may go on. Raises
        UsageError for values that the tables refuse. After StoreUnavailable the caller must end
        the whole transaction.
        """
        self.execute("SAVEPOINT part")
        mark = self.changes.mark()
        try:
            yield
        except BaseException as error:
            self._remembered.clear()
            self.changes.return_to(mark)
            # After a full disk the transaction is gone, and the savepoint with it.
            if self.connection.in_transaction:
                self.execute("ROLLBACK TO part")
                self.execute("RELEASE part")
            if isinstance(error, sqlite3.IntegrityError):
                raise UsageError(f"the value cannot be stored: {error}") from error
            if isinstance(error, sqlite3.Error):
                raise translated(error, self.path) from error
            raise
        self.execute("RELEASE part")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Run a block of reads, and raise StoreUnavailable for the driver's errors in it.

        It begins no transaction: each statement reads the newest commit.
        """
        try:
            yield
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def insert(self, table: str, values: Mapping[str, object]) -> int:
        """Insert one row, given as values by column name, and return its row id."""
        sql = f"INSERT INTO {table} ({','.join(values)}) VALUES (?{',?' * (len(values) - 1)})"
        return self.insert_by(sql, tuple(values.values()))

    def insert_by(self, sql: str, values: Sequence[object]) -> int:
        """Run the INSERT of one row, and return its row id."""
        return int(self.execute(sql, values).lastrowid or 0)

    def insert_rows(
        self, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[object]]
    ) -> list[int]:
        """Insert rows with few statements, and return their row ids in the same order.

        The values of each row are in the order of `columns`. The engine assigns the row ids.
        """
        # Each statement releases Python's lock to other threads and waits to get it back, so fewer
        # statements make a batch of frames faster.
        row_ids: list[int] = []
        for number in ROWS_AT_ONCE:
            while len(rows) - len(row_ids) >= number:
                chunk = rows[len(row_ids) : len(row_ids) + number]
                cursor = self.execute(
                    _insertion(table, columns, number), [*chain.from_iterable(chunk)]
                )
                # No other connection can write meanwhile, so the row ids of a statement are
                # consecutive. RETURNING would copy all rows into a temporary table.
                last = int(cursor.lastrowid or 0)
                row_ids += range(last - number + 1, last + 1)
        return row_ids

    def remember(self, key: object) -> None:
        """Remember that a row that is never deleted has been written; `key` names it.

        All keys are forgotten as soon as anything is rolled back.
        """
        # A forgotten key costs one INSERT OR IGNORE, nothing else.
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered.add(key)

    def is_remembered(self, key: object) -> bool:
        """Return True if this connection knows that the row is written; False proves nothing."""
        return key in self._remembered

    def version_of_others(self) -> int:
        """Return a number that changes whenever another connection has committed."""
        return int(self.execute("PRAGMA data_version").fetchone()[0])

    def is_in_place(self) -> bool:
        """Return True if the paths of database, -wal and -shm still name the files in use.

        A commit to a file that was moved away or deleted is lost with that file.
        """
        return self.identity.is_in_place()

    def require_in_place(self) -> None:
        """Raise StoreUnavailable if the -wal or -shm in use was removed, so that a wait can end."""
        displaced = self.identity.displaced()
        if displaced is not None:
            raise displaced_in_use(displaced)

    def checkpoint_itself(self) -> None:
        """Copy the -wal into the database after commits from now on.

        Only writers do so, and commands that write much.
        """
        self.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        # A long read or a large import lets the -wal grow; it is cut again afterwards.
        self.execute(f"PRAGMA journal_size_limit={MOST_WAL_BYTES}")

    def sort_on_disk(self) -> None:
        """Sort large results in temporary files from now on, not in memory."""
        # Measured: a month with 300 000 records takes 39 MB this way, and 73 MB otherwise.
        self.execute("PRAGMA temp_store=FILE")

    def close(self) -> None:
        """Close the connection."""
        try:
            self.connection.close()
        finally:
            self.identity.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Close the connection, and raise StoreUnavailable for a driver's error in the block."""
        self.close()
        if isinstance(error, sqlite3.Error):
            raise translated(error, self.path) from error


def version_with_wal_race() -> str | None:
    """Return SQLite's version if it has a rare race of WAL restarts (3.7.0 to 3.51.2), or None."""
    return sqlite3.sqlite_version if sqlite3.sqlite_version_info < (3, 51, 3) else None


def open_database(path: Path) -> Database:
    """Open the database that `migrate` has made.

    Raises UnusableDatabase if there is none, or if it is foreign, damaged or of another version.
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
    """Open an existing file with the settings that every connection has; any version will do.

    Raises UnusableDatabase, and StoreUnavailable while programs use a -wal that was removed.
    The connection must be opened after a fork.
    """
    with opening:
        check_header(path, APPLICATION_ID)
        return _connect(path)


def _connect(path: Path) -> Database:
    # mode=rw never creates a file. With isolation_level=None the sqlite3 module begins no
    # transactions of its own: it would begin deferred ones.
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
        # macOS: a plain fsync leaves a commit in the cache of the disk.
        connection.execute("PRAGMA fullfsync=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        # The writer alone copies the -wal into the database: that takes long on a slow disk, and
        # two processes that do it at once are part of a race in SQLite before 3.51.3.
        connection.execute("PRAGMA wal_autocheckpoint=0")
        # The first read opens the -wal and -shm, whose identity is noted below.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        raise unusable(path, error) from error
    return Database(connection, path)


@lru_cache
def _insertion(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({','.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({','.join(columns)}) VALUES {','.join([row] * rows)}"


def check_ours(database: Database) -> int:
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
