"""The input of the grid operator's signal in conf/site.json: where it comes from, and its values.

"dim": {"posted": true}                                            POST /api/site
"dim": {"url": "http://192.168.1.31/relay/0", "path": "ison"}      polled
"dim": {"mqtt": "haus/dim", "path": "state"}                       a topic of the broker
"""

import json
from typing import NamedTuple

from shocpp.configuration.entries import Located, quoted
from shocpp.configuration.json_paths import JsonPath, member_at
from shocpp.configuration.mqtt import topic_of
from shocpp.configuration.site.meter_source import (
    DEFAULT_EVERY_S,
    every_s_of,
    path_of,
    url_of,
)
from shocpp.errors import UsageError

POSTED, POLLED, MQTT = "posted", "polled", "mqtt"
"""The kinds of inputs, as the log of dimmings names them."""

DIMMED, FREE = "dimmed", "free"
"""The states that the loss of the input may mean; without one of them the last state holds."""

LEAST_STALE_S, LONGEST_STALE_S = 10, 86_400

_KINDS = ("posted", "url", "mqtt")
_KEYS = (*_KINDS, "path", "every_s", "invert", "on_loss", "stale_s", "comment")
_BELONGS = {
    "path": ("url", "mqtt"),
    "every_s": ("url",),
    # A program that posts can say `dimmed` as it means it.
    "invert": ("url", "mqtt"),
    "stale_s": ("posted", "mqtt"),
}
"""The kinds of inputs that a key has a meaning for."""

_WORDS = {"1": True, "on": True, "true": True, "0": False, "off": False, "false": False}


class DimInput(NamedTuple):
    """The input of the grid operator's signal.

    source       one of POSTED, POLLED and MQTT
    url, topic   the address of a document, or the topic; empty for other kinds
    path         the path to the value in a JSON document; None: the whole text is the value
    is_inverted  True if 1 means that nobody dims
    on_loss      DIMMED, FREE, or empty: the last state holds
    stale_s      the age of a signal from which the input is lost, None for no such age
    """

    source: str
    url: str = ""
    topic: str = ""
    path: JsonPath | None = None
    every_s: int = DEFAULT_EVERY_S
    is_inverted: bool = False
    on_loss: str = ""
    stale_s: int | None = None


def dim_input_of(content: Located) -> DimInput:
    """Return the input of the grid operator's signal."""
    keys = content.members(_KEYS)
    kinds = [key for key in _KINDS if key in keys]
    if len(kinds) != 1:
        raise content.error('needs one input: write "posted": true, a url, or an mqtt topic')
    kind = kinds[0]
    for key, meant in _BELONGS.items():
        if key in keys and kind not in meant:
            raise keys[key].error(f"has no meaning beside {kind}; remove one of them")
    if "posted" in keys and keys["posted"].value is not True:
        raise keys["posted"].error("can only be true; remove it for an input with a url")
    if kind == "posted" and "on_loss" in keys and "stale_s" not in keys:
        # Nothing else tells that a program posts no more.
        raise keys["on_loss"].error(
            "needs stale_s beside posted: the age in seconds from which the signal is lost"
        )
    return DimInput(
        {"posted": POSTED, "url": POLLED, "mqtt": MQTT}[kind],
        url=url_of(keys["url"]) if "url" in keys else "",
        topic=topic_of(keys["mqtt"]) if "mqtt" in keys else "",
        path=path_of(keys["path"]) if "path" in keys else None,
        every_s=every_s_of(keys["every_s"]) if "every_s" in keys else DEFAULT_EVERY_S,
        is_inverted=_flag(keys["invert"]) if "invert" in keys else False,
        on_loss=_on_loss(keys["on_loss"]) if "on_loss" in keys else "",
        stale_s=_stale_s(keys["stale_s"]) if "stale_s" in keys else None,
    )


def signal_of(dim: DimInput, body: bytes) -> bool:
    """Return True if a message or a document says that the grid operator dims.

    Raises UsageError for one without such a value.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise UsageError("it is no UTF-8; a signal is 1 or 0, on or off, true or false") from None
    value: object = text
    if dim.path is not None:
        try:
            document: object = json.loads(text)
        except (ValueError, RecursionError):
            raise UsageError(f"it is no JSON, but path is {dim.path.text}") from None
        value = member_at(document, dim.path)
    return signal_value(value) is not dim.is_inverted


def signal_value(value: object) -> bool:
    """Return a value of a signal: 1 or 0, on or off, true or false, also as a text.

    Raises UsageError for any other one.
    """
    if isinstance(value, bool):
        return value
    # 1.0 is equal to 1, and so is NaN to nothing.
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    # A broker's client may send the text of a JSON string, with its quotes.
    word = value.strip().strip('"').casefold() if isinstance(value, str) else ""
    if word not in _WORDS:
        raise UsageError(
            f"{quoted(value)} is no signal; a signal is 1 or 0, on or off, true or false"
        )
    return _WORDS[word]


def _flag(member: Located) -> bool:
    if not isinstance(member.value, bool):
        raise member.error(f"must be true or false, not {quoted(member.value)}")
    return member.value


def _on_loss(member: Located) -> str:
    if member.value not in (DIMMED, FREE):
        raise member.error(
            f"must be {DIMMED} or {FREE}, not {quoted(member.value)}; without it, the last state "
            "holds"
        )
    return str(member.value)


def _stale_s(member: Located) -> int:
    return int(member.number(LEAST_STALE_S, LONGEST_STALE_S))
