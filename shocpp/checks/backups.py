"""Backups that are missing or old, and accounting files that wait: the copies of the books."""

from collections.abc import Iterator

from shocpp.bookkeeping.accounting_files.files_thread import FILES_WAIT_MS
from shocpp.bookkeeping.housekeeping import DAY_MS
from shocpp.checks.findings import NOTE, WRONG, Finding
from shocpp.clock import now_ms
from shocpp.language.dates import day_and_time, local_datetime
from shocpp.language.findings.sentences import Bilingual, Quoted
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
    if days is None:
        yield Finding(NOTE, "no_backup")
    elif days > OLD_DAYS:
        yield Finding(NOTE, "backup_old", {"days": days})


def check_waiting_files(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find accounting files that have waited for a long time, because they cannot be written."""
    folder = properties.unwritable_folder(db) if db is not None else None
    if db is None or folder is None or now_ms() - folder.since_ms < FILES_WAIT_MS:
        return
    local_time = day_and_time(local_datetime(folder.since_ms, settings.zone), "de")
    yield Finding(
        WRONG,
        "files_wait",
        {
            "number": gauges.waiting_files(db),
            "since": Bilingual(local_time, format_timestamp(folder.since_ms)),
            "reason": Quoted(folder.reason),
            "folder": settings.accounting_folder,
        },
    )
