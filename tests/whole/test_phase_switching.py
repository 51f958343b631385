"""Phases are switched over real sockets: two kinds of chargers, at a site that is dimmed.

A dimmed site without room for three phases wants one at once, so that no test waits for the sun.
"""

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.power.limited_site import LimitedSite
from tests.world.power.profile_charger import PHASE_MODE, Contactor, ProfileCharger
from tests.world.power.second_charger import SecondCharger
from tests.world.server import Server

Serve = Callable[..., Server]

PAUSE_S = 60
BY_PROFILE = {"phase_switch": {"means": "number_phases", "pause_s": PAUSE_S}}
BY_KEY = {
    "phase_switch": {"means": {"key": PHASE_MODE, "one": "1", "three": "3"}, "pause_s": PAUSE_S}
}
SOON_S = 15
"""Two ticks, and the time of a Call."""


@pytest.fixture
def site(home: Home) -> LimitedSite:
    return LimitedSite(home)


def dim(server: Server, *, is_dimmed: bool) -> None:
    """Post the signal of the grid operator."""
    body = json.dumps({"dimmed": is_dimmed}).encode()
    url = f"http://127.0.0.1:{server.port}/api/site"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def write(site: LimitedSite, dimmed_w: int, **chargers: dict[str, Any]) -> None:
    site.chargers(**chargers)
    site.write(limit_a=63, house_a=0, dimmed_w=dimmed_w, dim={"posted": True})


def changes(charger: ProfileCharger) -> list[tuple[int, float]]:
    """Return the phases of each change, and the current of the car in that moment."""
    return [(phases, drawn_a) for _, phases, drawn_a in charger.outlets[1].moves]


@pytest.mark.timeout(240)
def test_dimmed_chargers_go_on_with_one_phase_after_a_pause(
    site: LimitedSite, serve: Serve
) -> None:
    write(site, 4_140, one=BY_PROFILE, two=BY_PROFILE, three=BY_KEY)
    server = serve()
    with (
        ProfileCharger(server, "one", contactor=Contactor.BY_PROFILE) as one,
        SecondCharger(server.url("two"), "two") as two,
        ProfileCharger(server, "three", contactor=Contactor.BY_KEY) as three,
    ):
        chargers = (one, two, three)
        for charger, id_tag in zip(chargers, ("1111", "3333", "5555"), strict=True):
            charger.start(id_tag)
        wait_for(lambda: all(charger.drawn_a == 16 for charger in chargers), SOON_S)
        write(site, 3_600, one=BY_PROFILE, two=BY_PROFILE, three=BY_KEY)
        dim(server, is_dimmed=True)
        wait_for(lambda: all(charger.drawn_a == 0 for charger in chargers), SOON_S)
        wait_for(
            lambda: (one.outlets[1].lines, two.lines, three.outlets[1].lines) == (1, 1, 1), PAUSE_S
        )
        assert changes(one) == changes(three) == [(1, 0)]
        # There is room for two of the three, with 6 A first.
        wait_for(lambda: sum(charger.drawn_a > 0 for charger in chargers) == 2, PAUSE_S + SOON_S)
        time.sleep(SOON_S)
        assert 12 <= sum(charger.drawn_a for charger in chargers) <= 3_600 / 230


@pytest.mark.timeout(240)
def test_chargers_that_refuse_or_ignore_a_switch_do_not_charge_on_three_phases(
    site: LimitedSite, serve: Serve
) -> None:
    write(site, 4_140, refusing=BY_PROFILE, ignoring=BY_PROFILE)
    server = serve()
    with (
        ProfileCharger(server, "refusing", contactor=Contactor.REFUSES) as refusing,
        ProfileCharger(server, "ignoring", contactor=Contactor.FIXED) as ignoring,
    ):
        chargers = (refusing, ignoring)
        for charger, id_tag in zip(chargers, ("1111", "3333"), strict=True):
            charger.start(id_tag)
        wait_for(lambda: all(charger.drawn_a == 16 for charger in chargers), SOON_S)
        write(site, 3_600, refusing=BY_PROFILE, ignoring=BY_PROFILE)
        dim(server, is_dimmed=True)
        wait_for(lambda: all(charger.drawn_a == 0 for charger in chargers), SOON_S)
        wait_for(lambda: ignoring.drawn_a, PAUSE_S + SOON_S)
        assert ignoring.drawn_a == 6, "the least current shows what the charger does"
        wait_for(lambda: ignoring.drawn_a == 0, SOON_S)
        assert refusing.drawn_a == 0
        commands = site.home.query(
            "SELECT charge_point_id, accepted, refused_ms IS NOT NULL FROM phase_command"
            " JOIN charge_point ON charge_point.id = charge_point ORDER BY charge_point_id"
        )
        assert commands == [("ignoring", 1, 0), ("refusing", None, 1)]
