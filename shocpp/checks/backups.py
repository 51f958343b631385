"""Backups that are missing or old, and accounting files that wait: the copies of the books."""

from collections.abc import Iterator

from shocpp.bookkeeping.accounting_files.files_thread import FILES_WAIT_MS
from shocpp.bookkeeping.housekeeping import DAY_MS
from shocpp.checks.findings import NOTE, WRONG, Finding
from shocpp.clock import now_ms
from shocpp.ocpp.times import format_timestamp
from shocpp.settings import Settings
from shocpp.store import gauges, properties
from shocpp.store.books import records
from shocpp.store.database import Database

OLD_DAYS = 35
"""The age in days from which a backup is reported: one a month is expected."""


def check_backups(_: Settings, db: Database | None) -> Iterator[Finding]:
    """Find books without a backup, or with an old one."""
    if db is None or records.newest_ms(db) is None:
        return
    newest_ms = properties.newest_backup_ms(db)
    days = None if newest_ms is None else (now_ms() - newest_ms) // DAY_MS
    remedy = "make one, and keep it on another machine: shocpp backup FILE.zip"
    if days is None:
        yield Finding(NOTE, f"this database has no backup; {remedy}")
    elif days > OLD_DAYS:
        yield Finding(NOTE, f"the newest backup is {days} days old; {remedy}")


def check_waiting_files(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find accounting files that have waited for a long time, because they cannot be written."""
    folder = properties.unwritable_folder(db) if db is not None else None
    if db is None or folder is None or now_ms() - folder.since_ms < FILES_WAIT_MS:
        return
    yield Finding(
        WRONG,
        f"{gauges.waiting_files(db)} accounting files have waited since "
        f"{format_timestamp(folder.since_ms)}: {folder.reason}; their records are in the database "
        f"only; check the free space, and let the user who runs the server write to "
        f"{settings.accounting_folder}",
    )
