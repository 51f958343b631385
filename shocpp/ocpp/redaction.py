"""Taking secrets out of frames before they are kept (ground floor: pure).

AuthorizationKey is write-only (OCPP-J errata 3.10): it is in a ChangeConfiguration of ours and,
with careless chargers, in the confirmation of GetConfiguration.
"""

import json
from typing import Any

from shocpp.ocpp.frames import to_text

REDACTED = "***"

_SECRET_KEYS = frozenset({"authorizationkey"})


def redacted(text: str) -> str:
    """The same frame or payload without its secrets; untouched where there is none."""
    if "authorizationkey" not in text.casefold():
        return text
    try:
        return to_text(_without_secrets(json.loads(text)))
    except (ValueError, RecursionError):
        return f"{REDACTED} (unreadable, and it names a secret)"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    is_secret = str(value.get("key", "")).casefold() in _SECRET_KEYS
    return {
        key: REDACTED
        if (is_secret and key == "value") or key.casefold() in _SECRET_KEYS
        else _without_secrets(item)
        for key, item in value.items()
    }
