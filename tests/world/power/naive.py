"""Naive controllers of a site limit, to compare with: those of a first evening, and of peers.

    spare = limit − margin − highest phase of the newest reading
    each limit = limit before + spare / number of cars; down at once, up after a pause

They know no phases, no chargers that ignore limits, no base, and no meter that is silent.
"""

from dataclasses import dataclass, field

from shocpp.energy.model import (
    FOLLOWS,
    LEAST_MA,
    Connector,
    Facts,
    Key,
    Reason,
    SetPoint,
)


@dataclass
class Naive:
    """A controller that gives all cars the same limit.

    every_s       its interval
    step_ma       limits are multiples of this
    up_after_s    the pause after a change, before limits rise
    """

    every_s: int = 5
    step_ma: int = 1_000
    up_after_s: int = 60
    _decided_ms: int | None = None
    _changed_ms: int = 0
    _limit_ma: int = 0
    _highest_ma: int | None = None
    _points: dict[Key, SetPoint] = field(default_factory=dict)

    def __call__(self, facts: Facts, now_ms: int) -> tuple[SetPoint, ...]:
        """Return the set points; between two intervals they stay."""
        if facts.readings:
            self._highest_ma = max(facts.readings[-1].currents_ma)
        if self._decided_ms is None or now_ms - self._decided_ms >= self.every_s * 1000:
            self._decided_ms = now_ms
            self._decide(facts, now_ms)
        return tuple(
            SetPoint(connector.key, self._of(facts, index), None, FOLLOWS, Reason("shares"))
            for index, connector in enumerate(self._charging(facts))
        )

    def _decide(self, facts: Facts, now_ms: int) -> None:
        cars = len(self._charging(facts))
        if facts.rules is None or facts.rules.limit_ma is None or not cars:
            return
        if self._highest_ma is None:
            return
        spare_ma = facts.rules.limit_ma - facts.rules.margin_ma - self._highest_ma
        most_ma = max(connector.max_ma for connector in facts.connectors)
        limit_ma = self._limit_ma + spare_ma // cars // self.step_ma * self.step_ma
        limit_ma = min(most_ma, max(0, limit_ma))
        is_due = now_ms - self._changed_ms >= self.up_after_s * 1000
        if limit_ma < self._limit_ma or (limit_ma > self._limit_ma and is_due):
            self._limit_ma, self._changed_ms = limit_ma, now_ms

    def _of(self, facts: Facts, index: int) -> int:
        """Return the limit of a car: below the floor, the first ones get the floor."""
        if self._limit_ma >= LEAST_MA:
            return self._limit_ma
        served = self._limit_ma * len(self._charging(facts)) // LEAST_MA
        return LEAST_MA if index < served else 0

    def _charging(self, facts: Facts) -> list[Connector]:
        return [connector for connector in facts.connectors if connector.session is not None]
