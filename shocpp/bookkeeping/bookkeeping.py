"""The write transactions of one worker: many jobs, one commit.

`Bookkeeping.write` takes the jobs of a batch as one transaction and returns their results after the
commit, so that an answer leaves only when its promise is on disk (durable before acknowledged). It
has no thread and no socket; `writer` gives it the thread.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from shocpp.bookkeeping.batch import WriteBatch
from shocpp.bookkeeping.billing import Billing
from shocpp.bookkeeping.jobs import (
    Claim,
    Connect,
    Disconnect,
    Failed,
    Job,
    PollResult,
    Receive,
    Refuse,
    Send,
    Settle,
    is_energy,
)
from shocpp.bookkeeping.messages import Messages
from shocpp.bookkeeping.posting import Posting
from shocpp.bookkeeping.takeovers import Holders
from shocpp.configuration.charge_points import AllowlistFile
from shocpp.configuration.tags import TagsFile
from shocpp.errors import StoreUnavailable
from shocpp.store import calls, properties
from shocpp.store.charge_points import connections
from shocpp.store.database import Database

log = logging.getLogger(__name__)


class Bookkeeping:
    """The write transactions of one worker, on a database that is open.

    `worker` is the name of this worker in the database. Only one thread may use an instance.
    """

    def __init__(
        self, db: Database, tags: TagsFile, posting: Posting, worker: str, chargers: AllowlistFile
    ) -> None:
        self.billing = Billing(db, tags, posting)
        self._db = db
        self._worker = worker
        self._allowlist_file = chargers
        self._batch = WriteBatch(db)
        self._holders = Holders(db, self._batch, worker, chargers)
        self._messages = Messages(db, self._batch, self.billing, self._holders, worker, chargers)
        self._stored_allowlist = properties.stored_allowlist(db)
        chargers.fall_back_to(self._stored_allowlist)
        self._data_version: int | None = None
        self._write_job_of: dict[type, Callable[[Any, int], Any]] = {
            Connect: self._holders.connect,
            Disconnect: self._disconnect,
            Receive: self._messages.receive,
            Refuse: lambda job, _now_ms: self._holders.refuse(job),
            Send: self._messages.send,
            Claim: self._messages.claim,
            Settle: self._messages.settle,
        }

    def write(self, jobs: list[Job], now_ms: int) -> list[Any]:
        """Write all jobs as one transaction, and return their results in order after the commit.

        A job that cannot be written gets the result Failed; the others are written.
        Raises StoreUnavailable if nothing can be written.
        """
        # A savepoint for each job would slow down every transaction for a failure that is rare.
        try:
            return self._write_together(jobs, now_ms, self._write_job)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception(
                "a transaction of %d jobs has failed; each job is now retried separately", len(jobs)
            )
        return self._write_together(jobs, now_ms, self._write_apart)

    def stop_writing_facts(self, jobs: Iterable[Job]) -> None:
        """Stop writing facts of the connections of these jobs, because these were not written."""
        for job in jobs:
            if is_energy(job):
                self._messages.stop_writing_facts(job.token)

    def poll(self, now_ms: int, *, rung: bool) -> PollResult:
        """Return the Calls and superseded connections that wait for this worker.

        Without a ring of the doorbell, poll only if another connection has written since the last
        poll. Raises StoreUnavailable.
        """
        with self._db.reading():
            return self._poll(now_ms, rung)

    def _poll(self, now_ms: int, rung: bool) -> PollResult:
        db = self._db
        self.billing.poll_tags()
        self._poll_allowlist()
        # data_version costs less than a query, and nearly every poll ends here.
        version = db.version_of_others()
        if version == self._data_version and not rung:
            return PollResult([], [], [])
        self._data_version = version
        superseded: list[str] = []
        contested: list[str] = []
        # Read first: a write transaction for nothing would make other workers wait.
        if connections.has_notices(db, self._worker) or calls.overdue(db, now_ms):
            with db.writing(durable=False):
                superseded = connections.take_superseded(db, self._worker)
                contested = connections.take_contested(db, self._worker)
                calls.expire(db, now_ms)
        return PollResult(calls.waiting_for(db, self._worker, now_ms), superseded, contested)

    def _poll_allowlist(self) -> None:
        """Store a changed allowlist in the database, for the case that its file is lost."""
        self._allowlist_file.allowlist()
        text = self._allowlist_file.text
        if text is not None and text != self._stored_allowlist:
            with self._db.writing(durable=False):
                properties.store_allowlist(self._db, text)
            self._stored_allowlist = text

    def _write_together(
        self, jobs: list[Job], now_ms: int, write: Callable[[Job, int], Any]
    ) -> list[Any]:
        """Write all jobs with this function in one transaction, and return their results."""
        self._batch.begin()
        self._messages.begin()
        self.billing.begin()
        # Only the answers about energy promise that it is on disk; other jobs need no fsync.
        with self._db.writing(durable=any(map(is_energy, jobs))):
            results = [write(job, now_ms) for job in jobs]
            self._batch.write_frames()
            self.billing.write()
            self._batch.write_last_seen()
        # After the commit: what a rollback undoes must not stay in a cache.
        self.billing.committed()
        self._batch.committed()
        return results

    def _write_job(self, job: Job, now_ms: int) -> Any:
        return self._write_job_of[type(job)](job, now_ms)

    def _write_apart(self, job: Job, now_ms: int) -> Any:
        """Write a job so that its failure undoes no other job.

        A StopTransaction that cannot be decided on is put under review: a charger would repeat an
        unanswered one for ever.
        """
        for write in (self._write_job, self._write_for_review):
            mark = self._batch.mark()
            try:
                with self._db.savepoint():
                    result = write(job, now_ms)
                    # Inside the savepoint: rows that cannot be written fail with their own job, not
                    # with all.
                    self._batch.write_frames()
                    self.billing.write()
                    return result
            # A full disk or a lock is no fault of this job, and must not put its stop under review.
            except StoreUnavailable:
                raise
            except Exception:
                log.exception("a job cannot be written: %.200r", job)
                # The savepoint has undone the rows of this job. The caches must forget them too.
                self._batch.return_to(mark)
                self.billing.begin()
        self.stop_writing_facts([job])
        return Failed("its message could not be written", unavailable=False)

    def _write_for_review(self, job: Job, now_ms: int) -> Any:
        """Write a job that has failed with as few rows as possible.

        Raises ValueError if there is no such way.
        """
        if isinstance(job, Receive):
            return self._messages.receive_for_review(job, now_ms)
        raise ValueError("there is no other way to write this job")

    def _disconnect(self, job: Disconnect, _now_ms: int) -> None:
        self._messages.forget(job.token)
        self._holders.disconnect(job.token)
