"""Transactions, their stops and what they must not claim twice (memory floor).

It keeps what `ledger.booking` decides and hands it the rows it decides on; both inside the caller's
one write transaction.
"""

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

from shocpp.ledger.accounts import UNASSIGNED, id_tag_key
from shocpp.ledger.decisions import Owner
from shocpp.ledger.matching import (
    Match,
    StopOnFile,
    anonymous_stop_key,
    is_anonymous,
    stop_key,
)
from shocpp.ledger.transaction_id import INT32_MAX, UNASSIGNED_INDEX
from shocpp.ledger.transactions import (
    StartDecision,
    StartRows,
    Transaction,
    has_clock,
    start_key,
)
from shocpp.ocpp.facts import TransactionStarted, TransactionStopped
from shocpp.store import properties
from shocpp.store.database import Database

RESTARTED_BELOW_WH = 1_000
"""A start below this is that of a register which begins anew each session."""

INFINITE_WH = 2**62

_TRANSACTION = (
    "SELECT id, transaction_id, connector_id, id_tag, account_index, account, status, state,"
    " meter_start_wh, start_known, meter_stop_wh, started_ms, stopped_ms, assigned_by, flags"
    " FROM started_transaction"
)


_UNSTOPPED = "INDEXED BY started_transaction_unstopped"
"""SQLite would rather read all transactions of a Charge Point than those of this index."""


def _transactions(db: Database, where: str, *values: object) -> tuple[Transaction, ...]:
    rows = db.execute(f"{_TRANSACTION} WHERE {where} ORDER BY id", values)
    return tuple(Transaction(*row) for row in rows.fetchall())


def _unstopped(db: Database, charge_point: int) -> tuple[Transaction, ...]:
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
    same_key = _transactions(
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
        unstopped=_unstopped(db, charge_point),
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


class RowsForStop:
    """What `match_stop` needs to know, read when it asks for it."""

    def __init__(
        self,
        db: Database,
        charge_point: int,
        stopped: TransactionStopped,
        card_account: int | None,
        listed: Callable[[], dict[int, str]],
        now_ms: int,
    ) -> None:
        """`listed` are the names of the accounts in force, by index."""
        self.card_account = card_account
        self._db = db
        self._charge_point = charge_point
        self._stopped = stopped
        self._listed = listed
        self._now_ms = now_ms
        sent = stopped.transaction_id
        self._is_ours = sent is not None and 0 < sent <= INT32_MAX

    @cached_property
    def known(self) -> tuple[StopOnFile, ...]:
        """The earlier stops that are alike."""
        return stops_alike(self._db, self._charge_point, self._stopped)

    @cached_property
    def same_id(self) -> tuple[Transaction, ...]:
        """The transactions with its id."""
        where, sent = "charge_point = ? AND transaction_id = ?", self._stopped.transaction_id
        return _transactions(self._db, where, self._charge_point, sent) if self._is_ours else ()

    @cached_property
    def unstopped(self) -> tuple[Transaction, ...]:
        """The transactions that it could end."""
        return _unstopped(self._db, self._charge_point)

    @property
    def issued_elsewhere(self) -> bool:
        """Whether another Charge Point has a transaction with its id."""
        found = self._db.execute(
            "SELECT 1 FROM started_transaction"
            " WHERE transaction_id = ? AND charge_point <> ? LIMIT 1",
            (self._stopped.transaction_id if self._is_ours else None, self._charge_point),
        ).fetchone()
        return found is not None

    @property
    def account_names(self) -> dict[int, str]:
        """Those of the books, and those in force."""
        return self._listed() | account_names(self._db)

    @property
    def ledger_born_ms(self) -> int:
        """Since when every start is on file."""
        return properties.born_ms(self._db, self._now_ms)


def stops_alike(
    db: Database, charge_point: int, stopped: TransactionStopped
) -> tuple[StopOnFile, ...]:
    """The earlier stops with this one's natural key, as far as ids tell stops apart.

    A stop without an id is alike whatever the earlier one's id was; one with an id is alike an
    earlier one without, where that has ended the transaction of this id: chargers repeat a stop of
    an offline transaction with the id that they have got meanwhile.
    """
    rows = db.execute(
        "SELECT stop.id, stop.id_tag, started.connector_id, stop.last_start"
        " FROM received_stop AS stop"
        " LEFT JOIN started_transaction AS started ON started.id = stop.started_transaction"
        " WHERE stop.charge_point = ? AND stop.anonymous_key = ? AND (? OR stop.stop_key = ?"
        "  OR stop.transaction_id_text IN ('-1', '0') AND started.transaction_id = ?)"
        " ORDER BY stop.id",
        (
            charge_point,
            anonymous_stop_key(stopped),
            is_anonymous(stopped),
            stop_key(stopped),
            stopped.transaction_id,
        ),
    )
    return tuple(StopOnFile(*row) for row in rows.fetchall())


def count_repeated_stop(db: Database, row: int) -> None:
    """Note that a stop was sent again."""
    db.execute("UPDATE received_stop SET repeats = repeats + 1 WHERE id = ?", (row,))


def overlapping(
    db: Database, charge_point: int, stopped: TransactionStopped, match: Match
) -> list[tuple[int, int]]:
    """The intervals in Wh that this stop must not book again.

    Of a transaction on file: what began after it on its connector, what was booked there since it
    began, what was booked from an id alone, a gap given away in whose time it began, and, where it
    has no clock and may be an ended one told again, its like. Registers that begin each session
    below 1 kWh overlap and mean nothing by it.
    A decoded transaction has no connector, so every record of its Charge Point counts, and those
    imported without one.
    """
    end_wh = stopped.meter_stop_wh
    if end_wh is None or match.unmatched:
        return []
    transaction = match.closes or match.follows
    if transaction is None:
        return db.execute(
            "SELECT begin_wh, end_wh FROM entries WHERE (charge_point = ?1 OR charge_point IS NULL)"
            " AND review IS NULL AND entry <> 'dismissal' AND end_wh > ?2 AND begin_wh < ?3",
            (charge_point, match.decoded_start_wh, end_wh),
        ).fetchall()
    begin_wh = transaction.meter_start_wh
    lowest_wh = RESTARTED_BELOW_WH if begin_wh < RESTARTED_BELOW_WH else -INFINITE_WH
    return db.execute(
        "SELECT meter_start_wh, max(meter_start_wh, coalesce(meter_stop_wh, :infinite))"
        # What is newer are few rows; by their readings it would be nearly all.
        " FROM started_transaction NOT INDEXED WHERE charge_point = :charge_point"
        " AND connector_id = :connector AND id > :row AND meter_start_wh >= :lowest"
        " AND meter_start_wh < :end AND start_known"
        " UNION ALL SELECT begin_wh, end_wh FROM entries"
        " WHERE charge_point = :charge_point AND review IS NULL AND entry <> 'dismissal'"
        " AND end_wh > :begin AND begin_wh < :end AND begin_wh >= :lowest"
        " AND coalesce(started_transaction, 0) <> :row AND (provenance = 'decoded'"
        "  OR provenance = 'decided' AND started_transaction IS NULL"
        "   AND coalesce(connector_id, :connector) = :connector"
        "   AND :started BETWEEN started_ms AND stopped_ms"
        "  OR connector_id = :connector AND (id > (SELECT last_record FROM started_transaction"
        "   WHERE id = :row) OR :clockless AND begin_wh = :begin AND end_wh = :end))",
        {
            "charge_point": charge_point,
            "connector": transaction.connector_id,
            "row": transaction.row,
            "begin": begin_wh,
            "end": end_wh,
            "lowest": lowest_wh,
            "infinite": INFINITE_WH,
            "clockless": not has_clock(transaction.started_ms),
            "started": transaction.started_ms,
        },
    ).fetchall()


def record_stop(
    db: Database,
    charge_point: int,
    stopped: TransactionStopped,
    match: Match,
    now_ms: int,
    frame_text: str | None,
) -> int:
    """Keep a stop that is no repeat, and close what it ends. Returns its row."""
    transaction = match.closes or match.follows
    cursor = db.execute(
        "INSERT INTO received_stop (charge_point, started_transaction, transaction_id_text,"
        " meter_stop_wh, stopped_ms, stopped_text, id_tag, reason, received_ms, last_start,"
        " stop_key, anonymous_key, has_clock, frame_text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " (SELECT coalesce(max(id), 0) FROM started_transaction WHERE charge_point = ?1),"
        " ?, ?, ?, ?)",
        (
            charge_point,
            transaction.row if transaction else None,
            stopped.transaction_id_text,
            stopped.meter_stop_wh,
            stopped.stopped_ms,
            stopped.stopped_text,
            stopped.id_tag,
            stopped.reason,
            now_ms,
            stop_key(stopped),
            anonymous_stop_key(stopped),
            has_clock(stopped.stopped_ms),
            frame_text,
        ),
    )
    return int(cursor.lastrowid or 0)


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
    (transaction,) = _transactions(db, "id = ?", row)
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
