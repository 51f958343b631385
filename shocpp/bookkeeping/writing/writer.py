"""The writer: the one thread of a process that writes to the database.

The loop hands over the jobs of its ticks and goes on. The writer takes all that wait as one
transaction, syncs it if an answer promises that (`durability`), and hands the results back, so
neither a slow disk nor a lock holds up the loop (invariant I12). Jobs that need no sync are written
by the loop itself while the writer has nothing to do and nobody else has the lock: two hand-overs
between threads take longer than such a transaction.

If nothing can be written, every job of the transaction fails, the callers close their connections
without an answer, and `health` is not good until a probe succeeds. An unexpected error fails its
batch in the same way, and the database is opened anew: the thread goes on.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from shocpp.bookkeeping.accounting_files.files_thread import FilesThread
from shocpp.bookkeeping.housekeeping import FilesInForce, Housekeeping
from shocpp.bookkeeping.jobs import Failed, Job, PollResult, is_energy
from shocpp.bookkeeping.writing.durability import Batch, DurabilityRule
from shocpp.bookkeeping.writing.write_access import WriteAccess, Written
from shocpp.clock import now_ms
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.tags import TagsFile
from shocpp.configuration.tariffs import TariffsFile
from shocpp.errors import ShocppError
from shocpp.metrics.counter_files import CounterFile
from shocpp.metrics.counters import Counters
from shocpp.settings import Settings
from shocpp.store.changes import Change
from shocpp.store.charge_points.connections import WorkerRow
from shocpp.store.database import Database

log = logging.getLogger(__name__)

BATCH_SIZE = 2_000
"""The number of jobs from which on a transaction takes no more."""

PROBE_EVERY_S = 1.0
"""The time between two attempts to write while the writer is unhealthy."""

IDLE_S = 30.0
"""The longest wait for jobs: then housekeeping looks if any of its work is due."""

HOUSEKEEPING_EVERY_S = 0.5
"""The longest time between two rounds of housekeeping, even if jobs never end."""

FILES_AT_END_S = 0.8
"""The time for the accounting files that wait when the thread ends; the next start writes them."""

PAUSE_BEFORE_END_S = 10.0
"""The pause before a process ends after a failure, so that it does not restart in a fast loop."""

NOTHING = Batch()
"""Put into the inbox so that the writer does not wait for jobs: it has other work to do."""

Deliver = Callable[[Sequence[Job], Sequence[Any], Sequence[Change]], None]
"""Takes jobs and their results, in the same order, and the committed changes to publish."""


class Writer:
    """The writing thread. Its public methods may be called by any thread.

    `health` says if and why nothing can be written; `tags`, `reserve` and `files` have their own
    troubles. `durability` is that of the jobs.
    """

    def __init__(
        self,
        settings: Settings,
        chargers: AllowlistFile,
        row: WorkerRow,
        counters: Counters,
        counter_file: CounterFile | None,
    ) -> None:
        self.tags = TagsFile(settings.tags_file, settings.zone)
        files = FilesInForce(self.tags, chargers, TariffsFile(settings.tariffs_file))
        self._counters, self._counter_file = counters, counter_file
        self._housekeeping = Housekeeping(settings, row.worker, files)
        # A None ends the thread; a function runs between two transactions, in order with the jobs.
        self._inbox: queue.SimpleQueue[Callable[[], None] | Batch | None] = queue.SimpleQueue()
        self._deliver: Deliver = lambda _jobs, _results, _changes: None
        self._deliver_poll: Callable[[PollResult], None] = lambda _poll: None
        self.durability = DurabilityRule(syncs_all=settings.syncs_all)
        self.files = FilesThread(settings, self._inbox.put, self._apply)
        self._access = WriteAccess(settings, files, row, self._inbox.put, self._wake, self.files)
        self.health, self.reserve = self._access.health, self._access.reserve
        self._housekeeping_at, self._is_quiet = 0.0, True
        # A daemon: a disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._begun = threading.Event()

    def start(self, deliver: Deliver, deliver_poll: Callable[[PollResult], None]) -> None:
        """Start the thread, which calls `deliver` with results and `deliver_poll` with polls."""
        self._deliver, self._deliver_poll = deliver, deliver_poll
        self._access.checkpoints.start()
        self._thread.start()
        self.files.start()

    def wait_until_begun(self, timeout_s: float) -> None:
        """Wait until the first attempt to open the database and read tags.json has ended."""
        self._begun.wait(timeout_s)

    def has_begun(self) -> bool:
        """Return True once the first attempt to open the database has ended, well or not."""
        return self._begun.is_set()

    def close_others_by(self, close_others: Callable[[], None]) -> None:
        """Have `close_others` close idle connections of this process when the -wal was removed."""
        self._access.close_others.append(close_others)

    def submit(self, batch: Batch) -> None:
        """Queue jobs for the writer; `deliver` receives their results in the same order."""
        self._inbox.put(batch)

    def write_at_once(self, batch: Batch) -> Written | None:
        """Write a batch in the loop's thread (`WriteAccess.write_at_once`), or return None."""
        begun = time.monotonic()
        written = self._access.write_at_once(batch)
        if written is not None:
            self._counters.committed(time.monotonic() - begun)
        return written

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
        abandon = self._access.abandon
        with self.health.noting(abandon), self._access.turn() as books:
            books.poll_tags()
        self._publish()
        self._begun.set()
        is_stopping = False
        while not is_stopping:
            is_stopping = self._write_batch()
            if self._access.sync_at is not None and time.monotonic() >= self._access.sync_at:
                self.health.busy_since = time.monotonic()
                with self.health.noting(abandon):
                    self._access.sync()
                self.health.busy_since = None
            if self._is_quiet or time.monotonic() >= self._housekeeping_at:
                self._run_housekeeping()
                self._housekeeping_at = time.monotonic() + HOUSEKEEPING_EVERY_S
        self._close()

    def _write_batch(self) -> bool:
        """Wait for jobs and write those that wait; return True if the thread is to end.

        The batch size limits how long the first job waits for the last one.
        """
        batch = Batch()
        self._is_quiet = True
        try:
            item = self._inbox.get(timeout=self._wait_s())
            while True:
                self._is_quiet &= item is NOTHING
                if item is None:
                    self._write(batch)
                    return True
                self.health.busy_since = time.monotonic()
                if callable(item):
                    # What was submitted before it must be written before it runs.
                    self._write(batch)
                    batch = Batch()
                    item()
                else:
                    batch.extend(item)
                if len(batch.jobs) >= BATCH_SIZE:
                    break
                item = self._inbox.get_nowait()
        except queue.Empty:
            pass
        # Writing the jobs that wait shows as well if the database can be written.
        if not batch.jobs and not self.health.is_good:
            self._probe()
        self._write(batch)
        self.health.busy_since = None
        return False

    def _wake(self) -> None:
        self._inbox.put(NOTHING)

    def _wait_s(self) -> float:
        """Return how long to wait for jobs before other work is due."""
        if not self.health.is_good:
            return PROBE_EVERY_S
        sync_at = self._access.sync_at
        return IDLE_S if sync_at is None else max(sync_at - time.monotonic(), 0.0)

    def _write(self, batch: Batch) -> None:
        """Write jobs as one transaction, and deliver their results."""
        if not batch.jobs:
            return
        begun, written = time.monotonic(), Written((), ())
        with self.health.noting(self._access.abandon):
            written = self._access.write(batch)
        if written.results:
            self._counters.committed(time.monotonic() - begun)
            if not self.health.is_good:
                # Most transactions are not synced, and prove nothing about the disk.
                self._probe()
            self._deliver(batch.jobs, *written)
        else:
            # Not a CallError: each one uses up one of the charger's few attempts (OCPP 1.6 §3.7.1).
            failed = Failed(self.health.reason(), unavailable=True)
            # A stop that comes after the disk has recovered must not overtake its start.
            self._access.stopped_tokens.update(job.token for job in batch.jobs if is_energy(job))
            self._deliver(batch.jobs, [failed] * len(batch.jobs), ())
        # If only the sync has failed, its records are in the database all the same.
        self._access.end_batch()

    def _apply(self, action: Callable[[Database], None]) -> None:
        """Run a function with the database."""
        with self.health.noting(self._access.abandon), self._access.turn():
            assert self._access.db is not None
            action(self._access.db)

    def _poll(self, *, rung: bool, watching: bool) -> None:
        with self.health.noting(self._access.abandon), self._access.turn() as books:
            self._deliver_poll(books.poll(now_ms(), rung=rung, watching=watching))
            if not rung and self._access.db is not None:
                self._housekeeping.enter_digests(self._access.db)
        self._publish()

    def _publish(self) -> None:
        """Write the counters to their file: this thread may wait for a disk, the loop may not."""
        if self._counter_file is not None:
            self._counters.is_healthy = self.health.is_good
            self._counter_file.write()

    def _probe(self) -> None:
        with self.health.noting(self._access.abandon):
            self._access.probe()

    def _run_housekeeping(self) -> None:
        """Do a slice of the housekeeping, if the database can be written."""
        access = self._access
        if access.db is None or not self.health.is_good:
            return
        self.health.busy_since = time.monotonic()
        with self.health.noting(access.abandon), access.turn(), access.db.reading():
            if self._housekeeping.run(access.db):
                self._inbox.put(NOTHING)
        self.health.busy_since = None

    def _close(self) -> None:
        """Write the accounting files that still wait, leave the table of workers, and close."""
        self._publish()
        if self._counter_file is not None:
            self._counter_file.close()
        self.files.finish(FILES_AT_END_S)
        try:
            self._access.leave()
        except ShocppError as error:
            log.warning("the writer could not finish its last work: %s", error)
