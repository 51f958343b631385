"""Tests of the check of the database: texts that are not UTF-8, and the version of SQLite."""

import contextlib
import sqlite3

import pytest

from shocpp.store.files.wal import version_with_wal_race
from tests.world.findings import check
from tests.world.home import Home


def change(home: Home, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(home.database, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def test_a_text_that_is_not_utf8_is_named_with_its_table_column_and_row(
    migrated_home: Home,
) -> None:
    home = migrated_home
    change(
        home,
        "INSERT INTO account VALUES (1, 'company-x'), (2, CAST(x'66ff' AS TEXT))",
        "INSERT INTO property VALUES ('of_somebody', CAST(x'ff' AS TEXT))",
    )
    ended = check(home)
    assert ended.returncode == 1
    for place in (
        "account, column account, row 2,",
        "property, column value, row of_somebody,",
    ):
        assert f"{home.database} is damaged: the text in {place} is not UTF-8" in ended.stdout
    assert ended.stdout.count("is not UTF-8; stop the server") == 2


def test_of_many_texts_that_are_not_utf8_five_are_named(migrated_home: Home) -> None:
    values = ", ".join(f"('of {number}', CAST(x'ff' AS TEXT))" for number in range(12))
    change(migrated_home, f"INSERT INTO property VALUES {values}")
    told = check(migrated_home).stdout
    assert told.count("is damaged: the text in property, column value") == 5
    assert "7 more texts of" in told


def test_a_sqlite_with_the_race_of_wal_restarts_is_noted(migrated_home: Home) -> None:
    told = check(migrated_home).stdout
    is_noted = "has a rare race between processes that write (fixed in 3.51.3)" in told
    assert is_noted is (version_with_wal_race() is not None)
    # The remedy must not be the state that the system is in already.
    assert "use one worker" not in told


@pytest.mark.parametrize(
    "damage", ["INSERT INTO account VALUES (2, CAST(x'66ff' AS TEXT))", "DROP TABLE progress_event"]
)
def test_a_rebuild_takes_such_a_database_for_damaged(migrated_home: Home, damage: str) -> None:
    """The sentence about the damage names this command, so it must not find the database whole."""
    change(migrated_home, damage)
    assert migrated_home.run("shocpp", "migrate").returncode in (0, 78)
    ended = migrated_home.run("shocpp", "rebuild")
    assert ended.returncode == 0, ended.stderr
    assert "company-x" in dict(migrated_home.query("SELECT account, account_index FROM account"))
    assert "is not UTF-8" not in check(migrated_home).stdout
    assert migrated_home.query("SELECT * FROM progress_event") == []
