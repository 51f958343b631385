"""Rows that a damaged database has lost, and that its records and messages give back."""

from typing import Any, NamedTuple

from shocpp.ledger.accounts import id_tag_key
from shocpp.ledger.matching import KeyedStop
from shocpp.store.books.records import START_COLUMNS, STOP_COLUMNS
from shocpp.store.books.restoring.restored import row_of_start
from shocpp.store.books.transactions import bind_account
from shocpp.store.database import Database


def without_start(db: Database) -> dict[tuple[int, int | None, int], list[int]]:
    """Return the numbers of records that have lost their transactions.

    The keys are (Charge Point, connector, time of the start in ms).
    """
    rows = db.execute(
        "SELECT charge_point, connector_id, started_ms, id FROM accounting_record"
        " WHERE started_transaction IS NULL AND started_ms IS NOT NULL"
        " AND charge_point IS NOT NULL AND provenance IN ('started', 'decided') ORDER BY id"
    )
    numbers: dict[tuple[int, int | None, int], list[int]] = {}
    for *key, number in rows.fetchall():
        numbers.setdefault((key[0], key[1], key[2]), []).append(number)
    return numbers


def give_records(
    db: Database, charge_point: int, start_key: str, received_ms: int, numbers: list[int]
) -> None:
    """Give a transaction that has come back its records, by which it has stopped.

    Their files are written again, with the transaction.
    """
    marks = ",".join("?" * len(numbers))
    (started,) = db.execute(
        "SELECT max(id) FROM started_transaction"
        " WHERE charge_point = ? AND start_key = ? AND received_ms = ?",
        (charge_point, start_key, received_ms),
    ).fetchone()
    db.execute(
        "UPDATE accounting_record SET started_transaction = ?, exported_ms = NULL"
        f" WHERE id IN ({marks})",
        (started, *numbers),
    )
    db.execute(
        "UPDATE received_stop SET started_transaction = ? WHERE id IN"
        f" (SELECT received_stop FROM accounting_record WHERE id IN ({marks}))",
        (started, *numbers),
    )
    db.execute(
        "UPDATE signed_value SET started_transaction = ? WHERE received_stop IN"
        f" (SELECT received_stop FROM accounting_record WHERE id IN ({marks}))",
        (started, *numbers),
    )
    # The signed values of its readings are known by their connector and time.
    db.execute(
        "UPDATE signed_value SET started_transaction = started.id"
        " FROM started_transaction AS started WHERE started.id = ?"
        " AND signed_value.started_transaction IS NULL"
        " AND signed_value.charge_point = started.charge_point"
        " AND signed_value.connector_id = started.connector_id"
        " AND signed_value.received_ms BETWEEN started.received_ms AND"
        f" (SELECT max(booked_ms) FROM accounting_record WHERE id IN ({marks}))",
        (started, *numbers),
    )
    db.execute(
        "UPDATE started_transaction SET state = 'stopped', (meter_stop_wh, stopped_ms) ="
        f" (SELECT max(end_wh), max(stopped_ms) FROM accounting_record WHERE id IN ({marks}))"
        " WHERE id = ?",
        (*numbers, started),
    )


class WithoutStop(NamedTuple):
    """A record that has lost its stop, by its number; it was booked when the stop was received."""

    number: int
    booked_ms: int


def without_stop(db: Database) -> dict[int, dict[str, WithoutStop]]:
    """Return the records without a stop, by Charge Point and by the digest in their file's name."""
    rows = db.execute(
        "SELECT charge_point, substr(file_name, -17, 12), id, booked_ms FROM accounting_record"
        " WHERE received_stop IS NULL AND charge_point IS NOT NULL"
        " AND entry IN ('record', 'replacement')"
    )
    records: dict[int, dict[str, WithoutStop]] = {}
    for charge_point, digest, *columns in rows.fetchall():
        records.setdefault(charge_point, {})[digest] = WithoutStop(*columns)
    return records


def give_stop(
    db: Database, charge_point: int, number: int, stop: KeyedStop, received_ms: int, text: str
) -> None:
    """Give a record its stop, which was received at this time with this text of its frame.

    Its file is written again, with the stop.
    """
    values = {
        **{column: getattr(stop.fact, column) for column in STOP_COLUMNS[:6]},
        "charge_point": charge_point,
        "received_ms": received_ms,
        "stop_key": stop.natural_key,
        "anonymous_key": stop.anonymous_key,
        "has_clock": stop.has_clock,
    }
    (values["started_transaction"], review) = db.execute(
        "SELECT started_transaction, review FROM accounting_record WHERE id = ?", (number,)
    ).fetchone()
    values["frame_text"] = None if review is None else text
    # Not the newest transaction of now: the next stop of that one would be taken for a repeat.
    (values["last_start"],) = db.execute(
        "SELECT coalesce(max(id), 0) FROM started_transaction"
        " WHERE charge_point = ? AND received_ms <= ?",
        (charge_point, received_ms),
    ).fetchone()
    row = db.insert("received_stop", values)
    db.execute(
        "UPDATE accounting_record SET received_stop = ?, exported_ms = NULL WHERE id = ?",
        (row, number),
    )
    for signed in stop.fact.signed:
        db.execute(
            "UPDATE signed_value SET received_stop = ? WHERE started_transaction = ?"
            " AND sample = ? AND sampled_text IS ?",
            (row, values["started_transaction"], signed.sample, signed.sampled_text),
        )


class ReadableStart(NamedTuple):
    """The row of a transaction in a damaged database.

    `columns` are START_COLUMNS with `state`, `last_record` and `id`.
    """

    charge_point_id: str
    columns: dict[str, Any]

    @property
    def received_ms(self) -> int:
        """Return the time of receipt of its start."""
        return int(self.columns["received_ms"])


_READ = (*START_COLUMNS, "state", "last_record", "id")


def readable_starts(readable: Database) -> list[ReadableStart]:
    """Return the transactions without a record, and of known Charge Points, by their receipt."""
    rows = readable.execute(
        f"SELECT charge_point_id, {', '.join(f'started.{column}' for column in _READ)}"
        " FROM started_transaction AS started JOIN charge_point ON charge_point.id = charge_point"
        " WHERE NOT EXISTS (SELECT 1 FROM accounting_record AS record"
        "  WHERE record.started_transaction = started.id) ORDER BY received_ms, started.id"
    )
    return [
        ReadableStart(name, dict(zip(_READ, columns, strict=True)))
        for name, *columns in rows.fetchall()
    ]


def restore_unstopped(db: Database, charge_point: int, start: ReadableStart) -> bool:
    """Write the transaction of a row without its stop, unless it is here; return True if written.

    If it had stopped, its record is lost: it is open until the frame of its stop is replayed, or
    until a human ends it.
    """
    values = {**start.columns, "charge_point": charge_point}
    if row_of_start(db, charge_point, values) is not None:
        return False
    bind_account(db, values["account_index"], values["account"])
    values["id_tag_key"] = id_tag_key(values["id_tag"])
    if values["state"] == "stopped":
        values |= {"state": "open", "meter_stop_wh": None, "stopped_ms": None}
    taken = db.execute("SELECT 1 FROM started_transaction WHERE id = ?", (values["id"],)).fetchone()
    values["id"] = None if taken else values["id"]
    # Records may have other numbers now, and those of a later time must still be compared.
    (last,) = db.execute(
        "SELECT coalesce(max(id), 0) FROM accounting_record WHERE booked_ms <= ?",
        (start.received_ms,),
    ).fetchone()
    values["last_record"] = min(last, values["last_record"])
    db.insert("started_transaction", values)
    return True


def renumber_start(
    db: Database, charge_point: int, received_ms: int, start_key: str, number: int
) -> None:
    """Give the newest transaction with this key the row id that it had, if that is free."""
    db.execute(
        "UPDATE started_transaction SET id = ?4 WHERE id = (SELECT max(id)"
        "  FROM started_transaction WHERE charge_point = ?1 AND received_ms = ?2"
        "  AND start_key = ?3)"
        " AND NOT EXISTS (SELECT 1 FROM started_transaction WHERE id = ?4)",
        (charge_point, received_ms, start_key, number),
    )
