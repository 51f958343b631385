"""A day of sun end to end: three cars, a meter and the grid operator by MQTT, and what fails.

    sun        a one-phase and a three-phase car follow it, a liar always has 6 A
    failure    the leading worker is killed
    noon       a cloud comes, and the grid operator dims: the phases are switched
    failure    the broker is killed during the pause of the switch
    evening    the sessions end, and each Wh is in the books once

The times are those of the product. A pause of 60 s and a whole minute of the meter are the longest.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from shocpp.energy.model import VOLT
from tests.world.broker import Broker, Household
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.people import cookie_of, send
from tests.world.power.drawing_car import Car
from tests.world.power.limited_site import FUSE_S, LimitedSite, Watch, leader_of
from tests.world.power.profile_charger import Contactor, ProfileCharger
from tests.world.power.sun.posting import METER, SunMeter
from tests.world.server import Server

Serve = Callable[..., Server]

LIMIT_A, DIMMED_W = 35, 3_600
HOUSE_A, SUN_W, CLOUD_W, AFTERNOON_W = 0.5, 12_000, 800, 4_500
CLOUD_LEFT_W, LEFT_W = (sun_w - 3 * VOLT * HOUSE_A for sun_w in (CLOUD_W, AFTERNOON_W))
"""The sun that the house leaves; below the cloud, with DIMMED_W, too little for three phases."""

PAUSE_S = 60
DIMMED_S = 15
"""The longest time from the signal until the chargers keep it."""

STATES_S = 5
"""The longest time from the return of the broker until the states are right."""

DIM = "netz/dimmen"


class Day(NamedTuple):
    """The world of the day."""

    home: Home
    server: Server
    broker: Broker
    household: Household
    meter: SunMeter
    single: ProfileCharger
    triple: ProfileCharger
    liar: ProfileCharger
    cookie: str

    @property
    def chargers(self) -> tuple[ProfileCharger, ...]:
        """All chargers."""
        return self.single, self.triple, self.liar

    def reasons(self) -> dict[str, str]:
        """Return the reason of each set point, as `shocpp site` has it."""
        rows = json.loads(self.home.run("shocpp", "site", "--json").stdout)["connectors"]
        return {row["charge_point"]: row["reason"] for row in rows}

    def page(self) -> str:
        """Return the page of the limits."""
        return send(self.server.port, "GET", "/site", {"Cookie": self.cookie}).text


@pytest.fixture
def day(home: Home, serve: Serve, tmp_path: Path) -> Iterator[Day]:
    """A site in the sun, with three cars that are not plugged in."""
    site = LimitedSite(home)
    site.chargers(
        single={"phases": 1, "rotation": "L2", "max_a": 16, "mode": "solar"},
        triple={
            "max_a": 16,
            "mode": "solar",
            "priority": 1,
            "phase_switch": {"means": "number_phases", "pause_s": PAUSE_S},
        },
        liar={"phases": 1, "rotation": "L3", "max_a": 16, "mode": "min"},
    )
    site.write(limit_a=LIMIT_A, meter=METER, dimmed_w=DIMMED_W, dim={"mqtt": DIM})
    with ExitStack() as stack:
        broker = Broker(tmp_path / "broker")
        stack.callback(broker.kill)
        home.settings.mqtt_file.write_text(json.dumps({"host": "127.0.0.1", "port": broker.port}))
        household = Household(broker)
        stack.callback(household.close)
        server = serve(GUNICORN_CMD_ARGS="--workers 2")
        cars = {
            "single": Car(phases=1, lag_s=1),
            "triple": Car(lag_s=1),
            "liar": Car(phases=1, lie_a=1),
        }
        single, triple, liar = (
            stack.enter_context(
                ProfileCharger(server, name, car, max_a=16, contactor=Contactor.BY_PROFILE)
            )
            for name, car in cars.items()
        )
        meter = SunMeter(
            broker.port,
            (single, triple, liar),
            {"single": 1, "liar": 2},
            house_a=HOUSE_A,
            sun_w=SUN_W,
        )
        stack.enter_context(meter)
        wait_for(lambda: site.present().get("meter") == "good")
        cookie = cookie_of(home, "treasurer")
        yield Day(home, server, broker, household, meter, single, triple, liar, cookie)


@pytest.mark.timeout(300)
def test_a_day_of_sun(day: Day) -> None:
    started_wh = {charger.name: int(charger.outlets[1].meter_wh) for charger in day.chargers}
    with Watch(lambda: day.meter.highest_a, LIMIT_A) as fuse:
        follow_the_sun(day)
        kill_the_leader(day)
        dim_at_noon(day)
        with Watch(lambda: day.meter.cars_w, DIMMED_W + LEFT_W) as dimmed:
            kill_the_broker(day)
            go_on_with_one_phase(day)
            await_whole_minute(day)
        for charger in day.chargers:
            charger.stop()
    assert fuse.longest_s < FUSE_S
    assert dimmed.longest_s < 1, dimmed.highest_a
    check_books(day, started_wh)
    check_energies(day)


def follow_the_sun(day: Day) -> None:
    for charger, card in zip(day.chargers, ("1111", "3333", "5555"), strict=True):
        charger.start(card)
    wait_for(lambda: [charger.drawn_a for charger in day.chargers] == [6, 12, 6])
    assert day.meter.cars_w <= SUN_W, "nothing is bought"
    reasons = wait_for(lambda: len(found := day.reasons()) == 3 and found)
    assert "Sonne" in reasons["triple"]
    page = day.page()
    assert all(reason in page for reason in reasons.values()), reasons


def kill_the_leader(day: Day) -> None:
    killed = wait_for(lambda: leader_of(day.server))
    before = len(day.household.payloads("shocpp/status"))
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: leader_of(day.server) not in (None, killed))
    wait_for(lambda: day.household.payloads("shocpp/status")[before:][-1:] == [b"online"])
    assert min(charger.drawn_a for charger in day.chargers) >= 6, "all go on"


def dim_at_noon(day: Day) -> None:
    day.meter.sun_w = CLOUD_W
    day.household.publish(DIM, "ON", retain=True)
    wait_for(lambda: day.meter.cars_w <= DIMMED_W + CLOUD_LEFT_W, DIMMED_S)
    wait_for(lambda: "Netzbetreiber" in day.page())
    wait_for(lambda: day.triple.drawn_a == 0, DIMMED_S)
    wait_for(lambda: "Phase" in day.reasons()["triple"])
    # Without sun, a car that was switched would wait for it.
    day.meter.sun_w = AFTERNOON_W


def kill_the_broker(day: Day) -> None:
    day.broker.kill()
    time.sleep(2)
    day.broker.start()
    newcomer = Household(day.broker)
    wait_for(lambda: newcomer.newest("shocpp/status") == b"online", STATES_S)
    wait_for(lambda: newcomer.newest("shocpp/site/dimmed") == b"ON", STATES_S)
    wait_for(lambda: newcomer.newest("shocpp/triple/1/mode") == b"solar", STATES_S)
    newcomer.close()


def go_on_with_one_phase(day: Day) -> None:
    wait_for(lambda: day.triple.outlets[1].lines == 1, PAUSE_S + DIMMED_S)
    wait_for(lambda: day.triple.drawn_a >= 6, PAUSE_S + DIMMED_S)
    assert [(move.phases, move.drawn_a) for move in day.triple.outlets[1].moves] == [(1, 0)]


def await_whole_minute(day: Day) -> None:
    wait_for(lambda: whole_minutes(day), 70)


def whole_minutes(day: Day) -> int:
    """Return the number of minutes that readings of the meter cover."""
    query = "SELECT count(*) FROM site_minute WHERE imported_mwh IS NOT NULL"
    return int(day.home.query(query)[0][0])


def check_books(day: Day, started_wh: dict[str, int]) -> None:
    names = ("charge_point_id", "begin_wh", "end_wh", "consumed_wh", "solar_wh")
    rows = wait_for(
        lambda: (
            len(found := day.home.query(f"SELECT {', '.join(names)} FROM accounting")) == 3
            and found
        )
    )
    for name, begin_wh, end_wh, consumed_wh, solar_wh in rows:
        charger = next(one for one in day.chargers if one.name == name)
        assert begin_wh == started_wh[name]
        assert (end_wh, consumed_wh) == (int(charger.outlets[1].meter_wh), end_wh - begin_wh)
        assert 0 <= solar_wh <= consumed_wh, rows
    assert day.home.query("SELECT 1 FROM audit WHERE overlap_wh OR gap_wh OR unassigned_wh") == []
    solar = {name: solar_wh for name, *_, solar_wh in rows}
    # The liar reports 1 A too much, and what the meter misses of that counts as sun.
    assert 0 < sum(solar.values()) <= LEFT_W * whole_minutes(day) / 60 * 1.5 + 3, rows
    assert min(solar["single"], solar["liar"]) > 0, rows
    sessions = json.loads(day.home.run("shocpp", "sessions", "--json").stdout)
    assert {row["charge_point_id"]: row["solar_wh"] for row in sessions} == solar


def check_energies(day: Day) -> None:
    """The energies that Home Assistant adds up have never decreased."""
    for charger in day.chargers:
        payloads = day.household.payloads(f"shocpp/{charger.name}/1/energy")
        energies = [float(payload) for payload in payloads if payload != b"None"]
        assert energies, charger.name
        assert energies == sorted(energies), charger.name
