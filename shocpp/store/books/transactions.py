"""Rows of transactions: those on which `ledger.transactions` decides, and their results.

All of it runs inside the one write transaction of the caller.
"""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.ledger.accounts import UNASSIGNED, Card
from shocpp.ledger.decisions import ENDED_BY_HAND, Owner
from shocpp.ledger.own_readings import Running, best_source
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.ledger.transactions import KeyedStart, StartDecision, StartRows, Transaction
from shocpp.ocpp.facts import Reading
from shocpp.ocpp.meter_values.quantities import source_rank
from shocpp.store.changes import TRANSACTION
from shocpp.store.database import Database


def present_name(table: str) -> str:
    """Return the SQL of an account's present name; the row of this table has that of its time."""
    index = f"{table}.account_index"
    bound = f"SELECT account.account FROM account WHERE account.account_index = {index}"
    return f"coalesce(({bound}), {table}.account)"


_COLUMNS = (
    "id, transaction_id, connector_id, id_tag, account_index,"
    f" {present_name('started_transaction')}, status, state,"
    " meter_start_wh, start_known, meter_stop_wh, started_ms, stopped_ms, assigned_by, flags"
)

RUNNING = (
    "id, iif(start_known, meter_start_wh, NULL), iif(has_clock, started_ms, received_ms),"
    " register_source"
)
"""The columns of a Running, from started_transaction."""

BY_HAND = f"entry = 'replacement' AND instr(flags, '{ENDED_BY_HAND}')"
"""The condition on an entry in force by which a human has ended a transaction."""

_CHANGED = "charge_point, connector_id, id"

_UNSTOPPED = "INDEXED BY started_transaction_unstopped"
"""The index of the few transactions without a stop.

SQLite would choose the index of all transactions of the Charge Point.
"""

_UNSTOPPED_OF = f"{_UNSTOPPED} WHERE charge_point = ?1 AND state <> 'stopped'"
_BY_HAND_OF = (
    f"WHERE id IN (SELECT started_transaction FROM entries WHERE charge_point = ?1 AND {BY_HAND})"
)


def _for_start(has_clock: int) -> str:
    """Return the query of the rows of a StartRows; a number names the group of each row."""
    # A literal and not a parameter: there is a partial index for each of the two values.
    same_key = f"WHERE charge_point = ?1 AND start_key = ?2 AND has_clock = {has_clock}"
    groups = enumerate((same_key, _UNSTOPPED_OF, _BY_HAND_OF))
    return " UNION ALL ".join(
        f"SELECT {group}, {_COLUMNS} FROM started_transaction {rows}" for group, rows in groups
    )


# One query: each statement releases Python's lock and waits to get it back.
_FOR_START = (_for_start(0), _for_start(1))


def select_transactions(db: Database, clause: str, *values: object) -> tuple[Transaction, ...]:
    """Return the transactions of a WHERE clause, the oldest first."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM started_transaction {clause} ORDER BY id", values)
    return tuple(Transaction(*row) for row in rows.fetchall())


def unstopped_transactions(db: Database, charge_point: int) -> tuple[Transaction, ...]:
    """Return the open and orphaned transactions of a Charge Point, the oldest first."""
    return select_transactions(db, _UNSTOPPED_OF, charge_point)


def ended_by_hand(db: Database, charge_point: int) -> tuple[Transaction, ...]:
    """Return the transactions of a Charge Point that humans have ended, and no stop has."""
    return select_transactions(db, _BY_HAND_OF, charge_point)


def account_names(db: Database) -> dict[int, str]:
    """Return the account names by index: index 0, and each that a booking has bound."""
    return {UNASSIGNED_INDEX: UNASSIGNED} | dict(
        db.execute("SELECT account_index, account FROM account").fetchall()
    )


def bind_account(db: Database, account_index: int, account: str) -> None:
    """Bind an index to an account for ever. An index that is bound already stays as it is.

    An id in the field decodes to an index, so its account must never change; its name may
    (`renaming`).
    """
    key = ("account", account_index)
    if not db.is_remembered(key):
        db.execute("INSERT OR IGNORE INTO account VALUES (?, ?)", (account_index, account))
        db.remember(key)


def is_charging(db: Database, tag_key: str, besides: int, now_ms: int) -> bool:
    """Return True if a card has an open transaction at another Charge Point than `besides`.

    One that has lapsed does not count: its stop may be lost, and the card could never charge again.
    """
    row = db.execute(
        "SELECT 1 FROM started_transaction AS started WHERE id_tag_key = ? AND state = 'open'"
        " AND charge_point <> ? AND NOT EXISTS (SELECT 1 FROM lapsed_transactions"
        "  WHERE lapsed_transactions.id = started.id AND since_ms <= ?) LIMIT 1",
        (tag_key, besides, now_ms),
    ).fetchone()
    return row is not None


def status_of(db: Database, card: Card, tag_key: str, charge_point: int, now_ms: int) -> str:
    """Return the AuthorizationStatus of a card at a Charge Point (OCPP 1.6 §7.2).

    Its open transaction there does not count: the charger may be about to stop it.
    """
    # No other card can be refused because it charges elsewhere, so this query is saved.
    elsewhere = not card.concurrent and is_charging(db, tag_key, charge_point, now_ms)
    return card.status_at(charging_elsewhere=elsewhere)


def rows_for_start(
    db: Database, charge_point: int, start: KeyedStart, card: Card, now_ms: int
) -> StartRows:
    """Return the rows on which `decide_start` decides; `card` is the card of its id tag.

    Raises UndeclaredKey if the transaction must not decide on this card.
    """
    rows = db.execute(_FOR_START[start.has_clock], (charge_point, start.natural_key)).fetchall()
    groups: tuple[list[Transaction], ...] = ([], [], [])
    # By row id, which comes second and differs within a group.
    for group, *columns in sorted(rows):
        groups[group].append(Transaction(*columns))
    same_key, unstopped, by_hand = groups
    elsewhere = False
    # As in `status_of`.
    if not card.concurrent:
        db.keys.require_card(start.id_tag.key)
        elsewhere = is_charging(db, start.id_tag.key, charge_point, now_ms)
    # The newest: a charger without a clock sends equal starts of different transactions.
    return StartRows(
        same_key=same_key[-1] if same_key else None,
        unstopped=tuple(unstopped),
        ended_by_hand=tuple(by_hand),
        charging_elsewhere=elsewhere,
    )


def count_repeated_start(db: Database, row: int) -> None:
    """Count a repeat of the start of the transaction with this row id."""
    # After a loss of connection ABB Terra sends its start again, with the time of the first one.
    db.execute("UPDATE started_transaction SET repeats = repeats + 1 WHERE id = ?", (row,))


def record_start(
    db: Database,
    charge_point: int,
    start: KeyedStart,
    decision: StartDecision,
    now_ms: int,
) -> None:
    """Write a new transaction as decided, and mark those as orphaned that it supersedes."""
    started = start.fact
    # At the end of charging Schneider EVlink sends a start instead of the stop. A late stop of an
    # orphan is still booked.
    db.executemany(
        "UPDATE started_transaction SET state = 'orphaned' WHERE id = ?",
        [(row,) for row in decision.orphaned],
    )
    # In the transaction of the start: an id must never leave with an index that is not bound.
    bind_account(db, decision.account_index, decision.account)
    # Without a start reading the column is 0 and `start_known` is 0. `last_record` is the newest
    # record: its stop must not book again what was booked on the connector since.
    number = db.insert_by(
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
            start.id_tag.key,
            decision.account_index,
            decision.account,
            decision.status,
            # The exact reading: by the whole kWh of the id, 9999 to 10001 Wh would be 1 kWh.
            started.meter_start_wh or 0,
            started.meter_start_wh is not None,
            started.started_ms,
            started.started_text,
            now_ms,
            started.reservation_id,
            start.natural_key,
            start.has_clock,
            "; ".join(decision.flags),
        ),
    )
    for row in (*decision.orphaned, number):
        db.changes.note(TRANSACTION, charge_point, started.connector_id, row)


def close_transaction(
    db: Database, charge_point: int, transaction: Transaction, end_wh: int, stopped_ms: int | None
) -> None:
    """Mark a transaction of this Charge Point as stopped at this reading.

    Another stop of the same transaction can raise its end, and never lowers it.
    """
    # Without RETURNING: its rows would pass through a temporary table (5 µs).
    db.execute(
        "UPDATE started_transaction SET state = 'stopped',"
        " meter_stop_wh = max(coalesce(meter_stop_wh, ?1), ?1),"
        " stopped_ms = max(coalesce(stopped_ms, ?2), ?2) WHERE id = ?3",
        (end_wh, stopped_ms, transaction.row),
    )
    db.changes.note(TRANSACTION, charge_point, transaction.connector_id, transaction.row)


class Orphan(NamedTuple):
    """An orphaned or lapsed transaction with an estimate of its end: its last reading and its time.

    `charge_point` is a row id. `is_known` is False if no reading tells its energy.
    """

    transaction: Transaction
    charge_point: int
    end_wh: int
    last_ms: int
    is_known: bool


def orphan(db: Database, row: int) -> Orphan | None:
    """Return the transaction with this row id if it is orphaned or has lapsed, or None.

    If its start had no reading, it begins at its first one.
    """
    estimate = db.execute(
        "SELECT begin_wh, charge_point, end_wh, coalesce(last_ms, started_ms, received_ms),"
        " is_known FROM estimates WHERE id = ?",
        (row,),
    ).fetchone()
    if estimate is None:
        return None
    (transaction,) = select_transactions(db, "WHERE id = ?", row)
    begin_wh, charge_point, end_wh, last_ms, is_known = estimate
    begun = transaction._replace(meter_start_wh=begin_wh)
    return Orphan(begun, charge_point, end_wh, last_ms, bool(is_known))


def transaction_of(db: Database, row: int) -> Transaction | None:
    """Return the transaction with this row id, or None."""
    return next(iter(select_transactions(db, "WHERE id = ?", row)), None)


def end_orphan(db: Database, row: int, end_wh: int) -> None:
    """Mark a transaction as stopped at the reading up to which a human has booked it."""
    sql = "UPDATE started_transaction SET state = 'stopped', meter_stop_wh = ? WHERE id = ?"
    _note(db, db.execute(f"{sql} RETURNING {_CHANGED}", (end_wh, row)).fetchall())


def reassign_open(db: Database, tag_key: str, owner: Owner, assigned_by: str) -> int:
    """Give the open transactions of a card without an account to an account.

    `assigned_by` says who did it and why. Return the number of transactions.
    """
    bind_account(db, owner.account_index, owner.account)
    cursor = db.execute(
        "UPDATE started_transaction SET account_index = ?, account = ?, assigned_by = ?"
        f" WHERE id_tag_key = ? AND account_index = ? AND state <> 'stopped' RETURNING {_CHANGED}",
        (*owner, assigned_by, tag_key, UNASSIGNED_INDEX),
    )
    rows = cursor.fetchall()
    _note(db, rows)
    return len(rows)


def _note(db: Database, changed: list[tuple[int, int, int]]) -> None:
    """Note changes of transactions, each given by its columns of _CHANGED."""
    for charge_point, connector_id, row in changed:
        db.changes.note(TRANSACTION, charge_point, connector_id, row)


def running(
    db: Database, charge_point: int, connector_id: int, transaction_id: int | None
) -> Running | None:
    """Return the transaction that MeterValues may belong to, or None.

    Values without an id belong to a connector's only open transaction (OCPP 1.6 §6.31), and never
    to one if they are of the main meter, connector 0. An id of 0 or below is that of an offline
    transaction, found by its connector: the newest open one, else the newest orphaned one. A
    stopped transaction is never returned: later values do not reopen it. One that only a human has
    ended may go on, and its late stop needs the values.
    """
    # Many chargers send MeterValues with the transactionId 0.
    if transaction_id is None:
        where, value = "connector_id = ? AND connector_id > 0 AND state = 'open'", connector_id
    elif transaction_id > 0:
        where, value = "transaction_id = ?", transaction_id
    else:
        where, value = "connector_id = ?", connector_id
    # EN+ sends the id of a transaction that has ended, and Ocular sends closing values after the
    # stop.
    rows = db.execute(
        f"SELECT {RUNNING} FROM started_transaction {_UNSTOPPED} WHERE charge_point = ? AND {where}"
        " AND state <> 'stopped' ORDER BY state = 'open' DESC, id DESC LIMIT 2",
        (charge_point, value),
    ).fetchall()
    if not rows and transaction_id is not None:
        rows = db.execute(
            f"SELECT {RUNNING} FROM started_transaction WHERE {where} AND id IN"
            f" (SELECT started_transaction FROM entries WHERE charge_point = ? AND {BY_HAND})"
            " ORDER BY id DESC LIMIT 1",
            (value, charge_point),
        ).fetchall()
    if not rows or (transaction_id is None and len(rows) > 1):
        return None
    return Running(*rows[0])


def improve_source(db: Database, running: Running, readings: Iterable[Reading]) -> bool:
    """Store the best source of these readings with their transaction, if it is better than before.

    Return True if it is.
    """
    source = best_source(readings)
    # Views read the latest register of a transaction by its best source.
    if source is None or source_rank(source) >= source_rank(running.register_source):
        return False
    db.execute(
        "UPDATE started_transaction SET register_source = ? WHERE id = ?", (source, running.row)
    )
    return True
