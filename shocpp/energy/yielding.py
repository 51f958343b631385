"""The car that yields to one whose turn is overdue, where shares alone give it no room (pure)."""

from collections.abc import Mapping, Sequence

from shocpp.energy.allocation import UNBALANCE, Share
from shocpp.energy.failsafe import Rest, groups_of
from shocpp.energy.model import ALL_PHASES, Connector, Key
from shocpp.energy.ranking import had_turn, is_overdue
from shocpp.energy.situation import Situation
from shocpp.energy.standing import phases_by_power, phases_of
from shocpp.energy.state.model import ConnectorState


def next_to_yield(
    situation: Situation,
    order: Sequence[Connector],
    limits: Mapping[Key, int],
    possible: Mapping[Key, Share],
    rest: Rest,
) -> Key | None:
    """Return a connector that yields to one whose turn is overdue, None if nobody must.

    The currents of cars may be so uncertain that all seem to fit, and no waiting car could begin.
    `rest` is what is certainly free.
    """
    states, now_ms = situation.states, situation.now_ms
    overdue = [
        one
        for one in order
        if not limits[one.key]
        and is_overdue(states[one.key], now_ms)
        and one.chosen_ma != 0
        and states[one.key].sun.cap_ma != 0
    ]
    for waiting in overdue:
        after_turn = [
            one
            for one in order
            if limits[one.key]
            and had_turn(states[one.key], now_ms)
            and one.priority <= waiting.priority
            and _makes_room(situation, one, waiting, possible[waiting.key].bound, rest)
        ]
        # Those that have no share beside it, then those that were served most.
        after_turn.sort(
            key=lambda one: (possible[one.key].limit_ma > 0, -states[one.key].served_ms)
        )
        if after_turn:
            return after_turn[0].key
    return None


def _makes_room(
    situation: Situation, one: Connector, waiting: Connector, bound: str, rest: Rest
) -> bool:
    """Return True if a connector would leave current to one that waits because of a bound."""
    states = situation.states
    phases = {*phases_of(waiting, states[waiting.key])}
    full = {
        name
        for name in groups_of(waiting, situation.rules)
        if min(rest.groups_ma[name][phase] for phase in phases) < waiting.min_ma
    }
    if phases.isdisjoint(phases_of(one, states[one.key])) or not full <= {*one.groups}:
        return False
    # A car whose phases nobody knows counts as on all; of others, the shares know the balance.
    return bound != UNBALANCE or _may_be_uneven(states[one.key])


def _may_be_uneven(state: ConnectorState) -> bool:
    """Return True if a power may be that of a car on one or two phases."""
    return not state.seen and (phases_by_power(state) or 1) < len(ALL_PHASES)
