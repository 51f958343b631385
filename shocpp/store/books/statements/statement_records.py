"""Records and sums of a month for its statement."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from shocpp.ledger.prices.tariffs import Price
from shocpp.ocpp.times import format_timestamp
from shocpp.store.books import prices
from shocpp.store.books.prices import Indices, of_accounts
from shocpp.store.database import Database

_ORDER = "billed_ms, booked_ms, entry <> 'reversal', file_name"
"""The order of a statement, by columns that a rebuild never changes."""


Ended = tuple[int, int] | None
"""A span of time, in milliseconds since 1970, in which records have ended; None is any time.

The first moment belongs to it, the second one does not.
"""


class StatementRow(NamedTuple):
    """A record with its price, as every format of a statement prints it.

    Fields that end in `_at` are texts in UTC, `localtime` is one in local time; `unixtime` is in
    seconds, `duration_s` and `charging_s` too. `amount_ct` is None without a price.
    `microeuro_per_kwh` is None also if its parts have several prices; then `parts` are (Wh,
    microeuro per kWh). `signed` counts its signed values. `number` and `file_name` identify the
    record for ever. `km` and `note` are those of the note on its session. `solar_wh` is the part of
    `consumed_wh` that is not from the grid, None if nobody knows it.
    """

    localtime: str
    unixtime: int
    account: str
    consumed_wh: int
    begin_wh: int
    end_wh: int
    account_index: int
    charge_point_id: str | None
    connector_id: int | None
    id_tag: str | None
    transaction_id: int | str | None
    started_at: str | None
    stopped_at: str
    booked_at: str
    duration_s: int | None
    charging_s: int | None
    stop_reason: str
    provenance: str
    review: str | None
    flags: str
    entry: str
    replaces_file: str | None
    decided_by: str | None
    decided_why: str | None
    amount_ct: int | None
    microeuro_per_kwh: int | None
    price_note: str | None
    signed: int
    file_name: str
    number: int
    km: int | None = None
    note: str | None = None
    solar_wh: int | None = None
    parts: tuple[tuple[int, int], ...] = ()


_COLUMNS = ", ".join(StatementRow._fields[:-1])
"""The columns of the view `accounting`; the parts of a price are rows of their own."""


def of_month(
    db: Database,
    month: str,
    indices: Indices = None,
    price_of: Callable[[int, int], Price | None] | None = None,
    *,
    decided_or_late: bool = False,
    ended: Ended = None,
) -> Iterator[StatementRow]:
    """Yield the records booked in a month (YYYY-MM) of local time, in the order of their times.

    They are those of some accounts, or of all. `price_of` returns the price of a record without
    one, by its number and the index of its account. `decided_or_late` restricts the records to
    decisions of humans and to late ones, `ended` to those that ended then.
    """
    chosen = of_accounts(indices) + _ended(ended)
    chosen += " AND (entry <> 'record' OR flags LIKE '%late: %')" if decided_or_late else ""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM accounting WHERE month = :month AND review IS NULL{chosen}"
        f" ORDER BY {_ORDER}",
        {"month": month},
    )
    # No fetchall(): a month may have more records than fit into memory.
    for columns in rows:
        row = StatementRow(*columns)
        # Nearly all records have one price, so only the others cost a query of their own.
        if row.amount_ct is None:
            price = None if price_of is None else price_of(row.number, row.account_index)
            row = row if price is None else _with_price(row, price)
        elif row.microeuro_per_kwh is None:
            row = row._replace(parts=prices.parts_of(db, row.number))
        yield row


def _ended(ended: Ended) -> str:
    """Return the SQL of the condition that a row has ended in a span of time, with an AND."""
    if ended is None:
        return ""
    # Timestamps of one format sort as texts in the order of their times.
    begin, end = map(format_timestamp, ended)
    return f" AND stopped_at >= '{begin}' AND stopped_at < '{end}'"


def _with_price(row: StatementRow, price: Price) -> StatementRow:
    """Return a row with a price that is not in the books."""
    microeuro_per_kwh = price.microeuro_per_kwh
    parts = tuple((part.wh, part.microeuro_per_kwh) for part in price.parts)
    return row._replace(
        amount_ct=price.amount_ct,
        microeuro_per_kwh=microeuro_per_kwh,
        price_note=price.note,
        parts=parts if microeuro_per_kwh is None else (),
    )


class RecordUnderReview(NamedTuple):
    """A record under review; its fields are those of the same names of a StatementRow.

    `number` is None in months that were closed before statements had the numbers of records.
    It has a type of its own because the snapshot of a closed month contains it: no later change of
    the records may change it there.
    """

    localtime: str
    unixtime: int
    account: str
    consumed_wh: int
    begin_wh: int
    end_wh: int
    account_index: int
    charge_point_id: str | None
    connector_id: int | None
    id_tag: str | None
    transaction_id: int | str | None
    started_at: str | None
    stopped_at: str
    booked_at: str
    duration_s: int | None
    charging_s: int | None
    stop_reason: str
    provenance: str
    review: str
    flags: str
    entry: str
    replaces_file: str | None
    decided_by: str | None
    decided_why: str | None
    number: int | None


def under_review(db: Database, month: str, indices: Indices = None) -> list[RecordUnderReview]:
    """Return the records in force of a month (YYYY-MM) under review, of some accounts or of all."""
    rows = db.execute(
        f"SELECT {', '.join(RecordUnderReview._fields)} FROM accounting WHERE month = :month"
        f" AND review IS NOT NULL AND in_force{of_accounts(indices)} ORDER BY billed_ms, number",
        {"month": month},
    )
    return [RecordUnderReview(*row) for row in rows.fetchall()]


class SeedRow(NamedTuple):
    """The six columns that the seed wrote of a record, and its number; `unixtime` is in seconds."""

    localtime: str
    unixtime: int
    account: str
    begin_kwh: int
    end_kwh: int
    consumed_kwh: int
    number: int


def seed_rows(
    db: Database,
    month: str,
    names: Mapping[int, str],
    indices: Indices = None,
    ended: Ended = None,
) -> Iterator[SeedRow]:
    """Yield the records with energy booked in a month (YYYY-MM), of some accounts or of all.

    `names` are those of the accounts in the statement, by index. `ended` restricts the records to
    those that ended then.
    """
    rows = db.execute(
        f"SELECT account_index, {', '.join(SeedRow._fields)} FROM accounting WHERE month = :month"
        f" AND review IS NULL AND consumed_wh <> 0{of_accounts(indices)}{_ended(ended)}"
        f" ORDER BY {_ORDER}",
        {"month": month},
    )
    # Nothing is made twice for a record: there may be 100 000.
    for (
        account_index,
        localtime,
        unixtime,
        account,
        begin_kwh,
        end_kwh,
        consumed_kwh,
        number,
    ) in rows:
        name = names.get(account_index, account)
        yield SeedRow(localtime, unixtime, name, begin_kwh, end_kwh, consumed_kwh, number)


class Consumption(NamedTuple):
    """An account's sums of a month, as in the view `monthly_consumption`.

    `unpriced_wh` is the part of `wh` without a price.
    """

    account: str
    account_index: int
    transactions: int
    wh: int
    amount_ct: int | None
    unpriced_wh: int
    solar_wh: int | None = None


def consumption(
    db: Database, month: str, names: Mapping[int, str], indices: Indices = None
) -> list[Consumption]:
    """Return the sums for a month (YYYY-MM) of each account by name, or of some.

    `names` are those of the accounts in the statement, by index.
    """
    # Several indices have one name if somebody has given an account of the books another index.
    rows = db.execute(
        f"SELECT {prices.NAME}, max(account_index), sum(transactions), sum(wh), sum(amount_ct),"
        " sum(unpriced_wh), sum(solar_wh) FROM monthly_consumption AS consumption"
        f" {prices.named('consumption')}"
        f" WHERE period = :month AND account_index > 0{of_accounts(indices)}"
        " GROUP BY 1 ORDER BY 1",
        {"month": month, "names": json.dumps(names)},
    )
    return [Consumption(*row) for row in rows.fetchall()]


def unassigned_wh(db: Database, month: str) -> int:
    """Return the Wh of a month (YYYY-MM) that are booked to no account."""
    (wh,) = db.execute(
        "SELECT coalesce(sum(consumed_wh), 0) FROM accounting"
        " WHERE month = ? AND review IS NULL AND account_index = 0",
        (month,),
    ).fetchone()
    return int(wh)


def imported_wh(db: Database, month: str) -> list[tuple[str, int]]:
    """Return the Wh of a month that came from files of the seed, by Charge Point.

    They are not in the audit.
    """
    return db.execute(
        "SELECT charge_point_id, sum(consumed_wh) FROM accounting WHERE month = ?"
        " AND review IS NULL AND provenance = 'imported' AND charge_point_id IS NOT NULL"
        " GROUP BY charge_point_id ORDER BY charge_point_id",
        (month,),
    ).fetchall()


def decided_later_wh(db: Database, month: str) -> list[tuple[str, int]]:
    """Return the Wh that decisions on closed months add to this one (YYYY-MM), by Charge Point.

    The audit counts them in the month in which the register has counted them.
    """
    return db.execute(
        "SELECT charge_point_id, sum(consumed_wh) FROM accounting WHERE month = ?"
        " AND review IS NULL AND entry <> 'record' AND flags LIKE '%late: %'"
        " AND account_index > 0 AND charge_point_id IS NOT NULL"
        " GROUP BY charge_point_id ORDER BY charge_point_id",
        (month,),
    ).fetchall()


def charge_points_of(db: Database, month: str) -> list[str]:
    """Return the identities of the Charge Points with records in a month (YYYY-MM)."""
    rows = db.execute(
        "SELECT charge_point_id FROM charge_point WHERE id IN"
        " (SELECT charge_point FROM accounting_record WHERE month = ?) ORDER BY charge_point_id",
        (month,),
    )
    return [name for (name,) in rows.fetchall()]
