"""A simulated house: what draws current beside the cars, second by second."""

import random
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from shocpp.energy.model import ALL_PHASES, PerPhase


class Appliance(NamedTuple):
    """An appliance that draws a steady current from a second up to another one."""

    begins_s: int
    ends_s: int
    currents_ma: PerPhase


class House:
    """A house that always draws the same current, and that of its appliances."""

    def __init__(
        self, always_ma: PerPhase = (0, 0, 0), appliances: Iterable[Appliance] = ()
    ) -> None:
        steps = [(0, always_ma)]
        for begins_s, ends_s, currents_ma in appliances:
            steps.append((begins_s, currents_ma))
            steps.append((ends_s, (-currents_ma[0], -currents_ma[1], -currents_ma[2])))
        steps.sort()
        self._seconds = [second for second, _ in steps]
        self._loads = list(accumulate((change for _, change in steps), total))

    def load(self, second: int) -> PerPhase:
        """Return the current of each phase in this second."""
        return self._loads[bisect_right(self._seconds, second) - 1]


def total(left: PerPhase, right: PerPhase) -> PerPhase:
    """Return the sum of two currents, phase by phase."""
    return left[0] + right[0], left[1] + right[1], left[2] + right[2]


def on_phase(phase: int, current_ma: int) -> PerPhase:
    """Return a current that is on one phase only."""
    first, second, third = (current_ma if phase == each else 0 for each in ALL_PHASES)
    return first, second, third


def busy_house(
    seed: int,
    seconds: int,
    *,
    always_ma: PerPhase = (1_000, 1_000, 1_000),
    mean_gap_s: int = 900,
    least_ma: int = 4_000,
    most_ma: int = 13_000,
) -> House:
    """Return a house with an appliance of 4 to 13 A at random, one at a time on each phase."""
    dice = random.Random(f"house {seed}")
    appliances = []
    for phase in ALL_PHASES:
        second = 0
        while (second := second + 1 + int(dice.expovariate(1 / mean_gap_s))) < seconds:
            ends_s = second + dice.choice((60, 120, 180, 300))
            current_ma = on_phase(phase, dice.randint(least_ma, most_ma))
            appliances.append(Appliance(second, ends_s, current_ma))
            second = ends_s
    return House(always_ma, appliances)
