"""Database connections that stay open between requests, one for each thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import local

from shocpp.errors import StoreUnavailable
from shocpp.store.database import Database, open_database


class ThreadDatabase:
    """The connections to the database of all threads; each thread reuses its own."""

    # Opening a connection takes as long as all the rest of a canned call.

    def __init__(self) -> None:
        self._of_thread = local()

    @contextmanager
    def connection(self, path: Path) -> Iterator[Database]:
        """Yield this thread's connection to the database at `path`, within a read transaction.

        A new connection is opened after an error, or if the file was replaced.
        Raises StoreUnavailable.
        """
        db: Database | None = getattr(self._of_thread, "db", None)
        if db is None or not db.is_in_place():
            self._of_thread.db = db = open_database(path)
        try:
            with db.reading():
                yield db
        except StoreUnavailable:
            self._of_thread.db = None
            raise
