"""The controller of current: it decides on the set point of each connector (pure).

    1  memory      what each charger reports now, and whether it keeps its limits
    2  house       the load of the house by the meter, or the worst one while that is silent
    3  budget      each limit less the house, and less the maximum of chargers that keep no limit
    4  sun         what the mode of each car demands, and the switches of its phases
    5  shares      fair ones of the rest, once for what must be lowered and once for raises
    6  set points  lowered at once; raised later, and only into what is free for sure
    7  bases       what stays in the chargers when the server is gone

A raise never relies on a reduction that its charger has not accepted yet.
"""

from collections.abc import Iterable, Mapping

from shocpp.energy import meter as site_meter
from shocpp.energy.failsafe import base_limits, house_at_worst, is_off, most_of, usable
from shocpp.energy.memory import remembered
from shocpp.energy.meter import Cars, House
from shocpp.energy.model import (
    METER_ABSENT,
    METER_FROZEN,
    METER_NONE,
    UNVERIFIABLE,
    Connector,
    Facts,
    Key,
    Reason,
    SetPoint,
    SiteRules,
    Wish,
)
from shocpp.energy.pacing import changed
from shocpp.energy.reasons import Reasons
from shocpp.energy.sharing import sharing_of
from shocpp.energy.situation import FALLBACK, Situation, managed, reckoned
from shocpp.energy.standing import (
    DRAWS_MA,
    charging_since,
    draw,
    is_reliable,
    on_site,
    phases_of,
    standing,
)
from shocpp.energy.state.clock_steps import not_after
from shocpp.energy.state.model import (
    ConnectorState,
    Decision,
    MeterState,
    State,
    SunState,
    SwitchState,
)
from shocpp.energy.surplus.following import followed
from shocpp.energy.surplus.phases import command, stepped, with_switch

LONGEST_STEP_MS = 60_000
"""The longest time between two decisions that counts as served."""


def decide(state: State, facts: Facts, now_ms: int) -> Decision:
    """Return the set points of all connectors with a limit, and the state for the next decision."""
    state = not_after(state, now_ms)
    states, standings = {}, {}
    for connector in facts.connectors:
        former = state.connectors.get(connector.key, ConnectorState())
        memory = remembered(connector, former, now_ms)
        standings[connector.key] = standing(connector, memory, now_ms)
        if standings[connector.key] == UNVERIFIABLE:
            memory = memory._replace(is_unproven=True)
        states[connector.key] = memory
    if facts.rules is None and not any(map(_has_mode, facts.connectors, states.values())):
        set_points = tuple(
            _chosen_alone(connector, standings[connector.key])
            for connector in facts.connectors
            if connector.chosen_ma is not None
        )
        return Decision(State(states, decided_ms=now_ms), set_points, METER_NONE, None)
    rules = facts.rules or SiteRules(None)
    facts = facts._replace(rules=rules)
    cars = _cars(facts, states, now_ms)
    meter, new_values = _metered(state, states, facts, cars, now_ms)
    verdict = site_meter.verdict(meter, rules, now_ms, _charging_since(states.values()))
    if verdict == METER_FROZEN:
        meter = meter._replace(is_frozen=True)
    house = _house(meter, verdict, facts, rules)
    margin_ma = rules.margin_ma if rules.has_meter and verdict not in FALLBACK else 0
    situation = Situation(facts, rules, states, standings, verdict, house, margin_ma, now_ms)
    changed_readings = state.changed + new_values
    _follow_the_sun(situation)
    sharing = sharing_of(situation, meter, changed_readings, state.yielded_ms)
    limits = sharing.limits
    passed_ms = min(max(now_ms - state.decided_ms, 0), LONGEST_STEP_MS)
    for connector in facts.connectors:
        if connector.key in limits:
            memory = states[connector.key]
            if memory.limit_ma:
                memory = memory._replace(served_ms=memory.served_ms + passed_ms)
            states[connector.key] = changed(connector, memory, limits[connector.key], now_ms)
    unreliable = {
        one.key
        for one in facts.connectors
        if not is_reliable(one, states[one.key], standings[one.key])
    }
    bases = base_limits(facts, rules, unreliable)
    reasons = Reasons(situation, sharing)
    set_points = tuple(
        _set_point(situation, connector, limits.get(connector.key), bases, reasons)
        if connector.key in bases or connector.key in limits
        else _chosen_alone(connector, standings[connector.key])
        for connector in facts.connectors
        if connector.key in bases or connector.key in limits or _has_chosen_base(connector)
    )
    changed_readings = 0 if sharing.is_raised else changed_readings
    next_state = State(states, meter, now_ms, changed_readings, sharing.yielded_ms)
    known = house.most_ma if situation.is_metered else None
    grid_ma = None
    if situation.is_metered and meter.newest is not None:
        grid_ma = house.total(meter.newest.currents_ma)
    return Decision(next_state, set_points, verdict, known, grid_ma)


# -- the house -------------------------------------------------------------------------------------


def _with_new_cars(
    state: State,
    states: Mapping[Key, ConnectorState],
    facts: Facts,
    cars: Cars,
    now_ms: int,
) -> MeterState:
    """Return the state of the meter without the currents of cars that are reported only now."""
    assert facts.rules is not None, "without rules no meter counts"
    meter = state.meter
    for connector in facts.connectors:
        session, memory = connector.session, states[connector.key]
        if session is None or memory.drawn_ma is None:
            continue
        former = state.connectors.get(connector.key, ConnectorState())
        if former.drawn_ma is None or former.transaction_id != memory.transaction_id:
            since_ms = session.received_ms
            meter = site_meter.with_reported_car(meter, since_ms, facts.rules, cars, now_ms)
    return meter


def _metered(
    state: State,
    states: Mapping[Key, ConnectorState],
    facts: Facts,
    cars: Cars,
    now_ms: int,
) -> tuple[MeterState, int]:
    """Return the state of the meter after the new readings, and the number of new values."""
    assert facts.rules is not None, "without rules no meter counts"
    meter = _with_new_cars(state, states, facts, cars, now_ms)
    meter, new_values = site_meter.updated(meter, facts.readings, facts.rules, cars, now_ms)
    for connector in facts.connectors:
        former, memory = state.connectors.get(connector.key), states[connector.key]
        if former is None or former.transaction_id != memory.transaction_id:
            continue
        if memory.drawn_ma is None or connector.session is None:
            continue
        before_ma = former.drawn_ma or 0
        # A car that follows the sun changes with it, so that the meter shows both, or nothing.
        follows_sun = memory.sun.cap_ma is not None
        if follows_sun and min(before_ma, memory.drawn_ma) >= DRAWS_MA:
            continue
        before_ms = connector.session.received_ms if former.drawn_ma is None else former.drawn_ms
        if memory.drawn_ms > before_ms:
            meter = site_meter.with_step(meter, memory.drawn_ma - before_ma, before_ms, now_ms)
    return site_meter.with_echo(meter, cars, now_ms), new_values


def _cars(facts: Facts, states: Mapping[Key, ConnectorState], now_ms: int) -> Cars:
    """Return the bounds of the currents of all cars on the site's phases."""
    sums, lower_ma, upper_ma = ([0, 0, 0], [0, 0, 0], [0, 0, 0]), 0, 0
    for connector in facts.connectors:
        *bounds, totals_ma = draw(connector, states[connector.key], now_ms)
        lower_ma, upper_ma = lower_ma + totals_ma[0], upper_ma + totals_ma[1]
        for loads, currents in zip(sums, bounds, strict=True):
            for phase, current in enumerate(on_site(connector, currents)):
                loads[phase] += current
    lower, upper, expected = ((loads[0], loads[1], loads[2]) for loads in sums)
    return Cars(lower, upper, expected, (lower_ma, upper_ma))


def _charging_since(states: Iterable[ConnectorState]) -> int | None:
    """Return since when a car has charged without a pause, None if none charges."""
    return min(filter(None, map(charging_since, states)), default=None)


def _house(meter: MeterState, verdict: str, facts: Facts, rules: SiteRules) -> House:
    if verdict == METER_NONE or verdict in FALLBACK:
        return site_meter.steady(house_at_worst(facts, rules))
    return site_meter.house(meter, rules, sees_cars=verdict != METER_ABSENT)


# -- the sun ---------------------------------------------------------------------------------------


def _has_mode(connector: Connector, memory: ConnectorState) -> bool:
    """Return True if a connector needs decisions also without limits of the site."""
    return connector.wish != Wish() or memory.switch != SwitchState()


def _follow_the_sun(situation: Situation) -> None:
    """Put the demands of modes and of switches of phases into the states of the situation."""
    states, now_ms = situation.states, situation.now_ms
    sessions = [
        one for one in managed(situation) if one.session is not None and not one.session.is_late
    ]
    demands = followed(situation, sessions)
    for connector in situation.facts.connectors:
        key, memory = connector.key, states[connector.key]
        memory = memory._replace(sun=demands.suns.get(key, SunState()))
        # Also without switching: its operator may have forbidden it in the pause of a switch.
        switch = stepped(connector, memory, demands.phases.get(key), now_ms)
        states[key] = with_switch(memory, switch)


# -- results ---------------------------------------------------------------------------------------


def _set_point(
    situation: Situation,
    connector: Connector,
    limit_ma: int | None,
    bases: Mapping[Key, int],
    reasons: Reasons,
) -> SetPoint:
    base_ma = bases.get(connector.key)
    if base_ma is None and _has_chosen_base(connector):
        base_ma = usable(connector, most_of(connector))
    states, name = situation.states, situation.standings[connector.key]
    if limit_ma is None or not situation.shares_current(connector):
        most_ma = situation.reserved(connector)
    else:
        drawn = draw(connector, states[connector.key], situation.now_ms).lower_ma
        most_ma = max(reckoned(situation, connector, limit_ma), *drawn)
    loads = [0, 0, 0]
    for phase in phases_of(connector, states[connector.key]):
        loads[phase] += most_ma
    reason = reasons.of(connector, limit_ma, base_ma)
    return SetPoint(
        connector.key,
        limit_ma,
        base_ma,
        name,
        reason,
        (loads[0], loads[1], loads[2]),
        command(connector, states[connector.key]),
        reasons.next_ms(connector, limit_ma),
    )


def _has_chosen_base(connector: Connector) -> bool:
    """Return True if a person has chosen what is in force without the server."""
    return connector.chosen_ma is not None or is_off(connector)


def _chosen_alone(connector: Connector, name: str) -> SetPoint:
    """Return the set point of a connector that no limit of the site is for."""
    limit_ma = usable(connector, most_of(connector))
    reason = Reason("chosen", {"limit_a": limit_ma // 1_000})
    if is_off(connector):
        reason = Reason("mode_off")
    return SetPoint(connector.key, None, limit_ma, name, reason)
