"""Transactions, their stops and what they must not claim twice (memory floor).

It keeps what `ledger.booking` decides and hands it the rows it decides on; both inside the caller's
one write transaction.
"""

from typing import NamedTuple

from shocpp.ledger.accounts import UNASSIGNED, id_tag_key
from shocpp.ledger.decisions import Owner
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.ledger.transactions import (
    StartDecision,
    StartRows,
    Transaction,
    has_clock,
    start_key,
)
from shocpp.ocpp.facts import TransactionStarted
from shocpp.store.database import Database

_TRANSACTION = (
    "SELECT id, transaction_id, connector_id, id_tag, account_index, account, status, state,"
    " meter_start_wh, start_known, meter_stop_wh, started_ms, stopped_ms, assigned_by, flags"
    " FROM started_transaction"
)


_UNSTOPPED = "INDEXED BY started_transaction_unstopped"
"""SQLite would rather read all transactions of a Charge Point than those of this index."""


def select_transactions(db: Database, where: str, *values: object) -> tuple[Transaction, ...]:
    rows = db.execute(f"{_TRANSACTION} WHERE {where} ORDER BY id", values)
    return tuple(Transaction(*row) for row in rows.fetchall())


def unstopped_transactions(db: Database, charge_point: int) -> tuple[Transaction, ...]:
    rows = db.execute(
        f"{_TRANSACTION} {_UNSTOPPED} WHERE charge_point = ? AND state <> 'stopped' ORDER BY id",
        (charge_point,),
    )
    return tuple(Transaction(*row) for row in rows.fetchall())


def account_names(db: Database) -> dict[int, str]:
    """The account each used index is bound to."""
    return {UNASSIGNED_INDEX: UNASSIGNED} | dict(
        db.execute("SELECT account_index, account FROM account").fetchall()
    )


def bind_account(db: Database, account_index: int, account: str) -> None:
    """Bind an index to its account, for ever."""
    bound = ("account", account_index)
    if not db.is_remembered(bound):
        db.execute("INSERT OR IGNORE INTO account VALUES (?, ?)", (account_index, account))
        db.remember(bound)


def is_charging(db: Database, tag_key: str, besides: int) -> bool:
    """Whether a card has an open transaction at another Charge Point than `besides`."""
    found = db.execute(
        "SELECT 1 FROM started_transaction WHERE id_tag_key = ? AND state = 'open'"
        " AND charge_point <> ? LIMIT 1",
        (tag_key, besides),
    ).fetchone()
    return found is not None


def rows_for_start(
    db: Database, charge_point: int, started: TransactionStarted, id_tag: str, *, is_single: bool
) -> StartRows:
    """What `decide_start` needs to know; `id_tag` is the card that is meant.

    `is_single`: it may charge at one Charge Point at a time.
    """
    same_key = select_transactions(
        db,
        # In so many words: there is an index for each.
        f"charge_point = ? AND start_key = ? AND has_clock = {has_clock(started.started_ms):d}",
        charge_point,
        start_key(started),
    )
    # Only one that may charge at one Charge Point at a time can be refused for charging elsewhere.
    elsewhere = is_single and is_charging(db, id_tag_key(id_tag), charge_point)
    return StartRows(
        same_key=same_key[-1] if same_key else None,
        unstopped=unstopped_transactions(db, charge_point),
        charging_elsewhere=elsewhere,
    )


def count_repeated_start(db: Database, row: int) -> None:
    """Note that a start was sent again."""
    db.execute("UPDATE started_transaction SET repeats = repeats + 1 WHERE id = ?", (row,))


def record_start(
    db: Database,
    charge_point: int,
    started: TransactionStarted,
    decision: StartDecision,
    now_ms: int,
) -> None:
    """Keep a new transaction; the ones it supersedes are orphaned."""
    db.executemany(
        "UPDATE started_transaction SET state = 'orphaned' WHERE id = ?",
        [(row,) for row in decision.orphaned],
    )
    bind_account(db, decision.account_index, decision.account)
    db.execute(
        "INSERT INTO started_transaction (charge_point, transaction_id, connector_id, id_tag,"
        " id_tag_key, account_index, account, status, state, meter_start_wh, start_known,"
        " started_ms, started_text, received_ms, reservation_id, start_key, has_clock, flags,"
        " last_record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " (SELECT coalesce(max(id), 0) FROM accounting_record))",
        (
            charge_point,
            decision.transaction_id,
            started.connector_id,
            decision.id_tag,
            id_tag_key(decision.id_tag),
            decision.account_index,
            decision.account,
            decision.status,
            started.meter_start_wh or 0,
            started.meter_start_wh is not None,
            started.started_ms,
            started.started_text,
            now_ms,
            started.reservation_id,
            start_key(started),
            has_clock(started.started_ms),
            "; ".join(decision.flags),
        ),
    )


def close_transaction(
    db: Database, transaction: Transaction, end_wh: int, stopped_ms: int | None
) -> None:
    """Mark a transaction as stopped; a second stop only moves its end up."""
    db.execute(
        "UPDATE started_transaction SET state = 'stopped',"
        " meter_stop_wh = max(coalesce(meter_stop_wh, ?1), ?1),"
        " stopped_ms = max(coalesce(stopped_ms, ?2), ?2) WHERE id = ?3",
        (end_wh, stopped_ms, transaction.row),
    )


class Orphan(NamedTuple):
    """A transaction that a new one has superseded, and its last reading: an estimate."""

    transaction: Transaction
    charge_point: int
    end_wh: int
    last_ms: int


def orphan(db: Database, row: int) -> Orphan | None:
    """The orphaned transaction of this row."""
    found = db.execute(
        "SELECT charge_point, end_wh, coalesce(last_ms, started_ms, received_ms) FROM estimates"
        " WHERE id = ?",
        (row,),
    ).fetchone()
    if found is None:
        return None
    (transaction,) = select_transactions(db, "id = ?", row)
    return Orphan(transaction, *found)


def end_orphan(db: Database, row: int, end_wh: int) -> None:
    """A human has decided on an orphaned transaction, and booked it up to here."""
    db.execute(
        "UPDATE started_transaction SET state = 'stopped', meter_stop_wh = ? WHERE id = ?",
        (end_wh, row),
    )


def reassign_open(db: Database, tag_key: str, owner: Owner, assigned_by: str) -> int:
    """Give what a card without an account has under way to one; how many transactions these are."""
    bind_account(db, owner.account_index, owner.account)
    cursor = db.execute(
        "UPDATE started_transaction SET account_index = ?, account = ?, assigned_by = ?"
        " WHERE id_tag_key = ? AND account_index = ? AND state <> 'stopped'",
        (*owner, assigned_by, tag_key, UNASSIGNED_INDEX),
    )
    return cursor.rowcount


def open_transaction_row(
    db: Database, charge_point: int, connector_id: int, transaction_id: int | None
) -> int | None:
    """The transaction that MeterValues belong to, as far as it is open.

    By id; without a usable id (offline, -1, 0) the only open one of that connector. A stale id
    finds nothing: values after the stop reopen nothing.
    """
    if transaction_id is not None and transaction_id > 0:
        where, value = "transaction_id = ?", transaction_id
    elif transaction_id is not None:
        where, value = "connector_id = ?", connector_id
    else:
        return None
    found = db.execute(
        f"SELECT id FROM started_transaction {_UNSTOPPED} WHERE charge_point = ? AND {where}"
        " AND state <> 'stopped' ORDER BY state = 'open' DESC, id DESC LIMIT 1",
        (charge_point, value),
    ).fetchone()
    return int(found[0]) if found else None
