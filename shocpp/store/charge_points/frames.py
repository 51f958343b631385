"""Raw frames, so that a problem can be read back and the ledger derived again (memory floor)."""

from collections.abc import Iterator
from typing import NamedTuple

from shocpp.store import blocks
from shocpp.store.charge_points import identities
from shocpp.store.database import Database

PURGED_AT_ONCE = 2_000


class FrameRow(NamedTuple):
    """A frame as it is kept: `charge_point` is a row's key, `direction` is `in` or `out`."""

    id: int
    charge_point: int | None
    direction: str
    action: str
    moment_ms: int
    text: str


def next_id(db: Database) -> int:
    """The id of the next frame, for the writer that has begun a transaction."""
    return int(db.execute("SELECT coalesce(max(id), 0) + 1 FROM frame").fetchone()[0])


def record(db: Database, rows: list[FrameRow]) -> None:
    """Keep frames."""
    db.insert_rows("frame", rows)
    for row in rows:
        if row.charge_point is not None:
            blocks.enter(db, "frame", row.charge_point, row.id)


def purge(db: Database, before_ms: int) -> int:
    """Drop a slice of the old frames without energy; returns how many, 0 when all are gone.

    The newest frame stays, because ids are counted on from it.
    """
    # The same words as in the index frame_to_purge: without it the frames that stay are read anew
    # every time.
    cursor = db.execute(
        "DELETE FROM frame WHERE id IN (SELECT id FROM frame WHERE moment_ms < ?"
        " AND action NOT IN ('StartTransaction', 'StopTransaction', 'MeterValues')"
        " AND id < (SELECT max(id) FROM frame) ORDER BY moment_ms LIMIT ?)",
        (before_ms, PURGED_AT_ONCE),
    )
    return cursor.rowcount


def of_charge_point(
    db: Database, charge_point_id: str | None, limit: int
) -> Iterator[tuple[str, str, int, str]]:
    """The last frames: (charge point id, direction, moment, text), oldest first."""
    rows: list[tuple[str, str, int, str]]
    if charge_point_id is None:
        rows = db.execute(f"{_TOLD} ORDER BY frame.id DESC LIMIT ?", (limit,)).fetchall()
    else:
        row = identities.row_of(db, charge_point_id) or 0
        rows = blocks.rows_of(
            db,
            f"{_TOLD} WHERE charge_point = ? AND frame.id BETWEEN ? AND ?"
            " ORDER BY frame.id DESC LIMIT ?",
            row,
            blocks.newest_first(db, "frame", row),
            limit,
        )
    return reversed(rows)


_TOLD = (
    "SELECT coalesce(charge_point_id, '?'), direction, moment_ms, text"
    " FROM frame LEFT JOIN charge_point ON charge_point.id = frame.charge_point"
)


def newest(db: Database) -> int:
    """The id of the newest frame."""
    return next_id(db) - 1


def with_card(db: Database, charge_point_id: str, after: int) -> list[tuple[int, str]]:
    """The frames with an id tag that a Charge Point has sent since: (id, text)."""
    return db.execute(
        "SELECT id, text FROM frame WHERE charge_point = ? AND id > ? AND direction = 'in'"
        " AND action IN ('Authorize', 'StartTransaction') ORDER BY id",
        (identities.row_of(db, charge_point_id), after),
    ).fetchall()


class EnergyFrame(NamedTuple):
    """A frame that the ledger follows from, and the answer that it got."""

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
    """The next ones after a frame, in the order in which they came."""
    rows = db.execute(
        "SELECT frame.id, frame.charge_point, charge_point_id, frame.action, frame.moment_ms,"
        f" frame.text, answer.text FROM (SELECT * {_OF_ENERGY} AND id > ? ORDER BY id LIMIT ?)"
        " AS frame JOIN charge_point ON charge_point.id = frame.charge_point"
        " LEFT JOIN frame AS answer ON answer.id = frame.id + 1 AND answer.direction = 'out'"
        " AND answer.charge_point = frame.charge_point ORDER BY frame.id",
        (after, limit),
    )
    return [EnergyFrame(*row) for row in rows.fetchall()]


def count_with_energy(db: Database) -> int:
    """How many there are."""
    return int(db.execute(f"SELECT count(*) {_OF_ENERGY}").fetchone()[0])


def stop_moments(db: Database) -> set[tuple[int, int]]:
    """The Charge Point and the moment of each StopTransaction that is kept."""
    return set(
        db.execute(f"SELECT charge_point, moment_ms {_OF_ENERGY} AND action = 'StopTransaction'")
    )
