"""Changes of the files of conf/: the rest stays, nothing is lost, nothing half done."""

import json
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shocpp.configuration.editing.accounts import (
    NewCard,
    account_of_card,
    add_account,
    add_card,
    block_account,
    put_cards,
    remove_account,
    remove_card,
    seen_account,
    set_account,
    set_card,
)
from shocpp.configuration.editing.file_edit import ChangedMeanwhile
from shocpp.configuration.tags import load_accounts
from shocpp.errors import ConfigError, UsageError
from shocpp.ledger.accounts import Recipient, id_tag_of

WRITTEN = """\
[
  {
    "comment": "the flat on the left",
    "index": 1,
    "account": "company-x",
    "colour": "red",
    "share": 24.10,
    "ids": [
      "1111",
      "2222"
    ],
    "comment": "and again"
  },
  {
    "index": 2,
    "account": "family-y",
    "ids": [
      "3333"
    ],
    "names": {
      "3333": "Golf"
    }
  }
]
"""


@pytest.fixture
def tags(tmp_path: Path) -> Path:
    """A tags.json with comments and a key that nobody knows."""
    path = tmp_path / "tags.json"
    path.write_text(WRITTEN)
    return path


def entry(path: Path, number: int) -> dict[str, Any]:
    """Return an entry of the file."""
    entries: list[dict[str, Any]] = json.loads(path.read_text())
    return entries[number]


def test_the_rest_of_the_file_stays_to_the_byte(tags: Path) -> None:
    set_account(tags, {}, "family-y", {"reference": "flat 3"})
    set_account(tags, {}, "family-y", {"reference": None})
    assert tags.read_text() == WRITTEN


def test_the_last_good_text_stays_beside_the_file_with_its_rights(tags: Path) -> None:
    tags.chmod(0o640)
    add_account(tags, {}, "guests")
    previous = tags.with_name("tags.json.previous")
    assert previous.read_text() == WRITTEN
    assert stat.S_IMODE(previous.stat().st_mode) == stat.S_IMODE(tags.stat().st_mode) == 0o640
    after = tags.read_text()
    add_account(tags, {}, "company-z")
    assert previous.read_text() == after


def test_a_new_account_gets_an_index_that_no_account_ever_had(tags: Path) -> None:
    add_account(tags, {3: "gone", 5: "gone too"}, "guests")
    assert entry(tags, 2) == {"index": 4, "account": "guests", "ids": []}
    for taken in ("guests", "gone"):
        with pytest.raises(UsageError, match=taken):
            add_account(tags, {3: "gone", 5: "gone too"}, taken)


def test_an_account_is_removed_only_if_it_was_never_in_the_books(tags: Path) -> None:
    with pytest.raises(UsageError, match="is in the books"):
        remove_account(tags, {1: "company-x"}, "company-x")
    remove_account(tags, {1: "company-x"}, "family-y")
    assert load_accounts(tags, {}).names() == ["company-x"]


@pytest.mark.parametrize("name", ["", " ", "unassigned", "a\nb", "x" * 61])
def test_a_name_that_cannot_be_one_is_refused(tags: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name an account"):
        add_account(tags, {}, name)
    assert tags.read_text() == WRITTEN


def test_the_first_account_makes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tags.json"
    add_account(path, {}, "family-y")
    assert load_accounts(path, {}).names() == ["family-y"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_recipient_is_read_as_it_was_set(tags: Path) -> None:
    values = {
        "name": "Wohnung 3",
        "address": ["Hauptstraße 1", "12045 Berlin"],
        "reference": "WE 03",
        "lang": "en",
    }
    set_account(tags, {}, "company-x", values)
    account = load_accounts(tags, {}).named("company-x")
    assert account is not None
    assert account.recipient == Recipient(
        "Wohnung 3", ("Hauptstraße 1", "12045 Berlin"), "WE 03", "en"
    )


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"lang": "fr"}, "lang must be de or en"),
        ({"address": "one line"}, "address must be a list"),
        ({"name": "a\nb"}, "name must be a text on one line"),
        ({"charge_points": []}, None),
        ({"expires": "soon"}, "expires must be a date"),
    ],
)
def test_a_wrong_value_changes_nothing(
    tags: Path, values: dict[str, Any], error: str | None
) -> None:
    if error is None:
        set_account(tags, {}, "company-x", values)
        assert not load_accounts(tags, {}).may_use("company-x", "garage")
        return
    with pytest.raises(ConfigError, match=error):
        set_account(tags, {}, "company-x", values)
    assert tags.read_text() == WRITTEN
    assert not tags.with_name("tags.json.previous").exists()


def test_a_file_with_an_error_is_not_changed(tags: Path) -> None:
    tags.write_text("[{]")
    with pytest.raises(ConfigError, match="is not JSON"):
        add_account(tags, {}, "guests")
    assert tags.read_text() == "[{]"


def test_a_card_goes_through_its_life(tags: Path) -> None:
    add_card(tags, {}, NewCard("family-y", "4444", name="Zoe"))
    assert account_of_card(tags, {}, "44:44") == "family-y"
    card = id_tag_of("4444")
    assert load_accounts(tags, {}).card(card, 0).status == "Accepted"
    set_card(tags, {}, NewCard("family-y", "44-44", expires="2026-01-31", name=""))
    accounts = load_accounts(tags, {})
    # Days end in UTC without a zone.
    last_ms = 1_769_904_000_000
    assert accounts.card(card, last_ms - 1).status == "Accepted"
    assert accounts.card(card, last_ms).status == "Expired"
    assert accounts.card(id_tag_of("3333"), last_ms).status == "Accepted"
    assert entry(tags, 1)["names"] == {"3333": "Golf"}
    set_card(tags, {}, NewCard("family-y", "4444", expires="", is_blocked=True))
    assert load_accounts(tags, {}).card(card, last_ms).status == "Blocked"
    assert "card_expires" not in entry(tags, 1)
    set_card(tags, {}, NewCard("family-y", "4444", is_blocked=False))
    assert "blocked" not in entry(tags, 1)


def test_one_card_of_a_blocked_account_can_be_let_in(tags: Path) -> None:
    block_account(tags, {}, "company-x", is_blocked=True)
    assert entry(tags, 0)["blocked"] is True
    set_card(tags, {}, NewCard("company-x", "2222", is_blocked=False))
    assert entry(tags, 0)["blocked"] == ["1111"]


def test_a_card_that_is_blocked_by_itself_stays_so(tags: Path) -> None:
    set_card(tags, {}, NewCard("company-x", "22-22", is_blocked=True))
    block_account(tags, {}, "company-x", is_blocked=True)
    assert entry(tags, 0)["blocked"] == ["*", "2222"]
    add_card(tags, {}, NewCard("company-x", "7777"))
    set_card(tags, {}, NewCard("company-x", "1111", is_blocked=True))
    assert entry(tags, 0)["blocked"] == ["*", "2222", "1111"]
    cards = load_accounts(tags, {})
    assert {cards.card(id_tag_of(one), 0).status for one in ("1111", "2222", "7777")} == {"Blocked"}
    remove_card(tags, {}, "company-x", "1111")
    block_account(tags, {}, "company-x", is_blocked=False)
    assert entry(tags, 0)["blocked"] == ["2222"]
    block_account(tags, {}, "company-x", is_blocked=True)
    set_card(tags, {}, NewCard("company-x", "2222", is_blocked=False))
    assert entry(tags, 0)["blocked"] == ["7777"]
    remove_card(tags, {}, "company-x", "7777")
    assert "blocked" not in entry(tags, 0)


@pytest.mark.parametrize("id_tag", ["", " - ", "1,23457E+13", "0x04A2", "x" * 21])
def test_an_id_that_no_charger_sends_is_refused(tags: Path, id_tag: str) -> None:
    with pytest.raises(UsageError):
        add_card(tags, {}, NewCard("family-y", id_tag))
    assert tags.read_text() == WRITTEN


def test_a_card_of_another_account_is_refused(tags: Path) -> None:
    for account in ("company-x", "family-y"):
        with pytest.raises(UsageError, match="is one of family-y already"):
            add_card(tags, {}, NewCard(account, "33:33"))
    with pytest.raises(UsageError, match="is one of family-y already"):
        put_cards(tags, {}, [NewCard("company-x", "5555"), NewCard("company-x", "3333")])
    assert tags.read_text() == WRITTEN


def test_a_form_made_before_another_change_gets_both_texts(tags: Path) -> None:
    seen = seen_account(tags, {}, "family-y")
    set_account(tags, {}, "company-x", {"reference": "of others"})
    set_account(tags, {}, "family-y", {"reference": "flat 3"}, seen)
    before = tags.read_text()
    with pytest.raises(ChangedMeanwhile) as changed:
        set_account(tags, {}, "family-y", {"reference": "flat 4"}, seen)
    assert '"flat 3"' in changed.value.present
    assert '"flat 4"' in changed.value.wanted
    assert tags.read_text() == before


def test_changes_at_the_same_time_are_all_made(tags: Path) -> None:
    def add(number: int) -> None:
        add_card(tags, {}, NewCard("family-y", f"77{number:02}"))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(entry(tags, 1)["ids"]) == 13


NAMES = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
KNOWN = {
    *("index", "account", "ids", "blocked", "expires", "concurrent", "parent", "charge_points"),
    *("names", "card_expires", "name", "address", "reference", "lang"),
}


# Each example waits for the disk.
@settings(deadline=None)
@given(
    st.dictionaries(NAMES.filter(lambda name: name not in KNOWN), VALUES, max_size=4),
    st.sampled_from(
        [
            lambda path: add_card(path, {}, NewCard("family-y", "4444")),
            lambda path: set_card(path, {}, NewCard("family-y", "3333", is_blocked=True)),
            lambda path: add_account(path, {}, "guests"),
        ]
    ),
)
def test_unknown_members_keep_value_and_order(
    tmp_path_factory: pytest.TempPathFactory,
    unknown: dict[str, Any],
    change: Callable[[Path], None],
) -> None:
    path = tmp_path_factory.mktemp("tags") / "tags.json"
    listed = {"index": 1, **unknown, "account": "family-y", "ids": ["3333"]}
    path.write_text(json.dumps([listed]))
    change(path)
    after = entry(path, 0)
    assert [key for key in after if key in listed] == list(listed)
    assert {key: after[key] for key in unknown} == unknown


def test_half_a_surrogate_pair_in_a_comment_stays_as_it_is(tags: Path) -> None:
    """JSON can escape it, and UTF-8 cannot hold it."""
    tags.write_text(WRITTEN.replace("and again", "and \\ud83d again"))
    add_account(tags, {}, "guests")
    assert '"comment": "and \\ud83d again"' in tags.read_text()


def test_a_card_that_is_no_text_is_refused(tags: Path) -> None:
    """As a shell passes bytes that are not UTF-8."""
    with pytest.raises(UsageError, match="no id that a charger can send: it has control"):
        add_card(tags, {}, NewCard("family-y", "AB\udcff"))
    assert tags.read_text() == WRITTEN


def test_the_next_change_removes_what_a_killed_process_has_left(tags: Path) -> None:
    elsewhere = tags.with_name("elsewhere")
    tags.with_name(f".{tags.name}.new").symlink_to(elsewhere)
    tags.with_name(f".{tags.name}.previous.new").write_text("[")
    add_account(tags, {}, "guests")
    assert load_accounts(tags, {}).names()[-1] == "guests"
    assert not elsewhere.exists()
    assert sorted(path.name for path in tags.parent.iterdir()) == [
        tags.name,
        f"{tags.name}.previous",
    ]
