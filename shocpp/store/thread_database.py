"""Database connections that stay open between requests, one for each thread."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock

from shocpp.errors import StoreUnavailable
from shocpp.store.database import Database, open_database

OpenDatabase = Callable[[Path], AbstractContextManager[Database]]
"""Returns a context manager with the database of a path, such as `ThreadDatabase.connection`."""


class ThreadDatabase:
    """The connections to the database that no request uses at the moment, for all threads."""

    # Opening a connection takes as long as all the rest of a canned call.

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: list[Database] = []

    @contextmanager
    def connection(self, path: Path) -> Iterator[Database]:
        """Yield a connection to the database at `path`, which no other thread uses meanwhile.

        A new connection is opened after an error, or if a file of the database was replaced.
        Raises UnusableDatabase and StoreUnavailable.
        """
        db, is_usable = self._take() or open_database(path), True
        try:
            with db.reading():
                yield db
        except StoreUnavailable:
            is_usable = False
            raise
        finally:
            if is_usable and db.identity.is_in_place():
                with self._lock:
                    self._idle.append(db)
            else:
                db.close()

    def close_idle(self) -> None:
        """Close the connections that no request uses; the others close after their request."""
        with self._lock:
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()

    def _take(self) -> Database | None:
        while True:
            with self._lock:
                db = self._idle.pop() if self._idle else None
            if db is None or db.identity.is_in_place():
                return db
            db.close()
