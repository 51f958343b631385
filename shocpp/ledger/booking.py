"""The accounting record of a StopTransaction (pure).

    start    transactions.decide_start(start, card, rows)    a repeat, or a new transaction
    stop     matching.match_stop(stop, rows, now_ms)         the transaction that it ends
             book_stop(stop, match, readings, …)             the record, booked or under review

The writer reads the rows for a decision and writes the decision in one BEGIN IMMEDIATE. The
confirmation leaves after its commit (invariant I1). Energy is never negative and never dropped
(I4): a record that is not plausible is written under review, and a human decides.
"""

from collections.abc import Iterable

from shocpp.ledger.clocks import clocked, is_ahead
from shocpp.ledger.matching import KeyedStop, Match
from shocpp.ledger.missing_start import (
    START_ASSUMED,
    START_DECODED,
    START_IN_STOP,
    begin_in_stop,
    end_in_stop,
)
from shocpp.ledger.own_readings import (
    Selection,
    charging_s,
    deliverable_wh,
    grown,
    power_wh,
    registers_of,
    select,
)
from shocpp.ledger.record import ENERGY_UNKNOWN, MOST_WH, OVERLAPS, RESTARTED, Record
from shocpp.ledger.register import CAP_WH, TOLERANCE_WH
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX, unpack
from shocpp.ledger.transactions import CARD_LEARNED, DEFAULT_TAG_USED, Transaction
from shocpp.ocpp.facts import Reading, TransactionStopped

MUCH_WH = 500
"""The energy of the power readings, in Wh, from which the register is compared with them."""

FAR_BELOW = 10
"""The factor between power readings and register that shows a wrong unit.

OpenEVSE sends kWh as Wh.
"""


def book_stop(
    stop: KeyedStop,
    match: Match,
    *,
    readings: Iterable[Reading] = (),
    overlapping: Iterable[tuple[int, int]] = (),
    cap_wh: int = CAP_WH,
    now_ms: int,
) -> Record:
    """Return the accounting record of a stop that is no repeat.

    readings       the transaction's meter values, in the order of receipt
    overlapping    the intervals in Wh that other records or later starts cover (invariant I3)
    cap_wh         the energy above which the record waits for a review
    now_ms         the time of receipt
    """
    stopped, overlapping = stop.fact, tuple(overlapping)
    transaction = match.closes or match.follows
    started_ms = clocked(transaction.started_ms if transaction else None)
    selection = select(readings, started_ms, stopped.stopped_ms, now_ms)
    flags = [*match.flags, *stopped.flags]
    if transaction and DEFAULT_TAG_USED in transaction.flags:
        flags.append(DEFAULT_TAG_USED)
    if transaction and transaction.assigned_by:
        # Not by whom: that may be the user of a computer, and the flag is printed on statements.
        flags.append(CARD_LEARNED)
    reviews = [match.unmatched] if match.unmatched else []
    registers = registers_of(selection.readings)
    # A large battery may exceed the usual cap. A small cap is a wish of the owner: readings above
    # it are real, and only the record waits.
    most_wh = max(cap_wh, CAP_WH)
    begin_wh = _begin_wh(stopped, match, registers, overlapping, flags, reviews, most_wh)
    end_wh, consumed_wh = _energy(stopped, begin_wh, selection, match, flags, reviews, most_wh)
    if begin_wh is None:
        begin_wh = end_wh
    # Several reasons may apply. The record keeps all of them for the reviewer.
    if _overlaps(begin_wh, end_wh, overlapping):
        reviews.append(OVERLAPS)
    if consumed_wh > cap_wh:
        reviews.append(f"more than {cap_wh // 1000} kWh")
    by_power_wh = power_wh(selection.readings)
    if match.closes and by_power_wh >= MUCH_WH and consumed_wh * FAR_BELOW < by_power_wh:
        flags.append(f"far below the {by_power_wh} Wh of its power readings")
    if START_IN_STOP in flags and stopped.begin:
        started_ms = clocked(stopped.begin.sampled_ms)
    duration_s = _duration_s(stopped, started_ms)
    if duration_s is not None and consumed_wh > deliverable_wh(duration_s):
        reviews.append("more than a charger can deliver in the time")
    stopped_ms = _stop_time(stop, started_ms, now_ms, flags)
    return Record(
        account_index=transaction.account_index if transaction else match.account_index,
        account=transaction.account if transaction else match.account,
        connector_id=transaction.connector_id if transaction else None,
        id_tag=transaction.id_tag if transaction else stopped.id_tag,
        begin_wh=begin_wh,
        end_wh=end_wh,
        consumed_wh=min(consumed_wh, MOST_WH),
        started_ms=started_ms,
        stopped_ms=stopped_ms,
        billed_ms=stopped_ms,
        duration_s=duration_s,
        charging_s=charging_s(begin_wh, started_ms, selection.readings, stopped.stopped_ms, end_wh),
        stop_reason=stopped.reason,
        provenance=_provenance(match),
        review="; ".join(reviews) or None,
        flags=tuple(flags),
    )


def _overlaps(begin_wh: int, end_wh: int, overlapping: Iterable[tuple[int, int]]) -> bool:
    """Return True if an interval lies inside by more than the tolerance; touching is no overlap."""
    return any(
        low + TOLERANCE_WH < end_wh and high > begin_wh + TOLERANCE_WH for low, high in overlapping
    )


def _duration_s(stopped: TransactionStopped, started_ms: int | None) -> int | None:
    """Return the seconds from start to stop, or None if they are not known."""
    # Both times are the charger's: its clock may be hours off ours, and the difference is right.
    if started_ms is None or stopped.stopped_ms is None or stopped.stopped_ms < started_ms:
        return None
    return (stopped.stopped_ms - started_ms) // 1000


def _provenance(match: Match) -> str:
    """Return the stored word for the source of the start reading."""
    if match.unmatched:
        return "unmatched"
    return "started" if match.decoded_start_wh is None else "decoded"


def _begin_wh(
    stopped: TransactionStopped,
    match: Match,
    registers: list[int],
    overlapping: tuple[tuple[int, int], ...],
    flags: list[str],
    reviews: list[str],
    most_wh: int,
) -> int | None:
    """Return the register reading at which the energy to book begins, in Wh; None if unknown."""
    sent_wh, end_wh = begin_in_stop(stopped), end_in_stop(stopped)
    if match.closes:
        if match.closes.start_known:
            return match.closes.meter_start_wh
        reviews.append("the start has no readable meter reading")
        return next(iter(registers if sent_wh is None else [sent_wh]), None)
    if match.follows:
        return _covered_to_wh(match.follows, stopped.meter_stop_wh or 0, reviews)
    if match.decoded_start_wh is not None:
        kwh_wh = match.decoded_start_wh
        if sent_wh is not None and kwh_wh <= sent_wh < kwh_wh + 1000:
            flags[:] = [START_IN_STOP, *(flag for flag in flags if flag != START_DECODED)]
            return sent_wh
        # The id has whole kWh only. Registers are raw (errata 3.77), so a transaction begins where
        # the one before ended: a record that ends within this kWh gives the exact start.
        ends = (high for _, high in overlapping if kwh_wh < high < kwh_wh + 1000)
        return max(ends, default=kwh_wh)
    # An unmatched stop: show the reviewer the energy that anything tells.
    if sent_wh is not None:
        flags.append(START_IN_STOP)
        return sent_wh
    unpacked = unpack(stopped.transaction_id or 0)
    # An id without an account is rather a number of the charger's own where the card has one.
    if unpacked and unpacked.account_index == UNASSIGNED_INDEX != match.account_index:
        unpacked = None
    if unpacked and end_wh is not None and 0 <= end_wh - unpacked.start_kwh * 1000 <= most_wh:
        return unpacked.start_kwh * 1000
    if match.end_before_wh is not None:
        flags.append(START_ASSUMED)
    return match.end_before_wh


def _covered_to_wh(transaction: Transaction, meter_stop_wh: int, reviews: list[str]) -> int:
    """Return the reading up to which an earlier stop has booked this transaction, in Wh.

    A second stop books only the rest.
    """
    start_wh, covered_wh = transaction.meter_start_wh, transaction.meter_stop_wh
    # The first stop had no reading, or the register restarted before it. Of start and first stop,
    # the energy begins at the higher one that this reading has reached: that books the least.
    if covered_wh is None or covered_wh < start_wh:
        reviews.append("a second stop after the register restarted")
        if covered_wh is None or meter_stop_wh >= start_wh:
            return start_wh
    elif meter_stop_wh < covered_wh - TOLERANCE_WH:
        reviews.append("a second stop with a lower reading")
    return covered_wh


def _energy(
    stopped: TransactionStopped,
    begin_wh: int | None,
    selection: Selection,
    match: Match,
    flags: list[str],
    reviews: list[str],
    most_wh: int,
) -> tuple[int, int]:
    """Return the reading at the stop and the energy to book, both in Wh.

    The energy is never negative, and 0 if an end is unknown. Each doubt adds a text to `flags` or
    `reviews`.
    """
    end_wh = _end_wh(stopped, registers_of(selection.readings), reviews)
    if begin_wh is None or end_wh is None:
        flags.append(ENERGY_UNKNOWN)
        return next((wh for wh in (end_wh, begin_wh) if wh is not None), 0), 0
    if begin_wh < 0 or end_wh < -TOLERANCE_WH:
        reviews.append("a negative meter reading")
        return end_wh, max(end_wh - begin_wh, 0)
    # Only a transaction that this stop closes has all its readings on file. Without them a restart
    # of the register cannot be recognised.
    if match.closes is None:
        if match.decoded_start_wh is not None and end_wh < begin_wh:
            reviews.append("the stop reading lies below the start that its id names")
        return end_wh, max(end_wh - begin_wh, 0)
    return end_wh, _energy_of_restarts(begin_wh, end_wh, selection, flags, reviews, most_wh)


def _energy_of_restarts(
    begin_wh: int,
    end_wh: int,
    selection: Selection,
    flags: list[str],
    reviews: list[str],
    most_wh: int,
) -> int:
    """Return the energy between two readings in Wh, also if the register restarted in between."""
    growth, is_doubtful = grown(selection, begin_wh, end_wh, most_wh)
    if is_doubtful:
        reviews.append("readings that are left out show more energy")
    if begin_wh - TOLERANCE_WH <= end_wh:
        if end_wh < begin_wh:
            flags.append(f"stopped {begin_wh - end_wh} Wh below its start")
        # Without a restart the two ends decide. Readings may be of another register: MicroOcpp
        # sends MeterValues from zero beside a cumulative meterStart.
        if not growth.restarts:
            return max(end_wh - begin_wh, 0)
        reviews.append("the readings fall in between: the register may have restarted")
        return growth.wh
    flags.append(RESTARTED)
    # A stop a little below the start is rather a misreading. As a restart it would bill all that
    # the meter has ever counted.
    if not registers_of(selection.readings) and 2 * end_wh >= begin_wh:
        reviews.append("the register ends below its start, and no reading shows a restart")
    if growth.restarts != 1 or growth.contradictions:
        reviews.append("the readings contradict each other")
    return growth.wh


def _end_wh(stopped: TransactionStopped, registers: list[int], reviews: list[str]) -> int | None:
    """Return the register reading at the stop, in Wh; None if it is unknown."""
    if stopped.meter_stop_wh is None:
        reviews.append("the stop has no readable meter reading")
        # Its transactionData is later than its MeterValues.
        sent_wh = end_in_stop(stopped)
        return registers[-1] if sent_wh is None and registers else sent_wh
    return stopped.meter_stop_wh


def _stop_time(stop: KeyedStop, started_ms: int | None, now_ms: int, flags: list[str]) -> int:
    """Return the charger's stop time if it is plausible, else the time of receipt."""
    stopped_ms = stop.fact.stopped_ms
    if stopped_ms is not None and stop.has_clock:
        after_start = started_ms is None or started_ms <= stopped_ms
        if after_start and not is_ahead(stopped_ms, now_ms):
            return stopped_ms
    flags.append("stop time implausible")
    return now_ms
