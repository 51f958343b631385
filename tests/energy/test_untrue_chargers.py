"""Chargers that refuse, ignore or do not answer, cars that take too much, and late messages."""

from itertools import pairwise

import pytest

from shocpp.energy.controller import decide
from shocpp.energy.model import (
    FOLLOWS,
    IGNORES,
    REFUSES,
    SILENT,
    UNVERIFIABLE,
    VERIFYING,
    GroupRules,
    PerPhase,
    SiteRules,
)
from tests.world.power.cars import Car
from tests.world.power.chargers import Answers, Charger, Reports
from tests.world.power.house import Appliance, House, busy_house
from tests.world.power.meter import Meter
from tests.world.power.simulation import Remembering, Simulation

HOUR_S = 3_600
QUIET: PerPhase = (1_000, 1_000, 1_000)
LIMIT_MA = 25_000


def site(*chargers: Charger, limit_ma: int = LIMIT_MA, house: House | None = None) -> Simulation:
    simulation = Simulation(
        Remembering(decide),
        SiteRules(limit_ma, has_meter=True),
        chargers,
        house or House(QUIET),
        Meter(),
        peak_ma=QUIET,
    )
    # The chargers get their bases before a car comes.
    return simulation.run(60)


@pytest.mark.parametrize("plugged_s", [601, 603])
@pytest.mark.parametrize(
    ("answers", "reports", "standing"),
    [
        (Answers.REFUSES, Reports.CURRENTS, REFUSES),
        (Answers.SILENT, Reports.CURRENTS, SILENT),
        (Answers.IGNORES, Reports.CURRENTS, IGNORES),
        (Answers.IGNORES, Reports.POWER, IGNORES),
        (Answers.KEEPS, Reports.NOTHING, UNVERIFIABLE),
    ],
)
def test_an_untrue_charger_is_reckoned_at_its_maximum_within_60_s(
    answers: Answers, reports: Reports, standing: str, plugged_s: int
) -> None:
    untrue = Charger("untrue", answers=answers, reports=reports)
    simulation = site(untrue, Charger("true"))
    simulation.plug("true")
    simulation.at(plugged_s, lambda of: of.plug("untrue"))
    simulation.run_until(plugged_s + 65)
    point = simulation.point("untrue")
    assert point.standing == standing, simulation.trace(plugged_s)
    assert point.reckoned_ma == (16_000,) * 3
    # 25 A less 1 A of margin, 1 A of the house and 16 A leave one least current.
    assert simulation.point("true").limit_ma in (0, 6_000)
    simulation.run(HOUR_S)
    assert simulation.overshoot(LIMIT_MA, plugged_s + 75).total_s == 0
    assert simulation.point("true").limit_ma == 6_000
    assert simulation.point("true").standing == FOLLOWS
    assert simulation.delivery.counts()["untrue", 1] < 100, "it is not asked for ever"


def test_a_car_that_stays_at_16_a_makes_its_charger_ignore_limits() -> None:
    stays = Charger("stays", Car(stays_ma=16_000))
    simulation = site(stays, Charger("true"))
    simulation.plug("stays")
    simulation.at(300, lambda of: of.plug("true"))
    simulation.run(400)
    assert simulation.point("stays").standing == IGNORES, simulation.trace(290)
    assert simulation.point("true").limit_ma == 6_000
    assert simulation.overshoot(LIMIT_MA).longest_s <= 12, simulation.trace(290)


def test_a_charger_that_stays_low_is_not_named() -> None:
    low = Charger("low", stays_ma=6_000)
    simulation = site(low, Charger("true"), limit_ma=35_000)
    simulation.plug()
    simulation.run(900)
    assert simulation.point("low").standing == FOLLOWS
    assert simulation.loads[-1] == (23_000,) * 3, simulation.trace()


def test_a_charger_that_is_vouched_for_shares_without_reports() -> None:
    mute = Charger("mute", reports=Reports.NOTHING, is_vouched=True)
    simulation = site(mute, Charger("true"))
    simulation.plug()
    simulation.run(600)
    assert simulation.point("mute").standing == FOLLOWS
    assert simulation.loads[-1] == (23_000,) * 3, simulation.trace()


@pytest.mark.parametrize(
    "car",
    [
        Car(excess_ma=700),
        Car(spread_ma=700),
        Car(phases=2),
        Car(step_ma=1_000, lag_s=8),
        Car(slow_s=45),
        Car(least_ma=8_000),
        Car(wants_wh=2_000),
    ],
    ids=["excess", "spread", "two phases", "slow steps", "late phases", "zoe", "full"],
)
def test_an_odd_car_is_not_named_and_holds_the_fuse(car: Car) -> None:
    simulation = site(Charger("odd", car), Charger("true"), house=busy_house(3, HOUR_S))
    simulation.plug()
    simulation.run(HOUR_S)
    assert {points["odd", 1].standing for _, points in simulation.points} <= {FOLLOWS, VERIFYING}, (
        simulation.trace()
    )
    assert simulation.overshoot(LIMIT_MA).longest_s <= 12 + car.lag_s - 3, simulation.trace()
    # A house of 14 A leaves room for one car at least.
    assert simulation.chargers["true"].car.taken_wh > 3_000


def test_50_pauses_in_a_day_are_one_transaction() -> None:
    garage = Charger("garage")
    simulation = site(garage, limit_ma=35_000)
    simulation.plug()
    period_s = 900
    for pause in range(50):
        begins_s = 600 + pause * period_s
        simulation.at(begins_s, lambda of: choose(garage, 0))
        simulation.at(begins_s + 300, lambda of: choose(garage, None))
    paused, resumed = 0, 0
    for pause in range(50):
        begins_s = 600 + pause * period_s
        simulation.run_until(begins_s + 60)
        paused += garage.drawn_ma == (0, 0, 0)
        simulation.run_until(begins_s + 300 + 60)
        resumed += garage.drawn_ma == (16_000, 16_000, 16_000)
    assert (paused, resumed) == (50, 50), simulation.trace(0, 2 * period_s)
    assert garage.session is not None
    assert garage.session.transaction_id == 1
    assert simulation.delivery.counts()["garage", 1] <= 300


def test_a_late_start_has_no_limit_of_its_own() -> None:
    late = Charger("late")
    simulation = site(late, Charger("true"))
    simulation.plug("true")
    simulation.at(600, lambda of: of.plug("late", is_late=True))
    simulation.run(900)
    point = simulation.point("late")
    assert point.limit_ma is None
    assert point.reason.key == "late_start"
    assert not [w for w in simulation.delivery.written if w.key == late.key and not w.is_base]


def test_a_chosen_limit_works_without_a_site() -> None:
    garage = Charger("garage", chosen_ma=10_000)
    simulation = Simulation(Remembering(decide), None, [garage])
    simulation.plug()
    simulation.run(300)
    assert garage.drawn_ma == (10_000,) * 3, simulation.trace()
    assert simulation.point("garage").reason.key == "chosen"


def test_writes_are_capped_and_reductions_leave_at_once() -> None:
    """A house that never rests: a kettle of half a minute each three minutes."""
    kettles = [Appliance(at, at + 30, (10_000, 0, 0)) for at in range(60, 12 * HOUR_S, 180)]
    house = House(QUIET, kettles)
    simulation = site(*(Charger(f"p{n}") for n in range(2)), limit_ma=35_000, house=house)
    simulation.plug()
    simulation.run(12 * HOUR_S)
    written = [one for one in simulation.delivery.written if one.key == ("p0", 1)]
    assert len(written) > 330, "the house is restless enough to reach the cap"
    raised = [
        after.second
        for before, after in pairwise(written[300:])
        if not after.is_base and after.limit_ma > before.limit_ma
    ]
    assert len(raised) > 5
    assert min(later - earlier for earlier, later in pairwise(raised)) >= 300
    assert simulation.overshoot(35_000).longest_s <= 12


def test_a_server_that_starts_again_raises_nobody_above_the_fuse() -> None:
    simulation = site(Charger("garage"), Charger("yard"))
    simulation.plug()
    for _ in range(3):
        simulation.run(600)
        simulation.controller = Remembering(decide)
    simulation.run(600)
    assert simulation.overshoot(LIMIT_MA).longest_s <= 12, simulation.trace()
    assert simulation.loads[-1] == (23_000,) * 3


def test_a_charger_that_is_away_keeps_what_it_has() -> None:
    away = Charger("away")
    simulation = site(away, Charger("true"))
    simulation.plug()
    simulation.run(600)
    away.is_connected = False
    simulation.run(300)
    assert simulation.point("away").standing == "away"
    assert simulation.overshoot(LIMIT_MA).longest_s <= 12, simulation.trace()
    simulation.run(900)
    assert away.drawn_ma == (6_000,) * 3, "its working limit has ended"
    away.is_connected = True
    simulation.run(600)
    assert simulation.loads[-1] == (23_000,) * 3, simulation.trace(600)


def test_chargers_that_are_away_for_a_moment_go_on_with_what_they_have() -> None:
    """As all are while the server starts again. Nobody has reported the car that has just begun."""
    one, new = Charger("one"), Charger("new", reports_every_s=60)
    simulation = site(one, new)
    simulation.plug("one")
    simulation.run_until(721)
    simulation.plug("new")
    simulation.run(20)
    assert simulation.point("new").limit_ma == 6_000, simulation.trace(700)
    for charger in (one, new):
        charger.is_connected = False
    simulation.run(15)
    for charger in (one, new):
        charger.is_connected = True
    simulation.run(300)
    assert min(limit_ma or 0 for _, limit_ma in simulation.limits("new", 730)) == 6_000


def test_a_charger_that_is_away_is_not_raised() -> None:
    """Others leave meanwhile; it gets their current once it is there to be sent it."""
    away, other = Charger("away"), Charger("other")
    simulation = site(away, other)
    simulation.plug()
    simulation.run(600)
    away.is_connected = False
    simulation.run(20)
    other.unplug()
    simulation.run(200)
    assert simulation.point("away").limit_ma == 11_000, simulation.trace(600)
    away.is_connected = True
    simulation.run(120)
    assert simulation.point("away").limit_ma == 16_000, simulation.trace(600)


def test_a_charger_that_comes_back_is_not_accused() -> None:
    """Its working limit has ended meanwhile, and its newest current is of before."""
    back = Charger("back")
    simulation = site(back, Charger("true"), limit_ma=35_000)
    simulation.plug()
    simulation.run(600)
    back.is_connected = False
    simulation.run(1_200)
    back.is_connected = True
    came_s = simulation.second
    simulation.run(600)
    standings = {points["back", 1].standing for at, points in simulation.points if at > came_s}
    assert standings <= {FOLLOWS, VERIFYING}, simulation.trace(came_s - 10)


@pytest.mark.parametrize("limit_a", [6, 7, 11, 12])
def test_a_group_of_hardly_any_current_serves_by_turns(limit_a: int) -> None:
    chargers = [Charger(f"p{n}", groups=("hut",)) for n in range(2)]
    rules = SiteRules(None, groups={"hut": GroupRules(limit_a * 1000)})
    simulation = Simulation(Remembering(decide), rules, chargers).run(60)
    simulation.plug()
    simulation.run(2 * HOUR_S)
    assert simulation.overshoot(limit_a * 1000).total_s == 0, simulation.trace(0, 1_200)
    assert min(charger.car.charged_s for charger in chargers) > 1_800


def choose(charger: Charger, limit_ma: int | None) -> None:
    charger.chosen_ma = limit_ma
