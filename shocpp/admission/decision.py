"""The admission of Charge Points by identity, password and Origin.

It is decided before the WebSocket upgrade, in the thread of the request. Two rules:

    no hint   An identity that is not listed and a wrong password get the same answer after the same
              time. Only the log and `shocpp charge-points --refused` tell the reason.
    no block  A correct password is admitted however many wrong ones came before it: an attacker may
              share its charger's address. The costs of the hash slow guessing down; too many wrong
              passwords only change the status to 429 (`refused_attempts.py`), and their sender
              does not wait for a costly hash (`password_checks.py`).
"""

import hashlib
import os
from collections.abc import Callable
from typing import NamedTuple

from shocpp.admission.password_checks import PasswordChecks, TooManyChecks
from shocpp.configuration.charge_points import OTHERS, Allowlist, Entry
from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.passwords import Login

NO_PASSWORD = "no password"
WRONG_PASSWORD = "wrong password"
WRONG_USER = "wrong user name"
NOT_LISTED = "not listed"
NO_NAME = "no name"
FOREIGN_SUBPROTOCOL = "foreign subprotocol"
OTHER_VERSION = "OCPP 2.x message"
TLS = "wss:// at a ws:// port"
ORIGIN = "Origin"
NAME_TAKEN = "name taken"
NOT_CHECKED = "not checked"
TOO_MANY_NEW = "too many new names"
NO_SPACE = "no space for new names"
"""The reasons are stored in the database; `remedies.py` has the remedy of each."""

WRONG_SETTINGS = {
    FOREIGN_SUBPROTOCOL: "choose OCPP 1.6 JSON (1.6-J) in the charger",
    OTHER_VERSION: "choose OCPP 1.6 JSON (1.6-J) in the charger",
    TLS: "write ws:// for wss:// in the charger, or let it connect to the proxy that speaks TLS",
}
"""Reasons that only another setting in the charger removes, and the next step for each.

Such a charger tries again for ever, so the log has only one warning a day about it.
"""

LONGEST_PRESENTED = 100
"""Characters of a presented value that are recorded."""


class Attempt(NamedTuple):
    """A request of a charger for a connection.

    charge_point_id  the identity in the URL, or None
    address          the IP address that it comes from, without the port
    login            the user name and password of HTTP basic auth, or None
    origin           the Origin header, which browsers send; None if nothing points to a web page
    is_suspect       True if too many attempts of this address were refused lately
    """

    charge_point_id: str | None
    address: str
    login: Login | None = None
    origin: str | None = None
    is_suspect: bool = False


class Admitted(NamedTuple):
    """The admission of one connection.

    charge_point_id  the identity; None until the serial of a BootNotification becomes the identity
    entry            the entry of charge_points.json that holds for it
    is_sure          True if a password, or the starter of the process, proves the identity
    password         the `digest` of the presented password; None if it needed none
    """

    charge_point_id: str | None
    entry: Entry
    is_sure: bool = False
    password: str | None = None


class NotAdmitted(Exception):
    """A refused attempt.

    `reason` is one of the constants above. `presented` is the wrong value of the attempt, such as a
    user name or an Origin; never a password.
    """

    def __init__(self, reason: str, presented: str = "") -> None:
        self.reason = reason
        # "replace": a lone surrogate in it could not be written to the database or the log.
        self.presented = presented[:LONGEST_PRESENTED].encode(errors="replace").decode()
        super().__init__(reason)


def admit(
    allowlist: Allowlist, attempt: Attempt, newest_password_of: Callable[[str], str | None]
) -> Admitted:
    """Return the admission of a charger.

    `newest_password_of` returns, for an identity key, the digest of the newest password that this
    charger has presented, or None. Raises NotAdmitted with the reason.
    """
    admitted = _admitted(allowlist, attempt, newest_password_of)
    if attempt.origin not in (None, admitted.entry.origin):
        raise NotAdmitted(ORIGIN, attempt.origin or "")
    return admitted


def _admitted(
    allowlist: Allowlist, attempt: Attempt, newest_password_of: Callable[[str], str | None]
) -> Admitted:
    name, login = attempt.charge_point_id, attempt.login
    if name is None and login is not None:
        # Without an identity in the URL, the user name may be the identity.
        user = login.user.decode(errors="replace")
        name = user if allowlist.is_listed(user) else None
    entry = allowlist.entry(name)
    if entry is None:
        _take_as_long(allowlist, attempt)
        raise NotAdmitted(NOT_LISTED if name else NO_NAME)
    if not entry.hashes:
        return Admitted(name, entry)
    valid, needs_no_password = entry.hashes, entry.needs_no_password
    if needs_no_password or len(valid) > 1:
        # Only these chargers cost a query: their password is being changed.
        valid, needs_no_password = in_force(entry, newest_password_of(identity_key(name or OTHERS)))
    if login is None:
        if needs_no_password:
            return Admitted(name, entry)
        raise NotAdmitted(NO_PASSWORD)
    matching = [stored for stored in valid if _is_password(attempt, login, stored)]
    if not matching and needs_no_password:
        # A charger may present the password of its factory although it needs none.
        return Admitted(name, entry)
    if not matching:
        raise NotAdmitted(WRONG_PASSWORD)
    expected = entry.username or (name if entry.charge_point_id != OTHERS else None)
    user = login.user.decode(errors="replace")
    if expected is not None and identity_key(user) != identity_key(expected):
        raise NotAdmitted(WRONG_USER, user)
    return Admitted(name, entry, is_sure=True, password=digest(matching[-1]))


def digest(stored_hash: str) -> str:
    """Return the name of a password in the database: a hash of its stored hash, 32 characters."""
    return hashlib.sha256(stored_hash.encode()).hexdigest()[:32]


def may_stay(admitted: Admitted, entry: Entry | None) -> bool:
    """Return True if a connected charger stays connected after a change of the allowlist.

    `entry` is its entry in the changed allowlist. A charger without a password that is not listed
    stays until it disconnects: it may be charging.
    """
    if admitted.password is None and (admitted.is_sure or entry is None):
        return True
    if entry is None:
        return False
    return entry.needs_no_password or admitted.password in [
        digest(stored_hash) for stored_hash in entry.hashes
    ]


def is_revoked(entry: Entry | None, password: str, newest: str | None) -> bool:
    """Return True if a password (its `digest`) that was correct is revoked."""
    return entry is None or password not in map(digest, in_force(entry, newest)[0])


def in_force(entry: Entry, newest: str | None) -> tuple[tuple[str, ...], bool]:
    """Return the stored hashes in force, and True if no password is needed.

    `newest` is the digest of the newest password that the charger has presented: it proves that
    the charger has it. All older passwords are revoked by that, and from then on it needs one.
    """
    for number, stored_hash in enumerate(entry.hashes):
        if digest(stored_hash) == newest:
            return entry.hashes[number:], False
    return entry.hashes, entry.needs_no_password


def _take_as_long(allowlist: Allowlist, attempt: Attempt) -> None:
    """Compare the password with one of another charger, to take as long as for a listed one."""
    hashes = [stored for entry in allowlist.entries.values() for stored in entry.hashes]
    if hashes and attempt.login is not None:
        # Hashes differ in cost. An identity always gets the same one, so that its time does not
        # change from attempt to attempt; the secret keeps others from computing which one.
        key = identity_key(attempt.charge_point_id or "")
        number = int.from_bytes(hashlib.blake2b(key.encode(), key=_SECRET).digest()[:8])
        _is_password(attempt, attempt.login, hashes[number % len(hashes)])


_SECRET = os.urandom(32)
_checks = PasswordChecks()


def _is_password(attempt: Attempt, login: Login, stored_hash: str) -> bool:
    """Return True if the password of an attempt has this stored hash; raises NotAdmitted."""
    try:
        may_wait = not attempt.is_suspect
        return _checks.is_password(login.password, stored_hash, attempt.address, may_wait=may_wait)
    except TooManyChecks:
        raise NotAdmitted(NOT_CHECKED) from None
