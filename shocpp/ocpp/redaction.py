"""Redaction: frames and payloads lose their secrets before they are stored or logged (pure).

AuthorizationKey is write-only (OCPP-J errata 3.10). It appears in our ChangeConfiguration and, with
careless chargers, in the confirmation of GetConfiguration. URLs may hold a user and a password
(RFC 3986 §3.2.1): those of GetDiagnostics, GetLog and UpdateFirmware, and of vendors' settings.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from shocpp.ocpp.json_text import lenient_text

REDACTED = "***"
"""The text in place of a secret."""

MOST_URLS = 1_000
"""URLs of a text of which only the passwords are replaced. Of more, the whole strings are."""

_SECRET = "authorizationkey"

# Some people write a password without percent-encoding. So the last @ before the path ends it, and
# where the text after a colon is no port, the last @ of all. The lengths are bounded because the
# time for a text of 8 MiB would otherwise grow with its square.
# It is compiled when the first URL comes: a CGI process would pay for it at its start.
_USERINFO = (
    r"(?<=[A-Za-z0-9+.\-])(:(?:\\?/){2})"
    r"(?:[^\s\"\\/?#]*@"
    r"|(?!\[)[^\s\"\\/?#:]{0,99}:(?![0-9]{0,5}(?:[\\/?#\s\"]|$))[^\s\"]{0,299}@)"
)
_UNENDED_URL = r"/\\?/[^\s\"]*$"

_LITERAL = frozenset({"idTag", "parentIdTag", "sampledValue"})
"""Members that the ledger reads, and signed values: they are stored as they were sent."""


def redacted(text: str) -> str:
    """Return the same frame or payload with `***` in place of its secrets.

    A text without a secret stays as it is, character by character. A text that names a secret but
    is no JSON is replaced as a whole.
    """
    # Nearly all texts end here. An escape may spell the name: "Authorization\u004bey".
    may_have_url = "@" in text and "/" in text
    has_escape = "\\" in text and "\\u" in text
    if not may_have_url and not has_escape and not _may_name_secret(text):
        return text
    try:
        decoded = json.loads(text)
        # A search in each of them would take seconds.
        has_many = text.count("//") + text.count("\\/") > MOST_URLS
        public = _without_secrets(decoded, _without_urls if has_many else without_userinfo)
        return text if public == decoded else lenient_text(public)
    except (ValueError, RecursionError):
        # A truncated frame is no JSON, and may still hold the secret.
        if _SECRET in text.casefold():
            return f"{REDACTED} (unreadable, and it names a secret)"
        return without_userinfo(text)


def _may_name_secret(text: str) -> bool:
    # Most readings have no k at all, and a single character is found fifteen times as fast as a
    # word. The Kelvin sign is the only other one that becomes a k without case.
    return ("k" in text or "K" in text or "\u212a" in text) and _SECRET in text.casefold()


def shortened(text: str, length: int) -> str:
    """Return the beginning of a text without a secret whose name or end was in the rest.

    What is left may still hold whole secrets, for `redacted`.
    """
    folded = text.casefold()
    # JSON in a string cannot be read any more, and may spell the name with escapes or blanks.
    may_name_secret = text[:1] in ("{", "[") and ("auth" in folded or "\\u" in text)
    if may_name_secret or _SECRET in folded:
        return f"{REDACTED} (too long, and it may name a secret)"
    kept = text[:length]
    # The @ after a password may be in the rest.
    return re.sub(_UNENDED_URL, f"//{REDACTED}", kept) if "@" in text else kept


def without_userinfo(text: str) -> str:
    """Return a text with `***` in place of the user and password of each URL in it."""
    return re.sub(_USERINFO, rf"\1{REDACTED}@", text) if "@" in text else text


def _without_urls(text: str) -> str:
    """Return a text, or `***` if it may hold a URL with a user."""
    return REDACTED if "@" in text and "/" in text else text


def _without_secrets(value: Any, without_users: Callable[[str], str]) -> Any:
    """Return a copy without secrets, in both spellings: {"key": name, "value": …}, {name: …}."""
    if isinstance(value, str):
        # The data of a DataTransfer is often JSON in a string.
        return redacted(value) if value[:1] in ("{", "[") else without_users(value)
    if isinstance(value, list):
        return [_without_secrets(item, without_users) for item in value]
    if not isinstance(value, dict):
        return value
    is_secret = _names_secret(value.get("key"))
    return {
        key: REDACTED
        if (is_secret and key == "value") or _names_secret(key)
        else item
        if key in _LITERAL
        else _without_secrets(item, without_users)
        for key, item in value.items()
    }


def _names_secret(name: object) -> bool:
    # Keys have no case (CiString50Type), and a charger may ignore blanks.
    return isinstance(name, str) and "".join(name.split()).casefold() == _SECRET
