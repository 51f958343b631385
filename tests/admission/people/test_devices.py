"""Devices: the person of a secret, the last use, the end."""

from collections.abc import Iterator

import pytest

from shocpp.admission.people import devices
from shocpp.admission.people.devices import IDLE_MS, NOTED_EVERY_MS, person_of_secret
from shocpp.admission.people.roles import NO_ROLE, REVOKED, ROLES, SEE, Person
from shocpp.admission.people.secret_texts import new_secret
from shocpp.configuration import people as people_file
from shocpp.store import people
from shocpp.store.database import Database, open_database
from tests.world.home import Home

NOW_MS = 1_795_000_000_000


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """An open new database."""
    with open_database(migrated_home.database) as db:
        yield db


def viewer(name: str) -> Person:
    """Return the person of a web user, who is a viewer by people.json."""
    return Person(name, "viewer")


def role(db: Database, secret: str, now_ms: int = NOW_MS) -> str | None:
    """Return the role of a secret, or None."""
    person = person_of_secret(db, secret, now_ms, viewer)
    return person and person.role


def test_a_secret_that_nobody_has_is_no_person(db: Database) -> None:
    assert role(db, new_secret()) is None
    assert role(db, "") is None


def test_a_revoked_device_has_no_permission(db: Database) -> None:
    secret, number = devices.make_device(db, Person("Mama", "admin"), NOW_MS, made_by="test")
    assert devices.revoke(db, number, NOW_MS)
    assert not devices.revoke(db, number, NOW_MS)
    person = person_of_secret(db, secret, NOW_MS, viewer)
    assert person is not None
    assert person.role == REVOKED
    assert not person.may(SEE)


def test_a_device_ends_without_use_and_lives_with_it(db: Database) -> None:
    secret, number = devices.make_device(db, Person("Mama", "admin"), NOW_MS, made_by="test")
    assert role(db, secret, NOW_MS + IDLE_MS) == REVOKED
    assert role(db, secret, NOW_MS + IDLE_MS - 1) == "admin"
    # The use above began its time anew.
    assert role(db, secret, NOW_MS + 2 * IDLE_MS - 2) == "admin"
    assert devices.is_in_force(db, number, NOW_MS + IDLE_MS)


def test_a_use_is_noted_at_most_once_an_hour(db: Database) -> None:
    secret, _ = devices.make_device(db, Person("Mama", "admin"), NOW_MS, made_by="test")
    role(db, secret, NOW_MS + NOTED_EVERY_MS - 1)
    assert people.devices(db)[0].last_used_ms == NOW_MS
    role(db, secret, NOW_MS + NOTED_EVERY_MS)
    assert people.devices(db)[0].last_used_ms == NOW_MS + NOTED_EVERY_MS
    # The clock was ahead, and is set back.
    role(db, secret, NOW_MS)
    assert people.devices(db)[0].last_used_ms == NOW_MS


def test_a_use_before_the_device_was_made_does_not_end_it(db: Database) -> None:
    """A small computer without a clock of its own begins in the past, until the network is up."""
    secret, _ = devices.make_device(db, Person("Mama", "admin"), NOW_MS, made_by="test")
    assert role(db, secret, NOW_MS - 3 * IDLE_MS) == "admin"
    assert role(db, secret, NOW_MS + 1) == "admin"


def test_a_device_of_a_web_user_follows_the_users_role(db: Database) -> None:
    secret, number = devices.make_device(
        db, Person("papa", "admin"), NOW_MS, made_by="papa", web_user="papa"
    )
    assert person_of_secret(db, secret, NOW_MS, viewer) == Person("papa", "viewer", None, number)


def test_a_locked_database_keeps_nobody_out(db: Database, migrated_home: Home) -> None:
    secret, _ = devices.make_device(db, Person("Mama", "admin"), NOW_MS, made_by="test")
    with open_database(migrated_home.database) as other:
        other.execute("BEGIN IMMEDIATE")
        assert role(db, secret, NOW_MS + NOTED_EVERY_MS) == "admin"
        other.execute("ROLLBACK")


def test_people_json_and_the_permissions_have_the_same_roles() -> None:
    assert set(people_file.ROLES) == set(ROLES)
    assert not {NO_ROLE, REVOKED} & set(ROLES)
