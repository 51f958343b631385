"""Accounting records.

A record is never changed, except for the time its file was written (`exported_ms`). A decision of a
human is a record of its own, which names the one it replaces.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

from shocpp.ledger.record import Record
from shocpp.store.books import numbers, prices
from shocpp.store.books.transactions import bind_account, present_name
from shocpp.store.changes import RECORD, REVIEW
from shocpp.store.database import Database

RECORD_COLUMNS = (
    *("localtime", "unixtime", "account", "begin_kwh", "end_kwh", "consumed_kwh", "consumed_wh"),
    *("begin_wh", "end_wh", "account_index", "charge_point_id", "connector_id", "id_tag"),
    *("transaction_id", "started_at", "stopped_at", "booked_at", "duration_s", "charging_s"),
    *("stop_reason", "provenance", "review", "flags", "entry", "replaces_file", "decided_by"),
    *("decided_why", "solar_wh", "number"),
)
"""The columns of the view `accounting` in a record's file, in their order there.

The six of the seed come first. `account` is the name with which the record was booked (BOOKED): no
file changes when its account gets another name. A column that the view gets later is in no file,
unless it is added here; `rebuild` reads older files without it.
"""

BOOKED = "(SELECT account FROM accounting_record WHERE id = number)"
"""The SQL of the name with which a record of the view `accounting` was booked."""

START_COLUMNS = (
    *("transaction_id", "connector_id", "id_tag", "id_tag_key", "account_index", "account"),
    *("status", "meter_start_wh", "start_known", "meter_stop_wh", "started_ms", "stopped_ms"),
    *("started_text", "received_ms", "reservation_id", "start_key", "has_clock", "flags"),
    "assigned_by",
)
"""The columns of its transaction in a record's file; a rebuild makes the transaction from them."""

STOP_COLUMNS = (
    *("transaction_id_text", "meter_stop_wh", "stopped_ms", "stopped_text", "id_tag", "reason"),
    *("received_ms", "stop_key", "anonymous_key", "has_clock", "frame_text"),
)
"""The columns of its stop in a record's file, likewise."""

UNPRICED_AT_ONCE = 500
"""Records without a price that are read at once."""


class RecordLocation(NamedTuple):
    """The month (YYYY-MM) and the local time of a record, and the name of its file."""

    month: str
    local_time: str
    file_name: str

    @classmethod
    def at(cls, local_time: str, file_name: str) -> Self:
        """Return the location of a record at a local time such as `2026-10-01 09:10:00`."""
        return cls(local_time[:7], local_time, file_name)


class Origin(NamedTuple):
    """The rows that a record follows from, or the decision of a human.

    `entry` is record, reversal, replacement or dismissal; `replaces` is the number of the record
    that the entry is about.
    """

    charge_point: int | None
    received_stop: int | None
    started_transaction: int | None
    entry: str = "record"
    replaces: int | None = None
    decided_by: str | None = None
    decided_why: str | None = None


# The fields of these types have the names of columns; `flags` are one text there.
_WRITTEN = (
    *("id", "root", *Origin._fields, *RecordLocation._fields, *Record._fields),
    *("begin_kwh", "end_kwh", "consumed_kwh", "booked_ms", "exported_ms"),
)
_INSERT = (
    f"INSERT INTO accounting_record ({', '.join(_WRITTEN)})"
    f" VALUES ({', '.join('?' * len(_WRITTEN))})"
)


def record(
    db: Database,
    origin: Origin,
    booked: Record,
    location: RecordLocation,
    booked_ms: int,
    exported_ms: int | None = None,
    number: int | None = None,
) -> int:
    """Write a record, and return its number, which is the next one unless `number` is a free one.

    Its file is written later, unless `exported_ms` says that it exists.
    """
    bind_account(db, booked.account_index, booked.account)
    root = numbers.root_of(db, origin.entry, origin.replaces, origin.started_transaction)
    values = (
        numbers.first_number(db) if number is None else number,
        root,
        *(*origin, *location, *(booked._asdict() | {"flags": "; ".join(booked.flags)}).values()),
        *(booked.begin_kwh, booked.end_kwh, booked.consumed_kwh, booked_ms),
        # NULL queues the file: it is written after the commit, so that no answer waits for it.
        exported_ms,
    )
    number = db.insert_by(_INSERT, values)
    db.changes.note(RECORD, origin.charge_point, booked.connector_id, number)
    if booked.review is not None or origin.replaces is not None:
        # A decision ends the case of the record that it replaces.
        db.changes.note(REVIEW, origin.charge_point, booked.connector_id, origin.replaces or number)
    return number


class Stored(NamedTuple):
    """A record with its origin and location; it names its account as that is called now.

    `replaced_by` is the number of the entry in force in its stead, None while it is in force.
    """

    number: int
    origin: Origin
    record: Record
    place: RecordLocation
    replaced_by: int | None


_RECORD = ", ".join(
    present_name("record") if field == "account" else field for field in Record._fields
)
_STORED = (
    "record.id, charge_point, received_stop, started_transaction, entry, replaces, decided_by,"
    f" decided_why, {_RECORD}, month, local_time, file_name,"
    " (SELECT id FROM accounting_record AS later WHERE later.replaces = record.id"
    " AND later.entry <> 'reversal')"
)
"""The columns of a Stored, from `accounting_record AS record`."""


def stored(db: Database, number: int) -> Stored | None:
    """Return the record with this number, or None."""
    sql = f"SELECT {_STORED} FROM accounting_record AS record WHERE id = ?"
    row = db.execute(sql, (number,)).fetchone()
    return None if row is None else _stored(row)


def unpriced(db: Database, month: str, indices: Iterable[int]) -> Iterator[Stored]:
    """Yield the records of a month (YYYY-MM) and of these accounts that have no price, by time.

    The caller may set the price of each before it takes the next one.
    """
    # In slices: a month may have more records than fit into memory, and one query over all of them
    # would read what the caller writes. The index of month and time finds the begin of each slice.
    after, chosen = (-1, 0), json.dumps([*indices])
    while True:
        rows = db.execute(
            f"SELECT {_STORED} {prices.UNPRICED} AND month = ? AND (billed_ms, record.id) > (?, ?)"
            " AND account_index IN (SELECT value FROM json_each(?))"
            " ORDER BY billed_ms, record.id LIMIT ?",
            (month, *after, chosen, UNPRICED_AT_ONCE),
        ).fetchall()
        slice_ = [_stored(row) for row in rows]
        yield from slice_
        if len(slice_) < UNPRICED_AT_ONCE:
            return
        after = slice_[-1].record.billed_ms, slice_[-1].number


def _stored(row: Sequence[Any]) -> Stored:
    """Return the record of a row with the columns _STORED."""
    record_ = Record(*row[8:-4])
    # The column holds the flags as one text.
    flags = tuple(filter(None, str(record_.flags).split("; ")))
    location = RecordLocation(*row[-4:-1])
    return Stored(row[0], Origin(*row[1:8]), record_._replace(flags=flags), location, row[-1])


def first_solar_wh(db: Database, of: Stored) -> int | None:
    """Return the solar energy with which a record was first booked, None if unknown."""
    # A record of a stop has a figure of its own, also one that has replaced a human's entry.
    while of.origin.replaces is not None and of.origin.received_stop is None:
        former = stored(db, of.origin.replaces)
        # A case under review was never booked: its figure may follow from a leap of the register.
        if former is None or former.record.review is not None:
            break
        of = former
    return of.record.solar_wh


def replace_solar(db: Database, number: int, solar_wh: int | None) -> None:
    """Replace the solar energy of a record that a rebuild has booked again."""
    db.execute("UPDATE accounting_record SET solar_wh = ? WHERE id = ?", (solar_wh, number))


def unassigned_of(db: Database, tag_key: str) -> list[int]:
    """Return the numbers of the records in force that a card without an account has charged."""
    rows = db.execute(
        "SELECT entry.id FROM entries AS entry"
        " JOIN started_transaction AS started ON started.id = entry.started_transaction"
        " WHERE entry.account_index = 0 AND entry.review IS NULL AND entry.consumed_wh > 0"
        " AND started.id_tag_key = ? ORDER BY entry.id",
        (tag_key,),
    )
    return [number for (number,) in rows.fetchall()]


def number_of(db: Database, file_name: str) -> int | None:
    """Return the number of the record whose file has this name, or None."""
    sql = "SELECT id FROM accounting_record WHERE file_name = ?"
    row = db.execute(sql, (file_name,)).fetchone()
    return int(row[0]) if row else None


def decision_file(db: Database, number: int, entry: str) -> str | None:
    """Return the file name of the decision about a record, or None.

    For `entry` reversal it is the reversal, otherwise the replacement or dismissal.
    """
    row = db.execute(
        "SELECT file_name FROM accounting_record WHERE replaces = ?"
        " AND (entry = 'reversal') = (? = 'reversal')",
        (number, entry),
    ).fetchone()
    return str(row[0]) if row else None


def file_names(db: Database) -> set[str]:
    """Return the names of all records' files, written or not."""
    rows = db.execute("SELECT file_name FROM accounting_record").fetchall()
    return {name for (name,) in rows}


def record_with_same_readings(db: Database, record: Record) -> str | None:
    """Return the file name of a record in force with the same account and readings in kWh, or None.

    Records that begin at 0 kWh have no twins: a register that restarts each session repeats them.
    """
    row = db.execute(
        "SELECT file_name FROM entries WHERE review IS NULL AND (account_index = ? OR account = ?)"
        " AND begin_kwh = ? AND end_kwh = ? AND begin_kwh > 0 AND consumed_wh > 0 LIMIT 1",
        (record.account_index, record.account, record.begin_kwh, record.end_kwh),
    ).fetchone()
    return str(row[0]) if row else None


def newest_ms(db: Database) -> int | None:
    """Return the time at which the newest record was booked, or None without any record."""
    row = db.execute("SELECT booked_ms FROM accounting_record ORDER BY id DESC LIMIT 1").fetchone()
    return int(row[0]) if row else None
