"""The tables `invitation` and `device`: who may use the pages, the API and the metrics.

Tokens and secrets come here as hashes only. A conditional statement decides each end, so of two
requests with one invitation exactly one wins, and no transaction needs keys.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from shocpp.store.changes import DEVICE
from shocpp.store.database import Database

USED, EXPIRED, VOIDED, REVOKED = "used", "expired", "voided", "revoked"
"""The outcomes of an invitation; one without an outcome is open."""


class Invitation(NamedTuple):
    """A row of `invitation`, without its hash."""

    id: int
    name: str
    role: str
    account: str | None
    is_printed: bool
    made_ms: int
    made_by: str
    expires_ms: int
    outcome: str | None
    ended_ms: int | None


class NewInvitation(NamedTuple):
    """The values of an invitation that is to be stored."""

    token_hash: str
    name: str
    role: str
    account: str | None
    is_printed: bool
    made_ms: int
    made_by: str
    expires_ms: int


class Device(NamedTuple):
    """A row of `device`, without its hash."""

    id: int
    is_program: bool
    name: str
    role: str
    account: str | None
    web_user: str | None
    made_ms: int
    made_by: str
    last_used_ms: int
    revoked_ms: int | None


class NewDevice(NamedTuple):
    """The values of a device or a program's token that is to be stored."""

    secret_hash: str
    is_program: bool
    name: str
    role: str
    account: str | None
    web_user: str | None
    made_ms: int
    made_by: str
    last_used_ms: int


_INVITATION = f"SELECT {','.join(Invitation._fields)} FROM invitation"
_DEVICE = f"SELECT {','.join(Device._fields)} FROM device"


def cookie_suffix(db: Database) -> str:
    """Return the eight hexadecimal digits that end the name of the devices' cookie."""
    query = "SELECT value FROM property WHERE name = 'cookie_suffix'"
    return str(db.execute(query).fetchone()[0])


def add_invitation(db: Database, new: NewInvitation) -> int:
    """Write an invitation in the caller's transaction, and return its number.

    A printed one voids the printed ones before it that are open.
    """
    if new.is_printed:
        _end_open(db, VOIDED, new.made_ms, "is_printed = 1")
    return db.insert("invitation", new._asdict())


def expire_invitations(db: Database, now_ms: int) -> None:
    """End the open invitations whose time is over, for ever: also if the clock is set back."""
    _end_open(db, EXPIRED, now_ms, "expires_ms <= ?", now_ms)


def invitation_with(db: Database, token_hash: str) -> Invitation | None:
    """Return the invitation with this hash of its token, or None."""
    row = db.execute(f"{_INVITATION} WHERE token_hash = ?", (token_hash,)).fetchone()
    return None if row is None else _invitation(row)


def open_invitations(db: Database, now_ms: int) -> list[Invitation]:
    """Return the invitations that nobody has used and that have not ended, oldest first."""
    query = f"{_INVITATION} WHERE outcome IS NULL AND expires_ms > ? ORDER BY id"
    return [_invitation(row) for row in db.execute(query, (now_ms,)).fetchall()]


def use_invitation(db: Database, number: int, now_ms: int) -> bool:
    """End an open invitation as used; return False if it is open no more."""
    return _end_open(db, USED, now_ms, "id = ?", number) == 1


def withdraw_invitation(db: Database, number: int, now_ms: int) -> bool:
    """End an open invitation before anybody uses it; return False if it is open no more."""
    return _end_open(db, REVOKED, now_ms, "id = ?", number) == 1


def add_device(db: Database, new: NewDevice) -> int:
    """Write a device in the caller's transaction, and return its number."""
    return db.insert("device", new._asdict())


def device_with(db: Database, secret_hash: str) -> Device | None:
    """Return the device with this hash of its secret, or None; it may be revoked."""
    row = db.execute(f"{_DEVICE} WHERE secret_hash = ?", (secret_hash,)).fetchone()
    return None if row is None else _device(row)


def device_numbered(db: Database, number: int) -> Device | None:
    """Return the device with this number, or None; it may be revoked."""
    row = db.execute(f"{_DEVICE} WHERE id = ?", (number,)).fetchone()
    return None if row is None else _device(row)


def devices(db: Database) -> list[Device]:
    """Return all devices and tokens, also revoked ones, in the order of their numbers."""
    return [_device(row) for row in db.execute(f"{_DEVICE} ORDER BY id").fetchall()]


def has_device(db: Database, used_since_ms: int) -> bool:
    """Return True if a device that is not revoked was used since a time."""
    query = "SELECT 1 FROM device WHERE revoked_ms IS NULL AND last_used_ms >= ? AND is_program = 0"
    return db.execute(f"{query} LIMIT 1", (used_since_ms,)).fetchone() is not None


def note_use(db: Database, number: int, now_ms: int) -> None:
    """Note when a device was used last."""
    db.execute(
        "UPDATE device SET last_used_ms = ? WHERE id = ? AND revoked_ms IS NULL", (now_ms, number)
    )


def revoke_device(db: Database, number: int, now_ms: int) -> bool:
    """Revoke a device; return False if there is none with this number, or it is revoked already."""
    statement = "UPDATE device SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL"
    is_revoked = db.execute(statement, (now_ms, number)).rowcount == 1
    if is_revoked:
        db.changes.note(DEVICE, None, key=number)
    return is_revoked


def has_account(db: Database, names: Sequence[str]) -> bool:
    """Return True if a device or an invitation is of an account with one of these names."""
    among = "WHERE account IN (SELECT value FROM json_each(?1))"
    query = f"SELECT 1 FROM device {among} UNION ALL SELECT 1 FROM invitation {among} LIMIT 1"
    return db.execute(query, (json.dumps(names),)).fetchone() is not None


def rename_account(db: Database, former: Sequence[str], present: str) -> None:
    """Give the devices and invitations of an account with these former names its present one."""
    names = json.dumps(former)
    devices = db.execute(
        "UPDATE device SET account = ?1 WHERE account IN (SELECT value FROM json_each(?2))"
        " RETURNING id",
        (present, names),
    )
    for (number,) in devices.fetchall():
        db.changes.note(DEVICE, None, key=number)
    db.execute(
        "UPDATE invitation SET account = ?1 WHERE account IN (SELECT value FROM json_each(?2))",
        (present, names),
    )


def end_account(db: Database, account: str, now_ms: int) -> None:
    """Revoke the devices of an account's drivers, and end their open invitations."""
    rows = db.execute(
        "UPDATE device SET revoked_ms = ? WHERE account = ? AND revoked_ms IS NULL RETURNING id",
        (now_ms, account),
    )
    for (number,) in rows.fetchall():
        db.changes.note(DEVICE, None, key=number)
    _end_open(db, REVOKED, now_ms, "account = ?", account)


def revoke_all(db: Database, now_ms: int) -> int:
    """Revoke all devices and all open invitations; return the number of devices."""
    _end_open(db, REVOKED, now_ms, "1")
    statement = "UPDATE device SET revoked_ms = ? WHERE revoked_ms IS NULL"
    return db.execute(statement, (now_ms,)).rowcount


def web_users(db: Database) -> list[str]:
    """Return the users of the web server that canned calls were asked by, and devices made by."""
    # Calls of the API and of commands have no name of a canned call, starts by MQTT have one.
    query = (
        "SELECT asked_by FROM call WHERE canned IS NOT NULL"
        " AND asked_by NOT IN ('this machine', 'token', 'secret', 'mqtt')"
        " UNION SELECT web_user FROM device WHERE web_user IS NOT NULL ORDER BY 1"
    )
    names = [row[0] for row in db.execute(query).fetchall()]
    known = {device.name for device in devices(db) if device.web_user is None}
    return [name for name in names if name not in known]


def stored_people(db: Database) -> str | None:
    """Return the text of the last valid people.json, or None."""
    row = db.execute("SELECT value FROM property WHERE name = 'people'").fetchone()
    return row[0] if row else None


def store_people(db: Database, text: str) -> None:
    """Store the text of a valid people.json; it stays in force while the file is invalid."""
    db.execute("INSERT OR REPLACE INTO property VALUES ('people', ?)", (text,))


def _end_open(db: Database, outcome: str, now_ms: int, condition: str, *values: object) -> int:
    return db.execute(
        f"UPDATE invitation SET outcome = ?, ended_ms = ? WHERE outcome IS NULL AND {condition}",
        (outcome, now_ms, *values),
    ).rowcount


def _invitation(row: tuple[object, ...]) -> Invitation:
    invitation = Invitation(*row)  # type: ignore[arg-type]
    return invitation._replace(is_printed=bool(invitation.is_printed))


def _device(row: tuple[object, ...]) -> Device:
    device = Device(*row)  # type: ignore[arg-type]
    return device._replace(is_program=bool(device.is_program))
