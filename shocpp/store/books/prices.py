"""Prices of records: a record gets its price once; after that it is only read."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from shocpp.ledger.prices.tariffs import Price, PricePart
from shocpp.store.books.transactions import present_name
from shocpp.store.database import Database

_PART = (
    "began_ms, ended_ms, wh, basis, rate, valid_from, microeuro_per_kwh, vat_bp, vat_included,"
    " amount_ct"
)


_COLUMNS = ("record", "priced_ms", "amount_ct", "microeuro_per_kwh", "note")
_PART_COLUMNS = ("record", "part", *PricePart._fields)


class RecordPrice(NamedTuple):
    """The price of a record, and the time at which the record got it."""

    priced_ms: int
    price: Price


def record(db: Database, number: int, price: Price, priced_ms: int) -> None:
    """Write the price of the record with this number; a record gets only one."""
    record_all(db, [(number, RecordPrice(priced_ms, price))])


def record_all(db: Database, priced: Sequence[tuple[int, RecordPrice]]) -> None:
    """Write the prices of the records with these numbers."""
    rows = [
        (number, priced_ms, price.amount_ct, price.microeuro_per_kwh, price.note)
        for number, (priced_ms, price) in priced
    ]
    db.insert_rows("price", _COLUMNS, rows)
    parts = [
        (number, index, *part)
        for number, (_, price) in priced
        for index, part in enumerate(price.parts)
    ]
    db.insert_rows("price_part", _PART_COLUMNS, parts)


def of_record(db: Database, number: int) -> RecordPrice | None:
    """Return the price of the record with this number, or None."""
    return of_records(db, json.dumps([number])).get(number)


def of_records(db: Database, numbers: str) -> dict[int, RecordPrice]:
    """Return the prices of records by number; `numbers` is a JSON text of those of the records."""
    rows = db.execute(
        f"SELECT record, {_PART} FROM price_part"
        " WHERE record IN (SELECT value FROM json_each(?)) ORDER BY record, part",
        (numbers,),
    )
    parts: dict[int, list[PricePart]] = {}
    for number, *values in rows.fetchall():
        part = PricePart(*values)
        # SQLite has no booleans.
        part = part._replace(vat_included=bool(part.vat_included))
        parts.setdefault(number, []).append(part)
    rows = db.execute(
        "SELECT record, priced_ms, amount_ct, note FROM price"
        " WHERE record IN (SELECT value FROM json_each(?))",
        (numbers,),
    )
    return {
        number: RecordPrice(priced_ms, Price(amount_ct, tuple(parts.get(number, ())), note))
        for number, priced_ms, amount_ct, note in rows.fetchall()
    }


def parts_of(db: Database, number: int) -> tuple[tuple[int, int], ...]:
    """Return the parts of a record's price as (Wh, microeuro per kWh), in the order of time."""
    rows = db.execute(
        "SELECT wh, microeuro_per_kwh FROM price_part WHERE record = ? ORDER BY part", (number,)
    )
    return tuple(rows.fetchall())


class PriceUsed(NamedTuple):
    """A price that records of an account in a month have, with their Wh and their cents.

    `basis` is `own` or `flat`, `rate` HT, NT … or empty, and `valid_from` a date. `vat_bp` is in
    hundredths of a per cent: 1900 is 19 %.
    """

    basis: str
    rate: str
    valid_from: str
    microeuro_per_kwh: int
    wh: int
    amount_ct: int
    vat_bp: int | None
    vat_included: bool

    @property
    def order(self) -> tuple[object, ...]:
        """Return the key that the prices of an account are sorted by; equal keys are one price."""
        # None comes first, as NULL in SQL.
        vat_bp = -1 if self.vat_bp is None else self.vat_bp
        kind = self.valid_from, self.basis, self.rate
        return (*kind, self.microeuro_per_kwh, vat_bp, self.vat_included)


_KIND = "valid_from, basis, rate, microeuro_per_kwh, vat_bp, vat_included"
"""The columns of `PriceUsed.order`."""

NAME = "coalesce(named.value, account)"
"""The SQL of the name of a row's account in a statement, in a query with `named`."""

Indices = Collection[int] | None
"""The indices of some accounts; None stands for all."""


def named(table: str) -> str:
    """Return the SQL that joins the parameter `names`, a JSON object of names by account index."""
    index = f"CAST(named.key AS INTEGER) = {table}.account_index"
    return f"LEFT JOIN json_each(:names) AS named ON {index}"


def of_accounts(indices: Indices) -> str:
    """Return the SQL of the condition that a row is of one of these accounts, with an AND."""
    if indices is None:
        return ""
    # Text of numbers: nothing of a name gets into it.
    return f" AND account_index IN ({', '.join(str(int(index)) for index in sorted(indices))})"


def used(
    db: Database, month: str, names: Mapping[int, str], indices: Indices = None
) -> dict[str, tuple[PriceUsed, ...]]:
    """Return the prices that the records of a month (YYYY-MM) have, by account, or those of some.

    `names` are those of the accounts in the statement, by index. The prices are in the order of
    `PriceUsed.order`.
    """
    rows = db.execute(
        f"SELECT {NAME}, basis, rate, valid_from, microeuro_per_kwh, sum(wh), sum(amount_ct),"
        # Few of these sums get a name each, instead of all parts of prices.
        f" vat_bp, vat_included FROM (SELECT account_index, account, {_KIND}, sum(wh) AS wh,"
        "  sum(amount_ct) AS amount_ct FROM prices"
        f"  WHERE month = :month{of_accounts(indices)} GROUP BY account_index, account, {_KIND})"
        f" AS used {named('used')} GROUP BY 1, {_KIND} ORDER BY 1, {_KIND}",
        {"month": month, "names": json.dumps(names)},
    )
    prices: dict[str, tuple[PriceUsed, ...]] = {}
    for name, *columns in rows.fetchall():
        price = PriceUsed(*columns)
        price = price._replace(vat_included=bool(price.vat_included))
        prices[name] = (*prices.get(name, ()), price)
    return prices


def replace(db: Database, number: int, former_price: RecordPrice | None) -> None:
    """Replace the price of a record that a rebuild has booked again; None deletes it.

    The record keeps the price it had before the rebuild, even if the tariffs have changed.
    """
    db.execute("DELETE FROM price_part WHERE record = ?", (number,))
    db.execute("DELETE FROM price WHERE record = ?", (number,))
    if former_price is not None:
        record(db, number, former_price.price, former_price.priced_ms)


# Dismissals have no energy to price, and index 0 is not billed.
UNPRICED = (
    "FROM accounting_record AS record LEFT JOIN price ON price.record = record.id"
    " WHERE price.record IS NULL AND review IS NULL AND account_index > 0"
    " AND entry <> 'dismissal'"
)
"""The records that get a price as soon as a tariff covers them."""


def unpriced_months(db: Database) -> list[str]:
    """Return the open months (YYYY-MM) that have records without a price, in order."""
    rows = db.execute(
        f"SELECT DISTINCT month {UNPRICED}"
        " AND NOT EXISTS (SELECT 1 FROM closed_month WHERE closed_month.month = record.month)"
        " ORDER BY month"
    )
    return [month for (month,) in rows.fetchall()]


def unpriced_accounts(db: Database, month: str) -> list[int]:
    """Return the indices of accounts with records of this month (YYYY-MM) that have no price."""
    rows = db.execute(f"SELECT DISTINCT account_index {UNPRICED} AND month = ?", (month,))
    return [account_index for (account_index,) in rows.fetchall()]


class Unpriced(NamedTuple):
    """The count and Wh of an account's records of a month that have no price.

    Records of a closed month get no price any more.
    """

    month: str
    account: str
    records: int
    wh: int
    is_closed: bool


def unpriced_by_month(db: Database) -> list[Unpriced]:
    """Return the records in the books that have energy and no price, by month and account."""
    rows = db.execute(
        f"SELECT month, {present_name('record')} AS name, count(*), sum(consumed_wh),"
        " EXISTS (SELECT 1 FROM closed_month WHERE closed_month.month = record.month)"
        " FROM accounting_record AS record"
        " WHERE review IS NULL AND entry IN ('record', 'replacement') AND account_index <> 0"
        " AND consumed_wh <> 0 AND NOT EXISTS (SELECT 1 FROM price WHERE price.record = record.id)"
        " GROUP BY month, account_index ORDER BY month, name"
    )
    return [
        Unpriced(month, account, records, wh, bool(is_closed))
        for month, account, records, wh, is_closed in rows.fetchall()
    ]
