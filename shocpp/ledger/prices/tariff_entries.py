"""The parser of one tariff of conf/tariffs.json: from its keys to its period (pure).

`tariffs` explains every key. Everything here raises ConfigError for a value that it refuses; the
sentence begins with `location`, such as "conf/tariffs.json, tariff 2 (family-y), window 1".
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from shocpp.errors import ConfigError
from shocpp.ledger.accounts import UNASSIGNED, account_name
from shocpp.ledger.prices.periods import Period, Rate, Window, day_of
from shocpp.texts import printable_line

EXAMPLE = "see conf/tariffs.json.example"
"""The end of sentences about the form of the file."""

_MOST = 1_000
"""The highest price in cents and the highest base fee in euros; more is a typing error."""

_LONGEST_NAME = 30
"""The highest number of characters of a price's name on the statement."""

_MOST_WINDOWS = 24
_FIRST_YEAR, _LAST_YEAR = 2000, 2099
_DAY = 24 * 60

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEAR = re.compile(r"[0-9]{4}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")

_OWN_KEYS = ("ct_per_kwh", "windows", "name", "solar", "base_fee_eur")
_TARIFF_KEYS = ("account", "valid_from", "valid_until", "flat", "vat", *_OWN_KEYS)
_WINDOW_KEYS = ("name", "from", "until", "ct_per_kwh")
_VAT_KEYS = ("percent", "included")


def parse_tariff(entry: object, location: str) -> tuple[str, Period]:
    """Return the account of a tariff, and its period."""
    keys = known_keys(entry, _TARIFF_KEYS, location)
    account = _account(keys.get("account"), location)
    return account, _period(keys, f"{location} ({account})")


def parse_flat_prices(value: object, location: str) -> dict[int, int]:
    """Return the flat prices in microeuro per kWh, by year."""
    if not isinstance(value, dict):
        raise ConfigError(f'{location} must be an object such as {{"2026": 34}}, not {value!r}')
    prices = {}
    for year, price in value.items():
        # Every object of the file may have a comment, so this one too.
        if year != "comment":
            if not _YEAR.fullmatch(year) or not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
                raise ConfigError(f"{location}: {year!r} must be a year such as 2026")
            prices[int(year)] = _number(price, 4, f"{location}: the price of {year}")
    return prices


def known_keys(entry: object, known: tuple[str, ...], location: str) -> dict[str, Any]:
    """Return an object whose keys are all known ones or `comment`."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{location} must be an object with {', '.join(known)}; {EXAMPLE}")
    for key in entry:
        if key != "comment" and key not in known:
            raise ConfigError(
                f"{location}: {key!r} is unknown; there are {', '.join(known)} and comment"
            )
    return entry


def _account(value: object, location: str) -> str:
    """Return an account name or `*`."""
    name = account_name(value)
    if name is None:
        raise ConfigError(f"{location}: account must be a name of tags.json or *, not {value!r}")
    if name == UNASSIGNED:
        raise ConfigError(f"{location}: {UNASSIGNED} never has a price; remove this tariff")
    return name


def _period(keys: Mapping[str, Any], location: str) -> Period:
    """Return the period of a tariff; an end by the next tariff is not set yet."""
    since = _date(keys.get("valid_from"), f"{location}: valid_from")
    until = None
    if "valid_until" in keys:
        until = _date(keys["valid_until"], f"{location}: valid_until")
        if until < since:
            raise ConfigError(f"{location}: valid_until {until} is before valid_from {since}")
    vat = _vat(keys["vat"], f"{location}: vat") if "vat" in keys else (None, False)
    if _flag(keys.get("flat", False), f"{location}: flat"):
        # A price beside `flat` would be ignored, and its author would expect it on the bill.
        for key in _OWN_KEYS:
            if key in keys:
                raise ConfigError(
                    f"{location}: {key} has no meaning beside flat; remove one of them"
                )
        return Period(since, until, None, (), (), 0, *vat)
    name = _name(keys["name"], location) if "name" in keys else "HT" if keys.get("windows") else ""
    price = _number(keys.get("ct_per_kwh"), 4, f"{location}: ct_per_kwh")
    solar = _number(keys["solar"], 4, f"{location}: solar") if "solar" in keys else None
    rate = Rate("own", name, since.isoformat(), price, *vat)._replace(solar=solar)
    windows = _windows(keys.get("windows", []), rate, location)
    day = day_of(rate, windows)
    if day is None:
        raise ConfigError(f"{location}: its windows overlap; give each minute one price")
    fee = _number(keys.get("base_fee_eur", 0), 6, f"{location}: base_fee_eur")
    return Period(since, until, rate, windows, day, fee, *vat)


def _windows(entries: object, outside: Rate, location: str) -> tuple[Window, ...]:
    if not isinstance(entries, list):
        raise ConfigError(f"{location}: windows must be a list; {EXAMPLE}")
    if len(entries) > _MOST_WINDOWS:
        raise ConfigError(f"{location}: more than {_MOST_WINDOWS} windows; join some of them")
    return tuple(
        _window(entry, outside, f"{location}, window {number}")
        for number, entry in enumerate(entries, 1)
    )


def _window(entry: object, outside: Rate, location: str) -> Window:
    """Return a window; its rate has date and VAT of the rate outside it."""
    keys = known_keys(entry, _WINDOW_KEYS, location)
    # 24:00 and 00:00 are one minute of the day.
    begin = _minute(keys.get("from"), f"{location}: from")
    end = _minute(keys.get("until"), f"{location}: until")
    if begin % _DAY == end % _DAY:
        raise ConfigError(f"{location} ends when it begins; a whole day's price is ct_per_kwh")
    price = _number(keys.get("ct_per_kwh"), 4, f"{location}: ct_per_kwh")
    rate = outside._replace(rate=_name(keys.get("name"), location), microeuro_per_kwh=price)
    return Window(begin % _DAY, end % _DAY, rate)


def _name(value: object, location: str) -> str:
    name = printable_line(value) if isinstance(value, str) else None
    if name is None or not name.strip() or len(name) > _LONGEST_NAME:
        raise ConfigError(f"{location}: name must be a short name such as NT, not {value!r}")
    return name


def _minute(value: object, location: str) -> int:
    """Return a time such as "22:00" as minutes of the day, 0..1440."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ConfigError(f'{location} must be a time such as "22:00", not {value!r}')
    return int(value[:2]) * 60 + int(value[3:])


def _vat(value: object, location: str) -> tuple[int, bool]:
    """Return the VAT rate in basis points, and True if it is included in the prices."""
    keys = known_keys(value, _VAT_KEYS, location)
    percent = _number(keys.get("percent"), 2, f"{location}: percent", 100)
    return percent, _flag(keys.get("included"), f"{location}: included")


def _flag(value: object, location: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{location} must be true or false, not {value!r}")
    return value


def _date(value: object, location: str) -> date:
    """Return a date written as 2026-01-01."""
    try:
        # fromisoformat alone also accepts 20260101 and 2026-W01-4.
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError:
        raise ConfigError(
            f'{location} must be a date such as "2026-01-01", not {value!r}'
        ) from None
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ConfigError(
            f"{location} must lie in {_FIRST_YEAR} to {_LAST_YEAR}, not in {day.year}"
        )
    return day


def _number(value: object, decimals: int, location: str, most: int = _MOST) -> int:
    """Return a number as a count of its smallest unit, which has `decimals` decimals.

    Cents with 4 decimals and euros with 6 become microeuro; percent with 2 become basis points.
    Raises ConfigError if it is no number, out of range, or has more decimals: nothing is rounded.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = Decimal(value)
    # A float never comes here: the file's parser makes Decimals. JSON's true is an int in Python.
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ConfigError(f"{location} must be a number such as 31.27, with a point, not {value!r}")
    if not 0 <= value <= most:
        raise ConfigError(f"{location} must be from 0 to {most}; correct it")
    # `int` cuts off further decimals. The comparison finds them, also 60 digits later.
    whole = int(value * 10**decimals)
    if Decimal(whole).scaleb(-decimals) != value:
        raise ConfigError(f"{location} has more than {decimals} decimals; round it")
    return whole
