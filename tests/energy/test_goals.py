"""Cars that are to have some energy by a time, on a simulated clock."""

from shocpp.energy.model import SOLAR, Goal, Switching, Wish
from tests.world.power.simulation import Simulation
from tests.world.power.sun.day import LEAD_S, solar_charger, sunny
from tests.world.power.sun.roof import steps

HOUR_S, REPORT_S = 3_600, 60
EVENING_W = -500


def reach(simulation: Simulation, goal_wh: int, by_s: int) -> float:
    """Let the car of the garage have a goal until an hour after its time; return what it had then.

    Its charger reports its energy each minute.
    """
    charger = simulation.chargers["garage"]
    by_ms = simulation.now_ms + by_s * 1_000
    had_wh = 0.0
    simulation.at(LEAD_S, lambda of: of.plug())
    while simulation.second < by_s + HOUR_S:
        left_wh = max(0, goal_wh - round(charger.car.taken_wh))
        charger.wish = Wish(SOLAR, Goal(left_wh, by_ms))
        simulation.run(REPORT_S)
        if simulation.second <= by_s:
            had_wh = charger.car.taken_wh
    return had_wh


def test_a_car_has_its_energy_in_time_and_is_paused_then() -> None:
    simulation = sunny(steps((0, 8_000), (HOUR_S, EVENING_W)), solar_charger())
    assert reach(simulation, 20_000, 4 * HOUR_S) >= 20_000, simulation.trace()
    # It takes no more than between two reports.
    assert simulation.chargers["garage"].car.taken_wh < 20_000 + 11_040 / 60 + 50
    assert simulation.point("garage").reason.key == "goal_reached"


def test_a_car_on_one_phase_is_switched_back_in_time_for_its_energy() -> None:
    charger = solar_charger(switching=Switching())
    house = steps((0, 11_500), (HOUR_S, 2_000), (3 * HOUR_S, EVENING_W))
    simulation = sunny(house, charger)
    had_wh = reach(simulation, 30_000, 10 * HOUR_S)
    assert [phases for _, _, phases in simulation.delivery.switched] == [1, 3]
    assert had_wh >= 30_000, simulation.trace(3 * HOUR_S)
