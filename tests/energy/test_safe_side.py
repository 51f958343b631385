"""Decisions stay on the safe side: of lost answers, absences, clocks, units, and wrong meters."""

import pytest

from shocpp.energy.controller import decide
from shocpp.energy.model import (
    AWAY,
    IGNORES,
    METER_GOOD,
    METER_IMPLAUSIBLE,
    METER_NEW,
    METER_SILENT,
    Connector,
    Facts,
    GroupRules,
    Installed,
    Observed,
    PerPhase,
    Session,
    SetPoint,
    SiteReading,
    SiteRules,
)
from shocpp.energy.state.model import ConnectorState, Decision, State

NOW_MS = 1_798_761_600_000
BASE = Installed(6_000, accepted_ms=NOW_MS - 600_000)
STATIC = SiteRules(32_000)
METERED = SiteRules(35_000, has_meter=True)


def connector(name: str, **members: object) -> Connector:
    """Return a connector with a base of 6 A, whose car began ten minutes ago."""
    session = Session(1, NOW_MS - 600_000)
    observed = Observed((0, 0, 0), NOW_MS - 1_000)
    one = Connector((name, 1), session=session, installed=BASE, observed=observed)
    return one._replace(**members)  # type: ignore[arg-type]


def points_of(decision: Decision) -> dict[str, SetPoint]:
    return {point.key[0]: point for point in decision.set_points}


def run(rules: SiteRules, *connectors: Connector, seconds: int = 20) -> dict[str, SetPoint]:
    """Return the set points after some decisions with the same facts; a meter reads 10 A."""
    state, decision = State(), None
    for second in range(0, seconds + 1, 5):
        now_ms = NOW_MS + 1_000 * second
        readings = (SiteReading(now_ms, (10_000 + second, 10_000, 10_000)),)
        facts = Facts(rules, connectors, readings if rules.has_meter else ())
        decision = decide(state, facts, now_ms)
        state = decision.state
    assert decision is not None
    return points_of(decision)


@pytest.mark.parametrize("name", ["site", "own", "unbalance", "no room"])
def test_a_group_may_have_any_name(name: str) -> None:
    rules = SiteRules(None, groups={name: GroupRules(14_000)})
    cars = [connector(f"p{number}", groups=(name,)) for number in range(2)]
    points = run(rules, *cars)
    assert {point.limit_ma for point in points.values()} == {7_000}
    assert points["p0"].reason == ("shares", {"cars": 2, "total_a": 14, "where": name})


def test_a_raise_whose_answer_is_lost_counts() -> None:
    pending = BASE._replace(working_ma=6_000, working_until_ms=NOW_MS + 900_000, pending_ma=26_000)
    away = connector("away", is_connected=False, installed=pending)
    points = run(STATIC, away, connector("here"))
    assert points["away"].reckoned_ma == (26_000,) * 3
    assert points["here"].limit_ma == 6_000
    over = pending._replace(pending_until_ms=NOW_MS - 1)
    assert run(STATIC, away._replace(installed=over), connector("here"))["here"].limit_ma == 26_000


def test_a_charger_that_ignored_limits_counts_with_its_maximum_while_it_is_away() -> None:
    away = connector("away", is_connected=False, max_ma=20_000)
    state = State({away.key: ConnectorState(transaction_id=1, ignores=True)})
    facts = Facts(STATIC, (away, connector("here")))
    points = points_of(decide(state, facts, NOW_MS))
    assert (points["away"].standing, points["away"].reckoned_ma) == (AWAY, (20_000,) * 3)
    assert points["here"].limit_ma == 12_000
    # Its base is none to rely on, either.
    assert points["here"].base_ma == 6_000


def test_a_late_session_counts_with_what_its_charger_may_draw() -> None:
    late = connector("late", session=Session(1, NOW_MS, is_late=True))
    assert run(STATIC, late, connector("here"))["here"].limit_ma == 26_000


def test_a_charger_without_a_base_gets_the_fallback_and_takes_the_bases_of_others() -> None:
    loose = connector(
        "loose", keeps_last=True, takes_base=False, installed=Installed(), max_ma=27_000
    )
    points = run(STATIC, loose, connector("here"))
    assert points["loose"].limit_ma in (0, 6_000)
    assert points["here"].base_ma == 0


def test_a_current_without_a_session_counts_without_a_meter() -> None:
    unseen = connector("unseen", session=None, observed=Observed((16_000,) * 3, NOW_MS))
    assert run(STATIC, unseen, connector("here"))["here"].limit_ma == 16_000


def test_a_limit_in_watts_may_be_carried_by_one_phase() -> None:
    cars = [
        connector(f"p{number}", is_in_watt=True, max_ma=16_000, observed=None, is_vouched=True)
        for number in range(2)
    ]
    points = run(STATIC, *cars)
    # 4 140 W are 6 A on three phases, and 16 A is the most that one takes.
    assert [point.limit_ma for point in points.values()] == [6_000, 6_000]
    third = connector("p2", is_in_watt=True, max_ma=16_000, observed=None, is_vouched=True)
    assert [point.limit_ma for point in run(STATIC, *cars, third).values()].count(0) == 1


def test_a_meter_of_the_sum_counts_a_car_once() -> None:
    car = connector(
        "here",
        max_ma=16_000,
        installed=BASE._replace(working_ma=6_000, working_until_ms=NOW_MS + 900_000),
        observed=Observed((6_000,) * 3, NOW_MS - 1_000),
    )
    state = State()
    for second in range(0, 90, 5):
        now_ms = NOW_MS + 1_000 * second
        # 5 A of the house, and three times 6 A of the car.
        reading = SiteReading(now_ms, (23_000 + second,) * 3, is_sum=True)
        observed = Observed((6_000,) * 3, now_ms)
        facts = Facts(METERED, (car._replace(observed=observed),), (reading,))
        decision = decide(state, facts, now_ms)
        state = decision.state
    assert decision.meter == METER_GOOD
    assert decision.house_ma == (5_085, 5_085, 5_085)
    assert points_of(decision)["here"].limit_ma == 16_000


def test_a_meter_that_no_fuse_could_bear_is_not_believed() -> None:
    state, rules = State(), METERED
    for second in range(0, 30, 5):
        now_ms = NOW_MS + 1_000 * second
        reading: PerPhase = (690_000 + second, 920_000, -506_000)
        facts = Facts(rules, (connector("here"),), (SiteReading(now_ms, reading),))
        decision = decide(state, facts, now_ms)
        state = decision.state
    assert (decision.meter, decision.house_ma) == (METER_IMPLAUSIBLE, None)
    assert points_of(decision)["here"].reason.key == "fallback_implausible"


def test_a_meter_is_silent_after_the_clock_was_set_back() -> None:
    state = State()
    for second in range(0, 30, 5):
        now_ms = NOW_MS + 1_000 * second
        reading = SiteReading(now_ms, (10_000 + second, 10_000, 10_000))
        decision = decide(state, Facts(METERED, (connector("here"),), (reading,)), now_ms)
        state = decision.state
    assert decision.meter == METER_GOOD
    hour_before_ms = NOW_MS - 3_600_000
    car = connector("here", session=Session(1, hour_before_ms - 1_000))
    for second in (0, 5):
        facts = Facts(METERED, (car,))
        decision = decide(state, facts, hour_before_ms + 1_000 * second)
        state = decision.state
    assert decision.meter in (METER_NEW, METER_SILENT)


def test_a_power_that_stays_after_a_lower_limit_is_one_of_a_charger_that_ignores_it() -> None:
    car = connector("here", max_ma=16_000)
    state = State()
    for second in range(0, 120, 5):
        now_ms = NOW_MS + 1_000 * second
        limit_ma = 16_000 if second < 60 else 6_000
        accepted_ms = NOW_MS - 60_000 if second < 60 else NOW_MS + 60_000
        # 3 680 W on one phase, spread over three by a report that does not say so.
        observed = Observed((5_333,) * 3, now_ms, is_of_phases=False)
        installed = BASE._replace(
            working_ma=limit_ma, working_until_ms=NOW_MS + 900_000, accepted_ms=accepted_ms
        )
        facts = Facts(STATIC, (car._replace(observed=observed, installed=installed),))
        decision = decide(state, facts, now_ms)
        state = decision.state
    assert points_of(decision)["here"].standing == IGNORES


def test_a_charger_that_reports_too_much_makes_no_room_for_others() -> None:
    working = BASE._replace(working_ma=16_000, working_until_ms=NOW_MS + 900_000)
    # It draws 16 A, and reports the sum of its phases as the current of each.
    loud = connector("loud", max_ma=16_000, installed=working)
    true = connector("true", max_ma=16_000, installed=working)
    state = State({loud.key: ConnectorState(transaction_id=1, ignores=True, limit_ma=16_000)})
    for second in range(0, 60, 5):
        now_ms = NOW_MS + 1_000 * second
        reading = SiteReading(now_ms, (42_000 + second,) * 3)
        connectors = (
            loud._replace(observed=Observed((48_000,) * 3, now_ms)),
            true._replace(observed=Observed((16_000,) * 3, now_ms)),
        )
        decision = decide(state, Facts(METERED, connectors, (reading,)), now_ms)
        state = decision.state
    assert decision.meter == METER_GOOD
    # The meter says 8 A too much.
    assert points_of(decision)["true"].limit_ma <= 8_000
