"""Provisional prices: those of the records of an open month that have none in the books yet.

They follow from the tariffs of today, and nothing is written. `bookkeeping/posting.py` sets them
for ever, when the month is closed or by `shocpp tariffs apply`.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.ledger.prices.tariffs import Price, Tariffs, entry_price
from shocpp.store.books import prices, readings, records
from shocpp.store.books.prices import PriceUsed
from shocpp.store.books.records import Stored
from shocpp.store.books.statements.statement_records import Consumption
from shocpp.store.database import Database
from shocpp.store.site import minutes


class PricedRecord(NamedTuple):
    """A record with its provisional price."""

    stored: Stored
    price: Price


class ProvisionalSums(NamedTuple):
    """The sums of an account's records of a month that have a provisional price."""

    records: int
    wh: int
    amount_ct: int
    prices: tuple[PriceUsed, ...]

    def added_to(self, row: Consumption) -> Consumption:
        """Return the consumption of the account with these amounts."""
        return row._replace(
            amount_ct=(row.amount_ct or 0) + self.amount_ct,
            unpriced_wh=row.unpriced_wh - self.wh,
        )


class ProvisionalPrices(NamedTuple):
    """The provisional prices of an open month (YYYY-MM), by one content of tariffs.json.

    `accounts` are the names by index of those that have records without a price, and a tariff. Each
    price is computed when it is asked for, because a month may be larger than memory.
    """

    db: Database
    tariffs: Tariffs
    zone: ZoneInfo
    month: str
    accounts: Mapping[int, str]

    def of_record(self, number: int, account_index: int) -> Price | None:
        """Return the price of an account's record of the month that has none yet, or None."""
        # Nothing is read for an account that cannot have one.
        stored = records.stored(self.db, number) if account_index in self.accounts else None
        return None if stored is None else self._price(stored)

    def each(self) -> Iterator[PricedRecord]:
        """Yield all records that have a provisional price, by time.

        The caller may set the price of each before it takes the next one.
        """
        for stored in records.unpriced(self.db, self.month, self.accounts):
            price = self._price(stored)
            if price is not None:
                yield PricedRecord(stored, price)

    def by_account(self) -> dict[str, ProvisionalSums]:
        """Return the sums of each account that has records with a provisional price, by name."""
        totals: dict[str, _Total] = {}
        for stored, price in self.each():
            name = self.accounts[stored.record.account_index]
            total = totals.setdefault(name, _Total())
            total.records += 1
            total.wh += stored.record.consumed_wh
            total.amount_ct += price.amount_ct
            total.prices.add(_prices_used(price))
        return {
            account: ProvisionalSums(
                total.records, total.wh, total.amount_ct, total.prices.in_order()
            )
            for account, total in sorted(totals.items())
        }

    def _price(self, stored: Stored) -> Price | None:
        """Return the price of a record whose account has a tariff, or None."""
        _, origin, record, *_ = stored
        row = origin.started_transaction
        # The name that goes with these tariffs: the account may have been renamed since.
        name = self.accounts.get(record.account_index, record.account)
        record = record._replace(account=name)
        return entry_price(
            self.tariffs,
            origin.entry,
            record,
            lambda: self._original_price(origin.replaces),
            lambda: [] if row is None else readings.of_transaction(self.db, row),
            self.zone,
            partial(minutes.between, self.db),
        )

    def _original_price(self, number: int | None) -> Price | None:
        """Return the price of the record that a reversal of the month is about, or None."""
        priced = prices.of_record(self.db, number or 0)
        if priced is not None:
            return priced.price
        # Without a price in the books it only has one if its month is this one. That of another
        # month is set at another time, or never.
        original = records.stored(self.db, number or 0)
        if original is None or original.place.month != self.month:
            return None
        return self._price(original)


def merged(*prices: Iterable[PriceUsed]) -> tuple[PriceUsed, ...]:
    """Return several lists of an account's prices as one, in which each price is once."""
    total = _PriceTotals()
    for some in prices:
        total.add(some)
    return total.in_order()


def _prices_used(price: Price) -> Iterator[PriceUsed]:
    """Yield the prices of the parts of a record's price."""
    for part in price.parts:
        kind = part.basis, part.rate, part.valid_from, part.microeuro_per_kwh
        yield PriceUsed(*kind, part.wh, part.amount_ct, part.vat_bp, part.vat_included)


class _PriceTotals:
    """The running sums of Wh and cents at each price of an account."""

    def __init__(self) -> None:
        # The keys are prices without their Wh and cents.
        self._totals: dict[PriceUsed, tuple[int, int]] = {}

    def add(self, prices: Iterable[PriceUsed]) -> None:
        for price in prices:
            kind = price._replace(wh=0, amount_ct=0)
            wh, amount_ct = self._totals.get(kind, (0, 0))
            self._totals[kind] = wh + price.wh, amount_ct + price.amount_ct

    def in_order(self) -> tuple[PriceUsed, ...]:
        prices = (
            kind._replace(wh=wh, amount_ct=amount_ct)
            for kind, (wh, amount_ct) in self._totals.items()
        )
        return tuple(sorted(prices, key=lambda price: price.order))


class _Total:
    """The running sums of an account."""

    def __init__(self) -> None:
        self.records = self.wh = self.amount_ct = 0
        self.prices = _PriceTotals()
