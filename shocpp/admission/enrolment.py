"""Enrolment: it writes chargers and their passwords into conf/charge_points.json.

Everything else in the file stays. Only the hash of a generated password is stored; the password
itself is printed once, for the person who types it into the charger.
"""

import secrets
from functools import partial
from pathlib import Path
from typing import NamedTuple

from shocpp.configuration.charge_points import (
    NO_ALLOWLIST,
    OTHERS,
    Allowlist,
    can_have_entry,
    load_allowlist_or_none,
    parse_allowlist,
)
from shocpp.configuration.editing.file_edit import edit_file
from shocpp.configuration.entries import Members
from shocpp.errors import UsageError
from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.passwords import (
    GENERATED_ROUNDS,
    USER_CHOSEN_ROUNDS,
    password_bytes,
    password_hash,
)
from shocpp.store import new_passwords
from shocpp.store.charge_points import admissions
from shocpp.store.database import Database

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
    """Changes of an entry; `stored_hash` is that of a password. None and False change nothing."""

    stored_hash: str | None = None
    needs_no_password: bool = False
    username: str | None = None
    origin: str | None = None


def enroll(path: Path, charge_point_id: str, change: Change) -> None:
    """Write the entry of a charger: change the existing one, or add a new one.

    Raises UsageError if the identity is not a valid name, ConfigError if the file is not valid.
    """
    if not can_have_entry(charge_point_id):
        raise UsageError(
            f"{charge_point_id[:40]!r} cannot name a charger here: no slash, no control characters"
        )

    def edit(entries: Members, _: Allowlist | None) -> bool:
        name = listed_name(entries, charge_point_id) or charge_point_id
        entry = entries.get(name, Members())
        if change.stored_hash is not None:
            entry["password_hash"] = change.stored_hash
            drop(entry, "auth")
        elif change.needs_no_password:
            entry["auth"] = "none"
            drop(entry, "password_hash")
        for key in ("username", "origin"):
            if getattr(change, key) is not None:
                entry[key] = getattr(change, key)
        entries[name] = entry
        return True

    edit_file(path, partial(parse_allowlist, source=str(path)), edit)


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


def listed_name(entries: Members, charge_point_id: str) -> str | None:
    """Return the spelling of an identity in the file, or None if it is not listed."""
    key = identity_key(charge_point_id)
    names = [name for name in entries if name != "comment" and identity_key(name) == key]
    return names[0] if names else None


def drop(entry: Members, key: str) -> None:
    """Remove a member of an entry, if it has it."""
    if key in entry:
        del entry[key]
