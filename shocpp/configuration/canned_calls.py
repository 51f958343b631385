"""canned.json: Calls and questions that have a name (a room).

    {"start-family": {"action": "RemoteStartTransaction", "payload": {"idTag": "3333"},
                      "wait_for": "charging"},
     "power":        {"show": "power", "charge_point": "garage"}}

One that acts has `action` and `payload`, one that sends nothing has `show`. The file is read anew
for each request, so a change is in force at once; an entry that cannot be used stops no other, and
is told at start and by `shocpp check`, not only when somebody asks for it.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from shocpp.configuration.files import conf_text
from shocpp.errors import ConfigError, UsageError
from shocpp.ocpp.outgoing import allowed_payload

ASSISTANT_S = 7.5
"""An assistant's patience is 8 s."""

LONGEST_S = 120.0
DEFAULT_S = 5.0
DEFAULT_WAITING_S = 7.0

SHOWN = ("power", "state", "energy")
LONGEST_NAME = 100

OUTCOMES = (
    "charging",
    "started",
    "plug_in",
    "not_started",
    "card_refused",
    "rejected",
    "already_charging",
    "not_charging",
    "which",
    "offline",
    "not_ready",
    "no_answer",
    "unknown",
    "error",
)
"""What may become of a Call, besides the status that the charger confirms it with."""

FIELDS = (
    "account",
    "charge_point",
    "confirmation",
    "connector",
    "kw",
    "kwh",
    "month",
    "reason",
    "sentence",
    "since",
    "state",
    "status",
    "watt",
)
"""What a reply may name in braces."""

_FIELD = re.compile(r"\{(\w*)\}")
_KEYS = {
    "action": str,
    "payload": dict,
    "charge_point": str,
    "reply": (str, dict),
    "wait_for": str,
    "timeout_s": (int, float),
    "secret": str,
    "show": str,
    "account": str,
    "comment": object,
}
_SHOWS_ONLY = {"account"}
_ACTS_ONLY = {"payload", "wait_for", "timeout_s"}


class CannedCall(NamedTuple):
    """One entry. It acts if it has an `action`; else it `shows` something and sends nothing.

    `replies` are templates by outcome or confirmed status, "" for any that has none of its own.
    """

    name: str
    action: str
    payload: dict[str, Any]
    shows: str
    charge_point: str | None
    account: str | None
    replies: Mapping[str, str]
    waits: bool
    timeout_s: float
    secret: str | None

    def reply(self, *outcomes: str) -> str | None:
        """The template for the first of these outcomes that has one."""
        found = (self.replies[outcome] for outcome in outcomes if outcome in self.replies)
        return next(found, self.replies.get(""))


def canned_call(path: Path, name: str) -> CannedCall:
    """The canned call of this name.

    Raises UsageError where there is none, ConfigError where it, or the file, cannot be used.
    """
    entries = _entries(path) if path.exists() else {}
    if name not in entries:
        why = f"{path} has no such name" if path.exists() else f"{path} does not exist"
        raise UsageError(f"there is no canned call {_shown(name)}: {why}")
    return parse_canned_call(name, entries[name], path)


def all_canned_calls(path: Path) -> dict[str, CannedCall | ConfigError]:
    """Every entry of the file, or why it cannot be used; ConfigError where the file cannot be."""
    found: dict[str, CannedCall | ConfigError] = {}
    for name, entry in _entries(path).items() if path.exists() else ():
        try:
            found[name] = parse_canned_call(name, entry, path)
        except ConfigError as error:
            found[name] = error
    return found


def filled(template: str, values: Mapping[str, str]) -> str:
    """A reply with its fields filled in, on one line."""
    text = _FIELD.sub(lambda field: values.get(field[1], ""), template)
    return " ".join(text.split())


def _entries(path: Path) -> dict[str, Any]:
    try:
        entries = json.loads(conf_text(path), object_pairs_hook=_once)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; see its rights") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON: {error}; see conf/canned.json.example") from None
    if not isinstance(entries, dict):
        raise ConfigError(f"{path} is not an object of names; see conf/canned.json.example")
    return entries


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{_shown(twice)} is there twice")
    return entries


def parse_canned_call(name: str, entry: object, path: Path) -> CannedCall:
    """One entry of the file; ConfigError names entry, key and what it may be."""
    place = f"{path}, {_shown(name)}"
    try:
        return _parsed(name, entry)
    except UsageError as error:
        raise ConfigError(f"{place}: {error}") from None


def _parsed(name: str, entry: object) -> CannedCall:
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(f"a name has 1 to {LONGEST_NAME} printable characters")
    keys = _checked_keys(entry)
    action, shows = keys.get("action", ""), keys.get("show", "")
    if bool(action) == bool(shows):
        raise UsageError('it needs either "action" (it sends a Call) or "show" (it sends nothing)')
    for key in _SHOWS_ONLY if action else _ACTS_ONLY:
        if key in keys:
            raise UsageError(f'"{key}" has no meaning beside "{"action" if action else "show"}"')
    _check_show(shows, keys)
    waits = _waits(action, keys)
    return CannedCall(
        name=name,
        action=action,
        payload=allowed_payload(action, keys.get("payload", {})) if action else {},
        shows=shows,
        charge_point=keys.get("charge_point"),
        account=keys.get("account"),
        replies=_replies(keys.get("reply", {})),
        waits=waits,
        timeout_s=_timeout(keys.get("timeout_s"), waits=waits),
        secret=_secret(keys.get("secret")),
    )


def _checked_keys(entry: object) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise UsageError("it must be an object")
    for key, value in entry.items():
        if key not in _KEYS:
            raise UsageError(f"{_shown(key)} is unknown; there are {', '.join(_KEYS)}")
        if not isinstance(value, _KEYS[key]) or isinstance(value, bool):  # type: ignore[arg-type]
            raise UsageError(f'"{key}" cannot be {str(value)[:40]!r}')
        if key in ("account", "charge_point") and not value.isprintable():
            raise UsageError(f'"{key}" must be printable, not {_shown(value)}')
    return entry


def _check_show(shows: str, keys: Mapping[str, Any]) -> None:
    if shows and shows not in SHOWN:
        raise UsageError(f'"show" must be one of {", ".join(SHOWN)}, not {shows[:40]!r}')
    if shows == "energy" and ("account" not in keys or "charge_point" in keys):
        raise UsageError('"show": "energy" needs "account", a name in tags.json, and no charger')
    if shows in ("power", "state") and "account" in keys:
        raise UsageError(f'"show": "{shows}" is that of a "charge_point", not of an account')


def _waits(action: str, keys: Mapping[str, Any]) -> bool:
    if "wait_for" not in keys:
        return False
    if action != "RemoteStartTransaction" or keys["wait_for"] != "charging":
        raise UsageError('"wait_for" can only be "charging", with RemoteStartTransaction')
    return True


def _replies(reply: object) -> dict[str, str]:
    replies = {"": reply} if isinstance(reply, str) else reply
    assert isinstance(replies, dict)
    for outcome, template in replies.items():
        if not isinstance(template, str):
            raise UsageError(f'"reply": the sentence for {_shown(outcome)} must be a string')
        if outcome[:1].islower() and outcome not in OUTCOMES:
            raise UsageError(
                f'"reply": {_shown(outcome)} is no outcome; there are {", ".join(OUTCOMES)} and '
                "what chargers confirm: Accepted, Rejected …"
            )
        unknown = [field for field in _FIELD.findall(template) if field not in FIELDS]
        if unknown:
            raise UsageError(
                f'"reply": {{{unknown[0][:40]}}} is unknown; there are {", ".join(FIELDS)}'
            )
    return replies


def _timeout(value: float | None, *, waits: bool) -> float:
    longest = ASSISTANT_S if waits else LONGEST_S
    if value is None:
        return DEFAULT_WAITING_S if waits else DEFAULT_S
    if not 0 < value <= longest:
        raise UsageError(f'"timeout_s" must be more than 0 and at most {longest:g} here')
    return float(value)


def _secret(value: str | None) -> str | None:
    if value is not None and not (len(value) >= 12 and value.isascii() and value.isprintable()):
        raise UsageError('"secret" must have at least 12 ASCII characters: openssl rand -hex 16')
    return value


def _shown(name: str) -> str:
    return repr(name if len(name) <= 40 else f"{name[:39]}…")
