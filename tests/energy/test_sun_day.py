"""The sun on a simulated clock: start and stop, nights, cloudy days, shares, switched phases."""

from itertools import pairwise
from typing import Any

import pytest

from shocpp.energy.model import (
    METER_GOOD,
    METER_NEW,
    MIN,
    OFF,
    SOLAR,
    VOLT,
    PerPhase,
    SiteReading,
    Switching,
    Wish,
)
from shocpp.language.site import reason_text
from tests.world.power.cars import Car
from tests.world.power.chargers import Answers, Charger, Reports
from tests.world.power.house import House
from tests.world.power.meter import FOREVER_S, Meter
from tests.world.power.simulation import Remembering, Simulation
from tests.world.power.sun.day import (
    BAND,
    DAY_S,
    LAG_S,
    LEAD_S,
    OURS,
    OURS_SWITCHING,
    RULES,
    day,
    figures,
    solar_charger,
    sunny,
)
from tests.world.power.sun.roof import cloudy_day, steady, steps

HOUR_S = 3_600
TICK_S = 5
EVENING: PerPhase = (2_000, 2_000, 2_000)
FED_IN: PerPhase = (-7_246, -7_246, -7_246)
"""5 kW of export."""


def limits(simulation: Simulation, begins_s: int, name: str = "garage") -> list[tuple[int, int]]:
    """Return the changes of a limit in A, with their seconds."""
    changes = simulation.limits(name, begins_s)
    return [(second, (limit_ma or 0) // 1_000) for second, limit_ma in changes]


def plugged(simulation: Simulation) -> Simulation:
    simulation.run(LEAD_S).plug()
    return simulation


# -- start and stop --------------------------------------------------------------------------------


@pytest.mark.parametrize("begins_s", [600, 602])
def test_a_car_starts_after_60_s_of_sun_and_stops_after_180_s_without(begins_s: int) -> None:
    house = steps((0, 0), (begins_s, 4_200), (begins_s + 1_200, 0))
    simulation = plugged(sunny(house, solar_charger())).run(HOUR_S)
    (_, night), (started_s, current_a), (stopped_s, nothing) = limits(simulation, LEAD_S)
    assert (night, current_a, nothing) == (0, 6, 0), simulation.trace()
    assert abs(started_s - begins_s - 60) <= TICK_S, simulation.trace()
    assert abs(stopped_s - begins_s - 1_200 - 180) <= TICK_S, simulation.trace()


def test_a_car_whose_pause_ends_after_the_sun_has_gone_does_not_start() -> None:
    """Somebody chooses modes in its 5 minutes without current, which last longer than the sun."""
    house = steps((0, 7_000), (1_000, 0), (1_190, 7_000), (1_320, 2_500))
    simulation = plugged(sunny(house, charger := solar_charger()))
    simulation.at(1_200, lambda _: setattr(charger, "wish", Wish(OFF)))
    simulation.at(1_210, lambda _: setattr(charger, "wish", Wish(SOLAR)))
    simulation.run(HOUR_S)
    assert any(simulation.cars[1_150]), simulation.trace()
    assert not any(map(any, simulation.cars[1_240:])), simulation.trace(990)


def test_a_car_does_not_start_below_its_least_power() -> None:
    simulation = plugged(sunny(steady(4_100), solar_charger())).run(HOUR_S)
    assert limits(simulation, LEAD_S) == [(LEAD_S, 0)], simulation.trace()


def test_one_phase_needs_a_third_of_the_sun() -> None:
    charger = solar_charger(wiring=(1,), car=Car(phases=1))
    simulation = plugged(sunny(steady(1_500), charger)).run(HOUR_S)
    assert simulation.point("garage").limit_ma == 6_000, simulation.trace()
    assert simulation.cars[-1] == (0, 6_000, 0)


def test_a_car_with_one_phase_is_learned_at_three_of_its_charger() -> None:
    simulation = plugged(sunny(steady(4_300), solar_charger(car=Car(phases=1)))).run(HOUR_S)
    assert simulation.point("garage").limit_ma == 16_000, simulation.trace()


def test_a_zoe_gets_8_a_or_nothing() -> None:
    zoe = solar_charger(car=Car(least_ma=8_000), min_ma=8_000)
    simulation = plugged(sunny(steps((0, 5_300), (900, 5_700), (1_800, 7_000)), zoe)).run(HOUR_S)
    currents_a = [current_a for _, current_a in limits(simulation, LEAD_S)]
    assert currents_a[:2] == [0, 8], simulation.trace()
    assert min(currents_a[1:]) >= 8, simulation.trace()


def test_min_always_has_the_least_current_and_the_sun_on_top() -> None:
    charger = Charger("garage", Car(lag_s=LAG_S), wish=Wish(MIN))
    simulation = plugged(sunny(steps((0, 0), (1_200, 7_000), (2_400, 0)), charger)).run(HOUR_S)
    assert simulation.point("garage", 1_190).limit_ma == 6_000, simulation.trace()
    assert 9_000 <= (simulation.point("garage", 2_390).limit_ma or 0) <= 10_000
    assert simulation.point("garage").limit_ma == 6_000, simulation.trace()


@pytest.mark.parametrize("mode", [SOLAR, OFF])
def test_a_night_costs_no_energy_and_three_profiles(mode: str) -> None:
    charger = Charger("garage", Car(lag_s=LAG_S), wish=Wish(mode))
    simulation = plugged(sunny(House(EVENING), charger)).run(14 * HOUR_S)
    # Until its first limit is there, the car has the base.
    assert not any(map(any, simulation.cars[LEAD_S + 15 :]))
    assert len(simulation.delivery.written) <= 3, simulation.delivery.written


# -- a cloudy day ----------------------------------------------------------------------------------


def test_cloudy_days_bring_as_much_sun_as_the_best_naive_row_with_fewer_limits() -> None:
    ours, band = ([day(control, seed) for seed in (1, 2)] for control in (OURS, BAND))
    assert sum(of.sun_kwh for of in ours) >= 0.98 * sum(of.sun_kwh for of in band), (ours, band)
    assert sum(of.writes for of in ours) <= sum(of.writes for of in band), (ours, band)
    assert max(of.starts for of in ours) <= 15, ours
    assert max(of.grid_kwh for of in ours) <= 2, ours


def test_switched_phases_bring_more_sun() -> None:
    ours, switching = day(OURS, 3), day(OURS_SWITCHING, 3)
    assert switching.sun_kwh >= 1.1 * ours.sun_kwh, (switching, ours)
    assert 0 < switching.switches <= 8, switching


def test_each_set_point_of_a_day_has_a_reason_in_both_languages() -> None:
    chargers = [solar_charger("garage", switching=Switching()), solar_charger("yard", priority=1)]
    simulation = plugged(sunny(cloudy_day(5, DAY_S // 4), *chargers)).run(DAY_S // 4)
    reasons = {
        point.reason.key: point for _, points in simulation.points for point in points.values()
    }
    assert {"no_sun", "sun_starts", "sun", "sun_short"} <= reasons.keys()
    for point in reasons.values():
        german, english = (
            reason_text(point.reason, point.limit_ma, language, 130_000)
            for language in ("de", "en")
        )
        assert german != english, point
        assert point.reason.key not in german, point


# -- several cars ----------------------------------------------------------------------------------


def test_two_cars_share_the_sun() -> None:
    simulation = plugged(sunny(steady(11_000), solar_charger("left"), solar_charger("right")))
    simulation.run(HOUR_S)
    assert simulation.loads[-1][0] <= 300, "nothing is bought"
    assert {simulation.point(name).limit_ma for name in ("left", "right")} == {7_000}


def test_the_higher_priority_has_the_sun_first() -> None:
    simulation = plugged(
        sunny(steady(10_000), solar_charger("left"), solar_charger("right", priority=1))
    )
    simulation.run(HOUR_S)
    assert simulation.point("right").limit_ma == 8_000, simulation.trace()
    assert simulation.point("left").limit_ma == 6_000, simulation.trace()


def test_too_little_sun_for_two_is_for_the_one_of_higher_priority() -> None:
    simulation = plugged(
        sunny(steady(6_500), solar_charger("left"), solar_charger("right", priority=1))
    )
    simulation.run(HOUR_S)
    assert simulation.point("left").limit_ma == 0, simulation.trace()
    assert simulation.limits("right", LEAD_S + 900) == [(LEAD_S + 900, 9_000)], simulation.trace()


@pytest.mark.parametrize("number", [2, 3])
def test_cars_take_turns_in_the_sun_without_the_grid(number: int) -> None:
    chargers = [solar_charger(f"p{index}") for index in range(number)]
    simulation = plugged(sunny(steady(5_000), *chargers)).run(3 * HOUR_S)
    from_grid_mas = sum(max(0, sum(load_ma)) for load_ma in simulation.loads)
    assert from_grid_mas * VOLT // 3_600_000 < 100, simulation.trace()
    energies_wh = [charger.car.taken_wh for charger in chargers]
    assert min(energies_wh) > 0.6 * max(energies_wh)
    assert sum(energies_wh) > 0.8 * 3 * 5_000


def test_a_full_car_hardly_stops_the_other_one() -> None:
    full = solar_charger("full", Car(lag_s=LAG_S, wants_wh=1_000))
    simulation = plugged(sunny(steady(4_500), solar_charger(), full)).run(3 * HOUR_S)
    assert simulation.chargers["garage"].car.taken_wh > 0.75 * 3 * 4_500, simulation.trace()


def test_a_full_car_is_sent_few_limits_on_a_cloudy_day() -> None:
    """It stays at the least current until it draws again."""
    full = solar_charger(car=Car(lag_s=LAG_S, wants_wh=3_000))
    simulation = sunny(cloudy_day(0, DAY_S, LEAD_S), full)
    simulation.run(LEAD_S // 2).plug()
    simulation.run_until(LEAD_S + DAY_S)
    assert full.car.is_full
    assert len(simulation.limits("garage")) < 35, simulation.trace()


def test_a_car_that_waits_for_its_start_lowers_nobody() -> None:
    house = steps((0, 6_500), (1_200, 9_000))
    simulation = plugged(sunny(house, solar_charger("left"), solar_charger("right", priority=1)))
    simulation.run(HOUR_S)
    assert simulation.limits("left", 600) == [(600, 0), (1_260, 6_000)], simulation.trace()
    (_, alone_ma), (lowered_s, shared_ma) = simulation.limits("right", 600)
    assert (alone_ma, shared_ma) == (9_000, 7_000), simulation.trace()
    assert 1_260 <= lowered_s <= 1_270, simulation.trace()


# -- the meter -------------------------------------------------------------------------------------


def test_a_silent_meter_is_no_sun() -> None:
    silent_s = 1_800
    meter = Meter(silent_s=(silent_s, silent_s + 600))
    simulation = plugged(sunny(steady(9_000), solar_charger(), meter=meter)).run(HOUR_S)
    assert simulation.point("garage", silent_s).limit_ma == 13_000, simulation.trace()
    changes = limits(simulation, silent_s)
    (_, full), (lowered_s, lowered), (stopped_s, nothing), *after = changes
    assert (full, lowered, nothing) == (13, 6, 0), simulation.trace(silent_s)
    assert lowered_s <= silent_s + 30 + TICK_S
    assert stopped_s <= lowered_s + 180 + TICK_S
    assert all(second >= silent_s + 610 for second, _ in after), "no rise before three readings"
    assert after, "it charges again"
    reason = simulation.point("garage", stopped_s + TICK_S).reason
    assert reason.key == "sun_unknown", simulation.trace(stopped_s)


def test_a_frozen_meter_lets_nothing_rise_and_is_no_sun_after_five_minutes() -> None:
    meter = Meter(frozen_s=(300, FOREVER_S), frozen_ma=FED_IN)
    simulation = plugged(sunny(House(EVENING), solar_charger(), meter=meter)).run(HOUR_S)
    currents = limits(simulation, LEAD_S)
    assert [current_a for _, current_a in currents] == [0, 7, 6, 0], simulation.trace()
    (started_s, _), (lowered_s, _), (stopped_s, _) = currents[1:]
    assert lowered_s <= started_s + 300 + TICK_S, simulation.trace()
    assert stopped_s <= max(started_s + 300, lowered_s + 180) + TICK_S, simulation.trace()


@pytest.mark.parametrize("meter", [Meter(is_reversed=True), Meter(is_beside=True)])
def test_a_wrong_meter_is_found_at_the_first_start_and_is_no_sun(meter: Meter) -> None:
    house = House((7_000, 7_000, 7_000)) if meter.is_reversed else steady(7_000)
    simulation = plugged(sunny(house, solar_charger(), meter=meter)).run(HOUR_S)
    assert simulation.point("garage").limit_ma == 0, simulation.trace()
    assert figures(simulation).kwh < 0.6
    assert figures(simulation).writes <= 6


class DoubleMeter(Meter):
    """A meter that reports twice what flows."""

    def read(self, *arguments: Any) -> SiteReading | None:
        """Return the reading that arrives in this second, or None."""
        reading = super().read(*arguments)
        if reading is None:
            return None
        first, second, third = reading.currents_ma
        return reading._replace(currents_ma=(2 * first, 2 * second, 2 * third))


def test_a_double_meter_raises_a_car_each_five_minutes_at_most() -> None:
    simulation = plugged(sunny(steady(7_000), solar_charger(), meter=DoubleMeter())).run(HOUR_S)
    assert figures(simulation).writes <= 2 * 12 + 2, simulation.trace()
    assert figures(simulation).grid_kwh < 0.3


def test_a_good_meter_is_never_found_wrong_on_a_cloudy_day() -> None:
    charger = solar_charger(reports_every_s=60)
    simulation = plugged(sunny(cloudy_day(1, DAY_S, LEAD_S), charger)).run(DAY_S)
    assert isinstance(simulation.controller, Remembering)
    verdicts = {decision.meter for _, decision in simulation.controller.decisions}
    assert verdicts == {METER_NEW, METER_GOOD}


@pytest.mark.parametrize("lag_s", [0, 20])
def test_a_late_meter_makes_no_car_flap(lag_s: int) -> None:
    meter = Meter(lag_s=lag_s)
    simulation = plugged(sunny(steady(7_500), solar_charger(), meter=meter)).run(4 * HOUR_S)
    assert figures(simulation).writes <= 8, simulation.trace()
    assert simulation.point("garage").limit_ma == 10_000, simulation.trace()


# -- phases ----------------------------------------------------------------------------------------


def test_a_switch_of_phases_has_a_pause_around_it() -> None:
    charger = solar_charger(switching=Switching())
    simulation = plugged(sunny(steps((0, 8_000), (1_800, 2_500)), charger)).run(2 * HOUR_S)
    (switched_s, _, phases), *others = simulation.delivery.switched
    assert (phases, others) == (1, []), simulation.trace(1_800)
    assert simulation.cars[-1] == (10_000, 0, 0), simulation.trace(1_800)
    pause = [
        second
        for second, currents_ma in enumerate(simulation.cars)
        if second > 1_800 and not any(currents_ma)
    ]
    assert pause[0] < switched_s < pause[-1]
    assert len(pause) >= 110, simulation.trace(1_800)


@pytest.mark.parametrize("reports", [Reports.POWER, Reports.NOTHING])
def test_a_car_on_one_phase_stops_without_sun_also_where_its_phases_are_not_reported(
    reports: Reports,
) -> None:
    charger = solar_charger(switching=Switching(), reports=reports, is_vouched=True)
    sun = steps((0, 8_000), (1_200, 3_500), (4_800, 0))
    simulation = plugged(sunny(sun, charger)).run_until(4_800)
    assert max(simulation.cars[-1]) > 12_000, simulation.trace(1_200)
    simulation.run(HOUR_S)
    assert not any(map(any, simulation.cars[4_800 + 200 :])), simulation.trace(4_800)


def test_a_power_shows_that_a_charger_ignores_the_switch() -> None:
    charger = solar_charger(switching=Switching(), switches=Answers.IGNORES, reports=Reports.POWER)
    simulation = plugged(sunny(steps((0, 8_000), (1_200, 3_500)), charger)).run(2 * HOUR_S)
    assert simulation.point("garage").reason.key == "switch_ignored"
    # It goes on for the least time, and is not started again.
    assert sum(map(any, simulation.cars[1_600:])) <= 330, simulation.trace(1_200)


@pytest.mark.parametrize("every_s", [10, 60])
def test_a_power_shows_how_many_phases_the_sun_has_to_feed(every_s: int) -> None:
    car = Car(phases=1, lag_s=LAG_S)
    charger = solar_charger(car=car, reports=Reports.POWER, reports_every_s=every_s)
    simulation = plugged(sunny(steps((0, 8_000), (1_200, 2_500)), charger)).run(HOUR_S)
    assert limits(simulation, 1_400)[-1][1] == 10, simulation.trace()


def test_a_refused_switch_is_asked_again_after_30_minutes() -> None:
    charger = solar_charger(switching=Switching(), switches=Answers.REFUSES)
    simulation = plugged(sunny(steps((0, 8_000), (1_800, 2_500)), charger)).run(3 * HOUR_S)
    seconds = [second for second, _, _ in simulation.delivery.switched]
    assert len(seconds) >= 2
    assert all(after - before >= 1_800 for before, after in pairwise(seconds))


def test_phases_are_switched_8_times_a_day_at_most() -> None:
    changes = [(n * 1_500, 2_500 if n % 2 else 9_000) for n in range(30)]
    simulation = plugged(sunny(steps(*changes), solar_charger(switching=Switching())))
    simulation.run(30 * 1_500)
    seconds = [second for second, _, _ in simulation.delivery.switched]
    assert len(seconds) == 8
    assert all(after - before >= 600 for before, after in pairwise(seconds))


# -- dimming ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dimmed_w", "currents_a"), [(8_280, [6, 6]), (4_200, [0, 6])])
@pytest.mark.parametrize("is_silent", [False, True])
def test_dimmed_cars_get_what_the_grid_operator_leaves(
    dimmed_w: int, currents_a: list[int], is_silent: bool
) -> None:
    chargers = [Charger("left"), Charger("right")]
    meter = Meter(silent_s=(1_500, FOREVER_S) if is_silent else (FOREVER_S, FOREVER_S))
    rules = RULES._replace(limit_ma=63_000, dimmed_w=dimmed_w)
    simulation = plugged(sunny(House(EVENING), *chargers, meter=meter, rules=rules))
    simulation.run_until(1_800)
    simulation.is_dimmed = True
    simulation.run(HOUR_S)
    powers_w = [sum(load_ma) * VOLT / 1_000 for load_ma in simulation.cars[1_800 + 15 :]]
    assert max(powers_w) <= dimmed_w, simulation.trace(1_795)
    # Each quarter of an hour one of the two hands over to the other.
    assert powers_w.count(0) <= 4 * 15, simulation.trace(1_795)
    found = sorted((simulation.point(name).limit_ma or 0) // 1_000 for name in ("left", "right"))
    assert found == currents_a
    simulation.is_dimmed = False
    simulation.run(900)
    if not is_silent:
        assert simulation.cars[-1] == (32_000,) * 3


def test_the_sun_comes_on_top_of_the_dimmed_power() -> None:
    rules = RULES._replace(dimmed_w=4_200)
    simulation = plugged(sunny(steady(5_000), Charger("garage"), rules=rules))
    simulation.is_dimmed = True
    simulation.run(HOUR_S)
    assert simulation.point("garage").limit_ma in (12_000, 13_000), simulation.trace()
