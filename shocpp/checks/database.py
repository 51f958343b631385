"""The part of `shocpp check` for the database: texts that are not UTF-8, and SQLite's version."""

import time
from collections.abc import Iterator

from shocpp.checks.findings import NOTE, WRONG, Finding
from shocpp.settings import Settings
from shocpp.store.charge_points import connections
from shocpp.store.database import Database
from shocpp.store.files.wal import version_with_wal_race
from shocpp.store.schema.text_values import OutOfTime, undecodable_texts
from shocpp.store.workers import is_alive

LONGEST_S = 60.0
"""The longest time for reading all texts: it suffices for several gigabytes."""

MOST_NAMED = 5
"""The number of undecodable texts that are named; there may be thousands on a damaged page."""


def check_texts(
    _: Settings, db: Database | None, longest_s: float = LONGEST_S
) -> Iterator[Finding]:
    """Find texts that are not UTF-8, which a failing disk or another program has written."""
    if db is None:
        return
    number = 0
    try:
        for number, text in enumerate(undecodable_texts(db, time.monotonic() + longest_s), 1):
            if number <= MOST_NAMED:
                yield Finding(
                    WRONG,
                    f"{db.path} is damaged: the text in {text.table}, column {text.column}, row "
                    f"{text.row}, is not UTF-8; stop the server and restore a backup, or run: "
                    "shocpp rebuild",
                )
    except OutOfTime as out_of_time:
        yield Finding(
            NOTE,
            f"not all texts of {db.path} were read within {longest_s:.0f} s: {out_of_time} and "
            "later tables are left out; check a copy: shocpp backup FILE",
        )
    if number > MOST_NAMED:
        yield Finding(
            WRONG, f"{number - MOST_NAMED} more texts of {db.path} are not UTF-8; see above"
        )


def check_sqlite(_: Settings, db: Database | None) -> Iterator[Finding]:
    """Find a SQLite with a race between processes that write at the same moment.

    With one worker only commands write beside it, and none of them copies the -wal.
    """
    version = version_with_wal_race()
    if db is None or version is None:
        return
    alive = [worker for worker, doorbell in connections.workers(db) if is_alive(doorbell)]
    race = f"SQLite {version} has a rare race between processes that write (fixed in 3.51.3)"
    if len(alive) > 1:
        yield Finding(
            NOTE,
            f"{len(alive)} processes serve chargers, and {race}, which can damage the database; "
            "let one process serve all of them, or use a Python with a newer SQLite",
        )
    else:
        yield Finding(
            NOTE,
            f"{race}; with one worker it is most unlikely: keep workers = 1 in wsgi.ini, and make "
            "backups",
        )
