"""A simulated meter of the site: late, silent, frozen, reversed, or without the cars in it."""

import random
from collections import deque
from dataclasses import dataclass, field

from shocpp.energy.model import PerPhase, SiteReading
from tests.world.power.house import total

FOREVER_S = 1 << 40


@dataclass
class Meter:
    """A meter that gives a reading every few seconds, of the currents of some seconds before.

    noise_ma       its values differ by so much from second to second
    silent_s       the seconds [begin, end) without readings
    frozen_s       the seconds in which it repeats `frozen_ma`
    factor         it says so many times as much as there is (kW for W: 0.001)
    copies         each reading comes so many times
    is_reversed    its sign is wrong
    is_beside      it does not measure the cars
    is_sum         it gives the sum of the phases, of which each has its share of `split`
    """

    every_s: int = 5
    lag_s: int = 0
    noise_ma: int = 30
    silent_s: tuple[int, int] = (FOREVER_S, FOREVER_S)
    frozen_s: tuple[int, int] = (FOREVER_S, FOREVER_S)
    frozen_ma: PerPhase = (0, 0, 0)
    factor: float = 1
    copies: int = 1
    is_reversed: bool = False
    is_beside: bool = False
    is_sum: bool = False
    split: tuple[float, float, float] = (1.0, 1.0, 1.0)
    _loads: deque[PerPhase] = field(default_factory=deque)
    _dice: random.Random = field(default_factory=lambda: random.Random("meter"))

    def read(
        self, second: int, now_ms: int, house_ma: PerPhase, cars_ma: PerPhase
    ) -> SiteReading | None:
        """Return the reading that arrives in this second, or None."""
        load_ma = house_ma if self.is_beside else total(house_ma, cars_ma)
        self._loads.append(load_ma)
        load_ma = self._loads.popleft() if len(self._loads) > self.lag_s else self._loads[0]
        if second % self.every_s or self.silent_s[0] <= second < self.silent_s[1]:
            return None
        load_ma = total(load_ma, (self._noise(), self._noise(), self._noise()))
        if self.frozen_s[0] <= second < self.frozen_s[1]:
            load_ma = self.frozen_ma
        if self.factor != 1:
            first, second_ma, third = (round(one * self.factor) for one in load_ma)
            load_ma = (first, second_ma, third)
        if self.is_reversed:
            load_ma = (-load_ma[0], -load_ma[1], -load_ma[2])
        if self.is_sum:
            first, second_ma, third = (round(sum(load_ma) * share) for share in self.split)
            load_ma = (first, second_ma, third)
        return SiteReading(now_ms, load_ma, is_sum=self.is_sum)

    def _noise(self) -> int:
        return self._dice.randint(-self.noise_ma, self.noise_ma)
