"""Properties of dimming for any site, with any mix, order and loss of readings."""

from itertools import groupby

import pytest
from hypothesis import given

from shocpp.energy.controller import decide
from shocpp.energy.failsafe import dimmed_total
from shocpp.energy.model import VOLT, Facts, SetPoint, SiteRules
from shocpp.energy.state.model import State
from tests.energy.test_any_site import (
    FOLLOWERS,
    SEEDS,
    RandomSite,
    Step,
    describe,
    points_of,
)
from tests.world.power.chargers import Charger
from tests.world.power.simulation import Remembering, Simulation

LEAST_W = 3 * 6 * VOLT
HANDOVER_S = 30


class DimmedSite(RandomSite):
    """A site that is dimmed most of the time; without a meter, so that nothing comes on top."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        watts = self.dice.choice((4_200, 5_600, 8_400, 22_000))
        self.rules = self.rules._replace(has_meter=False, dimmed_w=watts)

    def facts(self) -> Facts:
        return super().facts()._replace(is_dimmed=self.dice.random() < 0.8)


def steps_of(seed: int, count: int = 60) -> list[Step]:
    site, state, steps = DimmedSite(seed), State(), []
    for _ in range(count):
        facts = site.facts()
        decision = decide(state, facts, site.now_ms)
        steps.append(Step(facts, site.now_ms, decision))
        state = decision.state
    return steps


@given(SEEDS)
def test_limits_of_all_phases_fit_the_dimmed_power(seed: int) -> None:
    for step in steps_of(seed):
        rules = step.facts.rules
        assert rules is not None
        most_ma = dimmed_total(rules)
        if not step.facts.is_dimmed or most_ma is None:
            continue
        points, states = points_of(step.decision), step.decision.state.connectors
        total_ma, followers = 0, 0
        for connector in step.facts.connectors:
            point = points.get(connector.key)
            assert point is not None
            if point.standing in FOLLOWERS and point.limit_ma is not None:
                phases = states[connector.key].used or connector.phases
                total_ma += point.limit_ma * len(phases)
                followers += point.limit_ma > 0
            else:
                total_ma += sum(point.reckoned_ma)
        if followers:
            assert total_ma <= most_ma, describe(step)


@given(SEEDS)
def test_bases_fit_the_dimmed_power_too(seed: int) -> None:
    for step in steps_of(seed):
        rules = step.facts.rules
        assert rules is not None
        most_ma = dimmed_total(rules)
        if not step.facts.is_dimmed or most_ma is None:
            continue
        bases_ma = [
            len(connector.phases) * (point.base_ma or 0)
            for connector in step.facts.connectors
            if (point := points_of(step.decision)[connector.key]).standing in FOLLOWERS
        ]
        assert sum(bases_ma) <= most_ma, describe(step)


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_one_of_any_number_of_cars_always_charges(count: int) -> None:
    remembering = Remembering(decide)

    def dimmed(facts: Facts, now_ms: int) -> tuple[SetPoint, ...]:
        return remembering(facts._replace(is_dimmed=True), now_ms)

    rules = SiteRules(63_000, dimmed_w=LEAST_W)
    simulation = Simulation(dimmed, rules, [Charger(f"p{index}") for index in range(count)])
    simulation.plug()
    simulation.run(3_600)
    powers_w = [sum(load_ma) * VOLT // 1_000 for load_ma in simulation.cars[120:]]
    assert max(powers_w) == LEAST_W, simulation.trace(0)
    # Every quarter of an hour one hands over to the next.
    pauses = [
        len([*run]) for is_paused, run in groupby(powers_w, lambda one: one == 0) if is_paused
    ]
    assert max(pauses, default=0) <= HANDOVER_S, simulation.trace(0)
    assert len(pauses) <= 4
