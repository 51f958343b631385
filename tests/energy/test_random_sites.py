"""Properties of simulated sites whose chargers, cars, house and meter are drawn at random."""

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from shocpp.energy.controller import decide
from shocpp.energy.model import ALL_PHASES, GroupRules, SiteRules
from tests.world.power.cars import Car
from tests.world.power.chargers import Answers, Charger, Reports
from tests.world.power.house import busy_house
from tests.world.power.meter import Meter
from tests.world.power.simulation import Remembering, Simulation

HOUR_S = 3_600
SEEDS = st.integers(0, 1 << 32)


def random_chargers(dice: random.Random, *, are_true: bool) -> list[Charger]:
    chargers = []
    for index in range(dice.randint(1, 6)):
        car = Car(
            phases=dice.choice((1, 2, 3, 3)),
            lag_s=dice.randint(1, 3),
            excess_ma=dice.choice((0, 0, 300, 700)),
            spread_ma=dice.choice((0, 300)),
            step_ma=dice.choice((1, 100, 1_000)),
            wants_wh=dice.choice((None, None, 3_000)),
        )
        charger = Charger(
            f"p{index}",
            car,
            dice.choice(((0, 1, 2), (1, 2, 0), (2, 0, 1), (dice.randrange(3),))),
            reports=dice.choice((Reports.CURRENTS, Reports.CURRENTS, Reports.POWER)),
            reports_every_s=dice.choice((5, 10, 30, 60)),
            reports_after_s=dice.randrange(60),
            answers_after_s=dice.choice((1, 1, 2)),
        )
        if not are_true and dice.random() < 0.4:
            charger.answers = dice.choice((Answers.REFUSES, Answers.IGNORES, Answers.SILENT))
        chargers.append(charger)
    return chargers


def random_simulation(seed: int, *, are_true: bool) -> Simulation:
    dice = random.Random(seed)
    chargers = random_chargers(dice, are_true=are_true)
    silent_s = dice.randrange(600, HOUR_S)
    simulation = Simulation(
        Remembering(decide),
        SiteRules(dice.choice((25_000, 35_000, 50_000)), has_meter=True),
        chargers,
        busy_house(seed, HOUR_S, most_ma=9_000),
        Meter(dice.choice((1, 5, 10)), silent_s=(silent_s, silent_s + dice.choice((20, 300)))),
        peak_ma=(10_000, 10_000, 10_000),
    )
    for charger in chargers:
        simulation.at(dice.randrange(60, 1_200), lambda of, name=charger.name: of.plug(name))
    return simulation


@settings(max_examples=8)
@given(SEEDS)
def test_true_chargers_hold_the_fuse_of_any_site(seed: int) -> None:
    simulation = random_simulation(seed, are_true=True).run(HOUR_S)
    assert simulation.rules is not None
    limit_ma = simulation.rules.limit_ma or 0
    overshoot = simulation.overshoot(limit_ma)
    # The meter is late by up to 10 s, then tick, answer and car follow.
    assert overshoot.longest_s <= 10 + 5 + 2 + 3 + 2, simulation.trace(60)
    assert overshoot.total_s <= 240, simulation.trace(60)


@settings(max_examples=8)
@given(SEEDS)
def test_untrue_chargers_keep_the_others_below_the_fuse(seed: int) -> None:
    simulation = random_simulation(seed, are_true=False).run(HOUR_S)
    assert simulation.rules is not None
    limit_ma = simulation.rules.limit_ma or 0
    true = [of for of in simulation.chargers.values() if of.answers is Answers.KEEPS]
    # At the end all untrue chargers are known; those that follow share what they leave.
    over = [phase for phase in ALL_PHASES if simulation.loads[-1][phase] > limit_ma]
    for charger in true:
        drawn = dict(zip(charger.wiring, charger.drawn_ma, strict=False))
        assert not any(drawn.get(phase) for phase in over), simulation.trace(HOUR_S - 300)


@settings(max_examples=6)
@given(SEEDS)
def test_nobody_starves(seed: int) -> None:
    """Each car behind a limit of at least 6 A charges in time for all turns of those before it."""
    dice = random.Random(seed)
    number, limit_a = dice.randint(1, 9), dice.randint(6, 40)
    chargers = [
        Charger(f"p{index}", groups=("hall",), wiring=dice.choice(((0, 1, 2), (1, 2, 0))))
        for index in range(number)
    ]
    rules = SiteRules(None, groups={"hall": GroupRules(limit_a * 1000)})
    simulation = Simulation(Remembering(decide), rules, chargers).run(60)
    for charger in chargers:
        simulation.at(dice.randrange(61, 1_200), lambda of, name=charger.name: of.plug(name))
    rounds = -(-number // (limit_a // 6))
    simulation.run(1_200 + (rounds + 1) * 930)
    times: Sequence[int] = [charger.car.charged_s for charger in chargers]
    assert min(times) >= 600, f"{times}\n{simulation.trace(60)}"
    # A car that comes has its base for some seconds before the others make room.
    assert simulation.overshoot(limit_a * 1000).longest_s <= 12, simulation.trace(60)
