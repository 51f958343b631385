"""Taking secrets out of frames before they are kept (ground floor: pure).

AuthorizationKey is write-only (OCPP-J errata 3.10): it is in a ChangeConfiguration of ours and,
with careless chargers, in the confirmation of GetConfiguration.
"""

import json
from typing import Any

from shocpp.ocpp.json_text import kept_text

REDACTED = "***"

_SECRET = "authorizationkey"


def redacted(text: str) -> str:
    """The same frame or payload without its secrets; untouched where there is none."""
    if _SECRET not in text.casefold() and "\\u" not in text:
        return text
    try:
        decoded = json.loads(text)
        open_text = _without_secrets(decoded)
        return text if open_text == decoded else kept_text(open_text)
    except (ValueError, RecursionError):
        named = _SECRET in text.casefold()
        return f"{REDACTED} (unreadable, and it names a secret)" if named else text


def _without_secrets(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    is_secret = str(value.get("key", "")).casefold() == _SECRET
    return {
        key: REDACTED
        if (is_secret and key == "value") or key.casefold() == _SECRET
        else _without_secrets(item)
        for key, item in value.items()
    }
