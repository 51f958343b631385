"""The site's meter: its verdict, and the load of the house that follows from it (pure).

    silent     no reading for `stale_ms`; trusted again after RECOVERY readings
    frozen     the same values for FROZEN_MS while a car charges
    reversed   when cars draw more, it reports less: its sign is wrong
    absent     it does not notice cars: they are not behind it, or it is another meter
    implausible  no fuse of the limit carries what it reports

The load of the house is the reading less the currents of the cars at its time. These are known with
a delay, so the load lies between two values; the higher one counts for a raise, and so does the
highest of the last minute.
"""

from collections.abc import Sequence
from typing import NamedTuple

from shocpp.energy.model import (
    ALL_PHASES,
    METER_ABSENT,
    METER_FROZEN,
    METER_GOOD,
    METER_IMPLAUSIBLE,
    METER_NEW,
    METER_NONE,
    METER_REVERSED,
    METER_SILENT,
    PerPhase,
    SiteReading,
    SiteRules,
)
from shocpp.energy.state.model import Load, MeterState, Step, Sums

RECOVERY = 3
"""Readings in a row after which a meter that was silent is trusted again."""

FROZEN_MS = 300_000
"""Milliseconds of the same values after which a meter is frozen, if a car charges."""

WINDOW_MS = 60_000
"""Milliseconds for which a load of the house keeps cars from more."""

LEAST_STEP_MA = 5_000
"""The least change of a car, in mA over all phases, whose echo in the readings counts."""

KNOWN_MA = 2_000
"""The difference of the bounds of all cars, over all phases, below which both are the same."""

ECHO_MS = (10_000, 90_000)
"""Bounds of the time after a step in which the meter must notice it."""

IMPLAUSIBLE = 3
"""A reading of so many times the limit is wrong: the fuse would melt within seconds."""

REPORT_MS = 10_000
"""The time in which a new car is reported, as by most chargers."""

NO_ECHO_SHARE = 0.3
"""The share of a step up to which the meter has not noticed it."""

HISTORY_EVERY_MS, HISTORY_MS = 10_000, 600_000
"""The distance of older readings, and how long they are kept: some chargers report seldom."""

EVIDENCE = 3
"""Steps of cars that are remembered; two with one result are a proof if none speaks against it, and
so is the very first one."""

ECHO_FOLLOWS, ECHO_REVERSED, ECHO_ABSENT = "follows", "reversed", "absent"


class Cars(NamedTuple):
    """The currents of all cars on each phase: bounds of what they draw now, and the likely one.

    `totals_ma` are the bounds over all phases.
    """

    lower_ma: PerPhase
    upper_ma: PerPhase
    likely_ma: PerPhase
    totals_ma: tuple[int, int]

    @property
    def are_known(self) -> bool:
        """Return True if it is known what they draw, but for rounding."""
        return sum(self.upper_ma) - sum(self.lower_ma) < KNOWN_MA


class Totals(NamedTuple):
    """The load of the house over all phases, as in House."""

    most_ma: int
    least_ma: int
    highest_ma: int


class House(NamedTuple):
    """The load of the house on each phase.

    most_ma     the highest that it can be now
    least_ma    the lowest that it can be now
    highest_ma  the highest of the last minute, for raises
    likely_ma   the likely one, for the balance of the phases
    split_sum   the sum of the shares of a reading in sum; it is 3 if the sum counts on each phase
    totals      the same over all phases, without `likely_ma`
    """

    most_ma: PerPhase
    least_ma: PerPhase
    highest_ma: PerPhase
    likely_ma: PerPhase
    totals: Totals
    split_sum: float = 1.0

    def total(self, load_ma: PerPhase) -> int:
        """Return one of these loads over all phases."""
        return round(sum(load_ma) / self.split_sum)


def updated(
    meter: MeterState, readings: Sequence[SiteReading], rules: SiteRules, cars: Cars, now_ms: int
) -> tuple[MeterState, int]:
    """Return the state after some readings, and the number of them with other values."""
    changed = 0
    for reading in readings:
        former = meter.newest
        gap = former is None or reading.received_ms - former.received_ms > rules.stale_ms
        differs = former is None or reading.currents_ma != former.currents_ma
        changed += differs
        fresh = 1 if gap else min(meter.fresh + 1, RECOVERY)
        load = _load(reading, rules, cars)
        meter = meter._replace(
            newest=reading,
            same_since_ms=reading.received_ms if differs else meter.same_since_ms,
            fresh=fresh,
            is_trusted=(meter.is_trusted and not gap) or fresh == RECOVERY,
            is_frozen=meter.is_frozen and not differs,
            loads=(*meter.loads, load),
            history=_appended(meter.history, reading, cars),
        )
    newest = meter.newest
    if newest is None or now_ms - newest.received_ms > rules.stale_ms:
        meter = meter._replace(fresh=0, is_trusted=False)
    loads = [load for load in meter.loads[:-1] if load.moment_ms > now_ms - WINDOW_MS]
    return meter._replace(loads=(*loads, *meter.loads[-1:])), changed


def with_reported_car(
    meter: MeterState, since_ms: int, rules: SiteRules, cars: Cars, now_ms: int
) -> MeterState:
    """Return the state after the first report of a car whose session has begun at `since_ms`.

    Loads since then took its current for one of the house, for a minute. Only if the session has
    just begun: with all others the loads of a longer time would be forgotten.
    """
    newest = meter.newest
    if newest is None or newest.received_ms < since_ms or now_ms - since_ms > REPORT_MS:
        return meter
    earlier = [load for load in meter.loads[:-1] if load.moment_ms < since_ms]
    return meter._replace(loads=(*earlier, _load(newest, rules, cars)))


def is_implausible(reading: SiteReading, rules: SiteRules) -> bool:
    """Return True if no fuse of this limit carries such a current: its unit or factor is wrong."""
    if rules.limit_ma is None:
        return False
    # In sum, three phases may feed in or draw at once.
    most_ma = IMPLAUSIBLE * rules.limit_ma * (len(ALL_PHASES) if reading.is_sum else 1)
    return any(abs(current_ma) > most_ma for current_ma in reading.currents_ma)


def with_step(meter: MeterState, change_ma: int, before_ms: int, now_ms: int) -> MeterState:
    """Return the state that awaits the echo of a step of a car; a small change is none.

    `change_ma` is over all phases. `before_ms` is a time before the step.
    """
    before = [sums for sums in meter.history if sums.moment_ms <= before_ms]
    if meter.step is not None or abs(change_ma) < LEAST_STEP_MA or not before:
        return meter
    return meter._replace(step=Step(now_ms, before[-1]))


def with_echo(meter: MeterState, cars: Cars, now_ms: int) -> MeterState:
    """Return the state with the echo of the awaited step, once it is there or overdue."""
    step, newest = meter.step, meter.newest
    if step is None or newest is None or not cars.are_known:
        return meter
    # Other cars may have changed meanwhile: only the sum of all shows what the meter notices.
    change_ma = sum(cars.lower_ma) - step.before.cars_ma
    if abs(change_ma) < LEAST_STEP_MA:
        return meter._replace(step=None)
    echo = (sum(newest.currents_ma) - step.before.meter_ma) / change_ma
    age_ms = now_ms - step.noticed_ms
    if age_ms < ECHO_MS[0] or (age_ms < ECHO_MS[1] and -0.5 < echo < 0.5):
        return meter
    if NO_ECHO_SHARE < abs(echo) < 0.5:
        # The house has changed meanwhile.
        return meter._replace(step=None)
    echo_name = ECHO_FOLLOWS if echo >= 0.5 else ECHO_REVERSED if echo <= -0.5 else ECHO_ABSENT
    return meter._replace(step=None, evidence=(*meter.evidence, echo_name)[-EVIDENCE:])


def verdict(meter: MeterState, rules: SiteRules, now_ms: int, charging_since_ms: int | None) -> str:
    """Return the verdict on the meter; cars have charged since `charging_since_ms`, None: none."""
    if not rules.has_meter:
        return METER_NONE
    newest = meter.newest
    if newest is None:
        return METER_NEW
    # A reading of the future was made before the clock was set back.
    if abs(now_ms - newest.received_ms) > rules.stale_ms:
        return METER_SILENT
    if is_implausible(newest, rules):
        return METER_IMPLAUSIBLE
    frozen_since_ms = max(meter.same_since_ms, charging_since_ms or now_ms)
    if meter.is_frozen or now_ms - frozen_since_ms >= FROZEN_MS:
        return METER_FROZEN
    if not meter.is_trusted:
        return METER_NEW
    if rules.limit_ma is not None and _exports_above(meter, rules.limit_ma):
        # No house exports more than its fuses carry.
        return METER_REVERSED
    for echo_name, result in ((ECHO_REVERSED, METER_REVERSED), (ECHO_ABSENT, METER_ABSENT)):
        is_first = meter.evidence == (echo_name,)
        if is_first or (
            meter.evidence.count(echo_name) >= 2 and ECHO_FOLLOWS not in meter.evidence
        ):
            return result
    return METER_GOOD


def house(meter: MeterState, rules: SiteRules, *, sees_cars: bool) -> House:
    """Return the load of the house by the newest reading.

    `sees_cars` is False for a meter that cars are not behind: then it reports the house alone.
    """
    assert meter.newest is not None, "a trusted meter has a reading"
    if not sees_cars:
        # An export elsewhere must not make room for cars.
        alone = _highest([meter.newest.currents_ma, (0, 0, 0)])
        return steady(alone)
    newest = meter.loads[-1]
    highest = _highest([load.most_ma for load in meter.loads])
    split_sum = sum(rules.split) if meter.newest.is_sum else 1.0
    totals = Totals(*newest.totals_ma, max(load.totals_ma[0] for load in meter.loads))
    loads = newest.most_ma, newest.least_ma, highest, newest.likely_ma
    if split_sum > 1:
        # An export in sum may be all on other phases: it makes no room on any.
        most, least, highest, likely = (_highest([load, (0, 0, 0)]) for load in loads)
        return House(most, least, highest, likely, totals, split_sum)
    return House(*loads, totals, split_sum)


def steady(load_ma: PerPhase) -> House:
    """Return a house of which nothing but one load counts."""
    total_ma = sum(load_ma)
    return House(load_ma, load_ma, load_ma, load_ma, Totals(total_ma, total_ma, total_ma))


def _exports_above(meter: MeterState, limit_ma: int) -> bool:
    """Return True if the house exports more than this on all phases."""
    load = meter.loads[-1]
    if meter.newest is not None and meter.newest.is_sum:
        return load.totals_ma[0] < -len(ALL_PHASES) * limit_ma
    return all(load_ma < -limit_ma for load_ma in load.most_ma)


def _load(reading: SiteReading, rules: SiteRules, cars: Cars) -> Load:
    """Return the load of the house by a reading."""

    def less(cars_ma: PerPhase) -> PerPhase:
        if reading.is_sum:
            first, second, third = (round(share * sum(cars_ma)) for share in rules.split)
            cars_ma = (first, second, third)
        return _less(reading.currents_ma, cars_ma)

    most = less(cars.lower_ma)
    first, second, third = (sum(loads) for loads in zip(most, cars.lower_ma, strict=True))
    total = (first, second, third) if reading.is_sum else reading.currents_ma
    grid_ma = round(sum(reading.currents_ma) / (sum(rules.split) if reading.is_sum else 1))
    lower_ma, upper_ma = cars.totals_ma
    return Load(
        reading.received_ms,
        most,
        less(cars.upper_ma),
        less(cars.likely_ma),
        total,
        (grid_ma - lower_ma, grid_ma - upper_ma),
    )


def _appended(history: tuple[Sums, ...], reading: SiteReading, cars: Cars) -> tuple[Sums, ...]:
    moment_ms = reading.received_ms
    is_soon = bool(history) and moment_ms - history[-1].moment_ms < HISTORY_EVERY_MS
    if is_soon or not cars.are_known:
        return history
    recent = [sums for sums in history if sums.moment_ms > moment_ms - HISTORY_MS]
    return (*recent, Sums(moment_ms, sum(reading.currents_ma), sum(cars.lower_ma)))


def _less(first: PerPhase, second: PerPhase) -> PerPhase:
    return (first[0] - second[0], first[1] - second[1], first[2] - second[2])


def _highest(loads: Sequence[PerPhase]) -> PerPhase:
    first, second, third = (max(load[phase] for load in loads) for phase in ALL_PHASES)
    return (first, second, third)
