"""The accounting files: one JSON file a record, in the format of the seed's scripts.

The database is the truth. A record without a file gets one after its commit, at the latest at the
next start, and gets it again if the file is lost. A file name consists of a time and a hash, so
writing a file twice changes nothing, and no text from a charger becomes part of a path.
"""

import contextlib
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from shocpp.bookkeeping.accounting_files.chain import file_name, file_text
from shocpp.bookkeeping.accounting_files.indented_json import indented_json
from shocpp.bookkeeping.accounting_files.new_files import NewFile, write_durably
from shocpp.bookkeeping.accounting_files.note_files import note_path, note_text
from shocpp.bookkeeping.accounting_files.record_content import file_content
from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.ocpp.times import format_timestamp
from shocpp.settings import Settings
from shocpp.store.books import closings, numbers, outbox, records
from shocpp.store.books.archive import forms, notes
from shocpp.store.books.archive.forms import Waiting
from shocpp.store.books.archive.notes import Note
from shocpp.store.books.closings import Closing
from shocpp.store.books.numbers import Renumbering
from shocpp.store.books.outbox import Unexported
from shocpp.store.database import Database
from shocpp.store.keys import BOOKS

log = logging.getLogger(__name__)

FILES_AT_ONCE = 64
"""The number of files in a slice: on an SD card the fsync of each takes up to 20 ms."""

FORMS_AT_ONCE = 8
"""The number of forms in a slice: each is read into memory, and may have 10 MB."""

LEFTOVER_S = 600.0
"""The age from which on a partial file is taken for one of a killed process."""

_RENUMBERED = "00_renumbered_{}_{}.json"

MOST_NUMBER = 10**15
"""The highest number that a file may give to a record; above it are no genuine ones."""

_NAME = re.compile(r"[0-9]{1,12}-[0-9a-f]{12}\.json")


class Slice(NamedTuple):
    """Records, closings, renumberings, forms and notes whose files are written together."""

    records: list[Unexported]
    closings: list[Closing]
    renumberings: list[Renumbering]
    forms: list[Waiting]
    notes: list[Note]

    @property
    def is_full(self) -> bool:
        """Return True if more files may wait than those of this slice."""
        return len(self.records) == FILES_AT_ONCE or len(self.forms) == FORMS_AT_ONCE

    def mark(self, db: Database, exported_ms: int) -> None:
        """Note in a write transaction that the files are on disk."""
        with db.writing(keys=BOOKS, durable=False):
            outbox.mark_exported(db, self.records, exported_ms)
            numbers_ = [closing.number for closing in self.closings]
            closings.mark_exported(db, numbers_, exported_ms)
            numbers.mark_exported(db, self.renumberings, exported_ms)
            forms.mark_written(db, [waiting.form for waiting in self.forms])
            notes.mark_exported(db, self.notes, exported_ms)


class Missing(NamedTuple):
    """The records and closings by number, renumberings and notes, whose files have gone."""

    records: list[int]
    closings: list[int]
    renumberings: list[Renumbering]
    notes: list[Note]

    def requeue(self, db: Database) -> None:
        """Put them back into the outbox in a write transaction."""
        with db.writing(keys=BOOKS, durable=False):
            outbox.unmark_exported(db, self.records)
            closings.mark_exported(db, self.closings, None)
            numbers.mark_exported(db, self.renumberings, None)
            notes.mark_exported(db, self.notes, None)


class RecordFiles:
    """The accounting folder, with the files of records and of closed months."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def sweep(self) -> None:
        """Remove the partial files of killed processes."""
        partials = [*self.folder.glob("**/.*.json.*"), *self.folder.glob("**/.*.pdf.*")]
        for partial in partials:
            with contextlib.suppress(OSError):
                if time.time() - partial.stat().st_mtime > LEFTOVER_S:
                    partial.unlink()

    def make_folder(self) -> bool:
        """Make the folder; return True if it was not there. Raises OSError."""
        if self.folder.exists():
            return False
        self.folder.mkdir(mode=0o700, parents=True)
        return True

    def missing(self, db: Database) -> Missing | None:
        """Return the records, closings and renumberings whose files have gone, or None."""
        with db.reading():
            exported = outbox.exported(db)
            closed = closings.exported(db)
            renumbered, noted = numbers.exported(db), notes.exported(db)
        missing = Missing([], [], [], [])
        for month, by_name in exported.items():
            missing.records.extend(by_name[name] for name in by_name.keys() - self._names(month))
        missing.closings.extend(
            number
            for number, month in closed.items()
            if not (self.folder / file_name(month)).exists()
        )
        top = self._names("") if renumbered else set()
        missing.renumberings.extend(i for i in renumbered if renumbering_name(i) not in top)
        missing.notes.extend(note for note in noted if not (self.folder / note_path(note)).exists())
        count = sum(len(items) for items in missing)
        if not count:
            return None
        log.warning("%d files are missing in %s and are written again", count, self.folder)
        return missing

    def requeue_missing(self, db: Database) -> None:
        """Put records and closings without their file back into the outbox."""
        missing = self.missing(db)
        if missing is not None:
            missing.requeue(db)

    def _names(self, month: str) -> set[str]:
        """Return the names of the files of a month (YYYY-MM), or of no month with an empty text.

        The set is empty without a folder.
        """
        # One listing of the folder costs less than a stat for every record.
        try:
            return set(os.listdir(self._folder_of(month)))
        except OSError:
            return set()

    def _folder_of(self, month: str) -> Path:
        return self.folder.joinpath(*month.split("-"))

    def export(self, db: Database, exported_ms: int) -> bool:
        """Write a slice of the files that are missing; return True if there may be more.

        Raises OSError if the folder cannot be written; the records stay in the outbox.
        """
        # Somebody may have deleted the folder: all its files come back from the database.
        if self.make_folder():
            self.requeue_missing(db)
        slice_ = self.next_slice(db)
        if slice_ is None:
            return False
        # Outside a transaction: an fsync of a file must not hold the lock that other workers wait
        # for. And before the mark: a process that is killed in between writes them a second time.
        self.write(slice_)
        slice_.mark(db, exported_ms)
        return slice_.is_full

    def next_slice(self, db: Database) -> Slice | None:
        """Return the next files to write, or None if no file waits."""
        with db.reading():
            waiting = outbox.unexported(db, FILES_AT_ONCE)
            slice_ = Slice(
                *(waiting, closings.unexported(db), numbers.unexported(db)),
                *(forms.waiting(db, FORMS_AT_ONCE), notes.unexported(db)),
            )
        return slice_ if any(slice_) else None

    def write(self, slice_: Slice) -> None:
        """Write the files of a slice. Raises OSError; then none of them may be marked."""
        write_durably(self.folder, self._new_files(slice_))

    def _new_files(self, slice_: Slice) -> Iterator[NewFile]:
        """Yield the files of a slice, without those that exist with the same content."""
        for record in slice_.records:
            path = self._folder_of(record.month) / record.file_name
            # The content has changed only if the record has got its price or signed values since,
            # or if the file is one of the seed's, or lacks its number, transaction or stop.
            replaces = (
                (record.price is not None and record.price.priced_ms != record.booked_ms)
                or bool(record.signed)
                or record.columns["provenance"] == "imported"
            )
            is_there = path.exists()
            replaces = replaces or (is_there and _lacks(path, record))
            if replaces or not is_there:
                text = indented_json(file_content(record)) + "\n"
                yield NewFile(path, text.encode(), replaces)
        for closing in slice_.closings:
            yield NewFile(self.folder / file_name(closing.month), file_text(closing).encode())
        for item in slice_.renumberings:
            yield NewFile(self.folder / renumbering_name(item), renumbering_text(item).encode())
        for form, month, content in slice_.forms:
            # The name has a hash of the bytes: another file of this name can only be damaged.
            yield NewFile(self._folder_of(month) / form.name, content, replaces=True)
        for note in slice_.notes:
            content = note_text(note).encode()
            yield NewFile(self.folder / note_path(note), content, replaces=True)


def renumbering_name(renumbering: Renumbering) -> str:
    """Return the name of a renumbering's file in the accounting folder."""
    return _RENUMBERED.format(renumbering.file_name.removesuffix(".json"), renumbering.number)


def renumbering_text(renumbering: Renumbering) -> str:
    """Return a renumbering as the JSON text of its file."""
    content = {
        "entry": "renumbering",
        "replaces_file": renumbering.file_name,
        "number": renumbering.number,
        "former_number": renumbering.former_number,
        "decided_by": renumbering.decided_by,
        "decided_why": renumbering.decided_why,
        "booked_at": format_timestamp(renumbering.booked_ms),
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def write_files(db: Database, settings: Settings) -> None:
    """Write all missing accounting files.

    If the folder cannot be written, warns; a server writes the files later.
    """
    files = RecordFiles(settings.accounting_folder)
    try:
        while files.export(db, now_ms()):
            pass
    except OSError as error:
        log.warning("record files cannot be written now and will be retried: %s", error)


def record_paths(path: Path) -> list[Path]:
    """Return the accounting files at a path, a file or a folder, in the order of their times.

    An import that was cut off leaves two files of one name. Of these, the one that was moved into
    a later month comes first. Raises UsageError if there is no such file or folder.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist; name an accounting folder or one of its files")
    if path.is_file() and not _NAME.fullmatch(path.name):
        raise UsageError(f"{path} is not named like a record: 1693727530-0326fd891def.json")
    # Sorted twice: the second sort is stable, and keeps the later folder of one name first.
    paths = [path] if path.is_file() else sorted(path.glob("**/*.json"), reverse=True)
    return sorted((file for file in paths if _NAME.fullmatch(file.name)), key=_age)


def renumbering_paths(folder: Path) -> list[Path]:
    """Return the files of renumberings below a folder, in the order of their paths."""
    return sorted(folder.glob(f"**/{_RENUMBERED.format('*', '*')}"))


def filed_number(path: Path) -> int | None:
    """Return the number in the file of a record or of a renumbering.

    It is None in a file of an older release or of the seed, and in one that cannot be read.
    """
    number = _members(path).get("number")
    return number if is_number(number) else None


def _lacks(path: Path, record: Unexported) -> bool:
    """Return True if the file of a record lacks its number, its transaction or its stop."""
    members = _members(path)
    for key, columns in (("start", record.start), ("stop", record.stop)):
        if columns is not None and members.get(key) is None:
            return True
    return not is_number(members.get("number")) or members["number"] != record.number


def _members(path: Path) -> dict[str, Any]:
    """Return the members of a JSON file, none if it cannot be read."""
    try:
        values = json.loads(path.read_bytes()) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def is_number(value: object) -> TypeGuard[int]:
    """Return True if a value of a file can be the number of a record."""
    # JSON's true is an int to Python.
    return type(value) is int and 0 < value <= MOST_NUMBER


def highest_number(folder: Path) -> int:
    """Return the highest number of a record in the files of a folder; 0 without any."""
    paths = record_paths(folder) + renumbering_paths(folder) if folder.is_dir() else []
    return max((filed_number(path) or 0 for path in paths), default=0)


def _age(path: Path) -> tuple[int, str]:
    return int(path.name.partition("-")[0]), path.name


def files_without_record(db: Database, folder: Path) -> list[Path]:
    """Return the accounting files in a folder that have no record, as after a lost database."""
    if not folder.is_dir():
        return []
    # Files before records: a file is written after its record, so none is missed by a server
    # that books meanwhile.
    paths = record_paths(folder)
    known = records.file_names(db)
    return [path for path in paths if path.name not in known]
