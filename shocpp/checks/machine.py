"""The part of `shocpp check` for the machine: its disk, its clock and the environment."""

import ctypes
import difflib
import sys
import time
from collections.abc import Iterator, Mapping

from shocpp.checks.findings import NOTE, WRONG, Finding
from shocpp.language.findings.sentences import Bilingual
from shocpp.settings import VARIABLES, Settings
from shocpp.store.books import records
from shocpp.store.database import Database
from shocpp.store.files.space import megabytes_text, reserve_bytes, space_of

BEHIND_MS = 3_600_000
"""The lead of the newest record over our clock that is still allowed."""

NOT_SYNCHRONIZED = 5
"""TIME_ERROR of adjtimex(2)."""

LARGEST_TIMEX = 512
"""Bytes: at least the size of `struct timex` on any machine."""


def check_disk(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find full or nearly full disks of the database and of the accounting files.

    Below the reserve only transactions are written. A stop that cannot be written is not
    acknowledged. Both folders are mostly on one disk, which is one finding.
    """
    disks = set()
    for path in (settings.database.parent, settings.accounting_folder):
        if not path.exists() or path.stat().st_dev in disks:
            continue
        disks.add(path.stat().st_dev)
        space = space_of(path)
        reserve = reserve_bytes(settings.reserve_mb, space.total)
        if space.free < 2 * reserve:
            level = WRONG if space.free < reserve else NOTE
            left = {"folder": path, "free": _megabytes(space.free)}
            if path == settings.database.parent:
                values = {**left, "least": _megabytes(reserve)}
                yield Finding(level, "disk_of_database", values)
            else:
                yield Finding(level, "disk_of_files", left)


def _megabytes(number: int) -> Bilingual:
    """Return bytes as megabytes for people."""
    text = megabytes_text(number)
    return Bilingual(text.replace(".", ","), text)


def check_clock(_: Settings, db: Database | None) -> Iterator[Finding]:
    """Find a clock that is behind the newest record, or that nothing synchronizes.

    Our clock decides the month of a record without a charger's time.
    """
    newest_ms = records.newest_ms(db) if db is not None else None
    if newest_ms is not None and newest_ms > time.time_ns() // 1_000_000 + BEHIND_MS:
        yield Finding(WRONG, "clock_behind")
    elif not _is_synchronized():
        yield Finding(NOTE, "clock_alone")


def _is_synchronized() -> bool:
    """Return True if the kernel knows that the clock is synchronized, or if it cannot be asked."""
    if not sys.platform.startswith("linux"):
        return True
    # All bytes are zero, and so is `modes`: adjtimex only reads.
    # By ctypes, because the standard library has no adjtimex.
    buffer = ctypes.create_string_buffer(LARGEST_TIMEX)
    return int(ctypes.CDLL(None).adjtimex(buffer)) != NOT_SYNCHRONIZED


def check_environment(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Find variables SHOCPP_… that are no settings, such as misspelled ones.

    The setting that was meant has its default, without any message.
    """
    known = [variable.name for variable in VARIABLES]
    for name in sorted(environment):
        if name.startswith("SHOCPP_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            if near:
                yield Finding(WRONG, "setting_misspelled", {"setting": name, "near": near[0]})
            else:
                yield Finding(WRONG, "setting_unknown", {"setting": name})
