"""Whether a charger comes in (a room): by its name, its password, and what else it shows.

Decided before its upgrade, in the thread of its request. Who does not come in learns nothing: a
name that is not listed and a wrong password have the same answer, which takes the same time. The
log and `shocpp charge-points` have the plain reason.

Wrong passwords are slowed down by what it costs to try one, and told so by their status; the right
one is always looked at, because whoever tries the wrong ones may share its charger's address.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable
from typing import NamedTuple

from shocpp.configuration.charge_points import OTHERS, Allowlist, Entry
from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.passwords import USER_CHOSEN_ROUNDS, Login, is_password, rounds_of

log = logging.getLogger(__name__)

NO_PASSWORD = "no password"
WRONG_PASSWORD = "wrong password"
WRONG_USER = "wrong user name"
NOT_LISTED = "not listed"
NO_NAME = "no name"
FOREIGN_SUBPROTOCOL = "foreign subprotocol"
ORIGIN = "Origin"
NAME_TAKEN = "name taken"


LONGEST_TOLD = 100


class Attempt(NamedTuple):
    """A charger asks to come in; `charge_point_id` is None where it tells no name.

    `origin` is what a web page shows; None where nothing speaks for one.
    """

    charge_point_id: str | None
    address: str
    login: Login | None = None
    origin: str | None = None


class Admitted(NamedTuple):
    """It comes in, as this one, and `entry` is what is known of it.

    `password` names the password that it has shown; None: it had to show none. `is_sure`: it is
    who it says, by its password or by whoever has started its process.
    """

    charge_point_id: str | None
    entry: Entry
    is_sure: bool = False
    password: str | None = None


class NotAdmitted(Exception):
    """It does not come in; `told` is what it has shown instead, for whoever reads of it."""

    def __init__(self, reason: str, told: str = "") -> None:
        self.reason = reason
        self.told = told[:LONGEST_TOLD].encode(errors="replace").decode()
        super().__init__(reason)


def admit(
    allowlist: Allowlist, attempt: Attempt, shown_password: Callable[[str], str | None]
) -> Admitted:
    """Let a charger in, or raise NotAdmitted with the reason.

    `shown_password` tells by an identity's key which password that charger has shown last.
    """
    admitted = _admitted(allowlist, attempt, shown_password)
    if attempt.origin not in (None, admitted.entry.origin):
        raise NotAdmitted(ORIGIN, attempt.origin or "")
    return admitted


def _admitted(
    allowlist: Allowlist, attempt: Attempt, shown_password: Callable[[str], str | None]
) -> Admitted:
    name, login = attempt.charge_point_id, attempt.login
    if name is None and login is not None:
        # One that tells no name in its address may do so with its password.
        user = login.user.decode(errors="replace")
        name = user if allowlist.is_listed(user) else None
    entry = allowlist.entry(name)
    if entry is None:
        _take_as_long(allowlist, attempt)
        raise NotAdmitted(NOT_LISTED if name else NO_NAME)
    if not entry.hashes:
        return Admitted(name, entry)
    valid, asks_none = entry.hashes, entry.asks_none
    if asks_none or len(valid) > 1:
        valid, asks_none = in_force(entry, shown_password(identity_key(name or OTHERS)))
    if login is None:
        if asks_none:
            return Admitted(name, entry)
        raise NotAdmitted(NO_PASSWORD)
    found = [kept for kept in valid if _is_password(login.password, kept)]
    if not found and asks_none:
        return Admitted(name, entry)
    if not found:
        raise NotAdmitted(WRONG_PASSWORD)
    expected = entry.username or (name if entry.charge_point_id != OTHERS else None)
    user = login.user.decode(errors="replace")
    if expected is not None and identity_key(user) != identity_key(expected):
        raise NotAdmitted(WRONG_USER, user)
    return Admitted(name, entry, is_sure=True, password=digest(found[-1]))


def digest(kept: str) -> str:
    """A name for a password of which only the hash is kept, to write into the books."""
    return hashlib.sha256(kept.encode()).hexdigest()[:32]


def may_stay(admitted: Admitted, entry: Entry | None) -> bool:
    """Whether a connected charger stays connected when the list has changed.

    One without a password that is on no list stays until it leaves: it may be charging.
    """
    if admitted.password is None and (admitted.is_sure or entry is None):
        return True
    if entry is None:
        return False
    return entry.asks_none or admitted.password in [digest(kept) for kept in entry.hashes]


def is_over(entry: Entry | None, password: str, shown: str | None) -> bool:
    """Whether a password that was right does not count any more."""
    return entry is None or password not in [digest(kept) for kept in in_force(entry, shown)[0]]


def in_force(entry: Entry, shown: str | None) -> tuple[tuple[str, ...], bool]:
    """The hashes that count, and whether none is asked: what stands before a shown one is over.

    `shown` is the `digest` of the newest one that was.
    """
    for number, kept in enumerate(entry.hashes):
        if digest(kept) == shown:
            return entry.hashes[number:], False
    return entry.hashes, entry.asks_none


def _take_as_long(allowlist: Allowlist, attempt: Attempt) -> None:
    """Compare a password with that of another charger, always the same one for the same name."""
    every = [kept for entry in allowlist.entries.values() for kept in entry.hashes]
    if every and attempt.login is not None:
        key = identity_key(attempt.charge_point_id or "")
        number = int.from_bytes(hashlib.blake2b(key.encode(), key=_SECRET).digest()[:8])
        _is_password(attempt.login.password, every[number % len(every)])


_SECRET = os.urandom(32)
_one_at_a_time = threading.Lock()


def _is_password(shown: bytes, kept: str) -> bool:
    """Whether it is; one that costs is looked at while no other is, so that one core is left."""
    if rounds_of(kept) < USER_CHOSEN_ROUNDS:
        return is_password(shown, kept)
    with _one_at_a_time:
        return is_password(shown, kept)
