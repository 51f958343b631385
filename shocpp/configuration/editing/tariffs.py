"""New prices in conf/tariffs.json, for commands and pages.

A price is added, and never changed: records keep the price that they were booked with, and so do
closed months. One that was saved by mistake can be removed as long as no record has it. `seen` is
the digest of the prices that a form was made from, None for a command. All functions raise
ConfigError if the file has an error, EditRefused for a price that is not possible, and
ChangedMeanwhile.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from shocpp.configuration.editing.file_edit import (
    ChangedMeanwhile,
    EditRefused,
    apply_seen,
    edit_file,
    present_entries,
    seen_digest,
)
from shocpp.configuration.editing.hours import require_apart
from shocpp.configuration.editing.renaming import rename_prices
from shocpp.configuration.entries import Members, Number, spelled
from shocpp.errors import ConfigError
from shocpp.language.month import Month
from shocpp.ledger.accounts import account_name
from shocpp.ledger.prices.tariff_file import parse_tariffs
from shocpp.ledger.prices.tariffs import EVERYBODY, Tariffs

NIGHT = "NT"
"""The name of the price in windows without a name of their own."""

MOST = 1000
"""The highest price, in cents per kWh, and the highest base fee, in euros."""

MOST_PERCENT = 100

DECIMALS, FEE_DECIMALS, VAT_DECIMALS = 4, 6, 2
"""The most decimals of a price in cents, of a base fee in euros, and of a percentage."""

YEARS = range(2000, 2100)
"""The years in which prices may begin."""

_NUMBER = re.compile(r"([0-9]{1,9})(?:[.,]([0-9]{1,9}))?")

Entries = list[Members]


class NewWindow(NamedTuple):
    """Hours of every day, such as 22:00 to 06:00, with a price of their own.

    The price is a text, as in NewPrice. An empty `name` is NIGHT on the statement.
    """

    begin: str
    end: str
    ct_per_kwh: str
    name: str = ""


class NewPrice(NamedTuple):
    """A price from a day on; numbers are texts, with a point or a comma, and stay exact.

    account         a name of tags.json, or * for all without a price of their own
    ct_per_kwh      None for the flat price of the year
    base_fee_eur    empty for none; vat_percent likewise
    vat_included    True if the prices are gross
    solar           the price of solar energy in cents, empty without a price of its own
    """

    account: str
    valid_from: date
    ct_per_kwh: str | None
    base_fee_eur: str = ""
    vat_percent: str = ""
    vat_included: bool = False
    windows: tuple[NewWindow, ...] = ()
    solar: str = ""


class PriceScope(NamedTuple):
    """The accounts that may get a price, and the months whose prices never change.

    `names` are those of renamed accounts, as `Accounts.names_alike` has them.
    """

    accounts: Collection[str]
    closed: Collection[Month]
    names: Mapping[str, Sequence[str]] = {}


def add_price(path: Path, price: NewPrice, scope: PriceScope, seen: str | None = None) -> None:
    """Add a price; the one before it ends on the day before.

    An account that has paid by * until then keeps those prices, as its own. Prices under a former
    name of the account get the present one.
    """

    def change(entries: Members, tariffs: Tariffs | None) -> bool:
        _put(entries, tariffs, path, price, scope, seen)
        return True

    edit_file(path, partial(parse_tariffs, source=str(path)), change)


def with_price(path: Path, price: NewPrice, scope: PriceScope) -> Tariffs:
    """Return the prices as `add_price` would make them; nothing is written."""
    entries = present_entries(path, partial(parse_tariffs, source=str(path)))
    present = parse_tariffs(spelled(entries), str(path))
    return _put(entries, present, path, price, scope, None)


Require = Callable[[Tariffs], None]
"""Gets the prices in force; raises an error if one that is to be removed has to stay."""


def remove_price(
    path: Path,
    account: str,
    day: date,
    scope: PriceScope,
    require: Require,
    seen: str | None = None,
) -> None:
    """Remove the price of an account that begins on a day; the one before it holds on.

    An account whose other prices are only those that it has paid by *, pays by * again. Raises
    EditRefused if there is no such price, or if it holds in a closed month.
    """

    def change(entries: Members, tariffs: Tariffs | None) -> bool:
        _take(entries, tariffs, path, account, day, scope, require, seen)
        return True

    edit_file(path, partial(parse_tariffs, source=str(path)), change)


def without_price(
    path: Path, account: str, day: date, scope: PriceScope, require: Require
) -> Tariffs:
    """Return the prices as `remove_price` would make them; nothing is written."""
    entries = present_entries(path, partial(parse_tariffs, source=str(path)))
    present = parse_tariffs(spelled(entries), str(path))
    return _take(entries, present, path, account, day, scope, require, None)


def seen_prices(path: Path, account: str, scope: PriceScope) -> str:
    """Return the digest of the prices that an account pays by, for the form that shows them."""
    entries = present_entries(path, partial(parse_tariffs, source=str(path)))
    rename_prices(entries, scope.names.get(account, (account,)), path.name)
    return seen_digest(_paid_by(entries.get("tariffs", []), account))


def _put(
    entries: Members,
    present: Tariffs | None,
    path: Path,
    price: NewPrice,
    scope: PriceScope,
    seen: str | None,
) -> Tariffs:
    """Put a price into the entries of the file, and return all prices with it."""
    account, day = price.account, price.valid_from
    if account != EVERYBODY and account not in scope.accounts:
        raise EditRefused("no_account", file="tags.json", account=account)
    if day.year not in YEARS:
        raise EditRefused("price_year", first=YEARS[0], last=YEARS[-1])
    require_apart((window.begin, window.end) for window in price.windows)
    # Beside prices under a former name, the new one would leave the days before it to *.
    if rename_prices(entries, scope.names.get(account, (account,)), path.name):
        present = parse_tariffs(spelled(entries), path.name)
    own = present.by_account.get(account, ()) if present else ()
    if any(period.valid_from == day for period in own):
        key = "price_of_all_exists" if account == EVERYBODY else "price_exists"
        raise EditRefused(key, account=account, day=day)
    listed: Entries = entries.get("tariffs", [])
    paid_by = _paid_by(listed, account)
    # An account with a price of its own never pays by *: without its own copies of those prices,
    # the days before this one would have no price any more.
    new = [] if own else [_own_copy(entry, account, day) for entry in _before(paid_by, day)]
    new.append(_entry(price))
    apply_seen(paid_by, partial(paid_by.extend, new), seen)
    entries["tariffs"] = [*listed, *new]
    try:
        tariffs = parse_tariffs(spelled(entries), path.name)
    # The text was valid before, so it is the new price that is not.
    except ConfigError as error:
        raise EditRefused("file", reason=str(error)) from None
    _require_open(tariffs, price, scope.closed)
    return tariffs


def _take(
    entries: Members,
    present: Tariffs | None,
    path: Path,
    account: str,
    day: date,
    scope: PriceScope,
    require: Require,
    seen: str | None,
) -> Tariffs:
    """Take a price out of the entries of the file, and return all prices without it."""
    if rename_prices(entries, scope.names.get(account, (account,)), path.name):
        present = parse_tariffs(spelled(entries), path.name)
    own = present.by_account.get(account, ()) if present else ()
    period = next((period for period in own if period.valid_from == day), None)
    if present is None or period is None:
        raise EditRefused("no_price", file=path.name, day=day)
    late = [month for month in scope.closed if period.days_in(month.first_day, month.last_day)]
    if late:
        raise EditRefused("price_closed", month=min(late).name, day=day)
    require(present)
    listed: Entries = entries["tariffs"]
    paid_by = _paid_by(listed, account)
    if seen is not None and seen != seen_digest(paid_by):
        raise ChangedMeanwhile(spelled(paid_by), "")
    removed = next(e for e in paid_by if date.fromisoformat(e["valid_from"]) == day)
    others = [entry for entry in paid_by if entry is not removed]
    gone = [removed, *_copies_of_all(listed, others, account, day)]
    if len(gone) == 1:
        _hold_on(_before(others, day), day)
    entries["tariffs"] = [entry for entry in listed if all(entry is not one for one in gone)]
    return parse_tariffs(spelled(entries), path.name)


def _copies_of_all(listed: Entries, others: Entries, account: str, day: date) -> Entries:
    """Return the other entries of an account if all are those of * that `_put` has copied."""
    of_all = [entry for entry in listed if account_name(entry["account"]) == EVERYBODY]
    copies = [_own_copy(entry, account, day) for entry in _before(of_all, day)]
    is_same = account != EVERYBODY and list(map(spelled, others)) == list(map(spelled, copies))
    return others if is_same else []


def _hold_on(before: Entries, day: date) -> None:
    """Let the last entry before a day hold on if it ends on the day before."""
    # ISO dates sort like the days.
    last = max(before, key=lambda entry: entry["valid_from"], default=None)
    if last is not None and last.get("valid_until") == (day - timedelta(days=1)).isoformat():
        del last["valid_until"]


def _paid_by(listed: Entries, account: str) -> Entries:
    """Return the entries by which an account pays: its own, else those of *."""
    own = [entry for entry in listed if account_name(entry["account"]) == account]
    return own or [entry for entry in listed if account_name(entry["account"]) == EVERYBODY]


def _before(entries: Iterable[Members], day: date) -> Entries:
    """Return the entries that begin before a day."""
    return [entry for entry in entries if date.fromisoformat(entry["valid_from"]) < day]


def _own_copy(entry: Members, account: str, day: date) -> Members:
    """Return an entry of * as that of an account, which ends before a day."""
    copy = Members([(key, value) for key, value in entry.items() if key != "comment"])
    copy["account"] = account
    last = (day - timedelta(days=1)).isoformat()
    # ISO dates sort like the days.
    if copy.get("valid_until", last) > last:
        copy["valid_until"] = last
    return copy


def _entry(price: NewPrice) -> Members:
    """Return the entry of a price, with the keys of the example in its order."""
    entry = Members([("account", price.account), ("valid_from", price.valid_from.isoformat())])
    if price.ct_per_kwh is None:
        entry["flat"] = True
    else:
        entry["ct_per_kwh"] = _amount(price.ct_per_kwh)
    if price.windows:
        entry["windows"] = [_window(window, price.windows) for window in price.windows]
    if price.solar:
        entry["solar"] = _amount(price.solar)
    if price.base_fee_eur:
        entry["base_fee_eur"] = _amount(price.base_fee_eur, FEE_DECIMALS)
    if price.vat_percent:
        percent = _amount(price.vat_percent, VAT_DECIMALS, MOST_PERCENT)
        entry["vat"] = {"percent": percent, "included": price.vat_included}
    return entry


def _window(window: NewWindow, windows: Collection[NewWindow]) -> dict[str, Any]:
    """Return the entry of a window; a name of its own is needed where prices differ."""
    price = _amount(window.ct_per_kwh)
    if not window.name and any(_number(other.ct_per_kwh) != price for other in windows):
        raise EditRefused("window_name")
    name = window.name or NIGHT
    return {"name": name, "from": window.begin, "until": window.end, "ct_per_kwh": price}


def _amount(text: str, decimals: int = DECIMALS, most: int = MOST) -> int | Number:
    """Return the number of a text; raises EditRefused if it is too large or too exact."""
    number = _number(text)
    exact = Decimal(str(number))
    if exact > most:
        raise EditRefused("number_range", text=text, most=most)
    if exact != round(exact, decimals):
        raise EditRefused("number_decimals", text=text, decimals=decimals)
    return number


def _number(text: str) -> int | Number:
    """Return the number of a text, spelled as it is, but with a point."""
    parts = _NUMBER.fullmatch(text.strip())
    if parts is None:
        raise EditRefused("no_number", text=text)
    # JSON has no number such as 031.
    whole = int(parts[1])
    return whole if parts[2] is None else Number(f"{whole}.{parts[2]}")


def _require_open(tariffs: Tariffs, price: NewPrice, closed: Collection[Month]) -> None:
    """Raise EditRefused if a new price would hold in a closed month."""
    (period,) = (
        period
        for period in tariffs.by_account[price.account]
        if period.valid_from == price.valid_from
    )
    late = [month for month in closed if period.days_in(month.first_day, month.last_day)]
    if late:
        day = max(late).next().first_day
        raise EditRefused("closed_month", month=min(late).name, day=day)
