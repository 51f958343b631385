"""Fair shares over time: the share table at set points, turns, needs, and a server that is gone."""

import random

import pytest

from shocpp.energy.controller import decide
from shocpp.energy.model import GroupRules, SiteRules
from tests.world.power.cars import Car
from tests.world.power.chargers import Answers, Charger, Reports
from tests.world.power.house import House
from tests.world.power.meter import Meter
from tests.world.power.simulation import Remembering, Simulation

HOUR_S = 3_600
GROUP = "tiefgarage"
GROUPS = {"a": GroupRules(16_000), "b": GroupRules(16_000)}


def car_park(limit_ma: int, *chargers: Charger) -> Simulation:
    """Return chargers that share the limit of a group, without a meter."""
    for charger in chargers:
        charger.groups = (GROUP,)
    simulation = Simulation(
        Remembering(decide), SiteRules(None, groups={GROUP: GroupRules(limit_ma)}), chargers
    )
    # The chargers get their bases before a car comes.
    return simulation.run(60)


def chargers(number: int, lag_s: int = 3) -> list[Charger]:
    return [Charger(f"p{index:02}", Car(lag_s=lag_s)) for index in range(number)]


def amperes(simulation: Simulation) -> list[int]:
    points = (simulation.point(name) for name in simulation.chargers)
    return sorted(((point.limit_ma or 0) // 1000 for point in points), reverse=True)


@pytest.mark.parametrize(
    ("limit_a", "number", "shares_a"),
    [
        (35, 2, [16, 16]),
        (20, 2, [10, 10]),
        (20, 3, [6, 6, 6]),
        (17, 3, [8, 8, 0]),
        (63, 12, [6] * 10 + [0, 0]),
    ],
)
def test_set_points_are_those_of_the_table(limit_a: int, number: int, shares_a: list[int]) -> None:
    simulation = car_park(limit_a * 1000, *chargers(number))
    simulation.plug()
    simulation.run(600)
    assert amperes(simulation) == shares_a, simulation.trace()
    assert simulation.overshoot(limit_a * 1000).longest_s <= 12, simulation.trace()


def test_cars_on_two_phases_have_full_current() -> None:
    simulation = car_park(
        16_000,
        Charger("p0", Car(phases=1), wiring=(0,)),
        Charger("p1", Car(phases=1), wiring=(1,)),
    )
    simulation.plug()
    simulation.run(300)
    assert amperes(simulation) == [16, 16]
    assert simulation.loads[-1] == (16_000, 16_000, 0)


def test_twelve_cars_on_63_a_take_turns() -> None:
    simulation = car_park(63_000, *chargers(12))
    simulation.plug()
    simulation.run(2 * HOUR_S)
    times_s = {name: charger.car.charged_s for name, charger in simulation.chargers.items()}
    assert min(times_s.values()) >= 45 * 60, times_s
    simulation.run(2 * HOUR_S)
    energies_wh = [charger.car.taken_wh for charger in simulation.chargers.values()]
    assert max(energies_wh) <= 1.3 * min(energies_wh), energies_wh
    assert simulation.overshoot(63_000).total_s == 0, simulation.trace()
    used = sum(sum(cars) for cars in simulation.cars) / len(simulation.cars) / 3
    assert used >= 54_000, "nine of ten places are in use"


def test_a_car_that_is_full_makes_room() -> None:
    first, second, third = chargers(3)
    first.car.wants_wh = 1_000
    simulation = car_park(12_000, first, second, third)
    simulation.plug()
    simulation.run(2 * HOUR_S)
    assert first.car.is_full
    assert simulation.cars[-1] == (12_000,) * 3, simulation.trace(HOUR_S)
    assert min(second.car.charged_s, third.car.charged_s) > HOUR_S // 2


def test_a_car_that_takes_less_gives_back() -> None:
    small, large = chargers(2)
    small.car.most_ma = 7_000
    simulation = car_park(24_000, small, large)
    simulation.plug()
    simulation.run(600)
    assert simulation.loads[-1] == (23_000,) * 3, simulation.trace()
    small.car.most_ma = 16_000
    simulation.run(600)
    assert simulation.loads[-1] == (24_000,) * 3, "it wants more again, and gets its half"


def test_a_zoe_at_a_charger_that_knows_charges_or_waits() -> None:
    zoe = Charger("zoe", Car(least_ma=8_000), min_ma=8_000)
    simulation = car_park(14_000, zoe, Charger("other"))
    simulation.plug()
    simulation.run(2 * HOUR_S)
    assert {limit_ma for _, limit_ma in simulation.limits("zoe")} <= {
        None,
        0,
        *range(8_000, 17_000),
    }
    assert simulation.overshoot(14_000).total_s == 0
    assert zoe.car.charged_s > HOUR_S // 2


def test_a_higher_priority_is_served_first_and_keeps_its_place() -> None:
    first, second, third = chargers(3)
    third.priority = 1
    simulation = car_park(16_000, first, second, third)
    simulation.plug()
    simulation.run(4 * HOUR_S)
    assert third.car.charged_s > 4 * HOUR_S - 60, simulation.trace()
    assert min(first.car.charged_s, second.car.charged_s) > HOUR_S, "the others take turns"


def test_a_car_that_waits_is_told_of_a_turn_only_where_it_will_have_one() -> None:
    first, second = Charger("first", priority=5), Charger("second")
    simulation = car_park(6_000, first, second)
    simulation.plug()
    simulation.run(HOUR_S)
    assert simulation.point("second").reason == ("waits_priority", {"cars": 1})
    first.priority = 0
    simulation.run(60)
    assert simulation.point("first").reason == ("waits_turn", {"cars": 1, "minutes": 15})


def test_a_car_does_not_wait_for_the_turn_of_one_on_another_phase() -> None:
    """The house has all of L1."""
    waiting, charging = Charger("waiting", wiring=(0,)), Charger("charging", wiring=(1,))
    house, rules = House((33_000, 1_000, 1_000)), SiteRules(35_000, has_meter=True)
    simulation = Simulation(Remembering(decide), rules, [waiting, charging], house, Meter())
    simulation.run(60).plug()
    simulation.run(300)
    assert simulation.point("charging").limit_ma == 16_000
    assert simulation.point("waiting").reason == ("no_room", {})


def test_a_car_does_not_wait_for_the_turn_of_one_behind_another_limit() -> None:
    """The first group has a charger that keeps no limit."""
    ours, liar = Charger("ours", groups=("a",)), Charger("liar", groups=("a",))
    liar.answers = Answers.IGNORES
    other, rules = Charger("other", groups=("b",)), SiteRules(None, groups=GROUPS)
    simulation = Simulation(Remembering(decide), rules, [ours, liar, other])
    simulation.run(60).plug()
    simulation.run(300)
    assert simulation.point("other").limit_ma == 16_000
    assert simulation.point("ours").reason == ("no_room", {})


def test_cars_that_take_a_little_too_much_take_turns_and_do_not_flap() -> None:
    """Three of 6 A share 20 A, but each takes 0.7 A more: 20.1 A."""
    simulation = car_park(20_000, *(Charger(f"p{n}", Car(excess_ma=700)) for n in range(3)))
    simulation.plug()
    simulation.run(3 * HOUR_S)
    for charger in simulation.chargers.values():
        stops = [
            second for second, limit_ma in simulation.limits(charger.name, 600) if not limit_ma
        ]
        assert len(stops) <= 5, simulation.trace(600)
        assert charger.car.charged_s > 1.8 * HOUR_S, simulation.trace(600)


@pytest.mark.parametrize("number", [1, 2])
def test_a_car_charges_behind_a_limit_hardly_above_its_least_current(number: int) -> None:
    """It takes 0.3 A more than its 6 A."""
    cars = [Charger(f"p{n}", Car(excess_ma=300), groups=("a",)) for n in range(number)]
    rules = SiteRules(40_000, groups={"a": GroupRules(6_000)})
    simulation = Simulation(Remembering(decide), rules, [*cars, Charger("other")])
    simulation.run(60).plug()
    simulation.run(2 * HOUR_S)
    for charger in cars:
        assert charger.car.charged_s > 1.6 * HOUR_S / number, simulation.trace(60)
    assert simulation.overshoot(40_000).total_s == 0


def test_a_car_whose_phases_are_unknown_yields_to_one_that_the_balance_excludes() -> None:
    """Both cars are on L1; one charger reports only its power."""
    power = Charger("power", Car(phases=1), reports=Reports.POWER)
    waiting = Charger("waiting", Car(phases=1))
    rules, house = SiteRules(63_000, has_meter=True), House((2_000, 2_000, 2_000))
    simulation = Simulation(Remembering(decide), rules, [power, waiting], house, Meter())
    simulation.run(60).plug("power")
    simulation.run(1_000).plug("waiting")
    simulation.run(4 * HOUR_S)
    assert min(power.car.charged_s, waiting.car.charged_s) > HOUR_S // 2, simulation.trace(900)


def test_nobody_outside_a_full_group_yields_to_a_car_in_it() -> None:
    ours, others = ("a1", "a2"), ("b1", "b2")
    chargers = [Charger(name, groups=("a",)) for name in ours] + [*map(Charger, others)]
    rules = SiteRules(40_000, groups={"a": GroupRules(8_000)})
    simulation = Simulation(Remembering(decide), rules, chargers)
    simulation.run(60).plug()
    simulation.run(2 * HOUR_S)
    for name in others:
        limits = [limit_ma for _, limit_ma in simulation.limits(name, 300)]
        assert 0 not in limits, simulation.trace(900)
    for name in ours:
        assert simulation.chargers[name].car.charged_s > HOUR_S // 2


def test_the_last_car_of_a_row_that_arrives_gets_its_turn() -> None:
    simulation = car_park(18_000, *chargers(5))
    for index in range(5):
        simulation.at(60 + index * 60, lambda of, index=index: of.plug(f"p{index:02}"))
    simulation.run(HOUR_S)
    assert simulation.chargers["p04"].car.charged_s > 0, simulation.trace()


@pytest.mark.parametrize("number", [1, 12])
@pytest.mark.parametrize("limit_a", [16, 63])
def test_the_sum_is_within_the_limit_15_minutes_after_the_server_is_gone(
    number: int, limit_a: int
) -> None:
    simulation = car_park(limit_a * 1000, *chargers(number))
    simulation.plug()
    simulation.run(HOUR_S)
    simulation.is_server_up = False
    gone_s = simulation.second
    # In this time cars leave and others come, which the server does not see.
    for index, charger in enumerate(simulation.chargers.values()):
        simulation.at(gone_s + 300 + index, lambda of, charger=charger: charger.unplug())
        simulation.at(gone_s + 600 + index, lambda of, charger=charger: charger.plug(of.now_ms, 99))
    simulation.run(900 + 15)
    assert max(simulation.loads[-1]) <= limit_a * 1000, simulation.trace(gone_s - 60)
    served = min(number, limit_a // 6)
    assert simulation.loads[-1] == (6_000 * served,) * 3


def test_a_car_that_waits_for_its_turn_has_its_base_when_the_server_is_gone() -> None:
    simulation = car_park(63_000, *chargers(12))
    simulation.plug()
    simulation.run(HOUR_S)
    waiting = [name for name in simulation.chargers if simulation.point(name)[1:3] == (0, 6_000)]
    assert waiting, "none waits that has a base"
    simulation.is_server_up = False
    simulation.run(1_500)
    assert [simulation.chargers[name].drawn_ma for name in waiting] == [(6_000,) * 3] * len(waiting)
    assert max(simulation.loads[-1]) == 60_000


@pytest.mark.parametrize(("limit_a", "count"), [(20, 6), (35, 8)])
def test_no_moment_after_the_server_is_gone_exceeds_the_limit(limit_a: int, count: int) -> None:
    """A car at 0 A must not rise to its base while others still have more than theirs."""
    for gone_s in (2_000, 2_410, 3_230, 4_460):
        dice = random.Random(gone_s)
        chargers = [Charger(f"p{number:02}") for number in range(count)]
        simulation = Simulation(Remembering(decide), SiteRules(1_000 * limit_a), chargers)
        simulation.run(60)
        for charger in dice.sample(chargers, count):
            simulation.plug(charger.name)
            simulation.run(dice.randrange(20, 200))
        simulation.run_until(gone_s)
        simulation.is_server_up = False
        simulation.run(1_600)
        overshoot = simulation.overshoot(1_000 * limit_a, gone_s)
        assert overshoot.longest_s <= 5, (gone_s, overshoot)


def test_limits_with_a_duration_never_end_while_the_server_lives() -> None:
    simulation = car_park(35_000, *chargers(2))
    simulation.plug()
    simulation.run(4 * HOUR_S)
    assert set(simulation.loads[180:]) == {(32_000,) * 3}
    assert max(simulation.delivery.counts().values()) <= 4 * 6 + 3


def test_a_car_that_reports_power_only_is_served() -> None:
    power = Charger("power", reports=Reports.POWER)
    simulation = car_park(20_000, power, Charger("currents"))
    simulation.plug()
    simulation.run(600)
    assert simulation.loads[-1] == (20_000,) * 3, simulation.trace()
