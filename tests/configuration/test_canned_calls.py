"""The parser of canned.json: valid entries, and refusals that name the entry and the key."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shocpp.configuration.canned_calls import (
    OUTCOMES,
    CannedCall,
    all_canned_calls,
    canned_call,
    filled,
    parse_canned_call,
)
from shocpp.errors import ConfigError, UsageError
from shocpp.ocpp.fields.to_charge_point import TO_CHARGE_POINT
from tests.world.machine import ROOT

FILE = Path("conf/canned.json")
START = {"action": "RemoteStartTransaction", "payload": {"idTag": "3333"}}
RESET = {"action": "Reset", "payload": {"type": "Soft"}}


def parsed(entry: object, name: str = "start") -> CannedCall:
    """Return one entry, parsed."""
    return parse_canned_call(name, entry, FILE)


def refusal(entry: object, name: str = "start") -> str:
    """Return the sentence of the refusal of an entry."""
    with pytest.raises(ConfigError) as refused:
        parsed(entry, name)
    sentence = str(refused.value)
    assert sentence.startswith("conf/canned.json, ")
    assert sentence.isprintable(), sentence
    return sentence


def unquoted(sentence: str) -> str:
    """Return a sentence without its quotes, because either kind is right."""
    return sentence.replace('"', "").replace("'", "")


def written(folder: Path, text: str | bytes) -> Path:
    """Write a canned.json with this text, and return its path."""
    path = folder / "canned.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# --- valid entries ---


def test_an_entry_that_acts_has_an_action_and_a_payload() -> None:
    call = parsed({**RESET, "charge_point": "garage", "comment": "a note"})
    assert (call.name, call.action, call.payload) == ("start", "Reset", {"type": "Soft"})
    assert (call.charge_point, call.shows, call.waits, call.timeout_s) == ("garage", "", False, 5)
    assert (call.secret, call.account, dict(call.replies)) == (None, None, {})


def test_a_payload_may_be_left_out_where_the_action_needs_none() -> None:
    assert parsed({"action": "ClearCache"}).payload == {}


def test_a_configuration_value_becomes_a_string_as_on_the_command_line() -> None:
    entry = {"action": "ChangeConfiguration", "payload": {"key": "amp", "value": 16}}
    assert parsed(entry).payload == {"key": "amp", "value": "16"}


def test_invisible_characters_are_no_part_of_cards_and_names() -> None:
    entry = {**START, "payload": {"idTag": "\u200b3333\u00a0"}, "charge_point": "garage\u200b"}
    call = parsed(entry)
    assert (call.payload, call.charge_point) == ({"idTag": "3333"}, "garage")
    assert parsed({"show": "energy", "account": "M\u00fcller\u00a0GmbH"}).account == "Müller GmbH"
    stop = {"action": "RemoteStopTransaction", "payload": {"account": "family\u00a0y"}}
    assert parsed(stop).payload == {"account": "family y"}


def test_a_start_may_wait_for_charging_up_to_an_assistants_timeout() -> None:
    call = parsed({**START, "wait_for": "charging"})
    assert (call.waits, call.timeout_s) == (True, 7)
    assert parsed({**START, "wait_for": "charging", "timeout_s": 7.5}).timeout_s == 7.5
    assert "at most 7.5" in refusal({**START, "wait_for": "charging", "timeout_s": 7.6})


def test_a_call_that_does_not_wait_for_charging_may_take_two_minutes() -> None:
    assert parsed({**START, "timeout_s": 120}).timeout_s == 120
    assert "at most 120" in refusal({**START, "timeout_s": 121})


def test_a_stop_may_name_an_account_or_a_charger_in_place_of_a_transaction() -> None:
    for payload in ({"account": "family-y"}, {"charge_point": "garage", "connectorId": 1}, {}):
        assert parsed({"action": "RemoteStopTransaction", "payload": payload}).payload == payload


@pytest.mark.parametrize(
    "entry",
    [
        {"show": "power"},
        {"show": "state", "charge_point": "garage"},
        {"show": "energy", "account": "family-y"},
    ],
)
def test_an_entry_that_shows_sends_nothing(entry: dict[str, Any]) -> None:
    call = parsed(entry)
    assert (call.action, call.shows) == ("", entry["show"])
    assert (call.charge_point, call.account) == (entry.get("charge_point"), entry.get("account"))


def test_an_entry_may_have_a_secret_of_twelve_characters() -> None:
    assert parsed({**RESET, "secret": "0123456789ab"}).secret == "0123456789ab"


# --- limits ---

SLOW = {"action": "limit", "charge_point": "garage", "payload": {"limit": "10A"}}


@pytest.mark.parametrize(
    "payload",
    [
        {"limit": "10A"},
        {"limit": "80 A", "connector": 2, "until": "23:59"},
        {"limit": "0A", "until": "06:00"},
        {"limit": "off", "connector": 1},
    ],
)
def test_an_entry_may_choose_a_limit(payload: dict[str, Any]) -> None:
    call = parsed({**SLOW, "payload": payload})
    assert (call.action, call.payload, call.charge_point) == ("limit", payload, "garage")


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({}, '"limit" must be'),
        ({"limit": 10}, '"limit" must be "off", "0A" (a pause) or "6A" to "80A"'),
        ({"limit": "5A"}, '"limit" must be'),
        ({"limit": "81A"}, '"limit" must be'),
        ({"limit": "10 kW"}, '"limit" must be'),
        ({"limit": "10A", "until": "24:00"}, '"until" must be a time of day'),
        ({"limit": "10A", "until": "6:00"}, '"until" must be a time of day'),
        ({"limit": "off", "until": "06:00"}, '"until" has no meaning'),
        ({"limit": "10A", "connector": 0}, '"connector" must be the number'),
        ({"limit": "10A", "connector": True}, '"connector" must be the number'),
        ({"limit": "10A", "amps": 3}, "'amps' is unknown; there are limit, connector, until"),
    ],
)
def test_a_wrong_limit_is_refused_with_its_key(payload: dict[str, Any], words: str) -> None:
    assert words in refusal({**SLOW, "payload": payload})


def test_a_limit_waits_for_no_car() -> None:
    assert '"wait_for" can only be' in refusal({**SLOW, "wait_for": "charging"})


# --- modes ---

SUN = {"action": "mode", "charge_point": "garage", "payload": {"mode": "solar"}}


@pytest.mark.parametrize(
    "payload",
    [
        {"mode": "solar"},
        {"mode": "min", "connector": 2, "until": "23:59", "kwh": 7.5, "by": "06:00"},
        {"mode": "off", "until": "06:00"},
        {"mode": "default", "connector": 1},
    ],
)
def test_an_entry_may_choose_a_mode(payload: dict[str, Any]) -> None:
    call = parsed({**SUN, "payload": payload})
    assert (call.action, call.payload, call.charge_point) == ("mode", payload, "garage")


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({}, '"mode" must be one of fast, min, solar, off, default'),
        ({"mode": "Solar"}, '"mode" must be one of'),
        ({"mode": 1}, '"mode" must be one of'),
        ({"mode": "solar", "until": "25:00"}, '"until" must be a time of day'),
        ({"mode": "solar", "kwh": 20, "by": "7"}, '"by" must be a time of day'),
        ({"mode": "solar", "kwh": 0}, '"kwh" must be a number above 0 and up to 1000'),
        ({"mode": "solar", "kwh": -1}, '"kwh" must be a number'),
        ({"mode": "solar", "kwh": 1001}, '"kwh" must be a number'),
        ({"mode": "solar", "kwh": "20"}, '"kwh" must be a number'),
        ({"mode": "solar", "kwh": True}, '"kwh" must be a number'),
        ({"mode": "solar", "by": "07:00"}, '"by" needs "kwh"'),
        ({"mode": "off", "kwh": 20}, '"kwh" has no meaning beside "mode": "off"'),
        ({"mode": "default", "until": "07:00"}, '"until" has no meaning'),
        ({"mode": "solar", "connector": 0}, '"connector" must be the number'),
        ({"mode": "solar", "limit": "6A"}, "'limit' is unknown; there are mode, connector, until"),
    ],
)
def test_a_wrong_mode_is_refused_with_its_key(payload: dict[str, Any], words: str) -> None:
    assert words in refusal({**SUN, "payload": payload})


# --- replies ---


def test_one_reply_is_for_every_outcome() -> None:
    call = parsed({**START, "reply": "Done: {status}"})
    assert call.reply("Accepted") == call.reply("rejected", "Rejected") == "Done: {status}"


def test_the_reply_is_that_of_the_first_outcome_that_has_one() -> None:
    replies = {"charging": "It charges.", "Accepted": "Yes.", "": "Hm."}
    call = parsed({**START, "reply": replies})
    assert call.reply("charging", "Accepted") == "It charges."
    assert call.reply("plug_in", "Accepted") == "Yes."
    assert call.reply("rejected", "Rejected") == "Hm."
    assert parsed({**START, "reply": {"Accepted": "Yes."}}).reply("Rejected") is None


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_may_have_a_reply(outcome: str) -> None:
    assert parsed({**START, "reply": {outcome: "So."}}).reply(outcome) == "So."


@pytest.mark.parametrize(
    ("reply", "named"),
    [
        ("{stauts}", "{stauts} is unknown; there are account, by, charge_point"),
        ("{}", "{} is unknown"),
        ({"Accepted": "{watts}"}, "{watts} is unknown"),
        ({"chargin": "It charges."}, "'chargin' is no outcome; there are charging, started"),
        ({"Accepted": 1}, "the sentence for 'Accepted' must be a string"),
        ({"Accepted": None}, "must be a string"),
        ({"a\nb": "It charges."}, "is no outcome"),
        (["It charges."], '"reply" cannot be'),
        (True, '"reply" cannot be'),
    ],
)
def test_a_mistyped_reply_is_named(reply: object, named: str) -> None:
    assert unquoted(named) in unquoted(refusal({**START, "reply": reply}))


def test_a_template_is_filled_in_on_one_line() -> None:
    values = {"kw": "7,4", "charge_point": "ga\nrage"}
    assert filled("{charge_point}:\n {kw} kW, {since}!", values) == "ga rage: 7,4 kW, !"
    assert filled("{kw", values) == "{kw"
    assert filled("{kw.real} {kw!r} {0}", values) == "{kw.real} {kw!r}"


def test_braces_in_a_value_are_not_filled_in_again() -> None:
    assert filled("{status}", {"status": "{kw}", "kw": "7.4"}) == "{kw}"


# --- refusals ---


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("Reset", "must be an object"),
        (None, "must be an object"),
        ([RESET], "must be an object"),
        ({}, 'either "action"'),
        ({"charge_point": "garage"}, 'either "action"'),
        ({**RESET, "show": "power"}, 'either "action"'),
        ({"action": ""}, 'either "action"'),
        ({**RESET, "acton": "Reset"}, "'acton' is unknown; there are action, payload"),
        ({**RESET, "a\nb\u202e": 1}, "is unknown; there are action, payload"),
        ({**RESET, "charge_point": 7}, "\"charge_point\" cannot be '7'"),
        ({**RESET, "charge_point": None}, '"charge_point" cannot be'),
        ({**RESET, "timeout_s": "5"}, '"timeout_s" cannot be'),
        ({**RESET, "timeout_s": True}, '"timeout_s" cannot be'),
        ({**RESET, "timeout_s": 0}, '"timeout_s" must be more than 0'),
        ({**RESET, "timeout_s": -1}, '"timeout_s" must be more than 0'),
        ({**RESET, "timeout_s": float("nan")}, '"timeout_s" must be more than 0'),
        ({**RESET, "timeout_s": float("inf")}, '"timeout_s" must be more than 0'),
        ({**RESET, "secret": 123456789012}, '"secret" cannot be this'),
        ({**RESET, "secret": "short"}, '"secret" must have at least 12 ASCII'),
        ({**RESET, "secret": "ümlauteümlaut"}, '"secret" must have'),
        ({**RESET, "secret": "0123456789a\n"}, '"secret" must have'),
        ({**RESET, "account": "family-y"}, '"account" has no meaning beside "action"'),
        ({**RESET, "wait_for": "charging"}, '"wait_for" can only be "charging", with RemoteStart'),
        ({**START, "wait_for": "finishing"}, '"wait_for" can only be "charging"'),
        ({**START, "wait_for": True}, '"wait_for" cannot be'),
        ({"action": "Restart"}, "'Restart' is not a request to a charger"),
        ({"action": "RemoteStartTransaction"}, "RemoteStartTransaction: idTag is required"),
        ({**RESET, "payload": {"type": "Warm"}}, "Reset: type must be one of Hard, Soft"),
        ({**RESET, "payload": '{"type": "Soft"}'}, '"payload" cannot be'),
        (
            {"action": "RemoteStopTransaction", "payload": {"acount": "family-y"}},
            "'acount' is unknown here",
        ),
        ({"show": "weather"}, '"show" must be one of power, state, energy'),
        ({"show": "energy"}, 'needs "account"'),
        ({"show": "energy", "account": "a", "charge_point": "garage"}, "and no charger"),
        ({"show": "power", "account": "family-y"}, '"show": "power" needs no "account"; write'),
        ({"show": "power", "payload": {}}, '"payload" has no meaning beside "show"'),
        ({"show": "power", "wait_for": "charging"}, '"wait_for" has no meaning beside "show"'),
        ({"show": "power", "timeout_s": 5}, '"timeout_s" has no meaning beside "show"'),
    ],
)
def test_an_entry_that_cannot_be_used_is_named_with_its_key(entry: object, named: str) -> None:
    sentence = refusal(entry)
    assert "'start'" in sentence
    assert unquoted(named) in unquoted(sentence)


@pytest.mark.parametrize("name", ["", "a\nb", "\x00", "a\x1b[31m", "\u202ea", "\ud800", "x" * 101])
def test_a_name_must_be_printable_and_not_too_long(name: str) -> None:
    assert "1 to 100 printable characters" in refusal(RESET, name)


@pytest.mark.parametrize("name", ["Zuhause laden", "ümlaut ⚡", "../x", "a" * 100, "8f3b00c1"])
def test_any_other_name_is_valid(name: str) -> None:
    assert parsed(RESET, name).name == name


# --- the file ---


def test_an_entry_with_an_error_does_not_affect_the_others(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({"bad": {"action": "Reset"}, "good": RESET, "worse": 1}))
    calls = all_canned_calls(path)
    assert list(calls) == ["bad", "good", "worse"]
    assert isinstance(calls["good"], CannedCall)
    assert "'bad': Reset: type is required" in str(calls["bad"])
    assert isinstance(calls["worse"], ConfigError)
    assert canned_call(path, "good").action == "Reset"
    with pytest.raises(ConfigError, match="'bad'"):
        canned_call(path, "bad")


def test_a_change_of_the_file_is_in_force_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({"a": RESET}))
    assert canned_call(path, "a").payload == {"type": "Soft"}
    written(tmp_path, json.dumps({"a": {**RESET, "payload": {"type": "Hard"}}}))
    assert canned_call(path, "a").payload == {"type": "Hard"}


@pytest.mark.parametrize("name", ["b", "A", "", "a\nb", "../a", "x" * 10_000, "\ud800", "\x00"])
def test_an_unknown_name_is_reported_in_one_short_line(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, json.dumps({"a": RESET}))
    with pytest.raises(UsageError, match="there is no canned call") as refused:
        canned_call(path, name)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200 + len(str(path))


def test_there_is_no_canned_call_without_a_file(tmp_path: Path) -> None:
    path = tmp_path / "canned.json"
    with pytest.raises(UsageError, match=re.escape(f"{path} does not exist")):
        canned_call(path, "a")
    assert all_canned_calls(path) == {}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "is not JSON"),
        ('{"a": {"action": "ClearCache"}', "is not JSON"),
        ("[]", "is not an object of names"),
        ('[{"action": "ClearCache"}]', "is not an object of names"),
        ("null", "is not an object of names"),
        ("[" * 100_000, "is not JSON"),
        ('{"a": ' + "9" * 5_000 + "}", "is not JSON"),
        (b'{"\xff": 1}', "save it as UTF-8"),
        ('{"a": {"action": "ClearCache"}, "a": {"show": "power"}}', "'a' is there twice"),
        (
            '{"a": {"action": "Reset", "payload": {"type": "Soft", "type": "Hard"}}}',
            "'type' is there twice in 'a', 'payload'",
        ),
        ('{"a\\n": {}, "a\\n": {}}', "is there twice"),
    ],
)
def test_a_file_that_cannot_be_used_is_reported_in_one_line(
    tmp_path: Path, text: str | bytes, named: str
) -> None:
    path = written(tmp_path, text)
    for read in (all_canned_calls, lambda path: canned_call(path, "a")):
        with pytest.raises(ConfigError) as refused:
            read(path)
        assert named in str(refused.value)
        assert str(path) in str(refused.value)
        assert str(refused.value).isprintable()


def test_a_folder_of_this_name_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        canned_call(tmp_path, "a")


def test_the_example_is_valid_and_has_the_start_of_the_readme() -> None:
    path = ROOT / "conf" / "canned.json.example"
    calls = all_canned_calls(path)
    assert [str(call) for call in calls.values() if isinstance(call, ConfigError)] == []
    start = calls["start-family"]
    assert isinstance(start, CannedCall)
    assert (start.payload, start.waits) == ({"idTag": "3333"}, True)


# --- anything at all ---

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
NEAR_MISSES = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(sorted(TO_CHARGE_POINT)) | VALUES,
        "payload": st.sampled_from([{"idTag": "1"}, {"type": "Soft"}, {}]) | VALUES,
        "show": st.sampled_from(["power", "state", "energy"]) | VALUES,
        "reply": st.sampled_from(["{status}", {"Accepted": "Yes"}, {"": "{"}]) | VALUES,
        "wait_for": st.just("charging") | VALUES,
        "timeout_s": st.floats() | st.integers() | VALUES,
        "charge_point": st.text(max_size=5) | VALUES,
        "account": st.text(max_size=5) | VALUES,
        "secret": st.text(max_size=15) | VALUES,
        "comment": VALUES,
    },
)


@given(name=st.text(max_size=12), entry=NEAR_MISSES | VALUES)
@example(name="a", entry={"action": "ChangeConfiguration", "payload": {"key": "a", "value": 1e400}})
@example(
    name="a", entry={"action": "ChangeConfiguration", "payload": {"key": "a", "value": 10**50}}
)
def test_any_json_is_either_an_entry_or_refused_in_one_line(name: str, entry: object) -> None:
    sentence = ""
    try:
        call = parse_canned_call(name, entry, FILE)
    except ConfigError as error:
        sentence = str(error)
    else:
        assert bool(call.action) != bool(call.shows)
        assert 0 < call.timeout_s <= 120
        assert all(isinstance(template, str) for template in call.replies.values())
    assert sentence.isprintable(), sentence
