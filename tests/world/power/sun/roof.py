"""A simulated house with 9 kWp on its roof: clouds, noise and appliances at random."""

import math
import random
from collections.abc import Iterator
from itertools import pairwise

from shocpp.energy.model import ALL_PHASES, VOLT, PerPhase
from tests.world.power.house import House, on_phase, total

EVERY_S = 5
"""The seconds between two changes of the sun."""

DAY_S = 14 * 3_600

PEAK_W, ALWAYS_W = 8_400, 300
"""The most that the roof gives at noon, and what the house always draws."""

NOISE = 0.02


class Roof(House):
    """A house whose sun is `sun_w` from second `begins_s` on, a value for each EVERY_S.

    `draws_w` is what it draws itself on each phase, in the same steps. Its inverter feeds in on all
    phases alike.
    """

    def __init__(self, sun_w: list[float], draws_w: list[PerPhase], begins_s: int = 0) -> None:
        super().__init__()
        self._begins_s = begins_s
        self._loads_ma = [self._load(sun, draws) for sun, draws in zip(sun_w, draws_w, strict=True)]

    def load(self, second: int) -> PerPhase:
        """Return the current of each phase in this second; less than nothing is fed in."""
        place = (second - self._begins_s) // EVERY_S
        return self._loads_ma[max(0, min(place, len(self._loads_ma) - 1))]

    @staticmethod
    def _load(sun_w: float, draws_w: PerPhase) -> PerPhase:
        first, second, third = (
            round((draws_w[phase] - sun_w / 3) * 1_000 / VOLT) for phase in ALL_PHASES
        )
        return (first, second, third)


def cloudy_day(seed: int, seconds: int = DAY_S, begins_s: int = 60) -> Roof:
    """Return a day from sunrise to sunset, with clouds of 40 to 900 s."""
    dice = random.Random(f"sun {seed}")
    count = seconds // EVERY_S
    shades = [*_shades(dice, count)]
    sun_w = [
        PEAK_W
        * math.sin(math.pi * (step + 0.5) / count) ** 1.3
        * shades[step]
        * (1 + dice.gauss(0, NOISE))
        for step in range(count)
    ]
    return Roof([0.0, *sun_w, 0.0], [*_draws(dice, count + 2)], begins_s)


def steady(surplus_w: float) -> Roof:
    """Return a house that always feeds in so much."""
    return Roof([surplus_w], [(0, 0, 0)])


def steps(*changes: tuple[int, float]) -> Roof:
    """Return a house that feeds in so much from each of these seconds on."""
    sun_w: list[float] = []
    for (begins_s, surplus_w), (ends_s, _) in pairwise([*changes, (changes[-1][0] + EVERY_S, 0)]):
        sun_w += [surplus_w] * ((ends_s - begins_s) // EVERY_S)
    return Roof(sun_w, [(0, 0, 0)] * len(sun_w), changes[0][0])


def _shades(dice: random.Random, count: int) -> Iterator[float]:
    """Yield the share of the sun that clouds let through, for each step."""
    left, shade = 0, 1.0
    for _ in range(count):
        if left == 0:
            left = dice.randint(40, 900) // EVERY_S
            shade = dice.uniform(0.9, 1) if dice.random() < 0.4 else dice.uniform(0.2, 0.95)
        left -= 1
        yield shade


def _draws(dice: random.Random, count: int) -> Iterator[PerPhase]:
    """Yield what the house draws on each phase: always a little, and an appliance at times."""
    always = (ALWAYS_W // 3,) * 3
    left, appliance_w, waits = 0, (0, 0, 0), 0
    for _ in range(count):
        if left == 0 and waits == 0:
            waits = 1 + int(dice.expovariate(1 / 1_200)) // EVERY_S
        if waits:
            waits -= 1
            if waits == 0:
                left = dice.choice((60, 120, 300, 600, 1_200)) // EVERY_S
                appliance_w = on_phase(dice.randrange(3), dice.randint(800, 3_000))
        elif left:
            left -= 1
        yield total(always, appliance_w if left else (0, 0, 0))
