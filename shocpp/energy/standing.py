"""Limits in force, what a car draws, and whether its charger keeps limits (pure).

"Accepted" proves nothing: some chargers accept a limit and ignore it. The proof is the current that
a charger reports after its car had time to follow.
"""

from collections.abc import Iterator
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
    ConnectorState,
    Observed,
    PerPhase,
)

LAG_MS = 5_000
"""The time after which a car follows its limit, as most do."""

PROOF_MS = 20_000
"""The time after which a current above the limit proves that the limit is ignored."""

TOLERANCE_MA = 1_500
"""A current this far above the limit is none of rounding; cars spread 0.7 A between phases."""

UNPROVEN_MS = 50_000
"""The time after which a charger that has reported no current counts as not verifiable."""

LATE_PROOF_MS = 150_000
"""The same for one that has reported a current in this session: it may report each minute."""

KEPT_MS = 300_000
"""The time after which a charger that ignored a limit is trusted again."""

DRAWS_MA = 1_000
"""The least current of a car that charges."""

LEARN_MS = 60_000
"""The time for which a car draws before its phases are known: some begin with one."""

GIVE_BACK_MS, SLACK_MA = 60_000, 2_000
"""The time after which a car that draws SLACK_MA less than it may needs no more."""

IDLE_MS = 120_000
"""The time after which a car that takes nothing goes behind those that wait."""

TOO_OLD_MS = 600_000
"""The age from which a current says nothing about the present."""

UNRELIABLE = (REFUSES, IGNORES, SILENT, UNVERIFIABLE)
"""The standings of chargers that count with their maximum."""


class Draw(NamedTuple):
    """Bounds of the present current of a car and the likely one, for each phase of its charger."""

    lower_ma: tuple[int, ...]
    upper_ma: tuple[int, ...]
    likely_ma: tuple[int, ...]


def in_force(connector: Connector, now_ms: int) -> int | None:
    """Return the limit that a charger keeps by what it has accepted, or None."""
    installed = connector.installed
    until_ms = installed.working_until_ms
    if installed.working_ma is not None and (until_ms is None or now_ms < until_ms):
        return installed.working_ma
    return installed.base_ma


def limit_or_maximum(connector: Connector, now_ms: int) -> int:
    """Return the limit in force, or the maximum of a connector without one."""
    limit_ma = in_force(connector, now_ms)
    return connector.max_ma if limit_ma is None else min(limit_ma, connector.max_ma)


def draw(connector: Connector, state: ConnectorState, now_ms: int) -> Draw:
    """Return the current that the car of a connector draws now."""
    count = len(connector.phases)
    nothing = (0,) * count
    if connector.session is None:
        return Draw(nothing, nothing, nothing)
    limit_ma, observed = limit_or_maximum(connector, now_ms), _recent(connector, now_ms)
    seen = state.seen or connector.phases
    likely = tuple(limit_ma if phase in seen else 0 for phase in connector.phases)
    if observed is None:
        return Draw(nothing, (limit_ma,) * count, likely)
    lower, upper = _bounds(observed, limit_ma, count)
    if is_settled(connector, observed, now_ms):
        return Draw(lower, upper, lower if observed.is_of_phases else likely)
    # The car is on its way from the observed current to the limit, on the phases that it uses.
    goals = [limit_ma if phase in phases_of(connector, state) else 0 for phase in connector.phases]
    return Draw(
        tuple(map(min, lower, goals)),
        tuple(map(max, upper, goals)),
        likely,
    )


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


def remembered(connector: Connector, state: ConnectorState, now_ms: int) -> ConnectorState:
    """Return the memory of a connector with what it reports now."""
    session = connector.session
    if session is None or session.is_late:
        return ConnectorState(ignores=state.ignores, is_unproven=state.is_unproven)
    if state.transaction_id != session.transaction_id:
        base_ma = min(connector.installed.base_ma or 0, in_force(connector, now_ms) or 0)
        state = ConnectorState(
            transaction_id=session.transaction_id,
            # A new car draws this already: to stop it for a moment would be a write for nothing.
            limit_ma=base_ma if base_ma >= connector.min_ma else 0,
            chosen_ma=connector.chosen_ma,
            waiting_since_ms=session.received_ms,
            ignores=state.ignores,
            is_unproven=state.is_unproven,
        )
    if not connector.is_connected:
        # It can prove nothing now.
        return state._replace(unproven_since_ms=None, kept_since_ms=None)
    observed = connector.observed
    if observed is None or observed.measured_ms < session.received_ms:
        return _unproven(connector, state, now_ms)
    state = _with_draw(connector, state, observed, now_ms)
    return _with_proof(connector, state, observed, now_ms)


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


def is_idle(connector: Connector, state: ConnectorState, now_ms: int) -> bool:
    """Return True if a car takes nothing although it may."""
    since_ms = state.idle_since_ms
    paused = connector.session is not None and connector.session.is_paused
    return paused or (since_ms is not None and now_ms - since_ms >= IDLE_MS)


def _recent(connector: Connector, now_ms: int) -> Observed | None:
    observed, session = connector.observed, connector.session
    if observed is None or session is None or observed.measured_ms < session.received_ms:
        return None
    return observed if now_ms - observed.measured_ms <= TOO_OLD_MS else None


def _bounds(
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


def _excess(connector: Connector, observed: Observed, limit_ma: int) -> int:
    """Return the current above the limit and the tolerance, 0 or less if the limit is kept."""
    lower, _ = _bounds(observed, limit_ma, len(connector.phases))
    return max(lower) - limit_ma - TOLERANCE_MA


def _unproven(connector: Connector, state: ConnectorState, now_ms: int) -> ConnectorState:
    """Return the memory of a charger that has shown nothing of the limit in force."""
    if state.unproven_since_ms is not None or in_force(connector, now_ms) is None:
        return state
    return state._replace(unproven_since_ms=now_ms)


def _with_draw(
    connector: Connector, state: ConnectorState, observed: Observed, now_ms: int
) -> ConnectorState:
    """Return the memory with the phases, the need and the idleness of a car."""
    currents = observed.currents_ma
    draws = sum(currents) >= DRAWS_MA
    drew_since_ms = (state.drew_since_ms or now_ms) if draws else None
    seen = state.seen
    if draws and observed.is_of_phases:
        seen = tuple(sorted({*seen, *_drawing(connector, currents)}))
    is_known = drew_since_ms is not None and now_ms - drew_since_ms >= LEARN_MS
    used = seen if is_known or state.used else ()
    state = state._replace(
        drawn_ma=sum(currents),
        drawn_ms=observed.measured_ms,
        drew_since_ms=drew_since_ms,
        seen=seen,
        used=used,
    )
    if state.active_since_ms is None:
        return state
    is_new = observed.measured_ms >= state.active_since_ms + LAG_MS
    if draws or not is_new:
        state = state._replace(idle_since_ms=None)
    elif state.idle_since_ms is None:
        state = state._replace(idle_since_ms=now_ms)
    return _with_need(connector, state, observed, now_ms)


def _drawing(connector: Connector, currents_ma: tuple[int, ...]) -> Iterator[int]:
    for phase, current in zip(connector.phases, currents_ma, strict=False):
        if current >= DRAWS_MA:
            yield phase


def _with_need(
    connector: Connector, state: ConnectorState, observed: Observed, now_ms: int
) -> ConnectorState:
    """Return the memory with the current that is enough for a car."""
    if not observed.is_of_phases or observed.measured_ms < state.changed_ms + LAG_MS:
        return state
    highest_ma = max(observed.currents_ma)
    if highest_ma > state.limit_ma - DRAWS_MA:
        return state._replace(low_since_ms=None, need_ma=None)
    if highest_ma >= state.limit_ma - SLACK_MA:
        return state._replace(low_since_ms=None)
    since_ms = state.low_since_ms or now_ms
    need_ma = state.need_ma
    if now_ms - since_ms >= GIVE_BACK_MS:
        whole_ma = -(-highest_ma // 1_000) * 1_000 + 1_000
        need_ma = max(whole_ma, connector.min_ma)
    return state._replace(low_since_ms=since_ms, need_ma=need_ma)


def _with_proof(
    connector: Connector, state: ConnectorState, observed: Observed, now_ms: int
) -> ConnectorState:
    """Return the memory with the proof that a charger keeps its limits, or ignores one."""
    limit_ma = in_force(connector, now_ms)
    if limit_ma is None:
        return state
    excess = _excess(connector, observed, limit_ma)
    if excess <= 0 or is_settled(connector, observed, now_ms):
        state = state._replace(unproven_since_ms=None, is_unproven=False)
    else:
        state = _unproven(connector, state, now_ms)
    if excess > 0:
        ignores = state.ignores or is_settled(connector, observed, now_ms, PROOF_MS)
        return state._replace(ignores=ignores, kept_since_ms=None)
    is_proof = (
        state.ignores
        and sum(observed.currents_ma) >= DRAWS_MA
        and limit_ma <= connector.max_ma - SLACK_MA
    )
    if not is_proof:
        return state._replace(kept_since_ms=None)
    since_ms = state.kept_since_ms or now_ms
    if now_ms - since_ms < KEPT_MS:
        return state._replace(kept_since_ms=since_ms)
    return state._replace(ignores=False, kept_since_ms=None)
