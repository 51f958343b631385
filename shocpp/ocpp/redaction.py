"""Redaction: frames and payloads lose their secrets before they are stored or logged (pure).

AuthorizationKey is write-only (OCPP-J errata 3.10). It appears in our ChangeConfiguration and, with
careless chargers, in the confirmation of GetConfiguration.
"""

import json
from typing import Any

from shocpp.ocpp.json_text import lenient_text

REDACTED = "***"
"""The text in place of a secret."""

_SECRET = "authorizationkey"


def redacted(text: str) -> str:
    """Return the same frame or payload with `***` in place of its secrets.

    A text without a secret stays as it is, character by character. A text that names a secret but
    is no JSON is replaced as a whole.
    """
    # Nearly all texts end here. An escape may spell the name: "Authorization\u004bey".
    if _SECRET not in text.casefold() and "\\u" not in text:
        return text
    try:
        decoded = json.loads(text)
        public = _without_secrets(decoded)
        return text if public == decoded else lenient_text(public)
    except (ValueError, RecursionError):
        # A truncated frame is no JSON, and may still hold the secret.
        names_secret = _SECRET in text.casefold()
        return f"{REDACTED} (unreadable, and it names a secret)" if names_secret else text


def _without_secrets(value: Any) -> Any:
    """Return a copy without secrets, in both spellings: {"key": name, "value": …}, {name: …}."""
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
