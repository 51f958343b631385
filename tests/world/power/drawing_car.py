"""A car at a simulated charger: it draws, lags, rounds, lies and ignores (pure)."""

from collections import deque
from typing import NamedTuple

LEAST_A = 6
"""The least current of a car (IEC 61851)."""


class Car(NamedTuple):
    """The habits of a car.

    phases    the phases that it uses of the charger's three
    max_a     the most it draws of a phase, and `least_a` the least
    lag_s     the time until it follows another limit
    step_a    it draws multiples of this
    extra_a   it draws so much more than it may
    stays_a   it draws this whatever it may, as long as it may draw anything; None: it obeys
    ignores   it draws its most even at a limit of 0
    lie_a     its charger reports so much more (less) than it draws
    faults    it faults when the number of its phases changes, and draws nothing more
    """

    phases: int = 3
    max_a: float = 16
    least_a: float = LEAST_A
    lag_s: float = 0
    step_a: float = 0.1
    extra_a: float = 0
    stays_a: float | None = None
    ignores: bool = False
    lie_a: float = 0
    faults: bool = False

    def wanted_a(self, limit_a: float) -> float:
        """Return the current that it draws in the end at this limit."""
        if self.ignores:
            return self.max_a
        if limit_a < self.least_a:
            return 0.0
        if self.stays_a is not None:
            return self.stays_a
        steps = int(min(limit_a, self.max_a) / self.step_a + 1e-6)
        return round(steps * self.step_a, 3) + self.extra_a

    def reported_a(self, drawn_a: float) -> float:
        """Return the current that its charger reports."""
        return max(0.0, drawn_a + self.lie_a) if drawn_a else 0.0


class Draw:
    """The current of a car over time: it follows each limit after the car's lag."""

    def __init__(self, car: Car) -> None:
        self.car = car
        self.drawn_a = 0.0
        self._ahead: deque[tuple[float, float]] = deque()

    def follow(self, limit_a: float, at_s: float) -> float:
        """Return the current at a moment at which this limit is in force."""
        wanted_a = self.car.wanted_a(limit_a)
        if wanted_a != (self._ahead[-1][1] if self._ahead else self.drawn_a):
            self._ahead.append((at_s + self.car.lag_s, wanted_a))
        while self._ahead and self._ahead[0][0] <= at_s:
            self.drawn_a = self._ahead.popleft()[1]
        return self.drawn_a

    def stop(self) -> None:
        """Draw nothing at once, because the contactor is open."""
        self.drawn_a = 0.0
        self._ahead.clear()
