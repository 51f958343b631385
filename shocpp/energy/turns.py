"""The turns of cars when not all fit: who yields to one that has waited for the time of a turn."""

from collections.abc import Mapping, Sequence

from shocpp.energy.allocation import UNBALANCE, Share
from shocpp.energy.failsafe import Rest, groups_of
from shocpp.energy.model import Connector, Key
from shocpp.energy.ranking import had_turn, is_overdue
from shocpp.energy.situation import Situation
from shocpp.energy.standing import phases_of


def first_to_yield(
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
        and possible[one.key].bound != UNBALANCE
    ]
    if not overdue:
        return None
    first = overdue[0]
    phases = {*phases_of(first, states[first.key])}
    full = {
        name
        for name in groups_of(first, situation.rules)
        if min(rest.groups_ma[name][phase] for phase in phases) < first.min_ma
    }
    after_turn = [
        one
        for one in order
        if limits[one.key]
        and had_turn(states[one.key], now_ms)
        and one.priority <= first.priority
        # One outside a full group makes no room in it.
        and full <= {*one.groups}
        and phases & {*phases_of(one, states[one.key])}
    ]
    # Those that have no share beside it, then those that were served most.
    after_turn.sort(key=lambda one: (possible[one.key].limit_ma > 0, -states[one.key].served_ms))
    return after_turn[0].key if after_turn else None
