"""The -wal: who copies it into the database, how large it gets, and who notices that it is gone."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shocpp.errors import StoreUnavailable
from shocpp.store.database import MOST_WAL_BYTES, Database, open_database
from shocpp.store.files.displaced import save_and_close
from shocpp.store.files.wal import Wal
from shocpp.store.files.wal_copies import copy_wal
from shocpp.store.keys import EVERYTHING
from tests.world.databases import make_database
from tests.world.machine import needs

NOW_MS = 1_693_727_530_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a new database."""
    path = tmp_path / "shocpp.sqlite3"
    make_database(path, NOW_MS)
    return path


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    """Return an open connection."""
    with open_database(path) as db:
        yield db


def wal_of(db: Database) -> Wal:
    assert db.wal is not None
    return db.wal


def wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def write(db: Database, number: int, size: int = 1_000_000) -> None:
    with db.writing(keys=EVERYTHING):
        db.execute("INSERT OR REPLACE INTO property VALUES (?, ?)", (f"{number}", "x" * size))


def test_only_a_writer_copies_the_wal_into_the_database(path: Path, db: Database) -> None:
    size = path.stat().st_size
    for number in range(8):
        write(db, number)
    assert path.stat().st_size == size
    with open_database(path) as writer:
        writer.checkpoint_itself()
        write(writer, 8)
        assert path.stat().st_size > size + 8_000_000


def test_the_last_close_copies_the_wal_of_commands_without_a_server(path: Path) -> None:
    with open_database(path) as db:
        for number in range(8):
            write(db, number)
    assert path.stat().st_size > 8_000_000
    assert not wal(path).exists()


def test_a_writer_cuts_a_wal_that_has_grown(path: Path, db: Database) -> None:
    with open_database(path) as writer:
        writer.checkpoint_itself()
        write(db, 0, MOST_WAL_BYTES + 10_000_000)
        assert wal(path).stat().st_size > MOST_WAL_BYTES
        for number in range(3):
            write(writer, number, 1_000)
        assert wal(path).stat().st_size <= MOST_WAL_BYTES


@pytest.mark.parametrize("endings", [("-wal",), ("-shm",), ("-wal", "-shm")])
def test_no_second_connection_opens_while_one_uses_a_removed_wal(
    path: Path, endings: tuple[str, ...]
) -> None:
    db = open_database(path)
    for number in range(20):
        write(db, number, 10_000)
    assert db.identity.is_in_place()
    for ending in endings:
        path.with_name(path.name + ending).unlink()
    assert not db.identity.is_in_place()
    with pytest.raises(StoreUnavailable, match="was removed or replaced while in use"):
        open_database(path)
    save_and_close(db)
    with open_database(path) as again:
        assert again.execute("SELECT count(*) FROM property WHERE name < ':'").fetchone() == (20,)
        assert again.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_wal_is_due_once_it_has_grown_by_its_limit_and_again_after_each_copy(
    path: Path, db: Database
) -> None:
    write(db, 0, 6_000_000)
    assert not wal_of(db).is_due()
    write(db, 1, 6_000_000)
    assert wal_of(db).is_due()
    copied = copy_wal(path, is_first=False)
    assert copied.is_whole
    assert copied.salt == wal_of(db).salt()
    wal_of(db).note_copied(copied.frames, copied.salt, is_whole=copied.is_whole)
    assert wal_of(db).restarts
    assert not wal_of(db).is_due()
    write(db, 2, 6_000_000)
    assert wal_of(db).salt() != copied.salt, "it has begun anew"
    assert not wal_of(db).is_due()
    write(db, 3, 6_000_000)
    assert wal_of(db).is_due()


def test_a_copy_beside_a_reader_leaves_the_rest_for_the_next_one(path: Path, db: Database) -> None:
    write(db, 0, 8_000_000)
    with open_database(path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM property").fetchone()
        write(db, 1, 8_000_000)
        copied = copy_wal(path, is_first=False)
        assert not copied.is_whole
        wal_of(db).note_copied(copied.frames, copied.salt, is_whole=False)
        # Otherwise each commit would try again in vain, as long as the reader reads.
        assert not wal_of(db).is_due()
        write(db, 2, 1_000)
        assert not wal_of(db).is_due()
        write(db, 3, 8_000_000)
        assert wal_of(db).is_due()
        reader.execute("COMMIT")
    assert copy_wal(path, is_first=True).is_whole


def test_one_connection_of_all_leads_and_another_one_after_its_end(
    path: Path, db: Database
) -> None:
    write(db, 0)
    with open_database(path) as first:
        assert wal_of(first).lead()
        assert wal_of(first).lead()
        assert not wal_of(db).lead()
    assert wal_of(db).lead()


SYNC_TWICE = """
import sys
from pathlib import Path
from shocpp.errors import StoreUnavailable
from shocpp.store.database import open_database
from shocpp.store.keys import EVERYTHING
path = Path(sys.argv[1])
with open_database(path) as db:
    try:
        with db.writing(keys=EVERYTHING):
            db.execute("INSERT INTO property VALUES ('unsynced', '1')")
    except StoreUnavailable as error:
        print(error)
    db.sync()
    print(path.with_name(path.name + "-wal").stat().st_size)
"""


def test_what_a_failed_sync_has_left_is_copied_before_the_next_one_succeeds(path: Path) -> None:
    """The kernel forgets what it could not write, and would report a success."""
    # The first syncs are those of the header of the -wal and of its folder.
    fault = ("-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=3")
    done = subprocess.run(
        [
            *(needs("strace"), "-f", *fault, "-o", "/dev/null"),
            *(sys.executable, "-c", SYNC_TWICE, str(path)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    trouble, size = done.stdout.splitlines()
    assert trouble.endswith("-wal cannot be written: Input/output error; see its disk")
    assert size == "0", "all of it is in the database"
