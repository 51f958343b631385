"""The rebuild of a damaged database: what can be read of it comes back, once."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shocpp.clock import now_ms
from shocpp.store.database import open_database
from shocpp.store.files.page_rows import PageRow, Pages
from shocpp.store.files.salvaged_rows import copy_readable
from shocpp.store.schema.migrations import migrate
from tests.world.home import Home
from tests.world.visits import EVENING, MORNING, say, start, stop, sums, values

PAGE = 4096
NIGHT = "2026-10-01T22:00:00Z"
BOOKS = (
    "SELECT number, file_name, account, begin_wh, end_wh, consumed_wh, started_at, stopped_at,"
    " review, flags, entry, decided_by, transaction_id FROM accounting ORDER BY number"
)
OPEN = (
    "SELECT transaction_id, account, meter_start_wh, state FROM started_transaction"
    " WHERE state <> 'stopped'"
)
CASES = "SELECT number, kind FROM review ORDER BY number"
CALLS = (
    start(1_000, MORNING),
    stop(5_000, "2026-10-01T06:00:00Z", 20_000_001),
    start(5_000, "2026-10-01T07:00:00Z", "1111"),
    stop(6_000, "2026-10-01T08:00:00Z", 10_000_005),
    start(6_000, "2026-10-01T09:00:00Z", "ABCD"),
    stop(9_000, "2026-10-01T10:00:00Z", 6),
    start(9_000, EVENING),
    values(9_500, "2026-10-01T18:30:00Z", 20_000_009),
)
DONE = {"family-y": 4_000, "company-x": 1_000, "unassigned": 3_000}


@pytest.fixture(scope="module")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with three records and an open transaction; two records have no file."""
    home = Home(tmp_path_factory.mktemp("salvage") / "home")
    migrate(home.database, now_ms())
    say(home, *CALLS)
    for path in home.record_files()[1:]:
        path.unlink()
    with contextlib.closing(sqlite3.connect(home.database)) as db, db:
        db.execute("UPDATE accounting_record SET exported_ms = NULL WHERE id > 1")
    checkpoint(home.database)
    return home


@pytest.fixture
def charged_home(home: Home, first_home: Home) -> Home:
    """A copy of that home."""
    home.copy_from(first_home)
    return home


def checkpoint(database: Path) -> None:
    """Write the -wal into the file."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def overwrite(database: Path, page: int, content: bytes, at: int = 0) -> None:
    """Write over a part of a page."""
    with open(database, "r+b") as file:
        file.seek((page - 1) * PAGE + at)
        file.write(content)


def root(home: Home, name: str) -> int:
    """Return the root page of a table or index."""
    ((page,),) = home.query("SELECT rootpage FROM sqlite_master WHERE name = ?", name)
    return int(page)


def header_gone(home: Home) -> None:
    overwrite(home.database, 1, bytes(100))


def schema_flipped(home: Home) -> None:
    overwrite(home.database, 1, b"\x55" * 1_000, 100)


def first_pages_gone(home: Home) -> None:
    overwrite(home.database, 1, bytes(2 * PAGE))


def index_gone(home: Home) -> None:
    overwrite(home.database, root(home, "sqlite_autoindex_charge_point_1"), bytes(PAGE))


def records_gone(home: Home) -> None:
    overwrite(home.database, root(home, "accounting_record"), bytes(PAGE))


def stops_and_records_gone(home: Home) -> None:
    records_gone_page, stops = root(home, "accounting_record"), root(home, "received_stop")
    overwrite(home.database, records_gone_page, bytes(PAGE))
    overwrite(home.database, stops, b"\xff" * PAGE)


def starts_gone(home: Home) -> None:
    overwrite(home.database, root(home, "started_transaction"), bytes(PAGE))


def starts_and_records_gone(home: Home) -> None:
    starts_gone(home)
    records_gone(home)


def a_text_no_utf8(home: Home) -> None:
    content = home.database.read_bytes()
    at = content.index(b"2026-10-01 08:00:00") if b"2026-10-01 08:00:00" in content else 0
    at = at or content.index(b"company-x")
    home.database.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    header_gone(home)


# test_lost_tables damages each table alone.
DAMAGES: tuple[Callable[[Home], None], ...] = (
    header_gone,
    schema_flipped,
    first_pages_gone,
    index_gone,
    stops_and_records_gone,
    starts_and_records_gone,
    a_text_no_utf8,
)


def rebuilt(home: Home) -> str:
    """Rebuild; return the output."""
    done = home.run("shocpp", "rebuild")
    assert done.returncode == 0, done.stderr + done.stdout
    assert home.query("PRAGMA integrity_check") == [("ok",)]
    assert home.query("PRAGMA foreign_key_check") == []
    assert not list(home.database.parent.glob("*.salvaged*"))
    return done.stdout


@pytest.mark.parametrize("damage", DAMAGES)
def test_records_without_a_file_come_back_from_a_damaged_database(
    charged_home: Home, damage: Callable[[Home], None]
) -> None:
    home = charged_home
    before, running, cases = home.query(BOOKS), home.query(OPEN), home.query(CASES)
    damage(home)
    printed = rebuilt(home)
    assert "read from the old database: " in printed
    assert "unreadable in it: " in printed
    assert sums(home) == DONE
    identifying = [(row[1], *row[2:6]) for row in before]
    assert sorted((row[1], *row[2:6]) for row in home.query(BOOKS)) == sorted(identifying)
    assert home.query(OPEN) == running
    assert home.query(CASES) == cases
    # The charger repeats everything: its last answers were lost. Nothing is billed twice.
    say(home, *CALLS, stop(9_900, NIGHT, 20_000_009))
    assert sums(home) == DONE | {"family-y": 4_900}
    assert "is whole" in home.run("shocpp", "rebuild").stderr


def test_the_wal_of_a_damaged_database_is_read(charged_home: Home) -> None:
    """As after a power cut: the last commits are in the -wal only."""
    home = charged_home
    with contextlib.closing(sqlite3.connect(home.database)) as reader:
        # A reader keeps the -wal from being written into the file and deleted.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM frame").fetchone()
        say(home, stop(9_900, NIGHT, 20_000_009))
        for path in home.record_files():
            path.unlink()
        names = ("shocpp.sqlite3", "shocpp.sqlite3-wal")
        content = {name: (home.database.parent / name).read_bytes() for name in names}
    before = home.query(BOOKS)
    wal = content["shocpp.sqlite3-wal"]
    assert len(wal) > PAGE
    file_alone = {"shocpp.sqlite3": content["shocpp.sqlite3"]}
    assert len(accounting_rows(home, file_alone)) == 3
    # A frame that was not written to its end counts as little as one of an earlier round.
    for tail in (b"", b"\x00" * 24 + b"\x11" * PAGE, wal[32 : 32 + 24 + PAGE]):
        torn = content | {"shocpp.sqlite3-wal": wal + tail}
        assert len(accounting_rows(home, torn)) == 4
    broken = content | {"shocpp.sqlite3-wal": wal[:40] + b"\x55" + wal[41:]}
    assert len(accounting_rows(home, broken)) == 3
    for path in home.database.parent.glob("shocpp.sqlite3*"):
        if path.is_file():
            path.unlink()
    # All of the file is lost; its pages of before are in no file.
    (home.database.parent / "shocpp.sqlite3").write_bytes(
        bytes(100) + content["shocpp.sqlite3"][100:]
    )
    (home.database.parent / "shocpp.sqlite3-wal").write_bytes(wal)
    rebuilt(home)
    assert [row[1:6] for row in home.query(BOOKS)] == [row[1:6] for row in before]


def accounting_rows(home: Home, content: dict[str, bytes]) -> set[int]:
    """Return the row ids of accounting records in files with this content."""
    folder = home.folder / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, octets in content.items():
        (folder / name).write_bytes(octets)
    return {
        row.row_id
        for row in rows(Pages(folder / "shocpp.sqlite3"))
        if row.row_id is not None and len(row.values) > 30
    }


def rows(pages: Pages) -> Iterator[PageRow]:
    """Yield all rows."""
    return (row for row in pages.rows() if row is not None)


def test_pages_are_read_as_sqlite_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite3"
    samples = [
        *(None, 0, 1, -1, 127, -128, 32_767, 2**23 - 1, -(2**31), 2**47 - 1, 2**63 - 1, -(2**63)),
        *(1.5, "", "ä", "x" * 4_000, "y" * 100_000, b"", b"\x00\xff"),
    ]
    for page_size in (512, 4096, 65536):
        path.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute(f"PRAGMA page_size={page_size}")
            db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v, w)")
            db.execute("CREATE TABLE u (k PRIMARY KEY, v) WITHOUT ROWID")
            for number, sample in enumerate(samples * 30):
                db.execute("INSERT INTO t VALUES (?, ?, ?)", (number * 2**50, sample, number))
                db.execute("INSERT INTO u VALUES (?, ?)", (number, sample))
        found = list(rows(pages := Pages(path)))
        expected = {(number * 2**50, str(sample)) for number, sample in enumerate(samples * 30)}
        in_t = [row for row in found if row.row_id is not None and len(row.values) == 3]
        assert {(row.row_id, str(row.values[1])) for row in in_t} == expected
        in_u = [row for row in found if row.row_id is None and len(row.values) == 2]
        assert len(in_u) == len(samples) * 30
        assert (pages.unreadable_pages, pages.unreadable_rows) == (0, 0)


def test_a_file_that_is_cut_off_within_its_list_of_free_pages_is_read(tmp_path: Path) -> None:
    path = tmp_path / "shocpp.sqlite3"
    migrate(path, 1)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE t (v)")
        db.executemany("INSERT INTO t VALUES (?)", [("x" * 3_000,)] * 30)
        db.execute("DROP TABLE t")
    content = path.read_bytes()
    first = int.from_bytes(content[32:36], "big")
    # Its list has two or more pages: bytes 4 to 8 are their number.
    path.write_bytes(content[: (first - 1) * PAGE + 14])
    assert "CREATE TABLE frame" in "".join(str(row.values) for row in rows(Pages(path)))


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bytes_lose_rows_and_nothing_else(charged_home: Home, seed: int) -> None:
    content = bytearray(charged_home.database.read_bytes())
    for at in range(seed, len(content), 97):
        content[at] ^= (at * 7 + seed) % 256
    charged_home.database.write_bytes(content)
    done = charged_home.run("shocpp", "rebuild")
    assert "unreadable in it: " in done.stdout, done.stderr
    assert "unreadable in it: 0 pages and 0 rows" not in done.stdout
    assert "Traceback" not in done.stderr
    assert charged_home.query("PRAGMA integrity_check") == [("ok",)]
    assert sums(charged_home)["family-y"] == 4_000


def test_a_rebuild_that_was_cut_off_does_not_go_on_once_the_database_was_used(
    charged_home: Home,
) -> None:
    cut_off = charged_home.database.with_name("shocpp.sqlite3.rebuilt")
    content = charged_home.database.read_bytes()
    header_gone(charged_home)
    rebuilt(charged_home)
    shutil.copy(charged_home.database, cut_off)
    charged_home.database.write_bytes(content)
    late = "2026-10-01T20:00:00Z"
    say(charged_home, stop(10_000, "2026-10-01T19:00:00Z", 20_000_009), start(10_000, late, "1111"))
    books, still_open = charged_home.query(BOOKS), charged_home.query(OPEN)
    checkpoint(charged_home.database)
    header_gone(charged_home)
    rebuilt(charged_home)
    assert charged_home.query(BOOKS) == books
    assert charged_home.query(OPEN) == still_open != []
    # Nor does a later rebuild without any database, after a restore.
    shutil.copy(charged_home.database, cut_off)
    backup = str(charged_home.folder / "copy.sqlite3")
    assert charged_home.run("shocpp", "backup", backup).returncode == 0
    assert charged_home.run("shocpp", "restore", backup).returncode == 0
    assert not cut_off.exists()


def test_the_wal_of_a_database_that_is_gone_is_read_and_gets_into_no_new_one(home: Home) -> None:
    migrate(home.database, now_ms())
    wal = home.database.with_name("shocpp.sqlite3-wal")
    archive = home.folder / "empty.zip"
    assert home.run("shocpp", "backup", str(archive)).returncode == 0
    with contextlib.closing(sqlite3.connect(home.database)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM frame").fetchall()
        say(home, *CALLS)
        books, still_open = home.query(BOOKS), home.query(OPEN)
        content = wal.read_bytes()
    for again in ("rebuild", "restore"):
        shutil.rmtree(home.folder / "accounting")
        for path in home.database.parent.glob("shocpp.sqlite3*"):
            path.unlink() if path.is_file() else shutil.rmtree(path)
        wal.write_bytes(content)
        done = home.run("shocpp-backend", "-c", "garage")
        assert done.returncode == 78
        assert f"{home.database} is missing, but {wal} is there" in done.stderr
        if again == "rebuild":
            rebuilt(home)
            assert home.query(OPEN) == still_open
        else:
            assert home.run("shocpp", "restore", str(archive)).returncode == 0
        assert home.query(BOOKS) == books


def test_a_transaction_without_a_stop_stays_replaced_by_a_later_one(charged_home: Home) -> None:
    say(
        charged_home,
        start(9_600, "2026-10-01T19:00:00Z", "1111"),
        stop(9_900, "2026-10-01T20:00:00Z", 10_000_009),
    )
    books = charged_home.query(BOOKS)
    checkpoint(charged_home.database)
    header_gone(charged_home)
    rebuilt(charged_home)
    assert charged_home.query(BOOKS) == books
    assert charged_home.query(OPEN) == [(20_000_009, "family-y", 9_000, "orphaned")]
    assert charged_home.query("SELECT end_wh FROM estimates") == [(9_500,)]


def test_records_whose_starts_are_lost_get_them_again(charged_home: Home) -> None:
    home = charged_home
    correct = ("review", "correct", "2", "--wh", "900", "--yes", "--why", "a broken meter")
    assert home.run("shocpp", *correct).returncode == 0
    for path in home.record_files():
        path.unlink()
    before, running, cases = home.query(BOOKS), home.query(OPEN), home.query(CASES)
    checkpoint(home.database)
    starts_gone(home)
    rebuilt(home)
    assert home.query(OPEN) == running
    assert home.query(BOOKS) == before
    # The files have the transactions again, so that the next rebuild needs no frame.
    home.database.unlink()
    rebuilt(home)
    assert home.query(BOOKS) == before
    assert home.query(CASES) == cases


def test_a_closed_month_whose_starts_are_lost_is_closed_again(charged_home: Home) -> None:
    home = charged_home
    assert home.run("shocpp", "close", "2026", "10", "--anyway").returncode == 0
    for path in home.record_files():
        path.unlink()
    before = home.query(BOOKS)
    checkpoint(home.database)
    starts_gone(home)
    done = home.run("shocpp", "rebuild")
    assert (done.returncode, "import it again" in done.stderr) == (1, True), done.stderr
    assert home.run("shocpp", "import", str(home.folder / "accounting")).returncode == 0
    assert home.query(BOOKS) == before
    assert "whole: 1 closed month" in home.run("shocpp", "verify").stdout


def test_minutes_and_dimmings_are_no_prices(tmp_path: Path) -> None:
    """Their columns have the types of a price, and a dimming has the number of a record."""
    old, new = tmp_path / "old.sqlite3", tmp_path / "new.sqlite3"
    for path in (old, new):
        migrate(path, 1)
    with contextlib.closing(sqlite3.connect(old)) as db:
        db.execute("INSERT INTO site_minute VALUES (29000000, 5, 0, 7), (29000001, 5, 9, 7)")
        db.execute("INSERT INTO dimming VALUES (1, 5, 9, 4200, 'posted'), (2, 5, 0, 1, 'loss')")
        db.commit()
    with open_database(new) as books:
        unreadable = copy_readable(books, Pages(old), (), lambda _: None)
        assert (unreadable.pages, unreadable.rows) == (0, 0)
        assert books.execute("SELECT * FROM price").fetchall() == []
        assert books.execute("SELECT count(*) FROM dimming").fetchone() == (2,)


def test_deleted_rows_stay_deleted(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        db.executemany("INSERT INTO t VALUES (?, ?)", [(n, "x" * 200) for n in range(2_000)])
        db.execute("DELETE FROM t WHERE id > 10")
        db.commit()
    found = {row.row_id for row in rows(Pages(path)) if len(row.values) == 2}
    assert found == set(range(11))


def test_a_folder_that_cannot_be_written_leaves_the_damaged_database(charged_home: Home) -> None:
    header_gone(charged_home)
    content = charged_home.database.read_bytes()
    shutil.rmtree(charged_home.folder / "accounting")
    (charged_home.folder / "accounting").write_text("no folder")
    done = charged_home.run("shocpp", "rebuild")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert charged_home.database.read_bytes() == content
    assert json.dumps(sorted(path.name for path in charged_home.database.parent.iterdir()))
