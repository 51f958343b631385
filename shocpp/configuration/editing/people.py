"""Changes of the users in conf/people.json, for commands and pages.

`start` has the users that the file begins with while there is none. `seen` is the digest of the
entry that a form was made from, None for a command. All functions raise ConfigError if the file has
an error, EditRefused for a change that is not possible, and ChangedMeanwhile.
"""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from shocpp.configuration.editing.file_edit import (
    EditRefused,
    apply_seen,
    edit_file,
    present_entries,
    remove_member,
    seen_digest,
    set_members,
)
from shocpp.configuration.entries import Members
from shocpp.configuration.people import (
    DRIVER,
    ROLES,
    UserRole,
    Users,
    load_people,
    parse_people,
)
from shocpp.store.database import Database
from shocpp.store.people import stored_people, web_users
from shocpp.texts import printable_line

ADMIN = ROLES[0]


class Start(NamedTuple):
    """The users that a people.json begins with.

    stored  the last good text, which is in force while the file is gone, or None
    admins  the web users that are admins as long as there has never been a file
    """

    stored: str | None
    admins: Sequence[str]


def start_of(db: Database | None) -> Start:
    """Return the users that a database knows; None is a database that is not there yet."""
    return Start(None, ()) if db is None else Start(stored_people(db), tuple(web_users(db)))


class PresentUsers(NamedTuple):
    """The users in force, None while each user is an admin; `is_gone` if their file is gone."""

    users: Users | None
    is_gone: bool


def present_users(path: Path, start: Start) -> PresentUsers:
    """Return the users in force; raises ConfigError if the file has an error."""
    users = load_people(path)
    if users is None and start.stored is not None:
        return PresentUsers(parse_people(start.stored, str(path)), is_gone=True)
    return PresentUsers(users, is_gone=False)


def set_user(
    path: Path,
    name: str,
    user: UserRole,
    accounts: Collection[str],
    start: Start,
    seen: str | None = None,
) -> list[str]:
    """Set the role of a user; a driver has one of these accounts.

    The first user of all makes the file. Return the others that are written with it, as admins.
    """
    others: list[str] = []

    def change(entries: Members, users: object) -> bool:
        is_first = users is None and start.stored is None
        had_admin = is_first or _has_admin(entries)
        # Without the file all of them are admins, and no shortcut in use is to stop.
        others[:] = [admin for admin in start.admins if admin != name] if is_first else []
        for admin in others:
            entries[admin] = Members([("role", ADMIN)])
        entry = entries.get(name, Members())
        values = {"role": user.role, "account": user.account}
        apply_seen(entry, partial(set_members, entry, values), seen)
        entries[name] = entry
        _require_admin(entries, path, had_admin=had_admin)
        return True

    _require_possible(name, user, accounts)
    _edit(path, start, change)
    return others


def remove_user(path: Path, name: str, start: Start, seen: str | None = None) -> None:
    """Remove a user, who has no role any more."""

    def change(entries: Members, users: object) -> bool:
        if users is None and start.stored is None:
            raise EditRefused("no_users", file=path.name)
        if name not in entries:
            raise EditRefused("no_user", file=path.name, user=name)
        had_admin = _has_admin(entries)
        remove_member(entries, name, seen)
        _require_admin(entries, path, had_admin=had_admin)
        return True

    _edit(path, start, change)


def seen_user(path: Path, name: str, start: Start) -> str:
    """Return the digest of a user's present entry, for the form that shows it.

    That of a user who has none yet is the digest of an empty entry.
    """
    parse = partial(parse_people, source=str(path))
    entries = present_entries(path, parse, empty=start.stored or "{}")
    return seen_digest(entries.get(name, Members()))


def _edit(path: Path, start: Start, change: Callable[[Members, object], bool]) -> None:
    parse = partial(parse_people, source=str(path))
    edit_file(path, parse, change, empty=start.stored or "{}")


def _require_possible(name: str, user: UserRole, accounts: Collection[str]) -> None:
    """Raise EditRefused for a name that no web server sends, or a role with a wrong account."""
    if not name or printable_line(name) != name.strip():
        raise EditRefused("user_name", user=name)
    if user.role == DRIVER and user.account is None:
        raise EditRefused("driver_account")
    if user.role != DRIVER and user.account is not None:
        raise EditRefused("only_driver", role=user.role)
    if user.account is not None and user.account not in accounts:
        raise EditRefused("no_account", file="tags.json", account=user.account)


def _has_admin(entries: Members) -> bool:
    return any(entry["role"] == ADMIN for entry in entries.values())


def _require_admin(entries: Members, path: Path, *, had_admin: bool) -> None:
    """Raise EditRefused if the last admin would go."""
    if had_admin and not _has_admin(entries):
        raise EditRefused("last_admin", file=path.name)
