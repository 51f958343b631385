"""The deletion of old readings with their frames, in slices.

Readings of a transaction may go when the newest entry of its record lies in a closed month that
ended long ago, and when a backup has all of it. The pure `ledger.thinning` chooses among them. What
is done is noted as properties, so that no row is read twice:

    thinned YYYY-MM     the last record of this month whose readings are thinned, or `all`
    thinned readings    the last reading that was searched for readings without a transaction
    thinned frames      the last frame that was searched for MeterValues without any reading
"""

import json
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from shocpp.ledger.thinning import FramedReading, removable_frames
from shocpp.ocpp.actions import CallContext, meter_values
from shocpp.ocpp.facts import MeterValuesReported, Reading
from shocpp.ocpp.frames import Call, parse
from shocpp.ocpp.meter_values.signed_values import signed_values
from shocpp.store.books.closings import Archived
from shocpp.store.database import Database

AT_ONCE = 1_000
"""The most readings or frames that one write transaction reads, so that it stays short."""

_ALL = "all"
_READINGS, _FRAMES = "thinned readings", "thinned frames"
_CONTEXT = CallContext(now_ms=0, heartbeat_s=0)

_COLUMNS = (
    "id, position, charge_point, connector_id, started_transaction, frame, received_ms,"
    " sampled_ms, register_wh, power_w, register_source, power_source"
)


class _Row(NamedTuple):
    """A reading with its row id, and its position in its frame, None in old rows."""

    id: int
    position: int | None
    charge_point: int
    connector_id: int
    started_transaction: int | None
    framed: FramedReading


def is_due(db: Database, archived: Archived, now_ms: int) -> bool:
    """Return True if `thin` finds work."""
    return (
        _month_to_thin(db, archived) is not None
        or bool(_readings_between(db, archived, now_ms))
        or bool(_frames(db, archived, now_ms))
    )


def thin(db: Database, archived: Archived, now_ms: int) -> bool:
    """Do one slice of the work, in the caller's write transaction; return False if none is left."""
    month = _month_to_thin(db, archived)
    if month is not None:
        _thin_transactions(db, archived, month)
        return True
    if rows := _readings_between(db, archived, now_ms):
        _thin_between_transactions(db, archived, rows)
        return True
    if found := _frames(db, archived, now_ms):
        _delete_empty_frames(db, archived, found)
        return True
    return False


# --- the readings of transactions ---


def _month_to_thin(db: Database, archived: Archived) -> str | None:
    """Return the first month whose records are not all done, or None."""
    done = db.execute(
        "SELECT substr(name, 9) FROM property"
        " WHERE name BETWEEN 'thinned 0' AND 'thinned 9999' AND value = ?",
        (_ALL,),
    )
    names = {name for (name,) in done}
    return next((month for month in archived.months if month not in names), None)


def _thin_transactions(db: Database, archived: Archived, month: str) -> None:
    """Thin the next transactions of a month."""
    name = f"thinned {month}"
    # The last reading of this record that was read; 0 if there are no more.
    billed_ms, record, reading = map(int, (_noted(db, name) or "-1 0 0").split())
    left = AT_ONCE
    while left > 0:
        if not reading:
            following = _next_record(db, month, billed_ms, record)
            if following is None:
                _note(db, name, _ALL)
                return
            billed_ms, record = following
        reading, looked_at = _thin_transaction(db, archived, record, reading)
        left -= looked_at + 1
    _note(db, name, f"{billed_ms} {record} {reading}")


def _next_record(db: Database, month: str, billed_ms: int, record: int) -> tuple[int, int] | None:
    """Return the next record of a month that has a transaction, or None."""
    row = db.execute(
        "SELECT billed_ms, id FROM accounting_record WHERE month = ? AND (billed_ms, id) > (?, ?)"
        " AND started_transaction IS NOT NULL ORDER BY billed_ms, id LIMIT 1",
        (month, billed_ms, record),
    ).fetchone()
    return row or None


def _thin_transaction(db: Database, archived: Archived, record: int, after: int) -> tuple[int, int]:
    """Thin the next readings of a record's transaction after a row id.

    Returns the row id of the last one, 0 if there are no more, and the number that was read.
    """
    (transaction,) = db.execute(
        "SELECT started_transaction FROM accounting_record WHERE id = ?", (record,)
    ).fetchone()
    if not _is_settled(db, transaction, archived):
        return 0, 0
    rows = _rows(
        db.execute(
            f"SELECT {_COLUMNS} FROM meter_reading WHERE started_transaction = ? AND id > ?"
            " ORDER BY id LIMIT ?",
            (transaction, after, AT_ONCE),
        )
    )
    whole = _in_whole_frames(rows)
    if all(row.framed.received_ms < archived.backed_up_ms for row in whole):
        _thin_series(db, whole)
    if len(rows) < AT_ONCE:
        return 0, len(rows)
    return (whole or rows)[-1].id, len(rows)


def _is_settled(db: Database, transaction: int, archived: Archived) -> bool:
    """Return True if a transaction has ended, and all its entries in force lie in these months.

    An entry under review waits for a human.
    """
    (is_settled,) = db.execute(
        "SELECT started.state = 'stopped' AND coalesce(min(record.review IS NULL"
        "  AND record.month IN (SELECT value FROM json_each(?))), 0)"
        " FROM started_transaction AS started LEFT JOIN accounting_record AS record"
        " ON record.started_transaction = started.id AND record.entry <> 'reversal'"
        " AND NOT EXISTS (SELECT 1 FROM accounting_record WHERE replaces = record.id)"
        " WHERE started.id = ?",
        (json.dumps(archived.months), transaction),
    ).fetchone()
    return bool(is_settled)


# --- the readings between transactions ---


def _readings_between(db: Database, archived: Archived, now_ms: int) -> list[_Row]:
    """Return the next readings of archived months, those of transactions too."""
    after = int(_noted(db, _READINGS) or 0)
    rows = _rows(
        db.execute(
            f"SELECT {_COLUMNS} FROM meter_reading WHERE id > ? ORDER BY id LIMIT ?",
            (after, AT_ONCE),
        )
    )
    return [*takewhile(lambda row: _is_before(row.framed.received_ms, archived, now_ms), rows)]


def _thin_between_transactions(db: Database, archived: Archived, rows: Sequence[_Row]) -> None:
    """Thin those of these readings that have no transaction; each connector has a series."""
    whole = _in_whole_frames(rows)
    by_connector: dict[tuple[int, int], list[_Row]] = {}
    for row in whole:
        if row.started_transaction is None and row.framed.received_ms < archived.until_ms:
            by_connector.setdefault((row.charge_point, row.connector_id), []).append(row)
    for series in by_connector.values():
        _thin_series(db, series)
    _note(db, _READINGS, str((whole or rows)[-1].id))


# --- MeterValues without readings ---


class _Frame(NamedTuple):
    """A frame of any kind; `text` is None if it is no MeterValues of a Charge Point."""

    id: int
    charge_point: int | None
    moment_ms: int
    text: str | None


def _frames(db: Database, archived: Archived, now_ms: int) -> list[_Frame]:
    """Return the next frames of archived months."""
    after = int(_noted(db, _FRAMES) or 0)
    rows = db.execute(
        "SELECT id, charge_point, moment_ms,"
        " iif(action = 'MeterValues' AND direction = 'in', text, NULL)"
        " FROM frame WHERE id > ? ORDER BY id LIMIT ?",
        (after, AT_ONCE),
    )
    found = [_Frame(*row) for row in rows.fetchall()]
    return [*takewhile(lambda frame: _is_before(frame.moment_ms, archived, now_ms), found)]


def _delete_empty_frames(db: Database, archived: Archived, found: Sequence[_Frame]) -> None:
    """Delete those of these frames that hold neither readings nor signed values."""
    _delete_frames(db, [frame.id for frame in found if _is_empty(db, archived, frame)])
    _note(db, _FRAMES, str(found[-1].id))


def _is_empty(db: Database, archived: Archived, frame: _Frame) -> bool:
    """Return True for MeterValues such as voltages only, but not of a transaction that waits."""
    call = None if frame.text is None else parse(frame.text)
    if not isinstance(call, Call) or frame.moment_ms >= archived.until_ms:
        return False
    fact = meter_values(call.payload, _CONTEXT).fact
    assert isinstance(fact, MeterValuesReported)
    if fact.readings or fact.signed:
        return False
    transactions = db.execute(
        "SELECT id FROM started_transaction WHERE transaction_id = ? AND charge_point = ?",
        (fact.transaction_id, frame.charge_point),
    )
    return all(_is_settled(db, row, archived) for (row,) in transactions.fetchall())


# --- their common parts ---


def _noted(db: Database, name: str) -> str | None:
    """Return the noted state of the work, or None."""
    row = db.execute("SELECT value FROM property WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _note(db: Database, name: str, value: str) -> None:
    db.execute("INSERT OR REPLACE INTO property VALUES (?, ?)", (name, value))


def _rows(cursor: Iterable[tuple[Any, ...]]) -> list[_Row]:
    rows = []
    for (
        row,
        position,
        charge_point,
        connector_id,
        transaction,
        frame,
        received_ms,
        *values,
    ) in cursor:
        framed = FramedReading(frame, received_ms, Reading(*values))
        rows.append(_Row(row, position, charge_point, connector_id, transaction, framed))
    return rows


def _is_before(received_ms: int, archived: Archived, now_ms: int) -> bool:
    """Return True if a row may be passed: it is of archived months, or its time is wrong.

    A time in the future comes from a clock of ours that was wrong. Such a row stays for ever.
    """
    return received_ms < archived.until_ms or received_ms > now_ms


def _in_whole_frames(rows: Sequence[_Row]) -> Sequence[_Row]:
    """Return the readings of a slice without those of its last frame, which may go on after it."""
    if len(rows) < AT_ONCE:
        return rows
    return [row for row in rows if row.framed.frame != rows[-1].framed.frame]


def _thin_series(db: Database, series: Sequence[_Row]) -> None:
    """Delete the frames of a series that may be deleted, and their readings."""
    removable = removable_frames([row.framed for row in series])
    # The slice may begin within a frame that has more readings than a slice. And the newest reading
    # stays: SQLite would assign its row id again, and cursors into `meter_values` would miss it.
    (newest,) = db.execute("SELECT max(id) FROM meter_reading").fetchone()
    cut = {row.framed.frame for row in series[:1] if row.position} | {
        row.framed.frame for row in series if row.id == newest
    }
    frames = _without_signed_values(db, removable - cut)
    _delete_frames(db, frames)
    gone = set(frames)
    db.execute(
        "DELETE FROM meter_reading WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps([row.id for row in series if row.framed.frame in gone]),),
    )


def _without_signed_values(db: Database, frames: Iterable[int]) -> list[int]:
    """Return those of these frames that are MeterValues without signed values."""
    # The newest frame stays, for the sake of its row id: see `charge_points.frames.purge`.
    rows = db.execute(
        "SELECT id, text FROM frame WHERE id IN (SELECT value FROM json_each(?))"
        " AND action = 'MeterValues' AND id < (SELECT max(id) FROM frame)",
        (json.dumps(sorted(frames)),),
    )
    unsigned = []
    for number, text in rows:
        call = parse(text)
        if isinstance(call, Call) and not signed_values(call.payload.get("meterValue")):
            unsigned.append(number)
    return unsigned


def _delete_frames(db: Database, frames: Sequence[int]) -> None:
    """Delete frames, and their answers where an old version has written them as the next row."""
    listed = json.dumps(frames)
    newest = "id < (SELECT max(id) FROM frame)"
    db.execute(
        "DELETE FROM frame WHERE id IN (SELECT answer.id FROM json_each(?) AS listed"
        " JOIN frame ON frame.id = listed.value AND frame.answer IS NULL"
        " JOIN frame AS answer ON answer.id = frame.id + 1 AND answer.direction = 'out'"
        f" AND answer.charge_point = frame.charge_point) AND {newest}",
        (listed,),
    )
    db.execute(
        f"DELETE FROM frame WHERE id IN (SELECT value FROM json_each(?)) AND {newest}", (listed,)
    )
