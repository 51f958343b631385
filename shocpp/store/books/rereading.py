"""The readings of a transaction, read again from their frames.

Versions of the database before 8 left out samples by their labels, and all values without a
transaction id. What was booked stays, but three things follow the present rule: transactions that
have no stop yet, decisions of humans about older records, and the check that finds such records.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from shocpp.ledger.accounts import id_tag_key
from shocpp.ledger.own_readings import Running, attributed, resolved
from shocpp.ocpp.actions import CallContext, meter_values, stop_transaction
from shocpp.ocpp.facts import MeterValuesReported, Reading, TransactionStopped
from shocpp.ocpp.frames import Call, parse
from shocpp.ocpp.meter_values.quantities import BEST_SOURCE
from shocpp.store import blocks
from shocpp.store.books import transactions
from shocpp.store.database import Database

_OLD_RECORDS = "records_before_sources"
"""The property with the number of the newest record that an older version has booked."""

_CONTEXT = CallContext(now_ms=0, heartbeat_s=0)
"""The context of a Call that is read again: only times depend on it, and those are on file."""

_FOR_EVER_MS = 2**62
"""A time after all others."""


class Reread(NamedTuple):
    """A reading that was read again, with its row id and True if it came with the stop."""

    id: int
    reading: Reading
    in_stop: bool


class _Span(NamedTuple):
    """A transaction, and the times of receipt within which values without an id are its own."""

    charge_point: int
    connector_id: int
    running: Running
    since_ms: int
    until_ms: int


class _Row(NamedTuple):
    """A reading on file with the text of its frame.

    `is_own` is True if it was stored with the transaction.
    """

    id: int
    received_ms: int
    frame: int
    text: str | None
    is_own: bool
    sampled_ms: int | None
    register_wh: int | None
    power_w: int | None
    register_source: str | None
    power_source: str | None


_ROWS = (
    "SELECT reading.id, received_ms, frame, text, started_transaction IS NOT NULL, sampled_ms,"
    f" register_wh, power_w, iif(register_wh IS NULL, NULL, coalesce(register_source,"
    f" '{BEST_SOURCE}')), power_source"
    " FROM meter_reading AS reading LEFT JOIN frame ON frame.id = reading.frame"
)
"""A reading without a source is one of an older version: a total at the outlet."""


def reread_running(db: Database) -> None:
    """Read the readings of transactions without a stop again, in the caller's write transaction.

    Notes which records the older version has booked.
    """
    (newest,) = db.execute("SELECT coalesce(max(id), 0) FROM accounting_record").fetchone()
    if newest:
        db.execute("INSERT INTO property VALUES (?, ?)", (_OLD_RECORDS, str(newest)))
    unstopped = "SELECT id FROM started_transaction WHERE state <> 'stopped'"
    for (row,) in db.execute(unstopped).fetchall():
        reread(db, row)


def reread(db: Database, started_transaction: int) -> None:
    """Write the readings of a transaction anew, in the caller's write transaction.

    Readings whose frames are gone stay as they are. Those that cannot be of it stay without it.
    """
    anew = read_again(db, started_transaction)
    db.execute(
        "UPDATE meter_reading SET started_transaction = NULL WHERE started_transaction = ?",
        (started_transaction,),
    )
    db.executemany(
        "UPDATE meter_reading SET started_transaction = ?, register_wh = ?, power_w = ?,"
        " register_source = ?, power_source = ? WHERE id = ?",
        [(started_transaction, *reading[1:5], row) for row, reading, _ in anew],
    )
    span = _span(db, started_transaction)
    transactions.improve_source(db, span.running, (reading for _, reading, _ in anew))


def read_again(db: Database, started_transaction: int) -> list[Reread]:
    """Return the readings of a transaction by the present rule, in the order of receipt."""
    span = _span(db, started_transaction)
    anew: list[Reread] = []
    for rows in _frames(db, started_transaction, span):
        anew += _read_again(span, rows)
    return anew


def readings_of(db: Database, started_transaction: int) -> list[Reading]:
    """Return `read_again` as readings only."""
    return [anew.reading for anew in read_again(db, started_transaction)]


def old_records(db: Database, limit: int) -> list[int]:
    """Return the numbers of records that an older version has booked, the newest first.

    They are in force as they were booked, and their months are open.
    """
    rows = db.execute(
        "SELECT id FROM entries WHERE id <= (SELECT CAST(value AS INTEGER) FROM property"
        "  WHERE name = ?) AND entry = 'record' AND provenance = 'started'"
        " AND month NOT IN (SELECT month FROM closed_month) ORDER BY id DESC LIMIT ?",
        (_OLD_RECORDS, limit),
    )
    return [number for (number,) in rows]


def _span(db: Database, started_transaction: int) -> _Span:
    charge_point, connector_id, since_ms, until_ms, *running = db.execute(
        "SELECT charge_point, connector_id, received_ms, min(coalesce((SELECT min(received_ms)"
        "  FROM received_stop WHERE started_transaction = started.id), ?1),"
        " coalesce((SELECT min(received_ms) FROM started_transaction AS later"
        "  WHERE later.charge_point = started.charge_point AND later.id > started.id"
        "  AND later.connector_id = started.connector_id), ?1)),"
        f" {transactions.RUNNING} FROM started_transaction AS started WHERE id = ?2",
        (_FOR_EVER_MS, started_transaction),
    ).fetchone()
    return _Span(charge_point, connector_id, Running(*running), since_ms, until_ms)


def _frames(db: Database, row: int, span: _Span) -> Iterator[list[_Row]]:
    """Yield the readings that may be of a transaction, frame by frame."""
    rows = db.execute(f"{_ROWS} WHERE started_transaction = ?", (row,)).fetchall()
    first = _first_since(db, span.since_ms)
    for low, high in blocks.beginning_with(db, "meter_reading", span.charge_point, first):
        block = db.execute(
            f"{_ROWS} WHERE reading.id BETWEEN ? AND ? AND reading.charge_point = ?"
            " AND connector_id = ? AND started_transaction IS NULL AND received_ms <= ?",
            (low, high, span.charge_point, span.connector_id, span.until_ms),
        ).fetchall()
        rows += block
        if _received_ms(db, high) > span.until_ms:
            break
    frames: dict[int, list[_Row]] = {}
    for values in sorted(rows):
        reading = _Row(*values)
        # Readings without a frame are not those of one frame.
        frames.setdefault(reading.frame or -reading.id, []).append(reading)
    yield from frames.values()


def _first_since(db: Database, since_ms: int) -> int:
    """Return the row id of the first reading received since a time, by bisection."""
    (high,) = db.execute("SELECT coalesce(max(id), 0) + 1 FROM meter_reading").fetchone()
    low = 0
    while low < high:
        middle = (low + high) // 2
        if _received_ms(db, middle) < since_ms:
            low = middle + 1
        else:
            high = middle
    return low


def _received_ms(db: Database, row: int) -> int:
    """Return the time of receipt of the first reading from a row id on."""
    known = db.execute(
        "SELECT received_ms FROM meter_reading WHERE id >= ? ORDER BY id LIMIT 1", (row,)
    ).fetchone()
    return _FOR_EVER_MS if known is None else int(known[0])


def _read_again(span: _Span, rows: list[_Row]) -> list[Reread]:
    """Return the readings of one frame, if they are of the transaction."""
    fact, running = _fact(rows[0].text), span.running
    if fact is None or len(fact.readings) != len(rows):
        # Their frame is gone.
        return [Reread(row.id, Reading(*row[5:]), in_stop=False) for row in rows if row.is_own]
    # Only the server knows the zone of times without one: those on file stay.
    timed = [
        reading._replace(sampled_ms=row.sampled_ms)
        for row, reading in zip(rows, fact.readings, strict=True)
    ]
    own: tuple[Reading, ...] | None = None
    if isinstance(fact, TransactionStopped):
        own = resolved(timed, running.meter_start_wh)
    elif fact.transaction_id is None or rows[0].is_own:
        own = attributed(timed, fact.transaction_id, running, rows[0].received_ms)
    in_stop = isinstance(fact, TransactionStopped)
    return [Reread(row.id, reading, in_stop) for row, reading in zip(rows, own or (), strict=False)]


def _fact(text: str | None) -> MeterValuesReported | TransactionStopped | None:
    """Return the content of a frame, or None if it is gone or holds no readings."""
    call = None if text is None else parse(text)
    if not isinstance(call, Call):
        return None
    read: dict[str, Any] = {"MeterValues": meter_values, "StopTransaction": stop_transaction}
    if call.action not in read:
        return None
    fact = read[call.action](call.payload, _CONTEXT).fact
    return fact if isinstance(fact, MeterValuesReported | TransactionStopped) else None


def rekey_cards(db: Database) -> None:
    """Compute the compared form of id tags again, where an older version left in more of it.

    Printable ASCII is compared as before.
    """
    rows = db.execute("SELECT id, id_tag FROM started_transaction WHERE id_tag GLOB '*[^ -~]*'")
    db.executemany(
        "UPDATE started_transaction SET id_tag_key = ? WHERE id = ?",
        [(id_tag_key(id_tag), row) for row, id_tag in rows.fetchall()],
    )
