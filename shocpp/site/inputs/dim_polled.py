"""The grid operator's signal, polled over HTTP: a relay or any other device with a document."""

from collections.abc import Callable
from typing import NamedTuple

from shocpp.clock import now_ms
from shocpp.configuration.site.conf import SiteConf
from shocpp.configuration.site.dim_source import POLLED, DimInput, signal_of
from shocpp.errors import UsageError
from shocpp.settings import Settings
from shocpp.site.inputs.dim_signal import is_dimmed_now, note_dimmed, note_lost, settle_signal
from shocpp.site.inputs.polled import NoReading, body_of, without_query
from shocpp.site.inputs.polling import Polling
from shocpp.store.database import Database

FAILED_MS = 10_000
"""The time without an answer after which the input is lost: one poll may fail."""


class DimReading(NamedTuple):
    """A signal that was read."""

    is_dimmed: bool
    received_ms: int


class DimPolling(Polling[DimReading]):
    """The polls of one input; `dim` is the part of site.json that it follows."""

    def __init__(self, dim: DimInput, wake: Callable[[], object]) -> None:
        """Create it without a thread; `wake` is called after each reading."""
        self._title = f"the dim input {without_query(dim.url)}"
        super().__init__(self._title, dim.every_s, wake)
        self.dim = dim

    def _read(self) -> DimReading:
        body = body_of(self.dim.url, self._title)
        try:
            return DimReading(signal_of(self.dim, body), now_ms())
        except UsageError as error:
            raise NoReading(f"{self._title} cannot be read: {error}") from None


class DimFollowing:
    """The signal of the site.json in force, for the leader; for one thread.

    It polls the input, if it is to be polled, and keeps the log of dimmings in step. `has_ended` is
    True if a dimming has ended since the last call of `settle`.
    """

    def __init__(self, settings: Settings, wake: Callable[[], object]) -> None:
        """Create it without polls; `wake` is called after each reading."""
        self._settings, self._wake = settings, wake
        self._polling: DimPolling | None = None
        self._is_dimmed = self.has_ended = False

    def settle(self, db: Database, conf: SiteConf | None, moment_ms: int) -> None:
        """Note what the input says; a decision may follow.

        Raises StoreUnavailable if the database cannot be written.
        """
        self._follow(None if conf is None else conf.dim)
        if self._polling is not None:
            # Each one, so that a dimming between two decisions is in the log.
            for reading in self._polling.take():
                note_dimmed(
                    db,
                    self._settings,
                    is_dimmed=reading.is_dimmed,
                    source=POLLED,
                    now_ms=reading.received_ms,
                )
            failed_ms = self._polling.failed_ms
            # At a slow beat, the next poll comes later.
            patience_ms = max(FAILED_MS, 1500 * self._polling.dim.every_s)
            if failed_ms is not None and moment_ms - failed_ms >= patience_ms:
                note_lost(db, self._settings, source=POLLED, lost_ms=failed_ms, now_ms=moment_ms)
        settle_signal(db, conf, moment_ms)
        is_dimmed = is_dimmed_now(db, conf, moment_ms)
        self._is_dimmed, self.has_ended = is_dimmed, self._is_dimmed and not is_dimmed

    @property
    def trouble(self) -> str | None:
        """The reason why the last poll failed, or None."""
        return None if self._polling is None else self._polling.trouble

    def end(self) -> None:
        """End the polls."""
        self._follow(None)

    def _follow(self, dim: DimInput | None) -> None:
        """Poll this input, and no other one."""
        if dim is not None and dim.source != POLLED:
            dim = None
        if self._polling is not None and self._polling.dim != dim:
            self._polling.stop()
            self._polling = None
        if self._polling is None and dim is not None:
            self._polling = DimPolling(dim, self._wake)
            self._polling.start()
