"""JSON text in the two forms that are written: strict for frames, lenient for columns (pure)."""

import json
from typing import Any

# RFC 8259 §6 permits neither NaN nor Infinity.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def to_text(value: Any) -> str:
    """Return compact, pure ASCII JSON: the only form in which frames are sent.

    Raises ValueError for NaN and infinities, and TypeError for objects that JSON does not know.
    """
    return _ENCODER.encode(value)


def lenient_text(value: Any) -> str:
    """Return compact JSON of any value that a charger sent, for a column of the database.

    NaN and Infinity stay as they are, although no JSON; an endless integer becomes a string.
    """
    return json.dumps(value, separators=(",", ":"), default=str)
