"""Long texts become short, stay JSON, and keep what the ledger and people need."""

import json

import pytest

from shocpp.ocpp.redaction import redacted
from shocpp.ocpp.stored.cutting import (
    LONGEST_STRING,
    LONGEST_TEXT,
    MOST_ENTRIES,
    cut_confirmation,
    cut_frame,
    cut_samples,
    cut_text,
)

LONG = 100_000
SIGNED = {"format": "SignedData", "value": "OCMF|" + "s" * LONG}


def call(action: str, payload: object) -> str:
    return json.dumps([2, "1", action, payload])


def entries(sample: object, number: int = 1) -> list[object]:
    return [{"timestamp": "2026-10-01T05:00:00Z", "sampledValue": [sample]}] * number


@pytest.mark.parametrize("text", ["", "no JSON", call("DataTransfer", {"data": "x" * 8_000})])
def test_a_short_text_stays_as_it_is(text: str) -> None:
    assert cut_frame(text) is text
    assert cut_text(text) is text


def test_a_text_of_the_longest_length_stays_as_it_is() -> None:
    text = call("DataTransfer", {"data": ""})
    text = text.replace('""', f'"{"x" * (LONGEST_TEXT - len(text))}"')
    assert len(text) == LONGEST_TEXT
    assert cut_frame(text) is text


def test_a_few_members_stay_although_they_are_long_together() -> None:
    payload = {f"member {number}": "x" * 300 for number in range(30)}
    assert json.loads(cut_frame(call("BootNotification", payload)))[3] == payload


def test_a_long_string_is_cut_and_its_mark_names_its_length() -> None:
    text = cut_frame(call("DataTransfer", {"vendorId": "x", "data": "é" * LONG}))
    assert json.loads(text) == [
        2,
        "1",
        "DataTransfer",
        {"vendorId": "x", "data": "é" * LONGEST_STRING + "[cut: 100000 characters]"},
    ]


def test_a_long_id_an_action_and_a_name_of_a_member_are_cut() -> None:
    text = cut_frame(json.dumps([2, "i" * LONG, "a" * LONG, {"n" * LONG: 1}]))
    assert len(text) < 3 * LONGEST_STRING + 200
    unique_id, action, payload = json.loads(text)[1:]
    assert all(word.endswith("[cut: 100000 characters]") for word in (unique_id, action, *payload))


@pytest.mark.parametrize("junk", [["x"] * LONG, {"y": ["x"] * LONG}, [[[["x"] * LONG]]]])
def test_a_large_unknown_structure_becomes_a_mark(junk: object) -> None:
    text = cut_frame(call("Heartbeat", {"junk": junk, "small": {"a": [1]}}))
    (mark, small) = json.loads(text)[3].values()
    assert mark.startswith("[cut: ")
    assert small == {"a": [1]}


def test_many_short_members_are_cut_as_a_whole_and_structures_stay() -> None:
    payload = {f"{number}": "x" for number in range(LONG)}
    text = cut_frame(call("MeterValues", {**payload, "meterValue": entries({"value": "1"})}))
    assert len(text) < LONGEST_TEXT
    assert json.loads(text)[3]["meterValue"] == entries({"value": "1"})
    assert json.loads(text)[3]["cut"].startswith("[cut: ")


def test_some_more_members_than_any_message_has_stay() -> None:
    payload = {f"{number}": 1 for number in range(100)}
    text = cut_frame(call("Heartbeat", {**payload, "junk": "x" * LONG}))
    assert json.loads(text)[3]["99"] == 1


def test_all_samples_stay_but_not_what_is_hidden_in_them() -> None:
    sample = {"value": "9042000", "unit": "Wh", "junk": "x" * LONG}
    text = cut_frame(call("MeterValues", {"connectorId": 1, "meterValue": entries(sample, 300)}))
    values = json.loads(text)[3]["meterValue"]
    assert [value["sampledValue"][0]["value"] for value in values] == ["9042000"] * 300
    assert values[0]["sampledValue"][0]["junk"].endswith("[cut: 100000 characters]")


def test_all_keys_of_a_configuration_stay() -> None:
    keys = [{"key": f"Key{n}", "readonly": True, "value": "x" * 50} for n in range(300)]
    payload = {"configurationKey": keys, "unknownKey": ["a", "b"]}
    text = json.dumps([3, "1", payload])
    assert json.loads(cut_frame(text)) == [3, "1", payload]
    assert json.loads(cut_frame(json.dumps(payload))) == payload


def test_a_schedule_stays_with_its_periods() -> None:
    periods = [{"startPeriod": n, "limit": 16.5} for n in range(1_000)]
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    payload = {"status": "Accepted", "chargingSchedule": schedule}
    assert json.loads(cut_frame(json.dumps([3, "1", payload]))) == [3, "1", payload]


def test_entries_that_are_no_objects_are_unknown_ones() -> None:
    payload = {"meterValue": [["x"] * LONG, "y" * LONG, 1, {"sampledValue": 5}]}
    values = json.loads(cut_frame(call("MeterValues", payload)))[3]["meterValue"]
    assert [values[0][:6], values[1][-12:], values[2:]] == [
        "[cut: ",
        " characters]",
        [1, {"sampledValue": 5}],
    ]


def test_a_signed_value_is_never_cut() -> None:
    text = cut_frame(call("StopTransaction", {"transactionData": entries(SIGNED)}))
    assert json.loads(text)[3]["transactionData"] == entries(SIGNED)


def test_what_only_claims_to_be_signed_and_is_nested_deeply_is_cut() -> None:
    deep: object = ["x" * LONG]
    for _ in range(20):
        deep = [deep]
    text = cut_frame(call("MeterValues", {"meterValue": entries({**SIGNED, "deep": deep})}))
    assert len(text) < LONGEST_TEXT


def test_a_stop_under_review_is_kept_without_samples_and_signed_values() -> None:
    stop = {"transactionId": -1, "meterStop": 5, "reason": "EVDisconnected"}
    text = cut_samples(call("StopTransaction", {**stop, "transactionData": entries(SIGNED, 3)}))
    cut = json.loads(text)[3]
    assert cut.pop("transactionData").startswith("[cut: 300")
    assert cut == stop


def test_the_frame_of_a_long_confirmation_is_kept_without_its_lists() -> None:
    keys = [{"key": f"Key{n}", "readonly": True, "value": "x" * 50} for n in range(300)]
    text = cut_confirmation(json.dumps([3, "1", {"configurationKey": keys, "status": "ok"}]))
    cut = json.loads(text)[2]
    assert (cut["configurationKey"][:6], cut["status"]) == ("[cut: ", "ok")


@pytest.mark.parametrize(
    "text",
    [
        "x" * LONG,
        '[2,"1","DataTransfer",{"data":"' + "x" * LONG,
        "[" * LONG,
        '[2,"1","DataTransfer",' + '{"a":' * LONG + "1" + "}" * LONG + "]",
    ],
)
def test_a_text_that_is_no_json_is_cut_as_a_string(text: str) -> None:
    cut = cut_frame(text)
    assert cut == f"{text[:LONGEST_STRING]}[cut: {len(text)} characters]"


def test_numbers_that_json_does_not_have_become_strings_and_long_ones_are_cut() -> None:
    digits = "9" * LONG
    numbers = f'{{"a":NaN,"b":-Infinity,"c":1e400,"d":{digits},"e":1.5,"f":12}}'
    cut = json.loads(cut_frame(f'[2,"1","DataTransfer",{numbers}]'))[3]
    assert cut.pop("d").startswith("999")
    assert cut == {"a": "NaN", "b": "-Infinity", "c": "1e400", "e": 1.5, "f": 12}


def test_control_characters_a_byte_order_mark_and_lone_surrogates_do_no_harm() -> None:
    text = '\ufeff[2,"1","DataTransfer",{"data":"\t\\ud800' + "x" * LONG + '"}]'
    cut = cut_frame(text)
    assert cut.encode()
    assert json.loads(cut)[3]["data"].startswith("\t\ud800xxx")


@pytest.mark.parametrize("text", [json.dumps("x" * LONG), "9" * LONG, json.dumps([1] * LONG)])
def test_a_json_text_that_is_no_frame_is_short_afterwards(text: str) -> None:
    assert len(cut_frame(text)) < LONGEST_TEXT


def test_a_text_of_a_column_may_be_none() -> None:
    assert cut_text("x" * LONG) == "x" * LONGEST_STRING + "[cut: 100000 characters]"


@pytest.mark.parametrize(
    "value",
    [
        "ftp://user:h4rdly" + "s" * LONG + "@host",
        "x" * (LONGEST_STRING - 20) + " ftp://user:h4rdly@host" + "x" * LONG,
        "x" * (LONGEST_STRING - 20) + r" ftp:\/\/user:h4rdly@host" + "x" * LONG,
        '{"value":"h4rdly","x":"' + "x" * LONG + '","key":"AuthorizationKey"}',
        '{"value":"h4rdly","x":"' + "x" * LONG + r'","key":"\u0041uthorizationKey"}',
        "h4rdly" + "x" * LONG + "AuthorizationKey",
        {"key": " " * LONG + "AuthorizationKey", "value": "h4rdly"},
        {" " * LONG + "AuthorizationKey": "h4rdly", "x": "x" * LONG},
        {"value": "h4rdly", **{f"{n}": "x" * 100 for n in range(300)}, "key": "AuthorizationKey"},
        {"value": "h4rdly", **{f"{n}": 1 for n in range(3_000)}, "key": "AuthorizationKey"},
    ],
)
def test_what_is_cut_off_parts_no_secret_from_its_name(value: object) -> None:
    data = {"data": value} if isinstance(value, str) else value
    for text in (call("DataTransfer", data), call("DataTransfer", data)[:-1], str(value)):
        if len(text) > LONGEST_TEXT:
            assert "h4rdly" not in redacted(cut_frame(text))


def test_lists_of_ocpp_have_a_bound_and_a_mark() -> None:
    keys = [{"key": f"{number}", "value": "1"} for number in range(MOST_ENTRIES + 1)]
    payload = json.loads(cut_frame(call("X", {"configurationKey": keys})))[3]
    assert len(payload["configurationKey"]) == MOST_ENTRIES
    assert payload["cut"] == f"[cut: configurationKey of {MOST_ENTRIES + 1} entries]"


def test_of_very_many_members_the_first_stay_and_those_of_ocpp() -> None:
    members = {f"{number}": 1 for number in range(LONG)}
    payload = json.loads(cut_frame(call("X", {**members, "meterValue": [1], "key": "k"})))[3]
    assert (len(payload), payload["meterValue"], payload["key"]) == (43, [1], "k")
    assert payload["cut"] == f"[cut: {LONG + 2} members]"
