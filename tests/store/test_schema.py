"""The schema at each start: ours is compared with the migrations, and that of others stays."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from shocpp.errors import UnusableDatabase
from shocpp.store.database import open_database
from shocpp.store.schema.migrations import migrate
from tests.world.databases import make_database

NOW_MS = 1_693_727_530_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a new database."""
    path = tmp_path / "shocpp.sqlite3"
    make_database(path, NOW_MS)
    return path


def change(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def names(path: Path, kind: str) -> set[str]:
    with open_database(path) as db:
        rows = db.execute("SELECT name FROM sqlite_master WHERE type = ?", (kind,))
        return {name for (name,) in rows}


DIFFERENT = {
    "a table is missing": (["DROP TABLE progress_event"], "lacks the table progress_event"),
    "a column is missing": (
        ["ALTER TABLE progress_event DROP COLUMN status"],
        "has another text of the table progress_event",
    ),
    "a column is added": (
        ["ALTER TABLE charge_point ADD COLUMN colour TEXT"],
        "has another text of the table charge_point",
    ),
    "a trigger is missing": (
        ["DROP TRIGGER closed_month_takes_no_record"],
        "lacks the trigger closed_month_takes_no_record",
    ),
    "a trigger of somebody on our table": (
        ["CREATE TRIGGER mine AFTER INSERT ON accounting_record BEGIN SELECT 1; END"],
        "has the trigger mine on accounting_record, which is not of shocpp",
    ),
    "the text was edited": (
        [
            "PRAGMA writable_schema=ON",
            "UPDATE sqlite_master SET sql = replace(sql, 'vendor ', 'wendor ') WHERE type='table'",
        ],
        "has another text of the table charge_point",
    ),
}


@pytest.mark.parametrize(("statements", "difference"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_table_or_trigger_that_differs_is_refused(
    path: Path, statements: list[str], difference: str
) -> None:
    # A start has compared the schema before: the next one compares it all the same.
    migrate(path, NOW_MS)
    change(path, *statements)
    with pytest.raises(UnusableDatabase) as refused:
        migrate(path, NOW_MS)
    assert difference in str(refused.value)
    assert "restore a backup of it" in str(refused.value) or "drop it" in str(refused.value)


def test_tables_views_and_triggers_of_others_stay(path: Path) -> None:
    change(
        path,
        "CREATE TABLE of_somebody (name TEXT)",
        "CREATE INDEX of_somebody_by_name ON of_somebody (name)",
        "CREATE INDEX frame_of_somebody ON frame (action)",
        "CREATE TRIGGER of_somebody_too AFTER INSERT ON of_somebody BEGIN SELECT 1; END",
        "CREATE VIEW view_of_somebody AS SELECT account FROM accounting",
        "UPDATE property SET value = '' WHERE name = 'views'",
    )
    before = [names(path, kind) for kind in ("table", "index", "trigger", "view")]
    migrate(path, NOW_MS)
    assert [names(path, kind) for kind in ("table", "index", "trigger", "view")] == before


def test_a_left_over_or_different_index_of_ours_is_mended(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = names(path, "index")
    change(
        path,
        "CREATE INDEX frame_by_charge_point ON frame (charge_point, id)",
        "DROP INDEX call_by_token",
        "CREATE INDEX call_by_token ON call (id)",
    )
    migrate(path, NOW_MS)
    assert names(path, "index") == before
    with open_database(path) as db:
        query = "SELECT sql FROM sqlite_master WHERE name = 'call_by_token'"
        assert "token" in db.execute(query).fetchone()[0]
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} has another index call_by_token, which is now made again",
        f"{path} has the index frame_by_charge_point of an older version, which is now dropped",
    ]


def test_a_view_of_ours_with_another_text_is_made_again(path: Path) -> None:
    change(path, "DROP VIEW monthly_consumption", "CREATE VIEW monthly_consumption AS SELECT 1")
    migrate(path, NOW_MS)
    with open_database(path) as db:
        assert db.execute("SELECT * FROM monthly_consumption").fetchall() == []
