"""Meter values that a meter has signed, stored as they came.

A value of a transaction is stored once: chargers send it when the meter signs it, and once more
with the stop.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from shocpp.ocpp.facts import SignedValue
from shocpp.store.database import Database

SIGNED_COLUMNS = (
    *("connector_id", "sampled_text", "context", "measurand", "sample", "received_ms"),
    "with_stop",
)
"""The members of a signed value in a record's file."""

MOST_CHARACTERS = 1_000_000
"""Characters of signed values in one file; a file that is too large could not be read back."""


class Attachment(NamedTuple):
    """The rows that signed values belong to; `received_stop` if they came with a stop."""

    charge_point: int
    connector_id: int
    started_transaction: int | None
    received_stop: int | None = None


def record(
    db: Database, attachment: Attachment, signed: Iterable[SignedValue], now_ms: int
) -> None:
    """Store the signed values that are new to their transaction."""
    for value in signed:
        _insert(db, attachment, value, now_ms)


def restore(
    db: Database,
    charge_point: int | None,
    started: int | None,
    stop: int | None,
    signed: Iterable[dict[str, Any]],
) -> None:
    """Store the signed values of a record's file; `signed` holds SIGNED_COLUMNS of each.

    The others are row ids of its Charge Point, its transaction and its stop.
    """
    if charge_point is None:
        return
    for columns in signed:
        its_stop = stop if columns["with_stop"] else None
        attachment = Attachment(charge_point, columns["connector_id"], started, its_stop)
        value = SignedValue(*(columns[column] for column in SignedValue._fields))
        _insert(db, attachment, value, columns["received_ms"])


def _insert(db: Database, attachment: Attachment, value: SignedValue, received_ms: int) -> None:
    """Insert a signed value unless its transaction has the same sample of the same time."""
    # A value without a transaction is always new: `= ?3` is never true for NULL. The time may be
    # missing in two equal values, hence `IS ?5`.
    db.execute(
        "INSERT INTO signed_value (charge_point, connector_id, started_transaction, received_stop,"
        " sampled_text, context, measurand, sample, received_ms)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE NOT EXISTS (SELECT 1 FROM signed_value"
        "  WHERE started_transaction = ?3 AND sampled_text IS ?5 AND sample = ?8)",
        (*attachment, *value, received_ms),
    )


def newest_transaction_row(
    db: Database, charge_point: int, transaction_id: int | None
) -> int | None:
    """Return the row id of the newest transaction with this id, or None.

    It may be stopped: some chargers sign after the stop.
    """
    (row,) = db.execute(
        "SELECT max(id) FROM started_transaction WHERE charge_point = ? AND transaction_id = ?",
        (charge_point, transaction_id),
    ).fetchone()
    return None if row is None else int(row)


def newest(db: Database) -> int:
    """Return the row id of the newest signed value, 0 without any."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM signed_value").fetchone()[0])


def in_files(db: Database, numbers: str) -> dict[int, list[dict[str, Any]]]:
    """Return the signed values for the files of records, by number, in the order of receipt.

    `numbers` is a JSON text of those of the records. The values of a stop are in the file of its
    record, all others in that of their transaction's first record. If not all fit, those of the
    stop and of begin and end are preferred.
    """
    rows = db.execute(
        "SELECT record.id, value.id, value.connector_id, sampled_text, context, measurand, sample,"
        " value.received_ms, value.received_stop IS NOT NULL"
        " FROM accounting_record AS record JOIN signed_value AS value"
        " ON value.received_stop = record.received_stop"
        " OR value.started_transaction = record.started_transaction"
        "  AND value.received_stop IS NULL AND NOT EXISTS (SELECT 1 FROM accounting_record"
        "   WHERE started_transaction = record.started_transaction AND id < record.id)"
        " WHERE record.id IN (SELECT value FROM json_each(?))"
        " ORDER BY record.id, value.received_stop IS NULL,"
        " coalesce(context, '') NOT IN ('Transaction.Begin', 'Transaction.End'), value.id",
        (numbers,),
    )
    # The query sorts by importance, so that the limit drops the values in between. The file then
    # has them by row id again.
    fitting: dict[int, dict[int, dict[str, Any]]] = {}
    characters: dict[int, int] = {}
    for number, row, *columns in rows.fetchall():
        value = dict(zip(SIGNED_COLUMNS, columns, strict=True))
        characters[number] = characters.get(number, 0) + len(value["sample"])
        if characters[number] <= MOST_CHARACTERS:
            fitting.setdefault(number, {})[row] = value
    return {
        number: [value for _, value in sorted(values.items())] for number, values in fitting.items()
    }


class Signed(NamedTuple):
    """The signed values of one transaction in the order of receipt, and its id as text."""

    transaction_id: str | None
    values: list[SignedValue]


def of_record(db: Database, number: int) -> Signed | None:
    """Return the signed values of a record's transaction or stop; None if there is no such record.

    For a decision they are those of the record that it is about.
    """
    row = db.execute(
        "WITH RECURSIVE about (id, replaces) AS ("
        " SELECT id, replaces FROM accounting_record WHERE id = ?"
        " UNION ALL SELECT earlier.id, earlier.replaces FROM about"
        "  JOIN accounting_record AS earlier ON earlier.id = about.replaces)"
        " SELECT started_transaction, received_stop, transaction_id FROM accounting"
        " JOIN accounting_record ON id = number"
        " WHERE number = (SELECT id FROM about WHERE replaces IS NULL)",
        (number,),
    ).fetchone()
    if row is None:
        return None
    started, stop, transaction_id = row
    rows = db.execute(
        "SELECT sampled_text, context, measurand, sample FROM signed_value"
        " WHERE started_transaction = ? OR received_stop = ? ORDER BY id",
        (started, stop),
    )
    id_text = None if transaction_id is None else str(transaction_id)
    return Signed(id_text, [SignedValue(*value) for value in rows.fetchall()])
