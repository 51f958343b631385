"""The thread of limits in each process: it waits until it leads, and then ticks until the end."""

import logging
import select
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.errors import ShocppError
from shocpp.settings import Settings
from shocpp.site.leader import Leadership, ring_leader
from shocpp.store.doorbells import Doorbell
from shocpp.store.thread_database import OpenDatabase

if TYPE_CHECKING:
    from shocpp.site.ticks import Ticks

log = logging.getLogger(__name__)

LEAST_PAUSE_S = 0.5
"""The least seconds between two ticks, however often somebody rings."""

RETRY_S = 5.0
"""Seconds after a tick that has failed."""


class Companion(Protocol):
    """A service that runs in the one process that leads, such as the connection to a broker."""

    def start(self) -> None:
        """Begin, at once."""
        ...

    def stop(self) -> None:
        """End within a second, before another process may lead."""
        ...


class SiteThread:
    """The thread of one process."""

    def __init__(
        self,
        settings: Settings,
        allowlist: AllowlistFile,
        connect: OpenDatabase,
        companions: Sequence[Companion] = (),
    ) -> None:
        """Create it without a thread."""
        self._settings, self._allowlist, self._connect = settings, allowlist, connect
        self._companions = companions
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._leads = False
        self._trouble: str | None = None

    def start(self, after_s: float = 0.0) -> None:
        """Take part in the leadership after so many seconds."""
        threading.Thread(target=self._run, args=(after_s,), name="site", daemon=True).start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Let another process lead; a tick that is under way ends before, if it is short."""
        self._stopping.set()
        # A thread that waits for the leadership cannot be woken, and need not be.
        if self._leads:
            ring_leader(self._settings.database)
            self._ended.wait(timeout_s)

    def _run(self, after_s: float) -> None:
        leadership = Leadership(self._settings.database)
        self._stopping.wait(after_s)
        while not self._stopping.is_set():
            try:
                doorbell = leadership.wait()
                self._leads = True
                if not self._stopping.is_set():
                    self._lead(leadership, doorbell)
            except ShocppError as error:
                self._note(str(error))
                self._stopping.wait(RETRY_S)
            except Exception as error:  # noqa: BLE001
                # Another process may lead meanwhile.
                leadership.release()
                self._note(f"the limits are not decided now: {error!r}", has_traceback=True)
                self._stopping.wait(RETRY_S)
            finally:
                leadership.release()
                self._leads = False
        self._ended.set()

    def _lead(self, leadership: Leadership, doorbell: Doorbell) -> None:
        """Tick until the process ends, or the leadership is lost."""
        # Imported here, because most processes only wait.
        from shocpp.site.ticks import Ticks

        ticks = Ticks(
            self._settings,
            self._allowlist,
            self._connect,
            doorbell.path,
            lambda: ring_leader(self._settings.database),
        )
        try:
            pause_s = self._tick(ticks, is_rung=True)
            # Behind the first tick, whose connection to the database they can use: descriptors are
            # for chargers.
            for companion in self._companions:
                companion.start()
            while not self._stopping.is_set() and leadership.is_in_place():
                is_rung = bool(select.select([doorbell], [], [], pause_s)[0])
                if is_rung:
                    # One tick for all that has rung meanwhile.
                    self._stopping.wait(LEAST_PAUSE_S)
                    doorbell.clear()
                    if self._stopping.is_set():
                        break
                pause_s = self._tick(ticks, is_rung=is_rung)
        finally:
            ticks.end()
            for companion in self._companions:
                companion.stop()

    def _tick(self, ticks: "Ticks", *, is_rung: bool) -> float:
        """Tick once; return the seconds until the next tick.

        A database that cannot be used, such as a locked one, delays it.
        """
        try:
            pause_s = ticks.tick(is_rung=is_rung)
        except ShocppError as error:
            self._note(f"the limits are not decided now: {error}")
            # The change that somebody has rung for is still to be read.
            ticks.is_active = True
            return RETRY_S
        self._note(None)
        return pause_s

    def _note(self, trouble: str | None, *, has_traceback: bool = False) -> None:
        """Log a reason once, and its end."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble is None:
            log.info("the limits are decided again")
        else:
            log.warning("%s", trouble, exc_info=has_traceback)
