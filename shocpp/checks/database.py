"""The part of `shocpp check` for the database: its texts, its size, and SQLite's version."""

import time
from collections.abc import Iterator

from shocpp.checks.findings import NOTE, WRONG, Finding
from shocpp.settings import Settings
from shocpp.store.charge_points import connections
from shocpp.store.database import Database
from shocpp.store.files.compaction import free_bytes, used_bytes
from shocpp.store.files.space import MEGABYTE
from shocpp.store.files.wal import version_with_wal_race
from shocpp.store.schema.text_values import OutOfTime, undecodable_texts
from shocpp.store.workers import is_alive

LONGEST_S = 60.0
"""The longest time for reading all texts: it suffices for several gigabytes."""

MOST_NAMED = 5
"""The number of undecodable texts that are named; there may be thousands on a damaged page."""

MUCH_FREE_BYTES = 50 * MEGABYTE
MUCH_FREE_PERCENT = 25
"""Free pages are worth a compaction if they exceed both."""


def check_texts(
    _: Settings, db: Database | None, longest_s: float = LONGEST_S
) -> Iterator[Finding]:
    """Find texts that are not UTF-8, which a failing disk or another program has written."""
    if db is None:
        return
    number = 0
    try:
        for number, text in enumerate(undecodable_texts(db, time.monotonic() + longest_s), 1):
            if number <= MOST_NAMED:
                place = {"table": text.table, "column": text.column, "row": text.row}
                yield Finding(WRONG, "text_damaged", {"file": db.path, **place})
    except OutOfTime as out_of_time:
        values = {"file": db.path, "seconds": f"{longest_s:.0f}", "table": str(out_of_time)}
        yield Finding(NOTE, "texts_unread", values)
    if number > MOST_NAMED:
        more = {"number": number - MOST_NAMED, "file": db.path}
        yield Finding(WRONG, "more_texts_damaged", more)


def check_sqlite(_: Settings, db: Database | None) -> Iterator[Finding]:
    """Find a SQLite with a race between processes that write at the same moment.

    With one worker only commands write beside it, and none of them copies the -wal.
    """
    version = version_with_wal_race()
    if db is None or version is None:
        return
    alive = [worker for worker, doorbell in connections.workers(db) if is_alive(doorbell)]
    if len(alive) > 1:
        yield Finding(NOTE, "race_of_several", {"processes": len(alive), "version": version})
    else:
        yield Finding(NOTE, "race_of_commands", {"version": version})


def check_size(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find a database with a large share of free pages."""
    if db is None:
        return
    free, used = free_bytes(db), used_bytes(db)
    if free > MUCH_FREE_BYTES and 100 * free > MUCH_FREE_PERCENT * (free + used):
        yield Finding(
            NOTE,
            "free_pages",
            {
                "free": free // MEGABYTE,
                "total": (free + used) // MEGABYTE,
                "file": settings.database,
            },
        )
