"""Changes of conf/operator.json: the letterhead, and the mail addresses of statements."""

import json
from pathlib import Path
from typing import Any

import pytest

from shocpp.configuration.editing.file_edit import ChangedMeanwhile
from shocpp.configuration.editing.operator import (
    seen_mail_of_account,
    seen_operator,
    set_mail_of_account,
    set_operator,
)
from shocpp.configuration.operator import Mail, Operator, load_operator
from shocpp.errors import ConfigError

WRITTEN = """\
{
  "name": "WEG",
  "comment": "first",
  "mail": {
    "comment": "second",
    "from": "weg@example.org",
    "to": {
      "family\u00a0y": [
        "y@example.org"
      ]
    }
  },
  "comment": "third"
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of an operator.json with comments."""
    path = tmp_path / "operator.json"
    path.write_text(WRITTEN)
    return path


def test_a_new_file_is_read_as_it_was_set(tmp_path: Path) -> None:
    path = tmp_path / "operator.json"
    letterhead = {
        "name": "WEG Sonnenallee 12",
        "address": ["Sonnenallee 12", "12045 Berlin"],
        "contact": ["030 1234567"],
        "tax_number": "DE123456789",
        "signed_by": "Kassenwart",
        "note": "Bitte bis zum 15. überweisen.",
    }
    mail = {"from": "weg@example.org", "all": ["kasse@example.org"]}
    set_operator(path, letterhead, mail)
    content = load_operator(path)
    assert content.operator == Operator(
        "WEG Sonnenallee 12",
        ("Sonnenallee 12", "12045 Berlin"),
        ("030 1234567",),
        "DE123456789",
        "Kassenwart",
        "Bitte bis zum 15. überweisen.",
    )
    assert (content.mail.sender, content.mail.all) == ("weg@example.org", ("kasse@example.org",))


def test_the_rest_of_the_file_stays(path: Path) -> None:
    set_operator(path, {"note": "x"}, {"all": ["kasse@example.org"]})
    set_operator(path, {"note": None}, {"all": None})
    set_mail_of_account(path, "company-x", ["x@example.org"])
    set_mail_of_account(path, "company-x", [])
    assert path.read_text() == WRITTEN


def test_an_account_has_its_addresses_once_however_its_name_is_spelled(path: Path) -> None:
    set_mail_of_account(path, "family y", ["one@example.org", "two@example.org"])
    assert load_operator(path).mail.to == {"family y": ("one@example.org", "two@example.org")}
    set_mail_of_account(path, "family y", [])
    assert "to" not in json.loads(path.read_text())["mail"]


def test_addresses_may_come_before_the_one_that_sends(path: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.json"
    set_mail_of_account(new, "family-y", [])
    assert not new.exists()
    set_mail_of_account(new, "family-y", ["y@example.org"])
    assert load_operator(new).mail == Mail("", {"family-y": ("y@example.org",)}, ())
    set_mail_of_account(new, "family-y", [])
    assert json.loads(new.read_text()) == {}
    set_operator(path, {}, {"from": None})
    assert "family y" in load_operator(path).mail.to
    set_mail_of_account(path, "family y", [])
    assert "mail" not in json.loads(path.read_text())


@pytest.mark.parametrize(
    ("letterhead", "mail", "error"),
    [
        ({"name": "a\nb"}, {}, "name must be a text on one line"),
        ({"address": "one line"}, {}, "address must be a list of lines"),
        ({}, {"from": "WEG <weg@example.org>"}, "is no mail address"),
        ({}, {"all": ["a@example.org", "a@example.org"]}, "is there twice"),
    ],
)
def test_a_wrong_value_changes_nothing(
    path: Path, letterhead: dict[str, Any], mail: dict[str, Any], error: str
) -> None:
    with pytest.raises(ConfigError, match=error):
        set_operator(path, letterhead, mail)
    assert path.read_text() == WRITTEN


def test_a_form_made_before_another_change_gets_both_texts(path: Path) -> None:
    seen, seen_of_account = seen_operator(path), seen_mail_of_account(path, "family y")
    set_mail_of_account(path, "company-x", ["x@example.org"], seen_mail_of_account(path, "x"))
    set_mail_of_account(path, "family y", ["new@example.org"], seen_of_account)
    before = path.read_text()
    with pytest.raises(ChangedMeanwhile) as changed:
        set_mail_of_account(path, "family y", ["other@example.org"], seen_of_account)
    assert "new@example.org" in changed.value.present
    assert "other@example.org" in changed.value.wanted
    with pytest.raises(ChangedMeanwhile) as changed:
        set_operator(path, {"name": "EG"}, {}, seen)
    assert '"WEG"' in changed.value.present
    assert '"EG"' in changed.value.wanted
    assert path.read_text() == before
    set_operator(path, {"name": "EG"}, {}, seen_operator(path))
    assert load_operator(path).operator.name == "EG"
