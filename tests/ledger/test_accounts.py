"""The parser of tags.json: it reads the seed's file, and refuses a file with an error."""

import json
import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.errors import ConfigError
from shocpp.ledger.account_file import parse_accounts
from shocpp.ledger.accounts import (
    NO_ACCOUNTS,
    NO_RECIPIENT,
    UNASSIGNED,
    UNKNOWN_CARD,
    Accounts,
    Card,
    Recipient,
    effective_id_tag,
    id_tag_key,
    id_tag_of,
)
from shocpp.texts import without_blanks
from tests.world.machine import ROOT

SEED = """[
{
"index": 1,
"account": "company-x",
"ids": [
"1111",
"2222"
]
},
{
"index": 2,
"account": "family-y",
"ids": [
"3333",
"4444"
]
},
{
"index": 3,
"account": "company-z",
"ids": [
"5555",
"6666",
"7777",
"8888",
"9999"
]
}
]
"""
NOW_MS = 1_693_727_530_000  # 2023-09-03T07:52:10Z
X: dict[str, Any] = {"index": 1, "account": "company-x", "ids": ["1111", "2222"]}


def accounts(*entries: object) -> Accounts:
    return parse_accounts(json.dumps(entries), "tags.json")


def x(**changed: object) -> dict[str, Any]:
    """Return the entry of company-x; a key with the value `...` is left out."""
    return {key: value for key, value in (X | changed).items() if value is not ...}


# --- the plain case ---


def test_the_seeds_tags_file_is_read_unchanged() -> None:
    seed = parse_accounts(SEED, "tags.json")
    assert seed.names() == ["company-x", "family-y", "company-z"]
    assert seed.names_by_index() == {1: "company-x", 2: "family-y", 3: "company-z"}
    assert seed.card(id_tag_of("1111"), NOW_MS) == Card(1, "company-x", "Accepted", concurrent=True)
    assert seed.card(id_tag_of("4444"), NOW_MS) == Card(2, "family-y", "Accepted", concurrent=True)
    assert seed.card(id_tag_of("9999"), NOW_MS) == Card(3, "company-z", "Accepted", concurrent=True)


def test_the_example_in_the_checkout_is_the_seeds() -> None:
    example = (ROOT / "conf" / "tags.json.example").read_text()
    assert json.loads(example) == json.loads(SEED)


def test_an_unknown_card_is_invalid_and_its_energy_unassigned() -> None:
    assert parse_accounts(SEED, "").card(id_tag_of("0000"), NOW_MS) == UNKNOWN_CARD
    assert Card(0, UNASSIGNED, "Invalid", concurrent=True) == UNKNOWN_CARD
    assert NO_ACCOUNTS.card(id_tag_of("1111"), NOW_MS) == UNKNOWN_CARD
    assert parse_accounts(SEED, "").card(id_tag_of(""), NOW_MS) == UNKNOWN_CARD


def test_accounts_are_listed_by_their_index() -> None:
    assert accounts(x(index=9, account="z", ids=[]), X).names() == ["company-x", "z"]


def test_there_may_be_no_account_and_no_card() -> None:
    assert accounts() == NO_ACCOUNTS
    assert accounts(x(ids=[])).names() == ["company-x"]


def test_the_last_index_is_214() -> None:
    assert accounts(x(index=214)).card(id_tag_of("1111"), NOW_MS).account_index == 214


def test_unknown_keys_are_ignored() -> None:
    assert accounts(x(remark="the blue car")).card(id_tag_of("1111"), NOW_MS).status == "Accepted"


# --- how cards are compared ---


@pytest.mark.parametrize(
    ("listed", "sent"),
    [
        ("04e91c5a", "04E91C5A"),
        ("2069C021", "20:69:C0:21"),
        ("20-69-c0-21", "2069C021"),
        ("F6CA0CC5", " F6 CA 0C C5"),
        ("straße", "STRASSE"),
        ("\ufeff2069C021\u200b", "2069C021"),
        ("20\u00a069\u202fC0\u00ad21", "2069C021"),
        ("20\u201369\u2011C0-21", "2069C021"),
        ("2069C021", "2069C021\0\0"),
        ("2069C021", "2069C021\ufffd\ufffd"),
        ("\u20682069C021\u2069\ufe0f", "2069c021"),
    ],
)
def test_case_blanks_and_separators_do_not_matter(listed: str, sent: str) -> None:
    """ABB writes `20:69:C0:21`, MicroOcpp ` F6 CA 0C C5`; pasted ids have invisible characters."""
    assert accounts(x(ids=[listed])).card(id_tag_of(sent), NOW_MS).account == "company-x"


def test_a_card_listed_twice_in_its_account_is_one_card() -> None:
    assert set(accounts(x(ids=["ab", "AB", "a:b"])).by_id_tag) == {"ab"}


# --- the Charge Points of an account ---


def test_without_charge_points_an_account_may_use_all() -> None:
    here = accounts(X)
    assert here.card(id_tag_of("1111"), NOW_MS, "yard").status == "Accepted"
    assert here.may_use("company-x", "yard")
    assert not here.may_use("family-y", "yard")


def test_a_card_is_blocked_where_its_account_may_not_charge() -> None:
    here = accounts(x(charge_points=["Garage"]))
    assert here.card(id_tag_of("1111"), NOW_MS, "garage").status == "Accepted"
    assert here.card(id_tag_of("1111"), NOW_MS, "yard") == Card(1, "company-x", "Blocked", True)
    # Without a Charge Point, such as for a list of cards, it is what it is elsewhere.
    assert here.card(id_tag_of("1111"), NOW_MS).status == "Accepted"
    assert here.may_use("company-x", "GARAGE")
    assert not here.may_use("company-x", "yard")


def test_an_empty_list_of_charge_points_is_none() -> None:
    assert accounts(x(charge_points=[])).card(id_tag_of("1111"), NOW_MS, "a").status == "Blocked"


def test_expired_has_precedence_over_a_charge_point_of_others() -> None:
    here = accounts(x(charge_points=["garage"], expires="2020-01-01"))
    assert here.card(id_tag_of("1111"), NOW_MS, "yard").status == "Expired"


def test_an_account_is_found_by_its_name() -> None:
    assert accounts(X).named("company-x") == accounts(X).by_index[1]
    assert accounts(X).named("nobody") is None


@pytest.mark.parametrize("value", ["garage", {"garage": 1}, [1], [None], [""], ["a\nb"], True])
def test_charge_points_are_a_list_of_names(value: object) -> None:
    with pytest.raises(ConfigError, match="charge_points must be a list of chargers such as"):
        accounts(x(charge_points=value))


# --- the recipient of statements ---


def test_an_account_has_a_recipient() -> None:
    written = {"name": "Flat\u00a03", "address": ["Street 1", "12045 Berlin"]}
    entry = x(**written, reference="WE 03", lang="en", employer="ACME AG")
    expected = Recipient("Flat 3", ("Street 1", "12045 Berlin"), "WE 03", "en", "ACME AG")
    assert accounts(entry).recipient(1) == expected
    assert accounts(entry).recipient(2) == NO_RECIPIENT
    assert accounts(entry).ignored == ()
    assert accounts(X).by_index[1].recipient == NO_RECIPIENT
    assert accounts(x(lang="de")).by_index[1].recipient.language == "de"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"name": 1}, "name must be a text on one line"),
        ({"name": "a\nb"}, "name must be a text on one line"),
        ({"reference": None}, "reference must be a text on one line"),
        ({"address": "Street 1"}, "address must be a list of lines such as"),
        ({"address": [1]}, "address must be a text on one line"),
        ({"lang": "fr"}, "lang must be de or en, not 'fr'"),
    ],
)
def test_a_wrong_recipient_is_refused(changed: dict[str, object], error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        accounts(x(**changed))


# --- blocked, expired, concurrent ---


def test_a_single_card_may_have_a_last_day() -> None:
    here = accounts(x(ids=["AA:BB", "2222"], card_expires={"aabb": "2023-09-01"}))
    assert here.card(id_tag_of("AABB"), NOW_MS).status == "Expired"
    assert here.card(id_tag_of("2222"), NOW_MS).status == "Accepted"
    # The earlier one of both holds.
    late = accounts(x(expires="2023-09-01", card_expires={"1111": "2099-12-31", "2222": None}))
    assert late.card(id_tag_of("1111"), NOW_MS).status == "Expired"
    assert late.card(id_tag_of("2222"), NOW_MS).status == "Expired"


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("2023-09-01", "card_expires must be an object such as"),
        ({"3333": "2023-09-01"}, "card_expires names '3333', which is not in ids"),
        ({"1111": "soon"}, "card_expires, '1111' must be a date such as"),
    ],
)
def test_a_wrong_last_day_of_a_card_is_refused(value: object, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        accounts(x(card_expires=value))


def test_a_blocked_account_blocks_its_cards() -> None:
    assert accounts(x(blocked=True)).card(id_tag_of("1111"), NOW_MS).status == "Blocked"
    assert accounts(x(blocked=False)).card(id_tag_of("1111"), NOW_MS).status == "Accepted"


def test_all_cards_may_be_blocked_beside_single_ones() -> None:
    here = accounts(x(ids=["1111", "2222"], blocked=["*", "2222"]))
    assert {here.card(id_tag_of(one), NOW_MS).status for one in ("1111", "2222")} == {"Blocked"}
    assert [one.is_blocked for one in here.by_id_tag.values()] == [True, True]
    assert not accounts(x(blocked=["1111"])).by_id_tag["1111"].is_blocked


def test_a_single_card_may_be_blocked_in_any_spelling() -> None:
    here = accounts(x(ids=["AA:BB", "2222"], blocked=["aabb"]))
    assert here.card(id_tag_of("AABB"), NOW_MS) == Card(1, "company-x", "Blocked", concurrent=True)
    assert here.card(id_tag_of("2222"), NOW_MS).status == "Accepted"
    assert accounts(x(blocked=[])).card(id_tag_of("1111"), NOW_MS).status == "Accepted"


@pytest.mark.parametrize(
    ("expires", "status"),
    [
        (None, "Accepted"),
        ("2023-09-04", "Accepted"),
        ("2023-09-03", "Accepted"),
        ("20230903", "Accepted"),
        ("2023-09-02", "Expired"),
        ("9999-12-31", "Accepted"),
        ("2023-09-03T07:52:11Z", "Accepted"),
        ("2023-09-03T07:52:10", "Expired"),
        ("2023-09-03T09:52:11+02:00", "Accepted"),
        ("2023-09-03T09:52:10+02:00", "Expired"),
    ],
)
def test_an_account_is_expired_after_its_day_and_from_its_time(
    expires: object, status: str
) -> None:
    assert accounts(x(expires=expires)).card(id_tag_of("1111"), NOW_MS).status == status


@pytest.mark.parametrize(
    ("zone", "expires", "end"),
    [
        (None, "2026-11-29", "2026-11-30T00:00:00Z"),
        ("Europe/Berlin", "2026-11-29", "2026-11-29T23:00:00Z"),
        ("Europe/Berlin", "2026-10-25", "2026-10-25T23:00:00Z"),
        ("America/New_York", "2026-11-29", "2026-11-30T05:00:00Z"),
        # The clock was set back at midnight, so that the last hour of this day came twice.
        ("America/Sao_Paulo", "2018-02-17", "2018-02-18T03:00:00Z"),
    ],
)
def test_a_card_is_valid_through_the_day_on_which_it_expires(
    zone: str | None, expires: str, end: str
) -> None:
    text = json.dumps([x(expires=expires)])
    here = parse_accounts(text, "", None if zone is None else ZoneInfo(zone))
    end_ms = int(datetime.fromisoformat(end).timestamp() * 1000)
    assert here.card(id_tag_of("1111"), end_ms - 1).status == "Accepted"
    assert here.card(id_tag_of("1111"), end_ms).status == "Expired"


def test_a_time_without_a_zone_is_utc_wherever_the_machine_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XXX-12")
        time.tzset()
        here = accounts(x(expires="2023-09-03T07:52:10"))
    time.tzset()
    assert here.by_index[1].expires_ms == NOW_MS


def test_blocked_has_precedence_over_expired() -> None:
    assert (
        accounts(x(blocked=True, expires="2020-01-01")).card(id_tag_of("1111"), 0).status
        == "Blocked"
    )


def test_an_account_may_forbid_its_cards_to_charge_twice_at_once() -> None:
    assert not accounts(x(concurrent=False)).card(id_tag_of("1111"), NOW_MS).concurrent


def test_an_account_may_have_a_default_mode() -> None:
    account = accounts(x(mode="solar")).named("company-x")
    assert account is not None
    assert account.mode == "solar"


# --- refusals: the file, the entry and the next step ---

OTHER = {"index": 2, "account": "other", "ids": []}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "see conf/tags.json.example"),
        ("[", "see conf/tags.json.example"),
        ('[{"index": 1,}]', "see conf/tags.json.example"),
        ("[" * 100_000, "see conf/tags.json.example"),
        ("9" * 5000, "see conf/tags.json.example"),
        ("{}", "is not a list of accounts; see conf/tags.json.example"),
        ("null", "is not a list of accounts; see conf/tags.json.example"),
        ('"x"', "is not a list of accounts; see conf/tags.json.example"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_its_example(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_accounts(text, "/etc/shocpp/tags.json")
    assert str(caught.value).startswith("/etc/shocpp/tags.json is not ")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (5, "is not an object with index, account, ids"),
        ([], "is not an object with index, account, ids"),
        (x(index=...), "index must be a whole number 1..214, not None"),
        (x(index=0), "index must be a whole number 1..214, not 0"),
        (x(index=215), "index must be a whole number 1..214, not 215"),
        (x(index="1"), "index must be a whole number 1..214, not '1'"),
        (x(index=1.0), "index must be a whole number 1..214, not 1.0"),
        (x(index=True), "index must be a whole number 1..214, not True"),
        (x(account=...), "account must be a name without control characters, not None"),
        (x(account=""), "account must be a name without control characters, not ''"),
        (x(account=" "), "account must be a name without control characters, not ' '"),
        (x(account="a\nb"), "account must be a name without control characters, not 'a\\nb'"),
        (x(account="\ud800"), "account must be a name without control characters, not '\\ud800'"),
        (x(account=5), "account must be a name without control characters, not 5"),
        (x(account=UNASSIGNED), "the name 'unassigned' is reserved for unknown cards"),
        (x(ids=...), '(company-x): ids must be a list of strings such as ["1111", "2222"]'),
        (x(ids="1111"), "(company-x): ids must be a list of strings"),
        (x(ids=[1111]), "(company-x): ids must be a list of strings"),
        (x(ids={"1111": 1}), "(company-x): ids must be a list of strings"),
        (x(blocked="1111"), "(company-x): blocked must be a list of strings"),
        (x(blocked=[1111]), "(company-x): blocked must be a list of strings"),
        (x(blocked=None), "(company-x): blocked must be a list of strings"),
        (x(blocked=["3333"]), "(company-x): blocked names '3333', which is not in ids; correct"),
        (x(expires="soon"), "expires must be a date such as \"2026-12-31\", not 'soon'"),
        (x(expires=20261231), 'expires must be a date such as "2026-12-31", not 20261231'),
        (x(expires="2026-13-31"), "expires must be a date such as"),
        (x(concurrent="no"), "concurrent must be true or false, not 'no'"),
        (x(parent=1), "parent must be true or false, not 1"),
        (x(ids=["\u200b"]), "(company-x): ids holds an empty id; remove it"),
        (x(concurrent=0), "concurrent must be true or false, not 0"),
        (x(former="x"), '(company-x): former must be a list of names such as ["company-x"]'),
        (x(former=["y", 5]), "(company-x): former must be a list of names"),
        (x(former=[UNASSIGNED]), "(company-x): former must be a list of names"),
        (x(mode="Solar"), "mode must be one of fast, min, solar, off, not 'Solar'"),
        (x(mode=["solar"]), "mode must be one of fast, min, solar, off, not ['solar']"),
    ],
)
def test_an_invalid_entry_is_refused_with_its_location_and_the_remedy(
    entry: object, sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        accounts(OTHER, entry)
    assert "tags.json, entry 2" in str(caught.value)
    assert sentence in str(caught.value)


def test_an_index_of_two_accounts_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        accounts(X, x(account="y", ids=[]))
    assert str(caught.value) == (
        "tags.json, entry 2: index 1 is already that of company-x; "
        "give each account an index of its own"
    )


@pytest.mark.parametrize("again", ["2222", "22-22", " 2222"])
def test_a_card_of_two_accounts_is_refused(again: str) -> None:
    with pytest.raises(ConfigError) as caught:
        accounts(X, OTHER | {"ids": ["3333", again]})
    assert str(caught.value) == (
        f"tags.json, entry 2: the id {again!r} belongs to company-x already; "
        "a card can only be billed to one account"
    )


def test_two_accounts_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        accounts(X, OTHER | {"account": "company-x"})
    assert str(caught.value) == (
        "tags.json, entry 2: there are two accounts 'company-x'; "
        "put their ids into one entry, or rename one"
    )


def test_an_account_is_known_by_its_former_names() -> None:
    read = accounts(x(former=["a", "b\u00a0c", "company-x", "a"]), OTHER)
    assert read.by_index[1].names == ("company-x", "a", "b c")
    assert read.by_index[2].names == ("other",)
    names = ("company-x", "a", "b c")
    assert read.names_alike == dict.fromkeys(names, names)
    assert read.named("a") is None


@pytest.mark.parametrize("other", [{"account": "a"}, {"former": ["a"]}])
def test_a_former_name_stays_with_its_account(other: dict[str, object]) -> None:
    former = x(former=["a"])
    for entries in ((former, OTHER | other), (OTHER | other, former)):
        with pytest.raises(ConfigError, match="both have the name 'a', one of them formerly"):
            accounts(*entries)


@pytest.mark.parametrize("empty", ["", " ", ":-:"])
def test_an_empty_card_is_refused(empty: str) -> None:
    """The transactions of a charger without a card reader would be billed to this account."""
    with pytest.raises(ConfigError, match=r"entry 1 \(company-x\): ids holds an empty id"):
        accounts(x(ids=["1111", empty]))


@pytest.mark.parametrize(
    "entries",
    [
        [X, OTHER | {"account": "company-x"}],
        [x(ids=[""])],
        [x(account=UNASSIGNED)],
    ],
)
def test_every_refusal_has_a_next_step(entries: list[object]) -> None:
    with pytest.raises(ConfigError, match=r"give|remove|choose|see|must|write|take|put"):
        accounts(*entries)


def test_a_key_that_is_there_twice_is_refused_with_its_entry() -> None:
    """json would keep the last one, and card 1111 would belong to nobody."""
    text = '[{"index": 1, "account": "a", "ids": ["1111"], "ids": ["2222"]}]'
    with pytest.raises(ConfigError) as caught:
        parse_accounts(text, "tags.json")
    assert str(caught.value) == (
        "tags.json is not JSON: 'ids' is there twice in entry 1; see conf/tags.json.example"
    )


@pytest.mark.parametrize(
    ("id_tag", "why"),
    [
        ("0x04A2B3", "chargers send no 0x; write the id without it"),
        ("4,13E+13", "a spreadsheet has shortened it; write all its digits, as text"),
        ("4.13E+13", "a spreadsheet has shortened it; write all its digits, as text"),
        ("4E+13", "a spreadsheet has shortened it; write all its digits, as text"),
        ("04A2\udcff", "it has control characters, or is no Unicode; write what the charger"),
        ("04A2B3C4D5E6F708192A3", "an id tag has at most 20 characters; write what the charger"),
    ],
)
def test_an_id_that_no_charger_can_send_is_named_with_the_next_step(id_tag: str, why: str) -> None:
    (sentence,) = accounts(x(ids=[id_tag, "1111"])).unmatchable
    assert sentence.startswith(f"{id_tag!r} of company-x: {why}")


def test_ids_that_chargers_send_are_not_named() -> None:
    ids = ["4E13", "04:A2:B3:C4:D5:E6:F7", "A" * 20, "virtual.card,1"]
    assert accounts(x(ids=ids)).unmatchable == ()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Müller\u00a0&\u202fSöhne", "Müller & Söhne"),
        ("Familie Łukasiewicz-Øster", "Familie Łukasiewicz-Øster"),
        ("株式会社", "株式会社"),
        ("\ufefffamily-y\u00a0", "family-y"),
        ("soft\u00adware", "software"),
        ("\U0001f469\u200d\U0001f680 y", "\U0001f469\u200d\U0001f680 y"),
        (" as before ", " as before "),
    ],
)
def test_a_name_may_hold_any_letter_and_its_blanks_are_plain(written: str, name: str) -> None:
    entry = x(account=written, names={"1111": f"a{written}"})
    assert accounts(entry).names() == [name]
    assert accounts(entry).card_names()["1111"].startswith("a")


def test_two_accounts_whose_names_differ_by_a_kind_of_blank_are_refused() -> None:
    with pytest.raises(ConfigError, match="there are two accounts 'a b'"):
        accounts(x(account="a b"), OTHER | {"account": "a\u00a0b"})


def test_cards_of_an_account_have_a_parent_id_tag_if_it_wants_one() -> None:
    here = accounts(x(index=214, parent=True), OTHER)
    assert here.parent_id_tag(214) == "account-214"
    assert here.parent_id_tag(2) is None
    assert here.parent_id_tag(7) is None


# --- properties ---

near_entries = st.dictionaries(
    st.sampled_from(["index", "account", "ids", "blocked", "expires", "concurrent"]),
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.floats()
    | st.text(max_size=3)
    | st.lists(st.text(max_size=3) | st.integers(), max_size=3),
)


@given(st.text() | st.lists(near_entries, max_size=3).map(json.dumps))
def test_any_file_is_read_as_a_whole_or_refused_with_its_name(text: str) -> None:
    refused = ""
    try:
        parse_accounts(text, "/a/tags.json")
    except ConfigError as error:
        refused = str(error)
    assert not refused or refused.startswith("/a/tags.json")


@given(st.text(max_size=10))
def test_a_key_is_the_same_in_either_case(id_tag: str) -> None:
    assert without_blanks(id_tag_key(id_tag)) == id_tag_key(id_tag)
    assert id_tag_key(f"\ufeff{id_tag}\u00a0") == id_tag_key(id_tag)
    assert id_tag_key(id_tag_key(id_tag)) == id_tag_key(id_tag) or not id_tag.isascii()
    if id_tag.isascii():
        assert id_tag_key(id_tag.upper()) == id_tag_key(id_tag.lower())


def test_cards_have_names_for_the_statement() -> None:
    """The spelling of the ids does not matter."""
    named = [{"index": 1, "account": "a", "ids": ["04:A2", "22"], "names": {"04a2": "Golf"}}]
    accounts = parse_accounts(json.dumps([*named, {"index": 2, "account": "b", "ids": []}]), "t")
    assert accounts.card_names() == {"04a2": "Golf"}


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["Golf"], "names must be an object such as"),
        ({"33": "Golf"}, "names '33', which is not in ids; correct one of them"),
        ({"22": 5}, "the name of '22' must be a text, not 5"),
        ({"22": "a\nb"}, "the name of '22' must be a text"),
    ],
)
def test_an_invalid_name_of_a_card_is_refused(names: object, sentence: str) -> None:
    text = json.dumps([{"index": 1, "account": "a", "ids": ["22"], "names": names}])
    with pytest.raises(ConfigError) as refused:
        parse_accounts(text, "t")
    assert sentence in str(refused.value)


def test_unknown_keys_are_reported_with_their_account() -> None:
    entry = {"index": 1, "account": "a", "ids": [], "expire": "2026-12-31", "comment": "", "x": 1}
    accounts = parse_accounts(json.dumps([entry]), "tags.json")
    assert accounts.ignored == ("'expire' of a", "'x' of a")
    assert parse_accounts("[]", "tags.json").ignored == ()


@pytest.mark.parametrize(
    ("sent", "default_tag", "effective"),
    [
        ("1111", None, "1111"),
        ("1111", "3333", "1111"),
        ("", "3333", "3333"),
        (" - ", "3333", "3333"),
        ("", None, ""),
        (" - ", None, " - "),
    ],
)
def test_the_default_tag_is_effective_when_no_id_tag_is_sent(
    sent: str, default_tag: str | None, effective: str
) -> None:
    assert effective_id_tag(id_tag_of(sent), default_tag) == id_tag_of(effective)
