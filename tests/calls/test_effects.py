"""The effects of Calls: configuration values and availability, from all kinds of confirmations."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shocpp.bookkeeping.jobs import Receive
from shocpp.calls.effects import EFFECTS
from shocpp.ocpp.connection import Confirmed, Refused
from shocpp.ocpp.fields.to_charge_point import TO_CHARGE_POINT
from shocpp.store import calls
from shocpp.store.calls import QueuedCall
from shocpp.store.charge_points.confirmations import MOST_KEYS
from shocpp.store.keys import NO_KEYS
from tests.world.desk import Desk

NUMBERS = itertools.count(1)
NOON = "2023-09-03T10:00:00.000Z"
VALUES = "SELECT key, value, readonly, known FROM configuration_values ORDER BY key"
SET = "SELECT key, set_value, set_at, reboot_required FROM configuration_values"
AVAILABILITY = "SELECT connector_id, availability, status, confirmed_at FROM requested_availability"


def end(desk: Desk, action: str, payload: object, confirmation: Any) -> str:
    """Send a Call to the garage, which ends with this confirmation or, a string, CallError.

    Returns the state of its row.
    """
    call_id = f"call-{next(NUMBERS)}"
    desk.receive("Heartbeat", {})
    with desk.db.writing(keys=NO_KEYS.at("garage"), durable=False):
        call = QueuedCall(call_id, "garage", action, json.dumps(payload), desk.now_ms + 1)
        calls.queue(desk.db, call, "", desk.now_ms, asked_by="a test", canned=None)
        calls.claim(desk.db, call, "worker", "token", desk.now_ms)
    if isinstance(confirmation, str):
        event: Any = Refused(call_id, confirmation, "", {})
    else:
        event = Confirmed(call_id, confirmation)
    desk.books.write([Receive("token", "garage", "[]", desk.now_ms, event)], desk.now_ms)
    (state,) = desk.query("SELECT state FROM call WHERE call_id = ?", call_id)
    return str(state)


def read(desk: Desk, **confirmation: object) -> list[Any]:
    """Read the configuration of the garage, and return the values that are stored."""
    assert end(desk, "GetConfiguration", {}, confirmation) == "answered"
    return desk.query(VALUES)


def change(desk: Desk, key: str, value: str, status: object) -> None:
    end(desk, "ChangeConfiguration", {"key": key, "value": value}, {"status": status})


def test_configuration_values_are_stored_with_unknown_keys_and_without_secrets(desk: Desk) -> None:
    assert read(
        desk,
        configurationKey=[
            {"key": "HeartbeatInterval", "readonly": False, "value": "55"},
            {"key": "AuthorizationKey", "readonly": False, "value": "geheim"},
            {"key": "NumberOfConnectors", "readonly": True},
        ],
        unknownKey=["Colour"],
    ) == [
        ("AuthorizationKey", "***", 0, 1),
        ("Colour", None, None, 0),
        ("HeartbeatInterval", "55", 0, 1),
        ("NumberOfConnectors", None, 1, 1),
    ]
    desk.later(1)
    newer = {"key": "heartbeatinterval", "readonly": False, "value": "60"}
    read(desk, configurationKey=[newer])
    times = "SELECT key, value, read_at FROM configuration_values WHERE known ORDER BY key LIMIT 2"
    assert desk.query(times) == [
        ("AuthorizationKey", "***", NOON),
        ("heartbeatinterval", "60", "2023-09-03T11:00:00.000Z"),
    ]


def test_careless_confirmations_are_read_as_far_as_possible(desk: Desk) -> None:
    assert read(
        desk,
        configurationKey=[
            *(None, 7, "text", [], {}, {"value": "1"}, {"key": None}, {"key": ""}),
            {"key": "Number", "value": 55, "readonly": "true"},
            {"key": "Truth", "value": True, "readonly": "False"},
            {"key": "List", "value": ["a", 1], "readonly": 1},
            {"key": "Null", "value": None, "readonly": None},
            {"key": "Half \ud800", "value": "\ud800"},
            {"key": 8},
            {"key": "L" * 200, "value": "l" * 3_000},
        ],
        unknownKey=[None, {"key": 1}, "U" * 200],
    ) == [
        ("8", None, None, 1),
        ("Half ?", "?", None, 1),
        ("List", '["a",1]', None, 1),
        ("L" * 100, "l" * 2_000, None, 1),
        ("Null", None, None, 1),
        ("Number", "55", 1, 1),
        ("Truth", "true", 0, 1),
        ("U" * 100, None, None, 0),
        ('{"key":1}', None, None, 0),
    ]
    before = desk.query(VALUES)
    assert read(desk, configurationKey={"key": "Map"}, unknownKey="Text") == before


def test_the_keys_of_a_charger_are_bounded_and_the_newest_stay(desk: Desk) -> None:
    many = [{"key": f"key-{number}", "value": "1"} for number in range(2 * MOST_KEYS)]
    assert len(read(desk, configurationKey=many)) == MOST_KEYS
    desk.later(1)
    change(desk, "Newest", "1", "Accepted")
    assert len(desk.query(VALUES)) == MOST_KEYS
    assert desk.query(f"{SET} WHERE set_at IS NOT NULL")[0][:2] == ("Newest", "1")


def test_a_value_that_was_set_is_stored_until_a_reboot_puts_it_into_effect(desk: Desk) -> None:
    change(desk, "Colour", "red", "Rejected")
    change(desk, "Colour", "red", ["Accepted"])
    end(desk, "ChangeConfiguration", {"key": "Colour", "value": "red"}, "NotSupported")
    assert desk.query(SET) == []
    change(desk, "Colour", "red", "Accepted")
    assert desk.query(SET) == [("Colour", "red", NOON, 0)]
    change(desk, "colour", "blue", "RebootRequired")
    assert desk.query(SET) == [("Colour", "blue", NOON, 1)]
    desk.later(1)
    desk.ask("BootNotification", {"chargePointVendor": "go-e", "chargePointModel": "V3"})
    assert desk.query(SET) == [("Colour", "blue", NOON, 0)]


def test_a_password_that_was_set_is_no_configuration_value(desk: Desk) -> None:
    # The queue holds the payload without it.
    change(desk, "AuthorizationKey", "***", "Accepted")
    assert desk.query(SET) == [("AuthorizationKey", "***", NOON, 0)]


def test_the_availability_that_a_charger_has_confirmed_is_stored(desk: Desk) -> None:
    def request(connector_id: object, kind: str, status: object) -> list[Any]:
        payload = {"connectorId": connector_id, "type": kind}
        assert end(desk, "ChangeAvailability", payload, {"status": status}) == "answered"
        return desk.query(AVAILABILITY)

    assert request(1, "Inoperative", "Rejected") == []
    assert request(1, "Inoperative", "Scheduled") == [(1, "Inoperative", "Scheduled", NOON)]
    both = [(0, "Inoperative", "Accepted", NOON), (1, "Operative", "Accepted", NOON)]
    request(0, "Inoperative", "Accepted")
    assert request(1, "Operative", "Accepted") == both
    # Sent with --force.
    assert request("1", "Operative", "Accepted") == request(1, "Broken", "Accepted") == both


def test_a_failed_effect_does_not_undo_the_end_of_its_call(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    # SQLite has no such integer.
    payload = {"connectorId": 10**30, "type": "Operative"}
    assert end(desk, "ChangeAvailability", payload, {"status": "Accepted"}) == "answered"
    assert "the effect of a ChangeAvailability cannot be written" in caplog.text
    assert end(desk, "ChangeAvailability", {"connectorId": 1}, {"status": "Accepted"}) == "answered"


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Return one desk for all examples of a property."""
    return Desk(Path(tmp_path_factory.mktemp("desk")))


KEYS = ("status", "configurationKey", "unknownKey", "key", "value", "readonly")
SOME_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    action=st.sampled_from(sorted(EFFECTS)),
    payload=st.dictionaries(st.sampled_from(("connectorId", "type", "key", "value")), SOME_JSON),
    confirmation=st.dictionaries(st.sampled_from(KEYS), SOME_JSON | st.just("Accepted")),
)
def test_every_confirmation_settles_its_call(
    shared_desk: Desk, action: str, payload: object, confirmation: object
) -> None:
    assert end(shared_desk, action, payload, confirmation) == "answered"


def test_every_action_with_an_effect_is_one_that_is_sent() -> None:
    assert set(EFFECTS) <= set(TO_CHARGE_POINT)
