"""Limits that hold over real sockets: two kinds of simulated chargers, and a server as it is.

Both kinds keep charging profiles by OCPP 1.6 §3.13 and share no code. Their cars draw, lag and
round. Times are those of the product: it decides every 5 seconds with a site.json.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator

import pytest

from shocpp.clock import now_ms
from shocpp.site.choices.limits import choose_limit
from shocpp.store.database import open_database
from tests.world.commands import command
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.power.drawing_car import Car
from tests.world.power.limited_site import (
    FUSE_S,
    LimitedSite,
    Meter,
    Watch,
    total_a,
)
from tests.world.power.profile_charger import ProfileCharger
from tests.world.power.profile_stack import Rules
from tests.world.power.second_charger import SecondCharger
from tests.world.server import Server

Serve = Callable[..., Server]
Pair = tuple[ProfileCharger, SecondCharger]


@pytest.fixture
def site(home: Home) -> LimitedSite:
    """A site without a limit yet."""
    return LimitedSite(home)


@contextlib.contextmanager
def pair(server: Server, **options: object) -> Iterator[Pair]:
    """One charger of each kind."""
    with (
        ProfileCharger(server, "one", Car(lag_s=0.5, step_a=1), **options) as one,
        SecondCharger(server.url("two"), "two") as two,
    ):
        yield one, two


def test_three_chargers_share_20_amperes(site: LimitedSite, serve: Serve) -> None:
    site.write(limit_a=20)
    server = serve()
    with (
        pair(server) as (one, two),
        ProfileCharger(server, "three", Car(lag_s=1, max_a=32)) as three,
    ):
        chargers = (one, two, three)
        site.await_bases(dict.fromkeys(chargers, 6))
        with Watch(lambda: total_a(chargers), 20) as watch:
            one.start("1111")
            wait_for(lambda: one.drawn_a == 16)
            two.start("3333")
            wait_for(lambda: (one.drawn_a, two.drawn_a) == (10, 10))
            three.start("5555")
            wait_for(lambda: [charger.drawn_a for charger in chargers] == [6, 6, 6])
            points = wait_for(lambda: len(found := site.set_points()) == 3 and found)
            time.sleep(2)
            assert [charger.drawn_a for charger in chargers] == [6, 6, 6]
        assert watch.longest_s < FUSE_S
        assert {(point.limit_a, point.base_a) for point in points.values()} == {(6, 6)}
        assert all("20" in point.reason for point in points.values())


def test_a_working_limit_lies_above_a_base_and_ends_by_itself(
    site: LimitedSite, serve: Serve
) -> None:
    site.write(limit_a=26)
    server = serve()
    with pair(server) as chargers:
        site.await_bases(dict.fromkeys(chargers, 6))
        for charger in chargers:
            charger.start()
        wait_for(lambda: [charger.drawn_a for charger in chargers] == [13, 13])
        for charger in chargers:
            asked = '{"connectorId": 1, "duration": 1800}'
            run = command(site.home, "-c", charger.name, "GetCompositeSchedule", asked)
            schedule = json.loads(run.stdout)["chargingSchedule"]["chargingSchedulePeriod"]
            now, later = ((period["startPeriod"], period["limit"]) for period in schedule)
            assert now == (0, 13)
            assert later[1] == 6
            assert later[0] <= 900


def test_a_kettle_lowers_the_car_in_time_and_nothing_rises_after_it(
    site: LimitedSite, serve: Serve
) -> None:
    site.write(limit_a=35, house_a=10, meter={"posted": True})
    server = serve()
    with ProfileCharger(server, "one", Car(lag_s=1)) as one, Meter(server, [one], 10) as meter:
        wait_for(lambda: site.present().get("meter") == "good")
        one.start()
        wait_for(lambda: one.drawn_a == 16)
        with Watch(lambda: meter.load_a, 35) as watch:
            meter.house_a += 13
            wait_for(lambda: meter.load_a <= 35, FUSE_S)
            lowered_a = one.drawn_a
            meter.house_a -= 13
            time.sleep(7)
            assert one.drawn_a == lowered_a
        assert watch.longest_s < FUSE_S
        assert meter.errors == []
        assert lowered_a >= 6


RULES = {
    "default-only": Rules(purposes=("TxDefaultProfile",)),
    "level-0": Rules(max_level=0),
    "relative": Rules(kinds=("Relative",)),
    "watts": Rules(units=("W",)),
}


def test_chargers_that_take_other_profiles_get_what_they_take(
    site: LimitedSite, serve: Serve
) -> None:
    """Nothing names their make: what each refuses is learned.

    A relative limit has no end of its own that is sure, so that it may not exceed the base.
    """
    site.write(limit_a=40)
    server = serve()
    with contextlib.ExitStack() as stack:
        chargers = {
            name: stack.enter_context(ProfileCharger(server, name, rules=rules))
            for name, rules in RULES.items()
        }
        site.await_bases(dict.fromkeys(chargers.values(), 6))
        for charger in chargers.values():
            charger.start()
        wait_for(lambda: all(len(charger.stack.profiles) == 2 for charger in chargers.values()))
        points = wait_for(lambda: len(found := site.set_points()) == len(RULES) and found)
        assert {point.standing for point in points.values()} <= {"follows", "verifying"}
        limits = {name: round(charger.limit_a, 1) for name, charger in chargers.items()}
        assert limits.pop("watts") >= 6
        assert limits == {"default-only": 10, "level-0": 10, "relative": 6}


@pytest.mark.timeout(180)
def test_50_pauses_are_one_transaction_and_one_record(site: LimitedSite, serve: Serve) -> None:
    """No meter and no site.json: a limit that a person chooses."""
    server = serve()
    with pair(server) as chargers, open_database(site.home.database) as db:
        started = {charger.start() for charger in chargers}

        def choose(limit_ma: int | None, limit_a: float) -> None:
            for charger in chargers:
                choose_limit(
                    *(db, site.home.settings, charger.name, None, limit_ma, None),
                    by="anna",
                    now_ms=now_ms(),
                )
            wait_for(lambda: [charger.limit_a for charger in chargers] == [limit_a] * 2)

        for _ in range(50):
            choose(0, 0)
            choose(16_000, 16)
        wait_for(lambda: [charger.drawn_a for charger in chargers] == [16, 16])
        choose(None, 32)
        for charger in chargers:
            charger.stop()
    records = site.home.query("SELECT transaction_id, review FROM accounting")
    assert sorted(records) == sorted((transaction_id, None) for transaction_id in started)
