"""The health of a writer: the reason why it cannot write, and when it tries again.

the disk, a lock        unhealthy; each batch and each probe tries again
a damaged database      unhealthy until another file is at its path, or the process ends
an unexpected error     only the batch fails; the second within a minute: unhealthy, with
                        pauses that grow
"""

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shocpp.errors import DamagedDatabase, ShocppError, StoreUnavailable
from shocpp.store.database import Database
from shocpp.store.files.displaced import save_and_close
from shocpp.store.files.identity import FileVersion, displaced_in_use, version_of
from shocpp.store.sqlite_errors import translated

log = logging.getLogger(__name__)

AGAIN_S = 60.0
"""The time within which a second unexpected error makes the writer unhealthy."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
"""The pauses after unexpected errors, each twice as long as the one before."""

STUCK_S = 20.0
"""The time that one batch may take: each of its statements waits five seconds for a lock."""


class Health:
    """The health of one writer; only its thread changes it.

    `is_good` is False while something has failed and no probe has succeeded since. `busy_since` is
    the time at which the present batch has begun (monotonic), None between batches.
    """

    def __init__(self, database: Path) -> None:
        self.is_good = True
        self.busy_since: float | None = None
        self._database = database
        self._trouble: str | None = None
        self._is_damaged = False
        self._damaged_version: FileVersion | None = None
        self._unexpected_at = self._recovered_at = self._paused_until = float("-inf")
        self._pause_s = FIRST_PAUSE_S
        self._logged = ""

    def trouble(self) -> str | None:
        """Return the reason why nothing can be written now, or None; for any thread."""
        begun = self.busy_since
        if self._trouble is None and begun is not None:
            busy_s = time.monotonic() - begun
            if busy_s > STUCK_S:
                return (
                    f"{self._database} has not been written for {busy_s:.0f} s; check its disk "
                    "and the other programs that use it"
                )
        return self._trouble

    def reason(self) -> str:
        """Return the reason for a charger whose message was not written."""
        return self._trouble or "its transaction has failed"

    def require_try(self, *, is_open: bool) -> None:
        """Raise StoreUnavailable while the database must not be used.

        `is_open` is True if the file that was used last is still open.
        """
        if self._is_damaged and not is_open and version_of(self._database) != self._damaged_version:
            self._is_damaged = False
        if not self.is_good and (self._is_damaged or time.monotonic() < self._paused_until):
            raise StoreUnavailable(self.reason())

    def leave(
        self, db: Database, close_others: Iterable[Callable[[], None]]
    ) -> StoreUnavailable | None:
        """Close a database whose file, -wal or -shm is not at its path any more.

        Returns an error if the -wal or -shm is gone: others may still use the former one. Raises
        StoreUnavailable if it cannot be closed yet.
        """
        displaced = db.identity.displaced()
        if not db.identity.has_file():
            # SQLite would go on writing to the file that was moved away, and its records would be
            # lost. It copies no -wal into such a file.
            log.error("%s was moved away or replaced while in use", self._database)
            self._is_damaged = False
            db.close()
            return None
        self.require_try(is_open=True)
        for close_idle in close_others:
            close_idle()
        save_and_close(db)
        return displaced_in_use(displaced or str(db.path))

    @contextmanager
    def noting(self, abandon: Callable[[], None]) -> Iterator[None]:
        """Run a step of the writer; an error ends the step only, and is noted.

        `abandon` closes the database after an unexpected error.
        """
        try:
            yield
        except Exception as raised:  # noqa: BLE001
            error = translated(raised, self._database)
            self.note(error)
            if not isinstance(error, ShocppError):
                abandon()

    def note(self, error: Exception) -> None:
        """Note an error; an unexpected one is logged with its traceback, once in a row."""
        if isinstance(error, ShocppError):
            is_news = self.is_good
            if isinstance(error, DamagedDatabase):
                # A lock or a full disk may have come first, and needs another remedy.
                is_news |= not self._is_damaged
                self._is_damaged, self._damaged_version = True, version_of(self._database)
            self._become_unhealthy(str(error), is_news=is_news)
            return
        now = time.monotonic()
        text = "".join(traceback.format_exception(error))
        if text != self._logged:
            log.error("the writer has failed; its chargers send again", exc_info=error)
        self._logged = text
        is_second = now - max(self._unexpected_at, self._recovered_at) < AGAIN_S
        self._unexpected_at = now
        if not is_second:
            self._pause_s = FIRST_PAUSE_S
            return
        self._paused_until = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._become_unhealthy(
            f"the writer of {self._database} has failed twice ({type(error).__name__}: "
            f"{str(error)[:200]}); the log has the traceback: report it, and restart the server "
            "with an earlier version if that helps",
            is_news=self.is_good,
        )

    def recover(self) -> None:
        """Note that a probe has succeeded."""
        if not self.is_good:
            self.is_good, self._trouble = True, None
            self._recovered_at = time.monotonic()
            log.warning("%s can be written again", self._database)

    def _become_unhealthy(self, trouble: str, *, is_news: bool) -> None:
        # Once, not for every job that fails: the log must stay readable.
        self.is_good, self._trouble = False, trouble
        if is_news:
            log.error("%s; chargers are refused until it can be written again", trouble)
