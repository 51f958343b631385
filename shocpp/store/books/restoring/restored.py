"""Rows of transactions and stops for a rebuild, from accounting files or from stored frames."""

from typing import Any, NamedTuple

from shocpp.ledger.accounts import id_tag_key
from shocpp.ocpp.facts import Reading
from shocpp.store.books.transactions import bind_account
from shocpp.store.charge_points.frames import NO_FRAME
from shocpp.store.database import Database


def row_of_start(db: Database, charge_point: int, start: dict[str, Any]) -> int | None:
    """Return the row id of the transaction with this key and time of receipt, or None."""
    # Without a clock the natural key returns, so there the time of receipt decides as well.
    row = db.execute(
        "SELECT id FROM started_transaction"
        " WHERE charge_point = ?1 AND start_key = ?2 AND has_clock = 1"
        " UNION ALL SELECT id FROM started_transaction"
        " WHERE charge_point = ?1 AND start_key = ?2 AND has_clock = 0 AND received_ms = ?3",
        (charge_point, start["start_key"], start["received_ms"]),
    ).fetchone()
    return None if row is None else int(row[0])


def restore_start(db: Database, charge_point: int, start: dict[str, Any]) -> int:
    """Return the row id of a stopped transaction, made from the columns in its record's file.

    `start` holds START_COLUMNS and START_NUMBERS. A transaction that is on file is used again. A
    new one gets its own number if that is free.
    """
    row = row_of_start(db, charge_point, start)
    # A second stop of a transaction has a record too, whose file may say more of its end.
    if row is not None:
        db.execute(
            "UPDATE started_transaction SET state = 'stopped',"
            " meter_stop_wh = max(coalesce(meter_stop_wh, ?1), ?1) WHERE id = ?2",
            (start["meter_stop_wh"], row),
        )
        return row
    bind_account(db, start["account_index"], start["account"])
    values = {"charge_point": charge_point, "state": "stopped", **start}
    # Older versions compared cards by other keys.
    values["id_tag_key"] = id_tag_key(values["id_tag"])
    number = values.pop("number")
    taken = db.execute("SELECT 1 FROM started_transaction WHERE id = ?", (number,)).fetchone()
    values["id"] = None if taken else number
    if values["last_record"] is None:
        (last,) = db.execute("SELECT coalesce(max(id), 0) FROM accounting_record").fetchone()
        values["last_record"] = last
    return db.insert("started_transaction", values)


def restore_stop(db: Database, charge_point: int, started: int | None, stop: dict[str, Any]) -> int:
    """Return the row id of a stop, made from the columns in its record's file.

    `started` is the row id of its transaction, and `stop` holds STOP_COLUMNS.
    """
    (last,) = db.execute(
        "SELECT coalesce(max(id), 0) FROM started_transaction WHERE charge_point = ?",
        (charge_point,),
    ).fetchone()
    values = {"charge_point": charge_point, "started_transaction": started, "last_start": last}
    return db.insert("received_stop", values | stop)


def has_stop(db: Database, charge_point: int, stop: dict[str, Any]) -> bool:
    """Return True if this stop is on file, which is never known without a clock.

    Stops of a charger without a clock may have the same key and even the same time of receipt. Only
    the names of their records' files distinguish them.
    """
    row = db.execute(
        "SELECT 1 FROM received_stop WHERE charge_point = ? AND stop_key = ? AND has_clock = 1",
        (charge_point, stop["stop_key"]),
    ).fetchone()
    return row is not None


def reissue(db: Database, charge_point: int, transaction_id: int, issued: int) -> None:
    """Give the newest transaction with this id the id that its charger was answered: `issued`."""
    db.execute(
        "UPDATE started_transaction SET transaction_id = ? WHERE id = (SELECT max(id)"
        " FROM started_transaction WHERE charge_point = ? AND transaction_id = ?)",
        (issued, charge_point, transaction_id),
    )


def forget_all(db: Database) -> None:
    """Delete the ledger, so that it can be derived again from the frames, which stay.

    The records of closed months stay too, with their transactions, stops and readings.
    """
    closed = "SELECT id FROM accounting_record WHERE month IN (SELECT month FROM closed_month)"
    # Rows that refer to others go first, since foreign keys are enforced.
    db.execute(f"DELETE FROM price_part WHERE record NOT IN ({closed})")
    db.execute(f"DELETE FROM price WHERE record NOT IN ({closed})")
    db.execute(f"DELETE FROM accounting_record WHERE id NOT IN ({closed})")
    # coalesce: NOT IN is never true for a list with a NULL.
    referred_to = "SELECT coalesce({0}, 0) FROM accounting_record".format
    started, stops = referred_to("started_transaction"), referred_to("received_stop")
    db.execute(
        "DELETE FROM signed_value WHERE iif(received_stop IS NULL,"
        f" coalesce(started_transaction, 0) NOT IN ({started}), received_stop NOT IN ({stops}))"
    )
    forgotten = f"coalesce(started_transaction, 0) NOT IN ({started})"
    _keep_frameless(db, forgotten)
    db.execute(f"DELETE FROM meter_reading WHERE {forgotten}")
    # Readings without a transaction get new row ids, which may be among those searched before.
    db.execute("DELETE FROM property WHERE name = 'thinned readings'")
    db.execute(f"DELETE FROM received_stop WHERE id NOT IN ({stops})")
    db.execute(f"DELETE FROM started_transaction WHERE id NOT IN ({started})")
    # A transaction may have records in a closed month and in a later one. The later ones are booked
    # again, so the transaction ends where the closed month has booked it.
    db.execute(
        "UPDATE started_transaction SET meter_stop_wh ="
        " (SELECT max(iif(entry = 'dismissal', begin_wh, end_wh)) FROM accounting_record"
        "  WHERE started_transaction = started_transaction.id"
        "  AND (entry = 'record' OR replaces IS NULL)),"
        " stopped_ms = (SELECT max(stopped_ms) FROM received_stop"
        "  WHERE started_transaction = started_transaction.id)"
    )


class FramelessReading(NamedTuple):
    """A forgotten reading whose frame was never stored, so that only its row had it.

    `transaction_id` is that of its transaction, None if it was of none.
    """

    received_ms: int
    charge_point: int
    connector_id: int
    transaction_id: int | None
    reading: Reading


def _keep_frameless(db: Database, condition: str) -> None:
    """Copy the readings without a frame that this condition selects into a temporary table."""
    db.execute("DROP TABLE IF EXISTS temp.frameless")
    db.execute(
        "CREATE TEMP TABLE frameless AS SELECT reading.received_ms,"
        " reading.charge_point, reading.connector_id, started.transaction_id, sampled_ms,"
        " register_wh, power_w, reading.register_source, power_source"
        " FROM meter_reading AS reading LEFT JOIN started_transaction AS started"
        f" ON started.id = started_transaction WHERE frame = {NO_FRAME} AND {condition}"
        " ORDER BY reading.received_ms, reading.id"
    )


def frameless_after(db: Database, row: int, limit: int) -> list[tuple[int, FramelessReading]]:
    """Return the next readings without a frame that `forget_all` has deleted, by receipt.

    Each comes with its row in the temporary table; `row` is the last one that was returned, or 0.
    """
    rows = db.execute(
        "SELECT rowid, * FROM temp.frameless WHERE rowid > ? ORDER BY rowid LIMIT ?", (row, limit)
    )
    return [
        (number, FramelessReading(received_ms, row, connector_id, sent_id, Reading(*values)))
        for number, received_ms, row, connector_id, sent_id, *values in rows.fetchall()
    ]


class Remaining(NamedTuple):
    """The rows that stay in a rebuild and must not be derived again.

    Starts and stops are given as (Charge Point, time of receipt, natural key), readings by the row
    ids of their frames.
    """

    starts: set[tuple[int, int, str]]
    stops: set[tuple[int, int, str]]
    frames: set[int]


def remaining(db: Database) -> Remaining:
    """Return the rows that `forget_all` has not deleted."""
    starts = db.execute("SELECT charge_point, received_ms, start_key FROM started_transaction")
    stops = db.execute("SELECT charge_point, received_ms, stop_key FROM received_stop")
    frames = db.execute("SELECT frame FROM meter_reading")
    return Remaining(set(starts), set(stops), {number for (number,) in frames})


class Assigned(NamedTuple):
    """A transaction that a human has given to an account, recognised by its first three fields.

    `assigned_by` says who did it and why.
    """

    charge_point: int
    received_ms: int
    start_key: str
    account_index: int
    account: str
    assigned_by: str


def assigned(db: Database) -> list[Assigned]:
    """Return the transactions that humans have given to accounts while these were open."""
    rows = db.execute(
        "SELECT charge_point, received_ms, start_key, account_index, account, assigned_by"
        " FROM started_transaction WHERE assigned_by IS NOT NULL"
    )
    return [Assigned(*row) for row in rows.fetchall()]


def effective_id_tags(db: Database, flag: str) -> dict[tuple[int, int, str], str]:
    """Return the id tags of the transactions with this flag, to which a default tag was applied.

    The keys are (Charge Point, time of receipt, natural key).
    """
    rows = db.execute(
        "SELECT charge_point, received_ms, start_key, id_tag FROM started_transaction"
        " WHERE instr(flags, ?)",
        (flag,),
    )
    return {(charge_point, ms, key): id_tag for charge_point, ms, key, id_tag in rows}


def assign_again(db: Database, given: Assigned) -> None:
    """Give a transaction that was derived again to the account that a human gave it to."""
    db.execute(
        "UPDATE started_transaction SET account_index = ?, account = ?, assigned_by = ?"
        " WHERE charge_point = ? AND received_ms = ? AND start_key = ?",
        (given.account_index, given.account, given.assigned_by, *given[:3]),
    )


def has_ended(db: Database, charge_point: int | None, start: dict[str, Any]) -> bool:
    """Return True if the transaction of a file's `start` is here with a stop or a decision."""
    row = db.execute(
        "SELECT 1 FROM started_transaction WHERE charge_point = ? AND start_key = ?"
        " AND (has_clock OR received_ms = ?) AND state = 'stopped'",
        (charge_point, start["start_key"], start["received_ms"]),
    ).fetchone()
    return row is not None


def open_since_ms(db: Database, charge_point: int) -> int | None:
    """Return the time of receipt of the oldest start without a stop here, or None."""
    (moment_ms,) = db.execute(
        "SELECT min(received_ms) FROM started_transaction"
        " WHERE charge_point = ? AND state <> 'stopped'",
        (charge_point,),
    ).fetchone()
    return None if moment_ms is None else int(moment_ms)


def orphan_replaced(db: Database, until_ms: int) -> None:
    """Mark open transactions as orphaned whose connector has a later start from before a time.

    The later one came from a file, and so was here before them.
    """
    db.execute(
        "UPDATE started_transaction AS started SET state = 'orphaned' WHERE state = 'open'"
        " AND EXISTS (SELECT 1 FROM started_transaction AS later"
        "  WHERE later.charge_point = started.charge_point"
        "  AND later.connector_id = started.connector_id"
        "  AND later.received_ms > started.received_ms AND later.received_ms <= ?)",
        (until_ms,),
    )


def is_stopped(db: Database, charge_point: int, start: dict[str, Any]) -> bool:
    """Return True if a stop of the transaction of a file's `start` is here."""
    row = db.execute(
        "SELECT 1 FROM received_stop WHERE started_transaction ="
        " (SELECT id FROM started_transaction"
        " WHERE charge_point = ? AND start_key = ? AND (has_clock OR received_ms = ?))",
        (charge_point, start["start_key"], start["received_ms"]),
    ).fetchone()
    return row is not None
