"""The access of one worker to its database, which two threads share by turns.

The writer's thread takes its turn for each batch, poll and slice of housekeeping. The loop takes
one only if it is free at once, for a batch that needs neither a sync nor a lock of others: two
hand-overs between threads take longer than such a transaction.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, NamedTuple

from shocpp.bookkeeping.accounting_files.files_thread import FilesThread
from shocpp.bookkeeping.bookkeeping import Bookkeeping
from shocpp.bookkeeping.housekeeping import FilesInForce
from shocpp.bookkeeping.posting import Posting
from shocpp.bookkeeping.reserve import Reserve
from shocpp.bookkeeping.writing.checkpoints import Checkpoints
from shocpp.bookkeeping.writing.durability import SYNC_WITHIN_S, Batch, Durability
from shocpp.bookkeeping.writing.health import Health
from shocpp.clock import now_ms
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.changes import Change
from shocpp.store.charge_points import connections
from shocpp.store.charge_points.connections import WorkerRow
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.workers import reap_dead_workers

IN_PLACE_EVERY_S = 0.1
"""The time between two checks, by the loop, that the files of the database are in place."""

SLOW_S, PAUSE_AFTER_SLOW_S = 0.05, 1.0
"""A transaction of the loop that takes longer than SLOW_S is its last one for the pause."""


class Written(NamedTuple):
    """The results of a batch, in the order of its jobs, and the changes to publish."""

    results: Sequence[Any]
    changes: Sequence[Change]


class WriteAccess:
    """The open database and its bookkeeping; all but `write_at_once` is for the writer's thread.

    `health` says if and why nothing can be written. `reserve` watches the disk. `close_others`
    close idle connections of this process when the -wal was removed. `sync_at` is the moment
    (monotonic) at which commits are to be synced, or None. `stopped_tokens` are the connections
    whose facts are not written any more. `call_in_writer` has a function called in its turn, and
    `wake_writer` ends the present wait of the writer. `accounting_files` are written after records.
    """

    def __init__(
        self,
        settings: Settings,
        files: FilesInForce,
        row: WorkerRow,
        call_in_writer: Callable[[Callable[[], None]], None],
        wake_writer: Callable[[], None],
        accounting_files: FilesThread,
    ) -> None:
        self.health = Health(settings.database)
        self.reserve = Reserve(settings.database, settings.reserve_mb)
        self.close_others: list[Callable[[], None]] = [accounting_files.close_idle]
        # Also while no database is open: a stop must not be written without its start.
        self.stopped_tokens: set[str] = set()
        self.sync_at: float | None = None
        self.db: Database | None = None
        self.books: Bookkeeping | None = None
        self.checkpoints = Checkpoints(settings.database, call_in_writer)
        self._wake_writer, self._files_thread = wake_writer, accounting_files
        self._settings, self._files, self._row = settings, files, row
        self._turn = Lock()
        self._in_place_until = self._quick_from = 0.0
        self._is_syncing = False

    def write_at_once(self, batch: Batch) -> Written | None:
        """Write a quick batch in the loop's thread, or return None if that may have to wait.

        No result may be outstanding: jobs are written in their order.
        """
        if not self._turn.acquire(blocking=False):
            return None
        try:
            begun = time.monotonic()
            db, books = self._usable(begun)
            results = None if books is None else books.write_at_once(batch.jobs, now_ms())
            if db is None or results is None:
                return None
            self._note_commit(db, batch.durability)
            ended = time.monotonic()
            if ended - begun > SLOW_S:
                # A disk that is behind lets even writes to the page cache wait.
                self._quick_from = ended + PAUSE_AFTER_SLOW_S
            return Written(results, _changes_of(db))
        finally:
            self._turn.release()

    def _usable(self, now: float) -> tuple[Database, Bookkeeping] | tuple[None, None]:
        """Return the open database if the loop may write it now."""
        db, books = self.db, self.books
        if db is None or books is None or not self.health.is_good or now < self._quick_from:
            return None, None
        # The commit that begins the -wal anew syncs it.
        if db.wal is None or db.wal.restarts:
            return None, None
        # The batch waits behind a sync: a disk that hangs must not let unsynced answers pile up.
        if self._is_syncing:
            return None, None
        if now >= self._in_place_until:
            if not db.identity.is_in_place():
                return None, None
            self._in_place_until = now + IN_PLACE_EVERY_S
        return db, books

    def write(self, batch: Batch) -> Written:
        """Write a batch, and sync it if an answer promises that.

        Raises StoreUnavailable if nothing is written, or if it is not synced.
        """
        with self._turn:
            books = self._opened()
            assert self.db is not None
            db = self.db
            results = books.write(batch.jobs, now_ms())
            if db.wal is not None:
                db.wal.restarts = False
            self._note_commit(db, batch.durability)
        if batch.durability is Durability.SYNCED:
            self.sync()
        return Written(results, _changes_of(db))

    def end_batch(self) -> None:
        """Do what may follow the answers of a batch: its log lines and accounting files."""
        if self.books is not None:
            self.books.log_committed()
            self._files_thread.wake_for(self.books.caches)

    @contextmanager
    def turn(self) -> Iterator[Bookkeeping]:
        """Run a block in the turn of this thread, with the bookkeeping of the open database.

        Raises StoreUnavailable.
        """
        with self._turn:
            yield self._opened()

    def sync(self) -> None:
        """Wait until all commits are on the disk, without the turn; raises StoreUnavailable."""
        self.sync_at, db = None, self.db
        if db is None:
            return
        self._is_syncing = True
        try:
            if db.wal is not None and db.wal.is_doubtful:
                with self._turn:
                    db.sync()
            else:
                db.sync()
        finally:
            self._is_syncing = False

    def probe(self) -> None:
        """Become healthy if a small durable transaction succeeds."""
        with self.turn():
            assert self.db is not None
            with self.db.writing(keys=NO_KEYS):
                properties.probe(self.db, now_ms())
            self.health.recover()
            self._files_thread.wake()

    def leave(self) -> None:
        """Leave the table of workers and close the database; raises StoreUnavailable."""
        self.checkpoints.end()
        if self.db is None:
            return
        try:
            self.sync()
            with self.db.writing(keys=NO_KEYS, durable=False):
                connections.forget_worker(self.db, self._row.worker, now_ms())
        finally:
            self.db.close()

    def abandon(self) -> None:
        """Close the database after an unexpected error; the next step opens it anew."""
        with self._turn:
            db, self.db, self.books = self.db, None, None
        if db is not None:
            with suppress(Exception):
                db.close()

    def _note_commit(self, db: Database, durability: Durability) -> None:
        """Plan the sync of a commit, and the copy of the -wal."""
        if durability is Durability.WRITTEN and self.sync_at is None:
            self.sync_at = time.monotonic() + SYNC_WITHIN_S
            self._wake_writer()
        self.checkpoints.begin_if_due(db)

    def _opened(self) -> Bookkeeping:
        """Return the bookkeeping of an open database; open it again if its file was replaced.

        Raises StoreUnavailable also while the health allows no other try.
        """
        if self.db is not None and not self.db.identity.is_in_place():
            trouble = self.health.leave(self.db, self.close_others)
            self.db = self.books = None
            if trouble is not None:
                raise trouble
        self.health.require_try(is_open=self.db is not None)
        if self.books is None or self.db is None:
            worker = self._row.worker
            self.db = db = open_database(self._settings.database)
            db.expect_many_writes()
            db.changes.worker = worker
            with db.reading():
                reap_dead_workers(db, worker)
                with db.writing(keys=NO_KEYS, durable=False):
                    connections.enter_worker(db, self._row, now_ms())
                tags, chargers, tariffs = self._files
                posting = Posting(db, self._settings.zone, tariffs)
                own = (worker, chargers, self.reserve, self.stopped_tokens)
                self.books = Bookkeeping(db, tags, posting, *own)
            self._files_thread.wake()
        return self.books


def _changes_of(db: Database) -> Sequence[Change]:
    """Return the committed changes that are not published yet."""
    return db.changes.take() if db.changes.committed else ()
