"""Transactions and stops made again, from accounting files or from frames (memory floor)."""

from typing import Any, NamedTuple

from shocpp.store.books.transactions import bind_account
from shocpp.store.database import Database


def restore_start(db: Database, charge_point: int, start: dict[str, Any]) -> int:
    """The row of a transaction that was stopped, made from what its record's file keeps of it."""
    found = db.execute(
        "SELECT id FROM started_transaction"
        " WHERE charge_point = ?1 AND start_key = ?2 AND has_clock = 1"
        " UNION ALL SELECT id FROM started_transaction"
        " WHERE charge_point = ?1 AND start_key = ?2 AND has_clock = 0 AND received_ms = ?3",
        (charge_point, start["start_key"], start["received_ms"]),
    ).fetchone()
    if found:  # a second stop has a record too
        db.execute(
            "UPDATE started_transaction SET state = 'stopped',"
            " meter_stop_wh = max(coalesce(meter_stop_wh, ?1), ?1) WHERE id = ?2",
            (start["meter_stop_wh"], found[0]),
        )
        return int(found[0])
    bind_account(db, start["account_index"], start["account"])
    (last,) = db.execute("SELECT coalesce(max(id), 0) FROM accounting_record").fetchone()
    values = {"charge_point": charge_point, "state": "stopped", "last_record": last, **start}
    return db.insert("started_transaction", values)


def restore_stop(db: Database, charge_point: int, started: int | None, stop: dict[str, Any]) -> int:
    """The row of a stop, made from what its record's file keeps of it."""
    (last,) = db.execute(
        "SELECT coalesce(max(id), 0) FROM started_transaction WHERE charge_point = ?",
        (charge_point,),
    ).fetchone()
    values = {"charge_point": charge_point, "started_transaction": started, "last_start": last}
    return db.insert("received_stop", values | stop)


def has_stop(db: Database, charge_point: int, stop: dict[str, Any]) -> bool:
    """Whether this very stop is on file; those of a charger without a clock are all alike, even two
    that came in one millisecond, and only the files of their records tell them apart."""
    found = db.execute(
        "SELECT 1 FROM received_stop WHERE charge_point = ? AND stop_key = ? AND has_clock = 1",
        (charge_point, stop["stop_key"]),
    ).fetchone()
    return found is not None


def reissue(db: Database, charge_point: int, transaction_id: int, issued: int) -> None:
    """The newest transaction with this id is known to its charger by another one."""
    db.execute(
        "UPDATE started_transaction SET transaction_id = ? WHERE id = (SELECT max(id)"
        " FROM started_transaction WHERE charge_point = ? AND transaction_id = ?)",
        (issued, charge_point, transaction_id),
    )


def forget_all(db: Database) -> None:
    """Clear the ledger, which is then derived again; what chargers have said stays.

    So do closed months: the records in them, and the transactions and stops that these are of.
    """
    closed = "SELECT id FROM accounting_record WHERE month IN (SELECT month FROM closed_month)"
    db.execute(f"DELETE FROM price_part WHERE record NOT IN ({closed})")
    db.execute(f"DELETE FROM price WHERE record NOT IN ({closed})")
    db.execute(f"DELETE FROM accounting_record WHERE id NOT IN ({closed})")
    kept = "SELECT coalesce({0}, 0) FROM accounting_record".format
    started, stops = kept("started_transaction"), kept("received_stop")
    db.execute(
        "DELETE FROM signed_value WHERE iif(received_stop IS NULL,"
        f" coalesce(started_transaction, 0) NOT IN ({started}), received_stop NOT IN ({stops}))"
    )
    db.execute(
        f"DELETE FROM meter_reading WHERE coalesce(started_transaction, 0) NOT IN ({started})"
    )
    db.execute(f"DELETE FROM received_stop WHERE id NOT IN ({stops})")
    db.execute(f"DELETE FROM started_transaction WHERE id NOT IN ({started})")
    # Of a transaction that was booked in parts, the later ones come again.
    db.execute(
        "UPDATE started_transaction SET meter_stop_wh ="
        " (SELECT max(iif(entry = 'dismissal', begin_wh, end_wh)) FROM accounting_record"
        "  WHERE started_transaction = started_transaction.id"
        "  AND (entry = 'record' OR replaces IS NULL)),"
        " stopped_ms = (SELECT max(stopped_ms) FROM received_stop"
        "  WHERE started_transaction = started_transaction.id)"
    )


class Kept(NamedTuple):
    """What is not derived again: starts and stops by Charge Point, moment and natural key, and the
    frames that readings came in."""

    starts: set[tuple[int, int, str]]
    stops: set[tuple[int, int, str]]
    frames: set[int]


def kept(db: Database) -> Kept:
    """What `forget_all` has left."""
    starts = db.execute("SELECT charge_point, received_ms, start_key FROM started_transaction")
    stops = db.execute("SELECT charge_point, received_ms, stop_key FROM received_stop")
    frames = db.execute("SELECT frame FROM meter_reading")
    return Kept(set(starts), set(stops), {number for (number,) in frames})


class Assigned(NamedTuple):
    """A transaction that a human has given to an account, by what it is recognised by."""

    charge_point: int
    received_ms: int
    start_key: str
    account_index: int
    account: str
    assigned_by: str


def assigned(db: Database) -> list[Assigned]:
    """The transactions that humans have given to accounts while they were open."""
    rows = db.execute(
        "SELECT charge_point, received_ms, start_key, account_index, account, assigned_by"
        " FROM started_transaction WHERE assigned_by IS NOT NULL"
    )
    return [Assigned(*row) for row in rows.fetchall()]


def effective_id_tags(db: Database, flag: str) -> dict[tuple[int, int, str], str]:
    """The cards meant where chargers told none, by what their transactions are recognised by."""
    rows = db.execute(
        "SELECT charge_point, received_ms, start_key, id_tag FROM started_transaction"
        " WHERE instr(flags, ?)",
        (flag,),
    )
    return {(charge_point, ms, key): id_tag for charge_point, ms, key, id_tag in rows}


def assign_again(db: Database, given: Assigned) -> None:
    """Give a transaction that was derived again to the account it was given to."""
    db.execute(
        "UPDATE started_transaction SET account_index = ?, account = ?, assigned_by = ?"
        " WHERE charge_point = ? AND received_ms = ? AND start_key = ?",
        (given.account_index, given.account, given.assigned_by, *given[:3]),
    )


def is_orphaned(db: Database, charge_point: int | None, start: dict[str, Any]) -> bool:
    """Whether the transaction that a file tells of is orphaned here, and not decided on."""
    found = db.execute(
        "SELECT 1 FROM started_transaction WHERE charge_point = ? AND start_key = ?"
        " AND (has_clock OR received_ms = ?) AND state = 'orphaned'",
        (charge_point, start["start_key"], start["received_ms"]),
    ).fetchone()
    return found is not None
