"""Accounting records as files (a room): the seed's form, one JSON file a record.

The database is the truth and this its outbox: a record without a file gets one after its commit, at
the latest at the next start, and gets it again when it is gone. Names come from numbers and a hash
of the stop, so writing one twice changes nothing, and whatever a charger sends has no part in a
path.
"""

import contextlib
import hashlib
import json
import logging
import os
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from shocpp.central_system.clock import now_ms
from shocpp.central_system.unique_ids import random_uuid
from shocpp.settings import Settings
from shocpp.store import records
from shocpp.store.database import Database
from shocpp.store.records import AccountingRow, RecordPlace, Unexported

log = logging.getLogger(__name__)

AT_ONCE = 16
"""Files a slice: on an SD card each costs an fsync of up to 20 ms."""

LEFTOVER_S = 600.0

_SEED_KEYS = ("localtime", "unixtime", "account", "begin_kwh", "end_kwh", "consumed_kwh")


def seed_form(row: AccountingRow) -> dict[str, str]:
    """The seed's six keys in the seed's spelling: all strings."""
    return {key: str(getattr(row, key)) for key in _SEED_KEYS}


def file_form(record: Unexported) -> dict[str, object]:
    """The seed's keys as strings, then ours with their types, and what the charger said."""
    row = record.row
    typed = {key: value for key, value in row._asdict().items() if key not in _SEED_KEYS}
    return {**seed_form(row), **typed, "start": record.start, "stop": record.stop}


def place_of(billed_ms: int, zone: ZoneInfo, *said: object) -> RecordPlace:
    """The month a record belongs to, and the name of its file.

    The name comes from numbers and a hash only; what is `said` of the same record is the same.
    """
    local = datetime.fromtimestamp(billed_ms / 1000, zone)
    digest = hashlib.sha256("\n".join(map(str, said)).encode()).hexdigest()
    return RecordPlace(
        month=f"{local:%Y-%m}",
        local_time=f"{local:%Y-%m-%d %H:%M:%S}",
        file_name=f"{billed_ms // 1000}-{digest[:12]}.json",
    )


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
        """Put records whose files are gone back into the outbox; whether there are any."""
        with db.reading():
            exported = records.exported(db)
        gone: list[int] = []
        for month, numbers in exported.items():
            gone += [numbers[name] for name in numbers.keys() - self._names(month)]
        if gone:
            log.warning("%d files are gone from %s and are written again", len(gone), self.folder)
            with db.writing(durable=False):
                records.take_back(db, gone)
        return bool(gone)

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
        if not waiting:
            return False
        for record in waiting:
            self._write(record)
        with db.writing(durable=False):
            records.mark_exported(db, [record.number for record in waiting], exported_ms)
        return len(waiting) == AT_ONCE

    def _write(self, record: Unexported) -> None:
        folder = self._folder_of(record.month)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / record.file_name
        if path.exists():
            return
        text = json.dumps(file_form(record), ensure_ascii=False, indent=2) + "\n"
        partial = folder / f".{record.file_name}.{random_uuid()}"
        try:
            with open(partial, "x", encoding="utf-8", opener=_private) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _put(partial, path)
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


def _put(partial: Path, path: Path) -> None:
    """Give the file its name, unless another worker was faster; the name is on disk after it."""
    try:
        os.link(partial, path)
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
