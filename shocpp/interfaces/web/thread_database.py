"""Connections to the database that are kept between requests (a door)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import local

from shocpp.errors import StoreUnavailable
from shocpp.store.database import Database, open_database


class ThreadDatabase:
    """A connection to the database for each thread, kept for its next request.

    Opening one costs as much as all the rest of a canned call.
    """

    def __init__(self) -> None:
        self._of_thread = local()

    @contextmanager
    def opened(self, path: Path) -> Iterator[Database]:
        """This thread's connection; opened anew after an error, or where the file was replaced."""
        db: Database | None = getattr(self._of_thread, "db", None)
        if db is None or not db.is_in_place():
            self._of_thread.db = db = open_database(path)
        try:
            with db.reading():
                yield db
        except StoreUnavailable:
            self._of_thread.db = None
            raise
