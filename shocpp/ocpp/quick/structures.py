"""The quick reader itself: JSON by msgspec, and MeterValues as structures (pure).

A text is plain if both readers give the same result for it. What may make a difference raises, or
is no plain text: escapes, control characters, numbers that JSON does not have, deep nesting. Plain
MeterValues have only members and words of OCPP 1.6. Nothing in them is signed, or of the begin or
end of a transaction.
"""

from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct
from msgspec.json import Decoder

from shocpp.ocpp.facts import MeterValuesReported, Reading
from shocpp.ocpp.fields.datatypes import SAMPLED_VALUE
from shocpp.ocpp.meter_values.quantities import is_boundary, kind_of_measurand, reading_of
from shocpp.ocpp.meter_values.signed_values import LONGEST_NUMBER
from shocpp.ocpp.numbers import BIGGEST
from shocpp.ocpp.times import parse_timestamp

DEEPEST = 100
"""Levels of a plain text: each decoder has a limit of its own, and all are above this one."""

LARGEST_CONNECTOR = 2**31 - 1

_ACTION = '"MeterValues"'
_ACTION_BEFORE = 100
"""The action of nearly all MeterValues ends before this position."""

_MEMBERS = SAMPLED_VALUE.fields or {}

_KINDS = {word: kind_of_measurand(word) for word in (None, *_MEMBERS["measurand"].one_of)}

if TYPE_CHECKING:
    _Context = str
    _Location = str
    _Measurand = str
    _Phase = str
    _Unit = str
else:

    def _words_of(member: str) -> object:
        """Return the type of the words that OCPP 1.6 has for a member of a sample (§7)."""
        # One object for each word, however often it comes: looking it up takes no hashing.
        return Literal[tuple(word for word in _MEMBERS[member].one_of if not is_boundary(word))]

    _Context, _Location, _Measurand = map(_words_of, ("context", "location", "measurand"))
    _Phase, _Unit = map(_words_of, ("phase", "unit"))


class _Sample(Struct, forbid_unknown_fields=True, gc=False):
    # A longer text may be a signed one: `signed_values.is_signed`.
    value: Annotated[str, Meta(max_length=LONGEST_NUMBER)]
    context: _Context | None = None
    format: Literal["Raw"] | None = None
    measurand: _Measurand | None = None
    phase: _Phase | None = None
    location: _Location | None = None
    unit: _Unit | None = None

    is_signed: ClassVar[bool] = False


class _Entry(Struct, forbid_unknown_fields=True, gc=False):
    timestamp: str
    sampledValue: list[_Sample]  # noqa: N815


# Both, because msgspec reads 1.0 as an integer where it may find nothing else.
_Integer = int | float


class _MeterValues(Struct, forbid_unknown_fields=True, gc=False):
    connectorId: _Integer  # noqa: N815
    meterValue: list[_Entry]  # noqa: N815
    transactionId: _Integer | None = None  # noqa: N815


_decode_any = Decoder().decode
_decode_call = Decoder(tuple[Literal[2], str, Literal["MeterValues"], _MeterValues]).decode


def decode_plain(text: str) -> Any:
    """Return the JSON value of a plain text; raises ValueError or RecursionError for any other."""
    if "\\" in text or (len(text) > DEEPEST and text.count("[") + text.count("{") > DEEPEST):
        raise ValueError("it is no plain text")
    return _decode_any(text)


def plain_meter_values(text: str, zone: tzinfo | None) -> tuple[str, MeterValuesReported] | None:
    """Return the unique id and the fact of a plain Call of MeterValues, None of any other text.

    `zone` is the zone of timestamps without an offset, None for UTC.
    """
    if text.find(_ACTION, 0, _ACTION_BEFORE) < 0 or "\\" in text:
        return None
    try:
        _, unique_id, _, payload = _decode_call(text)
    # Also for a text that is no JSON at all: the thorough reader tells why.
    except ValueError:
        return None
    connector_id, transaction_id = payload.connectorId, payload.transactionId
    if type(connector_id) is not int or not 0 <= connector_id <= LARGEST_CONNECTOR:
        return None
    if transaction_id is not None and (
        type(transaction_id) is not int or not -BIGGEST < transaction_id < BIGGEST
    ):
        return None
    readings = tuple([_reading(entry, zone) for entry in payload.meterValue])
    return unique_id, MeterValuesReported(connector_id, transaction_id, readings)


def _reading(entry: _Entry, zone: tzinfo | None) -> Reading:
    samples = entry.sampledValue
    kinds = [_KINDS[sample.measurand] for sample in samples]
    return reading_of(samples, kinds, parse_timestamp(entry.timestamp, zone))
