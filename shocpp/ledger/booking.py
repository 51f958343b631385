"""What a StartTransaction and a StopTransaction do to the books (ground floor: pure).

The bookkeeper hands in the fact and the rows that matter, all read inside one BEGIN IMMEDIATE; the
decision comes back and is written in the same transaction, before the confirmation leaves.

    start    decide_start(fact, card, rows)              a repeat, or a new transaction
    stop     match_stop(fact, rows)                      which transaction does it end?
             book_stop(fact, match, readings, …)         what is booked, and is it under review?

Repeats are recognised by what the charger's meter and clock said, never by message ids, which
restart at every boot of many chargers and change on every retry of others. Nothing is refused and
nothing dropped: what cannot be decided is a record under review.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shocpp.ledger.accounts import UNASSIGNED, Card, id_tag_key
from shocpp.ledger.transaction_id import INT32_MAX, UNASSIGNED_INDEX, pack, unpack
from shocpp.ocpp.facts import Reading, TransactionStarted, TransactionStopped

CLOCK_SET_SINCE_MS = 1_577_836_800_000
"""2020-01-01: a charger that says less has no clock (1970: MicroOcpp, 2014-01-01: Alfen)."""

CLOCK_AHEAD_MS = 5 * 60_000
METER_TOLERANCE_WH = 2
"""Starts are truncated and stops rounded by some chargers; Huawei stops 1 Wh before its start."""

CAP_WH = 200_000
FORGETFUL_MS = 30 * 86_400_000
"""How long after the birth of a database a start may be older than it."""

FLOAT32_SLIP = 64
"""Chargers that keep ids in a float32 return them off by at most half a step of 128."""


class Transaction(NamedTuple):
    """A transaction on file; `row` is the store's own key of it."""

    row: int
    transaction_id: int
    connector_id: int
    id_tag: str
    account_index: int
    account: str
    status: str
    state: str
    meter_start_wh: int
    meter_stop_wh: int | None
    started_ms: int | None
    received_ms: int


class StopOnFile(NamedTuple):
    """An earlier StopTransaction with the same natural key."""

    row: int
    received_ms: int


class StartRows(NamedTuple):
    """What is on file at the Charge Point of a StartTransaction."""

    same_key: Transaction | None
    unstopped: tuple[Transaction, ...]
    charging_elsewhere: bool


class StopRows(NamedTuple):
    """What is on file that matters to a StopTransaction; all but the last three of its own
    Charge Point. `card_account` is the account index of the stop's id tag, if it has a known one.
    """

    known: StopOnFile | None
    same_id: tuple[Transaction, ...]
    unstopped: tuple[Transaction, ...]
    card_account: int | None
    issued_elsewhere: bool
    account_names: Mapping[int, str]
    ledger_born_ms: int


class StartDecision(NamedTuple):
    """`repeat_of` is the row of the transaction that is merely told again; else a new one."""

    repeat_of: int | None
    transaction_id: int
    status: str
    account_index: int
    account: str
    orphaned: tuple[int, ...]
    flags: tuple[str, ...]


class Match(NamedTuple):
    """Which transaction a stop ends. Exactly one of the first four is set."""

    repeat_of: int | None = None
    closes: Transaction | None = None
    follows: Transaction | None = None
    decoded_start_wh: int | None = None
    unmatched: str | None = None
    account_index: int = UNASSIGNED_INDEX
    account: str = UNASSIGNED
    flags: tuple[str, ...] = ()


class Record(NamedTuple):
    """An accounting record. `review` is the reason it waits for a human, None when it is booked."""

    account_index: int
    account: str
    connector_id: int | None
    id_tag: str | None
    begin_wh: int
    end_wh: int
    consumed_wh: int
    started_ms: int | None
    stopped_ms: int
    billed_ms: int
    stop_reason: str
    provenance: str
    review: str | None
    flags: tuple[str, ...]

    @property
    def begin_kwh(self) -> int:
        """The seed's whole kWh at the start."""
        return self.begin_wh // 1000

    @property
    def end_kwh(self) -> int:
        """The seed's whole kWh at the stop."""
        return self.end_wh // 1000

    @property
    def consumed_kwh(self) -> int:
        """The seed's difference of whole kWh; every sum is of `consumed_wh` instead."""
        if self.end_wh < self.begin_wh:
            return self.consumed_wh // 1000
        return self.end_kwh - self.begin_kwh

    @property
    def duration_s(self) -> int | None:
        """Seconds from start to stop, where both are known."""
        if self.started_ms is None:
            return None
        return max(0, (self.stopped_ms - self.started_ms) // 1000)


def has_clock(moment_ms: int | None) -> bool:
    """Whether a charger's time came from a clock that was set."""
    return moment_ms is not None and moment_ms >= CLOCK_SET_SINCE_MS


def start_key(started: TransactionStarted) -> str:
    """The natural key of a start at its Charge Point."""
    return _key(
        started.connector_id,
        id_tag_key(started.id_tag),
        started.meter_start_wh,
        started.started_text,
    )


def stop_key(stopped: TransactionStopped) -> str:
    """The natural key of a stop at its Charge Point: `[id, time, reading]`."""
    spelled = stopped.transaction_id
    return _key(
        stopped.transaction_id_text if spelled is None else str(spelled),
        stopped.stopped_text,
        stopped.meter_stop_wh,
    )


def anonymous_stop_key(stopped: TransactionStopped) -> str:
    """The key without its id: MicroOcpp repeats a stop with its id first, then with -1."""
    return _key(stopped.stopped_text, stopped.meter_stop_wh)


def is_anonymous(stopped: TransactionStopped) -> bool:
    """Whether the stop's id says nothing about what it ends (-1 and 0)."""
    return stopped.transaction_id in (-1, 0)


def _key(*parts: object) -> str:
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)


def decide_start(started: TransactionStarted, card: Card, rows: StartRows) -> StartDecision:
    """What a StartTransaction becomes (OCPP 1.6 §4.8).

    A repeat gets the id, account and status of the first one, whatever tags.json says by now. An
    unset clock makes keys that return, so there it is a repeat only while the first is open.
    """
    same = rows.same_key
    if same is not None and (has_clock(started.started_ms) or same.state == "open"):
        return StartDecision(
            same.row, same.transaction_id, same.status, same.account_index, same.account, (), ()
        )
    taken = {transaction.transaction_id for transaction in rows.unstopped}
    packed = pack(card.account_index, started.meter_start_wh, taken)
    flags = list(started.flags)
    if not has_clock(started.started_ms):
        flags.append("start time implausible")
    if packed.clamped:
        flags.append("start reading does not fit the transaction id")
    if packed.moved_kwh:
        flags.append(f"transaction id moved by {packed.moved_kwh} kWh")
    status = card.status
    if status == "Accepted" and rows.charging_elsewhere and not card.concurrent:
        status = "ConcurrentTx"
    orphaned = tuple(
        transaction.row
        for transaction in rows.unstopped
        if transaction.connector_id == started.connector_id and transaction.state == "open"
    )
    return StartDecision(
        None,
        packed.transaction_id,
        status,
        card.account_index,
        card.account,
        orphaned,
        tuple(flags),
    )


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

    Transaction messages come in order (OCPP 1.6 §3.7), so a stop received after a later start
    cannot be the old stop again.
    """
    if rows.known is None:
        return None
    if not has_clock(stopped.stopped_ms):
        for transaction in rows.unstopped:
            later = transaction.received_ms >= rows.known.received_ms
            if later and (transaction in rows.same_id or _fits(transaction, stopped, rows)):
                return None
    return Match(repeat_of=rows.known.row)


def _match_same_id(stopped: TransactionStopped, rows: StopRows) -> Match | None:
    if not rows.same_id:
        return None
    unstopped = [transaction for transaction in rows.same_id if transaction.state != "stopped"]
    ended = [transaction for transaction in rows.same_id if transaction.state == "stopped"]
    if len(unstopped) > 1:
        unstopped = [t for t in unstopped if _fits(t, stopped, rows) and _in_time(t, stopped)]
        if len(unstopped) != 1:
            return Match(unmatched="several open transactions have this id")
    if unstopped and (_in_time(unstopped[0], stopped) or not _latest_in_time(ended, stopped)):
        return Match(closes=unstopped[0])
    earlier = _latest_in_time(ended, stopped) or ended[-1]
    return Match(follows=earlier, flags=("second stop of its transaction",))


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
    name = rows.account_names.get(unpacked.account_index)
    if name is None:
        return Match(unmatched=f"the id names account {unpacked.account_index}, which is not known")
    return Match(
        decoded_start_wh=unpacked.start_kwh * 1000,
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
    grown = meter_stop is None or transaction.meter_start_wh <= meter_stop + METER_TOLERANCE_WH
    return same_card and grown


def _in_time(transaction: Transaction, stopped: TransactionStopped) -> bool:
    started_ms, stopped_ms = transaction.started_ms, stopped.stopped_ms
    return started_ms is None or stopped_ms is None or started_ms <= stopped_ms


def _latest_in_time(
    transactions: Iterable[Transaction], stopped: TransactionStopped
) -> Transaction | None:
    latest = None
    for transaction in transactions:
        if _in_time(transaction, stopped):
            latest = transaction
    return latest


def _is_bent(sent: int, transaction: Transaction) -> bool:
    issued = transaction.transaction_id
    same_account = unpack(sent) is not None and (
        sent // 10_000_000 == issued // 10_000_000 == transaction.account_index
    )
    return same_account and abs(sent - issued) <= FLOAT32_SLIP


def book_stop(
    stopped: TransactionStopped,
    match: Match,
    *,
    readings: Iterable[Reading] = (),
    neighbours: Iterable[tuple[int, int]] = (),
    now_ms: int,
) -> Record:
    """The record of a stop that is no repeat.

    `readings` are the transaction's meter values in order; `neighbours` are the intervals (Wh)
    that other records or later starts claim and that this one must not book again.
    """
    neighbours = tuple(neighbours)
    transaction = match.closes or match.follows
    flags = [*match.flags, *stopped.flags]
    reviews = [match.unmatched] if match.unmatched else []
    begin_wh = _begin_wh(stopped, match, neighbours)
    end_wh, consumed_wh = _energy(stopped, begin_wh, readings, match, flags, reviews)
    if any(low < end_wh and high > begin_wh for low, high in neighbours):
        reviews.append("overlaps what is booked already")
    if consumed_wh > CAP_WH:
        reviews.append(f"more than {CAP_WH // 1000} kWh")
    started_ms = transaction.started_ms if transaction else None
    if not has_clock(started_ms):
        started_ms = None
    stopped_ms = _stop_time(stopped, started_ms, now_ms, flags)
    return Record(
        account_index=transaction.account_index if transaction else match.account_index,
        account=transaction.account if transaction else match.account,
        connector_id=transaction.connector_id if transaction else None,
        id_tag=transaction.id_tag if transaction else stopped.id_tag,
        begin_wh=begin_wh,
        end_wh=end_wh,
        consumed_wh=consumed_wh,
        started_ms=started_ms,
        stopped_ms=stopped_ms,
        billed_ms=stopped_ms,
        stop_reason=stopped.reason,
        provenance=_provenance(match),
        review="; ".join(reviews) or None,
        flags=tuple(flags),
    )


def _provenance(match: Match) -> str:
    if match.unmatched:
        return "unmatched"
    return "started" if match.decoded_start_wh is None else "decoded"


def _begin_wh(
    stopped: TransactionStopped, match: Match, neighbours: tuple[tuple[int, int], ...]
) -> int:
    if match.closes:
        return match.closes.meter_start_wh
    if match.follows:
        covered_to_wh = match.follows.meter_stop_wh
        return match.follows.meter_start_wh if covered_to_wh is None else covered_to_wh
    if match.decoded_start_wh is not None:
        # Registers are raw (errata 3.77): where a record ends within this kWh, the start was there.
        kwh_wh = match.decoded_start_wh
        ends = (high for _, high in neighbours if kwh_wh < high < kwh_wh + 1000)
        return max(ends, default=kwh_wh)
    unpacked = unpack(stopped.transaction_id or 0)
    meter_stop_wh = stopped.meter_stop_wh or 0
    if unpacked and 0 <= meter_stop_wh - unpacked.start_kwh * 1000 <= CAP_WH:
        return unpacked.start_kwh * 1000
    return meter_stop_wh


def _energy(
    stopped: TransactionStopped,
    begin_wh: int,
    readings: Iterable[Reading],
    match: Match,
    flags: list[str],
    reviews: list[str],
) -> tuple[int, int]:
    """The end reading and the energy; never negative, never dropped."""
    registers = [reading.register_wh for reading in readings if reading.register_wh is not None]
    end_wh = stopped.meter_stop_wh
    if end_wh is None:
        reviews.append("the stop has no readable meter reading")
        end_wh = registers[-1] if registers else begin_wh
    if end_wh >= begin_wh:
        return end_wh, end_wh - begin_wh
    if match.follows or match.unmatched:
        return end_wh, 0
    if begin_wh - end_wh <= METER_TOLERANCE_WH:
        flags.append(f"stopped {begin_wh - end_wh} Wh below its start")
        return end_wh, 0
    if match.decoded_start_wh is not None:
        reviews.append("the stop reading lies below the start that its id names")
        return end_wh, 0
    flags.append("register restarted")
    return end_wh, _grown_wh(begin_wh, [*registers, max(end_wh, 0)])


def _grown_wh(begin_wh: int, registers: Iterable[int]) -> int:
    """What a register that restarts at zero has counted: each drop begins again from nothing."""
    grown_wh, previous_wh = 0, begin_wh
    for register_wh in registers:
        grown_wh += register_wh - previous_wh if register_wh >= previous_wh else register_wh
        previous_wh = register_wh
    return grown_wh


def _stop_time(
    stopped: TransactionStopped, started_ms: int | None, now_ms: int, flags: list[str]
) -> int:
    """The charger's stop time where it is plausible, else ours; our own clock may be unset too."""
    stopped_ms = stopped.stopped_ms
    if stopped_ms is not None and has_clock(stopped_ms):
        after_start = started_ms is None or started_ms <= stopped_ms
        not_ahead = stopped_ms <= now_ms + CLOCK_AHEAD_MS or not has_clock(now_ms)
        if after_start and not_ahead:
            return stopped_ms
    flags.append("stop time implausible")
    return now_ms
