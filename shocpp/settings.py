"""The settings: environment in, checked values out (memory floor).

Every path has a default under the home folder, which is the checkout or SHOCPP_HOME. A value that
cannot be used raises ConfigError with one sentence, at start and not when it is needed; only the
time zone is looked up when it is asked for, because zoneinfo costs a CGI process 7 ms.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from shocpp.errors import ConfigError

if TYPE_CHECKING:
    from urllib.parse import SplitResult
    from zoneinfo import ZoneInfo

CHECKOUT = Path(__file__).resolve().parent.parent

DEFAULT_ZONE = "Europe/Berlin"
DEFAULT_HEARTBEAT_S = 55
DEFAULT_FRAME_DAYS = 90
LANGUAGES = ("de", "en")
MAIL_PORTS = {"TLS": 465, "STARTTLS": 587, "plain": 25}
SHORTEST_TOKEN = 12


class MailServer(NamedTuple):
    """Where mail is handed over; `security` is TLS, STARTTLS (required) or plain."""

    host: str
    port: int
    security: str
    user: str | None
    password: str | None

    def __repr__(self) -> str:
        """Without the password: this may end in a traceback."""
        return f"MailServer({self.host}:{self.port}, {self.security})"


class Settings(NamedTuple):
    """What one process runs with."""

    home: Path
    address: str
    port: int
    tags_file: Path
    canned_file: Path
    operator_file: Path
    tariffs_file: Path
    charge_points_file: Path
    accounting_folder: Path
    database: Path
    heartbeat_s: int
    frame_days: int
    strict_subprotocol: bool
    token: str | None
    trusted_proxies: tuple[str, ...]
    mail_server: MailServer | None
    webhook: str | None
    language: str
    zone_name: str

    def check_zone(self) -> None:
        """Raises ConfigError where `zone` would, before anything depends on it."""
        _is_known = self.zone

    @property
    def zone(self) -> "ZoneInfo":
        """The time zone of months and reports; ConfigError where its name is none."""
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return ZoneInfo(self.zone_name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigError(
                f"TZ must name a time zone such as {DEFAULT_ZONE} or UTC, not {self.zone_name!r}"
            ) from None


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
    Variable("SHOCPP_CANNEDFILE", "conf/canned.json", "canned calls"),
    Variable("SHOCPP_OPERATORFILE", "conf/operator.json", "letterhead, mail addresses"),
    Variable("SHOCPP_TARIFFSFILE", "conf/tariffs.json", "prices"),
    Variable("SHOCPP_CHARGEPOINTSFILE", "conf/charge_points.json", "chargers that are let in"),
    Variable("SHOCPP_ACCOUNTINGDIR", "accounting/", "one JSON file for each accounting record"),
    Variable("SHOCPP_DATABASE", "db/shocpp.sqlite3", "the database"),
    Variable("SHOCPP_HEARTBEAT", "55", "seconds between a charger's heartbeats"),
    Variable("SHOCPP_FRAME_DAYS", "90", "days to keep raw frames (those with energy stay)"),
    Variable("SHOCPP_STRICT_SUBPROTOCOL", "0", "1: refuse chargers that do not offer `ocpp1.6`"),
    Variable("SHOCPP_TOKEN", "none", "lets callers from other machines in"),
    Variable("SHOCPP_TRUSTED_PROXIES", "none", "whose X-Forwarded-For counts, `127.0.0.1, ::1`"),
    Variable("SHOCPP_SMTP", "none", "mail server, `smtp://user:password@host:587` or `smtps://`"),
    Variable("SHOCPP_WEBHOOK", "none", "https address that papers are posted to"),
    Variable("SHOCPP_LANG", "de", "language of spoken answers and papers, `de` or `en`"),
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
        canned_file=_path(environment, "SHOCPP_CANNEDFILE", home / "conf" / "canned.json"),
        operator_file=_path(environment, "SHOCPP_OPERATORFILE", home / "conf" / "operator.json"),
        tariffs_file=_path(environment, "SHOCPP_TARIFFSFILE", home / "conf" / "tariffs.json"),
        charge_points_file=_path(
            environment, "SHOCPP_CHARGEPOINTSFILE", home / "conf" / "charge_points.json"
        ),
        accounting_folder=_path(environment, "SHOCPP_ACCOUNTINGDIR", home / "accounting"),
        database=_path(environment, "SHOCPP_DATABASE", home / "db" / "shocpp.sqlite3"),
        heartbeat_s=_whole(environment, "SHOCPP_HEARTBEAT", DEFAULT_HEARTBEAT_S, 1, 86_400),
        frame_days=_whole(environment, "SHOCPP_FRAME_DAYS", DEFAULT_FRAME_DAYS, 1, 36_500),
        strict_subprotocol=_flag(environment, "SHOCPP_STRICT_SUBPROTOCOL"),
        token=_token(environment),
        trusted_proxies=_proxies(environment.get("SHOCPP_TRUSTED_PROXIES")),
        mail_server=_mail_server(environment.get("SHOCPP_SMTP")),
        webhook=_webhook(environment.get("SHOCPP_WEBHOOK")),
        language=_language(environment),
        zone_name=(environment.get("TZ") or DEFAULT_ZONE).removeprefix(":"),
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


def _token(environment: Mapping[str, str]) -> str | None:
    token = environment.get("SHOCPP_TOKEN") or None
    if token is None or (
        len(token) >= SHORTEST_TOKEN
        and token.isascii()
        and token.isprintable()
        and " " not in token
    ):
        return token
    # What was typed may be a good part of the secret: it is not repeated.
    raise ConfigError(
        f"SHOCPP_TOKEN must have at least {SHORTEST_TOKEN} characters, ASCII and without blanks; "
        "make one with: openssl rand -hex 16"
    )


def _proxies(addresses: str | None) -> tuple[str, ...]:
    """The addresses, and networks such as 10.0.0.0/8; `unix` is a proxy on a Unix socket."""
    proxies = tuple((addresses or "").replace(",", " ").split())
    for proxy in proxies:
        if proxy != "unix" and not _is_network(proxy):
            raise ConfigError(
                "SHOCPP_TRUSTED_PROXIES must list addresses or networks such as 127.0.0.1 or "
                f"10.0.0.0/8, or unix, not {proxy!r}"
            )
    return proxies


def _is_network(text: str) -> bool:
    from ipaddress import ip_network

    try:
        return bool(ip_network(text))
    except ValueError:
        return False


def _language(environment: Mapping[str, str]) -> str:
    language = environment.get("SHOCPP_LANG") or LANGUAGES[0]
    if language not in LANGUAGES:
        raise ConfigError(f"SHOCPP_LANG must be {' or '.join(LANGUAGES)}, not {language!r}")
    return language


def _mail_server(address: str | None) -> MailServer | None:
    if not address:
        return None
    # What was typed holds a password: it is not repeated.
    form = "smtp://user:password@host:587 or smtps://user:password@host:465"
    url = _parts(address)
    if url is None or url.scheme not in ("smtp", "smtps") or url.query or url.path not in ("", "/"):
        raise ConfigError(
            f"SHOCPP_SMTP must be {form}, other signs in them percent-encoded (%40 is @)"
        )
    user, password = _user_and_password(url)
    security = "TLS" if url.scheme == "smtps" else "STARTTLS"
    if security == "STARTTLS" and user is None and is_loopback(url.hostname):
        security = "plain"
    if security != "TLS" and url.port == MAIL_PORTS["TLS"]:
        raise ConfigError("SHOCPP_SMTP names port 465, where TLS begins at once: write smtps://")
    port = url.port or MAIL_PORTS[security]
    return MailServer(url.hostname or "", port, security, user, password)


def _user_and_password(url: "SplitResult") -> tuple[str | None, str | None]:
    from urllib.parse import unquote

    if url.username is None and url.password is None:
        return None, None
    user, password = unquote(url.username or ""), unquote(url.password or "")
    for text in (user, password):
        if not (text and text.isascii() and text.isprintable()):
            raise ConfigError(
                "SHOCPP_SMTP must have both user and password, ASCII and printable, or neither"
            )
    return user, password


def _webhook(address: str | None) -> str | None:
    if not address:
        return None
    url = _parts(address)
    if url is None or url.scheme not in ("https", "http") or "@" in url.netloc:
        raise ConfigError("SHOCPP_WEBHOOK must be https://host/path, without a user or password")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ConfigError(
            "SHOCPP_WEBHOOK must be https: papers tell when people were at home, and http is "
            "for this machine only"
        )
    return address


def _parts(address: str) -> "SplitResult | None":
    """The parts of an address with a host and without a fragment; None where it is none."""
    from urllib.parse import urlsplit

    if not (address.isascii() and address.isprintable()) or {" ", "#", "\\"} & set(address):
        return None
    try:
        url = urlsplit(address)
        is_whole = bool(url.hostname) and url.port != 0
    except ValueError:  # a port that is none, half an IPv6 address
        return None
    return url if is_whole else None


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine, by its name or number; no name is looked up."""
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
