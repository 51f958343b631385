"""Tests of payloads of our own Calls: the rules of OCPP 1.6 §6, and stops without an id."""

from typing import Any

import pytest

from shocpp.errors import UsageError
from shocpp.ocpp.outgoing import (
    allowed_payload,
    check_no_password,
    names_no_transaction,
    payload_text,
)


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("Reset", {"type": "Soft"}),
        ("GetConfiguration", {"key": ["HeartbeatInterval"]}),
        ("RemoteStopTransaction", {"transactionId": 7}),
        ("RemoteStopTransaction", {"account": "family-y", "connectorId": 1}),
        ("RemoteStopTransaction", {"charge_point": "garage"}),
        ("RemoteStopTransaction", {}),
    ],
)
def test_allowed_payload_returns_a_copy_of_a_valid_payload(
    action: str, payload: dict[str, Any]
) -> None:
    allowed = allowed_payload(action, payload)
    assert allowed == payload
    assert allowed is not payload


@pytest.mark.parametrize(("value", "text"), [(55, "55"), (True, "true"), (0.5, "0.5")])
def test_allowed_payload_writes_configuration_values_as_strings(value: Any, text: str) -> None:
    allowed = allowed_payload("ChangeConfiguration", {"key": "HeartbeatInterval", "value": value})
    assert allowed == {"key": "HeartbeatInterval", "value": text}


@pytest.mark.parametrize(
    ("action", "payload", "sentence"),
    [
        ("Heartbeat", {}, "'Heartbeat' is not a request to a charger: "),
        ("Reset", {"type": "Medium"}, 'Reset: type must be one of Hard, Soft; it is "Medium"'),
        (
            "RemoteStopTransaction",
            {"idTag": "3333"},
            "RemoteStopTransaction: 'idTag' is unknown here; allowed: transactionId, or ",
        ),
        (
            "RemoteStopTransaction",
            {"account": 3},
            "RemoteStopTransaction: account must be a string",
        ),
        (
            "RemoteStopTransaction",
            {"connectorId": True},
            "RemoteStopTransaction: connectorId must be an integer",
        ),
        (
            "RemoteStopTransaction",
            {"account": "family\n"},
            "RemoteStopTransaction: account must be printable, not 'family\\n'",
        ),
        (
            "ChangeConfiguration",
            {"key": "a", "value": float("nan")},
            "ChangeConfiguration: JSON has no such number as NaN, Infinity or 1e400",
        ),
    ],
)
def test_allowed_payload_raises_when_the_payload_is_not_allowed(
    action: str, payload: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UsageError) as raised:
        allowed_payload(action, payload)
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize("key", ["AuthorizationKey", "AUTHORIZATIONKEY", "Authorization Key\u00a0"])
def test_allowed_payload_raises_when_it_would_set_a_password(key: str) -> None:
    with pytest.raises(UsageError, match="give it a new one with: shocpp charge-points add NAME "):
        allowed_payload("ChangeConfiguration", {"key": key, "value": "a" * 40})


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("ChangeConfiguration", {"key": "AuthorizationKeyLength", "value": "20"}),
        ("ChangeConfiguration", {"key": 5}),
        ("GetConfiguration", {"key": ["AuthorizationKey"]}),
        ("DataTransfer", {"key": "AuthorizationKey"}),
    ],
)
def test_check_no_password_passes_everything_else(action: str, payload: dict[str, Any]) -> None:
    check_no_password(action, payload)


def test_names_no_transaction_is_true_only_for_a_remote_stop_without_an_id() -> None:
    assert names_no_transaction("RemoteStopTransaction", {"account": "family-y"})
    assert not names_no_transaction("RemoteStopTransaction", {"transactionId": 7})
    assert not names_no_transaction("Reset", {})


def test_payload_text_is_compact_json() -> None:
    assert payload_text("Reset", {"type": "Soft"}) == '{"type":"Soft"}'
