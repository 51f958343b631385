"""The registry of people: the persons of web users, of devices and of programs' tokens.

A CGI process imports this module, so it uses the standard library only, and imports late.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from shocpp.admission.people.roles import ADMIN, NO_ROLE, Person
from shocpp.clock import now_ms
from shocpp.configuration.people import PeopleFile, Users, people_file
from shocpp.errors import ShocppError
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS


class Registry:
    """The people of one database and one people.json; any thread may use it.

    `connect` returns a context manager with the database, for one request.
    """

    def __init__(self, path: Path, connect: Callable[[], AbstractContextManager[Database]]) -> None:
        self._file: PeopleFile = people_file(path)
        self._connect = connect

    def of_user(self, name: str) -> Person:
        """Return the person of a user whose password the web server has checked.

        Raises StoreUnavailable or UnusableDatabase if people.json has no valid content, and the
        database with the last one cannot be read.
        """
        users = self._users()
        if users is None:
            return Person(name, ADMIN)
        user = users.get(name)
        return Person(name, NO_ROLE) if user is None else Person(name, user.role, user.account)

    def of_secret(self, secret: str) -> Person | None:
        """Return the person of a device's or program's secret, or None if nobody has it.

        The role of one that is valid no more is `devices.REVOKED`. Raises StoreUnavailable or
        UnusableDatabase.
        """
        from shocpp.admission.people.devices import person_of_secret

        with self._connect() as db:
            return person_of_secret(db, secret, now_ms(), self.of_user)

    def trouble(self) -> str | None:
        """Return the reason why the present people.json is not in force, or None."""
        # An unreadable database has a sentence of its own elsewhere.
        with suppress(ShocppError):
            self._users()
        return self._file.trouble

    def _users(self) -> Users | None:
        users = self._file.users(self._stored_text)
        if not self._file.is_stored and self._file.text is not None:
            with suppress(ShocppError):
                self._store(self._file.text)
                self._file.is_stored = True
        return users

    def _stored_text(self) -> str | None:
        from shocpp.store import people

        with self._connect() as db:
            return people.stored_people(db)

    def _store(self, text: str) -> None:
        from shocpp.store import people

        with self._connect() as db:
            if people.stored_people(db) != text:
                with db.writing(keys=NO_KEYS):
                    people.store_people(db, text)
