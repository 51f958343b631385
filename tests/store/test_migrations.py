"""Tests of migrations: the whole database or none, and any other file stays as it is."""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from shocpp.errors import UnusableDatabase
from shocpp.store import properties
from shocpp.store.charge_points import charging, frames
from shocpp.store.charge_points.charging import Power
from shocpp.store.database import VERSION, connect, open_database
from shocpp.store.files.header import APPLICATION_ID
from shocpp.store.keys import EVERYTHING
from shocpp.store.schema.migrations import migrate
from tests.world.machine import ROOT

NOW_MS = 1_693_727_530_000


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def change(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def fingerprint(path: Path) -> dict[str, str]:
    """Return the hashes of a database and of the files that SQLite keeps beside it."""
    beside = sorted(path.parent.glob(f"{path.name}*"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in beside}


def refusal(path: Path) -> str:
    """Return the error for a file that `migrate` and `open_database` refuse and leave unchanged."""
    before = fingerprint(path)
    with pytest.raises(UnusableDatabase) as caught:
        migrate(path, NOW_MS)
    with pytest.raises(UnusableDatabase):
        open_database(path)
    assert fingerprint(path) == before
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a database that does not exist yet."""
    return tmp_path / "db" / "shocpp.sqlite3"


@pytest.fixture
def made(path: Path) -> Path:
    """Make a new database."""
    migrate(path, NOW_MS)
    return path


# --- making and upgrading ---


def test_a_new_database_has_its_application_id_version_and_time(made: Path) -> None:
    assert query(made, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert query(made, "PRAGMA user_version") == [(VERSION,)]
    assert query(made, "PRAGMA integrity_check") == [("ok",)]
    with open_database(made) as db:
        assert properties.born_ms(db) == NOW_MS


def test_an_upgrade_from_version_1_keeps_all_rows(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as first:
        first.executescript((ROOT / "db" / "migrations" / "0001_initial.sql").read_text())
        first.execute(f"PRAGMA application_id={APPLICATION_ID}")
        first.execute("PRAGMA user_version=1")
        first.execute("INSERT INTO property VALUES ('born_ms', '7')")
        first.execute(
            "INSERT INTO charge_point (charge_point_id, identity_key, first_heard_ms,"
            " last_heard_ms) VALUES ('garage', 'garage', 1, 1)"
        )
        first.execute(
            "INSERT INTO call (call_id, charge_point, action, payload, state, queued_ms,"
            " deadline_ms) VALUES ('a', 1, 'Reset', '{}', 'answered', 1, 2)"
        )
        first.execute(
            "INSERT INTO received_stop (charge_point, transaction_id_text, reason, received_ms,"
            " last_start, stop_key, anonymous_key, has_clock)"
            " VALUES (1, '7', 'Local', 1, 0, 'a', 'b', 1)"
        )
        first.execute(
            "INSERT INTO accounting_record VALUES (5, 1, 1, NULL, '2026-10', '2026-10-01 09:10:00',"
            " 1790838600000, 2, 'family-y', 1, '3333', 1000, 5000, 4000, 1, 5, 4, NULL,"
            " 1790838600000, 1790838600001, NULL, 'Local', 'decoded', NULL, 'a flag', 'a.json', 3)"
        )
        for frame in (7, 1023, 3_000):
            first.execute(
                f"INSERT INTO frame VALUES ({frame}, 1, 'in', 'Heartbeat', {frame}, '[{frame}]')"
            )
        first.execute(
            "INSERT INTO meter_reading VALUES (2049, 1, 1, NULL, NULL, 5, 1000, 230, 3000)"
        )
    migrate(path, NOW_MS)
    assert query(path, "PRAGMA user_version") == [(VERSION,)]
    assert query(path, "PRAGMA foreign_key_check") == []
    assert query(
        path,
        "SELECT number, entry, account, consumed_wh, flags, file_name, in_force FROM accounting",
    ) == [(5, "record", "family-y", 4000, "a flag", "a.json", 1)]
    # Its file is written again, with its number.
    assert query(path, "SELECT exported_ms FROM accounting_record") == [(None,)]
    assert query(path, "SELECT call_id, state, asked_by, canned FROM calls") == [
        ("a", "answered", None, None)
    ]
    with open_database(path) as db:
        assert properties.born_ms(db) == 7
        rows = frames.of_charge_point(db, "GARAGE", 9)
        assert [text for *_, text in rows] == ["[7]", "[1023]", "[3000]"]
        assert [text for *_, text in frames.of_charge_point(db, "garage", 1)] == ["[3000]"]
        assert charging.powers(db, "garage") == [Power(1, 230, 5)]


def test_the_version_is_that_of_the_newest_migration() -> None:
    files = (ROOT / "db" / "migrations").iterdir()
    assert max(int(file.name[:4]) for file in files) == VERSION


def test_a_new_database_is_in_wal_mode(made: Path) -> None:
    assert query(made, "PRAGMA journal_mode") == [("wal",)]


def test_the_files_of_a_database_are_readable_by_their_owner_only(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o600
    with open_database(made) as db, db.writing(keys=EVERYTHING):
        properties.probe(db, NOW_MS)
        assert {file.stat().st_mode & 0o777 for file in made.parent.iterdir()} == {0o600}


def test_a_migration_leaves_no_other_file_in_the_folder(made: Path) -> None:
    assert [file.name for file in made.parent.iterdir()] == [made.name]


def test_every_table_is_strict_and_every_view_can_be_read(made: Path) -> None:
    assert not query(
        made,
        "SELECT name FROM pragma_table_list"
        " WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'",
    )
    views = query(made, "SELECT name FROM sqlite_master WHERE type = 'view'")
    assert views
    for (view,) in views:
        assert query(made, f"SELECT * FROM {view}") == []


def test_migrating_again_changes_nothing(made: Path) -> None:
    change(made, "INSERT INTO account VALUES (1, 'company-x')")
    before = query(made, "SELECT type, name, sql FROM sqlite_master ORDER BY name")
    for _ in range(2):
        migrate(made, NOW_MS + 86_400_000)
    assert query(made, "SELECT type, name, sql FROM sqlite_master ORDER BY name") == before
    assert query(made, "SELECT * FROM account") == [(1, "company-x")]
    with open_database(made) as db:
        assert properties.born_ms(db) == NOW_MS


def test_a_migration_ignores_the_files_of_an_interrupted_one(path: Path) -> None:
    path.parent.mkdir()
    for leftover in (".new", ".new-wal", ".new-shm"):
        path.with_name(path.name + leftover).write_bytes(b"half of it")
    migrate(path, NOW_MS)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_views_that_differ_are_made_again_and_those_of_others_stay(made: Path) -> None:
    change(
        made,
        "DROP VIEW accounting",
        "CREATE VIEW gone AS SELECT 1",
        "CREATE VIEW of_somebody AS SELECT 2",
        "UPDATE property SET value = 'CREATE VIEW gone AS SELECT 1;' WHERE name = 'views'",
    )
    migrate(made, NOW_MS)
    views = {name for (name,) in query(made, "SELECT name FROM sqlite_master WHERE type = 'view'")}
    assert "accounting" in views
    assert "of_somebody" in views
    assert "gone" not in views


def test_several_processes_may_migrate_at_once(path: Path) -> None:
    """Without the lock on the folder some fail with "database is locked"."""
    script = (
        "import sys; from pathlib import Path; from shocpp.store.schema.migrations import migrate;"
        "sys.stdin.readline(); migrate(Path(sys.argv[1]), int(sys.argv[2]))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path), str(NOW_MS + number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        for number in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    assert [(process.communicate()[1], process.returncode) for process in processes] == [
        (b"", 0)
    ] * 4
    with open_database(path) as db:
        assert properties.born_ms(db) - NOW_MS in range(4)


# --- refused files ---


def test_an_empty_file_is_refused(path: Path) -> None:
    """SQLite would open it as an empty database. A full disk may have left it."""
    path.parent.mkdir()
    path.touch()
    assert "is empty (0 bytes)" in refusal(path)
    assert path.stat().st_size == 0


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_foreign_database_is_refused(path: Path, journal_mode: str) -> None:
    path.parent.mkdir()
    change(path, f"PRAGMA journal_mode={journal_mode}", "CREATE TABLE photo (name TEXT)")
    assert "is not a database of shocpp; move it away or set SHOCPP_DATABASE" in refusal(path)


def test_a_foreign_database_and_its_wal_stay_unchanged(path: Path) -> None:
    """Its program may have crashed, or its backup may want both files."""
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path.with_name("other"))) as db:
        db.execute("PRAGMA journal_mode=wal")
        db.execute("CREATE TABLE photo (name TEXT)")
        for ending in ("", "-wal"):
            shutil.copy(path.with_name(f"other{ending}"), path.with_name(path.name + ending))
    refusal(path)


@pytest.mark.parametrize("content", [b"x", b"not a database\n" * 500, bytes(8192)])
def test_garbage_is_refused(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    sentence = refusal(path)
    assert "restore a backup" in sentence or "is not a database of shocpp" in sentence


def test_a_newer_database_is_refused(made: Path) -> None:
    change(made, f"PRAGMA user_version={VERSION + 1}")
    assert "written by a newer shocpp: use that one" in refusal(made)


def test_a_cut_off_database_is_refused(made: Path) -> None:
    made.write_bytes(made.read_bytes()[:-8192])
    assert "is damaged" in refusal_of_migrate(made)


def refusal_of_migrate(path: Path) -> str:
    """Return the error of `migrate` for a file it leaves unchanged; opening checks no pages."""
    before = fingerprint(path)
    with pytest.raises(UnusableDatabase) as caught:
        migrate(path, NOW_MS)
    assert fingerprint(path) == before
    return str(caught.value)


def test_a_flipped_byte_of_the_header_is_refused_or_harmless(made: Path, tmp_path: Path) -> None:
    """SQLite ignores some of the 100 bytes. For all others the error is UnusableDatabase."""
    good, refused = made.read_bytes(), 0
    for position in range(100):
        path = tmp_path / str(position) / "shocpp.sqlite3"
        path.parent.mkdir()
        path.write_bytes(good[:position] + bytes([good[position] ^ 0xFF]) + good[position + 1 :])
        before = fingerprint(path)
        with contextlib.suppress(UnusableDatabase):
            migrate(path, NOW_MS)
            assert query(path, "PRAGMA integrity_check") == [("ok",)]
            continue
        assert fingerprint(path) == before
        refused += 1
    assert refused > 30


def test_flipped_bytes_on_a_page_are_refused(made: Path) -> None:
    content = bytearray(made.read_bytes())
    content[4096:4104] = b"\xff" * 8
    made.write_bytes(content)
    assert "is damaged" in refusal_of_migrate(made)


def test_a_folder_at_the_path_of_the_database_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(UnusableDatabase, match="cannot be used"):
        migrate(path, NOW_MS)


def test_the_error_for_another_user_names_the_right_user(made: Path) -> None:
    closed = Path(shutil.copy(made, made.with_name("closed.sqlite3")))
    closed.chmod(0)
    me = os.geteuid()
    with contextlib.ExitStack() as again:
        if me == 0:
            again.callback(os.seteuid, me)
            os.seteuid(65534)
        with pytest.raises(UnusableDatabase, match="run this as the user who runs the server"):
            connect(closed)


def test_a_file_at_the_path_of_the_folder_is_refused(path: Path) -> None:
    path.parent.write_text("")
    with pytest.raises(UnusableDatabase, match=r"the folder .* cannot be made"):
        migrate(path, NOW_MS)


# --- opening ---


def test_opening_a_missing_database_makes_none(path: Path) -> None:
    with pytest.raises(UnusableDatabase, match=r"there is no database .*; make it with: shocpp"):
        open_database(path)
    assert not path.parent.exists()


def test_opening_an_older_database_demands_a_migration(made: Path) -> None:
    change(made, "PRAGMA user_version=0")
    with pytest.raises(UnusableDatabase, match=r"has version 0, .*; run: shocpp migrate"):
        open_database(made)
