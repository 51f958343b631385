"""A connection to the database: the only module that opens one and begins transactions.

It turns the driver's errors into StoreUnavailable, UnusableDatabase and UsageError.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Self

from shocpp.errors import UnusableDatabase, UsageError
from shocpp.store.changes import PendingChanges
from shocpp.store.files.header import check_header, check_ours
from shocpp.store.files.identity import Identity, opening
from shocpp.store.files.wal import FRAMES, Wal
from shocpp.store.keys import NO_KEYS, Keys
from shocpp.store.sqlite_errors import translated, unusable

VERSION = 15
"""The number of the newest migration in db/migrations; a test compares them."""

BUSY_S = 5.0
"""Seconds that a statement waits for the lock of another connection."""

BRIEF_PAUSE_S, BRIEFLY_S, LONG_PAUSE_S = 0.001, 2.0, 0.01
"""The pauses between two attempts to get a lock: at first BRIEF_PAUSE_S, after BRIEFLY_S longer."""

MOST_REMEMBERED = 10_000
"""The size at which the set of remembered rows is cleared, so that it cannot grow for ever."""

CACHE_KB, MOST_WAL_BYTES = 32 * 1024, 8 * 1024 * 1024
"""The memory for pages of a connection that writes much, and the size to which it cuts a -wal that
has grown larger, once it is copied."""

ROWS_AT_ONCE = (64, 8, 1)
"""Rows of one INSERT, most first. Few different sizes keep their statements prepared."""


class Database:
    """An open database of shocpp, for one thread at a time.

    `execute` and `executemany` are those of the sqlite3 connection; rows are tuples. The caller
    writes within `writing()` only. `keys` and `changes` are those of the newest transaction. `wal`
    is None if the database is not in WAL mode.
    """

    __slots__ = (
        "_remembered",
        "_waits_in_sqlite",
        "changes",
        "connection",
        "execute",
        "executemany",
        "identity",
        "keys",
        "path",
        "wal",
    )

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self.connection = connection
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.keys = NO_KEYS
        self.changes = PendingChanges(connection.execute)
        self._waits_in_sqlite = True
        self._remembered: set[object] = set()
        self.identity = Identity(path)
        self.wal = Wal(self.identity, connection.execute) if self.identity.has_wal() else None

    @contextmanager
    def writing(self, *, keys: Keys, durable: bool = True, patient: bool = True) -> Iterator[None]:
        """Run a block as one write transaction, and commit it when the block ends.

        What the block writes must lie within `keys`; SQLite lets all transactions take turns.
        With `durable` the commit is on disk when this returns (`sync`). An exception undoes all
        that the block has written. With `patient` the beginning waits up to BUSY_S for a lock.
        Raises StoreUnavailable if SQLite cannot begin or commit; then nothing is written. It is
        also raised if the sync fails; then the commit stays, but a power cut may undo it.
        """
        self.keys = keys
        try:
            # A deferred transaction that reads first and writes then fails with BUSY_SNAPSHOT if
            # another connection has written meanwhile. It fails at once, whatever the timeout.
            self._begin(BUSY_S if patient else 0.0)
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
        if durable:
            self.sync()

    def _begin(self, patience_s: float) -> None:
        """Begin a write transaction; wait for the lock of another connection at most so long."""
        if self.wal is None:
            # A commit waits for readers as well.
            self.execute("BEGIN IMMEDIATE")
            return
        if self._waits_in_sqlite:
            # SQLite's own wait doubles its pauses up to 0.1 s, so others overtake it again and
            # again. All that waits for a lock after the first transaction is the next one.
            self.execute("PRAGMA busy_timeout=0")
            self._waits_in_sqlite = False
        begun: float | None = None
        while True:
            try:
                self.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not patience_s:
                    raise
                now = time.monotonic()
                begun = now if begun is None else begun
                if now - begun >= patience_s:
                    raise
                time.sleep(BRIEF_PAUSE_S if now - begun < BRIEFLY_S else LONG_PAUSE_S)
            else:
                return

    def wait_for_readers(self) -> None:
        """Let statements wait up to BUSY_S for other connections, until the next transaction."""
        if not self._waits_in_sqlite:
            self.execute(f"PRAGMA busy_timeout={int(BUSY_S * 1000)}")
            self._waits_in_sqlite = True

    def sync(self) -> None:
        """Wait until all commits before this call are on the disk; raises StoreUnavailable.

        An answer that promises anything about energy may leave only after that.
        """
        # Without a -wal each commit is synced by SQLite itself.
        if self.wal is not None:
            self.wal.sync()

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

    def checkpoint_itself(self) -> None:
        """Expect many writes, and copy the -wal after commits, which a server does in a thread."""
        self.execute(f"PRAGMA wal_autocheckpoint={FRAMES}")
        self.expect_many_writes()

    def expect_many_writes(self) -> None:
        """Keep more pages in memory, and cut a -wal that is begun anew, from now on."""
        # The indices of years have more pages than SQLite's 2 MB, and each start reads some.
        self.execute(f"PRAGMA cache_size=-{CACHE_KB}")
        # A long read or a large import lets the -wal grow; it is cut again afterwards.
        self.execute(f"PRAGMA journal_size_limit={MOST_WAL_BYTES}")

    def expect_large_reads(self) -> None:
        """Sort large results in files, which halves their memory, and keep more pages of ours."""
        self.connection.executescript(f"PRAGMA temp_store=FILE; PRAGMA cache_size=-{CACHE_KB}")

    def close(self) -> None:
        """Close the connection."""
        try:
            self.connection.close()
        finally:
            self.identity.forget()
            if self.wal is not None:
                self.wal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Close the connection, and raise StoreUnavailable for a driver's error in the block."""
        self.close()
        if isinstance(error, sqlite3.Error):
            raise translated(error, self.path) from error


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
        check_header(path)
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
        # One thread of the server copies the -wal into the database: that takes long on a slow
        # disk, and two programs that do it at once are part of a race in SQLite before 3.51.3.
        connection.execute("PRAGMA wal_autocheckpoint=0")
        # The first read opens the -wal and -shm, whose identity is noted below.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        database = Database(connection, path)
        if database.wal is not None:
            # Measured: with NORMAL a commit in WAL mode does not sync; `Database.sync` does it
            # after the lock is released, and only where an answer promises that.
            connection.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise unusable(path, error) from error
    except OSError:
        connection.close()
        raise UnusableDatabase(f"{path} was removed while it was opened; put it back") from None
    return database


@lru_cache
def _insertion(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({','.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({','.join(columns)}) VALUES {','.join([row] * rows)}"
