"""Accounting records: written once, read for reports, and the outbox of their files (memory floor).

A record is never changed but for the moment its file was written; a decision about it is a record
of its own that names it.
"""

from typing import Any, NamedTuple

from shocpp.ledger.booking import Record
from shocpp.store.books import prices, signed_values
from shocpp.store.books.prices import Frozen
from shocpp.store.books.transactions import bind_account
from shocpp.store.database import Database

ACCOUNTING_COLUMNS = (
    "localtime, unixtime, account, begin_kwh, end_kwh, consumed_kwh, consumed_wh, begin_wh, end_wh,"
    " account_index, charge_point_id, connector_id, id_tag, transaction_id, started_at, stopped_at,"
    " booked_at, duration_s, charging_s, stop_reason, provenance, review, flags, entry,"
    " replaces_file, decided_by, decided_why"
)

START_COLUMNS = (
    *("transaction_id", "connector_id", "id_tag", "id_tag_key", "account_index", "account"),
    *("status", "meter_start_wh", "start_known", "meter_stop_wh", "started_ms", "stopped_ms"),
    *("started_text", "received_ms", "reservation_id", "start_key", "has_clock", "flags"),
    "assigned_by",
)
"""What a record's file keeps of its transaction, so that the transaction can be made from it."""

STOP_COLUMNS = (
    *("transaction_id_text", "meter_stop_wh", "stopped_ms", "stopped_text", "id_tag", "reason"),
    *("received_ms", "stop_key", "anonymous_key", "has_clock", "frame_text"),
)
"""What a record's file keeps of its stop."""


class RecordLocation(NamedTuple):
    """Where and when a record belongs: its month and time of day here, and the name of its file."""

    month: str
    local_time: str
    file_name: str


class Origin(NamedTuple):
    """Where a record comes from: a Charge Point and a stop, or a decision of a human."""

    charge_point: int | None
    received_stop: int | None
    started_transaction: int | None
    entry: str = "record"
    replaces: int | None = None
    decided_by: str | None = None
    decided_why: str | None = None


def record(
    db: Database,
    origin: Origin,
    booked: Record,
    place: RecordLocation,
    booked_ms: int,
    exported_ms: int | None = None,
) -> int:
    """Keep a record, and return its number; its file is written later, unless it is there."""
    bind_account(db, booked.account_index, booked.account)
    values = {
        "entry": origin.entry,
        "replaces": origin.replaces,
        "received_stop": origin.received_stop,
        "charge_point": origin.charge_point,
        "started_transaction": origin.started_transaction,
        **place._asdict(),
        **booked._asdict(),
        "begin_kwh": booked.begin_kwh,
        "end_kwh": booked.end_kwh,
        "consumed_kwh": booked.consumed_kwh,
        "flags": "; ".join(booked.flags),
        "booked_ms": booked_ms,
        "decided_by": origin.decided_by,
        "decided_why": origin.decided_why,
        "exported_ms": exported_ms,
    }
    return db.insert("accounting_record", values)


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


class Unexported(NamedTuple):
    """A record whose file is still to be written; `start` and `stop` are what the charger said."""

    number: int
    month: str
    file_name: str
    row: AccountingRow
    booked_ms: int
    price: Frozen | None
    start: dict[str, Any] | None
    stop: dict[str, Any] | None
    signed: list[dict[str, Any]]


def unexported(db: Database, limit: int) -> list[Unexported]:
    """The oldest records without a file."""
    rows = db.execute(
        f"SELECT number, month, file_name, booked_ms, {ACCOUNTING_COLUMNS} FROM accounting"
        " WHERE number IN (SELECT id FROM accounting_record WHERE exported_ms IS NULL"
        " ORDER BY id LIMIT ?) ORDER BY number",
        (limit,),
    )
    return [
        Unexported(
            number,
            month,
            file_name,
            AccountingRow(*row),
            booked_ms,
            prices.of_record(db, number),
            _said(db, START_COLUMNS, "started_transaction", number),
            _said(db, STOP_COLUMNS, "received_stop", number),
            signed_values.in_file(db, number),
        )
        for number, month, file_name, booked_ms, *row in rows.fetchall()
    ]


def _said(db: Database, columns: tuple[str, ...], table: str, number: int) -> dict[str, Any] | None:
    found = db.execute(
        f"SELECT {', '.join(columns)} FROM {table}"
        f" WHERE id = (SELECT {table} FROM accounting_record WHERE id = ?)",
        (number,),
    ).fetchone()
    return dict(zip(columns, found, strict=True)) if found else None


def mark_exported(db: Database, written: list[Unexported], now_ms: int) -> None:
    """Note that these records' files are on disk, but for those that have got a price meanwhile."""
    db.executemany(
        "UPDATE accounting_record SET exported_ms = ? WHERE id = ?"
        " AND (SELECT priced_ms FROM price WHERE record = accounting_record.id) IS ?",
        [(now_ms, one.number, one.price and one.price.priced_ms) for one in written],
    )


def exported(db: Database) -> dict[str, dict[str, int]]:
    """The records that have had a file: by month, their numbers by its name."""
    months: dict[str, dict[str, int]] = {}
    rows = db.execute(
        "SELECT month, file_name, id FROM accounting_record WHERE exported_ms IS NOT NULL"
    )
    for month, file_name, number in rows.fetchall():
        months.setdefault(month, {})[file_name] = number
    return months


def take_back_imported(db: Database, month: str) -> None:
    """Note that what was imported into a month (YYYY-MM) needs files in our form.

    The seed's tell neither the account's index nor the charger, and are weighed against their twins
    when they are read again.
    """
    db.execute(
        "UPDATE accounting_record SET exported_ms = NULL"
        " WHERE month = ? AND provenance = 'imported' AND entry = 'record'",
        (month,),
    )


def take_back_first(db: Database, started_transaction: int) -> bool:
    """Note that the file of a transaction's first record is to tell more; whether it has one."""
    cursor = db.execute(
        "UPDATE accounting_record SET exported_ms = NULL WHERE id ="
        " (SELECT min(id) FROM accounting_record WHERE started_transaction = ?)",
        (started_transaction,),
    )
    return cursor.rowcount > 0


def take_back(db: Database, numbers: list[int]) -> None:
    """Note that these records' files are still to be written."""
    db.executemany(
        "UPDATE accounting_record SET exported_ms = NULL WHERE id = ?",
        [(number,) for number in numbers],
    )


class Stored(NamedTuple):
    """A record as a decision finds it; `replaced_by` is the entry that holds in its stead."""

    number: int
    origin: Origin
    record: Record
    place: RecordLocation
    replaced_by: int | None


def stored(db: Database, number: int) -> Stored | None:
    """The record of this number."""
    fields = Record._fields
    found = db.execute(
        f"SELECT {', '.join(fields)}, month, local_time, file_name, charge_point, received_stop,"
        " started_transaction, entry, replaces, decided_by, decided_why,"
        " (SELECT id FROM accounting_record AS later WHERE later.replaces = record.id"
        " AND later.entry <> 'reversal')"
        " FROM accounting_record AS record WHERE id = ?",
        (number,),
    ).fetchone()
    if found is None:
        return None
    *of_record, month, local_time, file_name = found[: len(fields) + 3]
    *of_origin, replaced_by = found[len(fields) + 3 :]
    record_ = Record(*of_record)
    flags = tuple(filter(None, str(record_.flags).split("; ")))
    place = RecordLocation(month, local_time, file_name)
    return Stored(number, Origin(*of_origin), record_._replace(flags=flags), place, replaced_by)


def unassigned_of(db: Database, tag_key: str) -> list[int]:
    """The numbers of the records in force of what an unknown card has charged."""
    rows = db.execute(
        "SELECT entry.id FROM entries AS entry"
        " JOIN started_transaction AS started ON started.id = entry.started_transaction"
        " WHERE entry.account_index = 0 AND entry.review IS NULL AND entry.consumed_wh > 0"
        " AND started.id_tag_key = ? ORDER BY entry.id",
        (tag_key,),
    )
    return [number for (number,) in rows.fetchall()]


def number_of(db: Database, file_name: str) -> int | None:
    """The number of the record with this file."""
    found = db.execute(
        "SELECT id FROM accounting_record WHERE file_name = ?", (file_name,)
    ).fetchone()
    return int(found[0]) if found else None


def decided(db: Database, number: int, entry: str) -> str | None:
    """The file of the entry that has replaced a record, or, for a reversal, taken it away."""
    found = db.execute(
        "SELECT file_name FROM accounting_record WHERE replaces = ?"
        " AND (entry = 'reversal') = (? = 'reversal')",
        (number, entry),
    ).fetchone()
    return str(found[0]) if found else None


def file_names(db: Database) -> set[str]:
    """The names of all records' files."""
    rows = db.execute("SELECT file_name FROM accounting_record").fetchall()
    return {name for (name,) in rows}


def twin_of(db: Database, record: Record) -> str | None:
    """The file of a record in force that says the same of the same account.

    Only of a register that goes on: one that begins each session at zero says it again and again.
    """
    found = db.execute(
        "SELECT file_name FROM entries WHERE review IS NULL AND account = ? AND begin_kwh = ?"
        " AND end_kwh = ? AND begin_kwh > 0 AND consumed_wh > 0 LIMIT 1",
        (record.account, record.begin_kwh, record.end_kwh),
    ).fetchone()
    return str(found[0]) if found else None


def newest_ms(db: Database) -> int | None:
    """When the newest record was booked; None where there is none."""
    found = db.execute(
        "SELECT booked_ms FROM accounting_record ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return int(found[0]) if found else None
