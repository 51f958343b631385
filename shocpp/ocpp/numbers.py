"""Numbers as chargers write them, read exactly and without trust (pure).

JSON `true` is an int in Python, `int()` takes `1_000` and full-width digits, and floats may be
infinite: none of them is a number here. A value that deviates from the specification but has one
plain meaning is read. The caller flags the deviation.
"""

import math
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

BIGGEST = 2**62
"""The limit of a quantity: beyond any meter, and a sum of a few still fits SQLite's 64 bits."""

MOST_DIGITS = 30
"""The limit of an exponent: Decimals of a million digits overflow when they are multiplied."""

_SHORT = 15
"""Nearly all numbers are strings of at most so many characters. They are read by their digits: a
Decimal takes six times as long."""

_SHIFTS = {1: 0, 1000: 3}
"""The decimals by which each scale moves the point."""

_NUMBER = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")
_DECIMAL_COMMA = re.compile(r"-?[0-9]{1,15},[0-9]{1,15}")
_THOUSANDS = re.compile(r"-?[0-9]{1,3}(?:(?:,[0-9]{3}){1,4}\.[0-9]{1,15}|(?:,[0-9]{3}){2,4})")
_THOUSANDS_AND_COMMA = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{3}){1,4},[0-9]{1,15}")
_AMBIGUOUS = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}")


def number(value: object) -> Decimal | int | None:
    """Return the exact number of a JSON value: a number, or a string that spells one; else None."""
    if isinstance(value, bool):
        return None
    # OpenEVSE and ArduinoOCPP send a number where OCPP 1.6 §7.43 has a string.
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        # By way of its shortest text, 1.1 is exactly 1.1.
        return Decimal(str(value)) if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        # MicroOcpp before 1.1 puts blanks around its numbers.
        text = value.strip()
        # isascii: isdigit alone is also True for full-width digits and for ².
        if text.isascii() and text.isdigit() and len(text) < 30:
            return int(text)
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    return None


def whole_number(value: object, scale: int = 1) -> int | None:
    """Return `value` times `scale` (1 or 1000), rounded half up to an integer.

    None if the value is no number, or if the result is not within ±BIGGEST.
    """
    # The fast ways of nearly all values. They do the same as the exact way below.
    if isinstance(value, str) and len(value) <= _SHORT and value.isascii():
        if value.isdigit():
            return int(value) * scale
        units, _, decimals = value.partition(".")
        if units.isdigit() and decimals.isdigit():
            shift = _SHIFTS[scale]
            scaled = int(units + decimals[:shift].ljust(shift, "0"))
            return scaled + (decimals[shift : shift + 1] >= "5")
    exact = number(value)
    if exact is None or (isinstance(exact, Decimal) and exact.adjusted() > MOST_DIGITS):
        return None
    # The range is checked after the scale: a reading in kWh can leave it by its unit alone. A
    # Zaptec Go 2 has reported more than 2^32 Wh.
    exact *= scale
    if not -BIGGEST < exact < BIGGEST:
        return None
    if isinstance(exact, Decimal):
        return int(exact.to_integral_value(ROUND_HALF_UP))
    return exact


def is_integer(value: object) -> bool:
    """Return True if a JSON value is an integer, as the specification asks, and within ±BIGGEST."""
    return isinstance(value, int) and not isinstance(value, bool) and -BIGGEST < value < BIGGEST


class Quantity(NamedTuple):
    """A value with a comma; `or_else` is its other meaning if the comma is ambiguous, else None."""

    value: int
    or_else: int | None = None


def quantity(value: object, scale: int = 1) -> Quantity | None:
    """Return `whole_number`, also of a text with a decimal comma or with separated thousands.

    "162,440" may be 162.44 or 162440. With the scale 1000 it is the first: kWh have decimals.
    """
    plain = whole_number(value, scale)
    if plain is not None:
        return Quantity(plain)
    if not isinstance(value, str) or "," not in value:
        return None
    text = value.strip()
    if _THOUSANDS.fullmatch(text):
        plain = whole_number(text.replace(",", ""), scale)
    elif _THOUSANDS_AND_COMMA.fullmatch(text):
        plain = whole_number(text.replace(".", "").replace(",", "."), scale)
    elif _DECIMAL_COMMA.fullmatch(text):
        plain = whole_number(text.replace(",", "."), scale)
        if plain is not None and scale == 1 and _AMBIGUOUS.fullmatch(text):
            return Quantity(plain, whole_number(text.replace(",", "")))
    return None if plain is None else Quantity(plain)
