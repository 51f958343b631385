"""The begin of a stop whose start is not on file (pure).

Such a stop may hold its start reading, in a sample of its transactionData with the context
Transaction.Begin. Otherwise a register that never restarts begins where the last record ended (OCPP
1.6 errata 3.77). A human decides in either case.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from shocpp.ledger.register import TOLERANCE_WH
from shocpp.ocpp.facts import Reading, TransactionStopped

START_DECODED = "start known from the id, within 1 kWh"
"""The flag of a record that begins at the kWh in its id."""

START_IN_STOP = "start known from its transactionData"
"""The flag of a record that begins at its Transaction.Begin."""

START_ASSUMED = "start assumed at the end of the record before"
"""The flag of a record under review that begins where the last one ended."""

PER_SESSION_WH = 1_000
"""A record that begins below this may be of a register that restarts with each session."""


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
    if stopped.begin is None:
        return None
    begin_wh, end_wh = _plain_wh(stopped.begin), end_in_stop(stopped)
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
