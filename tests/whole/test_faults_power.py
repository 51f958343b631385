"""Limits while meters, servers, databases, files and chargers fail.

The chargers are those of tests/world/power: two kinds that keep charging profiles by OCPP 1.6
§3.13, and those that refuse, are silent, ignore or forget.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.world.home import Home
from tests.world.machine import PATIENCE_S, wait_for
from tests.world.power.drawing_car import Car
from tests.world.power.limited_site import (
    LimitedSite,
    Meter,
    Watch,
    held_lock,
    leader_of,
    total_a,
)
from tests.world.power.profile_charger import Manner, Measurands, ProfileCharger
from tests.world.power.second_charger import SecondCharger
from tests.world.server import Server

Serve = Callable[..., Server]
TICK_S = 5
DEAD_MAN_S = 900
PROOF_S = 60
"""The time within which a charger that keeps no limits is named."""


@pytest.fixture
def site(home: Home) -> LimitedSite:
    """A site without a limit yet."""
    return LimitedSite(home)


# --- the meter ---


def test_a_silent_meter_lowers_to_the_fallback_and_nothing_rises(
    site: LimitedSite, serve: Serve
) -> None:
    stale_s = 10
    site.write(limit_a=35, house_a=10, stale_s=stale_s, meter={"posted": True})
    server = serve()
    with (
        ProfileCharger(server, "one") as one,
        SecondCharger(server.url("two"), "two") as two,
        Meter(server, (one, two), 9) as meter,
    ):
        wait_for(lambda: site.present().get("meter") == "good")
        for charger in (one, two):
            charger.start()
        wait_for(lambda: total_a((one, two)) == 24)
        with Watch(lambda: total_a((one, two)), 24) as watch:
            meter.is_silent = True
            wait_for(lambda: [one.drawn_a, two.drawn_a] == [6, 6], stale_s + 2 * TICK_S)
            assert site.present()["fallback"] == 1
            meter.is_silent = False
            wait_for(lambda: site.present()["fallback"] == 0)
            assert site.present()["meter"] == "good"
        assert watch.highest_a <= 24


# --- the server ---


def test_chargers_of_a_killed_server_fall_to_their_bases(site: LimitedSite, serve: Serve) -> None:
    """Each by its own clock, which is as far ahead as the server is away."""
    site.write(limit_a=26)
    server = serve()
    with (
        ProfileCharger(server, "one", Car(lag_s=0.5)) as one,
        SecondCharger(server.url("two"), "two") as two,
    ):
        chargers = (one, two)
        site.await_bases(dict.fromkeys(chargers, 6))
        for charger in chargers:
            charger.start()
        wait_for(lambda: [charger.drawn_a for charger in chargers] == [13, 13])
        server.kill()
        for charger in chargers:
            now, base = charger.composite(2 * DEAD_MAN_S)
            assert now == (0, 13)
            assert base[0] <= DEAD_MAN_S
            assert base[1] == 6
            charger.pass_time(DEAD_MAN_S)
        wait_for(lambda: [charger.drawn_a for charger in chargers] == [6, 6])


def test_twelve_chargers_of_a_killed_server_fit_the_limit(site: LimitedSite, serve: Serve) -> None:
    """Ten bases of 6 A fit 63 A: two chargers have none."""
    site.write(limit_a=63)
    server = serve()
    with contextlib.ExitStack() as stack:
        chargers = [
            stack.enter_context(ProfileCharger(server, f"charger-{number:02}"))
            for number in range(12)
        ]
        bases = [6] * 10 + [0] * 2
        site.await_bases(dict(zip(chargers, bases, strict=True)))
        for charger in chargers:
            charger.start()
        wait_for(lambda: sorted(charger.drawn_a for charger in chargers) == [0, 0] + [6] * 10)
        server.kill()
        for charger in chargers:
            charger.pass_time(DEAD_MAN_S)
        wait_for(lambda: [charger.drawn_a for charger in chargers] == bases)


def test_another_worker_leads_when_the_leading_one_is_killed(
    site: LimitedSite, serve: Serve
) -> None:
    site.write(limit_a=26)
    server = serve(GUNICORN_CMD_ARGS="--workers 2")
    wait_for(lambda: site.home.query("SELECT count(*) FROM worker") == [(2,)])
    with (
        ProfileCharger(server, "one") as one,
        SecondCharger(server.url("two"), "two") as two,
    ):
        site.await_bases({one: 6, two: 6})
        one.start()
        wait_for(lambda: one.drawn_a == 16)
        killed = wait_for(lambda: leader_of(server))
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: leader_of(server) not in (None, killed))
        # While a charger is away, its limit stays, and a higher one comes a minute later.
        held = "SELECT count(*) FROM connection JOIN worker USING (worker) WHERE pid <> ?"
        wait_for(lambda: site.home.query(held, killed) == [(2,)])
        two.start()
        wait_for(lambda: [one.drawn_a, two.drawn_a] == [13, 13])
        # One leader decides: no charger has got the same limit twice.
        sent = [json.dumps(fields["chargingSchedule"]) for fields in one.profiles_sent]
        assert len(sent) == len(set(sent))


def test_a_locked_database_delays_decisions_and_raises_nothing(
    site: LimitedSite, serve: Serve
) -> None:
    site.write(limit_a=26)
    server = serve()
    with (
        ProfileCharger(server, "one") as one,
        SecondCharger(server.url("two"), "two") as two,
    ):
        site.await_bases({one: 6, two: 6})
        one.start()
        wait_for(lambda: one.drawn_a == 16)
        before = site.present()["decided_at"]
        with held_lock(site.home):
            time.sleep(8)
            assert one.drawn_a == 16
        two.start()
        wait_for(lambda: [one.drawn_a, two.drawn_a] == [13, 13])
        assert site.present()["decided_at"] > before
        assert server.process.poll() is None


# --- the file ---


def test_a_broken_site_json_keeps_the_last_good_one_over_a_restart(
    site: LimitedSite, serve: Serve
) -> None:
    site.write(limit_a=26)
    server = serve()
    with ProfileCharger(server, "one", Car(max_a=32)) as one:
        site.await_bases({one: 6})
        one.start()
        wait_for(lambda: one.drawn_a == 26)
        site.write_text('{\n "limit_a": 26,\n "margin": 2\n}')
        check = site.home.run("shocpp", "check")
        assert "site.json, line 3" in check.stdout + check.stderr
        server.stop()
        server.restart()
        wait_for(lambda: (point := site.set_point("one")) and point.limit_a == 26)
        assert one.limit_a == 26


# --- chargers ---


@pytest.mark.timeout(150)
def test_chargers_that_keep_no_limit_are_named_and_count_with_their_maximum(
    site: LimitedSite, serve: Serve
) -> None:
    """One that reports no current is one of them, unless the operator vouches for it."""
    standings = {
        "rejects": "refuses",
        "knows-nothing": "refuses",
        "is-silent": "silent",
        "ignores": "ignores",
        "is-blind": "not verifiable",
    }
    site.write(limit_a=96)
    keys = {"max_a": 16}
    site.chargers(
        honest=keys, vouched=keys | {"follows_limits": True}, **dict.fromkeys(standings, keys)
    )
    server = serve()
    with contextlib.ExitStack() as stack:

        def charger(name: str, **habits: Any) -> ProfileCharger:
            return stack.enter_context(ProfileCharger(server, name, max_a=16, **habits))

        honest = charger("honest", measurands=Measurands.POWER)
        vouched = charger("vouched", measurands=Measurands.NOTHING)
        odd = [
            charger("rejects", manner=Manner.REJECTS),
            charger("knows-nothing", manner=Manner.KNOWS_NOTHING),
            charger("is-silent", manner=Manner.IS_SILENT),
            charger("ignores", manner=Manner.IGNORES),
            charger("is-blind", measurands=Measurands.NOTHING),
        ]
        site.await_bases({honest: 6, vouched: 6})
        for one in (honest, vouched, *odd):
            one.start()

        def present() -> dict[str, str]:
            return {name: site.set_points()[name].standing for name in standings}

        wait_for(lambda: present() == standings, PROOF_S + PATIENCE_S)
        wait_for(lambda: [honest.drawn_a, vouched.drawn_a] == [8, 8])
        points = site.set_points()
        assert {points[name].reckoned_a for name in standings} == {16}
        assert total_a((honest, vouched, *odd)) <= 96


def test_a_late_start_gets_no_profile(site: LimitedSite, serve: Serve) -> None:
    """The transaction of two hours ago may be over: OCPP 1.6 §5.16 wants its time checked."""
    site.write(limit_a=20)
    server = serve()
    with ProfileCharger(server, "one") as one:
        site.await_bases({one: 6})
        one.start(began_ago_s=7_200)
        wait_for(lambda: (point := site.set_point("one")) and "late" in point.reason)
        time.sleep(2 * TICK_S)
        purposes = {fields["chargingProfilePurpose"] for fields in one.profiles_sent}
        assert purposes == {"TxDefaultProfile"}


def test_a_charger_that_reconnects_keeps_its_limit(site: LimitedSite, serve: Serve) -> None:
    site.write(limit_a=26)
    server = serve()
    with (
        ProfileCharger(server, "one") as one,
        SecondCharger(server.url("two"), "two") as two,
    ):
        chargers = (one, two)
        site.await_bases(dict.fromkeys(chargers, 6))
        for charger in chargers:
            charger.start()
        wait_for(lambda: [charger.drawn_a for charger in chargers] == [13, 13])
        with Watch(lambda: total_a(chargers), 26) as watch:
            one.go_offline()
            wait_for(lambda: (point := site.set_point("one")) and point.standing == "away")
            time.sleep(TICK_S)
            # It may still draw its limit: nobody else gets it.
            assert [charger.limit_a for charger in chargers] == [13, 13]
            one.go_online()
            wait_for(lambda: (point := site.set_point("one")) and point.standing != "away")
            time.sleep(TICK_S)
            assert [charger.limit_a for charger in chargers] == [13, 13]
        assert watch.longest_s == 0


def test_a_charger_that_forgets_its_limits_gets_them_again(site: LimitedSite, serve: Serve) -> None:
    """As a go-eCharger with firmware 56.2 does (go-eCharger-API-v2#217)."""
    site.write(limit_a=26)
    site.chargers(one={"max_a": 16}, two={"max_a": 16})
    server = serve()
    with (
        ProfileCharger(server, "one", manner=Manner.FORGETS) as one,
        SecondCharger(server.url("two"), "two") as two,
    ):
        site.await_bases({one: 6, two: 6})
        for charger in (one, two):
            charger.start()
        wait_for(lambda: [one.drawn_a, two.drawn_a] == [13, 13])
        one.go_offline()
        wait_for(lambda: one.drawn_a == 16)
        one.go_online()
        with Watch(lambda: total_a((one, two)), 26) as watch:
            wait_for(lambda: total_a((one, two)) <= 26, PROOF_S)
        assert watch.longest_s < PROOF_S
