"""Signed meter values: found among the samples and kept character by character (pure).

A signature covers the exact characters of a text. So a signed sample is kept as the JSON of its
object, its members in the charger's order. It is never a reading, and no signature is verified.
"""

import json
from collections.abc import Mapping
from typing import Any

from shocpp.ocpp.facts import SignedValue

DEEPEST = 8
"""The most levels of objects and lists in a sample. SQLite reads a thousand, real samples have two
at most."""

LONGEST_WORD = 100
"""Characters that are kept of a timestamp, context or measurand."""

LONGEST_NUMBER = 40
"""A value of so few characters is a number or a word, and never signed data."""

_FORMATS = ("signed", "ocmf")
"""Beginnings of a signed sample's `format`, without case, blanks and underscores."""

_BEGINNINGS = ("OCMF|", "4F434D467C", "4f434d467c", "T0NNRn", "AP;")
"""Beginnings of signed texts: OCMF as it is, in hex and in Base64; Alfen's format."""

_WITHIN = ("signedMeter", "signedData")
"""Words within signed texts: OCPP 2's SignedMeterValueType, and XML of transparency software."""


def is_signed(sample: Mapping[str, Any]) -> bool:
    """Return True if a sampledValue is signed, by its format or by the look of its value.

    The format may have any spelling; without one, only a long or structured value can be signed.
    """
    format_, value = sample.get("format"), sample.get("value")
    # Nearly all samples end here.
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER and format_ in (None, "Raw"):
        return False
    if isinstance(format_, str) and format_.lstrip(" _").casefold().startswith(_FORMATS):
        return True
    if isinstance(value, dict):
        return any(str(member).startswith(_WITHIN) for member in value)
    if not isinstance(value, str) or len(value) <= LONGEST_NUMBER:
        return False
    return value.lstrip().startswith(_BEGINNINGS) or any(word in value for word in _WITHIN)


def signed_values(meter_values: object) -> tuple[SignedValue, ...]:
    """Return the signed samples of a `meterValue` or `transactionData` list, in their order.

    Never raises: all that does not fit is left out, and so are samples nested too deeply.
    """
    if not isinstance(meter_values, list):
        return ()
    return tuple(
        SignedValue(
            _word(entry.get("timestamp")),
            _word(sample.get("context")),
            _word(sample.get("measurand")),
            sample_text(sample),
        )
        for entry in meter_values
        if isinstance(entry, dict) and isinstance(entry.get("sampledValue"), list)
        for sample in entry["sampledValue"]
        if isinstance(sample, dict) and is_signed(sample) and is_shallow(sample, DEEPEST)
    )


def sample_text(sample: dict[str, Any]) -> str:
    """Return a sample as JSON text that SQLite can read.

    A number that JSON does not have becomes a string: NaN, 1e400, or one of endless digits.
    """
    try:
        return _json(sample)
    except ValueError:
        # Only for NaN and infinities: the detour over text lets `parse_constant` see them.
        return _json(json.loads(json.dumps(sample, default=str), parse_constant=str))


def sample_of(text: str) -> dict[str, Any]:
    """Return the sample of a text that `sample_text` wrote.

    Raises ValueError if the text is no JSON object, is nested too deeply or cannot be stored.
    """
    try:
        sample = json.loads(text)
    except RecursionError:
        raise ValueError("it is not a sampledValue") from None
    if not isinstance(sample, dict) or not is_shallow(sample, DEEPEST):
        raise ValueError("it is not a sampledValue")
    # NaN and lone surrogates have to raise here, not later when a view reads the text.
    _json(sample).encode()
    return sample


def _json(value: object) -> str:
    separators = (",", ":")
    return json.dumps(
        value, ensure_ascii=False, separators=separators, allow_nan=False, default=str
    )


def is_shallow(value: object, depth: int) -> bool:
    """Return True if a value has at most `depth` levels of objects and lists."""
    if not isinstance(value, dict | list):
        return True
    within = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(is_shallow(item, depth - 1) for item in within)


def _word(value: object) -> str | None:
    return value[:LONGEST_WORD] if isinstance(value, str) and value else None
