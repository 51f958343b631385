"""The thread that writes accounting files, so that no charger waits for their disk.

A slice is read with a connection of its own, written and synced; then the writer marks it, in order
with its transactions, and only then the next one is read. A process that is killed in between
writes the slice again at its next start.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from shocpp.bookkeeping.accounting_files.record_files import RecordFiles
from shocpp.bookkeeping.unit_of_work import Caches
from shocpp.clock import now_ms
from shocpp.errors import DamagedDatabase, ShocppError, StoreUnavailable, UnusableDatabase
from shocpp.ocpp.times import format_timestamp
from shocpp.reports import forms as form_archive
from shocpp.reports.books import Books
from shocpp.settings import Settings
from shocpp.store import properties
from shocpp.store.database import Database
from shocpp.store.files.locks import one_at_a_time
from shocpp.store.keys import NO_KEYS
from shocpp.store.properties import UnwritableFolder
from shocpp.store.thread_database import ThreadDatabase

log = logging.getLogger(__name__)

RETRY_S = 30.0
"""The time after which files that could not be written are tried again."""

AGAIN_S = 1.0
"""The time after which a database that could not be read is tried again, as the writer does.

So long is also the time after which files are tried again that another process was writing.
"""

GATHER_S, LATEST_S = 0.05, 5.0
"""Files are written when no record has been committed for GATHER_S, or after LATEST_S.

So the answers of a burst leave first, and a slice has more files.
"""

OTHERS_S = 10.0
"""The time for which another process may write files while this one leaves its own to it.

It is a limit because a process that is stopped keeps its lock.
"""

SEARCH_EVERY_S = 3_600.0
"""The time between two searches for accounting files that have gone."""

FILES_WAIT_MS = 15 * 60_000
"""The time for which accounting files may wait before health and `shocpp check` say so."""

HANGS_S = 60.0
"""The time that a slice may take until health says so; on an SD card it takes two seconds."""

Action = Callable[[Database], None]
"""A function that writes to the database; the writer runs it between two transactions."""


class _OthersWrite(ShocppError):
    """Another process writes accounting files now."""


class FilesThread:
    """The thread that writes accounting files. It hands to the writer all that changes the books.

    `post` has the writer's thread run a function. `apply` runs an action in that thread, and notes
    an error in the health of the writer.
    """

    def __init__(
        self,
        settings: Settings,
        post: Callable[[Callable[[], None]], None],
        apply: Callable[[Action], None],
    ) -> None:
        self._settings, self._database = settings, settings.database
        self._post, self._apply = post, apply
        self._files = RecordFiles(settings.accounting_folder)
        self._connections = ThreadDatabase()
        self._woken, self._ending = threading.Event(), threading.Event()
        # The thread waits for the result of each action; a None says that it has ended.
        self._actions: queue.SimpleQueue[Action | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._is_writer_gone = False
        self._search_at = 0.0
        self._others_since: float | None = None
        self._busy_since: float | None = None
        # Unknown at first: an earlier process may have left its note in the database.
        self._may_be_unwritable = True
        self._unwritable: UnwritableFolder | None = None
        self._logged = ""
        # A daemon: a disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="accounting files", daemon=True)

    def start(self) -> None:
        """Start the thread; it waits for the first `wake`."""
        self._thread.start()

    def wake(self) -> None:
        """Have the files written that wait."""
        self._woken.set()

    def wake_for(self, caches: Caches) -> None:
        """Have the files written that wait, if the writer has committed records."""
        if caches.awaits_export:
            caches.awaits_export = False
            self.wake()

    def finish(self, timeout_s: float) -> None:
        """Have the files that wait written, and end the thread; for the writer's thread at its end.

        Returns after `timeout_s` even if the thread has not ended: its disk may hang.
        """
        deadline = time.monotonic() + timeout_s
        self._ending.set()
        self._woken.set()
        with suppress(queue.Empty):
            while action := self._actions.get(timeout=max(deadline - time.monotonic(), 0)):
                self._apply_now(action)
        self._is_writer_gone = True
        self._results.put(False)
        self.close_idle()

    def close_idle(self) -> None:
        """Close the connection to a database that the writer leaves, unless it is being read."""
        self._connections.close_idle()

    @property
    def trouble(self) -> str | None:
        """Return why accounting files have waited for a long time, or None."""
        folder, begun = self._unwritable, self._busy_since
        if begun is not None and (busy_s := time.monotonic() - begun) > HANGS_S:
            return (
                f"accounting files have not been written for {busy_s:.0f} s; the records are in "
                f"the database; check the disk of {self._files.folder}"
            )
        if folder is None or now_ms() - folder.since_ms < FILES_WAIT_MS:
            return None
        return (
            f"accounting files have waited since {format_timestamp(folder.since_ms)}: "
            f"{folder.reason}; the records are in the database; check the free space and the "
            "rights of the folder"
        )

    def _run(self) -> None:
        is_last, wait_s = False, RETRY_S
        while not is_last:
            self._woken.wait(wait_s)
            self._let_burst_pass()
            is_last = self._ending.is_set()
            wait_s = self._write_waiting()
        self.close_idle()
        self._actions.put(None)

    def _let_burst_pass(self) -> None:
        """Wait until the writer commits no records for a moment, or until LATEST_S is over."""
        deadline = time.monotonic() + LATEST_S
        goes_on = True
        while goes_on:
            # Before the wait: whatever wakes the thread from now on is in this round or the next.
            self._woken.clear()
            is_ending = self._ending.wait(GATHER_S)
            goes_on = self._woken.is_set() and not is_ending and time.monotonic() < deadline

    def _write_waiting(self) -> float:
        """Write all files that wait, and note in the database if the folder cannot be written.

        Returns the seconds after which to try again.
        """
        try:
            with self._turn():
                self._export()
                if time.monotonic() >= self._search_at:
                    self._search()
                    self._export()
            self._note_writable()
        except _OthersWrite:
            return AGAIN_S
        except OSError as error:
            # The records are safe in the database: chargers are still served.
            log.warning("record files cannot be written now and will be retried: %s", error)
            self._note_unwritable(error)
        except DamagedDatabase as error:
            self._have_applied(_raising(error))
        except (StoreUnavailable, UnusableDatabase):
            # The writer finds out as well, and names it.
            return AGAIN_S
        except Exception as error:
            # Once in a row, like the writer.
            if repr(error) != self._logged:
                log.exception("accounting files have failed and will be retried")
            self._logged = repr(error)
        finally:
            self._busy_since = None
        return RETRY_S

    def _export(self) -> None:
        """Write slices until no file waits, or until the writer cannot mark them."""
        goes_on = True
        while goes_on:
            self._busy_since = time.monotonic()
            self._make_folder()
            with self._connections.connection(self._database) as db:
                slice_ = self._files.next_slice(db)
                if slice_ is None:
                    return
                # A file must not outlive its record in a power cut.
                db.sync()
            self._files.write(slice_)
            self._busy_since, exported_ms = None, now_ms()
            # Not before: a process that is killed in between writes the files a second time.
            is_marked = self._have_applied(lambda db: slice_.mark(db, exported_ms))  # noqa: B023
            goes_on = is_marked and slice_.is_full

    def _make_folder(self) -> None:
        """Make the folder if somebody has deleted it: all its files come back from the database."""
        if self._files.make_folder():
            self._search_at = 0.0

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Run a block while no other process writes files: it would write the same ones.

        Raises _OthersWrite if one does, but neither for more than OTHERS_S nor at the end.
        """
        self._make_folder()
        with ExitStack() as stack:
            try:
                stack.enter_context(one_at_a_time(self._files.folder, _OthersWrite, waits=False))
                self._others_since = None
            except _OthersWrite:
                now = time.monotonic()
                self._others_since = self._others_since or now
                if now - self._others_since < OTHERS_S and not self._ending.is_set():
                    raise
            yield

    def _have_applied(self, action: Action) -> bool:
        """Have the writer run an action, in order with its jobs; return False if it has failed."""
        if self._is_writer_gone:
            return False
        self._actions.put(action)
        self._post(self._apply_next)
        return self._results.get()

    def _apply_next(self) -> None:
        with suppress(queue.Empty):
            action = self._actions.get_nowait()
            if action is not None:
                self._apply_now(action)

    def _apply_now(self, action: Action) -> None:
        done: list[Action] = []

        def apply(db: Database) -> None:
            action(db)
            done.append(action)

        self._apply(apply)
        self._results.put(bool(done))

    def _search(self) -> None:
        """Have files that have gone written again, and remove partial ones of killed processes."""
        self._busy_since, self._search_at = time.monotonic(), 0.0
        self._files.sweep()
        with self._connections.connection(self._database) as db:
            missing = self._files.missing(db)
        self._busy_since = None
        is_requeued = missing is None or self._have_applied(missing.requeue)
        if is_requeued and self._make_forms():
            self._search_at = time.monotonic() + SEARCH_EVERY_S

    def _make_forms(self) -> bool:
        """Make the forms of closed months that are due or gone; return False if the writer fails.

        A process that is killed after it has closed a month leaves them.
        """
        with self._connections.connection(self._database) as db:
            waiting = form_archive.incomplete(db, self._files.folder)
        for closing, keys in waiting:
            for key in keys:
                if self._ending.is_set():
                    return False
                # One by one: a reader keeps the -wal from being used again from its start.
                with self._connections.connection(self._database) as db:
                    made = form_archive.form_to_write(Books(db, self._settings), closing, key)
                if made is not None and not self._have_applied(made.keep):
                    return False
        return True

    def _note_unwritable(self, error: OSError) -> None:
        """Note in the database since when files wait, for health, metrics and `shocpp check`."""
        # Not its file name: partial files have another one each time.
        reason = f"{self._files.folder} cannot be written: {error.strerror}"
        self._may_be_unwritable = True
        if self._unwritable is None or self._unwritable.reason != reason:
            self._have_applied(lambda db: self._record_unwritable(db, reason))

    def _record_unwritable(self, db: Database, reason: str) -> None:
        with db.writing(keys=NO_KEYS, durable=False):
            self._unwritable = properties.record_unwritable_folder(db, reason, now_ms())

    def _note_writable(self) -> None:
        if self._may_be_unwritable:
            with self._connections.connection(self._database) as db:
                is_noted = properties.unwritable_folder(db) is not None
            if not is_noted or self._have_applied(_clear_unwritable):
                self._may_be_unwritable, self._unwritable = False, None


def _clear_unwritable(db: Database) -> None:
    with db.writing(keys=NO_KEYS, durable=False):
        properties.clear_unwritable_folder(db)


def _raising(error: Exception) -> Callable[[Database], None]:
    """Return a function that raises an error where the writer notes it."""

    def fail(_db: Database) -> None:
        raise error

    return fail
