"""States and devices at a real broker, from a server with chargers."""

import json
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.world.broker import Broker
from tests.world.charger import BEGIN, Charger, ChargerWithCar, now
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server
from tests.world.smart_home import HomeAssistant, write_mqtt

Serve = Callable[..., Server]

GARAGE, SITE = "shocpp__charger__garage", "shocpp__site"


def list_chargers(home: Home, *names: str, **keys: Any) -> None:
    """Write a charge_points.json with these chargers."""
    entries = {name: {"auth": "none", **keys} for name in names}
    home.charge_points_file.write_text(json.dumps(entries))


def report_meter(charger: Charger, register_wh: int, power_w: int = 7_000, **more: Any) -> None:
    """Send a reading of connector 1."""
    samples = [
        {"measurand": "Energy.Active.Import.Register", "value": str(register_wh), "unit": "Wh"},
        {"measurand": "Power.Active.Import", "value": str(power_w), "unit": "W"},
    ]
    charger.ask(
        "MeterValues", connectorId=1, meterValue=[{**now(), "sampledValue": samples}], **more
    )


def test_a_session_is_shown_from_the_plug_to_the_end(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker, accounts=True)
    with ChargerWithCar(serve()) as garage:
        wait_for(lambda: house.state("state") == "Preparing")
        assert house.state("plug") == "ON"
        assert house.state("charge") == "OFF"
        assert house.state("account") == "None"
        assert house.text("shocpp/garage/status") == "online"
        garage.start("1111")
        begun_wh = garage._meter_start_wh
        report_meter(garage, begun_wh + 1_234, transactionId=garage.transaction_id)
        wait_for(lambda: house.state("session") == "1.234")
        wait_for(lambda: house.state("power") == "7000")
        shown = {name: house.state(name) for name in ("state", "charge", "mode", "limit", "error")}
        assert shown == {
            "state": "Charging",
            "charge": "ON",
            "mode": "fast",
            "limit": "32",
            "error": "NoError",
        }
        assert house.state("account") == "company-x"
        garage.stop()
        wait_for(lambda: house.state("state") == "Available")
        wait_for(lambda: house.state("power") == "0")
        assert (house.state("plug"), house.state("session")) == ("OFF", "None")
    wait_for(lambda: house.text("shocpp/garage/status") == "offline")
    assert house.text("shocpp/site/reviews") == "0"


def test_the_energy_never_decreases_over_restarts_of_server_charger_and_broker(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    server = serve()
    with ChargerWithCar(server) as garage:
        wait_for(lambda: house.state("state") == "Preparing")
        # Nothing is known yet, and 0 would be wrong.
        assert house.state("energy") is None
        report_meter(garage, 1_500_000)
        wait_for(lambda: house.state("energy") == "1500.000")
        # A register of 0 after its restart, once.
        report_meter(garage, 0)
    server.kill()
    broker.kill()
    broker.start()
    server.restart()
    with ChargerWithCar(server) as garage:
        wait_for(lambda: house.newest("shocpp/status") == b"online")
        report_meter(garage, 0)
        report_meter(garage, 1_500_250)
        wait_for(lambda: house.state("energy") == "1500.250")
    values = [float(one) for one in house.payloads("shocpp/garage/1/energy")]
    assert values == sorted(values)
    assert values[0] == 1_500


def test_a_register_of_each_session_is_not_shown_as_that_of_the_meter(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    with Charger(serve(), "garage") as garage:
        garage.boot()
        for kwh in (7, 9):
            at = BEGIN + timedelta(hours=kwh)
            garage.end(garage.begin("1111", 0, at=at), kwh * 1_000, at + timedelta(minutes=50))
        write_mqtt(home, broker)
        wait_for(lambda: house.state("limit") == "32")
        assert house.state("energy") is None


def test_only_listed_chargers_have_a_device_and_lose_it_with_their_entry(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    list_chargers(home, "garage", "yard", name="Stellplatz 4")
    write_mqtt(home, broker)
    server = serve()
    with Charger(server, "garage").boot(), Charger(server, "yard").boot():
        wait_for(lambda: set(house.devices()) == {GARAGE, "shocpp__charger__yard", SITE})
        assert house.devices()[GARAGE]["dev"]["name"] == "Stellplatz 4"
    # It is gone while nobody serves: another process must know what was published.
    server.stop()
    list_chargers(home, "garage")
    server.restart()
    wait_for(lambda: set(house.devices()) == {GARAGE, SITE})
    assert not [topic for topic in house.retained() if topic.startswith("shocpp/yard/")]


def test_without_a_list_only_chargers_that_have_booted_have_a_device(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    server = serve()
    url = server.url(quote("+gär#"))
    with Charger(server, "+gär#", url=url) as strange, Charger(server, "yard") as silent:
        strange.boot()
        silent.ask("Heartbeat")
        wait_for(lambda: set(house.devices()) == {"shocpp__charger___2bg_c3_a4r_23", SITE})


def test_names_of_accounts_are_removed_when_they_are_not_wanted_any_more(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker, accounts=True)
    with ChargerWithCar(serve()) as garage:
        garage.start("1111")
        wait_for(lambda: house.state("account") == "company-x")
        write_mqtt(home, broker)
        wait_for(lambda: "shocpp/garage/1/account" not in house.retained())
        account = wait_for(lambda: house.devices()[GARAGE]["cmps"]["1_account"])
        assert account == {"p": "sensor"}


def test_without_discovery_and_with_another_prefix_all_former_topics_are_removed(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    with Charger(serve(), "garage").boot():
        wait_for(lambda: set(house.devices()) == {GARAGE, SITE})
        write_mqtt(home, broker, prefix="haus/laden", discovery=False)
        wait_for(lambda: house.text("haus/laden/garage/1/limit") == "32")
        wait_for(lambda: not house.devices())
        left = [one for one in house.retained() if one.startswith("shocpp/")]
        # Its own will.
        assert left in ([], ["shocpp/status"])


def test_home_assistant_gets_all_again_when_it_starts(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    with Charger(serve(), "garage").boot():
        wait_for(lambda: GARAGE in house.devices())
        topic = f"homeassistant/device/{GARAGE}/config"
        count = len(house.payloads(topic))
        house.publish("homeassistant/status", "online")
        wait_for(lambda: len(house.payloads(topic)) == count + 1)


def test_a_broker_that_has_forgotten_all_has_all_states_again(
    serve: Serve, home: Home, tmp_path: Path
) -> None:
    broker = Broker(tmp_path / "forgetful")
    write_mqtt(home, broker)
    with ChargerWithCar(serve()) as garage:
        first = HomeAssistant(broker)
        wait_for(lambda: first.state("state") == "Preparing")
        first.close()
        broker.kill()
        garage.report("Finishing")
        broker.start()
        house = HomeAssistant(broker)
        wait_for(lambda: house.state("state") == "Finishing", 5)
        wait_for(lambda: GARAGE in house.devices())
        house.close()
    broker.kill()


def test_a_flapping_broker_disturbs_no_charger_and_has_the_right_states_at_last(
    serve: Serve, home: Home, tmp_path: Path
) -> None:
    broker = Broker(tmp_path / "flapping")
    write_mqtt(home, broker)
    with ChargerWithCar(serve()) as garage:
        for status in ("Charging", "SuspendedEV", "Charging", "SuspendedEVSE", "Finishing"):
            garage.report(status)
            broker.kill()
            assert garage.ask("Heartbeat")["currentTime"]
            broker.start()
        house = HomeAssistant(broker)
        wait_for(lambda: house.state("state") == "Finishing", 5)
        wait_for(lambda: house.newest("shocpp/status") == b"online", 5)
        house.close()
    broker.kill()


def test_after_hup_the_new_leader_publishes(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    server = serve()
    with Charger(server, "garage").boot() as garage:
        garage.report("Preparing")
        wait_for(lambda: house.state("state") == "Preparing")
        os.kill(server.process.pid, signal.SIGHUP)
        wait_for(lambda: house.payloads("shocpp/status")[1:] == [b"offline", b"online"])
    wait_for(lambda: house.text("shocpp/garage/status") == "offline")
    with Charger(server, "garage").boot() as garage:
        garage.report("Available")
        wait_for(lambda: house.state("state") == "Available")
        wait_for(lambda: house.text("shocpp/garage/status") == "online")


def test_after_kill_9_of_the_leader_another_worker_publishes(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    server = serve(GUNICORN_CMD_ARGS="--workers=2")
    with Charger(server, "garage").boot() as garage:
        garage.report("Preparing")
        wait_for(lambda: house.state("state") == "Preparing")
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: house.payloads("shocpp/status")[-1:] == [b"online"])
    wait_for(lambda: house.text("shocpp/garage/status") == "offline")

    def reconnected() -> Charger | None:
        try:
            return Charger(server, "garage")
        except OSError:
            return None

    with wait_for(reconnected) as garage:
        garage.boot()
        garage.report("Available")
        wait_for(lambda: house.state("state") == "Available")
        wait_for(lambda: house.text("shocpp/garage/status") == "online")
