"""The parser and the file of charge_points.json: an error in it never admits a charger."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.charger_models.phase_switching import Means
from shocpp.configuration.allowlist_file import AllowlistFile
from shocpp.configuration.charge_points import (
    CLOSED,
    NO_ALLOWLIST,
    OPEN_TO_ALL,
    Allowlist,
    Entry,
    Meter,
    load_allowlist,
    load_allowlist_or_none,
    parse_allowlist,
)
from shocpp.configuration.power.keys import Power, ProfileOverride
from shocpp.configuration.power.phase_switch import PhaseSwitch
from shocpp.errors import ConfigError
from shocpp.ledger.register import CAP_WH
from tests.world.machine import ROOT

HASH = f"pbkdf2-sha256$1${'0' * 32}${'0' * 64}"
NONE = {"auth": "none"}
RELATIVE = ("TxDefaultProfile", "Relative", 0, "W")


def parsed(listed: object) -> Allowlist:
    """Return a charge_points.json, parsed."""
    return parse_allowlist(json.dumps(listed), "conf/charge_points.json")


def entry(**keys: object) -> Entry:
    """Return the only entry of a file, which needs no password."""
    parsed_entry = parsed({"garage": NONE | keys}).entry("garage")
    assert parsed_entry is not None
    return parsed_entry


def refusal(listed: object) -> str:
    """Return the sentence of the refusal of a file."""
    with pytest.raises(ConfigError) as refused:
        parsed(listed)
    sentence = str(refused.value)
    assert sentence.startswith("conf/charge_points.json")
    assert sentence.endswith("; see conf/charge_points.json.example")
    assert sentence.isprintable()
    return sentence


# --- valid files ---


def test_the_example_has_every_key() -> None:
    allowlist = load_allowlist(ROOT / "conf" / "charge_points.json.example")
    assert allowlist.others is None
    garage, yard = allowlist.entry("garage"), allowlist.entry("yard")
    assert garage is not None
    assert (garage.needs_no_password, len(garage.hashes)) == (False, 1)
    assert garage.meter == Meter("Stellplatz 4", "1EMH0012345", "MID", {1: "links", 2: "rechts"})
    assert yard == Entry(
        "yard",
        needs_no_password=True,
        zone=ZoneInfo("Europe/Berlin"),
        reply_delay_ms=1000,
        default_tag="3333",
        cap_wh=100_000,
        power=Power((2,), 8_000, 32_000, 0, True, ProfileOverride(*RELATIVE)),
    )
    assert garage.power == Power(
        (1, 2, 0), 6_000, 16_000, 10, phase_switch=PhaseSwitch(Means(), 120), mode="min"
    )


def test_a_missing_key_has_its_default() -> None:
    assert entry() == Entry("garage", needs_no_password=True)
    assert (OPEN_TO_ALL.reply_delay_ms, OPEN_TO_ALL.cap_wh, OPEN_TO_ALL.zone) == (0, CAP_WH, None)


def test_an_entry_has_one_or_several_passwords() -> None:
    single = parsed({"garage": {"password_hash": HASH}}).entry("garage")
    assert single == Entry("garage", hashes=(HASH,))
    two = parsed({"garage": {"password_hash": [HASH, HASH], "auth": "none"}}).entry("garage")
    assert two == Entry("garage", needs_no_password=True, hashes=(HASH, HASH))
    assert parsed({"garage": {"password_hash": HASH}}).has_passwords()
    assert parsed({"garage": NONE, "*": {"password_hash": HASH}}).has_passwords()
    assert not parsed({"garage": NONE, "*": NONE}).has_passwords()


def test_an_entry_may_have_a_user_name_and_an_origin() -> None:
    presented = entry(username="wallbox", origin="http://192.168.1.20")
    assert (presented.username, presented.origin) == ("wallbox", "http://192.168.1.20")


def test_the_name_of_a_charger_has_no_case() -> None:
    allowlist = parsed({"Garage": NONE | {"name": "Stellplatz 4"}})
    assert allowlist.entry("gARAGE") == allowlist.entry("Garage") == allowlist.entries["garage"]
    assert allowlist.is_listed("GARAGE")
    assert allowlist.meter("garagE").name == "Stellplatz 4"


def test_a_star_stands_for_all_others_and_for_those_without_a_name() -> None:
    allowlist = parsed({"garage": NONE, "*": NONE | {"tz": "Asia/Tokyo", "name": "x"}})
    others = allowlist.others
    assert others is not None
    assert others.zone == ZoneInfo("Asia/Tokyo")
    assert allowlist.entry("elsewhere") == allowlist.entry(None) == allowlist.entry("") == others
    assert allowlist.entry("garage") != others
    assert not allowlist.is_listed("elsewhere")
    assert not allowlist.is_listed("*")
    assert allowlist.meter("elsewhere") == Meter()


def test_no_other_charger_is_let_in_without_a_star() -> None:
    allowlist = parsed({"garage": NONE})
    assert allowlist.entry("elsewhere") is allowlist.entry(None) is None
    assert parsed({}) == parsed({"comment": ["to", "do"]}) == CLOSED


def test_every_object_may_have_a_comment() -> None:
    assert entry(comment={"bought": 2023}) == entry()
    parse_allowlist('{"comment": 1, "comment": 2}', "x")


# --- refusals ---

LONG = {"garage": NONE | {"note": 60 * [1]}}

REFUSED: list[tuple[object, str]] = [
    ([], "the file must be an object, not []"),
    ({"a/b": NONE}, "'a/b' cannot name a charger: no slash, no control characters"),
    ({"": NONE}, "'' cannot name a charger"),
    ({" garage": NONE}, "' garage' cannot name a charger"),
    ({"gar\nage": NONE}, r"'gar\nage' cannot name a charger"),
    ({"garage": NONE, "Garage": NONE}, "'Garage' is there twice: names have no case; join the"),
    ({"garage": "none"}, "'garage' must be an object, not 'none'"),
    ({"garage": {"pasword": "x"}}, "'garage': 'pasword' is unknown; there are password_hash, auth"),
    (
        {"garage": {}},
        (
            '\'garage\' has no password; write "auth": "none" into its entry, and if it can '
            "present one, then run: "
        ),
    ),
    ({"garage": {"password_hash": []}}, "'garage' has no password"),
    ({"*": {}}, "'*' has no password"),
    ({"garage": {"auth": "basic"}}, "'garage': auth can only be \"none\", not 'basic'"),
    ({"garage": {"auth": None}}, "auth can only be"),
    ({"garage": {"password_hash": 5}}, "'garage': password_hash must be a hash, or a list of at"),
    ({"garage": {"password_hash": [HASH] * 9}}, "password_hash must be a hash, or a list of at mo"),
    ({"garage": {"password_hash": [HASH, 5]}}, 'password_hash is no hash; write "auth": "none"'),
    ({"garage": NONE | {"tz": "Berlin"}}, "'garage': tz must name a time zone such as Europe/Ber"),
    ({"garage": NONE | {"tz": "../etc/passwd"}}, "tz must name a time zone"),
    ({"garage": NONE | {"tz": "Europe"}}, "tz must name a time zone"),
    ({"garage": NONE | {"tz": None}}, "'garage': tz must be a text on one line"),
    ({"garage": NONE | {"reply_delay_ms": 1.5}}, "'garage': reply_delay_ms must be a whole numb"),
    ({"garage": NONE | {"reply_delay_ms": True}}, "reply_delay_ms must be a whole number 0..100"),
    ({"garage": NONE | {"reply_delay_ms": -1}}, "reply_delay_ms must be a whole number 0..10000"),
    ({"garage": NONE | {"reply_delay_ms": 10_001}}, "whole number 0..10000, not 10001"),
    ({"garage": NONE | {"cap_kwh": "20"}}, "'garage': cap_kwh must be a whole number 0..10000"),
    ({"garage": NONE | {"cap_kwh": 10_001}}, "cap_kwh must be a whole number 0..10000, not 10001"),
    ({"garage": NONE | {"name": 4}}, "'garage': name must be a text on one line"),
    ({"garage": NONE | {"name": " "}}, "'garage': name is empty; write something, or leave it out"),
    ({"garage": NONE | {"default_tag": ""}}, "'garage': default_tag is empty"),
    ({"garage": NONE | {"note": "one\ntwo"}}, "'garage': note must be a text on one line"),
    (LONG, "note must be a text on one line, without control characters, not ["),
    ({"garage": NONE | {"connectors": ["left"]}}, "'garage': connectors must be an object"),
    ({"garage": NONE | {"connectors": {"left": "1"}}}, "'garage': connectors are named by number"),
    ({"garage": NONE | {"connectors": {"²": "left"}}}, "connectors are named by number, such as"),
    ({"garage": NONE | {"connectors": {"1000": "left"}}}, "connectors are named by number"),
    ({"garage": NONE | {"connectors": {"01": "left"}}}, "connectors, 01 is 1; leave the zeros out"),
    ({"garage": NONE | {"connectors": {"1": ""}}}, "'garage': connectors, 1 is empty"),
]


@pytest.mark.parametrize(("listed", "sentence"), REFUSED)
def test_an_error_is_reported_with_its_location(listed: object, sentence: str) -> None:
    assert sentence in refusal(listed)


def test_a_value_that_may_be_a_password_is_not_repeated() -> None:
    assert "geheim" not in refusal({"garage": {"password_hash": "geheim"}})
    assert "geheim" not in refusal({"garage": {"password_hash": [HASH, "geheim"]}})


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": {"name": 1, "name": 2}}'])
def test_a_text_that_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"x is not JSON: .*; see conf/charge_points.json.exam"):
        parse_allowlist(text, "x")


def test_an_unreadable_file_is_refused_and_a_missing_one_is_no_list(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory; see its rights"):
        load_allowlist_or_none(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_allowlist(tmp_path / "charge_points.json")
    assert load_allowlist_or_none(tmp_path / "charge_points.json") == NO_ALLOWLIST
    assert NO_ALLOWLIST.entry("anybody") == NO_ALLOWLIST.entry(None) == OPEN_TO_ALL


KEYS = ("password_hash", "auth", "tz", "reply_delay_ms", "cap_kwh", "connectors", "name", "1", "x")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("none"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["garage", "*", "comment", "a/b"]), ANYTHING) | ANYTHING)
def test_any_content_is_read_or_refused_in_one_sentence(listed: Any) -> None:
    with suppress(ConfigError):
        assert isinstance(parsed(listed), Allowlist)
        return
    assert refusal(listed)


# --- while a server runs ---

Write = Callable[[str], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of the file, which is not there yet."""
    return tmp_path / "charge_points.json"


@pytest.fixture
def write(path: Path) -> Write:
    """Put the file in place by a rename, as editors do."""

    def put(text: str) -> None:
        new = path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)

    return put


GOOD = json.dumps({"garage": NONE})


def test_a_change_is_in_force_at_the_next_check(path: Path, write: Write) -> None:
    file = AllowlistFile(path)
    assert (file.allowlist(), file.trouble) == (NO_ALLOWLIST, None)
    write(GOOD)
    assert (file.allowlist(), file.trouble) == (parse_allowlist(GOOD, "x"), None)
    write('{"yard": {"auth": "none"}}')
    assert file.allowlist().entry("garage") is None
    assert file.allowlist().is_listed("yard")


@pytest.mark.parametrize("broken", ["{", "", '{"garage": {}}', "gone", "a folder"])
def test_the_last_good_list_stays_while_the_file_has_an_error_or_is_gone(
    path: Path, write: Write, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(GOOD)
    file = AllowlistFile(path)
    good = file.allowlist()
    if broken in ("gone", "a folder"):
        path.unlink()
        if broken == "a folder":
            path.mkdir()
    else:
        write(broken)
    for _ in range(2):
        assert file.allowlist() == good
    assert file.trouble is not None
    assert file.trouble.startswith(str(path))
    assert file.trouble.endswith("the list read before stays in force: garage")
    assert caplog.text.count(file.trouble) == 1, "logged once, not at every check"
    if broken == "a folder":
        path.rmdir()
    write('{"yard": {"auth": "none"}}')
    assert file.allowlist().is_listed("yard")
    assert file.trouble is None


@pytest.mark.parametrize("broken", ["{", '{"garage": {}}'])
def test_no_charger_is_let_in_when_the_first_file_has_an_error(
    path: Path, write: Write, broken: str
) -> None:
    write(broken)
    file = AllowlistFile(path)
    assert file.allowlist().entry("garage") is file.allowlist().entry(None) is None
    assert file.trouble is not None
    assert file.trouble.endswith("; no charger may connect")
    path.unlink()
    assert file.allowlist().entry("garage") is None, "a file that was there is not taken for none"
    assert file.trouble.endswith("is not there any more; no charger may connect")
    write(GOOD)
    assert file.allowlist().entry("garage") == Entry("garage", needs_no_password=True)
    assert file.trouble is None


def test_the_log_names_the_listed_chargers(
    path: Path, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    file = AllowlistFile(path)
    write('{"garage": {"auth": "none"}, "*": {"auth": "none"}}')
    file.allowlist()
    assert f"{path} was read: chargers garage, *" in caplog.text
    write("{}")
    file.allowlist()
    assert f"{path} was read: chargers none" in caplog.text


def test_the_stored_list_is_in_force_when_there_is_no_file(tmp_path: Path) -> None:
    file = AllowlistFile(tmp_path / "charge_points.json")
    file.fall_back_to('{"yard": {"auth": "none"}}')
    assert file.allowlist().is_listed("yard")
    assert file.allowlist().entry("street") is None
    assert file.trouble is not None
    assert "is not there any more; the list read before stays in force: yard" in file.trouble


def test_no_charger_is_let_in_when_the_stored_list_is_unreadable(tmp_path: Path) -> None:
    file = AllowlistFile(tmp_path / "charge_points.json")
    file.fall_back_to('{"yard": {}}')
    assert file.allowlist().entry("yard") is None
    assert file.allowlist().entry(None) is None
