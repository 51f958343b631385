"""The rebuild of the database: from the accounting files, or from the frames of the old database.

The new database is made under another name and replaces the old one when it is whole. The old one
is not deleted but renamed. From files every record and decision comes back as it was;
so does what can be read of a damaged database and has no file. From frames
only the ledger is derived again: the transactions in the order of their frames, with the accounts
and ids of the answers of that time, and each decision of a human at its time.
"""

import contextlib
import itertools
import time
from pathlib import Path
from typing import NamedTuple

from shocpp.bookkeeping.accounting_files.record_files import record_paths, write_files
from shocpp.clock import now_ms
from shocpp.errors import UnusableDatabase, UsageError
from shocpp.recovery.replay import LedgerReplay
from shocpp.recovery.restore import Importer, Progress, Restored
from shocpp.recovery.salvage import (
    Salvaged,
    readable_part,
    replay_messages,
    restore_dimmings,
    write_files_of,
)
from shocpp.settings import Settings
from shocpp.store import doorbells
from shocpp.store.charge_points import frames
from shocpp.store.database import VERSION, connect, open_database
from shocpp.store.files.backups import beside, copy, pages, require_whole
from shocpp.store.files.header import check_ours
from shocpp.store.files.identity import real_path
from shocpp.store.files.paths import require_path
from shocpp.store.files.salvaged_rows import Unreadable, count_nameless
from shocpp.store.keys import EVERYTHING
from shocpp.store.schema.migrations import migrate, put_in_place, require_schema
from shocpp.store.schema.text_values import undecodable_texts

SMALLEST_PAGE = 512
"""Bytes: the smallest page of a database, and so the smallest database."""


class Rebuilt(NamedTuple):
    """The result of a rebuild.

    `aside` is the new path of the old database, None if there was none. `superseded` are accounting
    files with content that does not follow from the frames; they were renamed. `salvaged` is what
    came from a damaged database, None if there was none.
    """

    restored: Restored
    aside: Path | None
    superseded: tuple[Path, ...] = ()
    salvaged: Salvaged | None = None


def rebuild(settings: Settings, progress: Progress) -> Rebuilt:
    """Rebuild a lost or damaged database from the accounting files.

    Raises UsageError if the database is whole, or if a server is running.
    """
    require_no_server(settings)
    settings, of_link = with_real_database(settings), settings
    if _is_whole(settings.database):
        raise UsageError(
            f"{settings.database} is whole, and nothing is to be rebuilt; import files that it "
            f"does not know: shocpp import {settings.accounting_folder}; or derive its ledger "
            "again from its frames: shocpp rebuild --frames"
        )
    new = _beside(settings)
    if settings.database.exists():
        # One that was cut off may be old: the database may have been used since. It is read again.
        _remove(new)
    try:
        migrate(new, now_ms())
    except UnusableDatabase:
        # A rebuild that was cut off while it made the tables; one that was cut off later goes on.
        _remove(new)
        migrate(new, now_ms())
    salvaged = None
    with contextlib.ExitStack() as stack:
        readable, unreadable = None, Unreadable(0, 0)
        # Of a database that is gone, the -wal may be left.
        if any(path.exists() for path in (settings.database, *beside(settings.database)[:1])):
            readable, unreadable = stack.enter_context(readable_part(settings, progress))
        files = 0 if readable is None else write_files_of(readable, settings)
        folder = settings.accounting_folder
        paths = record_paths(folder) if folder.exists() else []
        with open_database(new) as db:
            db.checkpoint_itself()
            with progress("accounting files", len(paths)) as advance:
                restored = Importer(db, settings).restore(paths, folder, advance)
            if readable is not None:
                messages, refused = replay_messages(db, readable, settings, progress)
                restored.refused.extend(refused)
                restore_dimmings(db, readable)
                salvaged = Salvaged(files, messages, count_nameless(readable), unreadable)
            # Those of older releases and of the seed get the numbers of their records.
            write_files(db, settings)
    # Again: a server may have been started during the long work.
    require_no_server(of_link)
    return Rebuilt(restored, put_new_in_place(settings, new), salvaged=salvaged)


def rebuild_from_frames(settings: Settings, progress: Progress) -> Rebuilt:
    """Derive the ledger again from the frames of a database that is whole.

    Raises UsageError if a server is running, UnusableDatabase if the database is not whole.
    """
    require_no_server(settings)
    settings, of_link = with_real_database(settings), settings
    new = _beside(settings)
    _remove(new)
    with open_database(settings.database) as db, open_database(settings.database) as locking:
        require_whole(db)
        # An open write transaction keeps others from writing rows that the copy would not have.
        with locking.writing(keys=EVERYTHING, durable=False):
            with progress("pages", pages(db)) as advance:
                copy(db, new, advance)
            rederiving, restored = _derive(new, settings, progress)
    require_no_server(of_link)
    aside = put_new_in_place(settings, new)
    superseded = rederiving.set_aside()
    with open_database(settings.database) as db:
        write_files(db, settings)
    return Rebuilt(restored, aside, superseded)


def _derive(new: Path, settings: Settings, progress: Progress) -> tuple[LedgerReplay, Restored]:
    """Derive the ledger again in a copy of the database."""
    migrate(new, now_ms(), thorough=False)
    with open_database(new) as db:
        db.checkpoint_itself()
        rederiving = LedgerReplay(db, settings)
        with progress("frames", frames.count_with_energy(db)) as advance:
            return rederiving, rederiving.run(advance)


def _beside(settings: Settings) -> Path:
    # In the same folder: a rename is atomic only within one file system.
    return settings.database.with_name(f"{settings.database.name}.rebuilt")


def _remove(path: Path) -> None:
    for file in (path, *beside(path)):
        file.unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    # SQLite deletes the -wal of a file that is shorter than a page, and the -wal may have it all.
    if not path.exists() or path.stat().st_size < SMALLEST_PAGE:
        return False
    with contextlib.suppress(UnusableDatabase), connect(path) as db:
        # Not open_database: a whole database of another version must not be replaced either.
        version = check_ours(db)
        require_whole(db)
        if version == VERSION:
            require_schema(db)
        with db.reading():
            return next(undecodable_texts(db), None) is None
    return False


def require_no_server(settings: Settings) -> None:
    """Raise UsageError if the doorbell of a living worker is at this database."""
    paths = doorbells.doorbells_folder(settings.database).glob("*")
    if any(doorbells.ring(str(path)) for path in paths):
        raise UsageError(
            f"a process is using {settings.database}; stop the server, and begin again"
        )


def with_real_database(settings: Settings) -> Settings:
    """Return the settings with the path of the database's file, so that a link to it stays.

    Raises UnusableDatabase for a link that leads nowhere: its disk may be missing.
    """
    require_path(settings.database, None)
    return settings._replace(database=real_path(settings.database))


def put_new_in_place(settings: Settings, new: Path) -> Path | None:
    """Replace the old database by the new one; return the new path of the old one, if any.

    Raises UnusableDatabase if a rename fails.
    """
    path = settings.database
    stem = f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}"
    # Two rebuilds in one second must keep both old databases.
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    aside = next(free for name in names if not (free := path.with_name(name)).exists())
    was_there = path.exists()
    try:
        put_in_place(new, path, aside)
        # A rebuild that was cut off before must not go on from here.
        _remove(_beside(settings))
    except OSError as error:
        raise UnusableDatabase(f"{new} is made, but cannot become {path}: {error}") from None
    return aside if was_there else None
