"""The settings of a process, read from the environment and checked.

Every path has a default below the home folder, which is SHOCPP_HOME or the default of the
installation. A value that cannot be used raises ConfigError at the start of the process, not when
it is used. Only the time zone is loaded at its first use, because zoneinfo costs a CGI process
7 ms.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from shocpp.database_path import database_of, home_of
from shocpp.errors import ConfigError
from shocpp.installation.files import default_home

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from shocpp.service_addresses import MailServer

DEFAULT_ZONE = "Europe/Berlin"
DEFAULT_HEARTBEAT_S = 55
DEFAULT_FRAME_DAYS = 90
DEFAULT_READING_DAYS = 400
LANGUAGES = ("de", "en")

SHORTEST_TOKEN = 12
"""The lowest number of characters of SHOCPP_TOKEN."""


class Settings(NamedTuple):
    """The settings of one process; each is a row of VARIABLES, except `home` of the paths."""

    home: Path
    address: str
    port: int
    tags_file: Path
    canned_file: Path
    operator_file: Path
    tariffs_file: Path
    charge_points_file: Path
    people_file: Path
    site_file: Path
    mqtt_file: Path
    accounting_folder: Path
    database: Path
    heartbeat_s: int
    frame_days: int
    reading_days: int
    charger_mb: int | None
    reserve_mb: int | None
    syncs_all: bool
    strict_subprotocol: bool
    token: str | None
    trusted_proxies: tuple[str, ...]
    url: str | None
    mail_server: "MailServer | None"
    webhook: str | None
    language: str
    zone_name: str

    def check_zone(self) -> None:
        """Raise ConfigError if the time zone is unknown."""
        _is_known = self.zone

    @property
    def zone(self) -> "ZoneInfo":
        """Return the time zone of months and reports. Raises ConfigError if it is unknown."""
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return ZoneInfo(self.zone_name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigError(
                f"TZ must name a time zone such as {DEFAULT_ZONE} or UTC, not {self.zone_name!r}"
            ) from None


class Variable(NamedTuple):
    """An environment variable, as the table in docs/reference.md has it; a test compares both."""

    name: str
    default: str
    meaning: str


VARIABLES = (
    Variable("WS_ADDRESS", "0.0.0.0", "address to listen on"),
    Variable("WS_PORT", "8080", "port to listen on"),
    Variable(
        "SHOCPP_HOME",
        "the checkout; installed, `~/.local/share/shocpp`, as root `/var/lib/shocpp`",
        "folder of the relative defaults below",
    ),
    Variable("SHOCPP_TAGSFILE", "conf/tags.json", "accounts and their cards"),
    Variable("SHOCPP_CANNEDFILE", "conf/canned.json", "canned calls"),
    Variable("SHOCPP_OPERATORFILE", "conf/operator.json", "letterhead, mail addresses"),
    Variable("SHOCPP_TARIFFSFILE", "conf/tariffs.json", "prices"),
    Variable("SHOCPP_CHARGEPOINTSFILE", "conf/charge_points.json", "chargers that may connect"),
    Variable("SHOCPP_PEOPLEFILE", "conf/people.json", "roles of nginx's users"),
    Variable("SHOCPP_SITEFILE", "conf/site.json", "limits of all chargers together"),
    Variable("SHOCPP_MQTTFILE", "conf/mqtt.json", "the MQTT broker"),
    Variable("SHOCPP_ACCOUNTINGDIR", "accounting/", "one JSON file for each accounting record"),
    Variable("SHOCPP_DATABASE", "db/shocpp.sqlite3", "the database"),
    Variable("SHOCPP_HEARTBEAT", "55", "seconds between a charger's heartbeats"),
    Variable("SHOCPP_FRAME_DAYS", "90", "days to keep raw frames (those with energy stay)"),
    Variable(
        "SHOCPP_READING_DAYS", "400", "days to keep all readings of a closed month, 0: for ever"
    ),
    Variable("SHOCPP_CHARGER_MB", "32, or 1 % of the disk", "MB that a charger may store a day"),
    Variable("SHOCPP_RESERVE_MB", "200, or 2 % of the disk", "free MB kept for the books alone"),
    Variable(
        "SHOCPP_SYNC", "billing", "`all`: meter values are on the disk before their answers, too"
    ),
    Variable("SHOCPP_STRICT_SUBPROTOCOL", "0", "1: refuse chargers that do not offer `ocpp1.6`"),
    Variable("SHOCPP_TOKEN", "none", "secret that requests from other machines must present"),
    Variable("SHOCPP_TRUSTED_PROXIES", "none", "whose X-Forwarded-For counts, `127.0.0.1, ::1`"),
    Variable("SHOCPP_URL", "none", "address of the pages, `https://charging.example.org`"),
    Variable("SHOCPP_SMTP", "none", "mail server, `smtp://user:password@host:587` or `smtps://`"),
    Variable("SHOCPP_WEBHOOK", "none", "https address that statements are posted to"),
    Variable("SHOCPP_LANG", "de", "language of pages, voice answers and statements, `de` or `en`"),
    Variable("TZ", "Europe/Berlin", "time zone of months and reports"),
)

PATHS = tuple(v.name for v in VARIABLES if v.name.endswith(("HOME", "FILE", "DIR", "DATABASE")))
"""The variables that name a file or a folder."""


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of an environment.

    Raises ConfigError with the variable and its possible values.
    """
    home = home_folder(environment)
    if not home.is_dir():
        raise ConfigError(_missing_home(environment, home))
    return Settings(
        home=home,
        address=environment.get("WS_ADDRESS") or "0.0.0.0",
        port=_whole(environment, "WS_PORT", 8080, 0, 65535),
        tags_file=_path(environment, "SHOCPP_TAGSFILE", home / "conf" / "tags.json"),
        canned_file=_path(environment, "SHOCPP_CANNEDFILE", home / "conf" / "canned.json"),
        operator_file=_path(environment, "SHOCPP_OPERATORFILE", home / "conf" / "operator.json"),
        tariffs_file=_path(environment, "SHOCPP_TARIFFSFILE", home / "conf" / "tariffs.json"),
        charge_points_file=_path(
            environment, "SHOCPP_CHARGEPOINTSFILE", home / "conf" / "charge_points.json"
        ),
        people_file=_path(environment, "SHOCPP_PEOPLEFILE", home / "conf" / "people.json"),
        site_file=_path(environment, "SHOCPP_SITEFILE", home / "conf" / "site.json"),
        mqtt_file=_path(environment, "SHOCPP_MQTTFILE", home / "conf" / "mqtt.json"),
        accounting_folder=_path(environment, "SHOCPP_ACCOUNTINGDIR", home / "accounting"),
        database=Path(database_of(environment, str(home))).expanduser().absolute(),
        heartbeat_s=_whole(environment, "SHOCPP_HEARTBEAT", DEFAULT_HEARTBEAT_S, 1, 86_400),
        frame_days=_whole(environment, "SHOCPP_FRAME_DAYS", DEFAULT_FRAME_DAYS, 1, 36_500),
        reading_days=_whole(environment, "SHOCPP_READING_DAYS", DEFAULT_READING_DAYS, 0, 36_500),
        charger_mb=_megabytes(environment, "SHOCPP_CHARGER_MB"),
        reserve_mb=_megabytes(environment, "SHOCPP_RESERVE_MB"),
        syncs_all=_syncs_all(environment),
        strict_subprotocol=_flag(environment, "SHOCPP_STRICT_SUBPROTOCOL"),
        token=_token(environment),
        trusted_proxies=_proxies(environment.get("SHOCPP_TRUSTED_PROXIES")),
        url=_service(environment, "SHOCPP_URL"),
        mail_server=_service(environment, "SHOCPP_SMTP"),
        webhook=_service(environment, "SHOCPP_WEBHOOK"),
        language=_language(environment),
        # POSIX writes the name of a file in TZ with a colon in front.
        zone_name=(environment.get("TZ") or DEFAULT_ZONE).removeprefix(":"),
    )


def home_folder(environment: Mapping[str, str]) -> Path:
    """Return the home folder of an environment as an absolute path; it may not exist."""
    return Path(home_of(environment, "") or default_home(environment)).absolute()


def _missing_home(environment: Mapping[str, str], home: Path) -> str:
    """Return the sentence about a home folder that does not exist."""
    # Imported here, because they are for this sentence only.
    if environment.get("SHOCPP_HOME"):
        import shlex

        return (
            f"SHOCPP_HOME must be a folder that exists, not {str(home)!r}; make it with: "
            f"shocpp home {shlex.quote(str(home))}"
        )
    from shocpp.installation.environment_file import ENVIRONMENT_FILE

    is_hidden = ENVIRONMENT_FILE.exists() and not os.access(ENVIRONMENT_FILE, os.R_OK)
    hint = f" (this user may not read {ENVIRONMENT_FILE}, which may name it)" if is_hidden else ""
    return (
        f"the home {home} does not exist{hint}; name yours with SHOCPP_HOME=DIR, or make a new one "
        "with: shocpp home"
    )


def absolute_paths(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables below the home that an environment sets, with absolute paths."""
    names = (name for name in PATHS if name != "SHOCPP_HOME" and environment.get(name))
    return {name: str(_path(environment, name, Path())) for name in names}


def depends_on_process(environment: Mapping[str, str]) -> bool:
    """Return True if a path of an environment depends on the folder or the user of its process."""
    return not all((environment.get(name) or "/").startswith("/") for name in PATHS)


def _path(environment: Mapping[str, str], name: str, default: Path) -> Path:
    """Return an absolute path; `~` is the home folder of the user."""
    value = environment.get(name)
    return Path(value).expanduser().absolute() if value else default


def _whole(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Return a whole number low..high."""
    value = environment.get(name)
    # int() alone also accepts 1_000, blanks and full-width digits.
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
        raise ConfigError(f"{name} must be a whole number {low}..{high}, not {value!r}")
    return int(value)


def _megabytes(environment: Mapping[str, str], name: str) -> int | None:
    """Return a number of megabytes, or None for a default that depends on the disk."""
    return _whole(environment, name, 1, 1, 1_000_000) if environment.get(name) else None


def _syncs_all(environment: Mapping[str, str]) -> bool:
    """Return True for `all`, and False for `billing` or an unset variable."""
    value = environment.get("SHOCPP_SYNC") or "billing"
    if value not in ("billing", "all"):
        raise ConfigError(f"SHOCPP_SYNC must be billing or all, not {value!r}")
    return value == "all"


def _flag(environment: Mapping[str, str], name: str) -> bool:
    """Return True for 1 and False for 0 or an unset variable."""
    value = environment.get(name) or "0"
    if value not in ("0", "1"):
        raise ConfigError(f"{name} must be 0 or 1, not {value!r}")
    return value == "1"


def _service(environment: Mapping[str, str], name: str) -> Any:
    """Return the address of a service as `service_addresses` reads it, or None without one."""
    value = environment.get(name)
    if not value:
        return None
    # Imported here, because most CGI processes have none of these.
    from shocpp.service_addresses import READERS

    return READERS[name](value)


def _token(environment: Mapping[str, str]) -> str | None:
    """Return the token, or None if the variable is not set."""
    token = environment.get("SHOCPP_TOKEN") or None
    if token is None or (
        len(token) >= SHORTEST_TOKEN
        and token.isascii()
        and token.isprintable()
        and " " not in token
    ):
        return token
    # The value may be most of the secret, so the sentence does not repeat it.
    raise ConfigError(
        f"SHOCPP_TOKEN must have at least {SHORTEST_TOKEN} characters, ASCII and without blanks; "
        "make one with: openssl rand -hex 16"
    )


def _proxies(addresses: str | None) -> tuple[str, ...]:
    """Return addresses and networks such as 10.0.0.0/8; `unix` is a proxy on a Unix socket."""
    proxies = tuple((addresses or "").replace(",", " ").split())
    for proxy in proxies:
        if proxy != "unix" and not _is_network(proxy):
            raise ConfigError(
                "SHOCPP_TRUSTED_PROXIES must list addresses or networks such as 127.0.0.1 or "
                f"10.0.0.0/8, or unix, not {proxy!r}"
            )
    return proxies


def _is_network(text: str) -> bool:
    """Return True if a text is an IP address or network."""
    from ipaddress import ip_network

    try:
        return bool(ip_network(text))
    except ValueError:
        return False


def _language(environment: Mapping[str, str]) -> str:
    """Return one of LANGUAGES."""
    language = environment.get("SHOCPP_LANG") or LANGUAGES[0]
    if language not in LANGUAGES:
        raise ConfigError(f"SHOCPP_LANG must be {' or '.join(LANGUAGES)}, not {language!r}")
    return language
