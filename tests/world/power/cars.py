"""Simulated cars: they lag, round, take more than they may, stay where they are, and get full."""

from collections import deque
from dataclasses import dataclass, field

from shocpp.energy.model import LEAST_MA, VOLT


@dataclass
class Car:
    """A car; its currents are those of the charger's own phases, from L1 on.

    phases       the number of phases that it uses
    most_ma      the current of its onboard charger
    least_ma     it takes nothing below this limit (a Zoe: 8 A)
    lag_s        the seconds after which it follows a change of the limit
    step_ma      it rounds the limit down to a multiple of this
    excess_ma    it takes so much more than the limit on L1
    spread_ma    each further phase takes so much less than the one before
    stays_ma     the current that it keeps, once it charges, whatever the limit is
    slow_s       the seconds of charging on L1 only, before it uses all its phases
    wants_wh     the energy after which it is full; None for never
    """

    phases: int = 3
    most_ma: int = 16_000
    least_ma: int = LEAST_MA
    lag_s: int = 3
    step_ma: int = 1
    excess_ma: int = 0
    spread_ma: int = 0
    stays_ma: int | None = None
    slow_s: int = 0
    wants_wh: int | None = None
    taken_mas: int = 0
    charged_s: int = 0
    _limits: deque[int] = field(default_factory=deque)

    def draw(self, limit_ma: int, lines: int = 3) -> tuple[int, ...]:
        """Return the currents of the next second under this limit, and take them.

        `lines` is the number of phases that its charger has switched on.
        """
        self._limits.append(limit_ma)
        effective_ma = self._limits.popleft() if len(self._limits) > self.lag_s else 0
        currents_ma = self._currents(effective_ma)[:lines]
        self.taken_mas += sum(currents_ma)
        self.charged_s += any(currents_ma)
        return currents_ma

    @property
    def taken_wh(self) -> float:
        """Return the energy that it has taken."""
        return self.taken_mas * VOLT / 1000 / 3600

    @property
    def is_full(self) -> bool:
        """Return True if it takes nothing any more."""
        return self.wants_wh is not None and self.taken_wh >= self.wants_wh

    def _currents(self, limit_ma: int) -> tuple[int, ...]:
        if self.is_full:
            return (0,) * self.phases
        if self.stays_ma is not None and self.charged_s:
            return (self.stays_ma,) * self.phases
        if limit_ma < self.least_ma:
            return (0,) * self.phases
        first_ma = min(limit_ma, self.most_ma) // self.step_ma * self.step_ma + self.excess_ma
        used = 1 if self.charged_s < self.slow_s else self.phases
        return tuple(
            max(0, first_ma - phase * self.spread_ma) if phase < used else 0
            for phase in range(self.phases)
        )
