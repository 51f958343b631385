"""The write transactions of one worker: many jobs, one commit.

`Bookkeeping.write` takes the jobs of a batch as one transaction and returns their results after the
commit. It has no thread and no socket; `writer` gives it the thread, and syncs the commit before an
answer leaves that promises so.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

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
from shocpp.bookkeeping.reserve import Reserve
from shocpp.bookkeeping.takeovers import Holders
from shocpp.bookkeeping.unit_of_work import Caches, UnitOfWork, keys_of
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.tags import TagsFile
from shocpp.errors import StoreUnavailable
from shocpp.store import calls, new_passwords, properties
from shocpp.store.books import renaming, transactions
from shocpp.store.charge_points import connections
from shocpp.store.database import Database
from shocpp.store.keys import EVERYTHING, NO_KEYS, UndeclaredKey
from shocpp.store.site import set_points

log = logging.getLogger(__name__)

Written = tuple[list[Any], list[UnitOfWork]]
"""The results of jobs, in their order, and the units of work that are committed."""


class Bookkeeping:
    """The write transactions of one worker, on a database that is open.

    `worker` is the name of this worker in the database. `stopped_tokens` are the connections whose
    facts are not written any more, because an earlier one was not. Only one thread may use an
    instance.
    """

    def __init__(
        self,
        db: Database,
        tags: TagsFile,
        posting: Posting,
        worker: str,
        chargers: AllowlistFile,
        reserve: Reserve | None = None,
        stopped_tokens: set[str] | None = None,
    ) -> None:
        self.caches = Caches(db, tags, chargers, reserve)
        self._db = db
        self._worker = worker
        self._holders = Holders(worker)
        stopped_tokens = set() if stopped_tokens is None else stopped_tokens
        self._messages = Messages(Billing(posting), worker, stopped_tokens)
        self._stored_allowlist = properties.stored_allowlist(db)
        chargers.fall_back_to(self._stored_allowlist)
        chargers.waiting = new_passwords.waiting(db)
        self._data_version: int | None = None
        self._deadline_ms: int | None = None
        self._watching = False
        self._log_lines: list[tuple[Any, ...]] = []
        self._write_job_of: dict[type, Callable[[UnitOfWork, Any], Any]] = {
            Connect: self._holders.connect,
            Disconnect: self._disconnect,
            Receive: self._messages.receive,
            Refuse: self._holders.refuse,
            Send: self._messages.send,
            Claim: self._messages.claim,
            Settle: self._messages.settle,
        }

    def write(self, jobs: Sequence[Job], now_ms: int) -> list[Any]:
        """Write all jobs as one transaction, and return their results in order after the commit.

        A job that cannot be written gets the result Failed; the others are written.
        Raises StoreUnavailable if nothing can be written.
        """
        self.caches.reserve.check(jobs, time.monotonic())
        # A savepoint for each job would slow down every transaction for a failure that is rare.
        write: Callable[[Sequence[Job], int, set[str]], Written] = self._write_together
        cards = set[str]()
        while True:
            # The changes of an attempt that was rolled back.
            self.caches.reserve.undo()
            try:
                results, units = write(jobs, now_ms, cards)
                break
            except StoreUnavailable:
                raise
            except UndeclaredKey as undeclared:
                # tags.json has changed since the keys were declared.
                cards.add(undeclared.card)
            except Exception:
                if write == self._write_each:
                    raise
                log.exception(
                    "a transaction of %d jobs has failed; each job is now retried separately",
                    len(jobs),
                )
                write = self._write_each
        self.caches.reserve.confirm()
        # Not before: whatever fails here must not write the jobs a second time.
        self._note_commit(units)
        return results

    def log_committed(self) -> None:
        """Log what the last transaction has begun and ended: nobody waits for the log."""
        for line in self._log_lines:
            log.log(*line)
        self._log_lines.clear()

    def _note_commit(self, units: Iterable[UnitOfWork]) -> None:
        for unit in units:
            unit.after_commit()
            self._log_lines += unit.log_lines

    def write_at_once(self, jobs: Sequence[Job], now_ms: int) -> Sequence[Any] | None:
        """Write quick jobs like `write`, without waiting for a lock; None if that failed.

        Nothing is written then, and `write` tells why.
        """
        reserve = self.caches.reserve
        if reserve.is_used or reserve.is_due(time.monotonic()):
            return None
        try:
            results, units = self._write_together(jobs, now_ms, set(), patient=False)
        except Exception:  # noqa: BLE001
            reserve.undo()
            return None
        reserve.confirm()
        self._note_commit(units)
        return results

    def stop_writing_facts(self, jobs: Iterable[Job]) -> None:
        """Stop writing facts of the connections of these jobs, because these were not written."""
        for job in jobs:
            if is_energy(job):
                self._messages.stop_writing_facts(job.token)

    def poll_tags(self) -> None:
        """Read a changed tags.json now, so that the health page reports errors in it at once.

        The books get the names of accounts that were renamed.
        """
        bound = transactions.account_names(self._db)
        accounts = self.caches.tags.accounts(bound)
        if renaming.renamed(self._db, bound, accounts):
            with self._db.writing(keys=NO_KEYS, durable=False):
                renaming.follow(self._db, accounts)

    def poll(self, now_ms: int, *, rung: bool, watching: bool) -> PollResult:
        """Return the Calls, the notices about connections and the changes for this worker.

        Without a ring of the doorbell, poll only if another connection has written since the last
        poll. `watching` is True if somebody watches the changes. Raises StoreUnavailable.
        """
        self.caches.reserve.check((), time.monotonic())
        with self._db.reading():
            if watching is not self._watching:
                self._watch(watching=watching)
            return self._poll(now_ms, rung)

    def _watch(self, *, watching: bool) -> None:
        """Have all processes send their changes to this worker from now on, or no longer."""
        # With all keys: a transaction that has begun before does not see that this worker watches.
        with self._db.writing(keys=EVERYTHING, durable=False):
            self._db.changes.watch(watching=watching)
        self._watching = watching

    def _poll(self, now_ms: int, rung: bool) -> PollResult:
        db = self._db
        self.poll_tags()
        self._poll_allowlist()
        # data_version costs less than a query, and nearly every poll ends here.
        version = db.version_of_others()
        # Nobody may write any more when a Call of a dead worker or caller is past its deadline.
        is_overdue = self._deadline_ms is not None and self._deadline_ms <= now_ms
        if version == self._data_version and not rung and not is_overdue:
            return PollResult(db.changes.take())
        superseded: list[str] = []
        contested: list[str] = []
        free_names: list[str] = []
        # Read first: a write transaction for nothing would make other workers wait.
        deadline_ms = calls.first_deadline_ms(db)
        is_overdue = deadline_ms is not None and deadline_ms <= now_ms
        if connections.has_notices(db, self._worker) or is_overdue:
            with db.writing(keys=NO_KEYS, durable=False):
                superseded = connections.take_superseded(db, self._worker)
                contested = connections.take_contested(db, self._worker)
                free_names = connections.take_free_names(db, self._worker)
                calls.expire(db, now_ms)
                db.changes.take_notices()
            deadline_ms = calls.first_deadline_ms(db)
        self._deadline_ms = deadline_ms
        self.caches.allowlist_file.waiting = new_passwords.waiting(db)
        self.caches.observes = set_points.are_there(db)
        waiting = calls.waiting_for(db, self._worker, now_ms)
        # Last, so that the next poll repeats one that has failed half-way.
        self._data_version = version
        return PollResult(db.changes.take(), waiting, superseded, contested, free_names)

    def _poll_allowlist(self) -> None:
        """Store a changed allowlist in the database, for the case that its file is lost."""
        self.caches.allowlist_file.allowlist()
        text = self.caches.allowlist_file.text
        if text is not None and text != self._stored_allowlist:
            with self._db.writing(keys=NO_KEYS, durable=False):
                properties.store_allowlist(self._db, text)
            self._stored_allowlist = text

    def _write_together(
        self, jobs: Sequence[Job], now_ms: int, cards: set[str], *, patient: bool = True
    ) -> Written:
        """Write all jobs in one transaction as one unit of work."""
        with self._writing(jobs, cards, patient=patient):
            unit = UnitOfWork(self._db, self.caches, now_ms)
            results = [self._write_job_of[type(job)](unit, job) for job in jobs]
            unit.write_rows()
        return results, [unit]

    def _write_each(self, jobs: Sequence[Job], now_ms: int, cards: set[str]) -> Written:
        """Write each job in one transaction as a unit of work of its own."""
        units: list[UnitOfWork] = []
        # A unit does not know what the one before has begun or ended.
        self.caches.running.clear()
        with self._writing(jobs, cards):
            results = [self._write_apart(units, job, now_ms) for job in jobs]
        return results, units

    def _writing(
        self, jobs: Sequence[Job], cards: set[str], *, patient: bool = True
    ) -> AbstractContextManager[None]:
        """Return the write transaction of these jobs; `cards` are more keys of cards."""
        keys = keys_of(jobs, self.caches, cards)
        return self._db.writing(keys=keys, durable=False, patient=patient)

    def _write_apart(self, units: list[UnitOfWork], job: Job, now_ms: int) -> Any:
        """Write a job so that its failure undoes no other job, and add its unit if it is written.

        A StopTransaction that cannot be decided on is put under review: a charger would repeat an
        unanswered one for ever.
        """
        for write in (self._write_job_of[type(job)], self._write_for_review):
            unit, changes = UnitOfWork(self._db, self.caches, now_ms), self.caches.reserve.changes
            try:
                with self._db.savepoint():
                    result = write(unit, job)
                    # Inside the savepoint: rows that cannot be written fail with their own job, not
                    # with all.
                    unit.write_rows()
            # A full disk or a lock is no fault of this job, and must not put its stop under review.
            except (StoreUnavailable, UndeclaredKey):
                raise
            except Exception:
                log.exception("a job cannot be written: %.200r", job)
                self.caches.reserve.undo(changes)
            else:
                units.append(unit)
                return result
        self.stop_writing_facts([job])
        return Failed("its message could not be written", unavailable=False)

    def _write_for_review(self, unit: UnitOfWork, job: Job) -> Any:
        """Write a job that has failed with as few rows as possible.

        Raises ValueError if there is no such way.
        """
        if isinstance(job, Receive):
            return self._messages.receive_for_review(unit, job)
        raise ValueError("there is no other way to write this job")

    def _disconnect(self, unit: UnitOfWork, job: Disconnect) -> None:
        unit.once_committed(lambda: self._messages.forget(job.token))
        self._holders.disconnect(unit, job)
