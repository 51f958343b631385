"""A simulated site on a simulated clock: house, cars, chargers, meter and a controller.

One step is a second. A controller is a function (facts, now_ms) -> set points; `Remembering` makes
one of `decide` and its state.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from shocpp.energy.model import (
    ALL_PHASES,
    Facts,
    Key,
    PerPhase,
    SetPoint,
    SiteReading,
    SiteRules,
)
from shocpp.energy.state.model import Decision, State
from tests.world.power.chargers import Charger
from tests.world.power.delivery import Delivery
from tests.world.power.house import House, total
from tests.world.power.meter import Meter

BEGINS_MS = 1_798_761_600_000
"""2027-01-01 00:00 UTC."""

MOST_LINES = 25
"""The length of a trace."""

Controller = Callable[[Facts, int], tuple[SetPoint, ...]]
Decide = Callable[[State, Facts, int], Decision]
Event = Callable[["Simulation"], None]


class Remembering:
    """A controller that keeps the state and the newest decision of `decide`."""

    def __init__(self, decide: Decide, state: State | None = None) -> None:
        self._decide = decide
        self.state = State() if state is None else state
        self.decisions: list[tuple[int, Decision]] = []

    def __call__(self, facts: Facts, now_ms: int) -> tuple[SetPoint, ...]:
        """Return the next set points."""
        decision = self._decide(self.state, facts, now_ms)
        self.state = decision.state
        self.decisions.append((now_ms, decision))
        return decision.set_points


class Overshoot(NamedTuple):
    """The seconds above a limit, on any phase."""

    longest_s: int
    total_s: int
    worst_ma: int


class Simulation:
    """A site whose seconds pass as fast as they can be computed.

    loads, cars    the currents of each second: of all, and of the cars alone
    points         the set points of each decision, with the second
    """

    def __init__(
        self,
        controller: Controller,
        rules: SiteRules | None,
        chargers: Iterable[Charger],
        house: House | None = None,
        meter: Meter | None = None,
        *,
        tick_s: int = 5,
        peak_ma: PerPhase | None = None,
        delivery: Delivery | None = None,
    ) -> None:
        self.controller, self.rules = controller, rules
        self.chargers = {charger.name: charger for charger in chargers}
        self.house, self.meter = house or House(), meter
        self.tick_s, self.peak_ma = tick_s, peak_ma
        self.delivery = delivery or Delivery(self.chargers.values())
        self.second = 0
        self.loads: list[PerPhase] = []
        self.cars: list[PerPhase] = []
        self.points: list[tuple[int, Mapping[Key, SetPoint]]] = []
        self.is_server_up, self.is_dimmed = True, False
        self.clock_ms = BEGINS_MS
        self._readings: list[SiteReading] = []
        self._events: dict[int, list[Event]] = {}
        self._transactions = 0

    @property
    def now_ms(self) -> int:
        """Return the time by the clock of the server."""
        return self.clock_ms + self.second * 1000

    def step_clock(self, by_ms: int) -> None:
        """Set the clock of the server; chargers have clocks of their own."""
        self.clock_ms += by_ms
        for charger in self.chargers.values():
            if charger.working_until_ms is not None:
                charger.working_until_ms += by_ms

    def at(self, second: int, event: Event) -> None:
        """Let something happen in a second that is still to come."""
        self._events.setdefault(second, []).append(event)

    def plug(self, *names: str, is_late: bool = False) -> None:
        """Begin a transaction at these chargers, or at all."""
        for name in names or self.chargers:
            self._transactions += 1
            self.chargers[name].plug(self.now_ms, self._transactions, is_late=is_late)

    def run(self, seconds: int) -> "Simulation":
        """Let so many seconds pass."""
        for _ in range(seconds):
            self._step()
        return self

    def run_until(self, second: int) -> "Simulation":
        """Let the seconds before this one pass."""
        return self.run(second - self.second)

    def _step(self) -> None:
        second, now_ms = self.second, self.now_ms
        for event in self._events.pop(second, ()):
            event(self)
        house_ma, cars_ma = self.house.load(second), (0, 0, 0)
        for charger in self.chargers.values():
            cars_ma = total(cars_ma, charger.draw(now_ms))
        self.loads.append(total(house_ma, cars_ma))
        self.cars.append(cars_ma)
        if self.meter is not None:
            reading = self.meter.read(second, now_ms, house_ma, cars_ma)
            if reading is not None:
                self._readings += [reading] * self.meter.copies
        for charger in self.chargers.values():
            if (second + charger.reports_after_s) % charger.reports_every_s == 0:
                charger.report(now_ms)
        if self.is_server_up:
            if second % self.tick_s == 0:
                self._decide(second, now_ms)
            self.delivery.step(second, now_ms)
        self.second += 1

    def _decide(self, second: int, now_ms: int) -> None:
        connectors = tuple(
            self.delivery.connector(charger, second) for charger in self.chargers.values()
        )
        readings = tuple(self._readings)
        facts = Facts(self.rules, connectors, readings, self.peak_ma, self.is_dimmed)
        self._readings.clear()
        points = self.controller(facts, now_ms)
        self.points.append((second, {point.key: point for point in points}))
        self.delivery.decide(points)

    # -- figures -----------------------------------------------------------------------------------

    def overshoot(self, limit_ma: int, begins_s: int = 0) -> Overshoot:
        """Return the seconds in which the load was above a limit."""
        longest_s = length_s = total_s = 0
        for load_ma in self.loads[begins_s:]:
            length_s = length_s + 1 if max(load_ma) > limit_ma else 0
            total_s += length_s > 0
            longest_s = max(longest_s, length_s)
        return Overshoot(longest_s, total_s, max(map(max, self.loads[begins_s:])))

    def point(self, name: str, second: int | None = None) -> SetPoint:
        """Return the set point of a charger in a second, or the newest one."""
        points = next(
            points for at_s, points in reversed(self.points) if second is None or at_s <= second
        )
        return points[name, 1]

    def limits(self, name: str, begins_s: int = 0) -> list[tuple[int, int | None]]:
        """Return the working limits of a charger that differ from the one before, with seconds."""
        changes: list[tuple[int, int | None]] = []
        for second, points in self.points:
            limit_ma = points[name, 1].limit_ma
            if second >= begins_s and (not changes or changes[-1][1] != limit_ma):
                changes.append((second, limit_ma))
        return changes

    def trace(self, begins_s: int = 0, ends_s: int | None = None) -> str:
        """Return the first decisions of these seconds that differ from the one before, as lines.

        A decision is the load in A, and of each charger its limit and base in A, the current that
        is reckoned on L1, standing and reason.
        """
        lines, before = [""], ""
        for second, points in self.points:
            if second < begins_s or (ends_s is not None and second > ends_s):
                continue
            text = " ".join(
                f"{name}={ampere(point.limit_ma)}/{ampere(point.base_ma)}"
                f"/{ampere(max(point.reckoned_ma))},{point.standing},{point.reason.key}"
                for (name, _), point in points.items()
            )
            if text != before:
                load_a = "/".join(map(ampere, self.loads[second]))
                lines.append(f"{second:6} {load_a} {text}")
            before = text
        return "\n".join(lines[:MOST_LINES])

    def unbalance(self, second: int) -> int:
        """Return the difference between the phases that charging made in a second."""
        currents_ma = [self.cars[second][phase] for phase in ALL_PHASES]
        return max(currents_ma) - min(currents_ma)


def ampere(current_ma: int | None) -> str:
    """Return a current in A, `-` for none."""
    return "-" if current_ma is None else f"{current_ma / 1000:.3g}"
