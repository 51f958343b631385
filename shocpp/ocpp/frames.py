"""OCPP-J frames: parsing the texts of Charge Points, and writing ours (pure).

A frame is a JSON array (OCPP-J §4.2):

    [2, unique_id, action, payload]                     Call
    [3, unique_id, payload]                             CallResult
    [4, unique_id, code, description, details]          CallError

Only this module parses texts of Charge Points, so it guards the boundary. No depth, number,
duplicate key, NUL or lone surrogate passes that SQLite, the JSON encoder or a log cannot take. The
text itself is stored verbatim elsewhere.
"""

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from shocpp.ocpp.json_text import to_text
from shocpp.ocpp.quick.reader import decode_plain

if TYPE_CHECKING:
    from decimal import Decimal

UniqueId = str | int | float
"""The id of a Call: a string, or with some chargers a number. The answer echoes it verbatim."""

Payload = dict[str, Any]
"""The members of a request or confirmation, as JSON values."""

BYTE_ORDER_MARK = "\ufeff"

LONGEST_INTEGER = 40
"""Digits. Longer integers become Decimal, because int() raises an exception for more than 4300."""


class Call(NamedTuple):
    """A request (OCPP-J §4.2.1).

    `short_text` is the text to store if lists of the payload were shortened, else None.
    """

    unique_id: UniqueId
    action: str
    payload: Payload
    short_text: str | None = None


class CallResult(NamedTuple):
    """The answer to a Call of ours (OCPP-J §4.2.2)."""

    unique_id: UniqueId
    payload: Payload


class CallError(NamedTuple):
    """The refusal of a Call of ours (OCPP-J §4.2.3); `details` are any JSON value."""

    unique_id: UniqueId
    code: str
    description: str
    details: Any


class Malformed(NamedTuple):
    """A Call with a readable id that is answered with a CallError of this code and description."""

    unique_id: UniqueId
    code: str
    description: str


class Unreadable(NamedTuple):
    """Text that cannot be answered: not JSON, not an array, or without a readable id."""

    reason: str


class Unsupported(NamedTuple):
    """A message type other than 2, 3 and 4, which is to be ignored (OCPP-J §4.1.3)."""

    message_type: str


Frame = Call | CallResult | CallError | Malformed | Unreadable | Unsupported


def parse(text: str) -> Frame:
    """Return the frame of a received text. Never raises, whatever the text is."""
    try:
        frame = _decode(text)
    # Deep nesting raises RecursionError, which is no ValueError.
    except (ValueError, RecursionError) as error:
        return Unreadable(f"not JSON: {str(error)[:100]}")
    if not isinstance(frame, list):
        return Unreadable("not a JSON array")
    # The fast way of nearly all frames. It does the same as the steps below.
    if len(frame) == 4 and frame[0] == 2 and isinstance(frame[1], str):
        return _call(frame)
    if not frame or not _is_number(frame[0]):
        return Unreadable("no message type")
    # The type comes before the id: an unknown type is ignored whatever follows it (OCPP-J §4.1.3).
    if frame[0] not in (2, 3, 4):
        return Unsupported(str(frame[0])[:20])
    if len(frame) < 2 or not _is_readable_id(frame[1]):
        return Unreadable("no readable unique id")
    if frame[0] == 2:
        return _call(frame)
    if frame[0] == 3:
        return _call_result(frame)
    # Simpson & Partners sends the details as a string, so all that follows the id may be any value.
    return CallError(
        frame[1], _text_at(frame, 2), _text_at(frame, 3), frame[4] if len(frame) > 4 else None
    )


def _call(frame: list[Any]) -> Call | Malformed:
    unique_id = frame[1]
    if len(frame) < 4:
        return Malformed(
            unique_id,
            "FormationViolation",
            "a Call has four elements: [2, unique id, action, payload]",
        )
    action, payload = frame[2], frame[3]
    if not isinstance(action, str):
        return Malformed(unique_id, "FormationViolation", "the action is not a string")
    # Several chargers send null instead of an empty object.
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        return Malformed(unique_id, "FormationViolation", "the payload is not an object")
    return Call(unique_id, action, payload)


def _call_result(frame: list[Any]) -> CallResult | CallError:
    payload = frame[2] if len(frame) > 2 else None
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        # An answer all the same: our Call has failed, and need not wait for its time-out.
        reason = "the payload of the charger's CallResult is not an object"
        return CallError(frame[1], "FormationViolation", reason, payload)
    return CallResult(frame[1], payload)


def _text_at(frame: list[Any], position: int) -> str:
    """Return an element as text of at most 1000 characters, or "" if it is missing."""
    return str(frame[position])[:1000] if len(frame) > position else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_readable_id(value: object) -> bool:
    """Return True for a string or a number that JSON can echo: not NaN, not infinite."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int) and not isinstance(value, bool)


_LENIENT = json.JSONDecoder(strict=False)
"""Takes raw control characters in strings: no JSON, but no reason to lose a StopTransaction."""


def _decode(text: str) -> Any:
    """Return the JSON value of a text, cleaned; raises ValueError or RecursionError."""
    if decode_plain is not None:
        try:
            return decode_plain(text)
        # Not plain, which does not mean unreadable.
        except (ValueError, RecursionError):
            pass
    return decode_thoroughly(text)


def decode_thoroughly(text: str) -> Any:
    """Return the JSON value of any text, cleaned; raises ValueError or RecursionError."""
    try:
        decoded = _LENIENT.decode(text.lstrip(BYTE_ORDER_MARK))
    # A JSONDecodeError is a ValueError too, but no second attempt helps against it.
    except json.JSONDecodeError:
        raise
    except ValueError:
        # An integer of thousands of digits. All members around it are still good.
        decoded = json.loads(text.lstrip(BYTE_ORDER_MARK), parse_int=_integer, strict=False)
    # Only an escape can carry a lone surrogate into a string: UTF-8 text cannot.
    may_have_one = "\\" in text and "\\u" in text
    return _cleaned(decoded) if may_have_one or "\0" in text else decoded


def _integer(digits: str) -> "int | Decimal":
    if len(digits) <= LONGEST_INTEGER:
        return int(digits)
    # Imported here, because a CGI process never needs it and pays for every import.
    from decimal import Decimal

    return Decimal(digits)


def _cleaned(value: Any) -> Any:
    """Return a value with U+FFFD in place of NUL and lone surrogates.

    SQLite cannot hold the first, and UTF-8 cannot hold the second.
    """
    if isinstance(value, str):
        value = value.replace("\0", "\ufffd")
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    return value


def call_text(unique_id: str, action: str, payload_text: str) -> str:
    """Return the text of a Call of ours; `payload_text` is JSON already."""
    return f'[2,"{unique_id}",{to_text(action)},{payload_text}]'


def result_text(unique_id: UniqueId, confirmation: Mapping[str, Any]) -> str:
    """Return the text of a CallResult."""
    # Ids are echoed as they came: Legrand sends 20 digits, StarCharge 36 random characters.
    if not confirmation:
        return f"[3,{to_text(unique_id)},{{}}]"
    # Member by member: a string alone is encoded in a tenth of the time of an object.
    members = [f"{to_text(name)}:{to_text(value)}" for name, value in confirmation.items()]
    return f"[3,{to_text(unique_id)},{{{','.join(members)}}}]"


def error_text(unique_id: UniqueId, code: str, description: str) -> str:
    """Return the text of a CallError: always five elements (OCPP-J §4.2.3).

    The description is cut to 255 characters.
    """
    return to_text([4, unique_id, code, description[:255], {}])
