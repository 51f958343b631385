"""The matching of a StopTransaction with the transaction that it ends (pure).

The rules run in this order, and the first one with an answer decides:

    _match_known         the same stop is on file: it is a repeat
    _match_same_id       a transaction of this Charge Point has the id
    _match_without_id    the id is missing or bent: the only open transaction that fits
    _match_decoded       the id is unknown, but may be older than this database

A stop is never refused and never dropped (invariant I4). If no rule has an answer, or two
transactions are possible, it is `unmatched`: booked under review, with the reason.
All rows are of the stop's own Charge Point, so no other one can close a transaction (I9).
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from shocpp.ledger.accounts import UNASSIGNED, IdTag, id_tag_key, id_tag_of
from shocpp.ledger.clocks import has_clock
from shocpp.ledger.missing_start import START_DECODED, BookedInterval, begin_in_stop, end_before
from shocpp.ledger.record import SECOND_STOP
from shocpp.ledger.register import TOLERANCE_WH
from shocpp.ledger.transaction_id import (
    INT32_MAX,
    UNASSIGNED_INDEX,
    is_float32_rounding,
    unpack,
)
from shocpp.ledger.transactions import Transaction, natural_key, tag_in_key
from shocpp.ocpp.facts import TransactionStopped

RECOVERY_MS = 30 * 86_400_000
"""The age of a database, in milliseconds, up to which a start may be older than the database."""


class StopOnFile(NamedTuple):
    """An earlier StopTransaction with the same natural key.

    `connector_id` is the connector of the transaction that it ended, or None. `last_start` is the
    row of the newest transaction of its Charge Point at its receipt.
    """

    row: int
    id_tag: str | None
    connector_id: int | None
    last_start: int


class StopRows(Protocol):
    """The rows that decide a StopTransaction, oldest first.

    Properties, so that the store reads only the rows that a rule uses: most stops need the first
    two. `known`, `same_id` and `unstopped` are rows of the stop's own Charge Point.
    """

    @property
    def known(self) -> tuple[StopOnFile, ...]:
        """Return the earlier stops with the same natural key."""

    @property
    def same_id(self) -> tuple[Transaction, ...]:
        """Return the transactions with the stop's id, in any state."""

    @property
    def unstopped(self) -> tuple[Transaction, ...]:
        """Return the open and the orphaned transactions."""

    @property
    def card_account(self) -> int | None:
        """Return the account index of the stop's id tag, or None if it has no known id tag."""

    @property
    def issued_elsewhere(self) -> bool:
        """Return True if another Charge Point has a transaction with the stop's id."""

    @property
    def account_names(self) -> Mapping[int, str]:
        """Return the account names by index, of tags.json and of the database."""

    @property
    def ledger_created_ms(self) -> int:
        """Return the time since which every start is on file: creation, rebuild or import."""

    @property
    def ended_by_hand(self) -> tuple[Transaction, ...]:
        """Return the transactions that humans have ended, and no stop has."""

    @property
    def booked(self) -> tuple[BookedInterval, ...]:
        """Return the newest booked records of a Charge Point with one connector, newest first."""


class Match(NamedTuple):
    """The transaction that a stop ends. Exactly one of the first five fields is set.

    repeat_of           the row of the earlier stop that this one repeats
    closes              the transaction that it ends: open, orphaned, or stopped by a human only
    follows             the ended transaction whose second stop it is
    decoded_start_wh    the start reading that its id contains; nothing else of the start is on file
    unmatched           the reason why a human must review it
    account             with `account_index`: the owner if only the id or the card names one
    end_before_wh       if unmatched: the end of the last record, where its energy may begin
    """

    repeat_of: int | None = None
    closes: Transaction | None = None
    follows: Transaction | None = None
    decoded_start_wh: int | None = None
    unmatched: str | None = None
    account_index: int = UNASSIGNED_INDEX
    account: str = UNASSIGNED
    flags: tuple[str, ...] = ()
    end_before_wh: int | None = None


class KeyedStop(NamedTuple):
    """A StopTransaction with its keys, which are computed once and go with it to the store.

    natural_key      its natural key at its Charge Point
    anonymous_key    the natural key without the id
    is_anonymous     True if its id names no transaction (-1 or 0)
    id_tag           the id tag of the card that stopped it, or None
    has_clock        True if its time comes from a clock that was set
    """

    fact: TransactionStopped
    natural_key: str
    anonymous_key: str
    is_anonymous: bool
    id_tag: IdTag | None
    has_clock: bool


def keyed_stop(stopped: TransactionStopped) -> KeyedStop:
    """Return a stop with its keys.

    The natural key holds the id, the timestamp and the meter reading, and never changes. The id is
    the number if it is one, else the text as sent.
    """
    sent_id = stopped.transaction_id
    id_tag = None if stopped.id_tag is None else id_tag_of(stopped.id_tag)
    is_anonymous = sent_id in (-1, 0)
    # MicroOcpp sends the same stop first with its id and then with -1.
    without_id = (stopped.stopped_text, stopped.plain_stop_wh)
    # Two connectors may be stopped offline in one second at one reading. If both send -1, only
    # their cards differ.
    card = (tag_in_key(id_tag),) if is_anonymous and id_tag is not None else ()
    return KeyedStop(
        stopped,
        natural_key(
            stopped.transaction_id_text if sent_id is None else str(sent_id), *without_id, *card
        ),
        natural_key(*without_id),
        is_anonymous,
        id_tag,
        has_clock(stopped.stopped_ms),
    )


def match_stop(stop: KeyedStop, rows: StopRows, now_ms: int) -> Match:
    """Return the transaction that a StopTransaction ends, by the first rule with an answer.

    `now_ms` is the time of receipt.
    """
    match = (
        _match_known(stop, rows)
        or _match_same_id(stop, rows)
        or _match_without_id(stop, rows)
        or _match_decoded(stop, rows, now_ms)
        or Match(unmatched="no transaction matches this stop")
    )
    return match if match.unmatched is None else _with_proposal(match, stop, rows)


def _with_proposal(match: Match, stop: KeyedStop, rows: StopRows) -> Match:
    """Return an unmatched stop with the account and the begin that a human may confirm."""
    index = rows.card_account
    if index is not None:
        match = match._replace(account_index=index, account=rows.account_names[index])
    # The energy since the last record may be that of a transaction without a stop.
    if begin_in_stop(stop.fact) is not None or rows.unstopped:
        return match
    return match._replace(end_before_wh=end_before(rows.booked, stop.fact))


def _match_known(stop: KeyedStop, rows: StopRows) -> Match | None:
    """Return the stop on file that this one repeats.

    A charger without a clock sends equal stops of different transactions. If a later start fits
    this stop, it is no repeat: the next rules find its transaction.
    """
    # The last one, because a charger repeats its newest stop until it is answered.
    known = next((former for former in reversed(rows.known) if _is_same(former, stop)), None)
    if known is None:
        return None
    if not stop.has_clock:
        # Transaction messages come in order (OCPP 1.6 §3.7). So a stop after a later start with its
        # id, or on its connector, is not the old stop again. The row ids give the order: our own
        # clock may be set back between the two.
        without_stop = (*rows.unstopped, *rows.ended_by_hand)
        later = [t for t in without_stop if t.row > known.last_start]
        if any(transaction in rows.same_id for transaction in later):
            return None
        fitting = [transaction for transaction in later if _fits(transaction, stop, rows)]
        if any(known.connector_id in (None, t.connector_id) for t in fitting):
            return None
        # The later start is on another connector. Both readings are possible, and each would lose
        # or double energy if it is the wrong one: a human decides.
        if fitting:
            return Match(unmatched="a repeat, or the stop of an open transaction elsewhere")
    return Match(repeat_of=known.row)


def _is_same(former: StopOnFile, stop: KeyedStop) -> bool:
    """Return True if a stop with the same natural key can be the same stop.

    Without an id, two connectors stopped in one second at one reading differ by their cards only.
    """
    if not stop.is_anonymous or former.id_tag is None or stop.id_tag is None:
        return True
    return id_tag_key(former.id_tag) == stop.id_tag.key


def _match_same_id(stop: KeyedStop, rows: StopRows) -> Match | None:
    """Return the open transaction with this id, or the ended one whose second stop this is.

    Several transactions share an id if they are shorter than a kWh, or if the register restarts.
    """
    if not rows.same_id:
        return None
    unstopped = [transaction for transaction in rows.same_id if transaction.state != "stopped"]
    ended = [transaction for transaction in rows.same_id if transaction.state == "stopped"]
    if len(unstopped) > 1:
        unstopped = [t for t in unstopped if _fits(t, stop, rows) and _in_time(t, stop)]
        if len(unstopped) != 1:
            return Match(unmatched="several open transactions have this id")
    # A stop not later than the end of an ended transaction is of that one, unless the open one had
    # begun by then. Without an ended one no time decides: go-e sends stop times before the start.
    is_old = any(_is_until_end(t, stop) for t in ended)
    if unstopped and (not is_old or _in_time(unstopped[0], stop)):
        return Match(closes=unstopped[0])
    in_time = [t for t in ended if _in_time(t, stop)]
    last = (in_time or ended)[-1]
    if last in rows.ended_by_hand:
        return Match(closes=last)
    return Match(follows=last, flags=(SECOND_STOP,))


def _is_until_end(ended: Transaction, stop: KeyedStop) -> bool:
    """Return True if a stop is not later than the end, which a human who ended it cannot know."""
    stopped_ms = stop.fact.stopped_ms
    if ended.stopped_ms is None:
        return _in_time(ended, stop)
    return stopped_ms is not None and stopped_ms <= ended.stopped_ms


def _match_without_id(stop: KeyedStop, rows: StopRows) -> Match | None:
    """Return the only transaction that fits a stop whose id names none.

    Chargers send -1 or 0 for offline transactions, ids of their own beyond int32, and ids that a
    float32 has rounded.
    """
    sent = stop.fact.transaction_id
    if sent is not None and 0 < sent <= INT32_MAX:
        # A positive id may be forged or belong to another transaction. It closes one only if it
        # decodes to the same account and nearly the same start.
        among = (*rows.unstopped, *rows.ended_by_hand)
        fitting = [t for t in among if _fits(t, stop, rows)]
        near = [t for t in fitting if is_float32_rounding(sent, t.transaction_id, t.account_index)]
        if len(near) == 1:
            slip = sent - near[0].transaction_id
            return Match(closes=near[0], flags=(f"id off by {slip}",))
        return None
    # A StopTransaction is the stop of the current transaction rather than of an orphaned one, and
    # last of all of one that a human has ended.
    for state in ("open", "orphaned", "stopped"):
        among = rows.ended_by_hand if state == "stopped" else rows.unstopped
        fitting = [t for t in among if t.state == state and _fits(t, stop, rows)]
        if len(fitting) > 1:
            return Match(unmatched="several open transactions fit a stop without an id")
        if fitting:
            return Match(closes=fitting[0], flags=("matched without its id",))
    return None


def _match_decoded(stop: KeyedStop, rows: StopRows, now_ms: int) -> Match | None:
    """Return account and start of an id that this database does not know.

    This is the recovery after a lost database: the id alone holds the account and the start.
    Every condition below protects against billing a forged or foreign id.
    """
    unpacked = unpack(stop.fact.transaction_id or 0)
    if unpacked is None:
        return None
    if rows.issued_elsewhere:
        return Match(unmatched="this id was issued to another charge point")
    start_wh = unpacked.start_kwh * 1000
    names_nobody = unpacked.account_index == UNASSIGNED_INDEX
    # An intact database has every id that it issued. So only a young one may accept unknown ids.
    if now_ms - rows.ledger_created_ms >= RECOVERY_MS:
        return None if names_nobody else Match(unmatched="this id was not issued by this ledger")
    # The energy would be booked twice: now by this stop, later by the open transaction's own.
    if any(start_wh <= t.meter_start_wh <= (stop.fact.meter_stop_wh or 0) for t in rows.unstopped):
        return Match(unmatched="an open transaction lies in what this id claims")
    # It is rather a number of the charger's own than the id of an unknown card.
    if names_nobody and (rows.card_account or start_wh > (stop.fact.meter_stop_wh or 0)):
        return None
    if rows.card_account not in (None, unpacked.account_index):
        return Match(unmatched="the card belongs to another account than the id")
    name = rows.account_names.get(unpacked.account_index)
    if name is None:
        return Match(unmatched=f"the id names account {unpacked.account_index}, which is not known")
    return Match(
        decoded_start_wh=start_wh,
        account_index=unpacked.account_index,
        account=name,
        flags=(START_DECODED,),
    )


def _fits(transaction: Transaction, stop: KeyedStop, rows: StopRows) -> bool:
    """Return True if the card and the reading of the stop agree with this transaction.

    Another card of the same account may stop it (OCPP 1.6 §3.10).
    """
    same_card = (
        stop.id_tag is None
        or stop.id_tag.key == id_tag_key(transaction.id_tag)
        or rows.card_account == transaction.account_index
    )
    meter_stop = stop.fact.meter_stop_wh
    grown = (
        meter_stop is None
        or not transaction.start_known
        or transaction.meter_start_wh <= meter_stop + TOLERANCE_WH
    )
    return same_card and grown


def _in_time(transaction: Transaction, stop: KeyedStop) -> bool:
    """Return True if the transaction began before the stop, or a time is missing."""
    started_ms, stopped_ms = transaction.started_ms, stop.fact.stopped_ms
    return started_ms is None or stopped_ms is None or started_ms <= stopped_ms
