"""The readings of the site's meter for the leader: those that it polls, and those on file."""

from collections.abc import Callable

from shocpp.configuration.site.conf import SiteConf
from shocpp.configuration.site.meter_source import SiteMeter
from shocpp.energy.model import SiteReading
from shocpp.site.inputs.polled import MeterPolling
from shocpp.store.database import Database
from shocpp.store.site import readings

MOST_POLLED = 1_000
"""Readings that wait at most for a database that cannot be written, the newest."""

LATEST_READINGS_MS = 120_000
"""The age up to which readings from before this leader count."""


class MeterFollowing:
    """The meter of the site.json in force; for one thread.

    `polled` are the readings that are not stored yet.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        """Create it without polls; `wake` is called after each reading."""
        self._wake = wake
        self._polling: MeterPolling | None = None
        self.polled: list[SiteReading] = []

    def follow(self, conf: SiteConf | None) -> None:
        """Poll the meter of these limits, and no other one; take what was polled since."""
        meter: SiteMeter | None = None if conf is None else conf.meter
        if meter is not None and not meter.url:
            meter = None
        if self._polling is not None and self._polling.meter != meter:
            self._polling.stop()
            self._polling = None
        if self._polling is None and meter is not None:
            self._polling = MeterPolling(meter, self._wake)
            self._polling.start()
        if self._polling is not None:
            self.polled = [*self.polled, *self._polling.take()][-MOST_POLLED:]

    @property
    def trouble(self) -> str | None:
        """The reason why the last poll failed, or None."""
        return None if self._polling is None else self._polling.trouble

    def unknown(
        self, db: Database, newest: SiteReading | None, moment_ms: int
    ) -> list[SiteReading]:
        """Return the readings that no decision knows yet, the oldest first.

        `newest` is the newest one that is known.
        """
        oldest_ms = moment_ms - LATEST_READINGS_MS
        since_ms = oldest_ms
        # By the newest one that is known: a posted one may be committed after a decision. One of
        # the future is from before the clock was set back.
        if newest is not None and newest.received_ms <= moment_ms:
            since_ms = max(newest.received_ms, oldest_ms)
        present = sorted([*readings.since(db, since_ms), *self.polled])
        return [one for one in present if since_ms < one.received_ms <= moment_ms]

    def end(self) -> None:
        """End the polls."""
        self.follow(None)
