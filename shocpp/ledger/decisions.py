"""What a human decides about energy, as entries beside the records they are about (ground: pure).

    assign     another account answers for the energy
    correct    the readings or the energy were others
    dismiss    nobody owes it

A record is never changed. If it was booked, a `reversal` takes its energy away again; then a
`replacement` or a `dismissal` says what holds instead. One that was under review has never been
counted, so nothing is taken away. Transactions that were never stopped, and gaps, have no record to
replace: their entry stands alone.
"""

from typing import NamedTuple

from shocpp.errors import UsageError
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.booking import MOST_WH, Record
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.ledger.transactions import NO_CARD_TOLD, Transaction, has_clock


class Owner(NamedTuple):
    """The account that answers for energy."""

    account_index: int
    account: str


class Entry(NamedTuple):
    """An accounting record that a decision makes: a reversal, a replacement or a dismissal."""

    entry: str
    record: Record


class Measured(NamedTuple):
    """What a human has read off: any of the readings and the energy, in Wh."""

    begin_wh: int | None = None
    end_wh: int | None = None
    consumed_wh: int | None = None


def assign(record: Record, owner: Owner) -> tuple[Entry, ...]:
    """The entries by which an account answers for the energy of this record."""
    return (*_taken_away(record), Entry("replacement", _owned(record, owner)))


def correct(record: Record, owner: Owner, measured: Measured) -> tuple[Entry, ...]:
    """The entries by which a record gets other readings; UsageError where they do not agree."""
    if measured == Measured():
        if owner == Owner(record.account_index, record.account):
            raise UsageError(
                "say what was measured, or whose it is: --begin, --end, --wh, --account"
            )
        return assign(record, owner)
    begin_wh, end_wh, consumed_wh = _agreed(record, measured)
    corrected = record._replace(begin_wh=begin_wh, end_wh=end_wh, consumed_wh=consumed_wh)
    return (*_taken_away(record), Entry("replacement", _owned(corrected, owner)))


def dismiss(record: Record) -> tuple[Entry, ...]:
    """The entries by which nobody owes the energy of this record."""
    return (*_taken_away(record), Entry("dismissal", record._replace(consumed_wh=0, review=None)))


def gap_record(
    connector_id: int | None, from_wh: int, to_wh: int, after_ms: int, before_ms: int
) -> Record:
    """Energy past the books, as a record under review that a decision can be about."""
    return Record(
        account_index=UNASSIGNED_INDEX,
        account=UNASSIGNED,
        connector_id=connector_id,
        id_tag=None,
        begin_wh=from_wh,
        end_wh=to_wh,
        consumed_wh=to_wh - from_wh,
        started_ms=after_ms,
        stopped_ms=before_ms,
        billed_ms=before_ms,
        duration_s=None,
        charging_s=None,
        stop_reason="Other",
        provenance="decided",
        review="energy past the books",
        flags=("no transaction",),
    )


def orphan_record(transaction: Transaction, end_wh: int, last_ms: int) -> Record:
    """A transaction that was never stopped, up to its last reading, as a record under review."""
    started_ms = transaction.started_ms if has_clock(transaction.started_ms) else None
    no_card = (NO_CARD_TOLD,) if NO_CARD_TOLD in transaction.flags else ()
    return Record(
        account_index=transaction.account_index,
        account=transaction.account,
        connector_id=transaction.connector_id,
        id_tag=transaction.id_tag,
        begin_wh=transaction.meter_start_wh,
        end_wh=end_wh,
        consumed_wh=end_wh - transaction.meter_start_wh,
        started_ms=started_ms,
        stopped_ms=last_ms,
        billed_ms=last_ms,
        duration_s=None,
        charging_s=None,
        stop_reason="Other",
        provenance="decided",
        review="never stopped",
        flags=("estimated from its last reading", *no_card),
    )


def _taken_away(record: Record) -> tuple[Entry, ...]:
    """The readings change places, so that end - begin is what is taken away."""
    if record.review is not None:
        return ()
    reversed_ = record._replace(
        begin_wh=record.end_wh, end_wh=record.begin_wh, consumed_wh=-record.consumed_wh
    )
    return (Entry("reversal", reversed_),)


def _owned(record: Record, owner: Owner) -> Record:
    return record._replace(account_index=owner.account_index, account=owner.account, review=None)


def _agreed(record: Record, measured: Measured) -> tuple[int, int, int]:
    """Begin, end and energy: what was not read off follows from the others.

    Where the register restarted in between, its readings say nothing of the energy.
    """
    begin_wh, end_wh, consumed_wh = measured
    if begin_wh is None:
        told = None if end_wh is None or consumed_wh is None else end_wh - consumed_wh
        begin_wh = record.begin_wh if told is None else told
    if end_wh is None:
        restarted = record.end_wh < begin_wh
        end_wh = record.end_wh if consumed_wh is None or restarted else begin_wh + consumed_wh
    if consumed_wh is None:
        consumed_wh = end_wh - begin_wh
    if not (0 <= consumed_wh <= MOST_WH and 0 <= begin_wh <= MOST_WH and 0 <= end_wh <= MOST_WH):
        raise UsageError(
            f"from {begin_wh} Wh to {end_wh} Wh it cannot be {consumed_wh} Wh; give --begin, --end "
            "or --wh as whole Wh"
        )
    if end_wh >= begin_wh and end_wh - begin_wh != consumed_wh:
        raise UsageError(
            f"from {begin_wh} Wh to {end_wh} Wh are {end_wh - begin_wh} Wh, not {consumed_wh}; "
            "leave one of --begin, --end and --wh out"
        )
    return begin_wh, end_wh, consumed_wh
