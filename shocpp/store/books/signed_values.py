"""What meters have signed, kept as it came (memory floor).

Of one transaction the same value is kept once, however often it is told: chargers send it when it
is made, and once more with the stop.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from shocpp.ocpp.facts import SignedValue
from shocpp.store.database import Database

SIGNED_COLUMNS = (
    *("connector_id", "sampled_text", "context", "measurand", "sample", "received_ms"),
    "with_stop",
)
"""What a record's file keeps of a signed value."""

MOST_CHARACTERS = 1_000_000
"""So much of them goes into one file: one that is too large could not be read back."""


class Place(NamedTuple):
    """Where signed values belong: `received_stop`, where they came with one."""

    charge_point: int
    connector_id: int
    started_transaction: int | None
    received_stop: int | None = None


def record(db: Database, place: Place, signed: Iterable[SignedValue], now_ms: int) -> None:
    """Keep what is not there yet."""
    for value in signed:
        _keep(db, place, value, now_ms)


def restore(
    db: Database,
    charge_point: int | None,
    started: int | None,
    stop: int | None,
    signed: Iterable[dict[str, Any]],
) -> None:
    """Keep what a record's file tells of its signed values."""
    if charge_point is None:
        return
    for told in signed:
        came_with = stop if told["with_stop"] else None
        place = Place(charge_point, told["connector_id"], started, came_with)
        value = SignedValue(*(told[column] for column in SignedValue._fields))
        _keep(db, place, value, told["received_ms"])


def _keep(db: Database, place: Place, value: SignedValue, received_ms: int) -> None:
    db.execute(
        "INSERT INTO signed_value (charge_point, connector_id, started_transaction, received_stop,"
        " sampled_text, context, measurand, sample, received_ms)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE NOT EXISTS (SELECT 1 FROM signed_value"
        "  WHERE started_transaction = ?3 AND sampled_text IS ?5 AND sample = ?8)",
        (*place, *value, received_ms),
    )


def transaction_told(db: Database, charge_point: int, transaction_id: int | None) -> int | None:
    """The newest transaction with this id, stopped or not: some chargers sign after the stop."""
    found = db.execute(
        "SELECT max(id) FROM started_transaction WHERE charge_point = ? AND transaction_id = ?",
        (charge_point, transaction_id),
    ).fetchone()
    return None if found[0] is None else int(found[0])


def in_file(db: Database, number: int) -> list[dict[str, Any]]:
    """The signed values of a record's file, as many as fit; the begin and the end go first.

    A stop's are in the file of its record, the others in that of their transaction's first record.
    """
    rows = db.execute(
        "SELECT value.id, value.connector_id, sampled_text, context, measurand, sample,"
        " value.received_ms, value.received_stop IS NOT NULL"
        " FROM accounting_record AS record JOIN signed_value AS value"
        " ON value.received_stop = record.received_stop"
        " OR value.started_transaction = record.started_transaction"
        "  AND value.received_stop IS NULL AND NOT EXISTS (SELECT 1 FROM accounting_record"
        "   WHERE started_transaction = record.started_transaction AND id < record.id)"
        " WHERE record.id = ? ORDER BY value.received_stop IS NULL,"
        " coalesce(context, '') NOT IN ('Transaction.Begin', 'Transaction.End'), value.id",
        (number,),
    )
    kept, room = [], MOST_CHARACTERS
    for row, *columns in rows.fetchall():
        told = dict(zip(SIGNED_COLUMNS, columns, strict=True))
        room -= len(told["sample"])
        if room >= 0:
            kept.append((row, told))
    return [told for _, told in sorted(kept, key=lambda one: one[0])]


class Signed(NamedTuple):
    """The signed values of one transaction, in the order in which they came, and its id as told."""

    transaction_id: str | None
    values: list[SignedValue]


def of_record(db: Database, number: int) -> Signed | None:
    """What was signed of the transaction, or the stop, of a record or of a decision about it."""
    found = db.execute(
        "WITH RECURSIVE about (id, replaces) AS ("
        " SELECT id, replaces FROM accounting_record WHERE id = ?"
        " UNION ALL SELECT earlier.id, earlier.replaces FROM about"
        "  JOIN accounting_record AS earlier ON earlier.id = about.replaces)"
        " SELECT started_transaction, received_stop, transaction_id FROM accounting"
        " JOIN accounting_record ON id = number WHERE number = (SELECT min(id) FROM about)",
        (number,),
    ).fetchone()
    if found is None:
        return None
    started, stop, transaction_id = found
    rows = db.execute(
        "SELECT sampled_text, context, measurand, sample FROM signed_value"
        " WHERE started_transaction = ? OR received_stop = ? ORDER BY id",
        (started, stop),
    )
    told = None if transaction_id is None else str(transaction_id)
    return Signed(told, [SignedValue(*row) for row in rows.fetchall()])
