"""The -wal: who copies it into the database, how large it gets, and who notices that it is gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shocpp.errors import StoreUnavailable
from shocpp.store.database import MOST_WAL_BYTES, Database, open_database
from shocpp.store.files.displaced import save_and_close
from shocpp.store.keys import EVERYTHING
from tests.world.databases import make_database

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
    assert db.is_in_place()
    for ending in endings:
        path.with_name(path.name + ending).unlink()
    assert not db.is_in_place()
    with pytest.raises(StoreUnavailable, match="was removed or replaced while in use"):
        open_database(path)
    save_and_close(db)
    with open_database(path) as again:
        assert again.execute("SELECT count(*) FROM property WHERE name < ':'").fetchone() == (20,)
        assert again.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
