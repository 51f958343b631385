"""The database under several connections of one process, which share their POSIX locks."""

import contextlib
import sqlite3
import subprocess
import sys

from shocpp.store.database import open_database
from shocpp.store.migrations import migrate
from tests.world.home import Home

WRITE_IN_ANOTHER_PROCESS = (
    "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]);"
    "db.execute('INSERT INTO property VALUES (?, 1)', (sys.argv[2],)); db.commit(); db.close()"
)


def test_opening_it_again_costs_no_other_connection_of_this_process_its_locks(home: Home) -> None:
    """Once it did: another process then removed the -wal, and an acknowledged stop with it."""
    migrate(home.database, 1)
    with open_database(home.database) as first:
        with first.writing():
            first.execute("INSERT INTO property VALUES ('before', 1)")
        with open_database(home.database) as second:
            second.execute("SELECT * FROM property").fetchall()
        for name in ("one", "two"):
            subprocess.run(
                [sys.executable, "-c", WRITE_IN_ANOTHER_PROCESS, str(home.database), name],
                check=True,
                timeout=30,
            )
            seen = first.execute("SELECT 1 FROM property WHERE name = ?", (name,)).fetchall()
            assert seen == [(1,)], "it reads what others write"
        with first.writing():
            first.execute("INSERT INTO property VALUES ('acknowledged', 1)")
        with contextlib.closing(sqlite3.connect(home.database)) as other:
            rows = other.execute("SELECT name FROM property WHERE name = 'acknowledged'")
            assert rows.fetchall() == [("acknowledged",)], "others read what it writes"
