"""A database made again (a room): from the accounting files, or from the frames in the old one.

It is made beside its place, and takes it when it is whole; the old one is kept under another name.
From files every record and decision comes back as it was. From frames the ledger is decided anew,
where only the ledger was wrong: each charger's transactions in the order in which they came, with
the accounts and ids that were answered then, and each decision of a human at its time.
"""

import contextlib
import itertools
import time
from pathlib import Path
from typing import NamedTuple

from shocpp.bookkeeping.chain import closing_paths
from shocpp.bookkeeping.record_files import record_paths, write_files
from shocpp.clock import now_ms
from shocpp.errors import UnusableDatabase, UsageError
from shocpp.recovery.replay import Rederiving
from shocpp.recovery.restore import Progress, Restored, Restoring
from shocpp.settings import Settings
from shocpp.store import doorbells
from shocpp.store.backups import beside, copy, pages, require_whole
from shocpp.store.charge_points import frames
from shocpp.store.database import check_ours, connect, open_database
from shocpp.store.migrations import migrate, put_in_place


class Rebuilt(NamedTuple):
    """What came of it; `aside` is where the old database is, `superseded` the files it wrote that
    its frames do not bear out."""

    restored: Restored
    aside: Path | None
    superseded: tuple[Path, ...] = ()


def rebuild(settings: Settings, progress: Progress) -> Rebuilt:
    """Make a lost or damaged database again from the accounting files.

    Raises UsageError where it is whole, or a server is running.
    """
    _require_no_server(settings)
    if _is_whole(settings.database):
        raise UsageError(
            f"{settings.database} is whole, and nothing is to be rebuilt; files that it does not "
            f"know are taken in with: shocpp import {settings.accounting_folder}; its ledger is "
            "derived again from its frames with: shocpp rebuild --frames"
        )
    new = _beside(settings)
    try:
        migrate(new, now_ms())
    except UnusableDatabase:  # an attempt that was cut off
        _remove(new)
        migrate(new, now_ms())
    folder = settings.accounting_folder
    paths = record_paths(folder) if folder.exists() else []
    closed = closing_paths(folder)
    with open_database(new) as db, progress("accounting files", len(paths)) as tell:
        restored = Restoring(db, settings).restore(paths, closed, tell)
    _require_no_server(settings)
    return Rebuilt(restored, _put_in_place(settings, new))


def rebuild_from_frames(settings: Settings, progress: Progress) -> Rebuilt:
    """Derive the ledger again from the frames of a database that is whole.

    Raises UsageError where a server is running, UnusableDatabase where the database is not whole.
    """
    _require_no_server(settings)
    new = _beside(settings)
    _remove(new)
    with open_database(settings.database) as db, open_database(settings.database) as held:
        require_whole(db)
        with held.writing(durable=False):  # nobody else writes what the new one would not have
            with progress("pages", pages(db)) as tell:
                copy(db, new, tell)
            rederiving, restored = _derive(new, settings, progress)
    _require_no_server(settings)
    aside = _put_in_place(settings, new)
    superseded = rederiving.set_aside()
    with open_database(settings.database) as db:
        write_files(db, settings)
    return Rebuilt(restored, aside, superseded)


def _derive(new: Path, settings: Settings, progress: Progress) -> tuple[Rederiving, Restored]:
    migrate(new, now_ms(), thorough=False)
    with open_database(new) as db:
        rederiving = Rederiving(db, settings)
        with progress("frames", frames.count_with_energy(db)) as tell:
            return rederiving, rederiving.run(tell)


def _beside(settings: Settings) -> Path:
    return settings.database.with_name(f"{settings.database.name}.rebuilt")


def _remove(path: Path) -> None:
    for file in (path, *beside(path)):
        file.unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    if not path.exists():
        return False
    with contextlib.suppress(UnusableDatabase), connect(path) as db:
        check_ours(db)  # of whatever version
        require_whole(db)
        return True
    return False


def _require_no_server(settings: Settings) -> None:
    hung = doorbells.doorbells_folder(settings.database).glob("*")
    if any(doorbells.ring(str(doorbell)) for doorbell in hung):
        raise UsageError(
            f"a process is using {settings.database}; stop the server, and begin again"
        )


def _put_in_place(settings: Settings, new: Path) -> Path | None:
    path = settings.database
    stem = f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    aside = next(free for name in names if not (free := path.with_name(name)).exists())
    was_there = path.exists()
    try:
        put_in_place(new, path, aside)
    except OSError as error:
        raise UnusableDatabase(f"{new} is made, but cannot become {path}: {error}") from None
    return aside if was_there else None
