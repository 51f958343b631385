"""The house beside the cars: kettles, wiring, unbalance, and the meter that measures them."""

import pytest

from shocpp.energy.controller import decide
from shocpp.energy.model import (
    METER_ABSENT,
    METER_FROZEN,
    METER_GOOD,
    METER_REVERSED,
    METER_SILENT,
    PerPhase,
    SiteRules,
)
from tests.world.power.cars import Car
from tests.world.power.chargers import Charger, Reports
from tests.world.power.house import Appliance, House, busy_house
from tests.world.power.meter import FOREVER_S, Meter
from tests.world.power.simulation import Remembering, Simulation

LIMIT_MA = 35_000
RULES = SiteRules(LIMIT_MA, has_meter=True)
QUIET: PerPhase = (1_000, 1_000, 1_000)
HOUR_S = 3_600
FROZEN_MA: PerPhase = (-7_246, -7_246, -7_246)
"""5 kW of export."""


def site(
    *chargers: Charger,
    house: House | None = None,
    meter: Meter | None = None,
    rules: SiteRules = RULES,
    peak_ma: PerPhase | None = (5_000, 5_000, 5_000),
) -> Simulation:
    simulation = Simulation(
        Remembering(decide),
        rules,
        chargers,
        house or House(QUIET),
        meter or Meter(),
        peak_ma=peak_ma,
    )
    # The chargers get their bases before a car comes.
    return simulation.run(60)


def two_cars(lag_s: int = 3) -> list[Charger]:
    return [Charger("garage", Car(lag_s=lag_s)), Charger("yard", Car(lag_s=lag_s))]


def verdict(simulation: Simulation) -> str:
    assert isinstance(simulation.controller, Remembering)
    return simulation.controller.decisions[-1][1].meter


def rises(simulation: Simulation, begins_s: int, ends_s: int) -> list[tuple[int, str]]:
    """Return the seconds in which a limit was raised, with the charger."""
    found = []
    for (_, before), (second, after) in zip(simulation.points, simulation.points[1:], strict=False):
        if begins_s < second <= ends_s:
            found += [
                (second, name)
                for name, connector_id in after
                if (after[name, connector_id].limit_ma or 0)
                > (before[name, connector_id].limit_ma or 0)
            ]
    return found


@pytest.mark.parametrize("lag_s", [2, 3])
@pytest.mark.parametrize("kettle_s", range(1_800, 1_805))
def test_a_kettle_lowers_cars_within_12_s(kettle_s: int, lag_s: int) -> None:
    kettle = Appliance(kettle_s, kettle_s + 180, (13_000, 0, 0))
    simulation = site(*two_cars(lag_s), house=House(QUIET, [kettle]))
    simulation.plug()
    simulation.run(HOUR_S)
    assert simulation.loads[kettle_s - 1] == (33_000,) * 3
    overshoot = simulation.overshoot(LIMIT_MA)
    assert 0 < overshoot.longest_s <= 12, simulation.trace(kettle_s - 60, kettle_s + 120)
    assert overshoot.longest_s == overshoot.total_s
    assert rises(simulation, kettle_s, kettle_s + 60) == [], simulation.trace(kettle_s - 60)
    assert simulation.loads[-1] == (33_000,) * 3, "both cars are back at full current"


@pytest.mark.parametrize("seed", range(4))
def test_random_appliances_are_over_the_fuse_for_12_s_at_most(seed: int) -> None:
    simulation = site(*two_cars(), house=busy_house(seed, 8 * HOUR_S))
    simulation.plug()
    simulation.run(8 * HOUR_S)
    assert simulation.overshoot(LIMIT_MA).longest_s <= 12, f"seed {seed}"
    assert max(simulation.delivery.counts().values()) <= 300


def test_a_car_on_another_phase_than_the_house_has_full_current() -> None:
    charger = Charger("garage", Car(phases=1), wiring=(1,))
    simulation = site(charger, house=House((33_000, 1_000, 1_000)))
    simulation.plug()
    simulation.run(600)
    assert simulation.point("garage").limit_ma == 16_000, simulation.trace()
    assert simulation.loads[-1] == (33_000, 17_000, 1_000)


def test_a_one_phase_car_at_a_three_phase_charger_has_full_current_on_its_phase() -> None:
    charger = Charger("garage", Car(phases=1), wiring=(1, 2, 0))
    simulation = site(charger, house=House((25_000, 1_000, 1_000)))
    simulation.plug()
    simulation.run(900)
    assert simulation.point("garage").limit_ma == 16_000, simulation.trace()
    assert simulation.loads[-1] == (25_000, 17_000, 1_000)


def one_phase_cars(wiring: tuple[int, ...]) -> Simulation:
    """Return two hours in which three cars come that use L1 only."""
    chargers = [Charger(f"p{n}", Car(phases=1), wiring=wiring) for n in range(3)]
    simulation = site(*chargers, rules=RULES._replace(limit_ma=63_000))
    for n in range(3):
        simulation.at(60 + n * 300, lambda of, n=n: of.plug(f"p{n}"))
    return simulation.run(2 * HOUR_S)


def longest_difference_s(simulation: Simulation) -> int:
    """Return the longest time with more than 20 A between phases."""
    above = (".X"[simulation.unbalance(at) > 20_000] for at in range(simulation.second))
    return max(map(len, "".join(above).split(".")))


def test_one_phase_chargers_on_l1_never_keep_more_than_20_a_of_difference() -> None:
    """A car that comes has its base for some seconds before the others make room."""
    simulation = one_phase_cars((0,))
    assert longest_difference_s(simulation) <= 12, simulation.trace(300)
    assert simulation.unbalance(simulation.second - 1) >= 18_000, simulation.trace(2 * HOUR_S - 5)


def test_one_phase_cars_at_three_phase_chargers_are_soon_balanced() -> None:
    """Their phases are known once they draw."""
    simulation = one_phase_cars((0, 1, 2))
    assert longest_difference_s(simulation) <= 15, simulation.trace(300)
    assert simulation.unbalance(simulation.second - 1) >= 18_000, simulation.trace(2 * HOUR_S - 5)


def test_one_car_never_makes_its_own_difference_smaller() -> None:
    simulation = site(Charger("garage", Car(phases=1), wiring=(0,)))
    simulation.plug()
    simulation.run(900)
    limits = simulation.limits("garage", 60)
    assert [limit_ma for _, limit_ma in limits] == [16_000], limits


def test_turns_behind_a_meter_do_not_look_like_a_meter_without_cars() -> None:
    """A car that stops and another one that begins at the same time change nothing in sum."""
    simulation = site(*two_cars(), rules=RULES._replace(limit_ma=12_000))
    simulation.plug()
    simulation.run(4 * HOUR_S)
    assert isinstance(simulation.controller, Remembering)
    verdicts = {decision.meter for _, decision in simulation.controller.decisions[3:]}
    assert verdicts == {METER_GOOD}
    times_s = [charger.car.charged_s for charger in simulation.chargers.values()]
    assert min(times_s) > 1.5 * HOUR_S, simulation.trace(HOUR_S)
    assert simulation.overshoot(12_000).longest_s <= 12


def test_nobody_starves_beside_a_charger_that_reports_power_only() -> None:
    """A car of two phases: on which ones, nobody knows."""
    power = Charger("a-power", Car(phases=2), reports=Reports.POWER)
    simulation = site(
        power,
        Charger("garage"),
        house=House((4_000, 4_000, 500)),
        rules=RULES._replace(limit_ma=16_000),
    )
    simulation.plug("a-power")
    simulation.at(300, lambda of: of.plug("garage"))
    simulation.run(2 * HOUR_S)
    times_s = {name: charger.car.charged_s for name, charger in simulation.chargers.items()}
    assert min(times_s.values()) > 1_800, f"{times_s} {simulation.trace(300)}"


def test_limits_stay_the_same_in_a_steady_site() -> None:
    """Noise of the meter and shares that differ by an ampere change nothing."""
    simulation = site(
        Charger("p0", Car(step_ma=1_000), wiring=(2, 0, 1)),
        Charger("p1", Car(phases=1), wiring=(2, 0, 1)),
        Charger("p2", Car(phases=1), wiring=(2,)),
        house=House((1_000, 8_000, -9_000)),
        meter=Meter(every_s=20),
        rules=RULES._replace(limit_ma=16_000, unbalance_ma=80_000),
    )
    simulation.plug()
    simulation.run(HOUR_S)
    changes = [len(simulation.limits(name, 1_800)) - 1 for name in simulation.chargers]
    assert sum(changes) <= 2, simulation.trace(1_800)


def test_two_cars_do_not_share_the_balance_of_one() -> None:
    chargers = [Charger(f"p{n}", Car(phases=1, lag_s=8), wiring=(1,)) for n in range(3)]
    simulation = site(
        *chargers, house=House((8_000, 4_000, -9_000)), rules=RULES._replace(limit_ma=25_000)
    )
    simulation.plug()
    simulation.run(2 * HOUR_S)
    drawn = sum(simulation.cars[at][1] for at in range(1_800, simulation.second))
    assert drawn / (simulation.second - 1_800) > 5_000, simulation.trace(1_800)


# -- the meter -------------------------------------------------------------------------------------


def test_a_silent_meter_ends_in_the_fallback_and_never_in_a_rise() -> None:
    silent_s, back_s = 1_801, 3_600
    simulation = site(*two_cars(), meter=Meter(silent_s=(silent_s, back_s)))
    simulation.plug()
    simulation.run_until(silent_s)
    assert simulation.loads[-1] == (33_000,) * 3
    simulation.run(40)
    assert verdict(simulation) == METER_SILENT
    for name in ("garage", "yard"):
        assert simulation.point(name).limit_ma == 6_000, simulation.trace(silent_s - 60)
    simulation.run_until(back_s)
    assert rises(simulation, silent_s, back_s) == [], simulation.trace(silent_s)
    assert simulation.loads[-1] == (13_000,) * 3
    simulation.run(11)
    assert verdict(simulation) == METER_GOOD, "three readings have come"
    simulation.run(300)
    assert simulation.loads[-1] == (33_000,) * 3, simulation.trace(silent_s)


def test_a_car_still_starts_while_the_meter_is_silent() -> None:
    simulation = site(*two_cars(), meter=Meter(silent_s=(301, FOREVER_S)))
    simulation.plug("garage")
    simulation.at(1_000, lambda of: of.plug("yard"))
    simulation.run(1_100)
    assert simulation.loads[-1] == (13_000,) * 3, simulation.trace(295)


def test_a_meter_that_never_reports_lets_cars_start_at_the_fallback() -> None:
    simulation = site(*two_cars(), meter=Meter(silent_s=(0, FOREVER_S)), peak_ma=None)
    simulation.plug()
    simulation.run(HOUR_S)
    # Half of 35 A is the house's as long as nothing is known of it: two bases of 6 A fit.
    assert simulation.loads[-1] == (13_000,) * 3, simulation.trace()


def test_a_fallback_that_does_not_fit_all_serves_some() -> None:
    simulation = site(
        *two_cars(), meter=Meter(silent_s=(301, FOREVER_S)), peak_ma=(25_000, 5_000, 5_000)
    )
    simulation.plug()
    simulation.run(900)
    assert simulation.cars[-1] == (6_000,) * 3, simulation.trace(295)


def test_a_frozen_meter_gives_one_rise_and_then_the_fallback() -> None:
    meter = Meter(frozen_s=(600, FOREVER_S), frozen_ma=FROZEN_MA)
    simulation = site(*two_cars(), meter=meter, rules=RULES._replace(limit_ma=20_000))
    simulation.at(900, lambda of: of.plug())
    simulation.run_until(900 + 300 + 20)
    for name in ("garage", "yard"):
        assert len([second for second, of in rises(simulation, 0, 9_999) if of == name]) <= 1
        assert simulation.point(name).limit_ma == 6_000, simulation.trace(895)
    assert verdict(simulation) == METER_FROZEN
    simulation.run(HOUR_S)
    assert rises(simulation, 1_220, simulation.second) == []
    assert simulation.overshoot(20_000, begins_s=1_230).total_s == 0


def test_a_reversed_meter_is_recognised() -> None:
    simulation = site(*two_cars(), meter=Meter(is_reversed=True))
    simulation.plug("garage")
    simulation.at(600, lambda of: of.plug("yard"))
    simulation.run(HOUR_S)
    assert verdict(simulation) == METER_REVERSED, simulation.trace()
    assert simulation.overshoot(LIMIT_MA).total_s == 0


def test_a_reversed_meter_is_recognised_with_two_cars_at_once() -> None:
    heater = Appliance(1_500, 3_000, (12_000, 12_000, 12_000))
    simulation = site(
        *two_cars(),
        house=House(QUIET, [heater]),
        meter=Meter(is_reversed=True),
        peak_ma=(14_000, 14_000, 14_000),
    )
    simulation.plug()
    simulation.run(HOUR_S)
    assert verdict(simulation) == METER_REVERSED, simulation.trace()
    assert simulation.overshoot(LIMIT_MA).longest_s <= 90, simulation.trace()


def test_a_meter_that_cars_are_not_behind_is_recognised() -> None:
    simulation = site(*two_cars(), meter=Meter(is_beside=True))
    simulation.plug("garage")
    simulation.at(600, lambda of: of.plug("yard"))
    simulation.run(HOUR_S)
    assert verdict(simulation) == METER_ABSENT, simulation.trace()
    assert simulation.overshoot(LIMIT_MA).total_s == 0
    assert simulation.loads[-1] == (33_000,) * 3


def test_a_good_meter_keeps_its_verdict() -> None:
    simulation = site(*two_cars(), house=busy_house(7, 4 * HOUR_S), meter=Meter(lag_s=3))
    for begins_s in range(60, 4 * HOUR_S, 1_200):
        simulation.at(begins_s, lambda of: of.plug())
        simulation.at(begins_s + 900, unplug)
    simulation.run(4 * HOUR_S)
    assert isinstance(simulation.controller, Remembering)
    verdicts = {decision.meter for _, decision in simulation.controller.decisions[3:]}
    assert verdicts == {METER_GOOD}


@pytest.mark.parametrize("export_ma", [8_700, 13_000, 30_000])
def test_the_sum_of_a_sunny_house_is_no_wrong_sign(export_ma: int) -> None:
    """9 kW of export are 39 A in sum, above the limit of each phase."""
    house = House((-export_ma, -export_ma, -export_ma))
    simulation = site(*two_cars(), house=house, meter=Meter(is_sum=True))
    simulation.plug()
    simulation.run(HOUR_S)
    assert isinstance(simulation.controller, Remembering)
    verdicts = {decision.meter for _, decision in simulation.controller.decisions[3:]}
    assert verdicts == {METER_GOOD}, simulation.trace()


@pytest.mark.parametrize("split", [(1.0, 1.0, 1.0), (0.4, 0.3, 0.3)])
def test_the_sum_of_an_export_makes_no_room_on_each_phase(
    split: tuple[float, float, float],
) -> None:
    """The sum of 6 kW would be 26 A on each phase, and each phase feeds in 8.7 A."""
    cars = [Charger(name) for name in ("garage", "yard", "carport")]
    rules = RULES._replace(split=split)
    house = House((-8_700, -8_700, -8_700))
    simulation = site(*cars, house=house, meter=Meter(is_sum=True, split=split), rules=rules)
    simulation.plug()
    simulation.run(HOUR_S)
    assert simulation.overshoot(LIMIT_MA).total_s == 0, simulation.trace()


def test_a_reversed_sum_is_recognised() -> None:
    simulation = site(*two_cars(), meter=Meter(is_sum=True, is_reversed=True))
    simulation.plug("garage")
    simulation.at(600, lambda of: of.plug("yard"))
    simulation.run(HOUR_S)
    assert verdict(simulation) == METER_REVERSED, simulation.trace()
    assert simulation.overshoot(LIMIT_MA).total_s == 0


def test_a_reading_counts_once() -> None:
    """The reading before a reduction says nothing new after it."""
    kettle = Appliance(1_801, 2_400, (8_000, 0, 0))
    simulation = site(*two_cars(), house=House(QUIET, [kettle]), meter=Meter(every_s=10))
    simulation.plug()
    simulation.run_until(2_400)
    # 35 A less 1 A of margin and 9 A of the house are 12.5 A for each.
    assert min(point for _, point in simulation.limits("garage", 60) if point) >= 11_000, (
        simulation.trace(1_795)
    )
    assert simulation.loads[-1][0] == 33_000, simulation.trace(1_795)


@pytest.mark.parametrize("every_s", [10, 15, 25])
def test_a_slow_meter_does_not_raise_cars_twice_for_one_reading(every_s: int) -> None:
    drop_s = 1_800
    house = House(QUIET, [Appliance(0, drop_s, (20_000, 20_000, 20_000))])
    simulation = site(*two_cars(), house=house, meter=Meter(every_s=every_s, lag_s=every_s))
    simulation.plug()
    simulation.run(HOUR_S)
    assert simulation.overshoot(LIMIT_MA, drop_s).total_s == 0, simulation.trace(drop_s)
    assert simulation.loads[-1] == (33_000,) * 3


def unplug(simulation: Simulation) -> None:
    for charger in simulation.chargers.values():
        charger.unplug()
