"""The decisions of a human about energy, as entries beside the records (pure).

    assign     book the energy to another account
    correct    book other readings or another energy
    dismiss    book the energy to nobody
    end        end a transaction at its last reading, and book that to its own account

A record is never changed (invariant I3). If it was booked, a `reversal` subtracts its energy. Then
a `replacement` or a `dismissal` holds in its place. A record under review was never counted, so it
gets no reversal. A gap, or a transaction that was never stopped, has no record to replace: its
entry stands alone. A stop that comes after the end by hand wins: it reverses that entry, and its
own record holds instead.
"""

from typing import NamedTuple

from shocpp.errors import UsageError
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.clocks import clocked
from shocpp.ledger.record import ENERGY_UNKNOWN, MOST_WH, Record
from shocpp.ledger.transaction_id import UNASSIGNED_INDEX
from shocpp.ledger.transactions import DEFAULT_TAG_USED, Transaction

ENDED_BY_HAND = "ended by hand"
"""The flag of the record of a transaction that a human has ended."""

BY_SHOCPP = "shocpp"
"""The author of decisions that no human has made: after a late stop, and of numbers."""


class Owner(NamedTuple):
    """The account that energy is booked to."""

    account_index: int
    account: str


class Entry(NamedTuple):
    """An accounting record of a decision; `entry` is reversal, replacement or dismissal."""

    entry: str
    record: Record


class Measured(NamedTuple):
    """The readings and the energy that a human gives, in Wh; None if not given."""

    begin_wh: int | None = None
    end_wh: int | None = None
    consumed_wh: int | None = None


def assign(record: Record, owner: Owner) -> tuple[Entry, ...]:
    """Return the entries that book the energy of this record to an account."""
    return (*_reversal(record), Entry("replacement", _owned(record, owner)))


def correct(
    record: Record, owner: Owner, measured: Measured, first_solar_wh: int | None = None
) -> tuple[Entry, ...]:
    """Return the entries that book other readings or another energy to an account.

    `first_solar_wh` is the solar energy with which it was first booked; without it, the present one
    counts.

    Raises UsageError if nothing changes, or if the readings and the energy do not agree.
    """
    # Only the account changes. The readings stay: after a restart of the register they could not
    # pass the check below.
    if measured == Measured():
        if owner == Owner(record.account_index, record.account):
            raise UsageError(
                "there is nothing to correct; give --begin, --end, --kwh, --wh or --account"
            )
        return assign(record, owner)
    begin_wh, end_wh, consumed_wh = _completed(record, measured)
    if first_solar_wh is None:
        first_solar_wh = record.solar_wh
    corrected = record._replace(
        begin_wh=begin_wh,
        end_wh=end_wh,
        consumed_wh=consumed_wh,
        flags=_without_unknown(record),
        # Who takes a wrong correction back gets the sun back, too.
        solar_wh=_solar_wh(first_solar_wh, consumed_wh),
    )
    return (*_reversal(record), Entry("replacement", _owned(corrected, owner)))


def dismiss(record: Record) -> tuple[Entry, ...]:
    """Return the entries that book the energy of this record to nobody."""
    # An entry with 0 Wh, because the decision itself must stay on file.
    nothing = record._replace(
        consumed_wh=0,
        review=None,
        flags=_without_unknown(record),
        solar_wh=_solar_wh(record.solar_wh, 0),
    )
    return (*_reversal(record), Entry("dismissal", nothing))


def end(record: Record) -> tuple[Entry, ...]:
    """Return the entry that ends a transaction, given as a record up to its last reading."""
    flags = (ENDED_BY_HAND, *record.flags)
    return (Entry("replacement", record._replace(review=None, flags=flags)),)


def supersede(by_hand: Record, stopped: Record) -> tuple[Entry, ...]:
    """Return the entries that replace the record of a human by that of the late stop.

    The account stays: a human may have assigned it since.
    """
    replacement = stopped._replace(account_index=by_hand.account_index, account=by_hand.account)
    return (*_reversal(by_hand), Entry("replacement", replacement))


def gap_record(
    connector_id: int | None, from_wh: int, to_wh: int, after_ms: int, before_ms: int
) -> Record:
    """Return energy without a transaction as a record under review.

    The register counted from `from_wh` to `to_wh` between two transactions, whose times are
    `after_ms` and `before_ms`. Nothing else is known of it.
    """
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


def orphan_record(transaction: Transaction, end_wh: int, last_ms: int, *, is_known: bool) -> Record:
    """Return a transaction that was never stopped as a record under review.

    It ends at its last reading, `end_wh` at `last_ms`. `is_known` is False if no reading tells its
    energy.
    """
    started_ms = clocked(transaction.started_ms)
    no_card = (DEFAULT_TAG_USED,) if DEFAULT_TAG_USED in transaction.flags else ()
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
        flags=("estimated from its last reading" if is_known else ENERGY_UNKNOWN, *no_card),
    )


def _reversal(record: Record) -> tuple[Entry, ...]:
    """Return the entry that subtracts a booked record, or none for a record under review."""
    if record.review is not None:
        return ()
    # The readings change places, so that end - begin is the energy of every entry.
    reversed_ = record._replace(
        begin_wh=record.end_wh,
        end_wh=record.begin_wh,
        consumed_wh=-record.consumed_wh,
        solar_wh=None if record.solar_wh is None else -record.solar_wh,
    )
    return (Entry("reversal", reversed_),)


def _solar_wh(solar_wh: int | None, consumed_wh: int) -> int | None:
    """Return the solar energy of a record whose energy is corrected: never more than that."""
    return None if solar_wh is None else min(solar_wh, consumed_wh)


def _without_unknown(record: Record) -> tuple[str, ...]:
    """Return the flags of a record whose energy a human has given."""
    return tuple(flag for flag in record.flags if flag != ENERGY_UNKNOWN)


def _owned(record: Record, owner: Owner) -> Record:
    """Return the record booked to an account."""
    return record._replace(account_index=owner.account_index, account=owner.account, review=None)


def _completed(record: Record, measured: Measured) -> tuple[int, int, int]:
    """Return begin, end and energy; a value that is not given follows from the others.

    Raises UsageError if they do not agree. After a restart of the register they cannot be compared.
    """
    begin_wh, end_wh, consumed_wh = measured
    if begin_wh is None:
        begin_wh = record.begin_wh
        # The end of a stop without its start is known, and its begin is not.
        if end_wh is None and ENERGY_UNKNOWN in record.flags and record.provenance == "unmatched":
            end_wh = record.end_wh
        if end_wh is not None and consumed_wh is not None:
            begin_wh = end_wh - consumed_wh
            if begin_wh < 0:
                raise UsageError(
                    f"{consumed_wh} Wh up to the reading {end_wh} Wh would begin below 0; give "
                    "--begin and --end, as read at the start and at the stop"
                )
    if end_wh is None:
        # The end of a register that restarted stays a reading; begin + energy would invent one.
        restarted = record.end_wh < begin_wh
        end_wh = record.end_wh if consumed_wh is None or restarted else begin_wh + consumed_wh
    if consumed_wh is None:
        consumed_wh = end_wh - begin_wh
    if not (0 <= consumed_wh <= MOST_WH and 0 <= begin_wh <= MOST_WH and 0 <= end_wh <= MOST_WH):
        raise UsageError(
            f"the energy from {begin_wh} Wh to {end_wh} Wh cannot be {consumed_wh} Wh; correct "
            "--begin, --end or --wh"
        )
    # Below its begin, the register restarted: then any energy is possible.
    if end_wh >= begin_wh and end_wh - begin_wh != consumed_wh:
        raise UsageError(
            f"{begin_wh} Wh to {end_wh} Wh is {end_wh - begin_wh} Wh, not {consumed_wh}; leave out "
            "one of --begin, --end and --wh"
        )
    return begin_wh, end_wh, consumed_wh
