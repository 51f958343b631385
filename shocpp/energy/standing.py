"""Limits in force, what a car draws, and whether its charger keeps limits (pure).

"Accepted" proves nothing: some chargers accept a limit and ignore it. The proof is the current that
a charger reports after its car had time to follow.
"""

from typing import NamedTuple

from shocpp.energy.model import (
    AWAY,
    FOLLOWS,
    IGNORES,
    REFUSES,
    SILENT,
    UNVERIFIABLE,
    VERIFYING,
    Connector,
    Observed,
    PerPhase,
)
from shocpp.energy.state.model import ConnectorState

LAG_MS = 5_000
"""The time after which a car follows its limit, as most do."""

TOLERANCE_MA = 1_500
"""An excess up to here may be rounding; the phases of cars differ by 0.7 A."""

UNPROVEN_MS = 50_000
"""The time after which a charger that has reported no current counts as not verifiable."""

LATE_PROOF_MS = 150_000
"""The same for one that has reported a current in this session: it may report each minute."""

DRAWS_MA = 1_000
"""The least current of a car that charges."""

LEARN_MS = 60_000
"""The time for which a car draws before its phases are known: some begin with one."""

IDLE_MS = 120_000
"""The time after which a car that takes nothing goes behind those that wait."""

ASLEEP_MS = 180_000
"""The time after a pause in which a car has to go on: some sleep, and miss the end of it."""

TOO_OLD_MS = 600_000
"""The age from which a current says nothing about the present."""

UNRELIABLE = (REFUSES, IGNORES, SILENT, UNVERIFIABLE)
"""The standings of chargers that count with their maximum."""


class Draw(NamedTuple):
    """Bounds of the present current of a car and the likely one, for each phase of its charger.

    `totals_ma` are the bounds over all phases: those of a power are closer than those of a phase.
    """

    lower_ma: tuple[int, ...]
    upper_ma: tuple[int, ...]
    likely_ma: tuple[int, ...]
    totals_ma: tuple[int, int]


def in_force(connector: Connector, now_ms: int) -> int | None:
    """Return the limit that a charger keeps by what it has accepted, or None."""
    installed = connector.installed
    until_ms = installed.working_until_ms
    if installed.working_ma is not None and (until_ms is None or now_ms < until_ms):
        return installed.working_ma
    return installed.base_ma


def limit_or_maximum(connector: Connector, now_ms: int) -> int:
    """Return the limit in force, or the maximum of a connector without one.

    A limit that was sent may be in force, too: its confirmation may be lost.
    """
    limit_ma, installed = in_force(connector, now_ms), connector.installed
    if limit_ma is None:
        return connector.max_ma
    until_ms = installed.pending_until_ms
    if installed.pending_ma is not None and (until_ms is None or now_ms < until_ms):
        limit_ma = max(limit_ma, installed.pending_ma)
    return min(limit_ma, connector.max_ma)


def draw(connector: Connector, state: ConnectorState, now_ms: int) -> Draw:
    """Return the current that the car of a connector draws now."""
    count = len(connector.phases)
    nothing = (0,) * count
    if connector.session is None:
        return Draw(nothing, nothing, nothing, (0, 0))
    limit_ma, observed = limit_or_maximum(connector, now_ms), _recent(connector, now_ms)
    seen = state.seen or connector.phases
    likely = tuple(limit_ma if phase in seen else 0 for phase in connector.phases)
    if observed is None:
        return Draw(
            nothing, (limit_ma,) * count, likely, (0, _phase_count(connector, state) * limit_ma)
        )
    lower, upper = bounds_of(observed, limit_ma, count)
    total_ma = sum(observed.currents_ma[:count])
    if is_settled(connector, observed, now_ms):
        likely = lower if observed.is_of_phases else likely
        return Draw(lower, upper, likely, (total_ma, total_ma))
    # The car is on its way from the observed current to the limit, on the phases that it uses.
    goals = [limit_ma if phase in phases_of(connector, state) else 0 for phase in connector.phases]
    lower, upper = tuple(map(min, lower, goals)), tuple(map(max, upper, goals))
    if observed.is_of_phases:
        return Draw(lower, upper, likely, (sum(lower), sum(upper)))
    lowest_ma = min(total_ma, (phases_by_power(state) or 1) * limit_ma)
    highest_ma = max(total_ma, _phase_count(connector, state) * limit_ma)
    return Draw(lower, upper, likely, (lowest_ma, highest_ma))


def is_settled(
    connector: Connector, observed: Observed, now_ms: int, after_ms: int = LAG_MS
) -> bool:
    """Return True if a current was measured after the car had time to follow its limit."""
    since_ms, ended_ms = connector.installed.accepted_ms, connector.installed.working_until_ms
    if ended_ms is not None and ended_ms <= now_ms:
        since_ms = max(since_ms, ended_ms)
    return observed.measured_ms >= since_ms + after_ms


def is_falling(connector: Connector, now_ms: int) -> bool:
    """Return True if a car had no time yet to follow a lower limit."""
    observed = _recent(connector, now_ms)
    return (
        observed is not None
        and now_ms < connector.installed.accepted_ms + LAG_MS
        and max(observed.currents_ma) > limit_or_maximum(connector, now_ms)
    )


def on_site(connector: Connector, currents_ma: tuple[int, ...]) -> PerPhase:
    """Return currents of a charger's phases as those of the site's phases."""
    loads = [0, 0, 0]
    for phase, current in zip(connector.phases, currents_ma, strict=False):
        loads[phase] += current
    return (loads[0], loads[1], loads[2])


def phases_of(connector: Connector, state: ConnectorState) -> tuple[int, ...]:
    """Return the site's phases on which a car draws; all of its charger until they are known."""
    return state.used or connector.phases


def _phase_count(connector: Connector, state: ConnectorState) -> int:
    """Return the number of phases on which a car may draw, as far as is known."""
    switch = state.switch
    is_switched = connector.switching is not None and switch.phases == 1 and not switch.ignored_ms
    return 1 if is_switched else len(phases_of(connector, state))


def phases_by_power(state: ConnectorState) -> int | None:
    """Return the number of phases that carry a power at its limit, None if nobody knows it."""
    if not state.held_ma or not state.held_limit_ma:
        return None
    return max(-(-(state.held_ma - TOLERANCE_MA) // state.held_limit_ma), 1)


def standing(connector: Connector, state: ConnectorState, now_ms: int) -> str:
    """Return the standing of a charger; one without a session keeps that of the last one."""
    if not connector.is_connected:
        return AWAY
    if connector.refuses:
        return REFUSES
    if state.ignores:
        return IGNORES
    if connector.is_silent:
        return SILENT
    if connector.is_vouched:
        return FOLLOWS
    session = connector.session
    if session is None:
        return UNVERIFIABLE if state.is_unproven else FOLLOWS
    if session.is_late:
        return FOLLOWS
    since_ms = state.unproven_since_ms
    if since_ms is None:
        return FOLLOWS if in_force(connector, now_ms) is not None else VERIFYING
    longest_ms = UNPROVEN_MS if state.drawn_ma is None else LATE_PROOF_MS
    return UNVERIFIABLE if now_ms - since_ms >= longest_ms or state.is_unproven else VERIFYING


def charging_since(state: ConnectorState) -> int | None:
    """Return since when a car charges without a pause, None if it does not."""
    active_since_ms, drew_since_ms = state.active_since_ms, state.drew_since_ms
    if state.drawn_ma is None or active_since_ms is None:
        return active_since_ms
    if drew_since_ms is None:
        return None
    # The first current is reported a little later than it flows.
    began_at_once = drew_since_ms - active_since_ms < LEARN_MS
    return active_since_ms if began_at_once else drew_since_ms


def is_reliable(connector: Connector, state: ConnectorState, name: str) -> bool:
    """Return True if a charger keeps limits, as far as is known; `name` is its standing.

    One that is away is known by what it did before.
    """
    if name != AWAY:
        return name not in UNRELIABLE
    is_unproven = state.is_unproven and not connector.is_vouched
    return not (connector.refuses or state.ignores or is_unproven)


def is_idle(connector: Connector, state: ConnectorState, now_ms: int) -> bool:
    """Return True if a car takes nothing although it may."""
    since_ms = state.idle_since_ms
    paused = connector.session is not None and connector.session.is_paused
    return paused or (since_ms is not None and now_ms - since_ms >= IDLE_MS)


def is_asleep(state: ConnectorState, now_ms: int) -> bool:
    """Return True if a car that drew before a pause does not go on after it."""
    since_ms, idle_since_ms = state.active_since_ms, state.idle_since_ms
    if not state.was_drawing or since_ms is None or idle_since_ms is None:
        return False
    return now_ms - since_ms >= ASLEEP_MS


def _recent(connector: Connector, now_ms: int) -> Observed | None:
    observed, session = connector.observed, connector.session
    if observed is None or session is None or observed.measured_ms < session.received_ms:
        return None
    return observed if now_ms - observed.measured_ms <= TOO_OLD_MS else None


def bounds_of(
    observed: Observed, limit_ma: int, count: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the bounds of a current that was measured, for each phase of the charger."""
    currents = (*observed.currents_ma, *(0,) * count)[:count]
    if observed.is_of_phases or count == 1:
        return currents, currents
    # A power may be of one phase or of three; none has more than the limit, if it is kept.
    total = sum(currents)
    lower = max(total - (count - 1) * limit_ma, 0)
    if lower > limit_ma:
        return (total // count,) * count, (total,) * count
    return (lower,) * count, (min(total, limit_ma),) * count


def excess_of(connector: Connector, observed: Observed, limit_ma: int) -> int:
    """Return the current above the limit and the tolerance, 0 or less if the limit is kept."""
    lower, _ = bounds_of(observed, limit_ma, len(connector.phases))
    return max(lower) - limit_ma - TOLERANCE_MA
