"""Housekeeping: the writer's work that nobody waits for.

It writes accounting files, purges old frames and Calls, and reaps dead workers.
"""

import logging
import time

from shocpp.bookkeeping.billing import Billing
from shocpp.bookkeeping.record_files import RecordFiles
from shocpp.clock import now_ms
from shocpp.settings import Settings
from shocpp.store import calls
from shocpp.store.charge_points import frames
from shocpp.store.database import Database
from shocpp.store.workers import reap_dead_workers

log = logging.getLogger(__name__)

EXPORT_RETRY_S = 30.0
"""The time after which accounting files that could not be written are tried again."""

PURGE_EVERY_S = 3_600.0
"""The time between two searches for old frames, dead workers and missing accounting files."""

DAY_MS = 86_400_000


class Housekeeping:
    """The housekeeping of one worker, done in slices so that jobs do not wait long for it."""

    def __init__(self, settings: Settings, worker: str) -> None:
        self._worker = worker
        self._frame_days = settings.frame_days
        self._files = RecordFiles(settings.accounting_folder)
        self._export_at = self._purge_at = 0.0

    def run(self, db: Database, billing: Billing) -> bool:
        """Do a slice of the work that is due; return True if more of it waits.

        Raises StoreUnavailable.
        """
        now, more = time.monotonic(), False
        if now >= self._purge_at:
            with db.reading():
                reap_dead_workers(db, self._worker)
            self._files.sweep()
            if self._files.requeue_missing(db):
                billing.awaits_export = True
            more = self._purge(db, now)
        if billing.awaits_export or now >= self._export_at:
            self._export(db, billing, now)
        return more or billing.awaits_export

    def finish(self, db: Database, billing: Billing) -> None:
        """Write all accounting files that wait. Raises StoreUnavailable."""
        while billing.awaits_export:
            self._export(db, billing, time.monotonic())

    def _export(self, db: Database, billing: Billing, now: float) -> None:
        self._export_at = now + EXPORT_RETRY_S
        try:
            billing.awaits_export = self._files.export(db, now_ms())
        except OSError as error:
            # The records are safe in the database: chargers are still served.
            billing.awaits_export = False
            log.warning("record files cannot be written now and will be retried: %s", error)

    def _purge(self, db: Database, now: float) -> bool:
        """Delete some frames and Calls older than SHOCPP_FRAME_DAYS; return True if there were."""
        before_ms = now_ms() - self._frame_days * DAY_MS
        with db.writing(durable=False):
            # `|` and not `or`, which would purge no Calls as long as there are old frames.
            has_purged = bool(frames.purge(db, before_ms)) | calls.purge(db, before_ms)
        self._purge_at = now if has_purged else now + PURGE_EVERY_S
        return has_purged
