"""The registry: users of people.json, also while the file or the database cannot be read."""

import json
from collections.abc import Iterator

import pytest

from shocpp.admission.people.registry import Registry
from shocpp.admission.people.roles import NO_ROLE, Person
from shocpp.configuration.people import people_file
from shocpp.errors import UnusableDatabase
from shocpp.store.database import open_database
from tests.world.home import Home

GOOD = {"papa": {"role": "admin"}, "we03": {"role": "driver", "account": "we03"}}


@pytest.fixture(autouse=True)
def new_process() -> Iterator[None]:
    """Forget the files that this process has read."""
    people_file.cache_clear()
    yield
    people_file.cache_clear()


def registry(home: Home) -> Registry:
    """Return the registry of a home."""
    return Registry(home.settings.people_file, lambda: open_database(home.database))


def test_without_a_file_each_user_is_an_admin(migrated_home: Home) -> None:
    assert registry(migrated_home).of_user("papa") == Person("papa", "admin")


def test_the_file_has_the_roles(migrated_home: Home) -> None:
    migrated_home.settings.people_file.write_text(json.dumps(GOOD))
    people = registry(migrated_home)
    assert people.of_user("we03") == Person("we03", "driver", "we03")
    assert people.of_user("eve") == Person("eve", NO_ROLE)
    assert people.trouble() is None


@pytest.mark.parametrize("is_removed", [True, False])
def test_a_new_process_has_the_roles_of_the_one_before(
    migrated_home: Home, *, is_removed: bool
) -> None:
    path = migrated_home.settings.people_file
    path.write_text(json.dumps(GOOD))
    registry(migrated_home).of_user("papa")
    people_file.cache_clear()
    path.unlink() if is_removed else path.write_text("{")
    people = registry(migrated_home)
    assert people.of_user("papa") == Person("papa", "admin")
    assert people.of_user("eve") == Person("eve", NO_ROLE)
    trouble = people.trouble()
    assert trouble is not None
    assert "the users read before keep their roles: papa, we03" in trouble


def test_without_a_database_a_good_file_is_enough(home: Home) -> None:
    home.settings.people_file.write_text(json.dumps(GOOD))
    assert registry(home).of_user("papa") == Person("papa", "admin")


def test_without_file_and_database_nobody_is_an_admin(home: Home) -> None:
    people = registry(home)
    with pytest.raises(UnusableDatabase):
        people.of_user("papa")
    assert people.trouble() is None
