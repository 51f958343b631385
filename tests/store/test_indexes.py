"""Indexes that somebody has dropped: each start makes those of the migrations again."""

import pytest

from shocpp.errors import UnusableDatabase
from shocpp.store.database import Database
from shocpp.store.schema.migrations import migrate
from tests.world.desk import NOON_MS, Desk
from tests.world.home import Home

UNSTOPPED = "started_transaction_unstopped"


def indexes(db: Database) -> set[str]:
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
    return {name for (name,) in rows}


def test_a_start_makes_dropped_indexes_again_and_leaves_those_of_others(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    ours, sent = indexes(desk.db), desk.start(5_000)
    desk.db.execute("CREATE INDEX of_somebody ON frame (action)")
    for name in (UNSTOPPED, "accounting_record_by_time"):
        desk.db.execute(f"DROP INDEX {name}")
    # A statement names this index, so no start or stop could be booked without it.
    desk.restart()
    assert indexes(desk.db) == {*ours, "of_somebody"}
    assert [record.getMessage() for record in caplog.records] == [
        f"{desk.path} lacks the index {name}, which is now made again"
        for name in (UNSTOPPED, "accounting_record_by_time")
    ]
    desk.stop(sent, 6_000)
    assert desk.records() == [("family-y", 1_000, None)]


def test_rows_that_a_dropped_unique_index_forbids_are_not_served(desk: Desk) -> None:
    desk.stop(desk.start(5_000), 6_000)
    desk.db.execute("DROP INDEX received_stop_once")
    desk.db.execute("CREATE TEMP TABLE again AS SELECT * FROM received_stop")
    desk.db.execute("UPDATE again SET id = NULL")
    desk.db.execute("INSERT INTO received_stop SELECT * FROM again")
    with pytest.raises(UnusableDatabase, match="lacks the index received_stop_once, and has rows"):
        migrate(desk.path, NOON_MS)


def test_the_command_names_the_index_that_it_makes(home: Home) -> None:
    home.run("shocpp", "migrate")
    home.query(f"DROP INDEX {UNSTOPPED}")
    made = home.run("shocpp", "migrate")
    assert (made.returncode, made.stderr.count(UNSTOPPED)) == (0, 1)
    assert home.run("shocpp", "migrate").stderr == ""
