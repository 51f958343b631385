"""The restore of a backup: an archive, or a plain copy of the database.

Everything is checked before anything is changed. The database of the backup is staged beside the
present one, brought up to date, and gets all newer records from the accounting files. Only then
does a rename make it the database. So a process that is killed before leaves the former state, and
the same command again finishes the work.

    database      replaced; the former one gets a dated name, with its -wal, -shm and journal
    accounting/   merged: files that are missing come back, others stay; a damaged one is replaced
    conf/         files that are missing come back; others stay, unless they are to be replaced
"""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from shocpp.bookkeeping.accounting_files.chain import file_name, read_closing
from shocpp.bookkeeping.accounting_files.record_files import write_files
from shocpp.clock import now_ms
from shocpp.errors import ShocppError, StoreUnavailable, UnusableDatabase, UsageError
from shocpp.installation.files import SHIPPED
from shocpp.recovery.archive import ACCOUNTING, DATABASE, Archive, conf_files, open_archive
from shocpp.recovery.filed.records import read_filed
from shocpp.recovery.rebuild import put_new_in_place, require_no_server, with_real_database
from shocpp.recovery.restore import Progress, Restored, import_files
from shocpp.recovery.salvage import readable_part, write_files_of
from shocpp.settings import Settings
from shocpp.store import people, properties
from shocpp.store.books import records
from shocpp.store.books.archive.form_files import name_digest, parsed_name
from shocpp.store.database import VERSION, connect, open_database
from shocpp.store.files.backups import beside, require_whole, sync
from shocpp.store.files.header import check_ours
from shocpp.store.keys import NO_KEYS
from shocpp.store.schema.migrations import migrate
from shocpp.store.site import profiles

_CHUNK = 1024 * 1024


class ConfFile(NamedTuple):
    """A file of conf/ that was restored, or that stays although it differs from the backup.

    `aside` is the new path of the former file, None if there was none or it stays.
    """

    path: Path
    stays: bool
    aside: Path | None


class Reinstated(NamedTuple):
    """The result of a restore.

    `made_ms` is the time of an archive, None for a plain copy. `aside` is the new path of the
    former database, None if there was none. `records` is the number of records in the backup,
    `files` that of accounting files that came back, and `imported` the result for newer ones.
    `revoked` is the number of devices.
    """

    made_ms: int | None
    aside: Path | None
    records: int
    files: int
    conf: tuple[ConfFile, ...]
    imported: Restored
    revoked: int = 0


def reinstate(
    settings: Settings,
    path: Path,
    progress: Progress,
    *,
    replaces_conf: bool,
    keeps_devices: bool = False,
) -> Reinstated:
    """Restore a backup. `replaces_conf` also replaces files of conf/ that differ.

    All devices and invitations of the backup are revoked, unless `keeps_devices`: one that was
    revoked since must not come back.

    Raises UsageError if a server is running, or if the file is damaged or no backup; then nothing
    was changed. Raises UnusableDatabase if its database is damaged or newer than this program, and
    StoreUnavailable or OSError if there is no space; then the former database is in place.
    """
    require_no_server(settings)
    if not path.is_file():
        raise UsageError(f"{path} does not exist or is no file; name a file made by shocpp backup")
    if settings.database.exists() and path.samefile(settings.database):
        raise UsageError(f"{path} is the database itself; name a backup of it")
    settings, of_link = with_real_database(settings), settings
    staged = settings.database.with_name(f"{settings.database.name}.restoring")
    if staged.exists() and path.samefile(staged):
        raise UsageError(f"{path} is a part of a restore that was cut off; name another file")
    _remove(staged)
    try:
        with _checked(settings, path, staged, progress) as archive:
            if archive is None:
                with _placed(staged) as file, open(path, "rb") as source:
                    shutil.copyfileobj(source, file, _CHUNK)
                _require_usable(staged)
            prepared = _prepare(settings, archive, staged, progress, replaces_conf=replaces_conf)
            if not keeps_devices:
                prepared = prepared._replace(revoked=_revoke_devices(staged))
        # Again: a server may have been started during the long work.
        require_no_server(of_link)
        _close(settings.database)
        return prepared._replace(aside=put_new_in_place(settings, staged))
    except OSError as error:
        raise StoreUnavailable(
            f"{error.filename or staged} cannot be written: {error.strerror}; the former database "
            "is in place; make room, and repeat the command"
        ) from error
    finally:
        _remove(staged)


@contextlib.contextmanager
def _checked(
    settings: Settings, path: Path, staged: Path, progress: Progress
) -> Iterator[Archive | None]:
    """Check the backup, and stage the database of an archive; yield None for a plain copy."""
    is_database = _has_header(path)
    settings.database.parent.mkdir(parents=True, exist_ok=True)
    if is_database:
        # SQLite would need the -wal or the journal: without it the copy lacks commits.
        if any(other.exists() for other in beside(path)):
            raise UsageError(f"{path} is a database in use, or not closed; name another backup")
        yield None
        return
    with open_archive(path, progress) as archive:
        size = archive.size(DATABASE)
        with progress("bytes of the database", size) as advance, _placed(staged) as file:
            archive.extract(DATABASE, file, advance)
        _require_usable(staged)
        yield archive


def _require_usable(staged: Path) -> None:
    """Raise UnusableDatabase unless the file is a whole database that this program knows."""
    with connect(staged) as db:
        version = check_ours(db)
        if version > VERSION:
            raise UnusableDatabase(
                f"the backup has version {version}, this program knows {VERSION}; it was written "
                "by a newer shocpp: restore it with that version"
            )
        require_whole(db)


def _prepare(
    settings: Settings,
    archive: Archive | None,
    staged: Path,
    progress: Progress,
    *,
    replaces_conf: bool,
) -> Reinstated:
    """Bring the staged database up to date, and put the files in place."""
    migrate(staged, now_ms())
    with open_database(staged) as db:
        count = len(records.file_names(db))
        with db.writing(keys=NO_KEYS):
            profiles.distrust(db)
    # The present database may have records whose files are still to be written.
    _write_waiting_files(settings, progress)
    files = 0 if archive is None else _merge_files(settings, archive, progress)
    imported = Restored(0, 0, [], [])
    with open_database(staged) as db:
        if settings.accounting_folder.is_dir():
            in_stage = settings._replace(database=staged)
            imported = import_files(db, in_stage, settings.accounting_folder, None, progress)
        if archive is not None:
            with db.writing(keys=NO_KEYS):
                properties.record_backup(db, archive.manifest.made_ms)
    conf = () if archive is None else tuple(_put_conf_back(settings, archive, replaces_conf))
    made_ms = None if archive is None else archive.manifest.made_ms
    return Reinstated(made_ms, None, count, files, conf, imported)


def _revoke_devices(staged: Path) -> int:
    """Revoke all devices and invitations; return the number of devices."""
    with open_database(staged) as db, db.writing(keys=NO_KEYS):
        return people.revoke_all(db, now_ms())


def _has_header(path: Path) -> bool:
    """Return True if a file begins as a database does."""
    with open(path, "rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _write_waiting_files(settings: Settings, progress: Progress) -> None:
    """Write the accounting files that the present database still has to write, if it can."""
    path = settings.database
    # Of a database that is gone, the -wal may be left.
    if not any(file.exists() for file in (path, *beside(path)[:1])):
        return
    # SQLite deletes the -wal of a file that is shorter than a page.
    if path.exists() and _has_header(path):
        with contextlib.suppress(ShocppError), open_database(path) as db:
            require_whole(db)
            write_files(db, settings)
            return
    # From a damaged one, those of the records that can be read.
    with readable_part(settings, progress) as (readable, _):
        write_files_of(readable, settings)


def _close(path: Path) -> None:
    """Let SQLite copy the -wal of a database that nobody uses into its file, if it can."""
    # Then the rename of one file moves it, and a kill cannot separate it from its -wal.
    if path.exists() and _has_header(path):
        with contextlib.suppress(ShocppError), connect(path) as db:
            check_ours(db)


def _remove(path: Path) -> None:
    for file in (path, *beside(path)):
        file.unlink(missing_ok=True)


# -- the accounting folder ------------------------------------------------------------------------


def _merge_files(settings: Settings, archive: Archive, progress: Progress) -> int:
    """Put back the accounting files that are missing or damaged; return their number."""
    count, names = 0, archive.names(ACCOUNTING)
    settings.accounting_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with progress("accounting files", len(names)) as advance:
        for name in names:
            path = settings.accounting_folder / name.removeprefix(ACCOUNTING)
            # A present file may be newer: it gets its price and its number later.
            is_there = path.exists()
            if is_there and _is_damaged(path):
                _put_aside(path)
                is_there = False
            if not is_there:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write(path, archive.read(name))
                count += 1
            advance(1)
    return count


def _is_damaged(path: Path) -> bool:
    """Return True if a file of a record, a closing or a form has not what it was written with."""
    if path.suffix == ".pdf":
        return _is_changed_form(path)
    if path.suffix != ".json" or path.name.startswith(("00_renumbered_", "00_note_")):
        return False
    try:
        is_closing = path.name == Path(file_name(f"{path.parts[-3]}-{path.parts[-2]}")).name
        read_closing(path) if is_closing else read_filed(path)
    except (UsageError, FileNotFoundError):
        return True
    return False


def _is_changed_form(path: Path) -> bool:
    """Return True if the name of a form's file contradicts its bytes and the closing beside it."""
    name = parsed_name(path)
    if name is None:
        return False
    try:
        closing = read_closing(path.with_name(Path(file_name(name.month)).name))
    except (UsageError, FileNotFoundError):
        return False
    return name_digest(closing.hash, path.read_bytes()) != name.digest


# -- the files of conf/ ---------------------------------------------------------------------------


def _put_conf_back(settings: Settings, archive: Archive, replaces_conf: bool) -> Iterator[ConfFile]:
    """Put files of conf/ back; yield those that were, and those that stay and differ."""
    for name, path in conf_files(settings).items():
        if name not in archive.names(name):
            continue
        content = archive.read(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content)
            yield ConfFile(path, False, None)
        elif path.read_bytes() != content:
            # `make run` may just have written an example, which nobody has edited.
            if replaces_conf or _is_example(name, path):
                aside = _put_aside(path)
                _write(path, content)
                yield ConfFile(path, False, aside)
            else:
                yield ConfFile(path, True, None)


def _is_example(name: str, path: Path) -> bool:
    """Return True if a file is identical to the example that is shipped for it."""
    example = SHIPPED / f"{name}.example"
    return example.is_file() and example.read_bytes() == path.read_bytes()


# -- files ----------------------------------------------------------------------------------------


def _put_aside(path: Path) -> Path:
    """Keep a file under a dated name as well; return that name."""
    stem = f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}"
    number = 1
    while True:
        aside = path.with_name(stem if number == 1 else f"{stem}-{number}")
        try:
            # A link, so that the path always names a whole file.
            os.link(path, aside)
        except FileExistsError:
            number += 1
        else:
            return aside


def _write(path: Path, content: bytes) -> None:
    """Write a file under another name, and rename it when it is whole and on disk."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    try:
        with _placed(partial) as file:
            file.write(content)
        os.replace(partial, path)
        sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _placed(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file that only its owner reads, and sync it at the end of the block."""
    with open(path, "xb", opener=_private) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
