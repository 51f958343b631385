"""conf/people.json: its users, its errors, and the last good content."""

import json
from pathlib import Path

import pytest

from shocpp.configuration.people import PeopleFile, UserRole, load_people, parse_people
from shocpp.errors import ConfigError
from tests.world.machine import ROOT

GOOD = {"papa": {"role": "admin"}, "we03": {"role": "driver", "account": "we03"}}


def nothing_stored() -> str | None:
    """Return the stored text of a new database."""
    return None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a file that does not exist yet."""
    return tmp_path / "people.json"


def write(path: Path, content: object) -> None:
    """Replace the file, as an editor does."""
    new = path.with_suffix(".new")
    new.write_text(content if isinstance(content, str) else json.dumps(content))
    new.replace(path)


def test_the_example_is_valid() -> None:
    users = load_people(ROOT / "conf" / "people.json.example")
    assert users is not None
    assert users["we03"] == UserRole("driver", "family-y")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([], "the file must be an object"),
        ({"papa": "admin"}, "the user 'papa' must be an object"),
        ({"papa": {}}, "needs a role, one of admin, treasurer, viewer, driver, metrics, site"),
        ({"papa": {"role": "root"}}, "needs a role, one of"),
        ({"papa": {"role": ["admin"]}}, "needs a role, one of"),
        ({"papa": {"role": "admin", "acount": "x"}}, "'acount' is unknown"),
        ({"papa": {"role": "driver"}}, "is a driver and needs an account"),
        ({"papa": {"role": "admin", "account": "x"}}, "is no driver, so remove its account"),
        ({"papa": {"role": "driver", "account": 3}}, "must be a name in tags.json"),
        ({"papa": {"role": "driver", "account": "a\nb"}}, "must be a name in tags.json"),
    ],
)
def test_an_error_names_the_user_and_the_remedy(content: object, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_people(json.dumps(content), "people.json")
    assert why in str(refused.value)
    assert str(refused.value).endswith("see conf/people.json.example")


@pytest.mark.parametrize("text", ["", "{", '{"a": {}, "a": {}}', "\ud800"])
def test_no_json_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_people(text, "people.json")


def test_without_a_file_each_user_is_an_admin(path: Path) -> None:
    file = PeopleFile(path)
    assert file.users(nothing_stored) is None
    assert file.trouble is None


def test_a_change_is_in_force_at_once(path: Path) -> None:
    file = PeopleFile(path)
    file.users(nothing_stored)
    write(path, GOOD)
    assert file.users(nothing_stored) == {
        "papa": UserRole("admin", None),
        "we03": UserRole("driver", "we03"),
    }
    assert not file.is_stored
    write(path, {"papa": {"role": "viewer"}})
    assert file.users(nothing_stored) == {"papa": UserRole("viewer", None)}


@pytest.mark.parametrize("is_removed", [True, False])
def test_a_file_that_breaks_keeps_the_last_good_one(path: Path, is_removed: bool) -> None:
    write(path, GOOD)
    file = PeopleFile(path)
    good = file.users(nothing_stored)
    path.unlink() if is_removed else write(path, "{")
    assert file.users(nothing_stored) == good
    assert file.trouble is not None
    assert file.trouble.endswith("the users read before keep their roles: papa, we03")
    write(path, {})
    assert file.users(nothing_stored) == {}
    assert file.trouble is None


@pytest.mark.parametrize("is_there", [True, False])
def test_a_new_process_falls_back_to_the_stored_text(path: Path, is_there: bool) -> None:
    if is_there:
        write(path, "{")
    users = PeopleFile(path).users(lambda: json.dumps(GOOD))
    assert users is not None
    assert set(users) == {"papa", "we03"}


@pytest.mark.parametrize("stored", [None, "{", '{"papa": {"role": "of an older version"}}'])
def test_a_broken_file_without_a_good_one_admits_nobody(path: Path, stored: str | None) -> None:
    write(path, "{")
    assert PeopleFile(path).users(lambda: stored) == {}
