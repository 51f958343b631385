"""The check of a payload against its row of `ocpp.fields`: the first wrong field, and why (pure).

There are two strengths. *Strict* is for the Calls that we send: all rules of the JSON schema,
formats included. *Lenient* is for the Calls of Charge Points: required fields, JSON types, lengths
and the range of integers. It lets vendor values, extra fields, empty arrays and odd times pass.
Chargers send them daily, and a CallError would block all later transactions (OCPP 1.6 §3.7).

Each action's fields are compiled once, at its first payload, into nested closures: one for each
value. A closure returns None, or a flaw with the path *below* its own value. The full path is built
only on the way back up, so a payload without a flaw builds no string. No payload is changed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from shocpp.ocpp.fields.datatypes import Field, Fields

FORMATION = "FormationViolation"
OCCURENCE = "OccurenceConstraintViolation"
TYPE = "TypeConstraintViolation"
PROPERTY = "PropertyConstraintViolation"

LARGEST = 2**63 - 1
"""The largest INTEGER of SQLite; Alfen does send it."""

SMALLEST = -(2**63)

LONGEST_QUOTE = 40
"""Characters of a wrong value that a sentence repeats."""

Flaw = tuple[str, str, str]
"""Error code, path below the value, and the sentence without the field's name."""

Check = Callable[[Any], Flaw | None]

ABSENT = object()

JSON_TYPES: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
"""The names of JSON types in sentences."""

DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Violation(NamedTuple):
    """The reason for a refusal: an OCPP-J error code, the field's path and one line of prose.

    `field` is such as "meterValue[0].sampledValue[2].value", or "" for the payload itself.
    """

    code: str
    field: str
    sentence: str


def first_violation(fields: Fields, payload: object, *, strict: bool) -> Violation | None:
    """Return the first violation in a request's payload, or None.

    Codes (OCPP-J §4.2.3): FormationViolation, the payload is no object;
    OccurenceConstraintViolation, a field is missing or an array too short;
    TypeConstraintViolation, the wrong JSON type; PropertyConstraintViolation, all other refusals.
    No sentence repeats a value that is too long, of the wrong type or a URI: it may be a secret.

    `payload` is any value of `json.loads` and stays unchanged. `fields` is a row of a table in
    `ocpp.fields`; its compiled form is cached, so it must not change.
    """
    if type(payload) is not dict:
        return Violation(FORMATION, "", f"the payload must be an object; it is {_kind(payload)}")
    compiled = _compiled.get((id(fields), strict))
    if compiled is None:
        compiled = fields, _object(fields, strict)
        _compiled[id(fields), strict] = compiled
    flaw = compiled[1](payload)
    if flaw is None:
        return None
    code, path, reason = flaw
    return Violation(code, path[1:], f"{path[1:]} {reason}")


def lenient_violation(
    fields: Fields, payload: dict[str, Any]
) -> tuple[Violation | None, dict[str, Any]]:
    """Return the first violation of a charger's payload, or None, and the payload that counts.

    A null in an optional member is tried again as an absent member. If that fails too, the first
    violation is returned, because it names the null.
    """
    violation = first_violation(fields, payload, strict=False)
    if violation is not None and None in payload.values():
        payload = {name: value for name, value in payload.items() if value is not None}
        violation = first_violation(fields, payload, strict=False) and violation
    return violation, payload


# By id, because a dict cannot be hashed. The fields stay beside their closure: as long as they
# live, Python gives their id to no other table.
_compiled: dict[tuple[int, bool], tuple[Fields, Check]] = {}


def _check(field: Field, strict: bool) -> Check:
    """Return the check of one value."""
    if field.json_type == "object":
        return _object(field.fields or {}, strict)
    if field.json_type == "array":
        return _array(field, strict)
    if field.json_type == "string":
        return _string(field, strict)
    return _number(field, strict)


def _object(fields: Fields, strict: bool) -> Check:
    """Return the check of an object; only the strict one refuses unknown members."""
    check = _members(fields, strict)
    # Chargers send members that OCPP 1.6 does not have, such as the connectorId of an Authorize.
    return _refusing_unknown(fields, check) if strict else check


def _members(fields: Fields, strict: bool) -> Check:
    """Return the check of the known members of an object, in the order of the table."""
    # The commonest value is a string without rules. Its type is `plain`, and the loop itself
    # passes it: without a call for each of them, a MeterValues takes half the time.
    rows = []
    for name, field in fields.items():
        plain = str if field.json_type == "string" and _is_free(field, strict) else None
        rows.append((name, field.required, plain, _check(field, strict)))

    def check(value: Any) -> Flaw | None:
        if type(value) is not dict:
            return _mistyped("an object", value)
        for name, required, plain, check_field in rows:
            item = value.get(name, ABSENT)
            if type(item) is plain:
                continue
            if item is ABSENT:
                if required:
                    return OCCURENCE, f".{name}", "is required and missing"
            elif flaw := check_field(item):
                return flaw[0], f".{name}{flaw[1]}", flaw[2]
        return None

    return check


def _refusing_unknown(fields: Fields, check_members: Check) -> Check:
    """Return the check of an object that allows only the members of `fields`."""
    # Unknown names come before missing ones: a misspelled name is why the right one is missing.
    allowed = ", ".join(fields) or "none"

    def check(value: Any) -> Flaw | None:
        if type(value) is dict:
            for name in value:
                if name not in fields:
                    unknown = _escaped(name) or '""'
                    return PROPERTY, f".{unknown}", f"is unknown here; allowed: {allowed}"
        return check_members(value)

    return check


def _is_free(field: Field, strict: bool) -> bool:
    """Return True if any string is valid."""
    return field.max_length is None and not (strict and (field.one_of or field.format))


def _array(field: Field, strict: bool) -> Check:
    """Return the check of an array and its items; only the strict one counts them."""
    check_item = _check(field.items or Field("object"), strict)
    # Vestel EVC04 sends `sampledValue: []`.
    min_items = field.min_items if strict else 0

    def check(value: Any) -> Flaw | None:
        if type(value) is not list:
            return _mistyped("an array", value)
        if len(value) < min_items:
            return OCCURENCE, "", f"must have at least {min_items} item; it has {len(value)}"
        for index, item in enumerate(value):
            if flaw := check_item(item):
                return flaw[0], f"[{index}]{flaw[1]}", flaw[2]
        return None

    return check


def _string(field: Field, strict: bool) -> Check:
    """Return the check of a string: its length in characters and, if strict, its format."""
    longest = field.max_length
    numbers = (int, float) if field.number_too and not strict else ()
    # Legrand reports the errorCode `Error`, and Growatt THOR sends times without a zone.
    check_format = _check_of_format(field) if strict else None

    def check(value: Any) -> Flaw | None:
        if type(value) is not str:
            return None if type(value) in numbers else _mistyped("a string", value)
        if longest is not None and len(value) > longest:
            return PROPERTY, "", f"must be at most {longest} characters; it has {len(value)}"
        return check_format(value) if check_format else None

    return check


def _check_of_format(field: Field) -> Check | None:
    """Return the strict check of a string's enumeration or format, or None if it has neither."""
    if field.one_of:
        return _matching(field.one_of.__contains__, f"one of {', '.join(field.one_of)}")
    if field.format == "date-time":
        return _matching(is_date_time, "a time such as 2030-01-31T06:30:00Z")
    if field.format == "uri":
        return _matching(is_uri, "a URI such as ftp://host/folder", may_hold_password=True)
    return None


def _matching(
    matches: Callable[[str], bool], wanted: str, *, may_hold_password: bool = False
) -> Check:
    """Return the check of a string by a predicate.

    The sentence repeats a wrong value, unless it may hold a password: a URI can.
    """

    def check(value: Any) -> Flaw | None:
        if matches(value):
            return None
        actual = "not one" if may_hold_password else f'"{_escaped(value)}"'
        return PROPERTY, "", f"must be {wanted}; it is {actual}"

    return check


def _number(field: Field, strict: bool) -> Check:
    """Return the check of a number or integer: 64 bits, minimum and, if strict, decimals."""
    is_integer = field.json_type == "integer"
    wanted = "an integer" if is_integer else "a number"
    least = SMALLEST if field.minimum is None else field.minimum
    decimals = field.decimals if strict else None
    # 9042000.0 is an integer in newer drafts of JSON Schema, but not in OCPP 1.6's draft 4.
    takes_float = not (is_integer and strict)

    def check(value: Any) -> Flaw | None:
        if type(value) is not int:
            is_float = takes_float and type(value) is float
            if not is_float or (is_integer and not value.is_integer()):
                return _mistyped(wanted, value)
        if not least <= value <= LARGEST:
            if SMALLEST <= value < least:
                return PROPERTY, "", f"must be at least {least}; it is {value}"
            return PROPERTY, "", "must fit in 64 bits; it is out of their range"
        if decimals is not None and round(value, decimals) != value:
            return PROPERTY, "", f"must have at most {decimals} decimal; it is {value}"
        return None

    return check


def is_date_time(text: str) -> bool:
    """Return True if a text is a `date-time` of RFC 3339 §5.6; the offset is not optional."""
    # By position, because `datetime.fromisoformat` also takes week dates and more.
    date, time = text[:10], text[11:19]
    if text[10:11] not in ("T", "t") or not text.isascii():
        return False
    if (date[4:5], date[7:8], time[2:3], time[5:6]) != ("-", "-", ":", ":"):
        return False
    digits = date[:4] + date[5:7] + date[8:] + time[:2] + time[3:5] + time[6:]
    if len(digits) != 14 or not digits.isdigit():
        return False
    if not _is_day(int(date[:4]), int(date[5:7]), int(date[8:])):
        return False
    # The seconds may be 60: a leap second.
    if int(time[:2]) > 23 or int(time[3:5]) > 59 or int(time[6:]) > 60:
        return False
    return _is_fraction_and_offset(text[19:])


def _is_day(year: int, month: int, day: int) -> bool:
    if not 1 <= month <= 12 or not 1 <= day <= DAYS_IN_MONTH[month - 1]:
        return False
    is_leap_year = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (month, day) != (2, 29) or is_leap_year


def _is_fraction_and_offset(text: str) -> bool:
    """Return True for the end of a `date-time`: a fraction or none, then Z or an offset."""
    offset = text
    if text.startswith("."):
        offset = text[1:].lstrip("0123456789")
        if len(offset) == len(text) - 1:
            return False
    if offset in ("Z", "z"):
        return True
    hour, colon, minute = offset[1:3], offset[3:4], offset[4:]
    if len(offset) != 6 or offset[0] not in "+-" or colon != ":":
        return False
    return (hour + minute).isdigit() and int(hour) <= 23 and int(minute) <= 59


def is_uri(text: str) -> bool:
    """Return True if a text looks like a URI with a scheme (RFC 3986 §3), printable ASCII only."""
    scheme, colon, rest = text.partition(":")
    if not (colon and rest and text.isascii() and text.isprintable() and " " not in text):
        return False
    return scheme[:1].isalpha() and all(char.isalnum() or char in "+-." for char in scheme)


def _mistyped(wanted: str, value: object) -> Flaw:
    """Return the flaw of a value of the wrong JSON type; it names the type, never the value."""
    return TYPE, "", f"must be {wanted}; it is {_kind(value)}"


def _kind(value: object) -> str:
    """Return the name of a JSON type with its article."""
    # The only other type is Decimal: `frames.parse` makes it of an integer of thousands of digits.
    return JSON_TYPES.get(type(value), "a number of too many digits")


def _escaped(text: str) -> str:
    """Return a text shortened to LONGEST_QUOTE, without signs that break the line or its quotes."""
    quote = text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"
    return "".join(
        f"\\{char}" if char in '"\\' else char if char.isprintable() else _escape(char)
        for char in quote
    )


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
