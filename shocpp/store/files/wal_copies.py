"""The copy of the -wal into the database (a checkpoint), beside connections that go on writing.

SQLite begins the -wal anew only at a commit after all of it is copied. Under a load that never
pauses a copy is never whole, so its rest is copied while nobody can write.
"""

from pathlib import Path
from typing import NamedTuple

from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS


class Copied(NamedTuple):
    """The frames that the -wal of this salt had; `is_whole` if all are in the database."""

    frames: int
    salt: bytes
    is_whole: bool


def copy_wal(path: Path, *, is_first: bool) -> Copied:
    """Copy the -wal of a database into it. Raises StoreUnavailable and UnusableDatabase.

    `is_first` is True if another program may have copied it before.
    """
    # A connection of its own: a copy takes seconds on a slow disk. It is opened for each copy, so
    # that it never holds a -wal that was removed.
    with open_database(path) as db, db.reading():
        # Before SQLite 3.51.3 a copy that begins when nothing is left to copy may race with the
        # commit that begins the -wal anew, and lose it (WAL-reset bug).
        if not is_first:
            copied = _copy(db)
            if copied.is_whole:
                return copied
        with open_database(path) as guard, guard.writing(keys=NO_KEYS, durable=False):
            return _copy(db)


def _copy(db: Database) -> Copied:
    assert db.wal is not None
    salt = db.wal.salt()
    # PASSIVE waits for nobody, and copies what no reader still needs from the database.
    _, frames, copied = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return Copied(frames, salt, copied == frames)
