"""The thread that copies the -wal: when it begins, and what a failure costs."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from shocpp.bookkeeping.writing.checkpoints import Checkpoints
from shocpp.store.database import Database, open_database
from shocpp.store.keys import EVERYTHING
from tests.world.databases import make_database
from tests.world.machine import wait_for


def write(db: Database, number: int) -> None:
    with db.writing(keys=EVERYTHING):
        db.execute("INSERT OR REPLACE INTO property VALUES (?, ?)", (f"{number}", "x" * 9_000_000))


def test_a_copy_that_fails_is_not_tried_again_at_each_commit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk would fill the log, and no copy may end the thread."""
    path = tmp_path / "shocpp.sqlite3"
    make_database(path, 1)
    done: list[Callable[[], None]] = []
    checkpoints = Checkpoints(tmp_path / "gone.sqlite3", done.append)
    checkpoints.start()
    caplog.set_level(logging.WARNING)
    with open_database(path) as db:
        for number in range(5):
            write(db, number)
            checkpoints.begin_if_due(db)
            wait_for(lambda: done)
            done[0]()
    checkpoints.end()
    assert len(done) == 1
    assert [line for line in caplog.messages if "the -wal is not copied now" in line][1:] == []


def test_two_workers_copy_one_wal_in_turn_and_never_at_once(tmp_path: Path) -> None:
    path = tmp_path / "shocpp.sqlite3"
    make_database(path, 1)
    done: list[Callable[[], None]] = []
    workers = [Checkpoints(path, done.append) for _ in range(2)]
    for worker in workers:
        worker.start()
    size = path.stat().st_size
    with open_database(path) as leader, open_database(path) as other:
        write(leader, 0)
        workers[0].begin_if_due(leader)
        workers[1].begin_if_due(other)
        wait_for(lambda: done)
        done.pop()()
        assert path.stat().st_size > size + 8_000_000
        write(other, 1)
        workers[1].begin_if_due(other)
        assert not done, "the first one leads as long as it lives"
    with open_database(path) as other:
        write(other, 2)
        workers[1].begin_if_due(other)
        wait_for(lambda: done)
    for worker in workers:
        worker.end()
