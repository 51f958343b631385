"""The machine under it: clock, disk and environment (a room): part of `shocpp check`."""

import ctypes
import difflib
import shutil
import sys
import time
from collections.abc import Iterator, Mapping

from shocpp.checks.findings import NOTE, WRONG, Finding
from shocpp.settings import VARIABLES, Settings
from shocpp.store.books import records
from shocpp.store.database import Database

MEGABYTE = 1_000_000
FULL, NEARLY_FULL = 100 * MEGABYTE, 1_000 * MEGABYTE
"""A hundred megabytes are a few weeks of ten chargers."""

BEHIND_MS = 3_600_000
NOT_IN_STEP = 5
"""TIME_ERROR of adjtimex(2)."""

LARGEST_TIMEX = 512


def of_disk(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """What is full soon is where stops are not acknowledged any more."""
    for path in {settings.database.parent, settings.accounting_folder}:
        if not path.exists():
            continue
        free = shutil.disk_usage(path).free
        if free < NEARLY_FULL:
            level = WRONG if free < FULL else NOTE
            told = f"{free // MEGABYTE} MB are left for {path}; when none are, no stop is answered"
            yield Finding(level, f"{told}: make room")


def of_clock(_: Settings, db: Database | None) -> Iterator[Finding]:
    """The month of a record without a charger's time is our clock's."""
    newest_ms = records.newest_ms(db) if db is not None else None
    if newest_ms is not None and newest_ms > time.time_ns() // 1_000_000 + BEHIND_MS:
        yield Finding(
            WRONG,
            "the clock is behind the newest record in the books; set it, such as with: "
            "timedatectl set-ntp true",
        )
    elif not _is_in_step():
        yield Finding(
            NOTE, "nothing keeps the clock in step; do so, such as with: timedatectl set-ntp true"
        )


def _is_in_step() -> bool:
    """Whether the kernel knows of somebody who does; True where it does not tell."""
    if not sys.platform.startswith("linux"):
        return True
    buffer = ctypes.create_string_buffer(LARGEST_TIMEX)  # modes = 0: only look
    return int(ctypes.CDLL(None).adjtimex(buffer)) != NOT_IN_STEP


def unknown_variables(environment: Mapping[str, str]) -> Iterator[Finding]:
    """A misspelled setting has its default, silently."""
    known = [variable.name for variable in VARIABLES]
    for name in sorted(environment):
        if name.startswith("SHOCPP_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]}?" if near else "see README.md, Settings"
            yield Finding(WRONG, f"{name} is no setting of this program; {remedy}")
