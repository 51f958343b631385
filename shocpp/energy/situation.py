"""The situation of one decision: what each limit leaves for cars that follow set points (pure)."""

from collections.abc import Mapping
from typing import NamedTuple

from shocpp.energy.allocation import Budget
from shocpp.energy.failsafe import Rest, dimmed_total, groups_of, is_limited
from shocpp.energy.meter import REPORT_MS, House
from shocpp.energy.model import (
    AWAY,
    METER_FROZEN,
    METER_IMPLAUSIBLE,
    METER_NEW,
    METER_NONE,
    METER_REVERSED,
    METER_SILENT,
    Connector,
    Facts,
    Key,
    PerPhase,
    SiteRules,
    Wish,
)
from shocpp.energy.standing import (
    LATE_PROOF_MS,
    UNRELIABLE,
    draw,
    is_reliable,
    limit_or_maximum,
    phases_of,
)
from shocpp.energy.state.model import ConnectorState, MeterState
from shocpp.energy.surplus.phases import expected_phases

FALLBACK = (METER_NEW, METER_SILENT, METER_FROZEN, METER_REVERSED, METER_IMPLAUSIBLE)
"""The verdicts on a meter after which its readings do not count."""

SPREAD_MA = 700
"""The current by which cars differ from their limits, and from phase to phase (openWB#2189)."""


class Situation(NamedTuple):
    """All that the steps of one decision share.

    verdict   that on the site's meter
    house     the load of the house, the worst one in the fallback
    margin_ma kept free where the house is measured
    """

    facts: Facts
    rules: SiteRules
    states: dict[Key, ConnectorState]
    standings: Mapping[Key, str]
    verdict: str
    house: House
    margin_ma: int
    now_ms: int

    @property
    def is_fallback(self) -> bool:
        """Return True if the readings of the meter, on which the site's limit depends, fail."""
        return self.verdict in FALLBACK and self.rules.limit_ma is not None

    @property
    def is_metered(self) -> bool:
        """Return True if the load of the house is measured."""
        return self.verdict != METER_NONE and self.verdict not in FALLBACK

    def dimmed_ma(self, house_ma: int) -> int | None:
        """Return what all chargers may draw over all phases while they are dimmed, or None.

        The limit is one of the grid: what the sun gives comes on top. `house_ma` is the load of the
        house over all phases.
        """
        total_ma = dimmed_total(self.rules) if self.facts.is_dimmed else None
        if total_ma is None or not self.is_metered:
            return total_ma
        return total_ma + max(-house_ma, 0)

    def depends_on_meter(self, connector: Connector) -> bool:
        """Return True if a connector is raised only after the meter has shown its last raise."""
        follows_sun = self.states[connector.key].sun.cap_ma not in (None, 0)
        return self.rules.has_meter and (self.rules.limit_ma is not None or follows_sun)

    def shares_current(self, connector: Connector) -> bool:
        """Return True if a connector has a session that gets a share."""
        session = connector.session
        return (
            session is not None
            and not session.is_late
            and self.standings[connector.key] not in (*UNRELIABLE, AWAY)
        )

    def reserved(self, connector: Connector) -> int:
        """Return the current that is kept for a connector whose charger follows no set point."""
        key, session, now_ms = connector.key, connector.session, self.now_ms
        memory = self.states[key]
        if session is None:
            return self._without_session(connector)
        limit_ma = carried(connector, memory, limit_or_maximum(connector, now_ms))
        if session.is_late:
            return limit_ma
        drawn_ma = max(draw(connector, memory, now_ms).lower_ma)
        if not is_reliable(connector, memory, self.standings[key]):
            limit_ma = connector.max_ma
        # A charger that reports too much makes the house look small by as much.
        return max(limit_ma, drawn_ma)

    def _without_session(self, connector: Connector) -> int:
        """Return the current that is kept for a connector without a session."""
        if self.rules.has_meter:
            return 0
        # Without a meter nobody would notice what charges by itself.
        base_ma = 0 if connector.is_connected else connector.installed.base_ma or 0
        observed, ended_ms = connector.observed, self.states[connector.key].ended_ms
        if observed is None or observed.measured_ms <= ended_ms + LATE_PROOF_MS:
            return base_ma
        is_recent = self.now_ms - observed.measured_ms <= LATE_PROOF_MS
        return max(base_ma, *observed.currents_ma) if is_recent else base_ma


def rest_of(situation: Situation, house_ma: PerPhase, total_ma: int) -> Rest:
    """Return what is left for the connectors that follow their set points.

    `total_ma` is the load of the house over all phases.
    """
    rules, states = situation.rules, situation.states
    if rules.limit_ma is not None:
        rules = rules._replace(limit_ma=rules.limit_ma - situation.margin_ma)
    rest = Rest(rules, house_ma, situation.dimmed_ma(total_ma))
    for connector in situation.facts.connectors:
        phases = phases_of(connector, states[connector.key])
        phase_count = len(expected_phases(connector, states[connector.key]))
        if situation.shares_current(connector):
            # Cars draw a little more than their limits.
            limit_ma = limit_or_maximum(connector, situation.now_ms)
            drawn = draw(connector, states[connector.key], situation.now_ms).lower_ma
            excess_ma = max(max(drawn) - limit_ma, 0)
            if limit_ma and not situation.is_metered:
                # Also until it is reported anew; a meter would show it twice.
                excess_ma = max(excess_ma, states[connector.key].excess_ma)
            counted_ma = counted(situation, connector, excess_ma)
            rest.take(connector, counted_ma, phases, phase_count)
        else:
            rest.take(connector, situation.reserved(connector), phases, phase_count)
    return rest


def counted(situation: Situation, connector: Connector, excess_ma: int) -> int:
    """Return the part of a current above the limit of a car that takes room from others.

    Behind a limit hardly above its least current, the usual spread would keep it from charging.
    """
    rules = situation.rules
    limits = [rules.groups[name].limit_ma for name in groups_of(connector, rules)]
    if rules.limit_ma is not None and not rules.has_meter:
        limits.append(rules.limit_ma - max(situation.house.most_ma))
    is_narrow = min(limits, default=connector.max_ma) < connector.min_ma + SPREAD_MA
    return max(excess_ma - SPREAD_MA, 0) if is_narrow else excess_ma


def is_power_uncertain(connector: Connector, state: ConnectorState) -> bool:
    """Return True if one phase alone may carry the limit of a charger in watts.

    On one phase by a switch, the limit is that of this phase.
    """
    is_switched = connector.switching is not None and state.switch.phases == 1
    return connector.is_in_watt and not is_switched and len(state.seen) < len(connector.phases)


def carried(connector: Connector, state: ConnectorState, limit_ma: int) -> int:
    """Return the current that one phase may carry under a limit."""
    if not is_power_uncertain(connector, state):
        return limit_ma
    return min(len(connector.phases) * limit_ma, connector.max_ma)


class AssumedLoad(NamedTuple):
    """The load of the house that shares are computed beside.

    house_ma      that of the limits
    total_ma      the same over all phases
    balance_ma    that of the balance of phases
    tolerance_ma  added to the limit of unbalance
    """

    house_ma: PerPhase
    total_ma: int
    balance_ma: PerPhase
    tolerance_ma: int = 0


def budget_of(situation: Situation, load: AssumedLoad) -> Budget:
    """Return what may be shared beside this load of the house."""
    rest, rules = rest_of(situation, load.house_ma, load.total_ma), situation.rules
    groups = {name: (of[0], of[1], of[2]) for name, of in rest.groups_ma.items()}
    others = [*load.balance_ma]
    for connector in situation.facts.connectors:
        if not situation.shares_current(connector):
            for phase in phases_of(connector, situation.states[connector.key]):
                others[phase] += situation.reserved(connector)
    site_ma = rest.site_ma
    return Budget(
        None if site_ma is None else (site_ma[0], site_ma[1], site_ma[2]),
        groups,
        (others[0], others[1], others[2]),
        rules.unbalance_ma + load.tolerance_ma if rules.limit_ma is not None else None,
        rest.total_ma,
    )


def reckoned(situation: Situation, connector: Connector, limit_ma: int) -> int:
    """Return the current that counts for a connector until its charger has accepted less."""
    highest_ma = max(limit_ma, limit_or_maximum(connector, situation.now_ms))
    return carried(connector, situation.states[connector.key], highest_ma)


def managed(situation: Situation) -> list[Connector]:
    """Return the connectors that get set points: behind a limit, or in a mode of their own."""
    return [one for one in situation.facts.connectors if is_managed(situation, one)]


def is_managed(situation: Situation, connector: Connector) -> bool:
    """Return True if a connector gets set points."""
    wish, switch = connector.wish, situation.states[connector.key].switch
    is_switched = switch.target is not None or switch.phases == 1
    return is_limited(connector, situation.rules) or wish != Wish() or is_switched


def has_hidden_car(situation: Situation, meter: MeterState) -> bool:
    """Return True if the newest reading may have the current of a car that nobody has reported.

    A raise would be too small, and the next one comes after a minute.
    """
    newest = meter.newest
    if newest is None or not situation.is_metered:
        return False
    for connector in situation.facts.connectors:
        session, observed = connector.session, connector.observed
        if session is None or session.is_late:
            continue
        is_reported = observed is not None and observed.measured_ms >= session.received_ms
        age_ms = newest.received_ms - session.received_ms
        if not is_reported and 0 < age_ms < REPORT_MS:
            return True
    return False
