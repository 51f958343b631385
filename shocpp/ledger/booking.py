"""The accounting record of a StopTransaction (ground floor: pure).

    start    transactions.decide_start(fact, card, rows)    a repeat, or a new transaction
    stop     matching.match_stop(fact, rows)                which transaction does it end?
             book_stop(fact, match, readings, …)            what is booked, and is it under review?

The bookkeeper hands in the fact and the rows that matter, all read inside one BEGIN IMMEDIATE; the
decision is written in the same transaction, before the confirmation leaves. Energy is never
negative and never dropped.
"""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.ledger.matching import METER_TOLERANCE_WH, Match
from shocpp.ledger.transaction_id import unpack
from shocpp.ledger.transactions import has_clock
from shocpp.ocpp.facts import Reading, TransactionStopped

CLOCK_AHEAD_MS = 5 * 60_000
CAP_WH = 200_000
"""Energy of one transaction that a human should see before it is billed."""

MOST_W = 400_000
SHORTEST_S = 300
"""No charger delivers more; a shorter transaction is judged as one of this length, because it is
rather its clock that is wrong."""


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
    if started_ms is not None:
        seconds = max((stopped_ms - started_ms) // 1000, SHORTEST_S)
        if consumed_wh > MOST_W * seconds // 3600:
            reviews.append("more than a charger can deliver in the time")
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
