"""The devices of Home Assistant's MQTT discovery (pure): one for each charger, one for the site.

The form is that of a device with components, "Device discovery payload" of
https://www.home-assistant.io/integrations/mqtt/. In homeassistant/components/mqtt/ of
home-assistant/core, schemas.py has the required keys, and abbreviations.py the short ones. By
discovery.py a component with its platform alone is removed; by sensor.py `None` is unknown. There
is no `object_id`, which Home Assistant has given up. A component is known by its `unique_id`; its
key in `cmps` must not change either.
"""

import json
from collections.abc import Mapping
from typing import Any

from shocpp import __version__
from shocpp.calls.page.tile import STATES
from shocpp.energy.model import MODES
from shocpp.interfaces.mqtt.states.payloads import (
    ACCOUNT,
    ALLOWED,
    DIMMED,
    ENERGY,
    ERROR,
    FALLBACK,
    PLUG,
    POWER,
    REVIEWS,
    SESSION,
    STATE,
    UNASSIGNED,
)
from shocpp.interfaces.mqtt.states.present import PublishedCharger, PublishedConnector, SiteFigures
from shocpp.interfaces.mqtt.topics import (
    CHARGE,
    LIMIT,
    MODE,
    charger_device,
    charger_status,
    discovery_topic,
    server_status,
    site_device,
    site_topic,
    state_topic,
)
from shocpp.language.mqtt import CONNECTOR, NAMES, SITE_NAMES

Component = dict[str, Any]

SENSOR, BINARY_SENSOR, SWITCH, SELECT, NUMBER = (
    *("sensor", "binary_sensor", "switch", "select", "number"),
)

ORIGIN = {"name": "shocpp", "sw": __version__}

_POWER = {"p": SENSOR, "dev_cla": "power", "unit_of_meas": "W", "stat_cla": "measurement"}
_CURRENT = {"p": SENSOR, "dev_cla": "current", "unit_of_meas": "A", "stat_cla": "measurement"}
_DIAGNOSTIC = {"ent_cat": "diagnostic"}

OF_CONNECTOR: Mapping[str, Component] = {
    POWER: _POWER,
    # For the energy dashboard: the register of the meter, never that of a session.
    ENERGY: {
        "p": SENSOR,
        "dev_cla": "energy",
        "unit_of_meas": "kWh",
        "stat_cla": "total_increasing",
    },
    # Without a state class: its value falls to nothing with the next session.
    SESSION: {"p": SENSOR, "dev_cla": "energy", "unit_of_meas": "kWh"},
    STATE: {"p": SENSOR, "dev_cla": "enum", "ops": list(STATES)},
    ACCOUNT: {"p": SENSOR, "ic": "mdi:account"},
    PLUG: {"p": BINARY_SENSOR, "dev_cla": "plug"},
    CHARGE: {"p": SWITCH, "ic": "mdi:ev-station"},
    MODE: {"p": SELECT, "ops": list(MODES), "ic": "mdi:solar-power"},
    # From 0, which pauses; the values between 0 and the least current are refused.
    LIMIT: {
        "p": NUMBER,
        "dev_cla": "current",
        "unit_of_meas": "A",
        "min": 0,
        "step": 1,
        "mode": "slider",
        "ent_cat": "config",
    },
    ALLOWED: _CURRENT,
    ERROR: {"p": SENSOR, "ic": "mdi:alert-circle-outline", **_DIAGNOSTIC},
}
"""The components of a connector by the names of its states."""

OF_SITE: Mapping[str, Component] = {
    POWER: _POWER,
    LIMIT: _CURRENT,
    DIMMED: {"p": BINARY_SENSOR, "ic": "mdi:transmission-tower-off"},
    FALLBACK: {"p": BINARY_SENSOR, "dev_cla": "problem", **_DIAGNOSTIC},
    REVIEWS: {"p": SENSOR, "stat_cla": "measurement", "ic": "mdi:account-question"},
    # A review can assign energy, so it may fall.
    UNASSIGNED: {"p": SENSOR, "dev_cla": "energy", "unit_of_meas": "kWh"},
    ERROR: {"p": SENSOR, "ic": "mdi:alert-circle-outline", **_DIAGNOSTIC},
}
"""The components of the site by the names of its states."""

COMMANDED = (CHARGE, MODE, LIMIT)


def charger_config(
    prefix: str, charger: PublishedCharger, language: str, *, names_accounts: bool
) -> tuple[str, bytes]:
    """Return topic and payload of the discovery of a charger."""
    device = charger_device(prefix, charger.charge_point_id)
    is_single = len(charger.connectors) == 1
    components: dict[str, Component] = {}
    for connector in charger.connectors:
        for name, kind in OF_CONNECTOR.items():
            key = f"{connector.connector_id}_{name}"
            if name == ACCOUNT and not names_accounts:
                components[key] = _absent(kind)
                continue
            # Home Assistant puts the name of the device before it.
            label = NAMES[language][name]
            if not is_single:
                label = f"{label} {_connector_name(connector, language)}"
            topic = state_topic(prefix, charger.charge_point_id, connector.connector_id, name)
            components[key] = {**_component(kind, device, key, topic), "name": label}
            if name in COMMANDED:
                components[key]["cmd_t"] = f"{topic}/set"
            if name == LIMIT:
                components[key]["max"] = connector.max_ma // 1_000
    # No serial number: everybody at the broker would read it.
    about = {
        "ids": [device],
        "name": charger.name,
        "mf": charger.vendor,
        "mdl": charger.model,
        "sw": charger.firmware,
    }
    available = (server_status(prefix), charger_status(prefix, charger.charge_point_id))
    return discovery_topic(device), _payload(about, available, components)


def site_config(prefix: str, site: SiteFigures, language: str) -> tuple[str, bytes]:
    """Return topic and payload of the discovery of the site."""
    device = site_device(prefix)
    absent = {
        POWER: not site.has_meter,
        LIMIT: site.limit_ma is None,
        FALLBACK: not site.has_rules,
        DIMMED: site.is_dimmed is None,
    }
    names = {**NAMES[language], **SITE_NAMES[language]}
    components = {
        name: _absent(kind)
        if absent.get(name, False)
        else {**_component(kind, device, name, site_topic(prefix, name)), "name": names[name]}
        for name, kind in OF_SITE.items()
    }
    about = {"ids": [device], "name": names["name"], "mf": "shocpp"}
    return discovery_topic(device), _payload(about, (server_status(prefix),), components)


def _connector_name(connector: PublishedConnector, language: str) -> str:
    """Return the name of a connector beside others."""
    words = CONNECTOR[language].format(connector=connector.connector_id)
    return f"({connector.name or words})"


def _component(kind: Component, device: str, key: str, topic: str) -> Component:
    return {**kind, "uniq_id": f"{device}__{key}", "stat_t": topic}


def _absent(kind: Component) -> Component:
    """Return the component that removes the entity if it was there before."""
    return {"p": kind["p"]}


def _payload(
    about: Mapping[str, object], available: tuple[str, ...], components: Mapping[str, Component]
) -> bytes:
    """Return the payload of a device; it is available while all its topics say `online`."""
    device = {key: value for key, value in about.items() if value}
    config = {
        "dev": device,
        "o": ORIGIN,
        "avty": [{"t": topic} for topic in available],
        "avty_mode": "all",
        "cmps": components,
    }
    return json.dumps(config, ensure_ascii=False, separators=(",", ":")).encode()
