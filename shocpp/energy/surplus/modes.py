"""The mode in force for a connector, by its wish and the goal of its car (pure).

A car with a goal charges fast from the latest moment at which the rest still fits until `by_ms`.
Its power so far tells that moment. Once the goal is reached, it is paused.
"""

from shocpp.energy.model import FAST, OFF, VOLT, Connector
from shocpp.energy.standing import phases_of
from shocpp.energy.state.model import ConnectorState

SWITCHES_MS = 120_000
"""The time of a switch of phases beside its pause: answers, the car, and the next raise."""

_MS_PER_H = 3_600_000


def mode_in_force(connector: Connector, state: ConnectorState, now_ms: int) -> str:
    """Return the mode in force: the wished one, or that of a goal."""
    mode, goal = connector.wish
    if goal is None:
        return mode
    if goal.left_wh <= 0:
        return OFF
    return FAST if is_urgent(connector, state, now_ms) else mode


def is_urgent(connector: Connector, state: ConnectorState, now_ms: int) -> bool:
    """Return True if a car has to charge fast now to reach its goal in time.

    It stays so until the goal is reached: a car that charges would otherwise begin to flap.
    """
    latest_ms = fast_from_ms(connector, state)
    if latest_ms is None:
        return False
    is_same = state.sun.mode == connector.wish.mode
    return now_ms >= latest_ms or (state.sun.is_urgent and is_same)


def fast_from_ms(connector: Connector, state: ConnectorState) -> int | None:
    """Return the latest moment to charge fast from, None without a time for the goal."""
    goal = connector.wish.goal
    if goal is None or goal.by_ms is None or goal.left_wh <= 0:
        return None
    total_ma = state.sun.most_ma or connector.min_ma * len(phases_of(connector, state))
    from_ms = goal.by_ms - goal.left_wh * _MS_PER_H * 1_000 // (total_ma * VOLT)
    if connector.switching is not None and state.switch.phases == 1:
        # It has to be switched back for that power.
        from_ms -= connector.switching.pause_ms + SWITCHES_MS
    return from_ms
