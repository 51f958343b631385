"""Pages of the views that grow: the rows after a cursor, oldest first."""
# The numbers of a page's rows come from the indices of the tables. Only these rows are then read
# through the view: SQLite computes the columns of a view before it compares them, and a sorted view
# would be read as a whole.

import json
from typing import Any, NamedTuple

from shocpp.language.month import Month
from shocpp.store import blocks
from shocpp.store.database import Database

_AT_ONCE = 200
"""Readings that are searched for samples at once: many begin no frame or have no samples."""


class Wanted(NamedTuple):
    """A filter of accounting records; None matches all.

    `month` is 1..12, of any year if `year` is None. `charge_point` is a row id.
    """

    year: int | None = None
    month: int | None = None
    account: str | None = None
    charge_point: int | None = None


class Sample(NamedTuple):
    """The position of a sample: the columns of `meter_values` with these names.

    `number` is the first reading of its frame, the others are positions in the lists of the frame.
    """

    number: int = 0
    meter_value: int = 0
    sample: int = 0


def accounting_after(db: Database, after: int, limit: int, wanted: Wanted) -> list[dict[str, Any]]:
    """Return at most `limit` rows of `accounting` whose numbers are greater than `after`."""
    terms, values = _terms(wanted)
    numbers = db.execute(
        f"SELECT id FROM accounting_record WHERE {' AND '.join(['id > ?', *terms])}"
        " ORDER BY id LIMIT ?",
        (after, *values, limit),
    )
    return _rows(
        db,
        "SELECT * FROM accounting WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number",
        json.dumps([number for (number,) in numbers.fetchall()]),
    )


def _terms(wanted: Wanted) -> tuple[list[str], list[object]]:
    """Return the conditions of a filter as SQL, and their values."""
    year, month, account, charge_point = wanted
    terms: list[str] = []
    values: list[object] = []
    if year is not None and month is not None:
        terms, values = ["month = ?"], [Month(year, month).name]
    elif year is not None:
        terms, values = ["month BETWEEN ? AND ?"], [Month(year, 1).name, Month(year, 12).name]
    elif month is not None:
        terms, values = ["substr(month, 6) = ?"], [f"{month:02}"]
    if account is not None:
        terms.append("account_index IN (SELECT account_index FROM account WHERE account = ?)")
        values.append(account)
    if charge_point is not None:
        terms.append("charge_point = ?")
        values.append(charge_point)
    return terms, values


def meter_values_after(
    db: Database,
    after: Sample,
    limit: int,
    charge_point: int | None = None,
    transaction_id: int | None = None,
) -> list[dict[str, Any]]:
    """Return at most `limit` rows of `meter_values` after a sample.

    `charge_point` (a row id) and `transaction_id` restrict them. A transaction id alone may belong
    to transactions of several Charge Points.
    """
    rows: list[dict[str, Any]] = []
    begin = after.number
    while len(rows) < limit:
        if transaction_id is not None:
            readings = _readings_of(db, transaction_id, charge_point, begin)
        elif charge_point is not None:
            readings = _readings_at(db, charge_point, begin)
        else:
            readings = _readings(db, begin)
        rows += _rows(
            db,
            "SELECT * FROM meter_values WHERE number IN (SELECT value FROM json_each(?))"
            " AND (number, meter_value, sample) > (?, ?, ?)"
            " ORDER BY number, meter_value, sample LIMIT ?",
            *(json.dumps(readings), *after, limit - len(rows)),
        )
        if len(readings) < _AT_ONCE:
            break
        begin = readings[-1] + 1
    return rows


def _readings(db: Database, begin: int) -> list[int]:
    """Return the ids of the next readings from this one on."""
    return _numbers(
        db, "SELECT id FROM meter_reading WHERE id >= ? ORDER BY id LIMIT ?", begin, _AT_ONCE
    )


def _readings_of(
    db: Database, transaction_id: int, charge_point: int | None, begin: int
) -> list[int]:
    """Return the ids of the next readings of the transactions with this id."""
    return _numbers(
        db,
        "SELECT id FROM meter_reading WHERE started_transaction IN"
        " (SELECT id FROM started_transaction WHERE transaction_id = ?1"
        "  AND charge_point = coalesce(?2, charge_point)) AND id >= ?3 ORDER BY id LIMIT ?4",
        *(transaction_id, charge_point, begin, _AT_ONCE),
    )


def _readings_at(db: Database, charge_point: int, begin: int) -> list[int]:
    """Return the ids of the next readings of a Charge Point."""
    rows = blocks.rows_of(
        db,
        "SELECT id FROM meter_reading WHERE charge_point = ? AND id BETWEEN ? AND ?"
        " ORDER BY id LIMIT ?",
        charge_point,
        blocks.beginning_with(db, "meter_reading", charge_point, begin),
        _AT_ONCE,
    )
    return [number for (number,) in rows]


def _numbers(db: Database, sql: str, *values: object) -> list[int]:
    return [number for (number,) in db.execute(sql, values).fetchall()]


def _rows(db: Database, sql: str, *values: object) -> list[dict[str, Any]]:
    """Return the rows of a query as values by column name."""
    cursor = db.execute(sql, values)
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
