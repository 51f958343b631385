"""The site of the demo: its accounts, cards, prices and chargers, written as files of conf/."""

import json
from pathlib import Path
from typing import Any, NamedTuple


class Place(NamedTuple):
    """A charger of the site.

    name      its name on pages and statements, by language
    cards     the cards that charge there
    power_w   the power of a charge
    meter_wh  the register a month ago
    one_in    one day in this number has a session
    """

    name: dict[str, str]
    cards: tuple[str, ...]
    power_w: int
    meter_wh: int
    one_in: float


PLACES = {
    "garage": Place(
        {"de": "Garage", "en": "Garage"}, ("3333", "4444"), 11_000, 9_042_000, one_in=1.4
    ),
    "carport": Place(
        {"de": "Carport", "en": "Carport"}, ("1111", "2222"), 11_000, 4_310_500, one_in=1.6
    ),
    "yard": Place({"de": "Hof", "en": "Yard"}, ("5555", "2222"), 7_400, 1_205_300, one_in=2.5),
    "gate": Place({"de": "Einfahrt", "en": "Gate"}, ("3333", "6666"), 3_600, 688_120, one_in=5),
}
"""The chargers by identity; the first one is free at the beginning."""

STRANGER = "04A20B77"
"""A card that no account has: its session waits for a decision."""

ACCOUNTS = [
    {
        "index": 1,
        "account": "company-x",
        "ids": ["1111", "2222"],
        "names": {"1111": "Van 1", "2222": "Van 2"},
    },
    {
        "index": 2,
        "account": "family-y",
        "ids": ["3333", "4444"],
        "names": {"3333": "Golf", "4444": "Zoe"},
    },
    {
        "index": 3,
        "account": "company-z",
        "ids": ["5555", "6666"],
        "names": {"5555": "Kombi", "6666": "Roller"},
    },
]

TARIFFS = {
    "tariffs": [
        {"account": "family-y", "valid_from": "2020-01-01", "ct_per_kwh": 31.27},
        {"account": "*", "valid_from": "2020-01-01", "ct_per_kwh": 34.5},
    ]
}

CANNED_CALLS = {
    "start-family": {
        "action": "RemoteStartTransaction",
        "payload": {"idTag": "3333"},
        "charge_point": "garage",
        "wait_for": "charging",
    },
    "stop-family": {"action": "RemoteStopTransaction", "payload": {"account": "family-y"}},
    "power": {"show": "power", "charge_point": "carport"},
    "state": {"show": "state", "charge_point": "garage"},
    "family-this-month": {"show": "energy", "account": "family-y"},
}


def write_site(conf: Path, language: str) -> None:
    """Write the files of the site into the folder conf/ of a home."""
    chargers = {
        identity: {"auth": "none", "name": place.name.get(language, identity)}
        for identity, place in PLACES.items()
    }
    files: dict[str, Any] = {
        "canned.json": CANNED_CALLS,
        "charge_points.json": chargers,
        "tags.json": ACCOUNTS,
        "tariffs.json": TARIFFS,
    }
    for name, content in files.items():
        (conf / name).write_text(json.dumps(content, indent=2), encoding="utf-8")
