"""The part of `shocpp check` for the size of the database."""

from collections.abc import Iterator

from shocpp.checks.findings import NOTE, Finding
from shocpp.settings import Settings
from shocpp.store.database import Database
from shocpp.store.files.compaction import free_bytes, used_bytes
from shocpp.store.files.space import MEGABYTE

MUCH_FREE_BYTES = 50 * MEGABYTE
MUCH_FREE_PERCENT = 25
"""Free pages are worth a compaction if they exceed both."""


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
