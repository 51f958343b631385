"""Numbers as chargers write them, read exactly and without trust (ground floor: pure).

JSON `true` is an int in Python; `int()` takes `1_000` and full-width digits; floats may be
infinite: none of that is a number here. A value that is not what the specification asks for but
has one plain meaning is read all the same, and the flag says how.
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
"""Beyond any meter and within SQLite's 64 bits, sums of a few included."""

MOST_DIGITS = 30
"""Decimals of a million digits overflow when they are multiplied."""

_SHORT = 15
"""What is written with so few characters, as nearly all is, is read by its digits: a Decimal takes
six times as long."""

_SHIFTS = {1: 0, 1000: 3}

_NUMBER = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")


def number(value: object) -> Decimal | int | None:
    """The exact number a JSON value stands for: a number, or a string that spells one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return Decimal(str(value)) if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.isdigit() and len(text) < 30:
            return int(text)
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    return None


def whole(value: object, scale: int = 1) -> int | None:
    """`value` times `scale` (1 or 1000), rounded half up; None where it is no such number."""
    if isinstance(value, str) and len(value) <= _SHORT and value.isascii():
        units, point, decimals = value.partition(".")
        if units.isdigit() and (decimals.isdigit() or not point):
            shift = _SHIFTS[scale]
            moved = int(units + decimals[:shift].ljust(shift, "0"))
            return moved + (decimals[shift : shift + 1] >= "5")
    exact = number(value)
    if exact is None or (isinstance(exact, Decimal) and exact.adjusted() > MOST_DIGITS):
        return None
    exact *= scale
    if not -BIGGEST < exact < BIGGEST:
        return None
    if isinstance(exact, Decimal):
        return int(exact.to_integral_value(ROUND_HALF_UP))
    return exact


def is_integer(value: object) -> bool:
    """Whether the JSON value is an integer of 64 bits, as the specification has it."""
    return isinstance(value, int) and not isinstance(value, bool) and -BIGGEST < value < BIGGEST


def readings(meter_values: object, zone: tzinfo | None = None) -> tuple[Reading, ...]:
    """The register and power readings of a `meterValue` or `transactionData` list.

    `zone` is that of their times without one.
    """
    if not isinstance(meter_values, list):
        return ()
    return tuple(_reading(entry, zone) for entry in meter_values if isinstance(entry, dict))


_REGISTER = "Energy.Active.Import.Register"
_POWER = "Power.Active.Import"
_NO_ENERGY = frozenset({"A", "V", "W", "kW", "VA", "kVA", "var", "kvar"})


def _reckoned_with(samples: object) -> list[dict[str, Any]]:
    return [
        sample
        for sample in (samples if isinstance(samples, list) else ())
        if isinstance(sample, dict)
        and (sample.get("measurand") or _REGISTER) in (_REGISTER, _POWER)
        and sample.get("location", "Outlet") == "Outlet"
        and not is_signed(sample)
    ]


def _reading(entry: Mapping[str, Any], zone: tzinfo | None) -> Reading:
    """Totals: a sample at the inlet or signed is kept but not reckoned with.

    Nor is one of a single phase, but for power: chargers that give no total give three of them.
    """
    register_wh = power_w = None
    phases = []
    for sample in _reckoned_with(entry.get("sampledValue")):
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
    if unit in _NO_ENERGY and not sample.get("measurand"):
        return None  # Alfen names no measurand for its amperes either
    return whole(sample.get("value"), 1000 if unit == "kWh" else 1)


def _watt(sample: Mapping[str, Any]) -> int | None:
    return whole(sample.get("value"), 1000 if _unit(sample).casefold() == "kw" else 1)


def _unit(sample: Mapping[str, Any]) -> str:
    return str(sample.get("unit") or "").strip()


def _watt_of_phases(samples: Iterable[Mapping[str, Any]]) -> int | None:
    watts: dict[str, int] = {}
    for sample in samples:
        phase, watt = str(sample["phase"])[:2], _watt(sample)
        if watt is not None and phase in ("L1", "L2", "L3"):
            watts[phase] = watt
    return sum(watts.values()) if watts else None
