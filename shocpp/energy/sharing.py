"""The limits of the sessions: lowered at once, raised into what is free for sure (pure)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shocpp.energy.allocation import OWN, STEP_MA, Demand, Share, allocate
from shocpp.energy.failsafe import Rest, fallback_of, groups_of, limited, most_of, usable
from shocpp.energy.model import ALL_PHASES, ENOUGH_CHANGES, Connector, Key, MeterState, PerPhase
from shocpp.energy.pacing import wait_ms
from shocpp.energy.ranking import ranked
from shocpp.energy.situation import Situation, budget_of, reckoned, rest_of
from shocpp.energy.standing import phases_of

UNBALANCE_NOISE_MA = 500
"""A difference of phases this far above the limit lowers nothing: it is noise of the house."""


class Causes(NamedTuple):
    """The causes of a limit.

    kept      the share that it must not exceed; `possible` the one that it may be raised to
    wait_ms   the time until it is raised, None if nothing but other chargers delays it
    """

    kept: Share
    possible: Share
    wait_ms: int | None


class Sharing(NamedTuple):
    """The limits of all sessions, and their causes.

    causes     of those that follow their set points
    whole      all that these may have together, of each limit
    is_raised  True if one is raised now
    """

    limits: Mapping[Key, int]
    causes: Mapping[Key, Causes]
    whole: Rest
    is_raised: bool


def sharing_of(situation: Situation, meter: MeterState, changed_readings: int) -> Sharing:
    """Return the limits of all sessions; `changed_readings` came since the last raise."""
    rules, states, now_ms = situation.rules, situation.states, situation.now_ms
    connectors = limited(situation.facts.connectors, rules)
    order = ranked((one for one in connectors if situation.shares_current(one)), states, now_ms)
    possible = _shares(situation, order, situation.house.highest_ma)
    # Nobody makes room for a car that cannot begin.
    present = [one for one in order if states[one.key].limit_ma or possible[one.key].limit_ma]
    least_house = _least_house(situation, meter)
    kept = possible | _shares(situation, present, least_house, UNBALANCE_NOISE_MA)
    limits = {one.key: min(states[one.key].limit_ma, kept[one.key].limit_ma) for one in order}
    lowered = {one.key for one in order if limits[one.key] < states[one.key].limit_ma}
    rest = rest_of(situation, situation.house.highest_ma)
    for one in order:
        rest.take(one, reckoned(situation, one, limits[one.key]), phases_of(one, states[one.key]))
    waits, is_raised = {}, False
    for one in order:
        memory, wanted_ma = states[one.key], possible[one.key].limit_ma
        if wanted_ma <= limits[one.key]:
            continue
        wait = wait_ms(one, memory, now_ms, changed_readings if rules.has_meter else None)
        if situation.is_fallback and memory.limit_ma:
            continue
        if wait or one.key in lowered:
            waits[one.key] = wait
            continue
        if rules.has_meter and changed_readings < ENOUGH_CHANGES:
            # The meter has not shown yet that it notices the last raise.
            wanted_ma = min(wanted_ma, one.min_ma)
        phases, own_ma = phases_of(one, memory), reckoned(situation, one, limits[one.key])
        rest.take(one, -own_ma, phases)
        most_ma = min(wanted_ma, rest.left_for(one._replace(phases=phases)) // STEP_MA * STEP_MA)
        if most_ma >= one.min_ma and most_ma > limits[one.key]:
            is_raised = True
            limits[one.key] = most_ma
        rest.take(one, reckoned(situation, one, limits[one.key]), phases)
    causes = {
        one.key: Causes(kept[one.key], possible[one.key], waits.get(one.key)) for one in order
    }
    for one in connectors:
        if _is_live(one) and one.key not in limits:
            limits[one.key] = _of_unreliable(situation, one, rest)
    return Sharing(limits, causes, rest_of(situation, least_house), is_raised)


def _is_live(connector: Connector) -> bool:
    return connector.session is not None and not connector.session.is_late


def _of_unreliable(situation: Situation, connector: Connector, rest: Rest) -> int:
    """Return the limit of a session that counts with its maximum anyway."""
    left_ma = rest.left_for(connector) + situation.reserved(connector)
    most_ma = min(most_of(connector), left_ma)
    if situation.is_fallback:
        most_ma = min(most_ma, fallback_of(connector, situation.rules))
    return usable(connector, most_ma)


def _least_house(situation: Situation, meter: MeterState) -> PerPhase:
    """Return the load of the house that limits must be lowered for.

    A phase over its limit has the highest one: what cars draw is not known to the second.
    """
    house, limit_ma = situation.house, situation.rules.limit_ma
    newest = meter.newest
    if newest is None or limit_ma is None or situation.is_fallback:
        return house.least_ma
    first, second, third = (
        house.most_ma[phase]
        if newest.currents_ma[phase] > limit_ma - situation.margin_ma
        else house.least_ma[phase]
        for phase in ALL_PHASES
    )
    return (first, second, third)


def _shares(
    situation: Situation,
    order: Sequence[Connector],
    house_ma: PerPhase,
    tolerance_ma: int = 0,
) -> dict[Key, Share]:
    """Return the fair shares; if not all get what they want, needless current is given back."""
    budget = budget_of(situation, house_ma, tolerance_ma)
    demands = [_demand(situation, one, needs_only=False) for one in order]
    shares = allocate(demands, budget)
    if all(share.bound == OWN for share in shares.values()):
        return shares
    return allocate([_demand(situation, one, needs_only=True) for one in order], budget)


def _demand(situation: Situation, connector: Connector, *, needs_only: bool) -> Demand:
    memory, rules = situation.states[connector.key], situation.rules
    most_ma = most_of(connector)
    if situation.is_fallback:
        most_ma = min(most_ma, rules.fallback_ma)
    if connector.keeps_last and connector.installed.base_ma is not None:
        most_ma = min(most_ma, connector.installed.base_ma)
    if needs_only and memory.need_ma is not None and most_ma >= connector.min_ma:
        most_ma = min(most_ma, memory.need_ma)
    return Demand(
        connector.key,
        phases_of(connector, memory),
        connector.min_ma,
        most_ma,
        connector.priority,
        groups_of(connector, rules),
        memory.seen,
    )
