"""The devices of Home Assistant, against the keys that its documentation has.

The keys are those of https://www.home-assistant.io/integrations/mqtt/ and of the pages of the
platforms, with the abbreviations of homeassistant/components/mqtt/abbreviations.py.
"""

import json
import re
from typing import Any

import pytest

from shocpp.interfaces.mqtt.states.discovery import charger_config, site_config
from shocpp.interfaces.mqtt.states.present import PublishedCharger, PublishedConnector, SiteFigures
from shocpp.ocpp.identity import is_identity

CONNECTOR = PublishedConnector(
    1, "", "Available", "NoError", 0, None, False, "", "fast", None, 16_000, 6_000, 16_000
)
CHARGER = PublishedCharger(1, "+gärage#", "Stellplatz 4", "go-e", "V3", "59.4", True, (CONNECTOR,))
SITE = SiteFigures(True, True, 1_200, 35_000, False, False)

TOP = {"dev", "o", "cmps", "avty", "avty_mode"}
DEVICE = {"ids", "name", "mf", "mdl", "sw"}
SHARED = {"p", "uniq_id", "name", "stat_t", "ic", "dev_cla", "ent_cat"}
OF_PLATFORM = {
    "sensor": {"unit_of_meas", "stat_cla", "ops"},
    "binary_sensor": set(),
    "switch": {"cmd_t"},
    "select": {"cmd_t", "ops"},
    "number": {"cmd_t", "unit_of_meas", "min", "max", "step", "mode"},
}
CLASSES = {"power", "energy", "current", "enum", "plug", "problem"}


def of_charger(charger: PublishedCharger = CHARGER, **more: bool) -> tuple[str, dict[str, Any]]:
    topic, payload = charger_config("shocpp", charger, "de", **{"names_accounts": True, **more})
    return topic, json.loads(payload)


def of_site(site: SiteFigures = SITE) -> tuple[str, dict[str, Any]]:
    topic, payload = site_config("shocpp", site, "de")
    return topic, json.loads(payload)


@pytest.mark.parametrize("made", [of_charger(), of_site()], ids=["charger", "site"])
def test_a_device_has_documented_keys_only(made: tuple[str, dict[str, Any]]) -> None:
    topic, config = made
    assert re.fullmatch(r"homeassistant/device/[A-Za-z0-9_-]+/config", topic)
    assert set(config) == TOP
    assert set(config["dev"]) <= DEVICE
    assert config["dev"]["ids"]
    assert config["o"]["name"] == "shocpp"
    assert config["avty_mode"] == "all"
    ids = [one["uniq_id"] for one in config["cmps"].values()]
    assert len({*ids}) == len(ids)
    for key, component in config["cmps"].items():
        assert isinstance(key, str)
        assert set(component) <= SHARED | OF_PLATFORM[component["p"]], key
        assert {"uniq_id", "stat_t", "name"} <= set(component)
        assert component.get("dev_cla", "power") in CLASSES
        # Of sensors only: the others take part in the configuration as well.
        if component["p"] in ("sensor", "binary_sensor"):
            assert component.get("ent_cat") in (None, "diagnostic")


def test_the_energy_is_one_for_the_energy_dashboard() -> None:
    energy = of_charger()[1]["cmps"]["1_energy"]
    assert (energy["dev_cla"], energy["stat_cla"]) == ("energy", "total_increasing")
    assert energy["unit_of_meas"] == "kWh"
    session = of_charger()[1]["cmps"]["1_session"]
    assert "stat_cla" not in session


def test_the_state_is_one_of_the_nine_words_of_ocpp() -> None:
    state = of_charger()[1]["cmps"]["1_state"]
    assert state["dev_cla"] == "enum"
    assert len(state["ops"]) == 9
    assert "stat_cla" not in state
    assert "unit_of_meas" not in state


def test_a_charger_is_available_by_the_will_and_by_its_own_topic() -> None:
    config = of_charger()[1]
    assert config["avty"] == [{"t": "shocpp/status"}, {"t": "shocpp/_2bg_c3_a4rage_23/status"}]


def test_commands_go_to_the_topics_of_their_states() -> None:
    components = of_charger()[1]["cmps"]
    commands = {key: one["cmd_t"] for key, one in components.items() if "cmd_t" in one}
    head = "shocpp/_2bg_c3_a4rage_23/1"
    assert commands == {
        "1_charge": f"{head}/charge/set",
        "1_mode": f"{head}/mode/set",
        "1_limit": f"{head}/limit/set",
    }
    limit = components["1_limit"]
    assert (limit["min"], limit["max"], limit["step"]) == (0, 16, 1)
    assert components["1_mode"]["ops"] == ["fast", "min", "solar", "off"]


def test_what_is_not_there_is_removed_by_its_platform_alone() -> None:
    components = of_charger(names_accounts=False)[1]["cmps"]
    assert components["1_account"] == {"p": "sensor"}
    without = of_site(SiteFigures(False, False, None, None, False, None))[1]["cmps"]
    absent = {name for name, one in without.items() if set(one) == {"p"}}
    assert absent == {"power", "limit", "dimmed", "fallback"}


def test_connectors_of_one_charger_have_names_that_differ() -> None:
    left = CONNECTOR._replace(name="links")
    right = CONNECTOR._replace(connector_id=2)
    components = of_charger(CHARGER._replace(connectors=(left, right)))[1]["cmps"]
    names = [one["name"] for one in components.values()]
    assert len({*names}) == len(names)
    assert components["1_power"]["name"] == "Leistung (links)"
    assert components["2_power"]["name"] == "Leistung (Anschluss 2)"


def test_a_charger_that_says_nothing_about_itself_has_a_device() -> None:
    bare = CHARGER._replace(vendor="", model="", firmware="")
    assert set(of_charger(bare)[1]["dev"]) == {"ids", "name"}
    assert is_identity(CHARGER.charge_point_id)
