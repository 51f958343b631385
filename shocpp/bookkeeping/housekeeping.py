"""Housekeeping: the writer's work that nobody waits for.

It purges old frames and Calls, thins out old readings, and reaps dead workers. It also enters which
files of conf/ are in force, and writes new passwords into charge_points.json.
"""

import hashlib
import logging
import time
from typing import NamedTuple

from shocpp.admission.rotation import file_new_passwords
from shocpp.clock import now_ms
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.tags import TagsFile
from shocpp.configuration.tariffs import TariffsFile
from shocpp.errors import ConfigError
from shocpp.settings import Settings
from shocpp.store import calls, workers
from shocpp.store.books import closings, thinning
from shocpp.store.charge_points import frames
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS

log = logging.getLogger(__name__)

PASSWORD_RETRY_S = 30.0
"""The time after which a password that could not be written is tried again."""

CALLER_FIRST_S = 1.0
"""The time that a caller has to write the password of its Call before the server does it."""

PURGE_EVERY_S = 3_600.0
"""The time between two searches for old frames and dead workers."""

THIN_EVERY_S = 3_600.0
"""The time between two searches for closed months with readings to be thinned out."""

DAY_MS = 86_400_000


class FilesInForce(NamedTuple):
    """The files of conf/ that a worker follows."""

    tags: TagsFile
    chargers: AllowlistFile
    tariffs: TariffsFile

    def texts(self) -> dict[str, str | None]:
        """Return the text that is in force of each file, by the name of its setting."""
        # The writer's polls follow the other two.
        self.tariffs.tariffs()
        return {
            "SHOCPP_TAGSFILE": self.tags.text,
            "SHOCPP_CHARGEPOINTSFILE": self.chargers.in_force,
            "SHOCPP_TARIFFSFILE": self.tariffs.text,
        }


class Housekeeping:
    """The housekeeping of one worker, done in slices so that jobs do not wait long for it."""

    def __init__(self, settings: Settings, worker: str, files: FilesInForce) -> None:
        self._worker = worker
        self._files_in_force = files
        self._entered: tuple[Database, dict[str, str | None]] | None = None
        self._waiting_state: tuple[object, ...] = ()
        self._reported_state: tuple[object, ...] = ()
        self._passwords_at = 0.0
        self._frame_days = settings.frame_days
        self._reading_days, self._zone = settings.reading_days, settings.zone
        self._purge_at = self._thin_at = 0.0

    def run(self, db: Database) -> bool:
        """Do a slice of the work that is due; return True if more of it waits.

        Raises StoreUnavailable.
        """
        now, more = time.monotonic(), False
        if now >= self._purge_at:
            with db.reading():
                workers.reap_dead_workers(db, self._worker)
            more = self._purge(db, now)
        if not more and now >= self._thin_at:
            more = self._thin(db, now)
        self._file_new_passwords(db, now)
        return more

    def enter_digests(self, db: Database) -> None:
        """Enter the digests of the files in force, if another text is in force than before."""
        # The texts are compared, so a digest is computed only of new ones. Another database does
        # not have this worker's digests yet.
        entered = db, self._files_in_force.texts()
        if entered != self._entered:
            digests = {
                name: None if text is None else hashlib.sha256(text.encode()).hexdigest()[:12]
                for name, text in entered[1].items()
            }
            with db.writing(keys=NO_KEYS, durable=False):
                workers.enter_digests(db, self._worker, digests, now_ms())
            self._entered = entered

    def _file_new_passwords(self, db: Database, now: float) -> None:
        """Write the new passwords into charge_points.json whose callers have not done so."""
        chargers = self._files_in_force.chargers
        if not chargers.waiting:
            return
        state = chargers.waiting, chargers.text
        if state != self._waiting_state:
            self._waiting_state, self._passwords_at = state, now + CALLER_FIRST_S
        if now < self._passwords_at:
            return
        self._passwords_at = now + PASSWORD_RETRY_S
        try:
            chargers.waiting = file_new_passwords(db, chargers.path)
        except ConfigError as error:
            # They are in force all the same.
            if state != self._reported_state:
                log.warning("a new password cannot be written now and will be retried: %s", error)
            self._reported_state = state

    def _purge(self, db: Database, now: float) -> bool:
        """Delete some frames and Calls older than SHOCPP_FRAME_DAYS; return True if there were."""
        before_ms = now_ms() - self._frame_days * DAY_MS
        with db.writing(keys=NO_KEYS, durable=False):
            # `|` and not `or`, which would purge no Calls as long as there are old frames.
            has_purged = bool(frames.purge(db, before_ms)) | calls.purge(db, before_ms)
        self._purge_at = now if has_purged else now + PURGE_EVERY_S
        return has_purged

    def _thin(self, db: Database, now: float) -> bool:
        """Delete some readings of closed months that are older than SHOCPP_READING_DAYS.

        Returns True if more of them may wait.
        """
        archived, moment_ms = None, now_ms()
        if self._reading_days:
            with db.reading():
                archived = closings.archived(db, moment_ms, self._reading_days, self._zone)
                if archived is not None and not thinning.is_due(db, archived, moment_ms):
                    archived = None
        if archived is not None:
            with db.writing(keys=NO_KEYS, durable=False):
                thinning.thin(db, archived, moment_ms)
        self._thin_at = now + THIN_EVERY_S if archived is None else now
        return archived is not None
