"""A hostile client at the broker: it disturbs nobody, and gets only what everybody there may."""

from collections.abc import Callable
from urllib.parse import quote

import pytest

from shocpp.clock import now_ms
from shocpp.interfaces.mqtt.commands.waiting import MOST_WAITING
from shocpp.interfaces.mqtt.topics import escaped
from shocpp.site.inputs.messages import MOST_BYTES
from tests.world.broker import Broker
from tests.world.charger import ACCEPTED, Charger, ChargerWithCar
from tests.world.home import Home
from tests.world.limits import write_site
from tests.world.machine import wait_for
from tests.world.server import Server
from tests.world.smart_home import HomeAssistant, write_mqtt
from tests.world.stored_limits import chosen, chosen_modes

Serve = Callable[..., Server]

METER, DIM = "haus/meter", "haus/dim"
GIANT = b"1" * 8_000_000
DIMMED = "SELECT is_dimmed FROM dim_signal"


def test_a_fake_signal_of_another_topic_dims_nobody(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    write_site(home, limit_a=35, dimmed_w=4200, dim={"mqtt": DIM})
    serve()
    wait_for(lambda: house.text("shocpp/status") == "online")
    house.publish(DIM, "off")
    wait_for(lambda: home.query(DIMMED) == [(0,)])
    for topic in ("haus", "haus/dim/x", "Haus/Dim", "/haus/dim", "shocpp/site/dimmed"):
        house.publish(topic, "on", retain=True)
    for payload in (b"maybe", GIANT, b"\xff", b'{"dimmed": true}', b"2", b""):
        house.publish(DIM, payload)
    before_ms = now_ms()
    house.publish(DIM, "on")
    wait_for(lambda: home.query(DIMMED) == [(1,)])
    # The true signal was the first one that dimmed.
    ((began_ms,),) = home.query("SELECT began_ms FROM dimming")
    assert began_ms >= before_ms


def test_giant_and_senseless_messages_change_nothing_and_delay_nobody(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    write_site(home, limit_a=35, meter={"mqtt": METER})
    server = serve()
    with ChargerWithCar(server) as garage:
        wait_for(lambda: house.state("limit") == "32")
        assert len(GIANT) > MOST_BYTES
        for topic in (
            *(METER, "shocpp/garage/1/mode/set", "shocpp/garage/1/charge/set"),
            *("shocpp/garage/1/mode/set/set", "shocpp//1/mode/set", "shocpp/garage//mode/set"),
            *("shocpp/site/1/mode/set", "shocpp/_2b/1/mode/set", "shocpp/_23/1/limit/set"),
            *("homeassistant/status", "shocpp/status"),
        ):
            house.publish(topic, GIANT)
            house.publish(topic, b"\x00\xff\x1b[2J")
        for number in range(10 * MOST_WAITING):
            house.publish(f"shocpp/{number}/1/charge/set", "ON")
            house.publish("shocpp/garage/1/limit/set", f"{number}.5")
        assert garage.ask("Heartbeat")["currentTime"]
        house.publish("shocpp/garage/1/limit/set", "10")
        wait_for(lambda: house.state("limit") == "10")
        wait_for(lambda: house.text("shocpp/status") == "online")
        assert chosen(home) == [("garage", 1, 10_000, None, "mqtt")]
        assert (chosen_modes(home), home.query("SELECT 1 FROM site_reading")) == ([], [])
        assert not [one for one in garage.calls if one[0].startswith("Remote")]
        # A flood does not fill the log, and no control character reaches a terminal.
        lines = [line for line in server.log().splitlines() if "by MQTT is refused" in line]
        assert 1 <= len(lines) < 200
        assert all(line.isprintable() for line in lines)


def test_a_flood_of_starts_is_one_start(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker, start_as={"garage": {"account": "family-y", "card": "3333"}})
    # It accepts each start, and no car comes.
    with Charger(serve(), "garage", RemoteStartTransaction=ACCEPTED).boot() as garage:
        garage.report("Available")
        wait_for(lambda: house.state("state") == "Available")
        for turn in range(300):
            house.publish("shocpp/garage/1/charge/set", "ON" if turn % 3 else "OFF")
        house.publish("shocpp/garage/1/mode/set", "min")
        wait_for(lambda: house.state("mode") == "min")
        starts = [one for one in garage.calls if one[0] == "RemoteStartTransaction"]
        assert starts == [("RemoteStartTransaction", {"idTag": "3333", "connectorId": 1})]


@pytest.mark.parametrize("name", ["+#ü", "$SYS", "site", "ü" * 120, "x" * 255])
def test_a_charger_of_any_name_has_a_device_and_takes_commands(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant, name: str
) -> None:
    write_mqtt(home, broker)
    server = serve()
    with Charger(server, name, "7", url=server.url(quote(name, safe=""))).boot() as charger:
        charger.report("Available")
        wait_for(lambda: house.state("state", escaped(name)) == "Available")
        assert f"shocpp__charger__{escaped(name)}" in house.devices()
        house.publish(f"shocpp/{escaped(name)}/1/limit/set", "10")
        wait_for(lambda: chosen(home) == [(name, 1, 10_000, None, "mqtt")])
