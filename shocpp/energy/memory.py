"""The memory of a connector: its car, and the proof that its charger keeps limits (pure)."""

from collections.abc import Iterator

from shocpp.energy.model import Connector, Observed
from shocpp.energy.standing import (
    DRAWS_MA,
    LAG_MS,
    LEARN_MS,
    TOLERANCE_MA,
    excess_of,
    in_force,
    is_settled,
)
from shocpp.energy.state.model import ConnectorState

PROOF_MS = 20_000
"""The time after which a current above the limit proves that the limit is ignored."""

KEPT_MS = 300_000
"""The time after which a charger that ignored a limit is trusted again."""

GIVE_BACK_MS, SLACK_MA = 60_000, 2_000
"""The time after which a car that draws SLACK_MA less than it may needs no more."""


def remembered(connector: Connector, state: ConnectorState, now_ms: int) -> ConnectorState:
    """Return the memory of a connector with what it reports now."""
    session = connector.session
    if session is None or session.is_late:
        ended_ms = now_ms if state.transaction_id is not None else state.ended_ms
        return ConnectorState(
            ignores=state.ignores,
            is_unproven=state.is_unproven,
            ended_ms=ended_ms,
            switch=state.switch,
        )
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
            switch=state.switch,
        )
    if not connector.is_connected:
        # It can prove nothing now.
        return state._replace(unproven_since_ms=None, kept_since_ms=None)
    observed = connector.observed
    if observed is None or observed.measured_ms < session.received_ms:
        return _unproven(connector, state, now_ms)
    state = _with_draw(connector, state, observed, now_ms)
    state = _with_proof(connector, state, observed, now_ms)
    return _with_held(connector, state, observed, now_ms)


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
    switched_ms = state.switch.switched_ms[-1:]
    is_present = not switched_ms or observed.measured_ms > switched_ms[0]
    if draws and is_present and observed.is_of_phases:
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
        still_sleeps = state.was_drawing and not (draws and is_new)
        state = state._replace(idle_since_ms=None, was_drawing=still_sleeps)
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
    excess = excess_of(connector, observed, limit_ma)
    has_settled = is_settled(connector, observed, now_ms)
    if limit_ma and has_settled and sum(observed.currents_ma) >= DRAWS_MA:
        excess_ma = min(max(excess + TOLERANCE_MA, 0), TOLERANCE_MA)
        state = state._replace(excess_ma=excess_ma)
    if excess <= 0 or has_settled:
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


def _with_held(
    connector: Connector, state: ConnectorState, observed: Observed, now_ms: int
) -> ConnectorState:
    """Return the memory with the proof by a power, which says nothing of single phases.

    A car that draws the same after a much lower limit does not follow it.
    """
    limit_ma, total_ma = in_force(connector, now_ms), sum(observed.currents_ma)
    if (
        limit_ma is None
        or observed.is_of_phases
        or len(connector.phases) == 1
        or not is_settled(connector, observed, now_ms, PROOF_MS)
    ):
        return state
    is_same = state.held_ma is not None and total_ma > 0.9 * state.held_ma
    is_lower = limit_ma <= state.held_limit_ma - SLACK_MA
    if is_lower and is_same and total_ma > limit_ma + TOLERANCE_MA:
        return state._replace(ignores=True)
    return state._replace(held_ma=total_ma, held_limit_ma=limit_ma)
