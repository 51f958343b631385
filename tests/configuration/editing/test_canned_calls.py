"""Changes of conf/canned.json: new entries in the forms of the example, and removals."""

import json
from pathlib import Path

import pytest

from shocpp.configuration.canned_calls import canned_call
from shocpp.configuration.editing.canned_calls import (
    Entry,
    add_canned_call,
    first_valid_card,
    remove_canned_call,
    seen_canned_call,
    show_entry,
    start_entry,
    stop_entry,
    valid_card,
)
from shocpp.configuration.editing.file_edit import ChangedMeanwhile
from shocpp.errors import ConfigError, UsageError
from shocpp.ledger.account_file import parse_accounts
from tests.world.machine import ROOT

EXAMPLE = (ROOT / "conf" / "canned.json.example").read_text()

SECRET = "correct-horse-battery"

ENTRIES: dict[str, Entry] = {
    "start-family": start_entry("3333", None, waits=True),
    "stop-family": stop_entry("family-y", None),
    "power": show_entry("power", None, None),
    "state": show_entry("state", None, None),
    "family-this-month": show_entry("energy", "family-y", None),
}
"""The entries of the example."""

ACCOUNTS = parse_accounts(
    json.dumps(
        [
            {"index": 1, "account": "guests", "ids": []},
            {"index": 2, "account": "company-x", "ids": ["11", "22"], "blocked": True},
            {
                "index": 3,
                "account": "family-y",
                "ids": ["33", "44", "5:5", "66"],
                "blocked": ["33"],
                "card_expires": {"44": "2025-12-31"},
                "charge_points": ["garage"],
            },
        ]
    ),
    "tags.json",
)
NOW_MS = 1_770_000_000_000
"""A moment of February 2026."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a canned.json with a wrong entry, and a comment."""
    path = tmp_path / "canned.json"
    path.write_text('{\n  "wrong": {\n    "acton": "Reset"\n  }\n}\n')
    return path


def test_the_entries_have_the_forms_of_the_example(tmp_path: Path) -> None:
    path = tmp_path / "canned.json"
    for name, entry in ENTRIES.items():
        add_canned_call(path, name, entry)
    assert json.loads(path.read_text()) == json.loads(EXAMPLE)


def test_a_charger_and_a_secret_are_written_too(path: Path) -> None:
    entry = start_entry("3333", "garage", waits=False)
    assert add_canned_call(path, " start ", entry, SECRET) == canned_call(path, "start")
    call = canned_call(path, "start")
    assert (call.charge_point, call.secret, call.waits) == ("garage", SECRET, False)


def test_the_rest_of_the_file_stays_also_a_wrong_entry(path: Path) -> None:
    before = path.read_text()
    add_canned_call(path, "power", ENTRIES["power"])
    remove_canned_call(path, "power")
    assert path.read_text() == before
    remove_canned_call(path, "wrong")
    assert path.read_text() == "{}\n"


@pytest.mark.parametrize(
    ("name", "entry", "error"),
    [
        ("", ENTRIES["power"], "the name of a canned call has 1 to 100 characters"),
        ("a\nb", ENTRIES["power"], "the name of a canned call has 1 to 100 characters"),
        ("wrong", ENTRIES["power"], "there is a canned call 'wrong' already; remove it first"),
        ("energy", show_entry("energy", None, None), 'needs "account"'),
        ("start", start_entry("x" * 21, None, waits=False), "idTag"),
    ],
)
def test_a_wrong_call_changes_nothing(path: Path, name: str, entry: Entry, error: str) -> None:
    before = path.read_text()
    with pytest.raises(UsageError, match=error):
        add_canned_call(path, name, entry)
    assert path.read_text() == before


def test_a_file_that_is_no_json_is_not_changed(path: Path) -> None:
    path.write_text("[]")
    with pytest.raises(ConfigError, match="is not an object of names"):
        add_canned_call(path, "power", ENTRIES["power"])
    assert path.read_text() == "[]"


def test_a_form_made_before_another_change_removes_nothing(path: Path) -> None:
    add_canned_call(path, "show", ENTRIES["power"])
    seen = seen_canned_call(path, "show")
    remove_canned_call(path, "show")
    with pytest.raises(UsageError, match=r"canned\.json has no canned call 'show'"):
        remove_canned_call(path, "show", seen)
    with pytest.raises(UsageError, match="has no canned call 'show'"):
        seen_canned_call(path, "show")
    add_canned_call(path, "show", ENTRIES["state"])
    with pytest.raises(ChangedMeanwhile) as changed:
        remove_canned_call(path, "show", seen)
    assert '"state"' in changed.value.present
    remove_canned_call(path, "show", seen_canned_call(path, "show"))


def test_a_start_takes_the_first_card_that_may_charge() -> None:
    assert first_valid_card(ACCOUNTS, "family-y", NOW_MS, "garage") == "5:5"
    assert first_valid_card(ACCOUNTS, "family-y", NOW_MS, None) == "5:5"
    assert valid_card(ACCOUNTS, "55", NOW_MS, "garage") == "5:5"


@pytest.mark.parametrize(
    ("account", "charge_point", "error"),
    [
        ("nobody", None, "tags.json has no account 'nobody'; add it"),
        ("guests", None, "guests has no card; hold one to the charger: shocpp cards learn"),
        ("company-x", None, "no card of company-x may charge there at present"),
        ("family-y", "yard", "no card of family-y may charge there at present"),
    ],
)
def test_an_account_without_a_valid_card_starts_nothing(
    account: str, charge_point: str | None, error: str
) -> None:
    with pytest.raises(UsageError, match=error):
        first_valid_card(ACCOUNTS, account, NOW_MS, charge_point)


@pytest.mark.parametrize(
    ("card", "charge_point", "error"),
    [
        ("77", None, "no account has the card '77'"),
        ("33", None, "the card '33' of family-y may not charge there at present"),
        ("44", None, "the card '44' of family-y may not charge there at present"),
        ("55", "yard", "the card '55' of family-y may not charge there at present"),
    ],
)
def test_a_card_that_may_not_charge_starts_nothing(
    card: str, charge_point: str | None, error: str
) -> None:
    with pytest.raises(UsageError, match=error):
        valid_card(ACCOUNTS, card, NOW_MS, charge_point)
