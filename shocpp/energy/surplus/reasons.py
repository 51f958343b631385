"""The reason of a limit that the mode of its connector demands (pure)."""

from shocpp.energy.model import FAST, MIN, OFF, Connector, Reason
from shocpp.energy.pacing import OFF_MS
from shocpp.energy.state.model import ConnectorState
from shocpp.energy.surplus.following import ON_MS, START_MS, STOP_MS, SWITCH_MS
from shocpp.energy.surplus.modes import fast_from_ms, mode_in_force
from shocpp.energy.surplus.phases import (
    DAILY,
    FAILED,
    IGNORED,
    REFUSED,
    hindrance,
    pause_until,
    pauses,
)

LASTING = (DAILY, FAILED, IGNORED, REFUSED)
"""The hindrances that last: a person can do something about them."""

NO_SUN = Reason("no_sun")


def reason_of_mode(
    connector: Connector, state: ConnectorState, limit_ma: int, now_ms: int
) -> Reason | None:
    """Return the reason, or None if it is not the mode that binds this limit."""
    sun, mode = state.sun, mode_in_force(connector, state, now_ms)
    if pauses(state.switch):
        return Reason("switching", {"phases": state.switch.target or 0})
    if mode == OFF:
        return Reason("mode_off" if connector.wish.goal is None else "goal_reached")
    if mode == FAST or sun.cap_ma is None:
        return None
    hindered = _hindered(connector, state, now_ms)
    if hindered is not None:
        return hindered
    if not sun.is_on:
        if sun.enough_since_ms is not None:
            return Reason("sun_starts")
        return NO_SUN
    if limit_ma < sun.cap_ma:
        return None
    if sun.short_since_ms is not None:
        return Reason("sun_short")
    is_least = mode == MIN and sun.cap_ma == connector.min_ma
    return Reason("least_and_sun" if is_least else "sun")


def _hindered(connector: Connector, state: ConnectorState, now_ms: int) -> Reason | None:
    """Return the reason of a number of phases that does not suit, None if it does, or soon will."""
    since_ms = state.sun.other_since_ms
    is_due = since_ms is not None and now_ms - since_ms >= SWITCH_MS
    hindrance_now = hindrance(connector, state, now_ms)
    if (
        hindrance_now is None
        or hindrance_now.key not in LASTING
        or not (is_due or hindrance_now.key == IGNORED)
    ):
        return None
    return Reason(f"switch_{hindrance_now.key}")


def next_change_ms(connector: Connector, state: ConnectorState, now_ms: int) -> int | None:
    """Return when the mode will change the limit of a connector, None if that is not known."""
    sun = state.sun
    if pauses(state.switch):
        return pause_until(connector, state.switch)
    if mode_in_force(connector, state, now_ms) == FAST:
        return None
    if sun.is_on and sun.short_since_ms is not None:
        return max(sun.short_since_ms + STOP_MS, sun.since_ms + ON_MS)
    if not sun.is_on and sun.enough_since_ms is not None:
        off_until_ms = sun.since_ms + OFF_MS if sun.since_ms else 0
        return max(sun.enough_since_ms + START_MS, off_until_ms)
    return fast_from_ms(connector, state)
