"""Transactions and stops made again, from accounting files or from frames (memory floor)."""

from typing import Any, NamedTuple

from shocpp.store.database import Database
from shocpp.store.transactions import bind_account


def restore_start(db: Database, charge_point: int, start: dict[str, Any]) -> int:
    """The row of a transaction that was stopped, made from what its record's file keeps of it."""
    found = db.execute(
        "SELECT id FROM started_transaction"
        " WHERE charge_point = ? AND start_key = ? AND (has_clock OR received_ms = ?)",
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
        "SELECT 1 FROM received_stop WHERE charge_point = ? AND stop_key = ? AND has_clock",
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
    """Clear the ledger, which is then derived again; what chargers have said stays."""
    for table in ("accounting_record", "received_stop", "meter_reading", "started_transaction"):
        db.execute(f"DELETE FROM {table}")


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
