"""The topics of chargers, connectors and the site (pure).

    <prefix>/status                       online, or offline by the last will
    <prefix>/<charger>/status             online while the charger is connected
    <prefix>/<charger>/<connector>/power  … a state of a connector
    <prefix>/<charger>/<connector>/mode/set … a command
    <prefix>/site/power                   … a state of the site

An identity may hold `+`, `#`, blanks and umlauts. Topics and the ids of Home Assistant have it
escaped: letters, digits and `-` stay, each other byte of its UTF-8 text is `_` with two hex digits.
"""

import re
from typing import NamedTuple

HOME_ASSISTANT = "homeassistant"
"""The first level of the topics of Home Assistant's discovery."""

BIRTH = f"{HOME_ASSISTANT}/status"
"""The topic on which Home Assistant says that it has started."""

ONLINE, OFFLINE = b"online", b"offline"

MODE, LIMIT, CHARGE = COMMANDS = ("mode", "limit", "charge")
"""The states that can be set."""

SITE = "site"

_PLAIN = re.compile(rb"[A-Za-z0-9-]")
_ESCAPED = re.compile(r"(?:[A-Za-z0-9-]|_[0-9a-f]{2})+")
_CODE = re.compile(r"_([0-9a-f]{2})")


class Command(NamedTuple):
    """The levels of a command's topic; `connector` is a text that anybody may have written."""

    charge_point_id: str
    connector: str
    name: str


def escaped(text: str) -> str:
    """Return a text as a level of a topic, and as an id of Home Assistant."""
    # Bytes, because what is a letter differs from one version of Unicode to the next.
    signs = (bytes([byte]) for byte in text.encode(errors="surrogatepass"))
    return "".join(sign.decode() if _PLAIN.fullmatch(sign) else f"_{sign[0]:02x}" for sign in signs)


def unescaped(level: str) -> str | None:
    """Return the text of a level, or None if `escaped` has not made it."""
    if not _ESCAPED.fullmatch(level):
        return None
    latin = _CODE.sub(lambda match: chr(int(match[1], 16)), level)
    try:
        text = latin.encode("latin-1").decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return None
    # Each text has one level only: `_41` is not made of `A`.
    return text if escaped(text) == level else None


def server_status(prefix: str) -> str:
    """Return the topic of the server's availability."""
    return f"{prefix}/status"


def charger_status(prefix: str, charge_point_id: str) -> str:
    """Return the topic of a charger's availability."""
    return f"{prefix}/{escaped(charge_point_id)}/status"


def state_topic(prefix: str, charge_point_id: str, connector_id: int, name: str) -> str:
    """Return the topic of a state of a connector."""
    return f"{prefix}/{escaped(charge_point_id)}/{connector_id}/{name}"


def site_topic(prefix: str, name: str) -> str:
    """Return the topic of a state of the site."""
    return f"{prefix}/{SITE}/{name}"


def command_filters(prefix: str) -> list[str]:
    """Return the filters that match the topics of all commands."""
    return [f"{prefix}/+/+/{name}/set" for name in COMMANDS]


def command_of(prefix: str, topic: str) -> Command | None:
    """Return the command of a topic, or None if it is that of none."""
    head = f"{prefix}/"
    levels = topic.removeprefix(head).split("/")
    if not topic.startswith(head) or len(levels) != 4 or levels[3] != "set":
        return None
    charge_point_id, (connector, name) = unescaped(levels[0]), levels[1:3]
    # The connector is checked by those who know which ones there are.
    if charge_point_id is None or name not in COMMANDS:
        return None
    return Command(charge_point_id, connector, name)


def site_device(prefix: str) -> str:
    """Return the id of the site's device in Home Assistant."""
    return f"{escaped(prefix)}__site"


def charger_device(prefix: str, charge_point_id: str) -> str:
    """Return the id of a charger's device in Home Assistant."""
    # No escaped text has two `_` side by side, so two devices never share an id.
    return f"{escaped(prefix)}__charger__{escaped(charge_point_id)}"


def discovery_topic(device: str) -> str:
    """Return the topic of a device's discovery."""
    return f"{HOME_ASSISTANT}/device/{device}/config"
