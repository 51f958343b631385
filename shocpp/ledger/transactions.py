"""Transactions, their natural keys, and the decision about a StartTransaction (pure).

A stop whose start is not on file may tell it itself, in a sample of its transactionData with the
context Transaction.Begin. Otherwise a register that never restarts begins where the last record
ended (OCPP 1.6 errata 3.77). A human decides in either case.

The readings of a charger's meter and clock identify a repeat. Message ids do not: they restart at
every boot of many chargers and change on every retry of others.
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from shocpp.ledger.accounts import Card, IdTag, effective_id_tag, id_tag_of
from shocpp.ledger.register import TOLERANCE_WH
from shocpp.ledger.transaction_id import pack
from shocpp.ocpp.facts import Reading, TransactionStarted, TransactionStopped

DEFAULT_TAG_USED = "no card told: default tag"
"""The flag of a transaction whose charger sent no id tag and has a default tag."""

CLOCK_SET_SINCE_MS = 1_577_836_800_000
"""2020-01-01: an earlier time comes from an unset clock.

MicroOcpp sends 1970 and Alfen 2014-01-01 before their clocks are set.
"""

START_DECODED = "start known from the id, within 1 kWh"
"""The flag of a record that begins at the kWh in its id."""

START_TOLD = "start known from its transactionData"
"""The flag of a record that begins at its Transaction.Begin."""

START_ASSUMED = "start assumed at the end of the record before"
"""The flag of a record under review that begins where the last one ended."""

PER_SESSION_WH = 1_000
"""A record that begins below this may be of a register that restarts with each session."""

_KEYS = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class Transaction(NamedTuple):
    """A transaction on file. Energies are in Wh, times in milliseconds since 1970.

    row            its key in the database
    id_tag         the effective id tag: the charger's, or its default tag if it sent none
    status         the AuthorizationStatus that answered its start
    state          open, orphaned (a later start took its connector) or stopped
    start_known    False if the start had no readable meter reading
    assigned_by    the user who assigned it to another account, and the reason
    flags          the texts of its flags, joined
    """

    row: int
    transaction_id: int
    connector_id: int
    id_tag: str
    account_index: int
    account: str
    status: str
    state: str
    meter_start_wh: int
    start_known: bool
    meter_stop_wh: int | None
    started_ms: int | None
    stopped_ms: int | None
    assigned_by: str | None = None
    flags: str = ""


class StartRows(NamedTuple):
    """The rows of one Charge Point that decide a StartTransaction.

    same_key              the newest transaction with the same natural key
    unstopped             its open and orphaned transactions
    charging_elsewhere    True if the card has an open transaction at another Charge Point
    """

    same_key: Transaction | None
    unstopped: tuple[Transaction, ...]
    charging_elsewhere: bool


class StartDecision(NamedTuple):
    """The answer to a StartTransaction, and the transaction to write.

    `repeat_of` is the row of the transaction that the charger sent again, None for a new one.
    `orphaned` are the rows of the transactions that it replaces on its connector.
    """

    repeat_of: int | None
    id_tag: str
    transaction_id: int
    status: str
    account_index: int
    account: str
    orphaned: tuple[int, ...]
    flags: tuple[str, ...]


def has_clock(moment_ms: int | None) -> bool:
    """Return True if a charger's time comes from a clock that was set."""
    return moment_ms is not None and moment_ms >= CLOCK_SET_SINCE_MS


class KeyedStart(NamedTuple):
    """A StartTransaction with its keys, which are computed once and go with it to the store.

    natural_key    its natural key at its Charge Point
    id_tag         the effective id tag: the charger's, or its default tag if it sent none
    has_clock      True if its time comes from a clock that was set
    """

    fact: TransactionStarted
    natural_key: str
    id_tag: IdTag
    has_clock: bool

    def with_default_tag(self, default_tag: str | None) -> "KeyedStart":
        """Return this start with the default tag of its Charge Point, if it has no id tag."""
        id_tag = effective_id_tag(self.id_tag, default_tag)
        return self if id_tag is self.id_tag else self._replace(id_tag=id_tag)


def keyed_start(started: TransactionStarted) -> KeyedStart:
    """Return a start with its keys.

    The natural key holds connector, id tag, meter start and the timestamp as the charger wrote it.
    """
    id_tag = id_tag_of(started.id_tag)
    # The id tag as sent, not the effective one: a changed default tag must not make a repeat new.
    key = natural_key(
        started.connector_id, id_tag.key, started.meter_start_wh, started.started_text
    )
    return KeyedStart(started, key, id_tag, has_clock(started.started_ms))


def natural_key(*parts: object) -> str:
    """Return the parts as one JSON text; equal parts always make an equal key."""
    return _KEYS.encode(parts)


def decide_start(start: KeyedStart, card: Card, rows: StartRows) -> StartDecision:
    """Decide if a StartTransaction is a repeat, and return its id, account and status.

    `card` is the card of the effective id tag (OCPP 1.6 §4.8). A repeat gets the id, account and
    status of the first start, even if tags.json has changed since (invariant I7).
    """
    started, same = start.fact, rows.same_key
    # A charger without a clock sends the same key for different transactions. There it is a repeat
    # only while the first one is open.
    if same is not None and (start.has_clock or same.state == "open"):
        return StartDecision(
            repeat_of=same.row,
            id_tag=same.id_tag,
            transaction_id=same.transaction_id,
            status=same.status,
            account_index=same.account_index,
            account=same.account,
            orphaned=(),
            flags=(),
        )
    taken = {transaction.transaction_id for transaction in rows.unstopped}
    packed = pack(card.account_index, started.meter_start_wh or 0, taken)
    id_tag, flags = start.id_tag.text, list(started.flags)
    if id_tag != started.id_tag:
        flags.append(DEFAULT_TAG_USED)
    if not start.has_clock:
        flags.append("start time implausible")
    if packed.clamped:
        flags.append("start reading does not fit the transaction id")
    if packed.moved_kwh:
        flags.append(f"transaction id moved by {packed.moved_kwh} kWh")
    status = card.status
    # OCPP 1.6 §7.2: ConcurrentTx. A repeat never comes here, so it never gets it (invariant I7).
    if status == "Accepted" and rows.charging_elsewhere and not card.concurrent:
        status = "ConcurrentTx"
    # One connector has one transaction, so the charger lost the stop of the older one.
    orphaned = tuple(
        transaction.row
        for transaction in rows.unstopped
        if transaction.connector_id == started.connector_id and transaction.state == "open"
    )
    return StartDecision(
        None,
        id_tag,
        packed.transaction_id,
        status,
        card.account_index,
        card.account,
        orphaned,
        tuple(flags),
    )


# -- starts that are not on file -------------------------------------------------------------------


class BookedInterval(NamedTuple):
    """The readings of a booked record. `connector_id` is None if only its id was left."""

    connector_id: int | None
    begin_wh: int
    end_wh: int
    stopped_ms: int


def end_in_stop(stopped: TransactionStopped) -> int | None:
    """Return the reading at the stop: meterStop, else the last one of its transactionData."""
    if stopped.meter_stop_wh is not None:
        return stopped.meter_stop_wh
    registers = [_plain_wh(reading) for reading in stopped.readings]
    return next((wh for wh in reversed(registers) if wh is not None), None)


def begin_in_stop(stopped: TransactionStopped) -> int | None:
    """Return the reading at Transaction.Begin in its transactionData.

    None if there is none, or if it lies above the end: the register restarted since.
    """
    begin_wh = None if stopped.begin is None else _plain_wh(stopped.begin)
    end_wh = end_in_stop(stopped)
    if begin_wh is None or begin_wh < 0 or (end_wh is not None and end_wh < begin_wh):
        return None
    return begin_wh


def _plain_wh(reading: Reading) -> int | None:
    """Return the register of a reading, None if a comma leaves it ambiguous."""
    return reading.register_wh if reading.or_else_wh is None else None


def end_before(newest_first: Sequence[BookedInterval], stopped: TransactionStopped) -> int | None:
    """Return the end of the last record if this stop goes on from there, or None.

    The records are the newest of the Charge Point. They must be of one connector and of a register
    that has not restarted, and the stop must be later and not lower.
    """
    end_wh = end_in_stop(stopped)
    connectors = {record.connector_id for record in newest_first} - {None}
    if end_wh is None or len(connectors) != 1:
        return None
    last = newest_first[0]
    is_older = stopped.stopped_ms is not None and stopped.stopped_ms < last.stopped_ms
    if is_older or end_wh < last.end_wh or last.begin_wh < PER_SESSION_WH:
        return None
    climbs = all(
        later.begin_wh >= earlier.end_wh - TOLERANCE_WH and earlier.end_wh >= earlier.begin_wh
        for later, earlier in pairwise(newest_first)
    )
    return last.end_wh if climbs and last.end_wh >= last.begin_wh else None
