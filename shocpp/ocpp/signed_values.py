"""What meters have signed, as it came (ground floor: pure).

A signature is over the very characters of a text. So a signed sample is kept as the JSON of its
object, its members in their order; nothing in it is a reading, and nothing is verified here.
"""

import json
from collections.abc import Mapping
from typing import Any

from shocpp.ocpp.facts import SignedValue

DEEPEST = 8
"""Objects and lists within each other; SQLite reads JSON of a thousand, and no sample has three."""

LONGEST_WORD = 100

_LONGEST_NUMBER = 40

_FORMATS = ("signed", "ocmf")

_BEGINNINGS = ("OCMF|", "4F434D467C", "4f434d467c", "T0NNRn", "AP;")
"""OCMF as it is, in hex and in Base64; Alfen."""

_WITHIN = ("signedMeter", "signedData")
"""The object of OCPP 2's SignedMeterValueType as a text, and the XML of transparency software."""


def is_signed(sample: Mapping[str, Any]) -> bool:
    """Whether a sampledValue is signed: by its format, however spelled, or by what its value is."""
    told, value = sample.get("format"), sample.get("value")
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and told in (None, "Raw"):
        return False  # nearly all
    if isinstance(told, str) and told.lstrip(" _").casefold().startswith(_FORMATS):
        return True
    if isinstance(value, dict):
        return any(str(member).startswith(_WITHIN) for member in value)
    if not isinstance(value, str) or len(value) <= _LONGEST_NUMBER:
        return False
    return value.lstrip().startswith(_BEGINNINGS) or any(word in value for word in _WITHIN)


def signed_values(meter_values: object) -> tuple[SignedValue, ...]:
    """The signed samples of a `meterValue` or `transactionData` list, in their order."""
    if not isinstance(meter_values, list):
        return ()
    return tuple(
        SignedValue(
            _word(entry.get("timestamp")),
            _word(sample.get("context")),
            _word(sample.get("measurand")),
            kept_sample(sample),
        )
        for entry in meter_values
        if isinstance(entry, dict) and isinstance(entry.get("sampledValue"), list)
        for sample in entry["sampledValue"]
        if isinstance(sample, dict) and is_signed(sample) and _is_shallow(sample, DEEPEST)
    )


def kept_sample(sample: dict[str, Any]) -> str:
    """A sample as JSON that SQLite can read; what JSON has no number for becomes a text."""
    try:
        return _json(sample)
    except ValueError:  # NaN, or 1e400
        return _json(json.loads(json.dumps(sample, default=str), parse_constant=str))


def sample_of(text: str) -> dict[str, Any]:
    """The sample that was kept as this text; ValueError where it is none."""
    try:
        sample = json.loads(text)
    except RecursionError:
        raise ValueError("it is not a sampledValue") from None
    if not isinstance(sample, dict) or not _is_shallow(sample, DEEPEST):
        raise ValueError("it is not a sampledValue")
    _json(sample).encode()  # NaN and lone surrogates raise here, not when the view is read
    return sample


def _json(value: object) -> str:
    separators = (",", ":")
    return json.dumps(
        value, ensure_ascii=False, separators=separators, allow_nan=False, default=str
    )


def _is_shallow(value: object, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    within = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_is_shallow(one, depth - 1) for one in within)


def _word(value: object) -> str | None:
    return value[:LONGEST_WORD] if isinstance(value, str) and value else None
