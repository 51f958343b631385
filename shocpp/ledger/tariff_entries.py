"""One tariff of conf/tariffs.json (ground floor: pure): its keys in, its period out.

What does not fit raises ConfigError: a sentence that begins with the place in the file.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from shocpp.errors import ConfigError
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.periods import Period, Rate, Window, day_of

EXAMPLE = "see conf/tariffs.json.example"

_MOST = 1_000
"""Cents, or euros of base fee: more is a slip of the pen."""

_LONGEST_NAME = 30
_MOST_WINDOWS = 24
_FIRST_YEAR, _LAST_YEAR = 2000, 2099
_DAY = 24 * 60

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEAR = re.compile(r"[0-9]{4}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")

_OWN_KEYS = ("ct_per_kwh", "windows", "name", "base_fee_eur")
_TARIFF_KEYS = ("account", "valid_from", "valid_until", "flat", "vat", *_OWN_KEYS)
_WINDOW_KEYS = ("name", "from", "until", "ct_per_kwh")
_VAT_KEYS = ("percent", "included")


def parse_tariff(entry: object, place: str) -> tuple[str, Period]:
    """The account of a tariff, and its period."""
    keys = known_keys(entry, _TARIFF_KEYS, place)
    account = _account(keys.get("account"), place)
    return account, _period(keys, f"{place} ({account})")


def parse_flat_prices(value: object, place: str) -> dict[int, int]:
    """The flat prices of years, in microeuro per kWh."""
    if not isinstance(value, dict):
        raise ConfigError(f'{place} must be an object such as {{"2026": 34}}, not {value!r}')
    prices = {}
    for year, price in value.items():
        if year != "comment":
            if not _YEAR.fullmatch(year) or not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
                raise ConfigError(f"{place}: {year!r} must be a year such as 2026")
            prices[int(year)] = _number(price, 4, f"{place}: the price of {year}")
    return prices


def known_keys(entry: object, known: tuple[str, ...], place: str) -> dict[str, Any]:
    """An object with no other keys, but maybe a comment."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{place} must be an object with {', '.join(known)}; {EXAMPLE}")
    for key in entry:
        if key != "comment" and key not in known:
            raise ConfigError(
                f"{place}: {key!r} is unknown; there are {', '.join(known)} and comment"
            )
    return entry


def _account(value: object, place: str) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ConfigError(f"{place}: account must be a name of tags.json or *, not {value!r}")
    if value == UNASSIGNED:
        raise ConfigError(f"{place}: {UNASSIGNED} never has a price; remove this tariff")
    return value


def _period(keys: Mapping[str, Any], place: str) -> Period:
    since = _date(keys.get("valid_from"), f"{place}: valid_from")
    until = None
    if "valid_until" in keys:
        until = _date(keys["valid_until"], f"{place}: valid_until")
        if until < since:
            raise ConfigError(f"{place}: valid_until {until} is before valid_from {since}")
    vat = _vat(keys["vat"], f"{place}: vat") if "vat" in keys else (None, False)
    if _flag(keys.get("flat", False), f"{place}: flat"):
        for key in _OWN_KEYS:
            if key in keys:
                raise ConfigError(f"{place}: {key} has no meaning beside flat; remove one of them")
        return Period(since, until, None, (), (), 0, *vat)
    name = _name(keys["name"], place) if "name" in keys else "HT" if keys.get("windows") else ""
    price = _number(keys.get("ct_per_kwh"), 4, f"{place}: ct_per_kwh")
    rate = Rate("own", name, since.isoformat(), price, *vat)
    windows = _windows(keys.get("windows", []), rate, place)
    day = day_of(rate, windows)
    if day is None:
        raise ConfigError(f"{place}: its windows overlap; give each minute one price")
    fee = _number(keys.get("base_fee_eur", 0), 6, f"{place}: base_fee_eur")
    return Period(since, until, rate, windows, day, fee, *vat)


def _windows(entries: object, outside: Rate, place: str) -> tuple[Window, ...]:
    if not isinstance(entries, list):
        raise ConfigError(f"{place}: windows must be a list; {EXAMPLE}")
    if len(entries) > _MOST_WINDOWS:
        raise ConfigError(f"{place}: more than {_MOST_WINDOWS} windows; join some of them")
    return tuple(
        _window(entry, outside, f"{place}, window {number}")
        for number, entry in enumerate(entries, 1)
    )


def _window(entry: object, outside: Rate, place: str) -> Window:
    keys = known_keys(entry, _WINDOW_KEYS, place)
    begin = _minute(keys.get("from"), f"{place}: from")
    end = _minute(keys.get("until"), f"{place}: until")
    if begin % _DAY == end % _DAY:
        raise ConfigError(f"{place} ends when it begins; a whole day's price is ct_per_kwh")
    price = _number(keys.get("ct_per_kwh"), 4, f"{place}: ct_per_kwh")
    rate = outside._replace(rate=_name(keys.get("name"), place), microeuro_per_kwh=price)
    return Window(begin % _DAY, end % _DAY, rate)


def _name(value: object, place: str) -> str:
    is_name = isinstance(value, str) and value.strip() and value.isprintable()
    if not isinstance(value, str) or not is_name or len(value) > _LONGEST_NAME:
        raise ConfigError(f"{place}: name must be a short name such as NT, not {value!r}")
    return value


def _minute(value: object, place: str) -> int:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ConfigError(f'{place} must be a time such as "22:00", not {value!r}')
    return int(value[:2]) * 60 + int(value[3:])


def _vat(value: object, place: str) -> tuple[int, bool]:
    keys = known_keys(value, _VAT_KEYS, place)
    percent = _number(keys.get("percent"), 2, f"{place}: percent", 100)
    return percent, _flag(keys.get("included"), f"{place}: included")


def _flag(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{place} must be true or false, not {value!r}")
    return value


def _date(value: object, place: str) -> date:
    try:
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError:
        raise ConfigError(f'{place} must be a date such as "2026-01-01", not {value!r}') from None
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ConfigError(f"{place} must lie in {_FIRST_YEAR} to {_LAST_YEAR}, not in {day.year}")
    return day


def _number(value: object, decimals: int, place: str, most: int = _MOST) -> int:
    """The number without its decimal point: cents with four decimals become microeuro."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ConfigError(f"{place} must be a number such as 31.27, with a point, not {value!r}")
    if not 0 <= value <= most:
        raise ConfigError(f"{place} must be from 0 to {most}; this is a slip of the pen")
    whole = int(value * 10**decimals)
    if Decimal(whole).scaleb(-decimals) != value:
        raise ConfigError(f"{place} has more than {decimals} decimals; round it")
    return whole
