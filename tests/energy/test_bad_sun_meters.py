"""Cars that follow the sun by a meter that is wrong, and chargers that bear no quick changes."""

from dataclasses import dataclass

import pytest

from shocpp.energy.model import PerPhase
from tests.world.power.cars import Car
from tests.world.power.chargers import Charger
from tests.world.power.house import House
from tests.world.power.meter import Meter
from tests.world.power.simulation import Remembering, Simulation
from tests.world.power.sun.day import LEAD_S, RULES, figures, solar_charger, sunny
from tests.world.power.sun.roof import cloudy_day, steady, steps

HOUR_S = 3_600
EVENING: PerPhase = (2_000, 2_000, 2_000)


def verdict(simulation: Simulation) -> str:
    assert isinstance(simulation.controller, Remembering)
    return simulation.controller.decisions[-1][1].meter


def plugged(simulation: Simulation) -> Simulation:
    simulation.run(LEAD_S).plug()
    return simulation


@pytest.mark.parametrize("limit_ma", [35_000, None])
def test_by_a_meter_with_the_wrong_sign_a_car_ends_at_0(limit_ma: int | None) -> None:
    # In the evening it shows sun, and the more the car draws, the more of it.
    meter, rules = Meter(is_reversed=True), RULES._replace(limit_ma=limit_ma)
    simulation = sunny(House((10_000,) * 3), solar_charger(), meter=meter, rules=rules)
    plugged(simulation).run(HOUR_S)
    assert verdict(simulation) == "reversed", simulation.trace()
    assert simulation.point("garage").limit_ma == 0, simulation.trace()
    assert simulation.overshoot(35_000).total_s == 0


def test_a_meter_of_kw_for_w_shows_no_sun() -> None:
    simulation = sunny(steady(9_000), solar_charger(), meter=Meter(factor=0.001, noise_ma=0))
    plugged(simulation).run(HOUR_S)
    assert simulation.point("garage").limit_ma == 0, simulation.trace()
    # The other way round, no fuse could bear it.
    simulation = sunny(House(EVENING), solar_charger(), meter=Meter(factor=1_000))
    plugged(simulation).run(HOUR_S)
    assert verdict(simulation) == "implausible"
    assert simulation.point("garage").limit_ma == 0, simulation.trace()


def test_by_a_meter_that_says_double_a_car_charges_on_without_a_stop() -> None:
    simulation = sunny(steady(7_500), solar_charger(), meter=Meter(factor=2))
    plugged(simulation).run(4 * HOUR_S)
    found = figures(simulation)
    assert found.starts == 1, simulation.trace()
    assert found.caught > 0.5, simulation.trace()
    assert simulation.overshoot(35_000).total_s == 0


def test_readings_that_come_twice_change_nothing() -> None:
    once, twice = (
        plugged(sunny(cloudy_day(3, HOUR_S), solar_charger(), meter=meter)).run(HOUR_S)
        for meter in (Meter(), Meter(copies=2))
    )
    assert once.limits("garage") == twice.limits("garage")


@dataclass
class Brittle(Charger):
    """A charger that faults if a car goes on less than five minutes after 0 A."""

    zero_ms: int | None = None
    faults: int = 0

    def draw(self, now_ms: int) -> PerPhase:
        pilot_ma = self.pilot(now_ms)
        if self.session is not None and pilot_ma == 0:
            self.zero_ms = now_ms if self.zero_ms is None else self.zero_ms
        elif pilot_ma and self.zero_ms is not None:
            self.faults += now_ms - self.zero_ms < 300_000
            self.zero_ms = None
        return super().draw(now_ms)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_charger_that_faults_when_0_a_and_charging_alternate_never_does(seed: int) -> None:
    brittle = Brittle("garage", Car(), wish=solar_charger().wish)
    plugged(simulation := sunny(cloudy_day(seed, 4 * HOUR_S), brittle)).run(4 * HOUR_S)
    assert brittle.car.taken_wh > 0
    assert brittle.faults == 0, simulation.trace()


def test_it_does_not_fault_when_the_house_takes_all_current_now_and_then() -> None:
    # A sun and a house that come and go each minute.
    changes = [(60 * turn, 9_000.0 if turn % 2 else -20_000.0) for turn in range(90)]
    brittle = Brittle("garage", Car(), wish=solar_charger().wish)
    simulation = sunny(steps(*changes), brittle, rules=RULES._replace(limit_ma=25_000))
    plugged(simulation).run(5_000)
    assert brittle.faults == 0, simulation.trace()
