"""The tables of invitations and devices."""

from collections.abc import Iterator

import pytest

from shocpp.store import people
from shocpp.store.changes import DEVICE
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.people import NewDevice, NewInvitation
from tests.world.home import Home

NOW_MS, DAY_MS = 1_795_000_000_000, 86_400_000


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """An open new database."""
    with open_database(migrated_home.database) as db:
        yield db


def invite(
    db: Database, token_hash: str, *, is_printed: bool = False, made_ms: int = NOW_MS
) -> int:
    """Write an invitation for a day, and return its number."""
    new = NewInvitation(
        token_hash, "Mama", "admin", None, is_printed, made_ms, "test", made_ms + DAY_MS
    )
    with db.writing(keys=NO_KEYS):
        return people.add_invitation(db, new)


def add_device(db: Database, secret_hash: str, last_used_ms: int = NOW_MS) -> int:
    """Write a device, and return its number."""
    new = NewDevice(secret_hash, False, "Mama", "admin", None, None, NOW_MS, "test", last_used_ms)
    with db.writing(keys=NO_KEYS):
        return people.add_device(db, new)


def outcomes(db: Database) -> list[str | None]:
    """Return the outcomes of all invitations, by their number."""
    return [row[0] for row in db.execute("SELECT outcome FROM invitation ORDER BY id")]


def test_a_printed_invitation_voids_only_printed_ones_before_it(db: Database) -> None:
    invite(db, "a", is_printed=True)
    invite(db, "b")
    invite(db, "c", is_printed=True)
    invite(db, "d")
    assert outcomes(db) == ["voided", None, None, None]


def test_an_invitation_is_used_once(db: Database) -> None:
    number = invite(db, "a")
    with db.writing(keys=NO_KEYS):
        assert people.use_invitation(db, number, NOW_MS)
        assert not people.use_invitation(db, number, NOW_MS)
    assert outcomes(db) == ["used"]


def test_an_expired_invitation_stays_expired_when_the_clock_is_set_back(db: Database) -> None:
    invite(db, "a")
    with db.writing(keys=NO_KEYS):
        people.expire_invitations(db, NOW_MS + DAY_MS - 1)
        assert outcomes(db) == [None]
        people.expire_invitations(db, NOW_MS + DAY_MS)
    assert outcomes(db) == ["expired"]
    assert people.open_invitations(db, NOW_MS) == []


def test_the_revocation_of_a_device_is_a_change_that_pages_watch(db: Database) -> None:
    number = add_device(db, "s")
    with db.writing(keys=NO_KEYS):
        assert people.revoke_device(db, number, NOW_MS)
        assert [(kind, key) for kind, _, _, key in db.changes.notes] == [(DEVICE, str(number))]
        assert not people.revoke_device(db, number, NOW_MS)
    device = people.device_numbered(db, number)
    assert device is not None
    assert device.revoked_ms == NOW_MS


def test_has_device_counts_browsers_in_use_only(db: Database) -> None:
    assert not people.has_device(db, 0)
    number = add_device(db, "s")
    assert people.has_device(db, NOW_MS)
    assert not people.has_device(db, NOW_MS + 1)
    with db.writing(keys=NO_KEYS):
        people.revoke_device(db, number, NOW_MS)
    assert not people.has_device(db, 0)


def test_revoke_all_ends_devices_and_open_invitations(db: Database) -> None:
    add_device(db, "s")
    add_device(db, "t")
    used = invite(db, "a")
    invite(db, "b")
    with db.writing(keys=NO_KEYS):
        people.use_invitation(db, used, NOW_MS)
        assert people.revoke_all(db, NOW_MS) == 2
    assert outcomes(db) == ["used", "revoked"]
    assert all(device.revoked_ms == NOW_MS for device in people.devices(db))


def test_each_database_has_a_cookie_of_its_own(db: Database) -> None:
    suffix = people.cookie_suffix(db)
    assert len(suffix) == 8
    assert int(suffix, 16) >= 0


def test_the_last_valid_people_file_is_stored(db: Database) -> None:
    assert people.stored_people(db) is None
    with db.writing(keys=NO_KEYS):
        people.store_people(db, "{}")
    assert people.stored_people(db) == "{}"
