"""The readings of running transactions, read again from their frames by an upgrade.

Versions before 8 left out samples by their labels, and all values without a transaction id. What
was booked stays. The transactions that have no stop yet are booked by the present rule.
"""

from collections.abc import Iterator
from typing import NamedTuple

from shocpp.ledger.own_readings import attributed
from shocpp.ocpp.actions import CallContext, meter_values
from shocpp.ocpp.facts import MeterValuesReported
from shocpp.ocpp.frames import Call, parse
from shocpp.store import blocks
from shocpp.store.books import transactions
from shocpp.store.database import Database

_CONTEXT = CallContext(now_ms=0, heartbeat_s=0)
"""The content of MeterValues does not depend on it, except for times; those are on file."""


class _Row(NamedTuple):
    """A reading on file, and the text of its frame."""

    id: int
    sampled_ms: int | None
    received_ms: int
    frame: int
    text: str | None


def reread_running(db: Database) -> None:
    """Read the readings of transactions without a stop again, in the caller's write transaction."""
    unstopped = db.execute(
        "SELECT id, charge_point, received_ms FROM started_transaction WHERE state <> 'stopped'"
    ).fetchall()
    for row, charge_point, received_ms in unstopped:
        for frame in _frames(db, row, charge_point, received_ms):
            _reread(db, charge_point, row, frame)


def _frames(db: Database, row: int, charge_point: int, since_ms: int) -> Iterator[list[_Row]]:
    """Yield the readings of a transaction and those of none since its start, frame by frame."""
    rows: list[_Row] = []
    for first, last in blocks.newest_first(db, "meter_reading", charge_point):
        block = db.execute(
            "SELECT reading.id, sampled_ms, received_ms, frame, text, started_transaction"
            " FROM meter_reading AS reading LEFT JOIN frame ON frame.id = reading.frame"
            " WHERE reading.id BETWEEN ? AND ? AND reading.charge_point = ?",
            (first, last, charge_point),
        ).fetchall()
        rows += [_Row(*each) for *each, of in block if of in (None, row) and each[2] >= since_ms]
        # Row ids rise with the time of receipt, so all older blocks are older than the start.
        if any(received_ms < since_ms for _, _, received_ms, *_ in block):
            break
    frames: dict[int, list[_Row]] = {}
    for reading in sorted(rows):
        frames.setdefault(reading.frame, []).append(reading)
    yield from frames.values()


def _reread(db: Database, charge_point: int, row: int, on_file: list[_Row]) -> None:
    """Write the readings of one frame anew, if they are of this transaction."""
    reported = _reported(on_file[0].text)
    if reported is None or len(reported.readings) != len(on_file):
        return
    running = transactions.running(db, charge_point, reported.connector_id, reported.transaction_id)
    if running is None or running.row != row:
        return
    # Only the server knows the zone of times without one: those on file stay.
    timed = [
        reading._replace(sampled_ms=old.sampled_ms)
        for old, reading in zip(on_file, reported.readings, strict=True)
    ]
    own = attributed(timed, reported.transaction_id, running, on_file[0].received_ms)
    if own is None:
        return
    db.executemany(
        "UPDATE meter_reading SET started_transaction = ?, register_wh = ?, power_w = ?,"
        " register_source = ?, power_source = ? WHERE id = ?",
        [(row, *reading[1:5], old.id) for old, reading in zip(on_file, own, strict=True)],
    )
    transactions.improve_source(db, running, own)


def _reported(text: str | None) -> MeterValuesReported | None:
    """Return the content of a frame, or None if it is gone or no MeterValues."""
    call = None if text is None else parse(text)
    if not isinstance(call, Call) or call.action != "MeterValues":
        return None
    fact = meter_values(call.payload, _CONTEXT).fact
    return fact if isinstance(fact, MeterValuesReported) else None
