"""Properties of cars that follow the sun, at any sun, in any order and in any mode."""

import json
import random
from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from shocpp.energy.model import ALL_PHASES, FAST, MIN, MODES, OFF, SOLAR, SiteRules, Switching, Wish
from shocpp.energy.state.clock_steps import not_after
from shocpp.energy.state.text import state_text
from tests.world.power.cars import Car
from tests.world.power.chargers import Answers, Charger
from tests.world.power.meter import Meter
from tests.world.power.simulation import BEGINS_MS, Remembering, Simulation
from tests.world.power.sun.day import sunny
from tests.world.power.sun.roof import EVERY_S, Roof

HOUR_S = 3_600
OFF_S = 300
SEEDS = st.integers(0, 1 << 32)


def any_roof(dice: random.Random, seconds: int) -> Roof:
    """Return a sun that jumps, also faster than any cloud."""
    sun_w: list[float] = []
    draws_w = []
    while len(sun_w) < seconds // EVERY_S:
        steps = dice.choice((1, 2, 10, 60, 120))
        watts, noise = dice.choice((0, 1_500, 4_100, 4_200, 9_000, 20_000)), dice.choice((0, 0.02))
        sun_w += [watts * (1 + dice.gauss(0, noise)) for _ in range(steps)]
        draws = [dice.choice((0, 0, 300, 3_000)) for _ in ALL_PHASES]
        draws_w += [(draws[0], draws[1], draws[2])] * steps
    return Roof(sun_w, draws_w)


def any_charger(dice: random.Random, index: int, *, mode: str, can_switch: bool) -> Charger:
    car = Car(
        phases=dice.choice((1, 2, 3, 3)),
        lag_s=dice.randint(1, 8),
        spread_ma=dice.choice((0, 300)),
        wants_wh=dice.choice((None, None, 3_000)),
    )
    wiring = dice.choice(((0, 1, 2), (1, 2, 0), (dice.randrange(3),)))
    charger = Charger(
        f"p{index}",
        car,
        wiring,
        min_ma=dice.choice((6_000, 6_000, 8_000)),
        priority=dice.choice((0, 0, 1)),
        reports_every_s=dice.choice((5, 10, 60)),
        reports_after_s=dice.randrange(60),
        wish=Wish(mode),
    )
    if can_switch and len(wiring) == 3:
        charger.switching = Switching()
        charger.switches = dice.choice((Answers.KEEPS, Answers.KEEPS, Answers.REFUSES))
    return charger


def any_site(seed: int, modes: tuple[str, ...], *, can_switch: bool = False) -> Simulation:
    """Return an hour of cars that come at random."""
    dice = random.Random(seed)
    chargers = [
        any_charger(dice, index, mode=dice.choice(modes), can_switch=can_switch)
        for index in range(dice.randint(1, 4))
    ]
    simulation = sunny(
        any_roof(dice, 2 * HOUR_S),
        *chargers,
        meter=Meter(dice.choice((1, 5, 10)), lag_s=dice.choice((0, 0, 5))),
        rules=SiteRules(dice.choice((25_000, 35_000, 63_000, None)), has_meter=True),
    )
    for charger in chargers:
        simulation.at(dice.randrange(60, 1_200), lambda of, name=charger.name: of.plug(name))
    return simulation.run(HOUR_S)


def changes(simulation: Simulation, charger: Charger) -> Iterator[tuple[tuple[int, int], ...]]:
    """Yield two successive limits of a session at a time, each with its second."""
    limits = [
        (second, points[charger.key].limit_ma)
        for second, points in simulation.points
        if charger.key in points
    ]
    yield from pairwise((second, limit_ma) for second, limit_ma in limits if limit_ma is not None)


@settings(max_examples=5)
@given(SEEDS)
def test_each_limit_is_0_or_what_a_car_can_use(seed: int) -> None:
    simulation = any_site(seed, (SOLAR, SOLAR, MIN, FAST, OFF), can_switch=True)
    for _, points in simulation.points:
        for (name, _), point in points.items():
            charger, limit_ma = simulation.chargers[name], point.limit_ma
            if limit_ma is None:
                continue
            assert limit_ma == 0 or charger.min_ma <= limit_ma <= charger.most_ma, point
            assert limit_ma % 1_000 == 0, point
            assert charger.wish.mode != OFF or limit_ma == 0, point
            assert point.reason.key, point


@settings(max_examples=5)
@given(SEEDS)
def test_a_car_that_stops_is_off_for_five_minutes(seed: int) -> None:
    simulation = any_site(seed, (SOLAR, SOLAR, SOLAR, MIN))
    for charger in simulation.chargers.values():
        stopped_s = None
        for (_, before_ma), (second, after_ma) in changes(simulation, charger):
            if after_ma == 0 < before_ma:
                stopped_s = second
            if before_ma == 0 < after_ma and stopped_s is not None:
                assert second - stopped_s >= OFF_S, simulation.trace(stopped_s - 60, second)


@settings(max_examples=5)
@given(SEEDS)
def test_the_fuse_holds_at_any_sun(seed: int) -> None:
    simulation = any_site(seed, (SOLAR, MIN, FAST), can_switch=True)
    assert simulation.rules is not None
    limit_ma = simulation.rules.limit_ma
    if limit_ma is not None:
        overshoot = simulation.overshoot(limit_ma)
        # The meter is late by up to 10 s, and so is its value; then tick, answer and car follow.
        assert overshoot.longest_s <= 15 + 5 + 2 + 8 + 2, simulation.trace(60)


@settings(max_examples=3)
@given(SEEDS)
def test_any_change_of_mode_counts_at_once(seed: int) -> None:
    dice = random.Random(seed)
    simulation = any_site(seed, MODES, can_switch=True)
    for _ in range(10):
        for charger in simulation.chargers.values():
            charger.wish = Wish(dice.choice(MODES))
        simulation.run(dice.choice((5, 10, 60, 300)))
        for charger in simulation.chargers.values():
            if charger.wish.mode == OFF:
                assert simulation.point(charger.name).limit_ma == 0, simulation.trace(HOUR_S)


def moments_of(value: object) -> Iterator[int]:
    """Yield the moments of a state: whole numbers as large as the clock."""
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        for one in value:
            yield from moments_of(one)
    elif isinstance(value, int) and value > BEGINS_MS // 2:
        yield value


@settings(max_examples=5)
@given(SEEDS, st.integers(1, 2 * HOUR_S))
def test_no_moment_is_after_the_clock_that_was_set_back(seed: int, back_s: int) -> None:
    simulation = any_site(seed, (SOLAR, SOLAR, MIN), can_switch=True)
    controller, now_ms = simulation.controller, simulation.now_ms - back_s * 1_000
    assert isinstance(controller, Remembering)
    assert [*moments_of(json.loads(state_text(controller.state)))]
    earlier = not_after(controller.state, now_ms)
    assert max(moments_of(json.loads(state_text(earlier)))) <= now_ms
