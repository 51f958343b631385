"""The samples of meter values: the members that select and make a reading (pure)."""

from collections.abc import Mapping
from typing import Any, Protocol

from shocpp.ocpp.meter_values.signed_values import is_signed

LONGEST_WORD = 50
"""Characters of a label; the longest word of OCPP 1.6 has 31 (§7.31)."""


class Sample(Protocol):
    """A sampledValue; an absent or empty text is None or ""."""

    @property
    def value(self) -> object: ...
    @property
    def measurand(self) -> str | None: ...
    @property
    def context(self) -> str | None: ...
    @property
    def location(self) -> str | None: ...
    @property
    def phase(self) -> str | None: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def is_signed(self) -> bool: ...


class AnySample:
    """The sample of a JSON object, whatever its members are."""

    __slots__ = ("context", "is_signed", "location", "measurand", "phase", "unit", "value")

    def __init__(self, members: Mapping[str, Any]) -> None:
        self.value = members.get("value")
        self.measurand = word_of(members.get("measurand"))
        self.context = word_of(members.get("context"))
        self.location = word_of(members.get("location"))
        self.phase = word_of(members.get("phase"))
        self.unit = word_of(members.get("unit"))
        self.is_signed = is_signed(members)


def word_of(value: object) -> str:
    """Return a label as text, without what no known word has: caches keep words for ever."""
    text = str(value or "")
    return text if len(text) <= LONGEST_WORD else text.strip()[:LONGEST_WORD]
