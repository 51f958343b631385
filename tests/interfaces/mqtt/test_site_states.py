"""The device of the site: its meter, its limit, the dimming, and cases that need a human."""

from collections.abc import Callable

from tests.world.broker import Broker
from tests.world.charger import ChargerWithCar
from tests.world.home import Home
from tests.world.limits import write_site
from tests.world.machine import wait_for
from tests.world.server import Server
from tests.world.smart_home import HomeAssistant, write_mqtt

Serve = Callable[..., Server]

SITE = {
    "limit_a": 35,
    "meter": {"mqtt": "haus/meter"},
    "dimmed_w": 4_200,
    "dim": {"mqtt": "haus/dim"},
}


def test_the_site_shows_power_limit_and_dimming(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_site(home, **SITE)
    write_mqtt(home, broker)
    with ChargerWithCar(serve()):
        wait_for(lambda: house.text("shocpp/site/power") == "None")
        assert house.text("shocpp/site/limit") == "35"
        assert house.text("shocpp/site/dimmed") == "OFF"
        house.publish("haus/meter", "-2300")
        wait_for(lambda: house.text("shocpp/site/power") == "-2300")
        house.publish("haus/dim", "1")
        wait_for(lambda: house.text("shocpp/site/dimmed") == "ON")
        components = house.devices()["shocpp__site"]["cmps"]
        assert {name for name, one in components.items() if "uniq_id" in one} == set(components)


def test_a_case_that_needs_a_human_is_counted(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    with ChargerWithCar(serve()) as garage:
        wait_for(lambda: house.text("shocpp/site/reviews") == "0")
        assert house.text("shocpp/site/unassigned") == "0.000"
        garage.start("nobody")
        garage.stop()
        wait_for(lambda: house.text("shocpp/site/unassigned") == "33.000")
        assert house.text("shocpp/site/reviews") != "0"


def test_a_command_for_nobody_is_an_error_of_the_site(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    home.environment["SHOCPP_LANG"] = "en"
    write_mqtt(home, broker)
    server = serve()
    wait_for(lambda: house.text("shocpp/site/error") == "NoError")
    house.publish("shocpp/yard/1/mode/set", "fast")
    wait_for(lambda: "there is no such charger here" in str(house.text("shocpp/site/error")))
    assert server.log().count("a command by MQTT is refused") == 1
