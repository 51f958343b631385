"""Tests of several connections of one process, which share their POSIX locks."""

import contextlib
import sqlite3
import subprocess
import sys

from shocpp.store.database import open_database
from shocpp.store.keys import EVERYTHING
from shocpp.store.schema.migrations import migrate
from tests.world.home import Home

WRITE_IN_ANOTHER_PROCESS = (
    "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]);"
    "db.execute('INSERT INTO property VALUES (?, 1)', (sys.argv[2],)); db.commit(); db.close()"
)


def test_a_second_connection_leaves_the_locks_of_the_first_one(home: Home) -> None:
    """Once it dropped them: another process removed the -wal, and an acknowledged stop was lost."""
    migrate(home.database, 1)
    with open_database(home.database) as first:
        with first.writing(keys=EVERYTHING):
            first.execute("INSERT INTO property VALUES ('before', 1)")
        with open_database(home.database) as second:
            second.execute("SELECT * FROM property").fetchall()
        for name in ("one", "two"):
            subprocess.run(
                [sys.executable, "-c", WRITE_IN_ANOTHER_PROCESS, str(home.database), name],
                check=True,
                timeout=30,
            )
            rows = first.execute("SELECT 1 FROM property WHERE name = ?", (name,)).fetchall()
            assert rows == [(1,)], "it reads the commits of other processes"
        with first.writing(keys=EVERYTHING):
            first.execute("INSERT INTO property VALUES ('acknowledged', 1)")
        with contextlib.closing(sqlite3.connect(home.database)) as other:
            names = other.execute("SELECT name FROM property WHERE name = 'acknowledged'")
            assert names.fetchall() == [("acknowledged",)], "other connections read its commits"
