"""Recovery from a -wal or -shm that was removed or replaced while in use."""

from shocpp.errors import DamagedDatabase, StoreUnavailable
from shocpp.store.database import Database
from shocpp.store.files.backups import require_whole


def save_and_close(db: Database) -> None:
    """Write the commits of a -wal that has no name any more into the database, and close it.

    The files of this connection are still open, and its locks hold between all programs that have
    opened the same ones, so no commit is lost. A -wal that another program has begun meanwhile
    builds on pages that are older: it is put aside.

    Raises StoreUnavailable if that is not possible yet; then the connection stays open. It also
    stays open when another program has written meanwhile, until this process ends: that program
    would copy its -wal into the database as soon as it is the last one. This is a DamagedDatabase.
    """
    with db.reading():
        try:
            db.identity.put_strangers_aside()
        except OSError as error:
            raise StoreUnavailable(f"{db.path}: its -wal cannot be put aside: {error}") from None
        if db.identity.is_contested:
            # The other program may have copied pages of its own into the database.
            require_whole(db)
        db.wait_for_readers()
        # Measured with 300 commits: all are there afterwards, and integrity_check is ok.
        _, pages, copied = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if copied < pages:
            raise StoreUnavailable(
                f"{db.path}: its removed -wal is still read by another program; end that program"
            )
    if db.identity.is_contested:
        raise DamagedDatabase(
            f"{db.path}-wal was replaced while in use, and another program has written; what this "
            f"server has acknowledged is in {db.path}, and what that program wrote is put aside as "
            f"{db.path}-wal.replaced; end that program and restart the server"
        )
    db.close()
