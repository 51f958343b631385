"""Stops of transactions: what `ledger.matching` and `ledger.booking` decide on, and their rows."""

from collections.abc import Callable
from functools import cached_property

from shocpp.ledger.matching import (
    Match,
    StopOnFile,
    anonymous_stop_key,
    is_anonymous,
    stop_key,
)
from shocpp.ledger.transaction_id import INT32_MAX
from shocpp.ledger.transactions import Transaction, has_clock
from shocpp.ocpp.facts import TransactionStopped
from shocpp.store import properties
from shocpp.store.books.transactions import (
    account_names,
    select_transactions,
    unstopped_transactions,
)
from shocpp.store.database import Database

RESTARTED_BELOW_WH = 1_000
"""A start below this is that of a register which begins anew each session."""

INFINITE_WH = 2**62


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
        return (
            select_transactions(self._db, where, self._charge_point, sent) if self._is_ours else ()
        )

    @cached_property
    def unstopped(self) -> tuple[Transaction, ...]:
        """The transactions that it could end."""
        return unstopped_transactions(self._db, self._charge_point)

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
