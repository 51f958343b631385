"""Numbers and meter readings as chargers write them, read exactly and without trust (pure).

JSON `true` is an int in Python, `int()` takes `1_000` and full-width digits, and floats may be
infinite: none of them is a number here. A value that deviates from the specification but has one
plain meaning is read. The caller flags the deviation.
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from shocpp.ocpp.facts import Reading
from shocpp.ocpp.signed_values import is_signed
from shocpp.ocpp.times import parse_timestamp

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
    # The fast way of nearly all values. It does the same as the exact way below.
    if isinstance(value, str) and len(value) <= _SHORT and value.isascii():
        units, point, decimals = value.partition(".")
        if units.isdigit() and (decimals.isdigit() or not point):
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


def readings(meter_values: object, zone: tzinfo | None = None) -> tuple[Reading, ...]:
    """Return the register and power readings of a `meterValue` or `transactionData` list.

    One reading an entry, also an empty one. `zone` is the zone of timestamps without an offset.
    Never raises: `meter_values` may be any JSON value.
    """
    if not isinstance(meter_values, list):
        return ()
    return tuple(_reading(entry, zone) for entry in meter_values if isinstance(entry, dict))


_REGISTER = "Energy.Active.Import.Register"
_POWER = "Power.Active.Import"
_UNITS_OF_NO_ENERGY = frozenset({"A", "V", "W", "kW", "VA", "kVA", "var", "kvar"})


def _usable_samples(samples: object) -> list[dict[str, Any]]:
    """Return the unsigned samples of register or power at the outlet, in their order.

    A sample without measurand is one of the register, without location one at the outlet
    (OCPP 1.6 §7.43).
    """
    return [
        sample
        for sample in (samples if isinstance(samples, list) else ())
        if isinstance(sample, dict)
        and (sample.get("measurand") or _REGISTER) in (_REGISTER, _POWER)
        and sample.get("location", "Outlet") == "Outlet"
        and not is_signed(sample)
    ]


def _reading(entry: Mapping[str, Any], zone: tzinfo | None) -> Reading:
    """Return the first readable totals of an entry.

    A register of a single phase is ignored. Powers of single phases are added if no total exists:
    some chargers send three phases and no total.
    """
    register_wh = power_w = None
    phases = []
    for sample in _usable_samples(entry.get("sampledValue")):
        if sample.get("measurand") == _POWER:
            if sample.get("phase"):
                phases.append(sample)
            elif power_w is None:
                power_w = _watt(sample)
        elif register_wh is None and not sample.get("phase"):
            register_wh = _wh(sample)
    if power_w is None and phases:
        power_w = _watt_of_phases(phases)
    return Reading(parse_timestamp(entry.get("timestamp"), zone), register_wh, power_w)


def _wh(sample: Mapping[str, Any]) -> int | None:
    unit = _unit(sample)
    # Alfen names no measurand for its amperes: the default would make a register of them.
    if unit in _UNITS_OF_NO_ENERGY and not sample.get("measurand"):
        return None
    # Autel sends no unit at all. Everything but kWh is Wh, the default (OCPP 1.6 §7.43).
    return whole_number(sample.get("value"), 1000 if unit == "kWh" else 1)


def _watt(sample: Mapping[str, Any]) -> int | None:
    return whole_number(sample.get("value"), 1000 if _unit(sample).casefold() == "kw" else 1)


def _unit(sample: Mapping[str, Any]) -> str:
    return str(sample.get("unit") or "").strip()


def _watt_of_phases(samples: Iterable[Mapping[str, Any]]) -> int | None:
    """Return the sum of the phases' powers in W, or None if none is readable.

    L1 and L1-N are the same phase: the last sample of a phase counts.
    """
    watts: dict[str, int] = {}
    for sample in samples:
        phase, watt = str(sample["phase"])[:2], _watt(sample)
        if watt is not None and phase in ("L1", "L2", "L3"):
            watts[phase] = watt
    return sum(watts.values()) if watts else None
