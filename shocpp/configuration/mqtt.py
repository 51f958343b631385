"""conf/mqtt.json: the MQTT broker that states go to, and commands and readings come from.

    {"host": "192.168.1.5", "user": "shocpp", "password": "…", "tls": {"ca": "/etc/ssl/home.pem"}}

    host, port     the broker; the port is 1883 by default, with tls 8883
    tls            true: its certificate has an authority that this system trusts; {"ca": FILE}: it
                   has this authority (relative to the folder of mqtt.json). Without it, no TLS
    user, password
    prefix         the first levels of all topics (default shocpp)
    discovery      false: no devices for Home Assistant (default true)
    accounts       true: names of accounts are published (default false)
    start_as       who pays for starts by MQTT: {"garage": {"account": "family-x", "card": "key"}}

Without the file, there is no MQTT. While it has an error, its last good content stays in force.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from shocpp.configuration.entries import Located, MemberError, line_of, parse_json, quoted
from shocpp.configuration.files import Stamp, conf_text, stamp_of
from shocpp.errors import ConfigError
from shocpp.ocpp.identity import identity_key

log = logging.getLogger(__name__)

EXAMPLE = "conf/mqtt.json.example"

PLAIN_PORT, TLS_PORT = 1883, 8883
"""The ports that IANA has for MQTT without TLS and with it."""

LONGEST_TOPIC = 200
"""The most bytes of a topic that a person writes. MQTT allows 65,535 (§1.5.3)."""

LONGEST_TEXT = 65_535
"""The most bytes of a user and of a password in MQTT (3.1.1 §1.5.3)."""

_KEYS = (
    *("host", "port", "tls", "user", "password", "prefix", "discovery", "accounts", "start_as"),
    "comment",
)
_LONGEST_PREFIX = 60
_LONGEST_LABEL = 63


class StartAs(NamedTuple):
    """The account and the card that a start by MQTT charges to, by their names in tags.json.

    Without a `card` it is the account's only one.
    """

    account: str
    card: str | None = None


class Tls(NamedTuple):
    """The TLS of a broker; without a file `ca`, the system's authorities count."""

    ca: Path | None = None


class MqttConf(NamedTuple):
    """The content of the file; `start_as` is by the `identity_key` of the chargers."""

    host: str
    port: int = PLAIN_PORT
    tls: Tls | None = None
    user: str | None = None
    password: str | None = None
    prefix: str = "shocpp"
    discovery: bool = True
    accounts: bool = False
    start_as: Mapping[str, StartAs] = {}

    def __repr__(self) -> str:
        """Return the broker only: a log or a traceback must not have the password."""
        return f"MqttConf({self.host}:{self.port})"


def parse_mqtt(text: str, path: Path) -> MqttConf:
    """Return the content of a mqtt.json; raises ConfigError with the file, the line and the key."""
    content = parse_json(text, str(path), EXAMPLE)
    try:
        return _mqtt(Located(content), path.parent)
    except MemberError as error:
        line = line_of(text, error.path)
        raise ConfigError(f"{path}, line {line}: {error}; see {EXAMPLE}") from None


def load_mqtt(path: Path) -> MqttConf:
    """Return the content of the file.

    Raises FileNotFoundError, or ConfigError with the file, the line and the remedy.
    """
    return parse_mqtt(conf_text(path), path)


def topic_of(member: Located) -> str:
    """Return the name of a topic to subscribe to."""
    topic = member.text()
    if trouble := _trouble_of_topic(topic):
        raise member.error(f"{trouble}, not {quoted(topic)}; write it as in haus/meter")
    return topic


def _mqtt(content: Located, folder: Path) -> MqttConf:
    keys = content.members(_KEYS)
    if "host" not in keys:
        raise content.error("has no host: write the name or the address of the broker")
    tls = _tls(keys["tls"], folder) if "tls" in keys else None
    user = _user(keys["user"]) if "user" in keys else None
    password = _password(keys["password"]) if "password" in keys else None
    # MQTT 3.1.1 §3.1.2.9 forbids a password without a user's name.
    if password is not None and user is None:
        raise keys["password"].error("needs a user beside it")
    return MqttConf(
        _host(keys["host"]),
        _port(keys["port"]) if "port" in keys else TLS_PORT if tls else PLAIN_PORT,
        tls,
        user,
        password,
        _prefix(keys["prefix"]) if "prefix" in keys else "shocpp",
        _flag(keys["discovery"]) if "discovery" in keys else True,
        _flag(keys["accounts"]) if "accounts" in keys else False,
        _start_as(keys["start_as"]) if "start_as" in keys else {},
    )


def _host(member: Located) -> str:
    host = member.text()
    # paho would end for a name with a label that no name server knows.
    is_name = all(1 <= len(label) <= _LONGEST_LABEL for label in host.split("."))
    if any(sign in host for sign in " /@") or not host.isascii() or not is_name:
        # It may have a password: mqtt://shocpp:password@192.168.1.5.
        quote = "" if "@" in host else f", not {quoted(host)}"
        raise member.error(
            f"must be a name or an address such as 192.168.1.5{quote}; port, user and password "
            "have keys of their own"
        )
    return host


def _port(member: Located) -> int:
    if type(member.value) is not int or not 1 <= member.value <= 65_535:
        raise member.error(f"must be a whole number 1..65535, not {quoted(member.value)}")
    return member.value


def _tls(member: Located, folder: Path) -> Tls | None:
    """Return the TLS of the broker; False and true are without a file of an authority."""
    if isinstance(member.value, bool):
        return Tls() if member.value else None
    if not isinstance(member.value, dict):
        raise member.error(f'must be true or {{"ca": FILE}}, not {quoted(member.value)}')
    keys = member.members(("ca", "comment"))
    if "ca" not in keys:
        raise member.error("has no ca; write true for the authorities of this system")
    return Tls(folder / Path(keys["ca"].text()).expanduser())


def _user(member: Located) -> str:
    # An object may have the password, too.
    if not isinstance(member.value, str):
        raise member.error("must be a text; the password has a key of its own")
    user = member.text()
    if len(user.encode()) > LONGEST_TEXT:
        raise member.error(f"must have at most {LONGEST_TEXT} bytes")
    return user


def _password(member: Located) -> str:
    # The sentence must not repeat it.
    if not isinstance(member.value, str) or not member.value:
        raise member.error("must be a text; leave it out if the broker wants none")
    # paho's error about half a character would repeat the password in the log.
    if len(member.value.encode(errors="surrogatepass")) > LONGEST_TEXT or not _is_whole(member):
        raise member.error(f"must be a text of at most {LONGEST_TEXT} bytes in UTF-8")
    return member.value


def _is_whole(member: Located) -> bool:
    """Return True if a text has no half of a character, which UTF-8 does not know."""
    try:
        member.value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _flag(member: Located) -> bool:
    if not isinstance(member.value, bool):
        raise member.error(f"must be true or false, not {quoted(member.value)}")
    return member.value


def _prefix(member: Located) -> str:
    prefix = member.text()
    trouble = _trouble_of_topic(prefix)
    if trouble is None and len(prefix.encode()) > _LONGEST_PREFIX:
        trouble = f"must have at most {_LONGEST_PREFIX} bytes"
    if trouble is not None:
        raise member.error(f"{trouble}, not {quoted(prefix)}; write it as in shocpp or haus/laden")
    return prefix


def _trouble_of_topic(topic: str) -> str | None:
    """Return the reason why a text is no topic with levels of its own, or None."""
    if any(sign in topic for sign in "+#"):
        return "must be one topic, without the wildcards + and #"
    if topic.startswith("$"):
        return "must not begin with $, which is for topics of the broker"
    if not all(topic.split("/")):
        return "must have levels that are not empty"
    if not topic.isprintable() or len(topic.encode()) > LONGEST_TOPIC:
        return f"must have at most {LONGEST_TOPIC} bytes, and no control characters"
    return None


def _start_as(content: Located) -> dict[str, StartAs]:
    """Return who pays for starts of each charger."""
    payers: dict[str, StartAs] = {}
    for member in content.members().values():
        name = str(member.path[-1])
        if identity_key(name) in payers:
            raise member.error("is there twice; remove one")
        keys = member.members(("account", "card", "comment"))
        if "account" not in keys:
            raise member.error("has no account; write its name, as tags.json has it")
        card = keys["card"].text() if "card" in keys else None
        payers[identity_key(name)] = StartAs(keys["account"].text(), card)
    return payers


class MqttFile:
    """The content in force, which follows the file; for one thread.

    text       the text in force, None if there is none
    trouble    the reason why the present content of the file is not in force, or None
    """

    def __init__(self, path: Path, stored_text: str | None) -> None:
        """Create it with the last good text that any process has read."""
        self.path = path
        self.text: str | None = None
        self.trouble: str | None = None
        self._conf: MqttConf | None = None
        self._stored_text = stored_text
        self._stamp: Stamp | None = None
        self._read = False

    def conf(self) -> MqttConf | None:
        """Return the content in force; read the file if it has changed (one stat)."""
        stamp = stamp_of(self.path)
        if not self._read or stamp != self._stamp:
            self._read, self._stamp = True, stamp
            self._load()
        return self._conf

    def _load(self) -> None:
        trouble = self.trouble
        try:
            text = conf_text(self.path)
            self._conf = parse_mqtt(text, self.path)
        except FileNotFoundError:
            if self.text is not None:
                log.info("%s is gone: there is no MQTT any more", self.path)
            self._conf = self.text = self.trouble = self._stored_text = None
        except ConfigError as error:
            self._fall_back()
            self.trouble = str(error)
            if self.trouble != trouble:
                meanwhile = (
                    "there is no MQTT" if self._conf is None else "the broker before it stays"
                )
                log.warning("%s; %s", error, meanwhile)
        else:
            self.text, self.trouble, self._stored_text = text, None, None

    def _fall_back(self) -> None:
        """Put the text in force that another process has read, if this one has none."""
        if self._conf is None and self._stored_text is not None:
            # An older version accepted this text, and its rules were others.
            try:
                self._conf = parse_mqtt(self._stored_text, self.path)
                self.text = self._stored_text
            except ConfigError:
                self._stored_text = None
