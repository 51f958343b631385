"""The limits of the sessions: lowered at once, raised into what is free for sure (pure)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shocpp.energy.allocation import OWN, STEP_MA, Demand, Share, allocate
from shocpp.energy.failsafe import Rest, dimmed_total, fallback_of, groups_of, is_limited, usable
from shocpp.energy.meter import REPORT_MS
from shocpp.energy.model import ALL_PHASES, AWAY, Connector, Key
from shocpp.energy.pacing import RAISE_MS, RARE_MS, wait_ms
from shocpp.energy.ranking import ranked
from shocpp.energy.situation import (
    AssumedLoad,
    Situation,
    budget_of,
    carried,
    counted,
    has_hidden_car,
    is_power_uncertain,
    managed,
    reckoned,
    rest_of,
)
from shocpp.energy.standing import is_falling, is_reliable, limit_or_maximum, phases_of
from shocpp.energy.state.model import ENOUGH_CHANGES, MeterState
from shocpp.energy.surplus.following import most_by_phases
from shocpp.energy.surplus.phases import expected_phases, pauses
from shocpp.energy.yielding import next_to_yield

UNBALANCE_NOISE_MA = 500
"""A difference of phases this far above the limit lowers nothing: it is noise of the house."""

RAISE_BAND_MA = 500
"""The current that stays free after a raise: a house at the edge of an ampere would flap."""

YIELD_MS = 60_000
"""The time after which another one yields; by then the meter shows what the house draws."""


class Causes(NamedTuple):
    """The causes of a limit.

    ceiling   the share that it must not exceed
    possible  the share that it may be raised to
    wait_ms   the time until it is raised, None if nothing but other chargers delays it
    """

    ceiling: Share
    possible: Share
    wait_ms: int | None


class Sharing(NamedTuple):
    """The limits of all sessions, and their causes.

    causes      of those that follow their set points
    available   what these may have together of each limit
    yielded_ms  the last time that one has yielded
    is_raised   True if one is raised now
    awaits_meter  True if raises wait for values of the meter that have changed
    """

    limits: Mapping[Key, int]
    causes: Mapping[Key, Causes]
    available: Rest
    yielded_ms: int
    is_raised: bool
    awaits_meter: bool


def sharing_of(
    situation: Situation, meter: MeterState, changed_readings: int, yielded_ms: int
) -> Sharing:
    """Return the limits of all sessions.

    `changed_readings` came since the last raise; `yielded_ms` is the last time that one yielded.
    """
    rules, states, now_ms = situation.rules, situation.states, situation.now_ms
    connectors = managed(situation)
    order = ranked((one for one in connectors if situation.shares_current(one)), states, now_ms)
    possible = _shares(
        situation, [_demand(situation, one) for one in order], _for_raises(situation)
    )
    lowering = _for_reductions(situation, meter)
    ceilings = possible
    if situation.is_metered:
        ceilings = possible | _shares_for_reductions(situation, order, possible, lowering)
    limits = {one.key: min(states[one.key].limit_ma, ceilings[one.key].limit_ma) for one in order}
    lowered = {one.key for one in order if limits[one.key] < states[one.key].limit_ma}
    raises = _Raises(
        situation, changed_readings, limits, REPORT_MS * has_hidden_car(situation, meter)
    )
    for one in order:
        if possible[one.key].limit_ma > limits[one.key]:
            raises.raise_to(one, possible[one.key].limit_ma, was_lowered=one.key in lowered)
    if not lowered and now_ms - yielded_ms >= YIELD_MS:
        yielding = next_to_yield(situation, order, limits, possible, raises.rest)
        if yielding is not None:
            limits[yielding], yielded_ms = 0, now_ms
    causes = {
        one.key: Causes(ceilings[one.key], possible[one.key], raises.waits_ms.get(one.key))
        for one in order
    }
    for one in connectors:
        if _is_live(one) and one.key not in limits:
            limits[one.key] = _of_unreliable(situation, one, raises.rest)
    available = rest_of(situation, lowering.house_ma, lowering.total_ma)
    awaits_meter = rules.has_meter and changed_readings < ENOUGH_CHANGES
    return Sharing(limits, causes, available, yielded_ms, raises.is_raised, awaits_meter)


class _Raises:
    """The raises of one decision; each is also put into `limits`.

    rest        what is free for sure, beside what chargers may still draw
    waits_ms    the time until the others are raised
    is_raised   True if one is
    """

    def __init__(
        self,
        situation: Situation,
        changed_readings: int,
        limits: dict[Key, int],
        wait_ms: int,
    ) -> None:
        """Begin; cars that charge wait so long before the next raise."""
        self._situation, self._limits = situation, limits
        self._changed, self._wait_ms = changed_readings, wait_ms
        house = situation.house
        self.rest = rest_of(situation, house.highest_ma, house.totals.highest_ma)
        self.waits_ms: dict[Key, int] = {}
        self.is_raised = False
        for connector in situation.facts.connectors:
            if connector.key in limits:
                self._take(connector, 1)

    def raise_to(self, connector: Connector, wanted_ma: int, *, was_lowered: bool) -> None:
        """Raise a connector if it is time, as far as there is room."""
        situation, key = self._situation, connector.key
        memory = situation.states[key]
        changed = self._changed if situation.depends_on_meter(connector) else None
        wait = wait_ms(connector, memory, situation.now_ms, changed)
        if situation.is_fallback and memory.limit_ma:
            return
        if memory.limit_ma:
            wait = max(wait, self._wait_ms)
        if wait or was_lowered:
            self.waits_ms[key] = wait
            return
        if changed is not None and changed < ENOUGH_CHANGES:
            # The meter has not shown yet that it notices the last raise.
            wanted_ma = min(wanted_ma, connector.min_ma)
        self._take(connector, -1)
        left_ma = self.rest.left_for(
            connector._replace(phases=phases_of(connector, memory)),
            len(expected_phases(connector, memory)),
        )
        if not self._limits[key] and any(self._limits.values()):
            # Else one that takes too much would begin, and another one would have to stop for it.
            left_ma -= counted(situation, connector, memory.excess_ma)
        most_ma = min(wanted_ma, left_ma // STEP_MA * STEP_MA)
        if carried(connector, memory, most_ma) > left_ma:
            most_ma = 0
        if most_ma >= connector.min_ma and most_ma > self._limits[key]:
            self.is_raised = True
            self._limits[key] = most_ma
        self._take(connector, 1)

    def _take(self, connector: Connector, sign: int) -> None:
        """Take what counts for a connector from the rest, or with -1 give it back."""
        current_ma = reckoned(self._situation, connector, self._limits[connector.key])
        memory = self._situation.states[connector.key]
        phase_count = len(expected_phases(connector, memory))
        self.rest.take(connector, sign * current_ma, phases_of(connector, memory), phase_count)


def _is_live(connector: Connector) -> bool:
    return connector.session is not None and not connector.session.is_late


def _of_unreliable(situation: Situation, connector: Connector, rest: Rest) -> int:
    """Return the limit of a session that counts with its maximum anyway, or is away."""
    key, memory = connector.key, situation.states[connector.key]
    if situation.standings[key] == AWAY and is_reliable(connector, memory, AWAY):
        # Nothing can be sent to it: what it may draw is reserved, and it goes on with that.
        in_force_ma = limit_or_maximum(connector, situation.now_ms)
        most_ma = min(_most(situation, connector), in_force_ma)
        return min(memory.limit_ma, usable(connector, most_ma))
    left_ma = rest.left_for(connector) + situation.reserved(connector)
    most_ma = min(_most(situation, connector), left_ma)
    if situation.is_fallback:
        most_ma = min(most_ma, fallback_of(connector, situation.rules))
    limit_ma = usable(connector, most_ma)
    # Its maximum is reserved, so little depends on it, and each change is a write.
    pause_ms = RAISE_MS if limit_ma < memory.limit_ma else RARE_MS
    is_early = memory.changed_ms and situation.now_ms - memory.changed_ms < pause_ms
    if is_early and memory.chosen_ma == connector.chosen_ma:
        return memory.limit_ma
    return limit_ma


def _shares_for_reductions(
    situation: Situation,
    order: Sequence[Connector],
    possible: Mapping[Key, Share],
    lowering: AssumedLoad,
) -> dict[Key, Share]:
    """Return the shares that limits are lowered to, of those that have one now or may have one.

    Nobody makes room for a car that cannot begin, nor for a raise that cannot come.
    """
    demands = []
    for connector in order:
        key, demand = connector.key, _demand(situation, connector)
        most_ma = max(situation.states[key].limit_ma, possible[key].limit_ma)
        if most_ma:
            most_ma = max(most_ma, demand.least_ma)
            demands.append(demand._replace(most_ma=min(demand.most_ma, most_ma)))
    return _shares(situation, demands, lowering)


def _for_raises(situation: Situation) -> AssumedLoad:
    """Return the load of the house that raises must leave room for."""
    first, second, third = highest = situation.house.highest_ma
    total_ma = situation.house.totals.highest_ma
    if not situation.is_metered:
        return AssumedLoad(highest, total_ma, highest)
    band_ma = RAISE_BAND_MA
    return AssumedLoad((first + band_ma, second + band_ma, third + band_ma), total_ma, highest)


def _for_reductions(situation: Situation, meter: MeterState) -> AssumedLoad:
    """Return the load of the house that limits must be lowered for.

    A phase over its limit has the highest one: what cars draw is not known to the second.
    """
    house, limit_ma = situation.house, situation.rules.limit_ma
    least, total_ma = house.least_ma, house.totals.least_ma
    # Else the reading still has a current that a car gives up now, and it would be taken twice.
    is_still = not any(is_falling(one, situation.now_ms) for one in situation.facts.connectors)
    if meter.loads and limit_ma is not None and situation.is_metered and is_still:
        first, second, third = (
            house.most_ma[phase]
            if meter.loads[-1].total_ma[phase] > limit_ma - situation.margin_ma
            else house.least_ma[phase]
            for phase in ALL_PHASES
        )
        least = (first, second, third)
    dimmed_ma = dimmed_total(situation.rules) if situation.facts.is_dimmed else None
    if dimmed_ma is not None and meter.newest is not None and situation.is_metered:
        is_over = house.total(meter.newest.currents_ma) > dimmed_ma
        total_ma = house.totals.most_ma if is_over and is_still else total_ma
    return AssumedLoad(least, total_ma, house.likely_ma, UNBALANCE_NOISE_MA)


def _shares(situation: Situation, demands: Sequence[Demand], load: AssumedLoad) -> dict[Key, Share]:
    """Return the fair shares; if not all get what they want, needless current is given back."""
    budget = budget_of(situation, load)
    shares = allocate(demands, budget)
    if any(share.bound != OWN for share in shares.values()):
        shares = allocate([_needed(situation, demand) for demand in demands], budget)
    for one in situation.facts.connectors:
        share = shares.get(one.key)
        # One phase may carry more than the limit.
        if share is not None and is_power_uncertain(one, situation.states[one.key]):
            shares[one.key] = share._replace(limit_ma=min(share.limit_ma, one.min_ma))
    return shares


def _demand(situation: Situation, connector: Connector) -> Demand:
    memory, rules = situation.states[connector.key], situation.rules
    most_ma = _most(situation, connector)
    if situation.is_fallback:
        most_ma = min(most_ma, rules.fallback_ma)
    if connector.keeps_last and is_limited(connector, rules):
        base_ma = connector.installed.base_ma
        most_ma = min(most_ma, rules.fallback_ma if base_ma is None else base_ma)
    least_ma = connector.min_ma
    if is_power_uncertain(connector, memory) and most_ma >= least_ma:
        # It gets the least that a car needs, and one phase may carry all of it.
        least_ma = most_ma = -(-carried(connector, memory, least_ma) // STEP_MA) * STEP_MA
    return Demand(
        connector.key,
        phases_of(connector, memory),
        least_ma,
        most_ma,
        connector.priority,
        groups_of(connector, rules),
        memory.seen,
        len(expected_phases(connector, memory)),
    )


def _most(situation: Situation, connector: Connector) -> int:
    """Return the highest limit of a connector in its mode, 0 while its phases are switched."""
    memory = situation.states[connector.key]
    most_ma = most_by_phases(situation, connector)
    if pauses(memory.switch):
        return 0
    return most_ma if memory.sun.cap_ma is None else min(most_ma, memory.sun.cap_ma)


def _needed(situation: Situation, demand: Demand) -> Demand:
    """Return a demand of no more than its car needs."""
    need_ma = situation.states[demand.key].need_ma
    if need_ma is None or demand.most_ma < demand.least_ma:
        return demand
    return demand._replace(most_ma=min(demand.most_ma, need_ma))
