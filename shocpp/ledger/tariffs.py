"""What energy costs (ground floor: pure): the prices of conf/tariffs.json and a record's amount.

    {"flat_prices": {"2026": 34},
     "tariffs": [
       {"account": "family-y", "valid_from": "2026-01-01", "name": "HT", "ct_per_kwh": 31.27,
        "windows": [{"name": "NT", "from": "22:00", "until": "06:00", "ct_per_kwh": 24.1}],
        "base_fee_eur": 4.5, "vat": {"percent": 19, "included": true}},
       {"account": "company-x", "valid_from": "2026-01-01", "flat": true},
       {"account": "*", "valid_from": "2026-01-01", "valid_until": "2026-12-31", "ct_per_kwh": 30}]}

A tariff holds from local midnight of `valid_from` until the next one of its account begins, or to
the end of the day `valid_until`. Its price is `ct_per_kwh`, with others in the `windows` of each
day, or, if it is `flat`, that of the year of consumption in `flat_prices`. `name` is that of the
price outside the windows (`HT` if there are any), `base_fee_eur` is a month's. The account `*`
stands for every one without a tariff of its own; `unassigned` never has a price. Numbers may be
strings, and `comment` may be written anywhere; any other key is refused, because a slip of the pen
would cost money.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

from shocpp.errors import ConfigError
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.booking import Record
from shocpp.ledger.periods import Period, Rate, Stretch, stretches
from shocpp.ledger.splitting import split
from shocpp.ledger.tariff_entries import EXAMPLE, known_keys, parse_flat_prices, parse_tariff
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.ocpp.facts import Reading

EVERYBODY = "*"
"""The account that stands for all without a tariff of their own."""

MOST_PARTS = 50
"""A record with more is told by price, not by time."""

_KEYS = ("flat_prices", "tariffs")
_DECIMAL_COMMA = re.compile(r":\s*[0-9]+,[0-9]")


class Fee(NamedTuple):
    """An account's share of a base fee for some days of a month, in cents, and its VAT."""

    valid_from: str
    days: int
    of_days: int
    amount_ct: int
    vat_bp: int | None
    vat_included: bool


class PricePart(NamedTuple):
    """A part of a record's energy at one price; `amount_ct` is its share of the record's amount.

    `basis` is `own` (the account's contract) or `flat` (the year's Strompreispauschale), `rate` the
    name of the window of the day (HT, NT) or empty, `valid_from` a date. `vat_bp` 1900 is 19 %,
    None: nothing is said of VAT; `vat_included`: the price is gross.
    """

    began_ms: int | None
    ended_ms: int
    wh: int
    basis: str
    rate: str
    valid_from: str
    microeuro_per_kwh: int
    vat_bp: int | None
    vat_included: bool
    amount_ct: int


class Price(NamedTuple):
    """What a record costs, rounded once, half up; `note` says how it was split."""

    amount_ct: int
    parts: tuple[PricePart, ...]
    note: str | None


class _Share(NamedTuple):
    """Energy at one price, before it is rounded to cents."""

    began_ms: int | None
    ended_ms: int
    wh: int
    rate: Rate


class Tariffs(NamedTuple):
    """All prices in force: each account's periods in order, and each year's flat price."""

    by_account: Mapping[str, tuple[Period, ...]]
    flat_prices: Mapping[int, int]

    def periods(self, account: str) -> tuple[Period, ...]:
        """What an account pays by: its own tariff, else that of everybody, else nothing."""
        if account == UNASSIGNED:
            return ()
        return self.by_account.get(account) or self.by_account.get(EVERYBODY, ())

    def price(
        self, record: Record, readings: Callable[[], Iterable[Reading]], zone: tzinfo
    ) -> Price | None:
        """What a record costs; None where nobody owes it yet, or a part of it has no price.

        `readings` gives the transaction's meter values; it is only called if the price changes on
        the way. A record that takes another one away has that one's price, see `reversed_price`.
        """
        if record.account_index == UNASSIGNED_INDEX or record.review is not None:
            return None
        periods, began_ms = self.periods(record.account), record.started_ms
        if not periods:
            return None
        if began_ms is not None and began_ms > record.stopped_ms:
            began_ms = None
        if began_ms is None or began_ms == record.stopped_ms or not record.consumed_wh:
            from_ms, until_ms = record.stopped_ms - 1, record.stopped_ms
        else:
            from_ms, until_ms = began_ms, record.stopped_ms
        changes = stretches(periods, self.flat_prices, from_ms, until_ms, zone)
        if len(changes) == 1:
            rate = changes[0].rate
            if rate is None:
                return None
            is_guessed = record.started_ms is None and any(period.windows for period in periods)
            note = "start not known, price of its stop" if is_guessed else None
            return _price([_Share(began_ms, record.stopped_ms, record.consumed_wh, rate)], note)
        return _split_price(record, changes, readings())

    def fees(self, account: str, year: int, month: int) -> tuple[Fee, ...]:
        """An account's base fees of a month, each by the days of it on which its tariff holds."""
        first = date(year, month, 1)
        last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        found = []
        for period in self.periods(account):
            days = period.days_in(first, last)
            if days and period.base_fee_microeuro:
                amount_ct = _half_up(period.base_fee_microeuro * days, last.day * 10_000)
                since = period.valid_from.isoformat()
                vat = period.vat_bp, period.vat_included
                found.append(Fee(since, days, last.day, amount_ct, *vat))
        return tuple(found)

    def years_without_flat_price(self, account: str, last_year: int) -> list[int]:
        """The years, up to the last, for which an account's tariff needs a flat price in vain."""
        needed = _years(self.periods(account), last_year, is_flat=True)
        return sorted(year for year in needed if year not in self.flat_prices and year <= last_year)

    def years_of_both(self, account: str) -> list[int]:
        """The years in which an account goes from its own price to the flat one, or back."""
        periods = self.periods(account)
        return sorted(_years(periods, 0, is_flat=True) & _years(periods, 0, is_flat=False))


NO_TARIFFS = Tariffs({}, {})


def reversed_price(price: Price) -> Price:
    """What the reversal of a record with this price costs: exactly that, taken away."""
    parts = tuple(part._replace(wh=-part.wh, amount_ct=-part.amount_ct) for part in price.parts)
    return Price(-price.amount_ct, parts, price.note)


def _years(periods: Iterable[Period], last_year: int, *, is_flat: bool) -> set[int]:
    found = (period.years(last_year) for period in periods if (period.rate is None) == is_flat)
    return {year for years in found for year in years}


def _split_price(
    record: Record, changes: list[Stretch], readings: Iterable[Reading]
) -> Price | None:
    moments_ms = [stretch.from_ms for stretch in changes[1:]]
    divided = split(record, changes[0].from_ms, moments_ms, readings)
    shares = []
    for (from_ms, until_ms, rate), wh in zip(changes, divided.wh, strict=True):
        if wh and rate is None:
            return None
        if wh and rate is not None:
            shares.append(_Share(from_ms, until_ms, wh, rate))
    note = "split by meter values" if divided.is_measured else "split by time"
    return _price(shares if len(shares) <= MOST_PARTS else _by_rate(shares), note)


def _by_rate(shares: Iterable[_Share]) -> list[_Share]:
    """One share for each price, in the order in which they came."""
    found: dict[Rate, _Share] = {}
    for share in shares:
        first = found.get(share.rate)
        if first is not None:
            share = share._replace(began_ms=first.began_ms, wh=first.wh + share.wh)
        found[share.rate] = share
    return list(found.values())


def _price(shares: Iterable[_Share], note: str | None) -> Price:
    """The sum is rounded once; a part's amount is what it adds to it."""
    parts = []
    total = before_ct = 0
    for began_ms, ended_ms, wh, rate in shares:
        total += wh * rate.microeuro_per_kwh
        amount_ct = _half_up(total, 10_000_000)
        parts.append(PricePart(began_ms, ended_ms, wh, *rate, amount_ct - before_ct))
        before_ct = amount_ct
    return Price(before_ct, tuple(parts), note)


def _half_up(count: int, divisor: int) -> int:
    return (2 * count + divisor) // (2 * divisor)


def parse_tariffs(text: str, source: str) -> Tariffs:
    """The prices of a tariffs.json; `source` names the file in errors.

    It is taken whole or not at all: ConfigError for anything that is not the form above.
    """
    content = _content(text, source)
    flat_prices = parse_flat_prices(content.get("flat_prices", {}), f"{source}, flat_prices")
    entries = content.get("tariffs", [])
    if not isinstance(entries, list):
        raise ConfigError(f"{source}: tariffs must be a list; {EXAMPLE}")
    by_account: dict[str, list[tuple[Period, str]]] = {}
    for number, entry in enumerate(entries, 1):
        place = f"{source}, tariff {number}"
        account, period = parse_tariff(entry, place)
        by_account.setdefault(account, []).append((period, f"{place} ({account})"))
    periods = {account: _in_order(found) for account, found in by_account.items()}
    return Tariffs(periods, flat_prices)


def _content(text: str, source: str) -> dict[str, Any]:
    try:
        content = json.loads(
            text, object_pairs_hook=_once, parse_float=Decimal, parse_constant=_refuse
        )
    except (ValueError, ArithmeticError, RecursionError) as error:
        comma = "; is there a comma in a number? It takes a point, such as 31.27"
        told = f"{error}{comma if _DECIMAL_COMMA.search(text) else ''}"
        raise ConfigError(f"{source} is not JSON: {told}; {EXAMPLE}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{source} is not an object with flat_prices and tariffs; {EXAMPLE}")
    return known_keys(content, _KEYS, source)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and key != "comment":
            raise ValueError(f"{key!r} is there twice")
        found[key] = value
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _in_order(found: list[tuple[Period, str]]) -> tuple[Period, ...]:
    """Each period ends the one before."""
    found.sort(key=lambda pair: pair[0].valid_from)
    ordered: list[Period] = []
    for period, place in found:
        if ordered:
            ordered[-1] = _ended(ordered[-1], period.valid_from, place)
        ordered.append(period)
    return tuple(ordered)


def _ended(period: Period, next_from: date, place: str) -> Period:
    if period.valid_from == next_from:
        raise ConfigError(f"{place}: there are two tariffs from {next_from}; keep one of them")
    if period.valid_until is None:
        return period._replace(valid_until=next_from - timedelta(days=1))
    if period.valid_until >= next_from:
        raise ConfigError(
            f"{place}: the tariff before it holds until {period.valid_until}, which is not before "
            f"{next_from}; correct one of them"
        )
    return period
