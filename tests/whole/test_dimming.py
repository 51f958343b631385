"""Dimming by the grid operator over real sockets (§ 14a EnWG): two cars, a server that is killed.

The chargers are those of `test_power_limits.py`: two kinds that share no code.
"""

import contextlib
import json
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from tests.world.home import Home
from tests.world.limits import device
from tests.world.machine import wait_for
from tests.world.power.drawing_car import Car
from tests.world.power.limited_site import LimitedSite, Watch
from tests.world.power.profile_charger import ProfileCharger
from tests.world.power.second_charger import SecondCharger
from tests.world.server import Server

Serve = Callable[..., Server]
Pair = tuple[ProfileCharger, SecondCharger]

DIMMED_S = 15
"""The longest time from the signal until the chargers keep it (acceptance case 9)."""

VOLT, PHASES = 230, 3


@pytest.fixture
def site(home: Home) -> LimitedSite:
    """A site without a limit yet."""
    return LimitedSite(home)


@contextlib.contextmanager
def pair(server: Server) -> Iterator[Pair]:
    """One charger of each kind."""
    with (
        ProfileCharger(server, "one", Car(lag_s=0.5, step_a=1)) as one,
        SecondCharger(server.url("two"), "two") as two,
    ):
        yield one, two


def power_w(chargers: Pair) -> float:
    """Return the present power of all cars, which charge on three phases."""
    return PHASES * VOLT * sum(charger.drawn_a for charger in chargers)


def post(server: Server, *, dimmed: bool) -> None:
    """Post the signal of the grid operator."""
    body = json.dumps({"dimmed": dimmed}).encode()
    url = f"http://127.0.0.1:{server.port}/api/site"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def healthz(server: Server) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=5) as answer:
        return str(answer.read().decode())


def reasons(site: LimitedSite) -> set[str]:
    """Return the reasons of all set points as people read them."""
    run = site.home.run("shocpp", "site", "--json")
    return {one["reason"] for one in json.loads(run.stdout)["connectors"]}


def start_both(chargers: Pair) -> None:
    one, two = chargers
    one.start("1111")
    two.start("3333")
    wait_for(lambda: min(charger.drawn_a for charger in chargers) >= 13)


def test_two_cars_share_8_kilowatts(site: LimitedSite, serve: Serve) -> None:
    site.write(limit_a=63, house_a=0, dimmed_w=8300, dim={"posted": True})
    server = serve()
    with pair(server) as chargers:
        start_both(chargers)
        assert "grid operator" not in healthz(server)
        post(server, dimmed=True)
        wait_for(lambda: power_w(chargers) <= 8300, DIMMED_S)
        with Watch(lambda: power_w(chargers), 8300) as watch:
            wait_for(lambda: [charger.drawn_a for charger in chargers] == [6, 6], DIMMED_S)
            assert "The grid operator has been dimming since" in healthz(server)
            assert reasons(site) == {
                "6 A: der Netzbetreiber begrenzt alle Wallboxen zusammen auf 8300 W"
            }
            time.sleep(6)
            assert [charger.drawn_a for charger in chargers] == [6, 6]
        assert watch.longest_s == 0
        post(server, dimmed=False)
        wait_for(lambda: not any("Netzbetreiber" in reason for reason in reasons(site)), 10)
        assert "grid operator" not in healthz(server)
    run = site.home.run("shocpp", "site", "dimmings", "--json")
    (logged,) = json.loads(run.stdout)
    assert (logged["limit_w"], logged["source"]) == (8300, "posted")
    assert logged["seconds"] >= 6


def test_a_narrow_dimming_leaves_one_car_over_a_kill_of_the_server(
    site: LimitedSite, serve: Serve
) -> None:
    with device() as relay:
        relay.document = {"ison": False}
        dim = {"url": relay.url, "path": "ison", "every_s": 1}
        site.write(limit_a=63, house_a=0, dimmed_w=4200, dim=dim)
        server = serve()
        with pair(server) as chargers:
            start_both(chargers)
            relay.document = {"ison": True}
            wait_for(lambda: power_w(chargers) <= 4200, DIMMED_S)
            wait_for(lambda: sorted(one.drawn_a for one in chargers) == [0, 6], DIMMED_S)
            # The relay is gone, and its last state holds.
            relay.status = 500
            server.kill()
            server.restart()
            with Watch(lambda: power_w(chargers), 4200) as watch:
                wait_for(lambda: "lost since" in healthz(server), 25)
                assert "The grid operator has been dimming since" in healthz(server)
                assert max(charger.drawn_a for charger in chargers) == 6
            assert watch.longest_s == 0
    (logged,) = site.home.query("SELECT source, ended_ms FROM dimming")
    assert logged == ("polled", None)
