"""The recipes of docs/mqtt.md and those of docs/power.md with a topic: each as it stands there.

The address of the broker is that of a mosquitto of the test; nothing else is changed.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.world.broker import Broker
from tests.world.charger import ChargerWithCar
from tests.world.home import Home
from tests.world.limits import write_site
from tests.world.machine import ROOT, needs, wait_for
from tests.world.server import Server
from tests.world.smart_home import HomeAssistant

Serve = Callable[..., Server]

MQTT = (ROOT / "docs" / "mqtt.md").read_text()
POWER = (ROOT / "docs" / "power.md").read_text()
HOST, PASSWORD = "192.168.1.5", "the password"

PRO = {"id": 0, "a_act_power": 690.0, "b_act_power": 920.0, "c_act_power": -506.0}
TASMOTA = {"Time": "2026-12-01T12:00:00", "SML": {"Total_in": 9042.1, "Power_curr": -1500}}
DOCUMENTS = {
    "shellypro3em/status/em:0": (json.dumps(PRO), "1104"),
    "tele/tasmota/SENSOR": (json.dumps(TASMOTA), "-1500"),
    "evcc/site/grid/power": ("-1500.2", "-1500"),
}
"""A message of each device as its vendor documents it, and its power."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker with the user of the recipes."""
    broker = Broker(tmp_path / "broker", {"shocpp": PASSWORD})
    yield broker
    broker.kill()


@pytest.fixture
def house(broker: Broker) -> Iterator[HomeAssistant]:
    """A smart home."""
    house = HomeAssistant(broker, "shocpp", PASSWORD)
    yield house
    house.close()


def objects(text: str, first_key: str) -> list[dict[str, Any]]:
    """Return the JSON objects in indented blocks of a text that begin with a key."""
    block = rf'^ +\{{"{first_key}".*?\}}$(?=\n\n|\n +\{{)'
    blocks = re.findall(block, text, re.MULTILINE | re.DOTALL)
    return [json.loads(block) for block in blocks]


def write_recipe(home: Home, broker: Broker, recipe: dict[str, Any]) -> None:
    """Write a mqtt.json as the recipe has it, with the address of the test's broker."""
    assert recipe["host"] == HOST
    text = json.dumps({**recipe, "host": "127.0.0.1", "port": broker.port})
    home.settings.mqtt_file.write_text(text)


def test_the_recipe_gives_home_assistant_its_devices_and_takes_its_command(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    home.environment["SHOCPP_LANG"] = "en"
    write_recipe(home, broker, objects(MQTT, "host")[0])
    (line,) = re.findall(r"^ +(mosquitto_pub .*)$", MQTT, re.MULTILINE)
    with ChargerWithCar(serve()):
        wait_for(lambda: set(house.devices()) == {"shocpp__charger__garage", "shocpp__site"})
        wait_for(lambda: house.state("error") == "NoError")
        program, *words = shlex.split(line.replace(HOST, "127.0.0.1"))
        command = [needs(program), "-p", f"{broker.port}", *words]
        subprocess.run(command, check=True, timeout=20)
        wait_for(lambda: str(house.state("error")).startswith("solar needs a meter of the site"))


def test_the_recipe_of_a_start_charges_to_its_account(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_recipe(home, broker, objects(MQTT, "host")[1])
    with ChargerWithCar(serve()):
        wait_for(lambda: house.state("state") == "Preparing")
        house.publish("shocpp/garage/1/charge/set", "ON")
        wait_for(lambda: house.state("charge") == "ON")
        accounts = home.query("SELECT account FROM open_transactions")
        assert [row[0] for row in accounts] == ["family-y"]


def test_each_state_and_command_of_the_document_is_one_of_ours(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_recipe(home, broker, {**objects(MQTT, "host")[0], "accounts": True})
    write_site(home, limit_a=35, meter={"mqtt": "m"}, dimmed_w=4_200, dim={"mqtt": "d"})
    rows = re.findall(r"^\| (`shocpp/.*?) \|", MQTT.partition("## Commands")[0], re.MULTILINE)
    named = set()
    for row in rows:
        first, *others = re.findall(r"`(.*?)`", row)
        named |= {first, *(other.replace("…", first.rpartition("/")[0]) for other in others)}
    with ChargerWithCar(serve()) as garage:
        garage.ask(
            "MeterValues",
            connectorId=1,
            meterValue=[{"timestamp": "2026-10-01T05:00:00Z", "sampledValue": [{"value": "9042"}]}],
        )
        wait_for(lambda: house.state("energy") == "9.042")
        present = {one for one in house.retained() if one.startswith("shocpp/")}
        assert present == named


@pytest.mark.parametrize("topic", DOCUMENTS)
def test_a_meter_of_the_document_is_read(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant, topic: str
) -> None:
    sites = (one for one in objects(POWER, "limit_a") if "meter" in one)
    (site,) = (one for one in sites if one["meter"].get("mqtt") == topic)
    message, power_w = DOCUMENTS[topic]
    write_recipe(home, broker, objects(MQTT, "host")[0])
    write_site(home, **site)
    serve()
    wait_for(lambda: house.text("shocpp/site/power") == "None")
    house.publish(topic, message)
    wait_for(lambda: house.text("shocpp/site/power") == power_w)
