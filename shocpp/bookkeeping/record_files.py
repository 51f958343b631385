"""Accounting records as files (a room): the seed's form, one JSON file a record.

The database is the truth and this its outbox: a record without a file gets one after its commit, at
the latest at the next start, and gets it again when it is gone. Names come from numbers and a hash
of the stop, so writing one twice changes nothing, and whatever a charger sends has no part in a
path.
"""

import contextlib
import json
import logging
import os
import re
import time
from pathlib import Path

from shocpp.bookkeeping.chain import file_name, file_text
from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.ocpp.times import format_timestamp
from shocpp.settings import Settings
from shocpp.store.books import closings, records
from shocpp.store.books.prices import Frozen
from shocpp.store.books.records import AccountingRow, Unexported
from shocpp.store.database import Database
from shocpp.unique_ids import random_uuid

log = logging.getLogger(__name__)

AT_ONCE = 16
"""Files a slice: on an SD card each costs an fsync of up to 20 ms."""

LEFTOVER_S = 600.0

_NAME = re.compile(r"[0-9]{1,12}-[0-9a-f]{12}\.json")
_SEED_KEYS = ("localtime", "unixtime", "account", "begin_kwh", "end_kwh", "consumed_kwh")


def seed_format(row: AccountingRow) -> dict[str, str]:
    """The seed's six keys in the seed's spelling: all strings."""
    return {key: str(getattr(row, key)) for key in _SEED_KEYS}


def file_form(record: Unexported) -> dict[str, object]:
    """The seed's keys as strings, then ours with their types, and what the charger said."""
    row = record.row
    typed = {key: value for key, value in row._asdict().items() if key not in _SEED_KEYS}
    price = None if record.price is None else price_form(record.price)
    said = {"price": price, "start": record.start, "stop": record.stop, "signed": record.signed}
    return {**seed_format(row), **typed, **said}


def price_form(frozen: Frozen) -> dict[str, object]:
    """What a record's file keeps of its price."""
    priced_ms, (amount_ct, parts, note) = frozen
    return {
        "priced_at": format_timestamp(priced_ms),
        "amount_ct": amount_ct,
        "note": note,
        "parts": [part._asdict() for part in parts],
    }


class RecordFiles:
    """The accounting folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def sweep(self) -> None:
        """Remove what killed processes have left half written."""
        for partial in self.folder.glob("*/*/.*.json.*"):
            with contextlib.suppress(OSError):
                if time.time() - partial.stat().st_mtime > LEFTOVER_S:
                    partial.unlink()

    def take_back(self, db: Database) -> bool:
        """Put what has lost its file back into the outbox; whether there is any."""
        with db.reading():
            exported = records.exported(db)
            closed = closings.exported(db)
        gone: list[int] = []
        for month, numbers in exported.items():
            gone += [numbers[name] for name in numbers.keys() - self._names(month)]
        opened = [
            number
            for number, month in closed.items()
            if not (self.folder / file_name(month)).exists()
        ]
        lost = len(gone) + len(opened)
        if lost:
            log.warning("%d files are gone from %s and are written again", lost, self.folder)
            with db.writing(durable=False):
                records.take_back(db, gone)
                closings.mark_exported(db, opened, None)
        return bool(lost)

    def _names(self, month: str) -> set[str]:
        try:
            return set(os.listdir(self._folder_of(month)))
        except OSError:
            return set()

    def _folder_of(self, month: str) -> Path:
        return self.folder.joinpath(*month.split("-"))

    def export(self, db: Database, exported_ms: int) -> bool:
        """Write a slice of the files that are missing; whether there may be more.

        Raises OSError when the folder cannot be written; the records stay in the outbox.
        """
        if not self.folder.exists():
            self.folder.mkdir(mode=0o700, parents=True)
            self.take_back(db)
        with db.reading():
            waiting = records.unexported(db, AT_ONCE)
            closed = closings.unexported(db)
        if not waiting and not closed:
            return False
        for record in waiting:
            self._write_record(record)
        for closing in closed:
            self._write(self.folder / file_name(closing.month), file_text(closing))
        with db.writing(durable=False):
            records.mark_exported(db, waiting, exported_ms)
            closings.mark_exported(db, [closing.number for closing in closed], exported_ms)
        return len(waiting) == AT_ONCE

    def _write_record(self, record: Unexported) -> None:
        path = self._folder_of(record.month) / record.file_name
        # Written again is one that has got its price since, or signed values, and the seed's.
        priced_since = record.price is not None and record.price.priced_ms != record.booked_ms
        again = priced_since or bool(record.signed) or record.row.provenance == "imported"
        if again or not path.exists():
            text = json.dumps(file_form(record), ensure_ascii=False, indent=2) + "\n"
            self._write(path, text, again=again)

    def _write(self, path: Path, text: str, *, again: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_name(f".{path.name}.{random_uuid()}")
        try:
            with open(partial, "x", encoding="utf-8", opener=_private) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _put(partial, path, again)
        finally:
            partial.unlink(missing_ok=True)


def write_files(db: Database, settings: Settings) -> None:
    """Write the files of new records; those that cannot be written now, a server will write."""
    files = RecordFiles(settings.accounting_folder)
    try:
        while files.export(db, now_ms()):
            pass
    except OSError as error:
        log.warning("record files are written later, because now they cannot be: %s", error)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _put(partial: Path, path: Path, again: bool) -> None:
    """Give the file its name, unless another worker was faster; the name is on disk after it."""
    try:
        if again:
            os.replace(partial, path)
        else:
            os.link(partial, path)
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def record_paths(path: Path) -> list[Path]:
    """The accounting files at a path, a file or a folder, in the order of their times.

    Of two of one name, which an import that was cut off has left, the one that was moved into a
    later month goes first.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist; name an accounting folder or one of its files")
    if path.is_file() and not _NAME.fullmatch(path.name):
        raise UsageError(f"{path} is not named like a record: 1693727530-0326fd891def.json")
    found = [path] if path.is_file() else sorted(path.glob("**/*.json"), reverse=True)
    return sorted((file for file in found if _NAME.fullmatch(file.name)), key=_age)


def _age(path: Path) -> tuple[int, str]:
    return int(path.name.partition("-")[0]), path.name


def missing_in_the_books(db: Database, folder: Path) -> list[Path]:
    """The accounting files in a folder that are no records here, as after a lost database."""
    if not folder.is_dir():
        return []
    paths = record_paths(folder)  # before the records: a file comes after its record
    known = records.file_names(db)
    return [path for path in paths if path.name not in known]
