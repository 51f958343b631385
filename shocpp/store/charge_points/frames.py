"""Raw frames, stored to look into problems and to derive the ledger again.

A frame of a Charge Point and our answer are one row, an exchange. A Call of ours and its
confirmation, which comes later, are a row each. So are a frame and its answer in the rows of
databases before version 7: there the answer is the next row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

from shocpp.ocpp.actions import ACTIONS
from shocpp.ocpp.redaction import redacted
from shocpp.ocpp.stored.cutting import cut_frame
from shocpp.store import blocks
from shocpp.store.charge_points import identities
from shocpp.store.database import Database

NO_FRAME = 0
"""The row id of a frame that is not stored; a reading of it has this number for ever."""

PURGED_AT_ONCE = 2_000
"""Frames that one write transaction deletes at most, so that it stays short."""


@dataclass(slots=True, eq=False)
class Frame:
    """A frame to be written, as it was sent, and our answer to it, if there is one.

    `id` is the row id, None until the frame is written, NO_FRAME if it is not stored.
    `charge_point` is a row id or None; `direction` is `in` or `out`, seen from here. `moment_ms` is
    the time of receipt or of sending.
    """

    charge_point: int | None
    direction: str
    action: str
    moment_ms: int
    text: str
    answer: str | None = None
    answered_ms: int | None = None
    id: int | None = None


_COLUMNS = tuple(field.name for field in fields(Frame))[:-1]


def record(db: Database, written: Sequence[Frame]) -> None:
    """Write frames in this order, and give them their row ids.

    Secrets are left out, and long parts are cut (`ocpp.stored.cutting`).
    """
    rows = [
        (
            *(frame.charge_point, frame.direction, frame.action, frame.moment_ms),
            _stored(frame.text),
            None if frame.answer is None else _stored(frame.answer),
            frame.answered_ms,
        )
        for frame in written
    ]
    row_ids = db.insert_rows("frame", _COLUMNS, rows)
    for frame, row_id in zip(written, row_ids, strict=True):
        frame.id = row_id
        if frame.charge_point is not None:
            blocks.enter(db, "frame", frame.charge_point, row_id)


class Dropped(NamedTuple):
    """A frame that is not stored, by the row id of its Charge Point, 0 without one."""

    charge_point: int
    moment_ms: int
    action: str
    bytes: int


def dropped(frame: Frame) -> Dropped:
    """Return a frame as one that is not stored; an action that OCPP does not have is `other`."""
    action = frame.action if frame.action in ACTIONS else "other"
    return Dropped(frame.charge_point or 0, frame.moment_ms, action, len(frame.text.encode()))


def record_dropped(db: Database, frames: Sequence[Dropped]) -> None:
    """Add frames that are not stored to the sums of their Charge Point, day and action."""
    db.executemany(
        "INSERT INTO dropped_frame VALUES (?1, date(?2 / 1000, 'unixepoch'), ?3, 1, ?4)"
        " ON CONFLICT DO UPDATE SET frames = frames + 1, bytes = bytes + excluded.bytes",
        frames,
    )


def dropped_days(db: Database, charge_point_id: str | None) -> list[tuple[str, str, int, int]]:
    """Return (charge point id, day, frames, bytes) of the last days with dropped frames.

    They are the frames of one Charge Point or of all, the newest day last.
    """
    rows = db.execute(
        "SELECT charge_point_id, day, sum(frames), sum(bytes) FROM dropped_frames"
        " WHERE charge_point_id = coalesce(?, charge_point_id)"
        " GROUP BY charge_point_id, day ORDER BY day DESC, charge_point_id LIMIT ?",
        (charge_point_id, DAYS_LISTED),
    )
    return rows.fetchall()[::-1]


DAYS_LISTED = 10
"""Days of Charge Points with dropped frames that are listed."""


def _stored(text: str) -> str:
    """Return the text of a frame as it is stored."""
    # Long parts first: the search for secrets takes longest.
    return redacted(cut_frame(text))


def purge(db: Database, before_ms: int) -> int:
    """Delete some of the frames from before a time, and return their number; 0 ends the purge.

    Frames of transactions and meter values stay: the ledger can be derived from them.
    """
    # The condition is spelled as in the partial index frame_to_purge. Without this index each call
    # would read all the frames that stay. The newest frame stays too: SQLite would assign its row
    # id again, and `with_card` would miss that frame.
    cursor = db.execute(
        "DELETE FROM frame WHERE id IN (SELECT id FROM frame WHERE moment_ms < ?"
        " AND action NOT IN ('StartTransaction', 'StopTransaction', 'MeterValues')"
        " AND id < (SELECT max(id) FROM frame) ORDER BY moment_ms LIMIT ?)",
        (before_ms, PURGED_AT_ONCE),
    )
    if not cursor.rowcount:
        db.execute(
            "DELETE FROM dropped_frame WHERE day < date(? / 1000, 'unixepoch')", (before_ms,)
        )
    return cursor.rowcount


def of_charge_point(
    db: Database, charge_point_id: str | None, limit: int
) -> Iterator[tuple[str, str, int, str]]:
    """Return the last frames of one Charge Point or of all, the oldest of them first.

    Each is (charge point id or `?`, direction, ms, text); an answer counts as a frame.
    """
    if charge_point_id is None:
        rows = db.execute(f"{_FRAMES} ORDER BY frame.id DESC LIMIT ?", (limit,)).fetchall()
    else:
        row = identities.row_of(db, charge_point_id) or 0
        rows = blocks.rows_of(
            db,
            f"{_FRAMES} WHERE charge_point = ? AND frame.id BETWEEN ? AND ?"
            " ORDER BY frame.id DESC LIMIT ?",
            row,
            blocks.newest_first(db, "frame", row),
            limit,
        )
    newest_first: list[tuple[str, str, int, str]] = []
    for name, direction, moment_ms, text, answer, answered_ms in rows:
        if answer is not None:
            newest_first.append((name, "out", answered_ms, answer))
        newest_first.append((name, direction, moment_ms, text))
    return reversed(newest_first[:limit])


class StoredFrame(NamedTuple):
    """A stored frame with its row id, newest first on pages.

    `direction` and `moment_ms` are as in `Frame`. `answer` is ours to it, if they are one row.
    """

    id: int
    direction: str
    moment_ms: int
    text: str
    answer: str | None
    answered_ms: int | None


def before(db: Database, charge_point_id: str, end: int | None, limit: int) -> list[StoredFrame]:
    """Return the last frames of a Charge Point before a row id, or of all, the newest first."""
    row = identities.row_of(db, charge_point_id) or 0
    newest_first = blocks.newest_first(db, "frame", row)
    if end is not None:
        newest_first = ((first, min(last, end - 1)) for first, last in newest_first if first < end)
    rows = blocks.rows_of(
        db,
        "SELECT id, direction, moment_ms, text, answer, answered_ms FROM frame"
        " WHERE charge_point = ? AND id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?",
        *(row, newest_first, limit),
    )
    return [StoredFrame(*columns) for columns in rows]


_FRAMES = (
    "SELECT coalesce(charge_point_id, '?'), direction, moment_ms, text, answer, answered_ms"
    " FROM frame LEFT JOIN charge_point ON charge_point.id = frame.charge_point"
)


def newest(db: Database) -> int:
    """Return the row id of the newest frame, 0 without any."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM frame").fetchone()[0])


def with_card(db: Database, charge_point_id: str, after: int) -> list[tuple[int, str]]:
    """Return the frames after a row id in which a Charge Point has sent an id tag: (id, text)."""
    return db.execute(
        "SELECT id, text FROM frame WHERE charge_point = ? AND id > ? AND direction = 'in'"
        " AND action IN ('Authorize', 'StartTransaction') ORDER BY id",
        (identities.row_of(db, charge_point_id), after),
    ).fetchall()


LATEST_FRAMES = 20_000
"""The frames that are searched for cards of all Charge Points, the newest."""


def newest_with_card(db: Database, since_ms: int) -> list[tuple[str, int, str]]:
    """Return the frames since a time in which any Charge Point has sent an id tag, newest first.

    A row is the identity, the moment of receipt in ms, and the text.
    """
    # No index has the time of receipt, so only the newest rows are searched, from the last one on.
    return db.execute(
        "SELECT charge_point_id, frame.moment_ms, text FROM frame NOT INDEXED"
        " JOIN charge_point ON charge_point.id = frame.charge_point"
        " WHERE frame.id > (SELECT max(id) FROM frame) - ? AND direction = 'in'"
        " AND action IN ('Authorize', 'StartTransaction') AND frame.moment_ms >= ?"
        " ORDER BY frame.id DESC LIMIT 100",
        (LATEST_FRAMES, since_ms),
    ).fetchall()


class EnergyFrame(NamedTuple):
    """A frame that the ledger can be derived from, and its answer.

    `charge_point` is a row id. `answer` is the text of the confirmation, None if there was none.
    """

    id: int
    charge_point: int
    charge_point_id: str
    action: str
    moment_ms: int
    text: str
    answer: str | None


_OF_ENERGY = (
    "FROM frame WHERE direction = 'in'"
    " AND action IN ('StartTransaction', 'StopTransaction', 'MeterValues')"
)


def with_energy(db: Database, after: int, limit: int) -> list[EnergyFrame]:
    """Return the next frames with energy after a row id, in the order of receipt."""
    # Before version 7 the answer to a frame was the row directly after it.
    rows = db.execute(
        "SELECT frame.id, frame.charge_point, charge_point_id, frame.action, frame.moment_ms,"
        " frame.text, coalesce(frame.answer, next.text)"
        f" FROM (SELECT * {_OF_ENERGY} AND id > ? ORDER BY id LIMIT ?)"
        " AS frame JOIN charge_point ON charge_point.id = frame.charge_point"
        " LEFT JOIN frame AS next ON frame.answer IS NULL AND next.id = frame.id + 1"
        " AND next.direction = 'out' AND next.charge_point = frame.charge_point ORDER BY frame.id",
        (after, limit),
    )
    return [EnergyFrame(*row) for row in rows.fetchall()]


def count_with_energy(db: Database) -> int:
    """Return the number of frames with energy, for the progress of a rebuild."""
    return int(db.execute(f"SELECT count(*) {_OF_ENERGY}").fetchone()[0])


def stop_moments(db: Database) -> set[tuple[int, int]]:
    """Return (row id of the Charge Point, time of receipt) of each stored StopTransaction."""
    return set(
        db.execute(f"SELECT charge_point, moment_ms {_OF_ENERGY} AND action = 'StopTransaction'")
    )
