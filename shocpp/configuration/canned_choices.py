"""The payloads of canned calls that choose a limit of current, or a mode.

    {"limit": "10A", "connector": 1, "until": "06:00"}
    {"mode": "solar", "connector": 1, "until": "07:00", "kwh": 20, "by": "06:00"}

All but the first member may be left out.
"""

import re
from collections.abc import Mapping
from typing import Any

from shocpp.configuration.power.modes import MODES
from shocpp.errors import UsageError

LIMIT, MODE = CHOICES = ("limit", "mode")
"""The actions that choose a limit or a mode; every other one is a Call (OCPP 1.6 §6)."""

OFF = "off"
"""The limit that takes a chosen one back."""

DEFAULT = "default"
"""The mode that takes a chosen one back."""

MOST_KWH = 1_000

_LIMIT = re.compile(r"off|0 ?A|([6-9]|[1-7]\d|80) ?A", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_KEYS = {LIMIT: ("limit", "connector", "until"), MODE: ("mode", "connector", "until", "kwh", "by")}


def choice_payload(action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload of one of CHOICES.

    Raises UsageError with the key and its possible values.
    """
    for key in payload:
        if key not in _KEYS[action]:
            known = ", ".join(_KEYS[action])
            spelled_key = repr(key if len(key) <= 40 else f"{key[:39]}…")
            raise UsageError(f'"payload": {spelled_key} is unknown; there are {known}')
    connector = payload.get("connector")
    # type(), because a bool is an instance of int.
    if connector is not None and (type(connector) is not int or connector < 1):
        raise UsageError('"connector" must be the number of a connector, 1 or more')
    _check_clock(payload, "until")
    if action == LIMIT:
        _check_limit(payload)
    else:
        _check_mode(payload)
    return dict(payload)


def _check_clock(payload: Mapping[str, Any], key: str) -> None:
    """Raise UsageError if a member is there and is no time of day."""
    text = payload.get(key)
    if text is not None and not (isinstance(text, str) and _CLOCK.fullmatch(text)):
        raise UsageError(f'"{key}" must be a time of day, such as "06:00"')


def _check_limit(payload: Mapping[str, Any]) -> None:
    """Raise UsageError if a payload has no limit, or an end without one."""
    limit = payload.get("limit")
    if not isinstance(limit, str) or not _LIMIT.fullmatch(limit):
        raise UsageError('"limit" must be "off", "0A" (a pause) or "6A" to "80A"')
    if limit == OFF and payload.get("until") is not None:
        raise UsageError('"until" has no meaning beside "limit": "off"')


def _check_mode(payload: Mapping[str, Any]) -> None:
    """Raise UsageError if a payload has no mode, or a goal that it cannot have."""
    mode, kwh = payload.get("mode"), payload.get("kwh")
    if not isinstance(mode, str) or mode not in (*MODES, DEFAULT):
        raise UsageError(f'"mode" must be one of {", ".join((*MODES, DEFAULT))}')
    if kwh is not None and (type(kwh) not in (int, float) or not 0.001 <= kwh <= MOST_KWH):
        raise UsageError(f'"kwh" must be a number above 0 and up to {MOST_KWH}')
    _check_clock(payload, "by")
    if payload.get("by") is not None and kwh is None:
        raise UsageError('"by" needs "kwh"')
    for key in ("until", "kwh"):
        if mode == DEFAULT and payload.get(key) is not None:
            raise UsageError(f'"{key}" has no meaning beside "mode": "default"')
    if mode == OFF and kwh is not None:
        raise UsageError('"kwh" has no meaning beside "mode": "off"')
