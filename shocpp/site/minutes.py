"""The energy of each minute at the site, integrated from the powers that the leader knows."""

from shocpp.ledger.solar import MINUTE_MS, SiteMinute

LONGEST_MS = 30_000
"""The longest time for which a power holds; beyond it nobody knows the energy."""

_MJ_PER_MWH = 3_600
"""A watt for a millisecond is a mJ."""


class Minutes:
    """The integration of one leader, from its start to its end.

    Each power holds until the next one. The first minute is not wholly covered, nor is one with a
    gap, or one in which the clock was set back: they have no import and no export.
    """

    def __init__(self) -> None:
        self._moment_ms: int | None = None
        self._imported_w: int | None = None
        self._cars_w = 0
        self._running: _Running | None = None

    def add(self, moment_ms: int, imported_w: int | None, cars_w: int) -> list[SiteMinute]:
        """Return the minutes that have ended since the last call, in order.

        `imported_w` is the sum of the phases now, negative for an export; it is None without a
        fresh reading. `cars_w` is the power of all cars.
        """
        ended = self._integrate(moment_ms)
        # Not the mean of two powers: the state between two readings is that of the first one.
        self._moment_ms, self._imported_w, self._cars_w = moment_ms, imported_w, cars_w
        return ended

    def _integrate(self, until_ms: int) -> list[SiteMinute]:
        """Add the time since the last call to the minutes in which it lies."""
        at_ms = self._moment_ms
        if at_ms is None or until_ms < at_ms:
            # The energy from before the clock was set back belongs to no minute.
            self._running = _Running(until_ms // MINUTE_MS)
            return []
        is_known = until_ms - at_ms <= LONGEST_MS
        ended = []
        assert self._running is not None
        while at_ms < until_ms:
            minute = at_ms // MINUTE_MS
            end_ms = min((minute + 1) * MINUTE_MS, until_ms)
            if is_known:
                self._running.count(end_ms - at_ms, self._imported_w, self._cars_w)
            at_ms = end_ms
            if at_ms % MINUTE_MS == 0:
                ended.append(self._running.minute_at_end())
                # The whole minutes of a gap have no rows.
                at_ms = at_ms if is_known else max(at_ms, until_ms - until_ms % MINUTE_MS)
                self._running = _Running(at_ms // MINUTE_MS)
        return ended


class _Running:
    """A minute that has not ended, with its energies in mJ so far."""

    def __init__(self, minute: int) -> None:
        self._minute = minute
        self._covered_ms = self._imported_mj = self._exported_mj = self._cars_mj = 0

    def count(self, span_ms: int, imported_w: int | None, cars_w: int) -> None:
        """Count a span of time at these powers."""
        self._cars_mj += max(cars_w, 0) * span_ms
        if imported_w is not None:
            # Apart, not balanced: what was exported before a minute's end does not supply its cars.
            self._covered_ms += span_ms
            self._imported_mj += max(imported_w, 0) * span_ms
            self._exported_mj += max(-imported_w, 0) * span_ms

    def minute_at_end(self) -> SiteMinute:
        """Return the row of the minute; import and export are None unless all of it is covered."""
        cars_mwh = _mwh(self._cars_mj)
        if self._covered_ms < MINUTE_MS:
            return SiteMinute(self._minute, None, None, cars_mwh)
        return SiteMinute(self._minute, _mwh(self._imported_mj), _mwh(self._exported_mj), cars_mwh)


def _mwh(millijoules: int) -> int:
    """Return an energy in mWh, rounded half up."""
    return (2 * millijoules + _MJ_PER_MWH) // (2 * _MJ_PER_MWH)
