"""The query parameters of the API: one table for reading a query and for the OpenAPI document."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

LARGEST = 2**63 - 1
"""The largest INTEGER of SQLite."""

# ASCII, because `\d` in the document's pattern (ECMA-262) has no digits of other scripts.
_DIGITS = re.compile(r"\d{1,19}", re.ASCII)
_POSITION = re.compile(r"\d{1,18}(\.\d{1,18}\.\d{1,18})?", re.ASCII)


class Parameter(NamedTuple):
    """A query parameter.

    Its value is an integer from `low` to `high` if `low` is given; the position of a sample, such
    as "17.0.3", if `is_position`; otherwise any text.
    """

    name: str
    description: str
    example: Any
    low: int | None = None
    high: int = LARGEST
    default: Any = None
    is_position: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the parameter's value."""
        if self.is_position:
            schema: dict[str, Any] = {"type": "string", "pattern": f"^{_POSITION.pattern}$"}
        elif self.low is None:
            schema = {"type": "string"}
        else:
            schema = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return schema if self.default is None else schema | {"default": self.default}

    def value(self, text: str) -> Any:
        """Return the value of a text in a query.

        Raises ValueError with a sentence about the allowed values.
        """
        if self.is_position:
            if not _POSITION.fullmatch(text):
                raise ValueError(f'{self.name} must be the "after" of an answer, such as 17.0.3')
        elif self.low is not None:
            if not _DIGITS.fullmatch(text) or not self.low <= int(text) <= self.high:
                allowed = f"{self.low} to {self.high}" if self.high < LARGEST else "0 or more"
                raise ValueError(f"{self.name} must be a whole number, {allowed}")
            return int(text)
        return text


LIMIT = Parameter("limit", "The largest number of rows in the answer.", 100, 1, 1_000, 100)
CHARGE_POINT = Parameter(
    "charge_point", "Only rows of this charger: its identity or serial number.", "garage"
)

ACCOUNTING = (
    Parameter("year", "Only records billed in this year of local time.", 2026, 2000, 2100),
    Parameter("month", "Only records billed in this month of the year, 1 to 12.", 10, 1, 12),
    Parameter("account", "Only records of this account.", "family-y"),
    CHARGE_POINT,
    Parameter("after", "The number of the last record you have.", 12, 0, default=0),
    LIMIT,
)

METER_VALUES = (
    CHARGE_POINT,
    Parameter("transaction", "Only values of this transaction id.", 20009042, 1, 2**31 - 1),
    Parameter("after", 'The "after" of your last page.', "17.0.3", default="0", is_position=True),
    LIMIT,
)


def read_query(
    query: Iterable[tuple[str, str]], parameters: tuple[Parameter, ...]
) -> dict[str, Any]:
    """Return the value of every parameter by name; a missing one has its default.

    Raises ValueError with a sentence if a parameter is unknown, occurs twice or is not allowed.
    """
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    for name, text in query:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ValueError(f"{name[:40]!r} is no parameter of this path; allowed: {listed}")
        if name in values:
            raise ValueError(f"the parameter {name} occurs twice; send it once")
        values[name] = known[name].value(text)
    return {name: values.get(name, parameter.default) for name, parameter in known.items()}
