"""A site whose meter comes by MQTT, while the broker or the leading worker fails."""

import json
import os
import signal
from collections.abc import Callable, Sequence

import pytest

from tests.world.broker import Broker, Household
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.power.limited_site import (
    Drawing,
    LimitedSite,
    Meter,
    Watch,
    leader_of,
    total_a,
)
from tests.world.power.profile_charger import ProfileCharger
from tests.world.power.second_charger import SecondCharger
from tests.world.server import Server

Serve = Callable[..., Server]
TICK_S, STALE_S = 5, 10
TOPIC, STATUS = "haus/meter", "shocpp/status"


class MqttMeter(Meter):
    """The site's meter, which sends messages to a topic."""

    def __init__(
        self, server: Server, chargers: Sequence[Drawing], house_a: float, household: Household
    ) -> None:
        super().__init__(server, chargers, house_a)
        self._household = household

    def _post(self) -> None:
        self.posted += 1
        self._household.send(TOPIC, json.dumps({"a": self.load_a + self.posted % 7 * 0.01}))


@pytest.fixture
def site(home: Home, broker: Broker) -> LimitedSite:
    """A site with a limit, and a meter at the broker."""
    site = LimitedSite(home)
    meter = {"mqtt": TOPIC, "path": "a", "unit": "A"}
    site.write(limit_a=35, house_a=10, stale_s=STALE_S, meter=meter)
    home.settings.mqtt_file.write_text(json.dumps({"host": "127.0.0.1", "port": broker.port}))
    return site


def test_a_broker_that_is_gone_lowers_to_the_fallback_until_it_is_back(
    site: LimitedSite, serve: Serve, broker: Broker, household: Household
) -> None:
    server = serve()
    with (
        ProfileCharger(server, "one") as one,
        SecondCharger(server.url("two"), "two") as two,
        MqttMeter(server, (one, two), 9, household),
    ):
        wait_for(lambda: site.present().get("meter") == "good")
        for charger in (one, two):
            charger.start()
        wait_for(lambda: total_a((one, two)) == 24)
        with Watch(lambda: total_a((one, two)), 24) as watch:
            broker.kill()
            wait_for(lambda: [one.drawn_a, two.drawn_a] == [6, 6], STALE_S + 2 * TICK_S)
            assert site.present()["fallback"] == 1
            broker.start()
            wait_for(lambda: site.present()["fallback"] == 0)
            assert site.present()["meter"] == "good"
        assert watch.highest_a <= 24


def test_the_meter_goes_on_with_another_worker_when_the_leading_one_is_killed(
    site: LimitedSite, serve: Serve, household: Household
) -> None:
    server = serve(GUNICORN_CMD_ARGS="--workers=2")
    wait_for(lambda: len(server.workers()) == 2)
    with ProfileCharger(server, "one") as one, MqttMeter(server, (one,), 25, household):
        wait_for(lambda: site.present().get("meter") == "good")
        one.start()
        wait_for(lambda: 6 <= one.drawn_a <= 9)
        with Watch(lambda: one.drawn_a, 9) as watch:
            leader = leader_of(server)
            assert leader is not None
            os.kill(leader, signal.SIGKILL)
            wait_for(lambda: household.payloads(STATUS) == [b"online", b"offline", b"online"])
            newest = "SELECT max(received_ms) FROM site_reading"
            before = site.home.query(newest)
            wait_for(lambda: site.home.query(newest) != before)
            assert site.present()["fallback"] == 0
        assert watch.highest_a <= 9
