"""Properties of `decide` for any site, with any mix, order and loss of readings.

The facts are drawn at random, also such as no real site would give.
"""

import random
from collections.abc import Mapping
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from shocpp.energy.controller import decide
from shocpp.energy.model import (
    ALL_PHASES,
    FOLLOWS,
    METER_FROZEN,
    METER_REVERSED,
    METER_SILENT,
    VERIFYING,
    Connector,
    Facts,
    GroupRules,
    Installed,
    Key,
    Observed,
    PerPhase,
    Session,
    SetPoint,
    SiteReading,
    SiteRules,
)
from shocpp.energy.state.model import Decision, State
from shocpp.energy.state.text import state_of, state_text
from tests.world.power.simulation import BEGINS_MS

FOLLOWERS = (FOLLOWS, VERIFYING)


class Step(NamedTuple):
    """One decision: the facts, the time and the result."""

    facts: Facts
    now_ms: int
    decision: Decision


class RandomSite:
    """A site whose facts change at random, without any sense of physics."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = random.Random(seed)
        groups = {
            name: GroupRules(dice.choice((6_000, 16_000, 32_000, 63_000)))
            for name in ("one", "two")[: dice.randrange(3)]
        }
        has_limit = not groups or dice.random() < 0.7
        self.rules = SiteRules(
            dice.choice((16_000, 25_000, 35_000, 63_000)) if has_limit else None,
            dice.choice((0, 1_000)),
            fallback_ma=dice.choice((6_000, 8_000)),
            unbalance_ma=dice.choice((5_000, 20_000, 80_000)),
            has_meter=has_limit and dice.random() < 0.8,
            house_ma=dice.choice((None, 3_000)),
            groups=groups,
        )
        self.peak_ma = self._loads() if dice.random() < 0.7 else None
        self.connectors = [self._connector(index) for index in range(dice.randint(1, 8))]
        self.now_ms = BEGINS_MS

    def facts(self) -> Facts:
        """Let some time pass, and return what is known then."""
        dice = self.dice
        began_ms = self.now_ms
        self.now_ms += dice.choice((1_000, 5_000, 5_000, 5_000, 60_000, 400_000))
        self.connectors = [self._changed(connector) for connector in self.connectors]
        dice.shuffle(self.connectors)
        readings: list[SiteReading] = []
        if self.rules.has_meter and dice.random() < 0.8:
            times = sorted(dice.randint(began_ms, self.now_ms) for _ in range(dice.randint(1, 3)))
            readings = [SiteReading(moment_ms, self._loads()) for moment_ms in times]
        return Facts(self.rules, tuple(self.connectors), tuple(readings), self.peak_ma)

    def _loads(self) -> PerPhase:
        first, second, third = (self.dice.randint(-20_000, 40_000) for _ in ALL_PHASES)
        return first, second, third

    def _connector(self, index: int) -> Connector:
        dice = self.dice
        names = [name for name in self.rules.groups if dice.random() < 0.6]
        return Connector(
            (f"p{index}", 1),
            dice.choice(((0, 1, 2), (2, 0, 1), (0,), (1,), (2,))),
            dice.choice((6_000, 6_000, 8_000)),
            dice.choice((16_000, 16_000, 32_000)),
            dice.choice((0, 0, 5)),
            tuple(names[:1]),
        )

    def _changed(self, connector: Connector) -> Connector:
        dice, now_ms, roll = self.dice, self.now_ms, self.dice.random()
        if roll < 0.08:
            is_late, is_paused = dice.random() < 0.2, dice.random() < 0.2
            session = Session(dice.randrange(1_000_000), now_ms, is_late, is_paused)
            return connector._replace(session=None if connector.session else session)
        if roll < 0.4 and connector.session:
            count = len(connector.phases)
            currents = tuple(dice.choice((0, 6_000, 10_300, 16_000, 16_700)) for _ in range(count))
            measured_ms = now_ms - dice.choice((0, 2_000, 30_000, 700_000))
            return connector._replace(
                observed=Observed(currents, measured_ms, is_of_phases=dice.random() < 0.8)
            )
        if roll < 0.6:
            # An answer comes, perhaps to an older limit.
            limit_ma = dice.choice((0, 6_000, 9_000, 16_000))
            until_ms = dice.choice((None, now_ms + 900_000, now_ms - 1))
            return connector._replace(
                installed=Installed(dice.choice((None, 0, 6_000)), limit_ma, until_ms, now_ms)
            )
        if roll < 0.7:
            return connector._replace(
                is_connected=dice.random() < 0.8,
                refuses=dice.random() < 0.1,
                is_silent=dice.random() < 0.1,
                is_vouched=dice.random() < 0.1,
                keeps_last=dice.random() < 0.1,
                writes=dice.choice((0, 10, 299, 400)),
                chosen_ma=dice.choice((None, None, None, 0, 6_000, 10_000)),
            )
        return connector


def steps_of(seed: int, count: int = 60) -> list[Step]:
    site, state, steps = RandomSite(seed), State(), []
    for _ in range(count):
        facts = site.facts()
        decision = decide(state, facts, site.now_ms)
        steps.append(Step(facts, site.now_ms, decision))
        state = decision.state
    return steps


def points_of(decision: Decision) -> Mapping[Key, SetPoint]:
    return {point.key: point for point in decision.set_points}


def house_of(step: Step) -> PerPhase:
    """Return the load of the house that a decision must leave room for."""
    rules, facts = step.facts.rules, step.facts
    assert rules is not None
    if step.decision.house_ma is not None:
        return step.decision.house_ma
    if rules.has_meter and facts.peak_ma is not None:
        first, second, third = facts.peak_ma
        return max(first, 0), max(second, 0), max(third, 0)
    stated_ma = rules.house_ma
    if stated_ma is None:
        stated_ma = (rules.limit_ma or 0) // 2 if rules.has_meter else 0
    return stated_ma, stated_ma, stated_ma


def room(step: Step, name: str | None, phase: int) -> int:
    """Return the current for cars on a phase of a group, or of the site."""
    rules = step.facts.rules
    assert rules is not None
    if name is not None:
        return rules.groups[name].limit_ma
    assert rules.limit_ma is not None
    return rules.limit_ma - house_of(step)[phase]


def limits_of(step: Step) -> list[tuple[str | None, int]]:
    rules = step.facts.rules
    assert rules is not None
    names: list[str | None] = [*rules.groups]
    if rules.limit_ma is not None:
        names.append(None)
    return [(name, phase) for name in names for phase in ALL_PHASES]


def behind(step: Step, name: str | None, phase: int) -> list[tuple[Connector, SetPoint]]:
    points = points_of(step.decision)
    return [
        (connector, points[connector.key])
        for connector in step.facts.connectors
        if connector.key in points
        and phase in connector.phases
        and (name is None or name in connector.groups)
    ]


SEEDS = st.integers(0, 1 << 32)


@given(SEEDS)
def test_each_limit_is_0_or_in_the_range_of_its_connector(seed: int) -> None:
    for step in steps_of(seed):
        points = points_of(step.decision)
        for connector in step.facts.connectors:
            point = points.get(connector.key)
            if point is None:
                continue
            session, rules = connector.session, step.facts.rules
            is_limited = bool(connector.groups) or (rules and rules.limit_ma) is not None
            # A limit that a person chose for a charger behind no other one is its base.
            is_live = session is not None and not session.is_late and is_limited
            assert (point.limit_ma is not None) == is_live, point
            for limit_ma in (point.limit_ma, point.base_ma):
                if limit_ma:
                    assert connector.min_ma <= limit_ma <= connector.max_ma, point
                    assert limit_ma % 1_000 == 0, point
            if point.limit_ma and connector.chosen_ma is not None:
                assert point.limit_ma <= connector.chosen_ma, point


@given(SEEDS)
def test_limits_fit_each_phase_beside_all_that_keeps_none(seed: int) -> None:
    for step in steps_of(seed):
        states = step.decision.state.connectors
        for name, phase in limits_of(step):
            total_ma, followers = 0, []
            for connector, point in behind(step, name, phase):
                used = states[connector.key].used or connector.phases
                if point.standing in FOLLOWERS and point.limit_ma is not None:
                    total_ma += point.limit_ma if phase in used else 0
                    followers += [point] if point.limit_ma and phase in used else []
                else:
                    total_ma += point.reckoned_ma[phase]
            if followers and is_lowering_enough(step, name):
                assert total_ma <= room(step, name, phase), describe(step, name, phase)


def is_lowering_enough(step: Step, name: str | None) -> bool:
    """Return True if a decision need not bear with the imprecision of a measured house."""
    return name is not None or step.decision.house_ma is None


@given(SEEDS)
def test_no_limit_rises_into_what_others_may_still_draw(seed: int) -> None:
    before: Mapping[Key, SetPoint] = {}
    for step in steps_of(seed):
        points = points_of(step.decision)
        for name, phase in limits_of(step):
            others = behind(step, name, phase)
            reckoned_ma = sum(point.reckoned_ma[phase] for _, point in others)
            for connector, point in others:
                former = before.get(connector.key)
                # Its charger may keep a higher limit of before: then this one lowers it.
                least_ma = max(former.limit_ma or 0 if former else 0, kept_ma(connector, step))
                is_rise = point.standing in FOLLOWERS and (point.limit_ma or 0) > least_ma
                if is_rise and point.reckoned_ma[phase]:
                    own_ma = (point.limit_ma or 0) - point.reckoned_ma[phase]
                    assert reckoned_ma + own_ma <= room(step, name, phase), describe(
                        step, name, phase
                    )
        before = points


def kept_ma(connector: Connector, step: Step) -> int:
    """Return the limit that a charger keeps by what it has accepted."""
    installed, limit_ma = connector.installed, connector.installed.working_ma
    until_ms = installed.working_until_ms
    if limit_ma is None or (until_ms is not None and step.now_ms >= until_ms):
        limit_ma = installed.base_ma
    return connector.max_ma if limit_ma is None else limit_ma


@given(SEEDS)
def test_bases_fit_beside_the_house_at_its_worst(seed: int) -> None:
    for step in steps_of(seed):
        known = step._replace(decision=step.decision._replace(house_ma=None))
        for name, phase in limits_of(step):
            pairs = behind(step, name, phase)
            total_ma = sum(
                point.base_ma or 0 if point.standing in (*FOLLOWERS, "away") else connector.max_ma
                for connector, point in pairs
            )
            if any(point.base_ma for _, point in pairs if point.standing in FOLLOWERS):
                assert total_ma <= room(known, name, phase), describe(step, name, phase)


@given(SEEDS)
def test_nobody_is_raised_without_a_trusted_meter(seed: int) -> None:
    before: Mapping[Key, SetPoint] = {}
    for step in steps_of(seed):
        points = points_of(step.decision)
        if step.decision.meter in (METER_SILENT, METER_FROZEN, METER_REVERSED):
            for key, point in points.items():
                former = before.get(key)
                if former is not None and former.limit_ma and point.standing in FOLLOWERS:
                    assert (point.limit_ma or 0) <= former.limit_ma, describe(step)
        before = points


@given(SEEDS, st.randoms(use_true_random=False))
def test_the_order_of_connectors_does_not_matter(seed: int, dice: random.Random) -> None:
    state = State()
    for step in steps_of(seed, 30):
        connectors = list(step.facts.connectors)
        dice.shuffle(connectors)
        facts = step.facts._replace(connectors=tuple(connectors))
        decision = decide(state, facts, step.now_ms)
        assert points_of(decision) == points_of(step.decision)
        state = step.decision.state


@given(SEEDS)
def test_a_state_is_the_same_after_it_was_stored(seed: int) -> None:
    for step in steps_of(seed, 30):
        assert state_of(state_text(step.decision.state)) == step.decision.state


def describe(step: Step, name: str | None = None, phase: int = 0) -> str:
    points = "\n  ".join(map(str, step.decision.set_points))
    return (
        f"{name or 'site'} L{phase + 1}, house {house_of(step)}, {step.decision.meter}\n"
        f"  {step.facts.rules}\n  {points}"
    )
