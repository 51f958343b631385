"""What may be asked for in a query: one table that is obeyed and described (a door).

`doors.api` reads a request's query with these rows, and `doors.openapi` writes them down.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

LARGEST = 2**63 - 1
"""An INTEGER of SQLite."""

_DIGITS = re.compile(r"\d{1,19}", re.ASCII)
_PLACE = re.compile(r"\d{1,18}(\.\d{1,18}\.\d{1,18})?", re.ASCII)


class Parameter(NamedTuple):
    """A parameter: text, a number from `low` to `high`, or the place of a sample (`is_place`)."""

    name: str
    description: str
    example: Any
    low: int | None = None
    high: int = LARGEST
    default: Any = None
    is_place: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON schema."""
        if self.is_place:
            schema: dict[str, Any] = {"type": "string", "pattern": f"^{_PLACE.pattern}$"}
        elif self.low is None:
            schema = {"type": "string"}
        else:
            schema = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return schema if self.default is None else schema | {"default": self.default}

    def value(self, text: str) -> Any:
        """What a text means; ValueError says what it should be."""
        if self.is_place:
            if not _PLACE.fullmatch(text):
                raise ValueError(f'{self.name} must be the "after" of an answer, such as 17.0.3')
        elif self.low is not None:
            if not _DIGITS.fullmatch(text) or not self.low <= int(text) <= self.high:
                allowed = f"{self.low} to {self.high}" if self.high < LARGEST else "0 or more"
                raise ValueError(f"{self.name} must be a whole number, {allowed}")
            return int(text)
        return text


LIMIT = Parameter("limit", "How many rows at most.", 100, 1, 1_000, 100)
CHARGE_POINT = Parameter("charge_point", "Only this charger's: identity or serial.", "garage")

ACCOUNTING = (
    Parameter("year", "Only records billed in this year of local time.", 2026, 2000, 2100),
    Parameter("month", "Only records billed in this month of the year, 1 to 12.", 10, 1, 12),
    Parameter("account", "Only this account's.", "family-y"),
    CHARGE_POINT,
    Parameter("after", "The number of the last record you have.", 12, 0, default=0),
    LIMIT,
)

METER_VALUES = (
    CHARGE_POINT,
    Parameter("transaction", "Only those of this transaction id.", 20009042, 1, 2**31 - 1),
    Parameter(
        "after", 'The "after" of the page that you have last.', "17.0.3", default="0", is_place=True
    ),
    LIMIT,
)


def read_query(
    asked: Iterable[tuple[str, str]], parameters: tuple[Parameter, ...]
) -> dict[str, Any]:
    """The values of a query by name, defaults included; ValueError names what is wrong."""
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    for name, text in asked:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ValueError(f"{name[:40]!r} is no parameter here; there are: {listed}")
        if name in values:
            raise ValueError(f"{name} is there twice")
        values[name] = known[name].value(text)
    return {name: values.get(name, one.default) for name, one in known.items()}
