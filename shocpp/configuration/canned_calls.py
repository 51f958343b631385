"""conf/canned.json: Calls and questions that have a name.

    {"start-family": {"action": "RemoteStartTransaction", "payload": {"idTag": "3333"},
                      "wait_for": "charging"},
     "slow":         {"action": "limit", "charge_point": "garage",
                      "payload": {"limit": "10A", "until": "06:00"}},
     "sun":          {"action": "mode", "charge_point": "garage", "payload": {"mode": "solar"}},
     "power":        {"show": "power", "charge_point": "garage"}}

An entry with `action` and `payload` sends a Call, or chooses a limit of current or a mode; one with
`show` sends nothing. Each request reads the file again, so a change is in force at once. An entry
with an error does not affect the others. The server's log at start and `shocpp check` report it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from shocpp.configuration.canned_choices import CHOICES, choice_payload
from shocpp.configuration.files import conf_text
from shocpp.errors import ConfigError, UsageError
from shocpp.ocpp.outgoing import allowed_payload
from shocpp.texts import parse_unique, printable_line, without_unseen

ASSISTANT_S = 7.5
"""The longest wait for a charge to begin, in seconds: voice assistants give up after 8 s."""

LONGEST_S = 120.0
"""The longest wait for a confirmation, in seconds."""

DEFAULT_S = 5.0
"""The default wait for a confirmation, in seconds."""

DEFAULT_WAITING_S = 7.0
"""The default wait with `wait_for`, in seconds."""

DISPLAYS = ("power", "state", "energy")
"""The values of `show`."""

LONGEST_NAME = 100
"""The highest number of characters of a name."""

OUTCOMES = (
    *("charging", "started", "plug_in", "not_started", "card_refused", "rejected"),
    *("already_charging", "not_charging", "which", "offline", "not_ready", "no_answer", "unknown"),
    *("error", "restarting", "restarted"),
    *("limited", "limit_waits", "limit_refused"),
    *("mode_chosen", "mode_refused"),
)
"""The outcomes of a Call for which `reply` may have a sentence, besides the confirmed status."""

FIELDS = (
    "account",
    "by",
    "charge_point",
    "confirmation",
    "connector",
    "kw",
    "kwh",
    "limit",
    "mode",
    "month",
    "reason",
    "running_kwh",
    "seconds",
    "sentence",
    "since",
    "state",
    "status",
    "until",
    "watt",
)
"""The fields that a reply may contain in braces."""

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
_NAMES = ("account", "charge_point")
_SHOWS_ONLY = {"account"}
_ACTS_ONLY = {"payload", "wait_for", "timeout_s"}


class CannedCall(NamedTuple):
    """One entry: it sends a Call if it has an `action`, else it displays a value.

    shows        one of DISPLAYS, or empty
    replies      templates by outcome or confirmed status; "" is the one for all others
    waits        True if the answer waits until the car charges
    timeout_s    the longest wait for the answer, in seconds
    secret       the secret that a request must present, None if it needs none
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
        """Return the template of the first of these outcomes that has one, or the general one."""
        templates = (self.replies[outcome] for outcome in outcomes if outcome in self.replies)
        return next(templates, self.replies.get(""))


def canned_call(path: Path, name: str) -> CannedCall:
    """Return the canned call of this name; blanks around it, as phones add them, do not matter.

    Raises UsageError if there is none, and ConfigError if it or the file cannot be used.
    """
    entries = _entries(path) if path.exists() else {}
    if name not in entries:
        name = name.strip()
    if name not in entries:
        why = f"{path} has no such name" if path.exists() else f"{path} does not exist"
        raise UsageError(f"there is no canned call {_quoted(name)}: {why}")
    return parse_canned_call(name, entries[name], path)


def all_canned_calls(path: Path) -> dict[str, CannedCall | ConfigError]:
    """Return every canned call of the file, or for each that cannot be used its error.

    Raises ConfigError if the file itself cannot be used.
    """
    calls: dict[str, CannedCall | ConfigError] = {}
    for name, entry in _entries(path).items() if path.exists() else ():
        try:
            calls[name] = parse_canned_call(name, entry, path)
        except ConfigError as error:
            calls[name] = error
    return calls


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return a reply with its fields filled in, on one line; fields without a value are empty."""
    # One pass, and not `str.format`: braces in a charger's text must not be filled in again.
    text = _FIELD.sub(lambda field: values.get(field[1], ""), template)
    return " ".join(text.split())


def _entries(path: Path) -> dict[str, Any]:
    """Return the entries of the file, unchecked."""
    try:
        return parse_entries(conf_text(path), path)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; see its rights") from None


def parse_entries(text: str, path: Path) -> dict[str, Any]:
    """Return the entries of a canned.json, unchecked; `path` names the file in ConfigError."""
    try:
        entries = parse_unique(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON: {error}; see conf/canned.json.example") from None
    if not isinstance(entries, dict):
        raise ConfigError(f"{path} is not an object of names; see conf/canned.json.example")
    return entries


def parse_canned_call(name: str, entry: object, path: Path) -> CannedCall:
    """Return one entry of the file.

    Raises ConfigError with the entry, the key and its possible values.
    """
    location = f"{path}, {_quoted(name)}"
    try:
        return checked_canned_call(name, entry)
    except UsageError as error:
        raise ConfigError(f"{location}: {error}") from None


def checked_canned_call(name: str, entry: object) -> CannedCall:
    """Return one entry; raises UsageError, whose sentence names neither file nor entry."""
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
        payload=_payload_of(action, keys.get("payload", {})) if action else {},
        shows=shows,
        charge_point=keys.get("charge_point"),
        account=keys.get("account"),
        replies=_replies(keys.get("reply", {})),
        waits=waits,
        timeout_s=_timeout(keys.get("timeout_s"), waits=waits),
        secret=_secret(keys.get("secret")),
    )


def _checked_keys(entry: object) -> dict[str, Any]:
    """Return the members of an entry, each with a known key and a value of its type."""
    if not isinstance(entry, dict):
        raise UsageError("it must be an object")
    for key, value in entry.items():
        if key not in _KEYS:
            raise UsageError(f"{_quoted(key)} is unknown; there are {', '.join(_KEYS)}")
        # JSON's true is an int in Python, and no key is boolean.
        if not isinstance(value, _KEYS[key]) or isinstance(value, bool):  # type: ignore[arg-type]
            # A secret without quotes is a number, and a secret all the same.
            wrong = "this" if key == "secret" else f"{str(value)[:40]!r}"
            raise UsageError(f'"{key}" cannot be {wrong}')
        if key in _NAMES and printable_line(value) is None:
            raise UsageError(f'"{key}" must be printable, not {_quoted(value)}')
    return entry | {key: printable_line(entry[key]) for key in _NAMES if key in entry}


def _payload_of(action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload of a Call, a limit or a mode; raises UsageError."""
    if action in CHOICES:
        return choice_payload(action, payload)
    return allowed_payload(action, _cleaned(payload))


def _cleaned(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload with its card and its account as tags.json has them."""
    # A pasted no-break blank would not be seen, and no charger expects one.
    cleaned = {"idTag": without_unseen, "account": printable_line}
    return {
        key: cleaned[key](value) or value if key in cleaned and isinstance(value, str) else value
        for key, value in payload.items()
    }


def _check_show(shows: str, keys: Mapping[str, Any]) -> None:
    """Raise UsageError if `show` has no such value, or not the keys that it needs."""
    if shows and shows not in DISPLAYS:
        raise UsageError(f'"show" must be one of {", ".join(DISPLAYS)}, not {shows[:40]!r}')
    if shows == "energy" and ("account" not in keys or "charge_point" in keys):
        raise UsageError('"show": "energy" needs "account", a name in tags.json, and no charger')
    if shows in ("power", "state") and "account" in keys:
        raise UsageError(
            f'"show": "{shows}" needs no "account"; write "charge_point" to name a charger'
        )


def _waits(action: str, keys: Mapping[str, Any]) -> bool:
    """Return True if the entry waits until the car charges."""
    if "wait_for" not in keys:
        return False
    if action != "RemoteStartTransaction" or keys["wait_for"] != "charging":
        raise UsageError('"wait_for" can only be "charging", with RemoteStartTransaction')
    return True


def _replies(reply: object) -> dict[str, str]:
    """Return the templates by outcome; a single string is the general one."""
    replies = {"": reply} if isinstance(reply, str) else reply
    assert isinstance(replies, dict)
    for outcome, template in replies.items():
        if not isinstance(template, str):
            raise UsageError(f'"reply": the sentence for {_quoted(outcome)} must be a string')
        # Ours begin with a small letter, those of OCPP with a capital. The latter are not checked:
        # vendors have their own.
        if outcome[:1].islower() and outcome not in OUTCOMES:
            raise UsageError(
                f'"reply": {_quoted(outcome)} is no outcome; there are {", ".join(OUTCOMES)} and '
                "the confirmations of chargers: Accepted, Rejected …"
            )
        # An unknown field would be empty in the sentence, and only be noticed when it is spoken.
        unknown = [field for field in _FIELD.findall(template) if field not in FIELDS]
        if unknown:
            raise UsageError(
                f'"reply": {{{unknown[0][:40]}}} is unknown; there are {", ".join(FIELDS)}'
            )
    return replies


def _timeout(value: float | None, *, waits: bool) -> float:
    """Return the timeout in seconds."""
    # A longer wait would be lost: the assistant does not listen any more.
    longest = ASSISTANT_S if waits else LONGEST_S
    if value is None:
        return DEFAULT_WAITING_S if waits else DEFAULT_S
    if not 0 < value <= longest:
        raise UsageError(f'"timeout_s" must be more than 0 and at most {longest:g} here')
    return float(value)


def _secret(value: str | None) -> str | None:
    """Return a secret of at least 12 printable ASCII characters, or None."""
    # A header may present it, and header values should be US-ASCII (RFC 7230 §3.2.4).
    if value is not None and not (len(value) >= 12 and value.isascii() and value.isprintable()):
        raise UsageError('"secret" must have at least 12 ASCII characters: openssl rand -hex 16')
    return value


def _quoted(name: str) -> str:
    """Return a name in quotes, shortened to fit into a sentence."""
    return repr(name if len(name) <= 40 else f"{name[:39]}…")
