"""Where in a long table the rows of one Charge Point are (memory floor).

Which blocks of so many row ids hold any of it: a full index of what many Charge Points append by
turns touches another page for every row, but a block is entered once. Who reads looks through the
blocks that it has rows in.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from shocpp.store.database import Database

SIZE = 1_024
"""As in the tables `frame_block` and `meter_reading_block`."""

Block = tuple[int, int]
"""Its first and its last row id."""


def enter(db: Database, table: str, charge_point: int, row: int) -> None:
    """Note where a Charge Point has a row of this table, in the caller's write transaction."""
    place = (table, charge_point, row // SIZE)
    if not db.is_remembered(place):
        db.execute(f"INSERT OR IGNORE INTO {table}_block VALUES (?, ?)", place[1:])
        db.remember(place)


def newest_first(db: Database, table: str, charge_point: int) -> Iterator[Block]:
    """The blocks with rows of a Charge Point."""
    rows = db.execute(
        f"SELECT block FROM {table}_block WHERE charge_point = ? ORDER BY block DESC",
        (charge_point,),
    )
    return ((block * SIZE, block * SIZE + SIZE - 1) for (block,) in rows)


def beginning_with(db: Database, table: str, charge_point: int, row: int) -> Iterator[Block]:
    """The blocks with rows of a Charge Point, from a row on."""
    rows = db.execute(
        f"SELECT block FROM {table}_block WHERE charge_point = ? AND block >= ? ORDER BY block",
        (charge_point, row // SIZE),
    )
    return ((max(block * SIZE, row), block * SIZE + SIZE - 1) for (block,) in rows)


def rows_of(
    db: Database, sql: str, charge_point: int, blocks: Iterable[Block], limit: int
) -> list[Any]:
    """The first so many rows of a Charge Point, from one block after the other.

    `sql` asks for those of one block: its values are the Charge Point, the first and the last row
    id, and the limit.
    """
    found: list[Any] = []
    for block in blocks:
        found += db.execute(sql, (charge_point, *block, limit - len(found))).fetchall()
        if len(found) >= limit:
            break
    return found
