"""Prices of records: frozen once, then only read (memory floor)."""

from typing import NamedTuple

from shocpp.ledger.tariffs import Price, PricePart
from shocpp.store.database import Database

_PART = (
    "began_ms, ended_ms, wh, basis, rate, valid_from, microeuro_per_kwh, vat_bp, vat_included,"
    " amount_ct"
)


def freeze(db: Database, number: int, price: Price, priced_ms: int) -> None:
    """Give the record of this number its price, for ever."""
    kinds = {part.microeuro_per_kwh for part in price.parts}
    values = {
        "record": number,
        "priced_ms": priced_ms,
        "amount_ct": price.amount_ct,
        "microeuro_per_kwh": kinds.pop() if len(kinds) == 1 else None,
        "note": price.note,
    }
    db.insert("price", values)
    for place, part in enumerate(price.parts):
        db.insert("price_part", {"record": number, "part": place, **part._asdict()})


class Frozen(NamedTuple):
    """A price, and since when a record has it."""

    priced_ms: int
    price: Price


def of_record(db: Database, number: int) -> Frozen | None:
    """The price of the record of this number, if it has one."""
    found = db.execute(
        "SELECT priced_ms, amount_ct, note FROM price WHERE record = ?", (number,)
    ).fetchone()
    if found is None:
        return None
    rows = db.execute(f"SELECT {_PART} FROM price_part WHERE record = ? ORDER BY part", (number,))
    parts = [PricePart(*row) for row in rows.fetchall()]
    told = tuple(part._replace(vat_included=bool(part.vat_included)) for part in parts)
    priced_ms, amount_ct, note = found
    return Frozen(priced_ms, Price(amount_ct, told, note))


def parts_of(db: Database, number: int) -> tuple[tuple[int, int], ...]:
    """The parts of a record's price: Wh and microeuro per kWh."""
    rows = db.execute(
        "SELECT wh, microeuro_per_kwh FROM price_part WHERE record = ? ORDER BY part", (number,)
    )
    return tuple(rows.fetchall())


class PriceUsed(NamedTuple):
    """A price that an account's records of a month have: Wh and cents. `vat_bp` 1900 is 19 %.

    `basis` is `own` or `flat`, `rate` HT, NT … or empty, `valid_from` a date.
    """

    basis: str
    rate: str
    valid_from: str
    microeuro_per_kwh: int
    wh: int
    amount_ct: int
    vat_bp: int | None
    vat_included: bool


def used(db: Database, month: str) -> dict[str, tuple[PriceUsed, ...]]:
    """The prices that the records of a month (YYYY-MM) have, by account."""
    rows = db.execute(
        "SELECT account, basis, rate, valid_from, microeuro_per_kwh, sum(wh), sum(amount_ct),"
        " vat_bp, vat_included FROM prices WHERE month = ?"
        " GROUP BY account, valid_from, basis, rate, microeuro_per_kwh, vat_bp, vat_included",
        (month,),
    )
    found: dict[str, tuple[PriceUsed, ...]] = {}
    for account, *price in rows.fetchall():
        told = PriceUsed(*price)
        told = told._replace(vat_included=bool(told.vat_included))
        found[account] = (*found.get(account, ()), told)
    return found


def replace(db: Database, number: int, frozen: Frozen | None) -> None:
    """Give a record that was derived anew the price that it had, or none."""
    db.execute("DELETE FROM price_part WHERE record = ?", (number,))
    db.execute("DELETE FROM price WHERE record = ?", (number,))
    if frozen is not None:
        freeze(db, number, frozen.price, frozen.priced_ms)


_UNPRICED = (
    "FROM accounting_record AS record LEFT JOIN price ON price.record = record.id"
    " WHERE month = ? AND price.record IS NULL AND review IS NULL AND account_index > 0"
    " AND entry <> 'dismissal'"
)


def unpriced_accounts(db: Database, month: str) -> list[str]:
    """The accounts with records of this month (YYYY-MM) that have no price."""
    rows = db.execute(f"SELECT DISTINCT account {_UNPRICED}", (month,))
    return [account for (account,) in rows.fetchall()]


def unpriced(db: Database, month: str, account: str) -> list[int]:
    """The numbers of an account's records of this month that have no price."""
    rows = db.execute(
        f"SELECT record.id {_UNPRICED} AND account = ? ORDER BY record.id", (month, account)
    )
    return [number for (number,) in rows.fetchall()]


class Unpriced(NamedTuple):
    """An account's records of a month without a price; in a closed month they get none any more."""

    month: str
    account: str
    records: int
    wh: int
    is_closed: bool


def unpriced_by_month(db: Database) -> list[Unpriced]:
    """What is booked and should have a price, but has none."""
    rows = db.execute(
        "SELECT month, account, count(*), sum(consumed_wh),"
        " EXISTS (SELECT 1 FROM closed_month WHERE closed_month.month = record.month)"
        " FROM accounting_record AS record"
        " WHERE review IS NULL AND entry IN ('record', 'replacement') AND account_index <> 0"
        " AND consumed_wh <> 0 AND NOT EXISTS (SELECT 1 FROM price WHERE price.record = record.id)"
        " GROUP BY month, account ORDER BY month, account"
    )
    return [
        Unpriced(month, account, records, wh, bool(is_closed))
        for month, account, records, wh, is_closed in rows.fetchall()
    ]
