"""Tests of redaction: AuthorizationKey is write-only and never stored (OCPP-J errata 3.10)."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ocpp.redaction import redacted, without_userinfo

CONFIGURATION = {
    "configurationKey": [
        {"key": "AuthorizationKey", "readonly": False, "value": "geheim"},
        {"key": "HeartbeatInterval", "readonly": False, "value": "55"},
    ]
}


def test_the_key_in_a_change_configuration_is_hidden() -> None:
    text = '[2,"u","ChangeConfiguration",{"key":"AuthorizationKey","value":"geheim"}]'
    assert redacted(text) == (
        '[2,"u","ChangeConfiguration",{"key":"AuthorizationKey","value":"***"}]'
    )


def test_only_three_characters_are_a_k_without_case() -> None:
    """Texts without any of them are not searched for the name of the key."""
    of_k = {chr(code) for code in range(sys.maxunicode + 1) if "k" in chr(code).casefold()}
    assert of_k == {"k", "K", "\u212a"}
    for char in of_k:
        text = f'{{"key":"Authorization{char}ey","value":"geheim"}}'
        assert "geheim" not in redacted(text)


def test_the_key_in_the_configuration_of_a_charger_is_hidden() -> None:
    text = redacted(json.dumps([3, "u", CONFIGURATION]))
    assert "geheim" not in text
    assert json.loads(text)[2]["configurationKey"][1]["value"] == "55"


@pytest.mark.parametrize("spelling", ["authorizationkey", "AUTHORIZATIONKEY", "authorizationKey"])
def test_the_case_of_the_key_does_not_matter(spelling: str) -> None:
    assert "geheim" not in redacted(json.dumps({"key": spelling, "value": "geheim"}))
    assert "geheim" not in redacted(json.dumps({spelling: "geheim"}))


def test_the_key_in_a_list_in_a_string_is_hidden() -> None:
    data = json.dumps([{"AuthorizationKey": "geheim"}])
    assert "geheim" not in redacted(json.dumps([2, "u", "DataTransfer", {"data": data}]))


def test_a_long_password_with_a_slash_is_hidden() -> None:
    url = f"ftp://user:{'a/b' * 40}@host/x"
    assert without_userinfo(url) == "ftp://***@host/x"


def test_a_structure_as_its_value_is_hidden_as_well() -> None:
    assert redacted('{"AuthorizationKey":{"value":["geheim"]}}') == '{"AuthorizationKey":"***"}'


@pytest.mark.parametrize(
    "text",
    [
        '[2,"7","Heartbeat",{}]',
        "not JSON at all",
        "",
        '[2, "7",  "Heartbeat", {"value":"x"}]',
        '[2, "7",  "DataTransfer", {"vendorId":"\\u00e4"}]',
        '[2, "7",  "DataTransfer", {"vendorId":"\\u00e4"',
    ],
)
def test_a_frame_without_secrets_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


def test_a_list_of_keys_to_ask_for_is_no_secret() -> None:
    text = '[2,"u","GetConfiguration",{"key":["AuthorizationKey"]}]'
    assert redacted(text) == text


@pytest.mark.parametrize(
    "text",
    [
        '{"key":"AuthorizationKey","value":"geheim"',
        '"AuthorizationKey geheim' + "[" * 100_000,
        '["AuthorizationKey","geheim",' + "9" * 5000 + "]",
        '["AuthorizationKey",' + "[" * 100_000 + '"geheim"' + "]" * 100_000 + "]",
    ],
)
def test_an_unreadable_text_that_names_a_secret_is_hidden_as_a_whole(text: str) -> None:
    assert redacted(text) == "*** (unreadable, and it names a secret)"


def test_a_key_whose_name_is_written_with_escapes_is_hidden() -> None:
    assert "geheim" not in redacted(r'{"key":"Authorization\u004bey","value":"geheim"}')


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=5), inner, max_size=3)
            | st.fixed_dictionaries(
                {"key": st.just("AuthorizationKey"), "value": st.just("geheim")}
            )
        ),
        max_leaves=10,
    )
)
def test_only_the_secret_is_lost_at_any_depth(value: Any) -> None:
    text = json.dumps(value)
    expected = text.replace('"geheim"', '"***"')
    assert json.loads(redacted(text)) == json.loads(expected)


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("ftp://anna:geheim@files.example/logs", "ftp://***@files.example/logs"),
        ("https://geheim@files.example", "https://***@files.example"),
        ("sftp://anna:ge@heim@files.example/a@b", "sftp://***@files.example/a@b"),
        ("ftp://anna:ge/heim@files.example/logs", "ftp://***@files.example/logs"),
        ("to ftp://anna:geheim@a or ftp://b:geheim@c", "to ftp://***@a or ftp://***@c"),
        ("ftp://files.example:21/a@b", "ftp://files.example:21/a@b"),
        ("ftp://[::1]:21/a@b", "ftp://[::1]:21/a@b"),
        ("anna@files.example", "anna@files.example"),
        ("ftp://files.example/", "ftp://files.example/"),
    ],
)
def test_user_and_password_of_a_url_are_hidden(url: str, public: str) -> None:
    assert without_userinfo(url) == public
    frame = [2, "u", "GetDiagnostics", {"location": url, "retries": 1}]
    frame_text = json.dumps(frame)
    assert json.loads(redacted(frame_text)) == [*frame[:3], {"location": public, "retries": 1}]
    if url == public:
        assert redacted(frame_text) == frame_text


def test_a_url_with_escaped_slashes_is_hidden_in_any_text() -> None:
    text = r'[2,"u","GetLog",{"log":{"remoteLocation":"ftp:\/\/anna:geheim@files.example\/"}}]'
    assert "geheim" not in redacted(text)
    assert "geheim" not in redacted(text[:-3])
    assert "anna" not in redacted("not JSON: ftp://anna:geheim@files.example/")


def test_json_in_a_string_loses_its_secrets() -> None:
    inner = json.dumps({"key": "AuthorizationKey ", "value": "geheim"})
    text = json.dumps({"vendorId": "x", "data": inner})
    assert "geheim" not in redacted(text)
    assert json.loads(json.loads(redacted(text))["data"]) == {
        "key": "AuthorizationKey ",
        "value": "***",
    }


def test_cards_and_signed_values_stay_as_they_were_sent() -> None:
    payload = {
        "idTag": "a://b:c@d",
        "meterValue": [{"sampledValue": [{"value": "http://a:b@c", "format": "SignedData"}]}],
    }
    text = json.dumps([2, "u", "MeterValues", payload])
    assert redacted(text) == text


@pytest.mark.parametrize("part", ["a", "a:", "a://", "a://b:c/", "a://b:1/", "@/", "a:\\/"])
def test_a_long_text_takes_no_longer_than_its_length(part: str) -> None:
    text = part * (200_000 // len(part)) + " @/ ftp://anna:geheim@c"
    assert "geheim" not in without_userinfo(text)


def test_of_very_many_urls_whole_strings_are_left_out() -> None:
    text = json.dumps([2, "1", "DataTransfer", {"data": ["ftp://user:pw@x", "ftp://x"] * 1_000}])
    assert json.loads(redacted(text))[3] == {"data": ["***", "ftp://x"] * 1_000}
    small = json.dumps({"data": ["ftp://user:pw@x"] * 10})
    assert json.loads(redacted(small)) == {"data": ["ftp://***@x"] * 10}
