"""The rename of an account in conf/: tags.json keeps the former name, the other files follow."""

import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from shocpp.configuration.editing.accounts import add_account, rename_account, seen_account
from shocpp.configuration.editing.file_edit import ChangedMeanwhile, EditRefused
from shocpp.configuration.editing.renaming import NamingFiles, follow, require_following
from shocpp.configuration.tags import checked_accounts, load_accounts
from shocpp.errors import ConfigError

TAGS = [
    {"index": 1, "account": "company-x", "ids": ["1111"], "comment": "left"},
    {"index": 2, "account": "family-y", "ids": ["3333"], "former": ["flat 2"]},
]
TARIFFS = """\
{
  "tariffs": [
    {
      "account": "company-x",
      "valid_from": "2026-01-01",
      "ct_per_kwh": 24.10
    },
    {
      "account": "*",
      "valid_from": "2026-01-01",
      "ct_per_kwh": 30
    }
  ]
}
"""
OPERATOR = {"mail": {"from": "a@example.org", "to": {"company-x": ["x@example.org"]}}}
PEOPLE = {"papa": {"role": "admin"}, "maja": {"role": "driver", "account": "company-x"}}
CANNED = {
    "stop": {"action": "RemoteStopTransaction", "payload": {"account": "company-x"}},
    "energy": {"show": "energy", "account": "company-x", "comment": "company-x"},
    "broken": {"payload": 5},
    "no entry": [],
}


@pytest.fixture
def tags(tmp_path: Path) -> Path:
    """A tags.json."""
    path = tmp_path / "tags.json"
    path.write_text(json.dumps(TAGS))
    return path


@pytest.fixture
def files(tmp_path: Path) -> NamingFiles:
    """The other files of conf/, which name company-x."""
    paths = NamingFiles(*(tmp_path / f"{name}.json" for name in NamingFiles._fields))
    paths.tariffs.write_text(TARIFFS)
    for path, content in zip(paths[1:], (OPERATOR, PEOPLE, CANNED), strict=True):
        path.write_text(json.dumps(content))
    return paths


def rename(path: Path, account: str, name: str, **more: Any) -> None:
    """Rename an account of the file; no other file matters."""
    bound = more.pop("bound", {1: "company-x", 2: "family-y"})
    rename_account(path, bound, account, name, lambda _: None, **more)


def entry(path: Path, number: int = 0) -> dict[str, Any]:
    """Return an entry of tags.json."""
    entries: list[dict[str, Any]] = json.loads(path.read_text())
    return entries[number]


def test_the_index_the_cards_and_the_former_name_stay(tags: Path) -> None:
    rename(tags, "company-x", "company-z")
    assert entry(tags) == TAGS[0] | {"account": "company-z", "former": ["company-x"]}
    rename(tags, "company-z", "Firma ß", bound={1: "company-z"})
    assert entry(tags)["former"] == ["company-x", "company-z"]


def test_the_same_rename_again_changes_nothing(tags: Path) -> None:
    rename(tags, "company-x", "company-z")
    before = tags.read_text()
    for account in ("company-x", "company-z"):
        rename(tags, account, "company-z")
    assert tags.read_text() == before


def test_a_name_comes_back_to_its_account_only(tags: Path) -> None:
    rename(tags, "company-x", "company-z")
    with pytest.raises(EditRefused, match="was the name of the account 'company-z'"):
        rename(tags, "family-y", "company-x")
    with pytest.raises(EditRefused, match="was the name of the account 'company-z'"):
        add_account(tags, {}, "company-x")
    rename(tags, "company-z", "company-x", bound={1: "company-z"})
    assert (entry(tags)["account"], entry(tags)["former"]) == ("company-x", ["company-z"])
    rename(tags, "company-x", "company-z")
    assert (entry(tags)["account"], entry(tags)["former"]) == ("company-z", ["company-x"])


@pytest.mark.parametrize(
    ("account", "name", "sentence"),
    [
        ("company-x", "family-y", "there is an account 'family-y' already"),
        ("company-x", "flat 2", "'flat 2' was the name of the account 'family-y'"),
        ("company-x", "gone", "is in the books, and no more in tags.json"),
        ("company-x", "", "cannot name an account"),
        ("company-x", "unassigned", "cannot name an account"),
        # It would make the prices of the account those of all.
        ("company-x", "*", "cannot name an account"),
        ("company-x", " family-y ", "there is an account 'family-y' already"),
        ("company-x", "x" * 61, "cannot name an account"),
        ("nobody", "company-z", "has no account 'nobody'"),
        ("flat 2", "company-z", "the account 'flat 2' is 'family-y' now"),
    ],
)
def test_a_rename_that_is_not_possible_changes_nothing(
    tags: Path, account: str, name: str, sentence: str
) -> None:
    before = tags.read_text()
    with pytest.raises(EditRefused, match=sentence):
        rename(tags, account, name, bound={1: "company-x", 3: "gone"})
    assert tags.read_text() == before


def test_a_form_of_an_older_entry_is_refused(tags: Path) -> None:
    seen = seen_account(tags, {}, "company-x")
    tags.write_text(tags.read_text().replace("left", "right"))
    with pytest.raises(ChangedMeanwhile):
        rename(tags, "company-x", "company-z", seen=seen)
    rename(tags, "company-x", "company-z", seen=seen_account(tags, {}, "company-x"))
    assert entry(tags)["account"] == "company-z"


def test_the_books_may_have_any_name_of_the_account(tags: Path) -> None:
    rename(tags, "company-x", "company-z")
    for bound in ("company-x", "company-z"):
        assert load_accounts(tags, {1: bound}).names() == ["company-z", "family-y"]
    with pytest.raises(ConfigError, match="index 1 belongs to the account 'guests' in the books"):
        load_accounts(tags, {1: "guests"})


def test_a_new_name_without_the_former_one_says_how_to_rename(tags: Path) -> None:
    text = tags.read_text().replace("company-x", "company-z")
    with pytest.raises(ConfigError, match="or rename 'company-x': shocpp accounts rename"):
        checked_accounts(text, tags, {1: "company-x"})


NAMES: Sequence[str] = ("company-z", "company-x")


def test_all_files_follow_and_keep_the_rest(files: NamingFiles) -> None:
    files.canned.chmod(0o600)
    require_following(files, NAMES)
    assert files.tariffs.read_text() == TARIFFS
    follow(files, NAMES)
    assert files.tariffs.read_text() == TARIFFS.replace("company-x", "company-z")
    for path, content in zip(files[1:3], (OPERATOR, PEOPLE), strict=True):
        text = json.dumps(content).replace("company-x", "company-z")
        assert json.loads(path.read_text()) == json.loads(text)
    canned = json.loads(files.canned.read_text())
    assert canned["stop"]["payload"] == {"account": "company-z"}
    # A comment is a text of its author.
    assert canned["energy"] == CANNED["energy"] | {"account": "company-z"}  # type: ignore[operator]
    assert (canned["broken"], canned["no entry"]) == ({"payload": 5}, [])
    assert stat.S_IMODE(files.canned.stat().st_mode) == 0o600


def test_files_that_follow_already_are_not_written(files: NamingFiles) -> None:
    follow(files, NAMES)
    stamps = [path.stat().st_mtime_ns for path in files]
    follow(files, NAMES)
    follow(files, ("guests", "nobody"))
    assert [path.stat().st_mtime_ns for path in files] == stamps


def test_the_spelling_with_a_no_break_blank_is_the_same_name(files: NamingFiles) -> None:
    for path in files:
        path.write_text(path.read_text().replace("company-x", "company\u00a0x"))
    follow(files, ("company-z", "company x"))
    for path in files[:3]:
        assert "company\u00a0x" not in path.read_text()
        assert "company-z" in path.read_text()


def test_missing_files_stay_missing(tmp_path: Path) -> None:
    files = NamingFiles(*(tmp_path / "conf" / f"{name}.json" for name in NamingFiles._fields))
    require_following(files, NAMES)
    follow(files, NAMES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["tariffs", "operator"])
def test_a_file_with_both_names_is_refused(files: NamingFiles, name: str) -> None:
    """Nobody knows which of the two prices, or addresses, are meant."""
    content = {
        "tariffs": json.loads(TARIFFS),
        "operator": {"mail": {"from": "a@example.org", "to": dict(OPERATOR["mail"]["to"])}},  # type: ignore[call-overload]
    }
    content["tariffs"]["tariffs"].append(
        {"account": "company-z", "valid_from": "2027-01-01", "flat": True}
    )
    content["operator"]["mail"]["to"]["company-z"] = ["z@example.org"]
    path: Path = getattr(files, name)
    path.write_text(json.dumps(content[name]))
    with pytest.raises(EditRefused, match=f"{name}.json has 'company-z' and 'company-x'"):
        require_following(files, NAMES)


@pytest.mark.parametrize("name", NamingFiles._fields)
def test_a_file_with_an_error_is_refused_before_anything_is_written(
    files: NamingFiles, tags: Path, name: str
) -> None:
    path: Path = getattr(files, name)
    path.write_text("[{]")
    before = tags.read_text()

    def require(names: Sequence[str]) -> None:
        require_following(files, names)

    with pytest.raises(ConfigError, match=f"{name}.json is not JSON"):
        rename_account(tags, {}, "company-x", "company-z", require)
    assert tags.read_text() == before
