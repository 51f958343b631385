"""conf/people.json: the roles of the users whose passwords the web server checks.

    {"papa": {"role": "admin"}, "we03": {"role": "driver", "account": "we03"}}

    role       admin, treasurer, viewer, driver, or for a program metrics or site
    account    the account of a driver, a name in tags.json
    comment    optional: any text

Without the file, each user is an admin. With it, a user that it lacks has no role. The file is an
access control: if it vanishes or has an error, the last good one stays in force, also in a new
process, because the database stores its text. If there is no last good one, no user has a role.

A CGI process imports this module, so it imports little.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from shocpp.configuration.files import Stamp, conf_text, stamp_of
from shocpp.errors import ConfigError, UsageError
from shocpp.texts import printable_line

DRIVER = "driver"

ROLES = ("admin", "treasurer", "viewer", DRIVER, "metrics", "site")
"""The roles that a user may have; a test compares them with those of `admission.people.roles`."""

EXAMPLE = "conf/people.json.example"


class UserRole(NamedTuple):
    """The entry of a user: its role, and the account of a driver."""

    role: str
    account: str | None


Users = Mapping[str, UserRole]
"""The entries by user name."""


def parse_people(text: str, source: str) -> Users:
    """Return the users of a people.json; `source` names the file in ConfigError."""
    # Most CGI processes need no parser for it: they ask the server.
    from shocpp.configuration.entries import members, parse_json, quoted

    entries = parse_json(text, source, EXAMPLE)
    try:
        return {
            name: _user(members(entry, f"the user {quoted(name)}", _KEYS), quoted(name))
            for name, entry in members(entries, "the file").items()
        }
    except UsageError as error:
        raise ConfigError(f"{source}: {error}; see {EXAMPLE}") from None


_KEYS = ("role", "account", "comment")


def _user(entry: Mapping[str, object], name: str) -> UserRole:
    role, account = entry.get("role"), entry.get("account")
    if role not in ROLES:
        raise UsageError(f"the user {name} needs a role, one of {', '.join(ROLES)}")
    if (role == DRIVER) != (account is not None):
        raise UsageError(
            f"the user {name} is a driver and needs an account, a name in tags.json"
            if role == DRIVER
            else f"the user {name} is no driver, so remove its account"
        )
    line = printable_line(account) if isinstance(account, str) else None
    if account is not None and not line:
        raise UsageError(f"the account of the user {name} must be a name in tags.json")
    return UserRole(str(role), line)


def load_people(path: Path) -> Users | None:
    """Return the users of the file, or None if there is no file. Raises ConfigError."""
    try:
        return parse_people(conf_text(path), str(path))
    except FileNotFoundError:
        return None


class PeopleFile:
    """The users in force, which follow the file; any thread may use it.

    text       the text of the users in force, None if there is none
    trouble    the reason why the present content of the file is not in force, or None
    is_stored  True if the database has this text
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text: str | None = None
        self.trouble: str | None = None
        self.is_stored = True
        self._users: Users | None = None
        self._stamp: Stamp | None = None
        self._read = False

    def users(self, stored: Callable[[], str | None]) -> Users | None:
        """Return the users in force, None if each is an admin; read the file if it has changed.

        `stored` returns the last good text that the database stores.
        """
        stamp = stamp_of(self.path)
        if not self._read or stamp != self._stamp:
            self._load(stored)
            self._read, self._stamp = True, stamp
        return self._users

    def _load(self, stored: Callable[[], str | None]) -> None:
        try:
            text = conf_text(self.path)
            users = parse_people(text, str(self.path))
        except FileNotFoundError:
            # One that was there once and is gone is an error; one that never was is none.
            if self.text is None and stored() is None:
                self._users, self.trouble = None, None
            else:
                self._keep(f"{self.path} is not there any more", stored)
        except ConfigError as error:
            self._keep(str(error), stored)
        else:
            self._users, self.text, self.trouble, self.is_stored = users, text, None, False

    def _keep(self, trouble: str, stored: Callable[[], str | None]) -> None:
        """Keep the last good users in force, and log the reason."""
        import logging

        if self.text is None:
            self.text = stored()
            self._users = {}
            if self.text is not None:
                # An older version accepted this text, and its rules were others.
                try:
                    self._users = parse_people(self.text, str(self.path))
                except ConfigError:
                    self.text = None
        names = ", ".join(self._users or ()) or "nobody"
        self.trouble = f"{trouble}; the users read before keep their roles: {names}"
        logging.getLogger(__name__).warning("%s", self.trouble)


@lru_cache(maxsize=4)
def people_file(path: Path) -> PeopleFile:
    """Return the one PeopleFile of a path in this process."""
    return PeopleFile(path)
