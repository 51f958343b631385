"""The outbox: the records whose accounting files are still to be written."""

import json
from typing import Any, NamedTuple

from shocpp.store.books import prices, signed_values
from shocpp.store.books.prices import RecordPrice
from shocpp.store.books.records import BOOKED, RECORD_COLUMNS, START_COLUMNS, STOP_COLUMNS
from shocpp.store.database import Database


class Unexported(NamedTuple):
    """A record whose file is still to be written, with all that the file holds.

    `columns` are RECORD_COLUMNS. `start` and `stop` are the columns of its transaction and of its
    stop, None if it has none. No signed value above the row `newest_signed` was read for it.
    """

    number: int
    month: str
    file_name: str
    columns: dict[str, Any]
    booked_ms: int
    price: RecordPrice | None
    start: dict[str, Any] | None
    stop: dict[str, Any] | None
    signed: list[dict[str, Any]]
    newest_signed: int


def unexported(db: Database, limit: int) -> list[Unexported]:
    """Return the oldest records whose files are still to be written."""
    # First: what comes while the others are read must count as unread.
    newest_signed = signed_values.newest(db)
    # The inner SELECT reads the index accounting_record_to_export. Only these rows are read through
    # the view, which joins six tables.
    columns_ = ", ".join(BOOKED if name == "account" else name for name in RECORD_COLUMNS)
    rows = db.execute(
        f"SELECT month, file_name, booked_ms, {columns_} FROM accounting"
        " WHERE number IN (SELECT id FROM accounting_record WHERE exported_ms IS NULL"
        " ORDER BY id LIMIT ?) ORDER BY number",
        (limit,),
    ).fetchall()
    # One query for all records: with one for each, their statements took half of a file's time.
    of_slice = json.dumps([number for *_, number in rows])
    priced = prices.of_records(db, of_slice)
    starts = _columns_of(db, _START_VALUES, "started_transaction", of_slice)
    stops = _columns_of(db, STOP_COLUMNS, "received_stop", of_slice)
    signed = signed_values.in_files(db, of_slice)
    return [
        Unexported(
            number,
            month,
            file_name,
            dict(zip(RECORD_COLUMNS, (*columns, number), strict=True)),
            booked_ms,
            priced.get(number),
            starts.get(number),
            stops.get(number),
            signed.get(number, []),
            newest_signed,
        )
        for month, file_name, booked_ms, *columns, number in rows
    ]


_START_VALUES = (*START_COLUMNS, "id AS number", "last_record")


def _columns_of(
    db: Database, columns: tuple[str, ...], table: str, numbers: str
) -> dict[int, dict[str, Any]]:
    """Return columns of the rows of a table that records refer to, by the number of the record.

    `numbers` are those of the records, as a JSON text.
    """
    rows = db.execute(
        f"SELECT record.id, {', '.join(f'its.{column}' for column in columns)}"
        f" FROM accounting_record AS record JOIN {table} AS its ON its.id = record.{table}"
        " WHERE record.id IN (SELECT value FROM json_each(?))",
        (numbers,),
    )
    names = [column.rpartition(" ")[2] for column in columns]
    return {number: dict(zip(names, row, strict=True)) for number, *row in rows.fetchall()}


def mark_exported(db: Database, written: list[Unexported], now_ms: int) -> None:
    """Note that the files of these records are on disk.

    A record that got a price, another number or signed values meanwhile is left out: its file is
    written again.
    """
    # `IS`, because both are NULL without a price.
    db.executemany(
        "UPDATE accounting_record SET exported_ms = ? WHERE id = ? AND file_name = ?"
        " AND (SELECT priced_ms FROM price WHERE record = accounting_record.id) IS ?"
        " AND NOT EXISTS (SELECT 1 FROM signed_value AS value WHERE value.started_transaction ="
        "  accounting_record.started_transaction AND value.id > ?)",
        [
            (
                *(now_ms, record.number, record.file_name),
                *(record.price and record.price.priced_ms, record.newest_signed),
            )
            for record in written
        ],
    )


def exported(db: Database) -> dict[str, dict[str, int]]:
    """Return the records whose files were written, as {month: {file name: number}}."""
    months: dict[str, dict[str, int]] = {}
    rows = db.execute(
        "SELECT month, file_name, id FROM accounting_record WHERE exported_ms IS NOT NULL"
    )
    for month, file_name, number in rows.fetchall():
        months.setdefault(month, {})[file_name] = number
    return months


def unmark_exported_imported(db: Database, month: str) -> None:
    """Note that records imported into a month (YYYY-MM) need files in the form of shocpp."""
    # The files of the seed hold neither the account's index nor the charger. When they are read
    # again, they are compared with records that may be their twins.
    db.execute(
        "UPDATE accounting_record SET exported_ms = NULL"
        " WHERE month = ? AND provenance = 'imported' AND entry = 'record'",
        (month,),
    )


def unmark_first_exported(db: Database, started_transaction: int) -> bool:
    """Note that the file of a transaction's first record must be written again.

    Return True if the transaction has a record.
    """
    cursor = db.execute(
        "UPDATE accounting_record SET exported_ms = NULL WHERE id ="
        " (SELECT min(id) FROM accounting_record WHERE started_transaction = ?)",
        (started_transaction,),
    )
    return cursor.rowcount > 0


def unmark_exported(db: Database, numbers: list[int]) -> None:
    """Note that the files of the records with these numbers are still to be written."""
    db.executemany(
        "UPDATE accounting_record SET exported_ms = NULL WHERE id = ?",
        [(number,) for number in numbers],
    )
