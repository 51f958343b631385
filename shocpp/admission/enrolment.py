"""Enrolment: it writes chargers and their passwords into conf/charge_points.json.

Everything else in the file stays. Only the hash of a generated password is stored; the password
itself is printed once, for the person who types it into the charger.
"""

import secrets
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from shocpp.configuration.charge_points import (
    NO_ALLOWLIST,
    OTHERS,
    Allowlist,
    Entry,
    load_allowlist_or_none,
    parse_allowlist,
)
from shocpp.configuration.editing.charge_points import listed_name, require_name
from shocpp.configuration.editing.file_edit import EditRefused, edit_file, seen_digest
from shocpp.configuration.entries import Members
from shocpp.errors import UsageError
from shocpp.ocpp.passwords import (
    GENERATED_ROUNDS,
    USER_CHOSEN_ROUNDS,
    password_bytes,
    password_hash,
)
from shocpp.store import new_passwords
from shocpp.store.charge_points import admissions
from shocpp.store.database import Database
from shocpp.store.new_passwords import NewPassword

PASSWORD_SIGNS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Characters that are hard to confuse (no l, o, 0, 1) and that every charger accepts."""

PASSWORD_LENGTH = 20
"""Bytes: the longest AuthorizationKey (security whitepaper §3.1.4). That is 100 bits."""

SHORTEST, LONGEST = 8, 64
"""Bytes of a user-chosen password."""


def generated_password() -> str:
    """Return a random password that cannot be guessed."""
    return "".join(secrets.choice(PASSWORD_SIGNS) for _ in range(PASSWORD_LENGTH))


def hash_of_generated(password: str) -> str:
    """Return the hash to store of a generated password.

    One round is enough for 100 random bits, and many reconnecting chargers cost little.
    """
    return password_hash(password_bytes(password), secrets.token_bytes(16), GENERATED_ROUNDS)


def hash_of_user_chosen(password: str) -> str:
    """Return the hash to store of a user-chosen password, with many rounds against guessing.

    Raises UsageError if its length is not SHORTEST to LONGEST bytes.
    """
    length = len(password.encode())
    if not SHORTEST <= length <= LONGEST:
        raise UsageError(
            f"a password has {SHORTEST} to {LONGEST} characters; "
            "without --password one is generated"
        )
    return password_hash(password_bytes(password), secrets.token_bytes(16), USER_CHOSEN_ROUNDS)


class Change(NamedTuple):
    """Changes of an entry; `stored_hash` is that of a password. None and False change nothing.

    `model` is a name in the guide of chargers.
    """

    stored_hash: str | None = None
    needs_no_password: bool = False
    username: str | None = None
    origin: str | None = None
    model: str | None = None


class Seen(NamedTuple):
    """The admission of a charger that a form was made from.

    `digest` is that of `access_digest`. `waiting` are the new passwords in the database now.
    """

    digest: str
    waiting: Iterable[NewPassword]


def enroll(path: Path, charge_point_id: str, change: Change, seen: Seen | None = None) -> None:
    """Write the entry of a charger: change the existing one, or add a new one.

    Raises EditRefused if the identity is not a valid name, or if its admission is not the one of
    the form any more; ConfigError if the file is not valid. A command has no `seen`.
    """
    require_name(charge_point_id)

    def edit(entries: Members, listed: Allowlist | None) -> bool:
        if seen is not None:
            allowlist = NO_ALLOWLIST if listed is None else listed
            require_seen(allowlist.with_new_passwords(seen.waiting), charge_point_id, seen.digest)
        name = listed_name(entries, charge_point_id) or charge_point_id
        entry = entries.get(name, Members())
        if change.stored_hash is not None:
            entry["password_hash"] = change.stored_hash
            drop(entry, "auth")
        elif change.needs_no_password:
            entry["auth"] = "none"
            drop(entry, "password_hash")
        for key in ("username", "origin", "model"):
            if getattr(change, key) is not None:
                entry[key] = getattr(change, key)
        entries[name] = entry
        return True

    edit_file(path, partial(parse_allowlist, source=str(path)), edit)


def seen_access(db: Database, path: Path, charge_point_id: str) -> str:
    """Return the digest of the present admission of a charger, for a form that changes it.

    Raises ConfigError if the file is not valid.
    """
    allowlist = load_allowlist_or_none(path).with_new_passwords(new_passwords.waiting(db))
    return access_digest(allowlist.entry(charge_point_id))


def access_digest(entry: Entry | None) -> str:
    """Return the digest of an admission: another password, or none, has another digest."""
    if entry is None:
        return seen_digest(None)
    return seen_digest([entry.hashes, entry.needs_no_password, entry.username, entry.origin])


def require_seen(allowlist: Allowlist, charge_point_id: str, digest: str) -> None:
    """Raise EditRefused unless the admission of a charger has this digest."""
    # A password is shown once: a form that is sent again must not make another one unseen.
    if access_digest(allowlist.entry(charge_point_id)) != digest:
        raise EditRefused("access_changed", charge_point=charge_point_id)


def is_listed(path: Path, charge_point_id: str) -> bool:
    """Return True if a charger has an entry of its own; raises ConfigError if the file is bad."""
    allowlist = load_allowlist_or_none(path)
    if charge_point_id == OTHERS:
        return allowlist is not NO_ALLOWLIST and allowlist.others is not None
    return allowlist.is_listed(charge_point_id)


def unlisted_chargers(db: Database, path: Path) -> list[str]:
    """Return the identities that have connected before and that the allowlist does not admit."""
    allowlist = load_allowlist_or_none(path).with_new_passwords(new_passwords.waiting(db))
    return [name for name in admissions.known_identities(db) if allowlist.entry(name) is None]


def drop(entry: Members, key: str) -> None:
    """Remove a member of an entry, if it has it."""
    if key in entry:
        del entry[key]
