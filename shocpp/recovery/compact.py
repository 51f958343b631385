"""The compaction of the database: its free pages go back to the disk.

The order of steps lets a kill at any of them leave a whole database:

    alone           no other process reads or writes until the end
    copy            the used pages go to a new file in the same folder
    check           the copy is whole, has the same rows, and is on disk
    rename          the copy takes the place of the database at once
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from shocpp.clock import now_ms
from shocpp.recovery.rebuild import require_no_server
from shocpp.recovery.restore import Progress
from shocpp.settings import Settings
from shocpp.store.database import open_database
from shocpp.store.files import compaction
from shocpp.store.files.backups import beside
from shocpp.store.files.identity import real_path
from shocpp.store.schema.migrations import migrate


class Compacted(NamedTuple):
    """The sizes of the file before and after, in bytes."""

    before: int
    after: int


def compact(settings: Settings, progress: Progress) -> Compacted:
    """Give the free pages of the database back to the disk.

    Raises UsageError if a process uses the database, or if the disk has no room for the copy;
    UnusableDatabase if the database or the copy is damaged. Then the database stays as it was.
    """
    require_no_server(settings)
    # A link to the database stays a link.
    path = real_path(settings.database)
    new = path.with_name(f"{path.name}.compact")
    # The copy is removed before the database leaves `alone`: on a full disk SQLite needs the room
    # of an incomplete copy to switch WAL on again.
    with open_database(path) as db, compaction.alone(db), _removed(new, *beside(new)):
        before = path.stat().st_size
        compaction.require_room(db)
        with progress("pages", compaction.used_pages(db)) as advance:
            compaction.copy_compact(db, new, advance)
        # The copy gets the journal mode of a database in use.
        migrate(new, now_ms(), thorough=False)
        with open_database(new) as copied:
            compaction.require_equal(db, copied)
        compaction.take_place(db, new)
    return Compacted(before, path.stat().st_size)


@contextmanager
def _removed(*paths: Path) -> Iterator[None]:
    """Remove files before the block, where a killed process may have left them, and after it."""
    for path in paths:
        path.unlink(missing_ok=True)
    try:
        yield
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
