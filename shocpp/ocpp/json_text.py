"""JSON as this house writes it (ground floor: pure)."""

import json
from typing import Any

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def to_text(value: Any) -> str:
    """Compact JSON, the only form in which frames leave the house."""
    return _ENCODER.encode(value)


def kept_text(value: Any) -> str:
    """JSON of whatever a charger sent, for a column: NaN, 1e400 and endless integers included."""
    return json.dumps(value, separators=(",", ":"), default=str)
