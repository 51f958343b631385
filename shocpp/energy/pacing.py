"""The pace of set points: down at once, up later, and never too many writes (pure)."""

from shocpp.energy.model import OFF, Connector
from shocpp.energy.state.model import ENOUGH_CHANGES, ConnectorState

RAISE_MS = 60_000
"""The time between two changes of which the second one is a raise."""

SUN_RAISE_MS = 30_000
"""The same for a car that follows the sun: its share has waited as long already."""

OFF_MS = 300_000
"""The shortest pause that a limit makes: an Enyaq faults when it is resumed within 5 minutes."""

MOST_WRITES = 300
"""Writes in 24 hours after which raises are rare: each may be one to the charger's flash."""

RARE_MS = 300_000
"""The time between two raises after MOST_WRITES."""


def wait_ms(
    connector: Connector, state: ConnectorState, now_ms: int, changed_readings: int | None
) -> int:
    """Return the time until a connector may be raised, 0 if it may now.

    `changed_readings` came since the last raise; None without a meter.
    """
    if state.changed_ms == 0 or connector.chosen_ma != state.chosen_ma:
        return 0
    wait = RAISE_MS if state.sun.cap_ma is None else SUN_RAISE_MS
    if state.limit_ma == 0:
        wait = 0 if state.was_paused else OFF_MS
    if connector.writes >= MOST_WRITES:
        wait = max(wait, RARE_MS)
    left = max(state.changed_ms + wait - now_ms, 0)
    if left == 0 and state.limit_ma and changed_readings is not None:
        # A slow meter still reports the current before the last raise.
        return RAISE_MS if changed_readings < ENOUGH_CHANGES else 0
    return left


def is_stop_wanted(connector: Connector, state: ConnectorState) -> bool:
    """Return True if a person, or a switch of phases, wants a connector to have 0 A."""
    by_person = connector.chosen_ma == 0 or (not state.sun.is_on and connector.wish.mode == OFF)
    return by_person or state.switch.target is not None


def changed(
    connector: Connector, state: ConnectorState, limit_ma: int, now_ms: int
) -> ConnectorState:
    """Return the memory of a connector whose set point is this one now."""
    state = state._replace(chosen_ma=connector.chosen_ma)
    if limit_ma != state.limit_ma:
        is_lowered = limit_ma < state.limit_ma
        state = state._replace(
            limit_ma=limit_ma,
            changed_ms=now_ms,
            lowered_ms=now_ms if is_lowered else state.lowered_ms,
            was_paused=is_stop_wanted(connector, state),
            was_drawing=state.was_drawing or (not limit_ma and state.drew_since_ms is not None),
        )
    if limit_ma == 0 and (state.active_since_ms is not None or state.waiting_since_ms is None):
        return state._replace(active_since_ms=None, waiting_since_ms=now_ms)
    if limit_ma and state.active_since_ms is None:
        return state._replace(active_since_ms=now_ms, waiting_since_ms=None, idle_since_ms=None)
    return state
