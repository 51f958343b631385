"""Limits of current and the sun: the cost of a decision, seconds over a fuse, writes, sun caught.

    python -m bench.energy [--part limits|sun] [--seeds 3] [--hours 8]

The simulated house of tests/world/power runs on a simulated clock. The naive controllers give all
cars the same limit, from the highest phase of the newest reading, and have no failsafe. The days of
sun are those of tests/world/power/sun, 20 of them if `--seeds` does not say otherwise.
"""

import argparse
import timeit
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import mean
from typing import NamedTuple

from bench.machine import machine
from bench.sun import print_sun
from bench.table import table
from shocpp.energy.allocation import Budget, Demand, allocate
from shocpp.energy.controller import decide
from shocpp.energy.model import (
    ALL_PHASES,
    Facts,
    SiteReading,
    SiteRules,
)
from shocpp.energy.state.model import State
from tests.world.power.cars import Car
from tests.world.power.chargers import Answers, Charger
from tests.world.power.delivery import Delivery
from tests.world.power.house import Appliance, House, busy_house
from tests.world.power.meter import FOREVER_S, Meter
from tests.world.power.naive import Naive
from tests.world.power.simulation import BEGINS_MS, Controller, Remembering, Simulation

FUSE_MA = 35_000
RULES = SiteRules(FUSE_MA, has_meter=True)
HOUR_S, DAY_H = 3_600, 24
SIZES = (2, 50, 500)
HEATED = House((1_000, 1_000, 1_000), [Appliance(1_500, 3_000, (12_000, 12_000, 12_000))])
"""A house with a heater of 12 A on each phase from minute 25 to 50."""


class Control(NamedTuple):
    """A controller: `every_s` is its interval, `lasts_s` the duration of its limits."""

    name: str
    make: Callable[[], Controller]
    tick_s: int = 1
    lasts_s: int | None = None


def naive(every_s: int, *, step_ma: int = 1_000, up_after_s: int = 60) -> Control:
    """Return a naive controller."""
    name = f"naive, {every_s} s"
    if (step_ma, up_after_s) != (1_000, 60):
        name += f", {step_ma / 1000:g} A steps, up after {up_after_s} s"
    return Control(name, lambda: Naive(every_s, step_ma, up_after_s))


OURS = Control("ours, 5 s", lambda: Remembering(decide), tick_s=5, lasts_s=900)
TIMES = ((1, 1, 2), (5, 5, 3), (10, 5, 3), (10, 10, 5), (30, 10, 5))
"""Interval of the naive controller, of the meter, and lag of the cars: the table of the design."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--part", choices=("limits", "sun"), help="one part only")
    parser.add_argument("--seeds", type=int, help="houses of each row (3), days of sun (20)")
    parser.add_argument("--hours", type=int, default=8, help="simulated hours of each house")
    options = parser.parse_args()
    print(machine())
    if options.part != "sun":
        seeds = options.seeds or 3
        _print_costs()
        _print_overshoot(seeds, options.hours)
        _print_writes(seeds)
        _print_faults()
    if options.part != "limits":
        print_sun(range(1, 1 + (options.seeds or 20)))


# -- the cost of a decision ------------------------------------------------------------------------


def _print_costs() -> None:
    table("The cost of a decision, the best of 20", ("connectors", "allocate", "decide"), _costs())


def _costs() -> Iterator[Sequence[str]]:
    for size in SIZES:
        simulation = _car_park(size)
        simulation.run(30)
        facts = Facts(
            RULES._replace(limit_ma=size * 10_000),
            tuple(
                simulation.delivery.connector(charger, simulation.second)
                for charger in simulation.chargers.values()
            ),
            (SiteReading(simulation.now_ms, (size * 9_000,) * 3),),
        )
        assert isinstance(simulation.controller, Remembering)
        state = simulation.controller.state
        demands = [
            Demand(connector.key, connector.phases, connector.min_ma, connector.max_ma)
            for connector in facts.connectors
        ]
        budget = Budget((size * 9_000,) * 3, {}, (1_000, 2_000, 3_000), 20_000)
        yield (
            str(size),
            _ms(lambda demands=demands, budget=budget: allocate(demands, budget)),
            _ms(
                lambda state=state, facts=facts: decide(state, facts, BEGINS_MS + 30_000),
            ),
        )


def _car_park(size: int) -> Simulation:
    """Return cars of one, two and three phases that charge."""
    wirings = (ALL_PHASES, (1, 2, 0), (2, 0, 1), (0,), (1,), (2,))
    chargers = [
        Charger(f"p{index}", Car(phases=1 + index % 3), wirings[index % len(wirings)])
        for index in range(size)
    ]
    rules = RULES._replace(limit_ma=size * 10_000)
    simulation = Simulation(Remembering(decide, State()), rules, chargers, House(), Meter())
    simulation.plug()
    return simulation


def _ms(act: Callable[[], object]) -> str:
    timer = timeit.Timer(act)
    return f"{1000 * min(timer.repeat(20, 1)):.2f} ms"


# -- seconds over the fuse, and writes -------------------------------------------------------------


class Run(NamedTuple):
    """The figures of one simulated house."""

    longest_s: int
    total_s: int
    worst_a: float
    writes: float
    kwh: float


def _run(control: Control, seed: int, hours: int, meter_s: int, lag_s: int) -> Run:
    chargers = [Charger(name, Car(lag_s=lag_s)) for name in ("garage", "yard")]
    simulation = _simulation(control, chargers, busy_house(seed, hours * HOUR_S), Meter(meter_s))
    simulation.run(60).plug()
    simulation.run(hours * HOUR_S)
    overshoot = simulation.overshoot(FUSE_MA)
    return Run(
        overshoot.longest_s,
        overshoot.total_s,
        overshoot.worst_ma / 1000,
        max(simulation.delivery.counts().values()) * DAY_H / hours,
        sum(charger.car.taken_wh for charger in chargers) / 1000,
    )


def _simulation(
    control: Control,
    chargers: Sequence[Charger],
    house: House,
    meter: Meter,
    rules: SiteRules = RULES,
) -> Simulation:
    delivery = Delivery(
        chargers, duration_s=control.lasts_s, repeat_s=control.lasts_s and control.lasts_s * 2 // 3
    )
    return Simulation(
        control.make(),
        rules,
        chargers,
        house,
        meter,
        tick_s=control.tick_s,
        peak_ma=(14_000, 14_000, 14_000),
        delivery=delivery,
    )


RUN_HEAD = ("longest over", "total over", "worst", "writes a day", "kWh")


def _figures(runs: Sequence[Run]) -> Sequence[str]:
    return (
        f"{max(run.longest_s for run in runs)} s",
        f"{mean(run.total_s for run in runs):.0f} s",
        f"{max(run.worst_a for run in runs):.0f} A",
        f"{mean(run.writes for run in runs):.0f}",
        f"{mean(run.kwh for run in runs):.0f}",
    )


def _print_overshoot(seeds: int, hours: int) -> None:
    def rows() -> Iterator[Sequence[str]]:
        for every_s, meter_s, lag_s in TIMES:
            for control in (naive(every_s), OURS):
                runs = [_run(control, seed, hours, meter_s, lag_s) for seed in range(1, 1 + seeds)]
                yield control.name, f"{meter_s} s", f"{lag_s} s", *_figures(runs)

    table(
        f"{hours} h of two 16 A cars behind {FUSE_MA // 1000} A, {seeds} houses with appliances of"
        " 4 to 13 A",
        ("controller", "meter", "lag of cars", *RUN_HEAD),
        rows(),
    )


def _print_writes(seeds: int) -> None:
    def rows() -> Iterator[Sequence[str]]:
        for control in (
            naive(5, up_after_s=0),
            naive(5, step_ma=100, up_after_s=0),
            naive(10, step_ma=100, up_after_s=0),
            naive(5, step_ma=100),
            naive(5),
            OURS,
        ):
            runs = [_run(control, seed, DAY_H, 5, 3) for seed in range(1, 1 + seeds)]
            yield control.name, *_figures(runs)

    table(
        "A day of the same house, meter 5 s, lag 3 s: limits that each charger is sent",
        ("controller", *RUN_HEAD),
        rows(),
    )


# -- faults ----------------------------------------------------------------------------------------


def _print_faults() -> None:
    table(
        "An hour with a heater from minute 25 to 50: seconds over the fuse, and the worst current",
        ("fault", "naive, 5 s", "ours, 5 s"),
        _faults(),
    )


def _faults() -> Iterator[Sequence[str]]:
    begins_s = 20 * 60
    silent = partial(Meter, silent_s=(begins_s, FOREVER_S))
    frozen = partial(Meter, frozen_s=(begins_s, FOREVER_S), frozen_ma=(-7_246, -7_246, -7_246))
    for fault, make_meter, answers in (
        ("none", Meter, Answers.KEEPS),
        ("silent meter", silent, Answers.KEEPS),
        ("meter frozen at −7.2 A", frozen, Answers.KEEPS),
        ("reversed meter", partial(Meter, is_reversed=True), Answers.KEEPS),
        ("a charger ignores limits", Meter, Answers.IGNORES),
        ("a charger refuses limits", Meter, Answers.REFUSES),
    ):
        figures = []
        for control in (naive(5), OURS):
            chargers = [Charger("garage"), Charger("yard", answers=answers)]
            simulation = _simulation(control, chargers, HEATED, make_meter())
            simulation.run(60).plug()
            simulation.run(HOUR_S)
            overshoot = simulation.overshoot(FUSE_MA)
            figures.append(f"{overshoot.total_s} s, {overshoot.worst_ma / 1000:.0f} A")
        yield fault, *figures


if __name__ == "__main__":
    main()
