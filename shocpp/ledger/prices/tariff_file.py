"""The parser of conf/tariffs.json (pure): the whole file, and the order of its tariffs.

`tariff_entries` parses one tariff; `tariffs` explains every key.
"""

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from shocpp.errors import ConfigError
from shocpp.ledger.prices.periods import Period
from shocpp.ledger.prices.tariff_entries import EXAMPLE, known_keys, parse_flat_prices, parse_tariff
from shocpp.ledger.prices.tariffs import Tariffs
from shocpp.texts import parse_unique

_KEYS = ("flat_prices", "tariffs")

_DECIMAL_COMMA = re.compile(r":\s*[0-9]+,[0-9]")
"""A number such as 31,27: a usual slip of German users, which JSON reports as a missing quote."""


def parse_tariffs(text: str, source: str) -> Tariffs:
    """Return the prices of a tariffs.json; `source` names the file in errors.

    Raises ConfigError if anything in it differs from the rules in `tariffs`.
    """
    content = _content(text, source)
    flat_prices = parse_flat_prices(content.get("flat_prices", {}), f"{source}, flat_prices")
    entries = content.get("tariffs", [])
    if not isinstance(entries, list):
        raise ConfigError(f"{source}: tariffs must be a list; {EXAMPLE}")
    by_account: dict[str, list[tuple[Period, str]]] = {}
    for number, entry in enumerate(entries, 1):
        location = f"{source}, tariff {number}"
        account, period = parse_tariff(entry, location)
        by_account.setdefault(account, []).append((period, f"{location} ({account})"))
    periods = {account: _in_order(located) for account, located in by_account.items()}
    return Tariffs(periods, flat_prices)


def _content(text: str, source: str) -> dict[str, Any]:
    """Return the file's object, its numbers as int or Decimal."""
    try:
        # json would make 0.1 a binary fraction and accept NaN.
        content = parse_unique(text, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError) as error:
        comma = "; is there a comma in a number? It takes a point, such as 31.27"
        error_text = f"{error}{comma if _DECIMAL_COMMA.search(text) else ''}"
        raise ConfigError(f"{source} is not JSON: {error_text}; {EXAMPLE}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{source} is not an object with flat_prices and tariffs; {EXAMPLE}")
    return known_keys(content, _KEYS, source)


def _refuse(constant: str) -> None:
    """Raise ValueError for NaN and Infinity, which Python's json accepts."""
    raise ValueError(f"{constant} is no number")


def _in_order(located: list[tuple[Period, str]]) -> tuple[Period, ...]:
    """Return the periods of one account in order, each ended before the next one begins."""
    located.sort(key=lambda pair: pair[0].valid_from)
    ordered: list[Period] = []
    for period, location in located:
        if ordered:
            ordered[-1] = _ended(ordered[-1], period.valid_from, location)
        ordered.append(period)
    return tuple(ordered)


def _ended(period: Period, next_from: date, location: str) -> Period:
    """Return a period that ends on the day before the next one of its account begins."""
    if period.valid_from == next_from:
        raise ConfigError(f"{location}: there are two tariffs from {next_from}; keep one of them")
    if period.valid_until is None:
        return period._replace(valid_until=next_from - timedelta(days=1))
    # An explicit end that overlaps is a contradiction. Shortening it could hide a wrong date.
    if period.valid_until >= next_from:
        raise ConfigError(
            f"{location}: the tariff before it holds until {period.valid_until}, which is not "
            f"before {next_from}; correct one of them"
        )
    return period
