"""The settings: environment in, checked values out (memory floor).

Every path has a default under the home folder, which is the checkout or SHOCPP_HOME. A value that
cannot be used raises ConfigError with one sentence, at start and not when it is needed.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shocpp.errors import ConfigError

CHECKOUT = Path(__file__).resolve().parent.parent

DEFAULT_ZONE = "Europe/Berlin"
DEFAULT_HEARTBEAT_S = 55
DEFAULT_FRAME_DAYS = 90


class Settings(NamedTuple):
    """What one process runs with."""

    home: Path
    address: str
    port: int
    tags_file: Path
    accounting_folder: Path
    database: Path
    heartbeat_s: int
    frame_days: int
    strict_subprotocol: bool
    zone: ZoneInfo


class Variable(NamedTuple):
    """A row of the README's table; a test compares them."""

    name: str
    default: str
    meaning: str


VARIABLES = (
    Variable("WS_ADDRESS", "0.0.0.0", "address to listen on"),
    Variable("WS_PORT", "8080", "port to listen on"),
    Variable("SHOCPP_HOME", "the checkout", "folder of the relative defaults below"),
    Variable("SHOCPP_TAGSFILE", "conf/tags.json", "accounts and their cards"),
    Variable("SHOCPP_ACCOUNTINGDIR", "accounting/", "one JSON file for each accounting record"),
    Variable("SHOCPP_DATABASE", "db/shocpp.sqlite3", "the database"),
    Variable("SHOCPP_HEARTBEAT", "55", "seconds between a charger's heartbeats"),
    Variable("SHOCPP_FRAME_DAYS", "90", "days to keep raw frames (those with energy stay)"),
    Variable("SHOCPP_STRICT_SUBPROTOCOL", "0", "1: refuse chargers that do not offer `ocpp1.6`"),
    Variable("TZ", "Europe/Berlin", "time zone of months and reports"),
)


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of an environment; ConfigError names the variable and what it may hold."""
    home = Path(environment.get("SHOCPP_HOME") or CHECKOUT).absolute()
    if not home.is_dir():
        raise ConfigError(f"SHOCPP_HOME must be a folder that exists, not {str(home)!r}")
    return Settings(
        home=home,
        address=environment.get("WS_ADDRESS") or "0.0.0.0",
        port=_whole(environment, "WS_PORT", 8080, 0, 65535),
        tags_file=_path(environment, "SHOCPP_TAGSFILE", home / "conf" / "tags.json"),
        accounting_folder=_path(environment, "SHOCPP_ACCOUNTINGDIR", home / "accounting"),
        database=_path(environment, "SHOCPP_DATABASE", home / "db" / "shocpp.sqlite3"),
        heartbeat_s=_whole(environment, "SHOCPP_HEARTBEAT", DEFAULT_HEARTBEAT_S, 1, 86_400),
        frame_days=_whole(environment, "SHOCPP_FRAME_DAYS", DEFAULT_FRAME_DAYS, 1, 36_500),
        strict_subprotocol=_flag(environment, "SHOCPP_STRICT_SUBPROTOCOL"),
        zone=_zone(environment),
    )


def _path(environment: Mapping[str, str], name: str, default: Path) -> Path:
    value = environment.get(name)
    return Path(value).expanduser().absolute() if value else default


def _whole(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = environment.get(name)
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
        raise ConfigError(f"{name} must be a whole number {low}..{high}, not {value!r}")
    return int(value)


def _flag(environment: Mapping[str, str], name: str) -> bool:
    value = environment.get(name) or "0"
    if value not in ("0", "1"):
        raise ConfigError(f"{name} must be 0 or 1, not {value!r}")
    return value == "1"


def _zone(environment: Mapping[str, str]) -> ZoneInfo:
    name = (environment.get("TZ") or DEFAULT_ZONE).removeprefix(":")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"TZ must name a time zone such as {DEFAULT_ZONE} or UTC, not {name!r}"
        ) from None
