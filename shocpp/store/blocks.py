"""The block index: it leads to the rows of one Charge Point in a long table.

Many Charge Points append to such a table in turns. A full index by Charge Point would touch
another page for each row. The block index enters only once that a Charge Point has rows in a
block of `SIZE` row ids. A reader scans these blocks and no others.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from shocpp.store.database import Database

SIZE = 1_024
"""Row ids of a block. The rows of `frame_block` and `meter_reading_block` depend on it."""

Block = tuple[int, int]
"""The first and the last row id of a block."""


def enter(db: Database, table: str, charge_point: int, row: int) -> None:
    """Enter the block of this row for its Charge Point, in the caller's write transaction."""
    entry = (table, charge_point, row // SIZE)
    # Nearly every row falls into a block that this connection has entered before.
    if not db.is_remembered(entry):
        db.execute(f"INSERT OR IGNORE INTO {table}_block VALUES (?, ?)", entry[1:])
        db.remember(entry)


def newest_first(db: Database, table: str, charge_point: int) -> Iterator[Block]:
    """Return the blocks with rows of a Charge Point, the newest first."""
    rows = db.execute(
        f"SELECT block FROM {table}_block WHERE charge_point = ? ORDER BY block DESC",
        (charge_point,),
    )
    return ((block * SIZE, block * SIZE + SIZE - 1) for (block,) in rows)


def beginning_with(db: Database, table: str, charge_point: int, row: int) -> Iterator[Block]:
    """Return the blocks with rows of a Charge Point from this row id on, the oldest first.

    The first block begins at `row` if it holds it.
    """
    rows = db.execute(
        f"SELECT block FROM {table}_block WHERE charge_point = ? AND block >= ? ORDER BY block",
        (charge_point, row // SIZE),
    )
    return ((max(block * SIZE, row), block * SIZE + SIZE - 1) for (block,) in rows)


def rows_of(
    db: Database, sql: str, charge_point: int, blocks: Iterable[Block], limit: int
) -> list[Any]:
    """Return at most `limit` rows of a Charge Point, block by block in the order given.

    `sql` selects the rows of one block. Its four values are the Charge Point, the first and the
    last row id of the block, and the limit.
    """
    rows: list[Any] = []
    for block in blocks:
        rows += db.execute(sql, (charge_point, *block, limit - len(rows))).fetchall()
        if len(rows) >= limit:
            break
    return rows
