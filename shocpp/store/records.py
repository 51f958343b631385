"""Reading the books for reports, and the outbox of record files (memory floor)."""

from typing import NamedTuple

from shocpp.store.database import Database

_ACCOUNTING_COLUMNS = (
    "localtime, unixtime, account, begin_kwh, end_kwh, consumed_kwh, consumed_wh, begin_wh, end_wh,"
    " account_index, charge_point_id, connector_id, id_tag, transaction_id, started_at, stopped_at,"
    " booked_at, duration_s, stop_reason, provenance, review, flags"
)


class AccountingRow(NamedTuple):
    """A row of the view `accounting`: what the seed wrote first, then our typed columns."""

    localtime: str
    unixtime: int
    account: str
    begin_kwh: int
    end_kwh: int
    consumed_kwh: int
    consumed_wh: int
    begin_wh: int
    end_wh: int
    account_index: int
    charge_point_id: str
    connector_id: int | None
    id_tag: str | None
    transaction_id: int | str
    started_at: str | None
    stopped_at: str
    booked_at: str
    duration_s: int | None
    stop_reason: str
    provenance: str
    review: str | None
    flags: str


def of_month(db: Database, year: int, month: int) -> list[AccountingRow]:
    """The records of one month of local time, in the order of their times."""
    rows = db.execute(
        f"SELECT {_ACCOUNTING_COLUMNS} FROM accounting WHERE month = ? ORDER BY unixtime, number",
        (f"{year:04}-{month:02}",),
    )
    return [AccountingRow(*row) for row in rows.fetchall()]


class Unexported(NamedTuple):
    """A record whose file is still to be written."""

    number: int
    month: str
    file_name: str
    row: AccountingRow


def unexported(db: Database, limit: int) -> list[Unexported]:
    """The oldest records without a file."""
    rows = db.execute(
        f"SELECT number, month, file_name, {_ACCOUNTING_COLUMNS} FROM accounting WHERE number IN"
        " (SELECT id FROM accounting_record WHERE exported_ms IS NULL ORDER BY id LIMIT ?)"
        " ORDER BY number",
        (limit,),
    )
    return [
        Unexported(number, month, file_name, AccountingRow(*row))
        for number, month, file_name, *row in rows.fetchall()
    ]


def mark_exported(db: Database, numbers: list[int], now_ms: int) -> None:
    """Note that these records' files are on disk."""
    db.executemany(
        "UPDATE accounting_record SET exported_ms = ? WHERE id = ?",
        [(now_ms, number) for number in numbers],
    )
