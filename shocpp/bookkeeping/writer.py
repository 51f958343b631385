"""The bookkeeper: the one thread of a process that writes (a room).

The loop hands over the jobs of its ticks and goes on; the bookkeeper takes all that wait as one
transaction and hands the results back, so neither a slow disk nor a lock holds up the loop
(invariant I12). When nothing can be written, every job of the transaction fails, its callers hang
up without an answer, and `healthy` is False until a probe write succeeds.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from shocpp.bookkeeping.bookkeeping import Bookkeeping
from shocpp.bookkeeping.jobs import Failed, Job, Look
from shocpp.bookkeeping.posting import Posting
from shocpp.bookkeeping.record_files import RecordFiles
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import AllowlistFile
from shocpp.configuration.tags import TagsFile
from shocpp.configuration.tariffs import TariffsFile
from shocpp.errors import ShocppError
from shocpp.metrics.counter_files import CounterFile
from shocpp.metrics.counters import Counters
from shocpp.settings import Settings
from shocpp.store import calls, properties
from shocpp.store.charge_points import connections, frames
from shocpp.store.database import Database, open_database
from shocpp.store.workers import reap_dead_workers

log = logging.getLogger(__name__)

AT_ONCE = 2_000
"""Jobs a transaction takes at most."""

PROBE_EVERY_S = 1.0
EXPORT_RETRY_S = 30.0
PURGE_EVERY_S = 3_600.0
QUIET_S = 0.02
"""How long nothing must have come for what can wait: chargers come before files."""

HOUSE_EVERY_S = 0.5
"""What can wait is done this often even where jobs never end."""

DAY_MS = 86_400_000

NOTHING: Sequence[Job] = ()
"""Goes into the inbox so that its owner does not wait: there is more of what can wait."""

Deliver = Callable[[Sequence[Job], Sequence[Any]], None]


class Writer:
    """Owns the writing connection. Its public methods are for any thread."""

    def __init__(
        self,
        settings: Settings,
        chargers: AllowlistFile,
        worker: str,
        doorbell: str,
        pid: int,
        counters: Counters,
        counter_file: CounterFile | None,
    ) -> None:
        self.healthy = True
        self.trouble: str | None = None
        self.tags = TagsFile(settings.tags_file)
        self._tariffs = TariffsFile(settings.tariffs_file)
        self._settings = settings
        self._chargers = chargers
        self._worker, self._doorbell, self._pid = worker, doorbell, pid
        self._counters, self._counter_file = counters, counter_file
        self._files = RecordFiles(settings.accounting_folder)
        self._inbox: queue.SimpleQueue[Callable[[], None] | Sequence[Job] | None] = (
            queue.SimpleQueue()
        )
        self._deliver: Deliver = lambda _jobs, _results: None
        self._found: Callable[[Look], None] = lambda _look: None
        self._db: Database | None = None
        self._books: Bookkeeping | None = None
        self._export_at = self._purge_at = self._house_at = 0.0
        self._is_quiet = True
        self._thread = threading.Thread(target=self._run, name="bookkeeper", daemon=True)
        self._begun = threading.Event()

    def start(self, deliver: Deliver, found: Callable[[Look], None]) -> None:
        """Begin; results are delivered, and looks found, in the bookkeeper's thread."""
        self._deliver, self._found = deliver, found
        self._thread.start()

    def wait_until_begun(self, timeout_s: float) -> None:
        """Wait until the books are open and the cards read, or it is known why they are not."""
        self._begun.wait(timeout_s)

    def has_begun(self) -> bool:
        """Whether it is known by now if the books can be opened, and who is let in."""
        return self._begun.is_set()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Hand over jobs; their results come through `deliver`, in order."""
        self._inbox.put(jobs)

    def look(self, *, rung: bool) -> None:
        """Ask what waits for this worker; the answer comes through `found`."""
        self._inbox.put(lambda: self._look(rung=rung))

    def finish(self, timeout_s: float) -> None:
        """Wait until what has been handed over is delivered."""
        done = threading.Event()
        self._inbox.put(done.set)
        done.wait(timeout_s)

    def stop(self, timeout_s: float) -> None:
        """Finish what has been handed over and leave the books, if there is time for it."""
        self._inbox.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException:
            # Without its bookkeeper a process would hold chargers and answer none of them.
            log.critical("the bookkeeper has failed; the process ends", exc_info=True)
            os._exit(70)

    def _work(self) -> None:
        try:
            self._open().billing.look_at_tags()
        except ShocppError as error:
            self._fall_ill(str(error))
        self._publish()
        self._begun.set()
        stopping = False
        while not stopping:
            stopping = self._turn()
            if self._is_quiet or time.monotonic() >= self._house_at:
                self._keep_house()
                self._house_at = time.monotonic() + HOUSE_EVERY_S
        self._leave()

    def _turn(self) -> bool:
        """Take what waits; True when it was the last."""
        jobs: list[Job] = []
        self._is_quiet = True
        try:
            item = self._inbox.get(timeout=self._patience())
            while True:
                self._is_quiet &= item is NOTHING
                if item is None:
                    self._write(jobs)
                    return True
                if callable(item):
                    self._write(jobs)
                    jobs = []
                    item()
                else:
                    jobs.extend(item)
                if len(jobs) >= AT_ONCE:
                    break
                item = self._inbox.get_nowait()
        except queue.Empty:
            pass
        if not jobs and not self.healthy:
            self._probe()
        self._write(jobs)
        return False

    def _patience(self) -> float:
        if not self.healthy:
            return PROBE_EVERY_S
        has_files = self._books is not None and self._books.billing.booked
        return QUIET_S if has_files else EXPORT_RETRY_S

    def _write(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        begun = time.monotonic()
        try:
            results: Sequence[Any] = self._open().write(jobs, now_ms())
        except ShocppError as error:
            self._fall_ill(str(error))
            results = [Failed(str(error), unavailable=True)] * len(jobs)
            if self._books is not None:
                self._books.distrust(jobs)
        else:
            self._counters.committed(time.monotonic() - begun)
            if not self.healthy:
                self._probe()  # most writes are not synced, and prove nothing
        self._deliver(jobs, results)

    def _look(self, *, rung: bool) -> None:
        try:
            self._found(self._open().look(now_ms(), rung=rung))
        except ShocppError as error:
            self._fall_ill(str(error))
        self._publish()

    def _publish(self) -> None:
        if self._counter_file is not None:
            self._counters.is_healthy = self.healthy
            self._counter_file.write()

    def _open(self) -> Bookkeeping:
        if self._db is not None and not self._db.is_in_place():
            log.error("%s was moved away or replaced while in use", self._settings.database)
            self._db.close()
            self._db = self._books = None
        if self._books is None or self._db is None:
            self._db = db = open_database(self._settings.database)
            with db.reading():
                reap_dead_workers(db, self._worker)
                with db.writing(durable=False):
                    connections.enter_worker(db, self._worker, self._doorbell, self._pid, now_ms())
                posting = Posting(db, self._settings.zone, self._tariffs)
                self._books = Bookkeeping(db, self.tags, posting, self._worker, self._chargers)
        return self._books

    def _probe(self) -> None:
        try:
            self._open()
            assert self._db is not None
            with self._db.writing():
                properties.probe(self._db, now_ms())
        except ShocppError as error:
            self._fall_ill(str(error))
        else:
            self._recover()

    def _fall_ill(self, trouble: str) -> None:
        was_healthy, self.healthy, self.trouble = self.healthy, False, trouble
        if was_healthy:
            log.error("%s; chargers are sent away until it can be written again", trouble)

    def _recover(self) -> None:
        was_healthy, self.healthy, self.trouble = self.healthy, True, None
        if not was_healthy:
            log.warning("%s can be written again", self._settings.database)

    def _keep_house(self) -> None:
        """What can wait until nobody does: record files, and frames past their time."""
        if self._books is None or self._db is None or not self.healthy:
            return
        now = time.monotonic()
        try:
            if now >= self._purge_at:
                with self._db.reading():
                    reap_dead_workers(self._db, self._worker)
                self._files.sweep()
                if self._files.take_back(self._db):
                    self._books.billing.booked = True
                self._purge(self._db, now)
            if self._books.billing.booked or now >= self._export_at:
                self._export(self._db, now)
        except ShocppError as error:
            self._fall_ill(str(error))

    def _export(self, db: Database, now: float) -> None:
        assert self._books is not None
        self._export_at = now + EXPORT_RETRY_S
        try:
            more = self._files.export(db, now_ms())
        except OSError as error:
            self._books.billing.booked = False
            log.warning("record files are written later, because now they cannot be: %s", error)
        else:
            self._books.billing.booked = more
            if more:
                self._inbox.put(NOTHING)

    def _purge(self, db: Database, now: float) -> None:
        before_ms = now_ms() - self._settings.frame_days * DAY_MS
        with db.writing(durable=False):
            dropped = bool(frames.purge(db, before_ms)) | calls.purge(db, before_ms)
        self._purge_at = now if dropped else now + PURGE_EVERY_S
        if dropped:
            self._inbox.put(NOTHING)

    def _leave(self) -> None:
        self._publish()
        if self._counter_file is not None:
            self._counter_file.close()
        if self._db is None:
            return
        try:
            while self._books is not None and self._books.billing.booked and self.healthy:
                self._export(self._db, time.monotonic())
            with self._db.writing(durable=False):
                connections.forget_worker(self._db, self._worker, now_ms())
        except ShocppError as error:
            log.warning("%s", error)
        self._db.close()
