"""The quick reader, or nothing in its place where msgspec is not installed (pure)."""

from collections.abc import Callable
from datetime import tzinfo
from typing import Any

from shocpp.ocpp.facts import MeterValuesReported

decode_plain: Callable[[str], Any] | None
"""Return the JSON value of a plain text; raises ValueError or RecursionError for any other text."""

plain_meter_values: Callable[[str, tzinfo | None], tuple[str, MeterValuesReported] | None]
"""Return the unique id and the fact of a plain Call of MeterValues, None of any other text."""

try:
    import msgspec  # noqa: F401  # An ImportError of our own module must not pass as its absence.
# Optional: a machine may have neither a wheel of it nor a compiler.
except ImportError:
    decode_plain = None

    def plain_meter_values(_: str, __: tzinfo | None) -> None:
        """Return None: all texts go the thorough way."""
else:
    from shocpp.ocpp.quick.structures import decode_plain, plain_meter_values

__all__ = ("decode_plain", "plain_meter_values")
