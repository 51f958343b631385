"""Cutting: long texts of Charge Points become short before they are stored (pure).

A frame may have 8 MB, and a charger may send one after another. The books and people need little of
it. Three rules apply to a text of more than LONGEST_TEXT characters:

    strings     longer than LONGEST_STRING are cut to it, and end with a mark
    structures  that OCPP 1.6 has in a payload stay whole, whatever their number of entries
    others      objects and lists that are no such structure are replaced by a mark if large

A list has at most MOST_ENTRIES. What is cut off leaves no part of a secret: the rest may be given
to `redacted` afterwards, which takes long for a long text.

A mark names the length that was cut, as in `[cut: 7900000 characters]`. The text stays JSON.
Signed values stay as they are: a signature covers each character.
"""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from shocpp.ocpp.frames import BYTE_ORDER_MARK, LONGEST_INTEGER
from shocpp.ocpp.meter_values.signed_values import DEEPEST, is_shallow, is_signed
from shocpp.ocpp.redaction import REDACTED, shortened

LONGEST_TEXT = 8_192
"""The most characters of a text that is stored unchanged. Nearly all texts are shorter."""

LONGEST_STRING = 4_096
"""The most characters of a string, or of an unknown structure, that are stored of a longer text."""

MOST_ENTRIES = 10_000
"""Entries of a list that OCPP 1.6 has; `long_lists` chooses which samples they are."""

_SAMPLES = ("meterValue", "transactionData")

_STRUCTURES: Mapping[str, tuple[str, ...]] = {
    "meterValue": ("sampledValue",),
    "transactionData": ("sampledValue",),
    "sampledValue": (),
    "configurationKey": (),
    "unknownKey": (),
    "chargingSchedule": ("chargingSchedulePeriod",),
    "chargingSchedulePeriod": (),
}
"""The structures in payloads of Charge Points, and the structures in their entries."""

_OF_PAYLOAD = (*_SAMPLES, "configurationKey", "unknownKey", "chargingSchedule")


def cut_frame(text: str, *, without: tuple[str, ...] = ()) -> str:
    """Return a frame or payload with its long parts cut; a short text is returned as it is.

    Structures named in `without` are cut like unknown ones, because they are stored elsewhere.
    Never raises: a text that is no JSON is cut as a string.
    """
    if len(text) <= LONGEST_TEXT:
        return text
    known = tuple(name for name in _OF_PAYLOAD if name not in without)
    # The second attempt is for numbers that JSON does not have, and takes longer.
    for decode in (_decode_plain, _decode):
        try:
            decoded = decode(text)
            if isinstance(decoded, list):
                cut: Any = [_element(item, known) for item in decoded[:_MOST_ELEMENTS]]
            else:
                cut = _element(decoded, known)
            return _encode(cut)
        except ValueError:
            continue
        # Deep nesting; it is no ValueError.
        except RecursionError:
            break
    return cut_text(text)


def cut_samples(text: str) -> str:
    """Return a frame of a stop without its long parts, samples and signed values included.

    They have tables of their own.
    """
    return cut_frame(text, without=_SAMPLES)


def cut_confirmation(text: str) -> str:
    """Return the frame of a long confirmation without its lists: they stay with the Call."""
    return cut_frame(text, without=_OF_PAYLOAD)


def cut_text(text: str) -> str:
    """Return a string of at most LONGEST_STRING characters and a mark, or a short one as it is."""
    if len(text) <= LONGEST_TEXT:
        return text
    return shortened(text, LONGEST_STRING) + _mark(len(text))


_MOST_ELEMENTS = 6
"""A frame of OCPP has at most five elements; the others need not be stored."""


def _element(value: Any, known: tuple[str, ...]) -> Any:
    """Return an element of a frame: a payload keeps its known structures."""
    return _members(value, known) if isinstance(value, dict) else _unknown(value)


def _members(value: dict[str, Any], known: tuple[str, ...]) -> Any:
    """Return an object with its long members cut; too many unknown ones are cut as a whole."""
    number = len(value)
    if number > _MANY_MEMBERS:
        first = dict(islice(value.items(), _FEW_MEMBERS))
        named = {name: value[name] for name in (*known, "key") if name in value}
        value = {**first, **named}
    members = {
        _string(name): _structure(name, item) if name in known else _member(name, item)
        for name, item in value.items()
    }
    if "value" in members and _is_long(value.get("key")):
        members["value"] = REDACTED
    marks = [
        f"{name} of {len(value[name])} entries"
        for name in known
        if isinstance(value.get(name), list) and len(value[name]) > MOST_ENTRIES
    ]
    if number > _MANY_MEMBERS:
        marks.append(f"{number} members")
    if marks:
        return {**members, "cut": f"[cut: {', '.join(marks)}]"}
    # Many short members can be as long as a long one.
    unknown = {name: item for name, item in members.items() if name not in known}
    if len(unknown) <= _FEW_MEMBERS or len(_encode(unknown)) <= LONGEST_TEXT:
        return members
    structures = {name: item for name, item in members.items() if name in known}
    # A key tells whether its value is a secret.
    kept = [*[*unknown][:_FEW_MEMBERS], "key"]
    first = {name: unknown[name] for name in kept if name in unknown}
    return {**first, **structures, "cut": _mark(len(_encode(unknown)))}


def _member(name: str, value: Any) -> Any:
    # A name that is cut cannot be told from that of a secret.
    return REDACTED if _is_long(name) else _unknown(value)


def _is_long(value: object) -> bool:
    return isinstance(value, str) and len(value) > LONGEST_STRING


_MANY_MEMBERS = 1_000
"""Members of an object of which most are dropped unread."""

_FEW_MEMBERS = 40
"""Members of an object that are kept in any case; no message of OCPP 1.6 has as many."""


def _structure(name: str, value: Any) -> Any:
    """Return a structure of OCPP with all its entries, each with its long members cut."""
    if isinstance(value, list):
        return [_entry(name, entry) for entry in value[:MOST_ENTRIES]]
    return _entry(name, value)


def _entry(name: str, entry: Any) -> Any:
    if not isinstance(entry, dict):
        return _unknown(entry)
    if name == "sampledValue" and is_signed(entry) and is_shallow(entry, DEEPEST):
        return entry
    return _members(entry, _STRUCTURES[name])


def _unknown(value: Any) -> Any:
    """Return a value of a member that OCPP does not have; a large structure becomes a mark."""
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, dict | list):
        length = len(_encode(value))
        return value if length <= LONGEST_STRING else _mark(length)
    return value


def _string(value: str) -> str:
    if len(value) <= LONGEST_STRING:
        return value
    return shortened(value, LONGEST_STRING) + _mark(len(value))


def _mark(length: int) -> str:
    return f"[cut: {length} characters]"


def _decode_plain(text: str) -> Any:
    """Return the JSON value of a text; raises ValueError for an integer of thousands of digits."""
    return json.loads(text.lstrip(BYTE_ORDER_MARK), strict=False, parse_constant=str)


def _decode(text: str) -> Any:
    """Return the JSON value of a text; numbers that JSON does not have become strings."""
    return json.loads(
        text.lstrip(BYTE_ORDER_MARK),
        strict=False,
        parse_int=_integer,
        parse_float=_float,
        parse_constant=str,
    )


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_INTEGER else digits


def _float(digits: str) -> float | str:
    value = float(digits)
    return value if abs(value) != float("inf") else digits


def _encode(value: Any) -> str:
    separators = (",", ":")
    text = json.dumps(value, separators=separators, ensure_ascii=False, allow_nan=False)
    # A lone surrogate cannot be stored, but its escape can.
    return text if text.isascii() or _is_unicode(text) else json.dumps(value, separators=separators)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
