"""The figures of a simulated day of sun."""

from collections.abc import Callable
from typing import Any, NamedTuple

from shocpp.energy.controller import decide
from shocpp.energy.model import SOLAR, VOLT, SiteRules, Switching, Wish
from tests.world.power.cars import Car
from tests.world.power.chargers import Charger
from tests.world.power.delivery import Delivery
from tests.world.power.house import House
from tests.world.power.meter import Meter
from tests.world.power.simulation import Controller, Remembering, Simulation
from tests.world.power.sun.naive import NaiveSun
from tests.world.power.sun.roof import DAY_S, cloudy_day

RULES = SiteRules(35_000, has_meter=True)
LEAD_S = 60
"""The seconds before sunrise, in which the charger gets its base."""

ENDS_S = 300
"""The seconds after sunset."""

LAG_S = 5


class Control(NamedTuple):
    """A controller of the sun; `is_ours` gives its limits a duration."""

    name: str
    make: Callable[[], Controller]
    switches: bool = False
    is_ours: bool = False


NAIVE = (
    Control("3p, 10 s, no delays, 1 A steps", NaiveSun),
    Control("3p, start 60 s, stop 180 s", lambda: NaiveSun(start_s=60, stop_s=180)),
    Control("… + 0.5 A band", lambda: NaiveSun(start_s=60, stop_s=180, band_ma=500)),
    Control(
        "… + band 1 A, 60 s between ups",
        lambda: NaiveSun(start_s=60, stop_s=180, band_ma=1_000, up_s=60),
    ),
    Control("3p, 0.1 A steps", lambda: NaiveSun(start_s=60, stop_s=180, step_ma=100)),
    *(
        Control(
            f"1p/3p, up {up_s} s, down 600 s",
            lambda up_s=up_s: NaiveSun(
                start_s=60, stop_s=180, band_ma=500, up_phases_s=up_s, down_phases_s=600
            ),
            switches=True,
        )
        for up_s in (600, 300)
    ),
)
OURS = Control("ours", lambda: Remembering(decide), is_ours=True)
OURS_SWITCHING = Control("ours, 1p/3p", OURS.make, switches=True, is_ours=True)
BAND = NAIVE[2]
"""The row that ours without switching is compared with."""


class Figures(NamedTuple):
    """The figures of one day; `writes` are without `keep_alives` and bases.

    caught is the energy of the sun that the car took, of all that the house left up to the maximum
    of the car.
    """

    kwh: float
    grid_kwh: float
    starts: int
    writes: int
    keep_alives: int
    switches: int
    caught: float

    @property
    def sun_kwh(self) -> float:
        """Return the energy of the sun in the car."""
        return self.kwh - self.grid_kwh


def sunny(
    house: House,
    *chargers: Charger,
    control: Control = OURS,
    meter: Meter | None = None,
    rules: SiteRules = RULES,
) -> Simulation:
    """Return the simulation of cars at a house; none is plugged in."""
    lasts_s, repeat_s = (900, 600) if control.is_ours else (None, None)
    return Simulation(
        control.make(),
        rules,
        chargers,
        house,
        meter or Meter(),
        peak_ma=(14_000,) * 3,
        delivery=Delivery(chargers, duration_s=lasts_s, repeat_s=repeat_s),
    )


def solar_charger(name: str = "garage", car: Car | None = None, **fields: Any) -> Charger:
    """Return a charger whose car follows the sun alone."""
    return Charger(name, car or Car(lag_s=LAG_S), wish=Wish(SOLAR), **fields)


def day(control: Control, seed: int, seconds: int = DAY_S) -> Figures:
    """Return the figures of a cloudy day."""
    charger = solar_charger(switching=Switching() if control.switches else None)
    simulation = sunny(cloudy_day(seed, seconds, LEAD_S), charger, control=control)
    simulation.run(LEAD_S // 2).plug()
    return figures(simulation.run_until(LEAD_S + seconds + ENDS_S))


def figures(simulation: Simulation) -> Figures:
    """Return the figures of a simulation, of its first charger."""
    charger = next(iter(simulation.chargers.values()))
    most_ma = charger.car.most_ma * charger.car.phases
    taken = grid = sun = 0
    for load_ma, cars_ma in zip(simulation.loads, simulation.cars, strict=True):
        car_ma = sum(cars_ma)
        surplus_ma = max(0, car_ma - sum(load_ma))
        taken += car_ma
        grid += max(0, car_ma - surplus_ma)
        sun += min(most_ma, surplus_ma)
    limits = [
        written
        for written in simulation.delivery.written
        if written.key == charger.key and not written.is_base
    ]
    changes = [written.limit_ma for written in limits if not written.is_keep_alive]
    return Figures(
        _kwh(taken),
        _kwh(grid),
        sum(
            after > 0 and before == 0 for before, after in zip([0, *changes], changes, strict=False)
        ),
        len(changes),
        len(limits) - len(changes),
        len(simulation.delivery.switched),
        (taken - grid) / sun if sun else 0,
    )


def _kwh(taken_mas: int) -> float:
    return taken_mas * VOLT / 1000 / 3_600_000
