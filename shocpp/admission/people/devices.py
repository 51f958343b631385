"""Devices and programs' tokens: the persons of their secrets, their last use, their end.

A CGI process imports this module, so it uses the standard library only.
"""

from collections.abc import Callable
from contextlib import suppress

from shocpp.admission.people.roles import REVOKED, Person
from shocpp.admission.people.secret_texts import hash_of, is_secret, new_secret
from shocpp.errors import StoreUnavailable
from shocpp.store import people
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS
from shocpp.store.people import Device, NewDevice

IDLE_MS = 400 * 24 * 60 * 60 * 1000
"""Milliseconds without a use after which a device is not valid: browsers drop its cookie then."""

NOTED_EVERY_MS = 60 * 60 * 1000
"""Milliseconds between two notes of a use: not each request writes into the database."""


def person_of_secret(
    db: Database, secret: str, now_ms: int, of_user: Callable[[str], Person]
) -> Person | None:
    """Return the person of a device's secret, or None if no device has it.

    The role of a device that is revoked, or was not used for IDLE_MS, is REVOKED. `of_user` returns
    the person of a user of the web server: a device that such a user has made follows its role.
    """
    device = people.device_with(db, hash_of(secret)) if is_secret(secret) else None
    if device is None:
        return None
    if not _is_valid(device, now_ms):
        return Person(device.name, REVOKED, None, device.id, device.is_program)
    # In both directions: a clock that was once set ahead must not keep a device for ever. A clock
    # before the device was made is wrong: once it is right, such a use would be too long ago.
    is_new = abs(now_ms - device.last_used_ms) >= NOTED_EVERY_MS
    if is_new and now_ms >= device.made_ms:
        with suppress(StoreUnavailable), db.writing(keys=NO_KEYS, durable=False, patient=False):
            people.note_use(db, device.id, now_ms)
    return person_of_device(device, of_user)


def person_of_device(device: Device, of_user: Callable[[str], Person]) -> Person:
    """Return the person of a device that is valid."""
    if device.web_user is not None:
        return of_user(device.web_user)._replace(device=device.id)
    return Person(device.name, device.role, device.account, device.id, device.is_program)


def is_in_force(db: Database, number: int, now_ms: int) -> bool:
    """Return True if the device with this number is not revoked, and was used within IDLE_MS."""
    device = people.device_numbered(db, number)
    return device is not None and _is_valid(device, now_ms)


def in_force(db: Database, now_ms: int) -> list[Device]:
    """Return the devices and tokens that are valid, in the order of their numbers."""
    return [device for device in people.devices(db) if _is_valid(device, now_ms)]


def has_device(db: Database, now_ms: int) -> bool:
    """Return True if any browser can open the pages."""
    return people.has_device(db, now_ms - IDLE_MS)


def make_device(
    db: Database,
    person: Person,
    now_ms: int,
    *,
    made_by: str,
    web_user: str | None = None,
    is_program: bool = False,
) -> tuple[str, int]:
    """Make a device without an invitation; return its secret, nowhere stored, and its number.

    Raises StoreUnavailable.
    """
    secret = new_secret()
    new = NewDevice(
        hash_of(secret),
        is_program,
        *(person.name, person.role, person.account),
        web_user,
        now_ms,
        made_by,
        now_ms,
    )
    with db.writing(keys=NO_KEYS):
        return secret, people.add_device(db, new)


def revoke(db: Database, number: int, now_ms: int) -> bool:
    """Revoke a device; return False if there is no such one. Raises StoreUnavailable."""
    with db.writing(keys=NO_KEYS):
        return people.revoke_device(db, number, now_ms)


def _is_valid(device: Device, now_ms: int) -> bool:
    return device.revoked_ms is None and now_ms - device.last_used_ms < IDLE_MS
