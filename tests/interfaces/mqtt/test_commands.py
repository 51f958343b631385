"""Commands of a smart home: mode, limit, pause and start, and those that are refused."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from shocpp.clock import now_ms
from shocpp.configuration.mqtt import MqttConf, StartAs
from shocpp.interfaces.mqtt.commands.execution import Outcome, execute
from shocpp.interfaces.mqtt.commands.waiting import MOST_WAITING, Message, WaitingCommands
from shocpp.store import people
from shocpp.store.database import open_database
from shocpp.store.site import modes
from tests.world.broker import Broker
from tests.world.charger import Charger, ChargerWithCar
from tests.world.home import Home
from tests.world.limits import write_site
from tests.world.machine import wait_for
from tests.world.server import Server
from tests.world.smart_home import HomeAssistant, write_mqtt
from tests.world.stored_limits import choose, chosen

Serve = Callable[..., Server]

CARDS = [
    {"index": 1, "account": "home", "ids": ["1111", "2222"], "names": {"1111": "Zoe"}},
    {"index": 2, "account": "guests", "ids": ["3333"], "charge_points": ["yard"]},
    {"index": 3, "account": "away", "ids": ["4444"], "blocked": ["4444"]},
    {"index": 4, "account": "plain", "ids": ["5555", "6666"]},
]


def command(house: HomeAssistant, name: str, value: str | bytes, **more: Any) -> None:
    """Send a command for connector 1 of the garage."""
    house.publish(f"shocpp/garage/1/{name}/set", value, **more)


def start_as(account: str, card: str | None = None) -> dict[str, StartAs]:
    """Return who pays for starts of the garage."""
    return {"garage": StartAs(account, card)}


def sent(home: Home, topic: str, payload: str | bytes, **conf: Any) -> Outcome:
    """Execute a command in this process, and return its outcome."""
    payload = payload.encode() if isinstance(payload, str) else payload
    with open_database(home.database) as db:
        message = Message(topic, payload)
        return execute(db, home.settings, MqttConf("127.0.0.1", **conf), message, now_ms())


def chosen_modes(home: Home) -> list[tuple[str, str]]:
    """Return mode and author of each choice."""
    with open_database(home.database) as db:
        return [(one.mode, one.chosen_by) for one in modes.present(db, now_ms())]


# --- by a broker ---


def test_a_limit_and_a_mode_are_chosen_and_signed_mqtt(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    with ChargerWithCar(serve()):
        wait_for(lambda: house.state("limit") == "32")
        command(house, "limit", "10")
        wait_for(lambda: house.state("limit") == "10")
        command(house, "mode", "min")
        wait_for(lambda: house.state("mode") == "min")
        assert chosen(home) == [("garage", 1, 10_000, None, "mqtt")]
        assert chosen_modes(home) == [("min", "mqtt")]
        command(house, "limit", "off")
        command(house, "mode", "default")
        wait_for(lambda: (house.state("limit"), house.state("mode")) == ("32", "fast"))
        assert (chosen(home), chosen_modes(home)) == ([], [])


def test_the_switch_pauses_the_session_and_lifts_the_pause_again(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    with ChargerWithCar(serve()) as garage:
        garage.start("1111")
        wait_for(lambda: house.state("charge") == "ON")
        command(house, "limit", "16")
        wait_for(lambda: house.state("limit") == "16")
        command(house, "charge", "OFF")
        wait_for(lambda: house.state("charge") == "OFF")
        assert chosen(home) == [("garage", 1, 0, None, "mqtt")]
        command(house, "charge", "ON")
        wait_for(lambda: house.state("charge") == "ON")
        # As it was before the pause, and no other transaction.
        assert chosen(home) == [("garage", 1, 16_000, None, "mqtt")]
        assert not [one for one in garage.calls if one[0].startswith("Remote")]


def test_a_pause_ends_with_its_transaction(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    with ChargerWithCar(serve()) as garage:
        garage.start("1111")
        wait_for(lambda: house.state("charge") == "ON")
        command(house, "limit", "0")
        wait_for(lambda: house.state("charge") == "OFF")
        garage.stop()
        wait_for(lambda: chosen(home) == [])
        wait_for(lambda: house.state("limit") == "32")


def test_the_switch_starts_only_for_the_account_of_the_file(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    home.environment["SHOCPP_LANG"] = "en"
    home.tags_file.write_text(json.dumps(CARDS))
    write_mqtt(home, broker)
    with ChargerWithCar(serve()) as garage:
        wait_for(lambda: house.state("error") == "NoError")
        command(house, "charge", "ON")
        refused = "a start by MQTT has no account here; name it under start_as in mqtt.json"
        wait_for(lambda: house.state("error") == refused)
        assert not garage.transaction_id
        write_mqtt(home, broker, start_as={"Garage": {"account": "home", "card": "Zoe"}})
        wait_for(lambda: house.state("error") == "NoError")
        command(house, "charge", "ON")
        wait_for(lambda: house.state("charge") == "ON")
        calls = [payload for action, payload in garage.calls if action == "RemoteStartTransaction"]
        assert calls == [{"idTag": "1111", "connectorId": 1}]
        assert home.query(
            "SELECT DISTINCT asked_by FROM call WHERE action LIKE 'RemoteStart%'"
        ) == [("mqtt",)]
    with open_database(home.database) as db:
        assert people.web_users(db) == [], "no user of the web server has asked"


def test_a_start_that_its_charger_rejects_is_shown_as_an_error(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    home.tags_file.write_text(json.dumps(CARDS))
    write_mqtt(home, broker, start_as={"garage": {"account": "home", "card": "Zoe"}})
    rejects: dict[str, Any] = {"RemoteStartTransaction": {"status": "Rejected"}}
    with Charger(serve(), "garage", **rejects).boot() as garage:
        garage.report("Unavailable")
        wait_for(lambda: house.state("state") == "Unavailable")
        command(house, "charge", "ON")
        wait_for(lambda: house.state("error") not in (None, "NoError"))
        assert "Zoe" not in str(house.state("error"))


def test_retained_commands_are_ignored(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    command(house, "limit", "10", retain=True)
    command(house, "mode", "off", retain=True)
    write_mqtt(home, broker)
    with ChargerWithCar(serve()):
        wait_for(lambda: house.state("limit") == "32")
        # A later command is executed, so both were here before.
        command(house, "limit", "16")
        wait_for(lambda: house.state("limit") == "16")
        assert (house.state("mode"), chosen_modes(home)) == ("fast", [])
        assert [row[2] for row in chosen(home)] == [16_000]


def test_of_a_flood_the_newest_command_is_executed(
    serve: Serve, home: Home, broker: Broker, house: HomeAssistant
) -> None:
    write_mqtt(home, broker)
    with ChargerWithCar(serve()) as garage:
        wait_for(lambda: house.state("limit") == "32")
        for turn in range(600):
            command(house, "limit", str(6 + turn % 20))
            house.publish(f"shocpp/nobody{turn}/1/mode/set", "fast")
        command(house, "limit", "11")
        wait_for(lambda: house.state("limit") == "11")
        assert chosen(home) == [("garage", 1, 11_000, None, "mqtt")]
        # The server is alive and serves chargers.
        assert garage.ask("Heartbeat")["currentTime"]
        values = len(house.payloads("shocpp/garage/1/limit"))
        assert values < 60


# --- refused ---


@pytest.fixture
def garage(serve: Serve, home: Home) -> Iterator[ChargerWithCar]:
    """A charger with a car at a server without MQTT."""
    home.environment["SHOCPP_LANG"] = "en"
    home.tags_file.write_text(json.dumps(CARDS))
    with ChargerWithCar(serve()) as garage:
        yield garage


def test_what_cannot_be_done_is_refused_with_a_sentence_and_changes_nothing(
    garage: ChargerWithCar, home: Home
) -> None:
    refused = {
        ("garage/1/limit", "3"): "'3' is no limit; use whole amperes from 6 to 32, 0 to pause",
        ("garage/1/limit", "6.5"): "'6.5' is no limit",
        ("garage/1/limit", "99"): "'99' is no limit",
        ("garage/1/limit", "-6"): "'-6' is no limit",
        ("garage/1/limit", "10 A"): "'10 A' is no limit",
        ("garage/1/limit", "NaN"): "'NaN' is no limit",
        ("garage/1/limit", ""): "'' is no limit",
        ("garage/1/limit", b"\xff\xfe"): "is no limit",
        ("garage/1/limit", "9" * 5_000): "is no limit",
        ("garage/1/limit", "0"): "garage does not charge now, so there is nothing to pause",
        ("garage/1/mode", "Solar"): "'Solar' is no mode; use fast, min, solar, off, or default",
        ("garage/1/mode", "solar"): "solar needs a meter of the site",
        ("garage/1/charge", "on"): "'on' is no switch; use ON or OFF",
        ("garage/1/charge", "OFF"): "garage does not charge now",
        ("garage/1/charge", "ON"): "a start by MQTT has no account here",
        ("garage/0/limit", "10"): "garage has no connector '0'; it has 1",
        ("garage/2/limit", "10"): "garage has no connector '2'; it has 1",
        ("garage/01/limit", "10"): "garage has no connector '01'; it has 1",
        ("garage/x/mode", "fast"): "garage has no connector 'x'; it has 1",
        ("yard/1/mode", "fast"): "'shocpp/yard/1/mode/set': there is no such charger here",
        ("yard\n/1/mode", "fast"): "'shocpp/yard\\n/1/mode/set': there is no such charger here",
        ("_ff/1/mode", "fast"): "there is no such charger here",
        ("a_0ab/1/mode", "fast"): "there is no such charger here",
    }
    for (topic, value), sentence in refused.items():
        outcome = sent(home, f"shocpp/{topic}/set", value)
        assert sentence in outcome.error, (topic, value)
        assert not outcome.has_started
        is_of_connector = topic.startswith("garage/1/")
        assert outcome.key == (("garage", 1) if is_of_connector else None)
    assert (chosen(home), chosen_modes(home)) == ([], [])
    assert not [one for one in garage.calls if one[0].startswith("Remote")]


def test_refusals_are_in_the_language_of_the_installation(
    garage: ChargerWithCar, home: Home
) -> None:
    home.environment["SHOCPP_LANG"] = "de"
    assert sent(home, "shocpp/garage/1/charge/set", "on").error == (
        "'on' ist kein Schalter; möglich sind ON und OFF"
    )


def test_a_start_obeys_blocks_and_the_chargers_of_its_account(
    garage: ChargerWithCar, home: Home
) -> None:
    refused = {
        ("nobody", None): "names an account here that does not exist",
        ("home", "Leaf"): "has no such valid card",
        ("home", "9999"): "has no such valid card",
        ("home", None): "has several cards",
        ("away", "4444"): "has no such valid card",
        ("away", None): "has no such valid card",
        ("guests", None): "The card was refused",
    }
    for (account, card), sentence in refused.items():
        outcome = sent(home, "shocpp/garage/1/charge/set", "ON", start_as=start_as(account, card))
        assert sentence in outcome.error, account
        # Everybody at the broker reads it.
        assert account not in outcome.error
    assert not [one for one in garage.calls if one[0].startswith("Remote")]


@pytest.mark.parametrize(
    ("account", "card", "id_tag"),
    [("plain", None, "5555"), ("home", "Zoe", "1111"), ("home", "2222", "2222")],
)
def test_a_start_is_with_the_card_that_is_named_by_name_or_number(
    garage: ChargerWithCar, home: Home, account: str, card: str | None, id_tag: str
) -> None:
    outcome = sent(home, "shocpp/garage/1/charge/set", "ON", start_as=start_as(account, card))
    assert outcome == Outcome(("garage", 1), "", has_started=True)
    wait_for(lambda: garage.transaction_id)
    (start,) = (payload for action, payload in garage.calls if action.startswith("RemoteStart"))
    assert start["idTag"] == id_tag


def test_a_silent_meter_is_enough_for_the_mode_solar(garage: ChargerWithCar, home: Home) -> None:
    write_site(home, limit_a=35, meter={"posted": True})
    outcome = sent(home, "shocpp/garage/1/mode/set", "solar")
    assert outcome == Outcome(("garage", 1))
    assert chosen_modes(home) == [("solar", "mqtt")]


def test_the_switch_lifts_a_pause_of_the_whole_charger(garage: ChargerWithCar, home: Home) -> None:
    garage.start("1111")
    choose(home, "garage", 0, 0)
    assert sent(home, "shocpp/garage/1/charge/set", "ON") == Outcome(("garage", 1))
    assert chosen(home) == []


def test_a_limit_of_the_other_connector_stays_when_one_is_resumed(serve: Serve, home: Home) -> None:
    with ChargerWithCar(serve()) as garage:
        garage.report("Preparing", 2)
        garage.start("1111")
        choose(home, "garage", 0, 0)
        sent(home, "shocpp/garage/1/charge/set", "ON")
        assert [row[1:3] for row in chosen(home)] == [(0, 0), (1, 32_000)]


def test_a_charger_with_any_signs_in_its_name_takes_commands(serve: Serve, home: Home) -> None:
    name = "+gär #"
    server = serve()
    with Charger(server, name, url=server.url(quote(name))).boot() as garage:
        garage.report("Preparing")
        outcome = sent(home, "shocpp/_2bg_c3_a4r_20_23/1/limit/set", "10")
        assert outcome == Outcome((name, 1))
        assert chosen(home) == [(name, 1, 10_000, None, "mqtt")]


def test_commands_wait_in_bounds() -> None:
    waiting = WaitingCommands()
    for number in range(MOST_WAITING):
        assert waiting.add(f"shocpp/{number}/1/mode/set", b"fast")
    assert not waiting.add("shocpp/more/1/mode/set", b"fast")
    assert waiting.add("shocpp/0/1/mode/set", b"x" * 10_000_000)
    taken = waiting.take()
    assert len(taken) == MOST_WAITING
    assert sum(len(one.payload) for one in taken) < 1_000
    assert not waiting.add("x" * 10_000, b"fast")
    assert waiting.take() == []
