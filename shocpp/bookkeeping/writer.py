"""The writer: the one thread of a process that writes to the database.

The loop hands over the jobs of its ticks and goes on. The writer takes all that wait as one
transaction and hands the results back, so neither a slow disk nor a lock holds up the loop
(invariant I12). If nothing can be written, every job of the transaction fails, the callers close
their connections without an answer, and `health` is not good until a probe succeeds. An unexpected
error fails its batch in the same way, and the database is opened anew: the thread goes on.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from shocpp.bookkeeping.bookkeeping import Bookkeeping
from shocpp.bookkeeping.health import Health
from shocpp.bookkeeping.housekeeping import EXPORT_RETRY_S, FilesInForce, Housekeeping
from shocpp.bookkeeping.jobs import Failed, Job, PollResult, is_energy
from shocpp.bookkeeping.posting import Posting
from shocpp.bookkeeping.reserve import Reserve
from shocpp.clock import now_ms
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.tags import TagsFile
from shocpp.configuration.tariffs import TariffsFile
from shocpp.errors import ShocppError
from shocpp.metrics.counter_files import CounterFile
from shocpp.metrics.counters import Counters
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.changes import Change
from shocpp.store.charge_points import connections
from shocpp.store.charge_points.connections import WorkerRow
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.workers import reap_dead_workers

log = logging.getLogger(__name__)

BATCH_SIZE = 2_000
"""The number of jobs from which on a transaction takes no more."""

PROBE_EVERY_S = 1.0
"""The time between two attempts to write while the writer is unhealthy."""

QUIET_S = 0.02
"""The time without jobs after which housekeeping begins: Charge Points come before files."""

HOUSEKEEPING_EVERY_S = 0.5
"""The longest time between two rounds of housekeeping, even if jobs never end."""

PAUSE_BEFORE_END_S = 10.0
"""The pause before a process ends after a failure, so that it does not restart in a fast loop."""

MORE_HOUSEKEEPING: Sequence[Job] = ()
"""Put into the inbox so that the writer does not wait for jobs: housekeeping is unfinished."""

Deliver = Callable[[Sequence[Job], Sequence[Any], Sequence[Change]], None]
"""Takes jobs and their results, in the same order, and the committed changes to publish."""


class Writer:
    """The owner of the writing connection. Its public methods may be called by any thread.

    `health` says if and why nothing can be written. `tags` is the file of cards, `reserve` watches
    the disk and `housekeeping` writes accounting files, for their troubles. `close_others` closes
    the idle connections of this process when the -wal was removed.
    """

    def __init__(
        self,
        settings: Settings,
        chargers: AllowlistFile,
        row: WorkerRow,
        counters: Counters,
        counter_file: CounterFile | None,
    ) -> None:
        self.health = Health(settings.database)
        self.close_others: Callable[[], None] = lambda: None
        self.tags = TagsFile(settings.tags_file, settings.zone)
        self.reserve = Reserve(settings.database, settings.reserve_mb)
        tariffs = TariffsFile(settings.tariffs_file)
        self._files = FilesInForce(self.tags, chargers, tariffs)
        self._settings = settings
        self._row, self._worker = row, row.worker
        self._counters, self._counter_file = counters, counter_file
        self.housekeeping = Housekeeping(settings, row.worker, self._files)
        # A None ends the thread; a function runs between two transactions, in order with the jobs.
        self._inbox: queue.SimpleQueue[Callable[[], None] | Sequence[Job] | None] = (
            queue.SimpleQueue()
        )
        self._deliver: Deliver = lambda _jobs, _results, _changes: None
        self._deliver_poll: Callable[[PollResult], None] = lambda _poll: None
        self._db: Database | None = None
        self._books: Bookkeeping | None = None
        # Also while no database is open: a stop must not be written without its start.
        self._stopped_tokens: set[str] = set()
        self._housekeeping_at, self._is_quiet = 0.0, True
        # A daemon: a disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._begun = threading.Event()

    def start(self, deliver: Deliver, deliver_poll: Callable[[PollResult], None]) -> None:
        """Start the thread, which calls `deliver` with results and `deliver_poll` with polls."""
        self._deliver, self._deliver_poll = deliver, deliver_poll
        self._thread.start()

    def wait_until_begun(self, timeout_s: float) -> None:
        """Wait until the first attempt to open the database and read tags.json has ended."""
        self._begun.wait(timeout_s)

    def has_begun(self) -> bool:
        """Return True once the first attempt to open the database has ended, well or not."""
        return self._begun.is_set()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue jobs for the writer; `deliver` receives their results in the same order."""
        self._inbox.put(jobs)

    def poll(self, *, rung: bool, watching: bool) -> None:
        """Poll the database for rows that wait for this worker.

        The result comes through `deliver_poll`. `rung` is True if the doorbell was rung, `watching`
        if somebody watches the changes.
        """
        self._inbox.put(lambda: self._poll(rung=rung, watching=watching))

    def finish(self, timeout_s: float) -> None:
        """Wait until the results of all submitted jobs are delivered."""
        done = threading.Event()
        self._inbox.put(done.set)
        done.wait(timeout_s)

    def stop(self, timeout_s: float) -> None:
        """Write all submitted jobs, close the database and end the thread.

        Returns after `timeout_s` even if the thread has not ended.
        """
        self._inbox.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException:
            # Each step notes its own errors. Without its writer a process would hold chargers and
            # answer none of them.
            log.critical("the writer thread has failed; the process ends", exc_info=True)
            time.sleep(PAUSE_BEFORE_END_S)
            os._exit(70)

    def _work(self) -> None:
        """Write batches until the thread is to end, with housekeeping between them."""
        with self.health.noting(self._abandon):
            self._open().poll_tags()
        self._publish()
        self._begun.set()
        is_stopping = False
        while not is_stopping:
            is_stopping = self._write_batch()
            if self._is_quiet or time.monotonic() >= self._housekeeping_at:
                self._run_housekeeping()
                self._housekeeping_at = time.monotonic() + HOUSEKEEPING_EVERY_S
        self._close()

    def _write_batch(self) -> bool:
        """Wait for jobs and write those that wait; return True if the thread is to end.

        The batch size limits how long the first job waits for the last one.
        """
        jobs: list[Job] = []
        self._is_quiet = True
        try:
            item = self._inbox.get(timeout=self._wait_s())
            while True:
                self._is_quiet &= item is MORE_HOUSEKEEPING
                if item is None:
                    self._write(jobs)
                    return True
                self.health.busy_since = time.monotonic()
                if callable(item):
                    # What was submitted before it must be written before it runs.
                    self._write(jobs)
                    jobs = []
                    item()
                else:
                    jobs.extend(item)
                if len(jobs) >= BATCH_SIZE:
                    break
                item = self._inbox.get_nowait()
        except queue.Empty:
            pass
        # Writing the jobs that wait shows as well if the database can be written.
        if not jobs and not self.health.is_good:
            self._probe()
        self._write(jobs)
        self.health.busy_since = None
        return False

    def _wait_s(self) -> float:
        """Return how long to wait for jobs before other work is due."""
        if not self.health.is_good:
            return PROBE_EVERY_S
        has_files = self._books is not None and self._books.caches.awaits_export
        return QUIET_S if has_files else EXPORT_RETRY_S

    def _write(self, jobs: list[Job]) -> None:
        """Write jobs as one transaction, and deliver their results."""
        if not jobs:
            return
        begun, results = time.monotonic(), list[Any]()
        with self.health.noting(self._abandon):
            results = self._open().write(jobs, now_ms())
        if results:
            self._counters.committed(time.monotonic() - begun)
            if not self.health.is_good:
                # Most transactions are not synced, and prove nothing about the disk.
                self._probe()
        else:
            # Not a CallError: each one uses up one of the charger's few attempts (OCPP 1.6 §3.7.1).
            results = [Failed(self.health.reason(), unavailable=True)] * len(jobs)
            # A stop that comes after the disk has recovered must not overtake its start.
            self._stopped_tokens.update(job.token for job in jobs if is_energy(job))
        # The commit comes before the answers (invariant I1).
        changes: Sequence[Change] = ()
        if self._db is not None and self._db.changes.committed:
            changes = self._db.changes.take()
        self._deliver(jobs, results, changes)

    def _poll(self, *, rung: bool, watching: bool) -> None:
        with self.health.noting(self._abandon):
            self._deliver_poll(self._open().poll(now_ms(), rung=rung, watching=watching))
            if not rung and self._db is not None:
                self.housekeeping.enter_digests(self._db)
        self._publish()

    def _publish(self) -> None:
        """Write the counters to their file: this thread may wait for a disk, the loop may not."""
        if self._counter_file is not None:
            self._counters.is_healthy = self.health.is_good
            self._counter_file.write()

    def _open(self) -> Bookkeeping:
        """Return the bookkeeping of an open database; open it again if its file was replaced.

        Raises StoreUnavailable also while the health allows no other try.
        """
        if self._db is not None and not self._db.identity.is_in_place():
            trouble = self.health.leave(self._db, self.close_others)
            self._db = self._books = None
            if trouble is not None:
                raise trouble
        self.health.require_try(is_open=self._db is not None)
        if self._books is None or self._db is None:
            self._db = db = open_database(self._settings.database)
            db.checkpoint_itself()
            db.changes.worker = self._worker
            with db.reading():
                reap_dead_workers(db, self._worker)
                with db.writing(keys=NO_KEYS, durable=False):
                    connections.enter_worker(db, self._row, now_ms())
                tags, chargers, tariffs = self._files
                posting = Posting(db, self._settings.zone, tariffs)
                own = (self._worker, chargers, self.reserve, self._stopped_tokens)
                self._books = Bookkeeping(db, tags, posting, *own)
        return self._books

    def _abandon(self) -> None:
        """Close the database after an unexpected error; the next step opens it anew."""
        db, self._db, self._books = self._db, None, None
        if db is not None:
            with suppress(Exception):
                db.close()

    def _probe(self) -> None:
        """Become healthy if a small durable transaction succeeds."""
        with self.health.noting(self._abandon):
            self._open()
            assert self._db is not None
            with self._db.writing(keys=NO_KEYS):
                properties.probe(self._db, now_ms())
            self.health.recover()

    def _run_housekeeping(self) -> None:
        """Do a slice of the housekeeping, if the database can be written."""
        if self._books is None or self._db is None or not self.health.is_good:
            return
        # The folder of accounting files may be on a disk that hangs: then no job is written either.
        self.health.busy_since = time.monotonic()
        with self.health.noting(self._abandon), self._db.reading():
            if self.housekeeping.run(self._db, self._books.caches):
                self._inbox.put(MORE_HOUSEKEEPING)
        self.health.busy_since = None

    def _close(self) -> None:
        """Write the accounting files that still wait, leave the table of workers, and close."""
        self._publish()
        if self._counter_file is not None:
            self._counter_file.close()
        if self._db is None:
            return
        # The files are not lost if this fails: the next start writes them.
        try:
            if self._books is not None and self.health.is_good:
                self.housekeeping.finish(self._db, self._books.caches)
            with self._db.writing(keys=NO_KEYS, durable=False):
                connections.forget_worker(self._db, self._worker, now_ms())
        except ShocppError as error:
            log.warning("the writer could not finish its last work: %s", error)
        self._db.close()
