"""Enrolment: it writes chargers and their passwords into conf/charge_points.json.

Everything else in the file stays. Only the hash of a generated password is stored; the password
itself is printed once, for the person who types it into the charger.
"""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from shocpp.admission.decision import in_force
from shocpp.calls.outcomes import confirmation_of, is_refusal
from shocpp.calls.placing import CallOptions, place_call
from shocpp.configuration.charge_points import (
    NO_ALLOWLIST,
    OTHERS,
    Entry,
    can_have_entry,
    load_allowlist_or_none,
    parse_allowlist,
)
from shocpp.configuration.entries import Members, spelled
from shocpp.configuration.files import changing, conf_text, replace_text, stamp_of
from shocpp.errors import ShocppError, Unreachable, UsageError
from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.passwords import (
    GENERATED_ROUNDS,
    USER_CHOSEN_ROUNDS,
    authorization_key,
    password_bytes,
    password_hash,
)
from shocpp.settings import Settings
from shocpp.store.calls import NEVER_SENT, CallOutcome
from shocpp.store.charge_points import admissions
from shocpp.store.database import Database, open_database

PASSWORD_SIGNS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Characters that are hard to confuse (no l, o, 0, 1) and that every charger accepts."""

PASSWORD_LENGTH = 20
"""Bytes: the longest AuthorizationKey (security whitepaper §3.1.4). That is 100 bits."""

SHORTEST, LONGEST = 8, 64
"""Bytes of a user-chosen password."""

Edit = Callable[[Members], None]
"""A function that changes an entry, or all entries, of the file."""


class Rotated(NamedTuple):
    """The result of a rotation.

    status    the status that the charger has confirmed, else the outcome of the Call
    is_known  True if the charger has confirmed that it uses the new password
    """

    status: str
    is_known: bool


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

    def edit(entry: Members) -> None:
        if change.stored_hash is not None:
            entry["password_hash"] = change.stored_hash
            _drop(entry, "auth")
        elif change.needs_no_password:
            entry["auth"] = "none"
            _drop(entry, "password_hash")
        for key in ("username", "origin"):
            if getattr(change, key) is not None:
                entry[key] = getattr(change, key)

    _edit_entry(path, charge_point_id, edit)


def is_listed(path: Path, charge_point_id: str) -> bool:
    """Return True if a charger has an entry of its own; raises ConfigError if the file is bad."""
    allowlist = load_allowlist_or_none(path)
    if charge_point_id == OTHERS:
        return allowlist is not NO_ALLOWLIST and allowlist.others is not None
    return allowlist.is_listed(charge_point_id)


def unlisted_chargers(db: Database, path: Path) -> list[str]:
    """Return the identities that have connected before and that the allowlist does not admit."""
    allowlist = load_allowlist_or_none(path)
    return [name for name in admissions.known_identities(db) if allowlist.entry(name) is None]


def rotate(settings: Settings, charge_point_id: str, password: str, asked: CallOptions) -> Rotated:
    """Send a new password to a charger by ChangeConfiguration.

    The old password stays in force until the charger presents the new one; a charger that needed
    none needs none until then. Raises Unreachable or UsageError if the charger has not taken the
    new password; the file is then as before.
    """
    stored_hash = hash_of_generated(password)
    path = settings.charge_points_file
    with open_database(settings.database) as db:
        newest = admissions.presented_password(db, identity_key(charge_point_id))
    was_listed = is_listed(path, charge_point_id)
    allowlist = load_allowlist_or_none(path)
    add = _add_password(stored_hash, allowlist.entry(charge_point_id), newest)
    # Write first, send second: a charger that takes the password must be able to come back with it,
    # also if this process is killed. Without a file it is the other way round: the first entry
    # would keep all other chargers out, although the charger may still refuse the password.
    if allowlist is not NO_ALLOWLIST:
        _edit_entry(path, charge_point_id, add)
    key = {"key": "AuthorizationKey", "value": authorization_key(password.encode())}
    try:
        outcome = place_call(settings, charge_point_id, "ChangeConfiguration", key, asked)
        status = _status_of(outcome)
    except ShocppError:
        if allowlist is not NO_ALLOWLIST:
            _take_back(path, charge_point_id, stored_hash, was_listed=was_listed)
        raise
    if allowlist is NO_ALLOWLIST:
        _edit_entry(path, charge_point_id, add)
    return Rotated(status, is_known=outcome.state == "answered")


def _status_of(outcome: CallOutcome) -> str:
    """Return the status of a rotation whose password the charger has, or may have, taken.

    Raises Unreachable if the charger has certainly not taken it.
    """
    if outcome.state == "answered" and not is_refusal(outcome):
        return str(confirmation_of(outcome).get("status", ""))
    if outcome.state == "answered":
        status = confirmation_of(outcome).get("status")
        raise Unreachable(f"the charger does not take a password by OCPP: {status}; type it in")
    if outcome.state == "refused":
        raise Unreachable(f"the charger answers with an error: {outcome.error_code}; type it in")
    if outcome.error_description == NEVER_SENT:
        raise Unreachable(
            "the password was not sent: the charger takes no commands yet; try again later"
        )
    # The Call was sent and its answer is missing: the charger may have taken the password.
    return outcome.state


def _add_password(stored_hash: str, former: Entry | None, newest: str | None) -> Edit:
    """Return the edit that adds a new password to those in force and drops the revoked ones.

    `former` is the entry that has held for the charger: its own one, or that of `*`.
    """
    hashes, needs_no_password = in_force(former, newest) if former else ((), False)

    def edit(entry: Members) -> None:
        if needs_no_password:
            entry["auth"] = "none"
        else:
            _drop(entry, "auth")
        entry["password_hash"] = [*hashes, stored_hash]

    return edit


def _take_back(path: Path, charge_point_id: str, stored_hash: str, *, was_listed: bool) -> None:
    """Remove a password that the charger has not taken, and its entry if that was new."""

    def edit_file(entries: Members) -> None:
        name = _listed_as(entries, charge_point_id)
        if name is None:
            return
        entry = entries[name]
        hashes = [other for other in _hashes(entry) if other != stored_hash]
        if len(hashes) == len(_hashes(entry)):
            return  # another command has replaced the password since: leave it alone
        if not (was_listed or set(entry) - {"auth", "password_hash"}):
            del entries[name]
        elif hashes:
            entry["password_hash"] = hashes if len(hashes) > 1 else hashes[0]
        else:
            _drop(entry, "password_hash")

    _edit_file(path, edit_file)


def _edit_entry(path: Path, charge_point_id: str, edit: Edit) -> None:
    """Change the entry of a charger, in any spelling of its identity, or a new one."""

    def edit_file(entries: Members) -> None:
        name = _listed_as(entries, charge_point_id) or charge_point_id
        entry = entries.get(name, Members())
        edit(entry)
        entries[name] = entry

    _edit_file(path, edit_file)


def _edit_file(path: Path, edit: Edit) -> None:
    """Change the file in one step; it stays as it is if it is invalid before or after."""
    # Otherwise the replacement would turn a symbolic link into a file.
    path = path.resolve()
    with changing(path):
        # The lock keeps other commands out, but not an editor: if the file has changed meanwhile,
        # nothing is replaced and the edit starts again from the new content.
        while True:
            stamp = stamp_of(path)
            text = conf_text(path) if stamp else "{}"
            parse_allowlist(text, str(path))
            entries = json.loads(text, object_pairs_hook=Members)
            edit(entries)
            changed = spelled(entries)
            parse_allowlist(changed, str(path))
            if replace_text(path, changed, stamp):
                return


def _listed_as(entries: Members, charge_point_id: str) -> str | None:
    """Return the spelling of an identity in the file, or None if it is not listed."""
    key = identity_key(charge_point_id)
    names = [name for name in entries if name != "comment" and identity_key(name) == key]
    return names[0] if names else None


def _hashes(entry: Members) -> list[Any]:
    """Return the stored hashes of an entry, oldest first; the file may have one or a list."""
    stored = entry.get("password_hash", [])
    return [stored] if isinstance(stored, str) else list(stored)


def _drop(entry: Members, key: str) -> None:
    if key in entry:
        del entry[key]
