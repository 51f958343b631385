"""The thread that copies the -wal into the database, so that no charger waits for it.

It sleeps until the writer finds that the -wal has grown enough. Of several workers one copies: the
first whose -wal was due.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from shocpp.errors import ShocppError
from shocpp.store.database import Database
from shocpp.store.files.wal import Wal
from shocpp.store.files.wal_copies import Copied, copy_wal

log = logging.getLogger(__name__)

AGAIN_S = 30.0
"""The time after which a copy that has failed is tried again."""


class Checkpoints:
    """The checkpoints of one worker; `begin_if_due` is for the thread whose turn it is to write."""

    def __init__(self, database: Path, run_in_writer: Callable[[Callable[[], None]], None]) -> None:
        """`run_in_writer` has a function called in the writer's thread."""
        self._database = database
        self._run_in_writer = run_in_writer
        self._wanted = threading.Event()
        self._wal: Wal | None = None
        self._is_copying = self._is_first = self._is_ended = False
        self._again_at = 0.0
        # A daemon: a disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """End the thread once its present copy is finished; does not wait for that."""
        self._is_ended = True
        self._wanted.set()

    def begin_if_due(self, db: Database) -> None:
        """Have the -wal copied if it has grown enough, and if no other worker copies it."""
        wal = db.wal
        if self._is_copying or wal is None or not wal.is_due():
            return
        if time.monotonic() < self._again_at:
            return
        is_first = wal is not self._wal
        if is_first and not wal.lead():
            return
        self._wal, self._is_copying, self._is_first = wal, True, is_first
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._is_ended:
                return
            copied = None
            try:
                copied = copy_wal(self._database, is_first=self._is_first)
            except ShocppError as error:
                log.warning("the -wal is not copied now, and will be later: %s", error)
            # Without this thread the -wal would grow for ever.
            except Exception:
                log.exception("the copy of the -wal has failed, and will be tried again")
            self._run_in_writer(lambda copied=copied: self._note(copied))  # type: ignore[misc]

    def _note(self, copied: Copied | None) -> None:
        self._is_copying = False
        if copied is None:
            # As if for the first time: part of it may have been copied.
            self._wal, self._again_at = None, time.monotonic() + AGAIN_S
        elif self._wal is not None:
            self._wal.note_copied(copied.frames, copied.salt, is_whole=copied.is_whole)
