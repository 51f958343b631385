"""The current of a car by the report of its charger."""

from shocpp.energy.model import VOLT, Observed
from shocpp.store.site.observed import ObservedCurrent

SAME_CLOCK_MS = 60_000
"""The delay of a report that is one of the clock, and not of the report."""


def observed_of(report: ObservedCurrent, phases: int) -> Observed | None:
    """Return the current of each phase of a charger by its report, None if it has none."""
    # Clocks of chargers differ: a report that comes this soon is one of now.
    delay_ms = report.received_ms - report.measured_ms
    measured_ms = report.received_ms if delay_ms <= SAME_CLOCK_MS else report.measured_ms
    power_ma = None if report.power_w is None else max(report.power_w, 0) * 1000 // VOLT
    reported = [] if report.currents_ma is None else [*report.currents_ma]
    if phases == 1:
        # It may name the phase of the house that it is wired to.
        reported = [current for current in reported if current is not None]
    reported = reported[:phases]
    missing = reported.count(None)
    if reported and missing < len(reported):
        known = sum(current or 0 for current in reported)
        if missing == phases - 1 and missing and power_ma is None:
            # The only value of a charger on three phases may be that of one, or a total.
            highest = max(current or 0 for current in reported)
            return Observed((highest,) * phases, measured_ms, is_of_phases=False)
        rest = max((power_ma or 0) - known, 0) // missing if missing else 0
        currents = tuple(rest if current is None else current for current in reported)
        return Observed(currents, measured_ms)
    if power_ma is None:
        return None
    return Observed((power_ma // phases,) * phases, measured_ms, is_of_phases=phases == 1)
