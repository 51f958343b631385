"""The clock is set while cars follow the sun: nothing waits until it is as late again."""

import pytest

from tests.world.power.meter import Meter
from tests.world.power.sun.day import LEAD_S, solar_charger, sunny
from tests.world.power.sun.roof import steps

HOUR_S = 3_600


@pytest.mark.parametrize("by_s", [-6 * HOUR_S, -HOUR_S, -70, HOUR_S, 6 * HOUR_S])
@pytest.mark.parametrize("at_s", [630, 1_800, 3_650])
def test_a_car_starts_and_stops_with_the_sun_although_the_clock_is_set(
    by_s: int, at_s: int
) -> None:
    roof = steps((0, 0), (600, 6_900), (3_600, 0), (6_000, 6_900))
    simulation = sunny(roof, solar_charger(), meter=Meter(noise_ma=30))
    simulation.run(LEAD_S).plug()
    simulation.at(at_s, lambda of: of.step_clock(by_s * 1_000))
    simulation.run_until(8_000)
    for second, least_a, most_a in ((599, 0, 0), (3_000, 6, 10), (4_800, 0, 0), (7_500, 6, 10)):
        current_ma = max(simulation.cars[second])
        assert least_a * 1_000 <= current_ma <= most_a * 1_000, simulation.trace()
