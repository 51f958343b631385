"""The cars at the demo's chargers: each draws power while its charger has a transaction."""

import threading
from collections.abc import Iterable
from random import Random
from time import monotonic
from typing import Self

from shocpp.demo.charge_point import ChargePoint

STEP_S = 0.5
"""The longest time until a car draws power after its transaction has begun."""

VARIATION = 0.03
"""The share by which the power differs from one sample to the next."""


class Car:
    """A car at a charger, which draws about `power_w`."""

    def __init__(self, charger: ChargePoint, power_w: int, random: Random) -> None:
        self._charger = charger
        self._mean_power_w = self._power_w = power_w
        self._random = random
        self._next_sample_s = 0.0

    def advance(self, seconds: float) -> None:
        """Draw power for this time; send meter values if they are due."""
        if not self._charger.draw(self._power_w, seconds):
            self._next_sample_s = 0.0
            return
        self._next_sample_s -= seconds
        if self._next_sample_s <= 0 and self._charger.sample_interval_s:
            self._next_sample_s = self._charger.sample_interval_s
            self._charger.sample()
            change = self._random.uniform(-VARIATION, VARIATION)
            self._power_w = round(self._mean_power_w * (1 + change))


class Cars:
    """The thread that lets the time of all cars pass, for a `with` block."""

    def __init__(self, cars: Iterable[Car]) -> None:
        self._cars = tuple(cars)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cars", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(1)

    def _run(self) -> None:
        advanced_at = monotonic()
        while True:
            seconds, advanced_at = monotonic() - advanced_at, monotonic()
            for car in self._cars:
                car.advance(seconds)
            if self._stopped.wait(STEP_S):
                return
