"""Which transaction a StopTransaction ends (ground floor: pure).

The first rule that has an answer decides; nothing is refused and nothing dropped: what no rule can
decide is `unmatched`, with the reason.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from shocpp.ledger.accounts import UNASSIGNED, id_tag_key
from shocpp.ledger.register import TOLERANCE_WH
from shocpp.ledger.transaction_id import INT32_MAX, SHARE, UNASSIGNED_INDEX, unpack
from shocpp.ledger.transactions import Transaction, has_clock, natural_key
from shocpp.ocpp.facts import TransactionStopped

FORGETFUL_MS = 30 * 86_400_000
"""How long after the birth of a database a start may be older than it."""

FLOAT32_SLIP = 64
"""Chargers that keep ids in a float32 return them off by at most half a step of 128."""


class StopOnFile(NamedTuple):
    """An earlier StopTransaction with the same natural key.

    `connector_id` is that of the transaction it ended, if it ended one; `last_start` the row of the
    newest transaction of its Charge Point when it came.
    """

    row: int
    id_tag: str | None
    connector_id: int | None
    last_start: int


class StopRows(Protocol):
    """What is on file that matters to a StopTransaction; most stops ask for the first two only.

    All but the last three are of its own Charge Point. `card_account` is the account index of the
    stop's id tag, if it has a known one.
    """

    @property
    def known(self) -> tuple[StopOnFile, ...]: ...
    @property
    def same_id(self) -> tuple[Transaction, ...]: ...
    @property
    def unstopped(self) -> tuple[Transaction, ...]: ...
    @property
    def card_account(self) -> int | None: ...
    @property
    def issued_elsewhere(self) -> bool: ...
    @property
    def account_names(self) -> Mapping[int, str]: ...
    @property
    def ledger_born_ms(self) -> int: ...


class Match(NamedTuple):
    """Which transaction a stop ends. Exactly one of the first five is set."""

    repeat_of: int | None = None
    closes: Transaction | None = None
    follows: Transaction | None = None
    decoded_start_wh: int | None = None
    unmatched: str | None = None
    account_index: int = UNASSIGNED_INDEX
    account: str = UNASSIGNED
    flags: tuple[str, ...] = ()


def stop_key(stopped: TransactionStopped) -> str:
    """The natural key of a stop at its Charge Point: id, time, reading.

    Where the id says nothing, the card says which of two stops in one second it is.
    """
    spelled = stopped.transaction_id
    said = (
        stopped.transaction_id_text if spelled is None else str(spelled),
        stopped.stopped_text,
        stopped.meter_stop_wh,
    )
    if is_anonymous(stopped) and stopped.id_tag is not None:
        return natural_key(*said, id_tag_key(stopped.id_tag))
    return natural_key(*said)


def anonymous_stop_key(stopped: TransactionStopped) -> str:
    """The key without its id: MicroOcpp repeats a stop with its id first, then with -1."""
    return natural_key(stopped.stopped_text, stopped.meter_stop_wh)


def is_anonymous(stopped: TransactionStopped) -> bool:
    """Whether the stop's id says nothing about what it ends (-1 and 0)."""
    return stopped.transaction_id in (-1, 0)


def match_stop(stopped: TransactionStopped, rows: StopRows, now_ms: int) -> Match:
    """Which transaction a StopTransaction ends: the first of these rules that has an answer."""
    return (
        _match_known(stopped, rows)
        or _match_same_id(stopped, rows)
        or _match_without_id(stopped, rows)
        or _match_decoded(stopped, rows, now_ms)
        or Match(unmatched="no transaction matches this stop")
    )


def _match_known(stopped: TransactionStopped, rows: StopRows) -> Match | None:
    """A repeat; but a charger without a clock that has gone on to a new transaction means that one.

    Transaction messages come in order (OCPP 1.6 §3.7), so a stop received after a later start with
    its id, or on its connector, cannot be the old stop again. That order is the rows', not our
    clock's.
    """
    known = next((stop for stop in reversed(rows.known) if _same_stop(stop, stopped)), None)
    if known is None:
        return None
    if not has_clock(stopped.stopped_ms):
        later = [t for t in rows.unstopped if t.row > known.last_start]
        if any(transaction in rows.same_id for transaction in later):
            return None
        fitting = [transaction for transaction in later if _fits(transaction, stopped, rows)]
        if any(known.connector_id in (None, t.connector_id) for t in fitting):
            return None
        if fitting:
            return Match(unmatched="a repeat, or the stop of an open transaction elsewhere")
    return Match(repeat_of=known.row)


def _same_stop(known: StopOnFile, stopped: TransactionStopped) -> bool:
    """Two connectors may be stopped in one second at one reading.

    Where the id does not tell them apart, their cards do.
    """
    if not is_anonymous(stopped) or known.id_tag is None or stopped.id_tag is None:
        return True
    return id_tag_key(known.id_tag) == id_tag_key(stopped.id_tag)


def _match_same_id(stopped: TransactionStopped, rows: StopRows) -> Match | None:
    """The open transaction with this id; a second stop of an ended one only if its time says so."""
    if not rows.same_id:
        return None
    unstopped = [transaction for transaction in rows.same_id if transaction.state != "stopped"]
    ended = [transaction for transaction in rows.same_id if transaction.state == "stopped"]
    if len(unstopped) > 1:
        unstopped = [t for t in unstopped if _fits(t, stopped, rows) and _in_time(t, stopped)]
        if len(unstopped) != 1:
            return Match(unmatched="several open transactions have this id")
    is_old = any(_no_later(stopped.stopped_ms, t.stopped_ms) for t in ended)
    if unstopped and (not is_old or _in_time(unstopped[0], stopped)):
        return Match(closes=unstopped[0])
    in_time = [t for t in ended if _in_time(t, stopped)]
    return Match(follows=(in_time or ended)[-1], flags=("second stop of its transaction",))


def _no_later(moment_ms: int | None, other_ms: int | None) -> bool:
    return moment_ms is not None and other_ms is not None and moment_ms <= other_ms


def _match_without_id(stopped: TransactionStopped, rows: StopRows) -> Match | None:
    """Offline ids (-1), 0, local ids of the charger's own, and ids that a float32 has bent."""
    sent = stopped.transaction_id
    if sent is not None and 0 < sent <= INT32_MAX:
        near = [t for t in rows.unstopped if _is_bent(sent, t) and _fits(t, stopped, rows)]
        if len(near) == 1:
            slip = sent - near[0].transaction_id
            return Match(closes=near[0], flags=(f"id off by {slip}",))
        return None
    for state in ("open", "orphaned"):
        fitting = [t for t in rows.unstopped if t.state == state and _fits(t, stopped, rows)]
        if len(fitting) > 1:
            return Match(unmatched="several open transactions fit a stop without an id")
        if fitting:
            return Match(closes=fitting[0], flags=("matched without its id",))
    return None


def _match_decoded(stopped: TransactionStopped, rows: StopRows, now_ms: int) -> Match | None:
    """The recovery record: an id that this database does not know, but may be older than it."""
    unpacked = unpack(stopped.transaction_id or 0)
    if unpacked is None:
        return None
    if rows.issued_elsewhere:
        return Match(unmatched="this id was issued to another charge point")
    if now_ms - rows.ledger_born_ms >= FORGETFUL_MS:
        return Match(unmatched="this id was not issued by this ledger")
    start_wh = unpacked.start_kwh * 1000
    if any(start_wh <= t.meter_start_wh <= (stopped.meter_stop_wh or 0) for t in rows.unstopped):
        return Match(unmatched="an open transaction lies in what this id claims")
    if rows.card_account not in (None, unpacked.account_index):
        return Match(unmatched="the card belongs to another account than the id")
    name = rows.account_names.get(unpacked.account_index)
    if name is None:
        return Match(unmatched=f"the id names account {unpacked.account_index}, which is not known")
    return Match(
        decoded_start_wh=start_wh,
        account_index=unpacked.account_index,
        account=name,
        flags=("start known from the id, within 1 kWh",),
    )


def _fits(transaction: Transaction, stopped: TransactionStopped, rows: StopRows) -> bool:
    """Whether card and reading of the stop agree with this transaction.

    Another card of the same account may stop it (OCPP 1.6 §3.10).
    """
    same_card = (
        stopped.id_tag is None
        or id_tag_key(stopped.id_tag) == id_tag_key(transaction.id_tag)
        or rows.card_account == transaction.account_index
    )
    meter_stop = stopped.meter_stop_wh
    grown = (
        meter_stop is None
        or not transaction.start_known
        or transaction.meter_start_wh <= meter_stop + TOLERANCE_WH
    )
    return same_card and grown


def _in_time(transaction: Transaction, stopped: TransactionStopped) -> bool:
    started_ms, stopped_ms = transaction.started_ms, stopped.stopped_ms
    return started_ms is None or stopped_ms is None or started_ms <= stopped_ms


def _is_bent(sent: int, transaction: Transaction) -> bool:
    issued = transaction.transaction_id
    same_account = unpack(sent) is not None and (
        sent // SHARE == issued // SHARE == transaction.account_index
    )
    return same_account and abs(sent - issued) <= FLOAT32_SLIP
