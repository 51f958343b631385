"""Changes of conf/people.json: no shortcut in use stops, and an admin is left."""

import json
from pathlib import Path

import pytest

from shocpp.configuration.editing.file_edit import ChangedMeanwhile
from shocpp.configuration.editing.people import Start, remove_user, seen_user, set_user
from shocpp.configuration.people import UserRole, load_people
from shocpp.errors import ConfigError, UsageError

ADMIN, TREASURER = UserRole("admin", None), UserRole("treasurer", None)
DRIVER = UserRole("driver", "family-y")
NOBODY = Start(None, ())
ACCOUNTS = ("company-x", "family-y")

WRITTEN = """\
{
  "papa": {
    "role": "admin",
    "comment": "left"
  },
  "we03": {
    "comment": "and",
    "role": "driver",
    "comment": "right",
    "account": "family-y"
  }
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a people.json with comments."""
    path = tmp_path / "people.json"
    path.write_text(WRITTEN)
    return path


def test_the_first_user_makes_the_file_with_the_users_in_use_as_admins(tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    start = Start(None, ("mama", "papa"))
    assert set_user(path, "mama", TREASURER, (), start) == ["papa"]
    assert load_people(path) == {"papa": ADMIN, "mama": TREASURER}
    assert set_user(path, "kasse", TREASURER, (), start) == []
    assert load_people(path) == {"papa": ADMIN, "mama": TREASURER, "kasse": TREASURER}


def test_a_file_that_is_gone_begins_with_the_roles_in_force(tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    start = Start(WRITTEN, ("mama",))
    assert set_user(path, "kasse", TREASURER, (), start) == []
    assert load_people(path) == {"papa": ADMIN, "we03": DRIVER, "kasse": TREASURER}
    path.unlink()
    remove_user(path, "we03", start)
    assert load_people(path) == {"papa": ADMIN}


def test_the_rest_of_the_file_stays(path: Path) -> None:
    set_user(path, "kasse", DRIVER, ACCOUNTS, NOBODY)
    set_user(path, "we03", TREASURER, ACCOUNTS, NOBODY)
    set_user(path, "we03", DRIVER, ACCOUNTS, NOBODY)
    remove_user(path, "kasse", NOBODY)
    assert path.read_text() == WRITTEN


def test_the_last_admin_stays(path: Path, tmp_path: Path) -> None:
    for change in (
        lambda: remove_user(path, "papa", NOBODY),
        lambda: set_user(path, "papa", TREASURER, (), NOBODY),
        lambda: set_user(tmp_path / "new.json", "kasse", TREASURER, (), NOBODY),
        lambda: set_user(tmp_path / "new.json", "mama", TREASURER, (), Start(None, ("mama",))),
    ):
        with pytest.raises(UsageError, match="would have no admin; make another user an admin"):
            change()
    assert path.read_text() == WRITTEN
    assert not (tmp_path / "new.json").exists()
    set_user(path, "mama", ADMIN, (), NOBODY)
    remove_user(path, "papa", NOBODY)
    assert load_people(path) == {"we03": DRIVER, "mama": ADMIN}


def test_a_file_that_never_had_an_admin_can_be_changed(path: Path) -> None:
    path.write_text('{"kasse": {"role": "treasurer"}}')
    set_user(path, "we03", DRIVER, ACCOUNTS, NOBODY)
    remove_user(path, "kasse", NOBODY)
    assert load_people(path) == {"we03": DRIVER}


@pytest.mark.parametrize(
    ("name", "user", "error"),
    [
        ("", ADMIN, "cannot name a user"),
        (" papa", ADMIN, "cannot name a user"),
        ("pa\npa", ADMIN, "cannot name a user"),
        ("we04", UserRole("driver", None), "a driver needs an account"),
        ("we04", UserRole("viewer", "family-y"), "only a driver has an account"),
        ("we04", UserRole("driver", "family-x"), "has no account 'family-x'; add it"),
    ],
)
def test_a_wrong_user_changes_nothing(path: Path, name: str, user: UserRole, error: str) -> None:
    with pytest.raises(UsageError, match=error):
        set_user(path, name, user, ACCOUNTS, NOBODY)
    assert path.read_text() == WRITTEN


def test_an_unknown_user_cannot_be_removed(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no user 'mama'; see: shocpp people"):
        remove_user(path, "mama", NOBODY)
    with pytest.raises(UsageError, match=r"there is no new\.json; begin with: shocpp people set"):
        remove_user(tmp_path / "new.json", "mama", NOBODY)


def test_a_file_with_an_error_is_not_changed(path: Path) -> None:
    path.write_text('{"papa": {"role": "root"}}')
    with pytest.raises(ConfigError, match="needs a role"):
        set_user(path, "mama", ADMIN, (), NOBODY)
    assert json.loads(path.read_text()) == {"papa": {"role": "root"}}


def test_a_form_made_before_another_change_gets_both_texts(path: Path) -> None:
    seen, seen_of_new = (seen_user(path, name, NOBODY) for name in ("we03", "mama"))
    set_user(path, "mama", ADMIN, (), NOBODY, seen_of_new)
    set_user(path, "we03", DRIVER._replace(account="company-x"), ACCOUNTS, NOBODY, seen)
    before = path.read_text()
    with pytest.raises(ChangedMeanwhile) as changed:
        set_user(path, "we03", TREASURER, ACCOUNTS, NOBODY, seen)
    assert '"company-x"' in changed.value.present
    assert '"treasurer"' in changed.value.wanted
    with pytest.raises(ChangedMeanwhile) as changed:
        remove_user(path, "we03", NOBODY, seen)
    assert changed.value.wanted == ""
    with pytest.raises(ChangedMeanwhile):
        set_user(path, "mama", TREASURER, ACCOUNTS, NOBODY, seen_of_new)
    assert path.read_text() == before
    remove_user(path, "we03", NOBODY, seen_user(path, "we03", NOBODY))
