"""The order in which connectors get their floors, and their turns when not all fit (pure)."""

from collections.abc import Iterable, Mapping

from shocpp.energy.model import Connector, Key
from shocpp.energy.standing import is_idle
from shocpp.energy.state.model import ConnectorState

TURN_MS = 900_000
"""The time of a turn; after it a car makes room for those that have waited as long."""

_IN_TURN, _NEXT, _HAD_TURN, _WAITS, _IDLE = range(5)


def ranked(
    connectors: Iterable[Connector], states: Mapping[Key, ConnectorState], now_ms: int
) -> list[Connector]:
    """Return connectors in the order of their floors: a higher priority first, then by turns.

    A turn that has begun is not cut short. Next come those that have waited for the time of a turn,
    the longest first, and those that have had one, the least served first. All others that wait
    follow, and last come the cars that take nothing.
    """

    def position(connector: Connector) -> tuple[int, int, int, Key]:
        turn, order = _turn(connector, states[connector.key], now_ms)
        return (-connector.priority, turn, order, connector.key)

    return sorted(connectors, key=position)


def turn_ends_ms(state: ConnectorState) -> int | None:
    """Return the end of the turn of a connector, None if it has none."""
    return None if state.active_since_ms is None else state.active_since_ms + TURN_MS


def had_turn(state: ConnectorState, now_ms: int) -> bool:
    """Return True if a connector may charge, and has done so for the time of a turn."""
    return state.active_since_ms is not None and now_ms - state.active_since_ms >= TURN_MS


def is_overdue(state: ConnectorState, now_ms: int) -> bool:
    """Return True if a connector has waited for the time of a turn."""
    return state.waiting_since_ms is not None and now_ms - state.waiting_since_ms >= TURN_MS


def _turn(connector: Connector, state: ConnectorState, now_ms: int) -> tuple[int, int]:
    ends_ms, idle = turn_ends_ms(state), is_idle(connector, state, now_ms)
    if ends_ms is None:
        since_ms = state.waiting_since_ms or now_ms
        # Also a car that took nothing, or it could never begin again.
        if is_overdue(state, now_ms):
            return _NEXT, since_ms
        return (_IDLE if idle else _WAITS), since_ms
    if idle:
        return _IDLE, state.active_since_ms or 0
    if had_turn(state, now_ms):
        return _HAD_TURN, state.served_ms
    return _IN_TURN, state.active_since_ms or 0
