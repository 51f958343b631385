"""OCPP 2.x on a connection of OCPP 1.6: told by what it requires, and never answered."""

import json

import pytest

from shocpp.ocpp.connection import Answered, Connection, OtherVersion, Reported
from shocpp.ocpp.fields.from_charge_point import FROM_CHARGE_POINT
from shocpp.ocpp.fields.of_ocpp_2 import ACTIONS_OF_OCPP_2, MEMBERS
from shocpp.ocpp.fields.to_charge_point import TO_CHARGE_POINT

NOW_MS = 1_693_727_530_000
BOOT = {"reason": "PowerUp", "chargingStation": {"model": "Livo", "vendorName": "EVBox"}}
BOOT_16 = {"chargePointVendor": "EVBox", "chargePointModel": "Livo"}
STATUS = {
    "timestamp": "2024-12-18T10:00:00Z",
    "connectorStatus": "Available",
    "evseId": 1,
    "connectorId": 1,
}
STATUS_16 = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
METERED = {"evseId": 1, "meterValue": [{"timestamp": "2024-12-18T10:00:00Z", "sampledValue": []}]}
TOKEN = {"idToken": {"idToken": "3333", "type": "ISO14443"}}


def event_of(action: str, payload: object) -> object:
    """Return the event of the first Call of a connection."""
    return Connection(55).receive(json.dumps([2, "1", action, payload]), NOW_MS)


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", BOOT),
        ("StatusNotification", STATUS),
        ("MeterValues", METERED),
        ("Authorize", TOKEN),
        ("TransactionEvent", {"eventType": "Started"}),
        ("NotifyEvent", {}),
        ("BootNotification", BOOT | {"chargePointVendor": None}),
    ],
)
def test_a_call_of_ocpp_2_is_another_version(action: str, payload: object) -> None:
    assert event_of(action, payload) == OtherVersion(action)


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", BOOT | BOOT_16),
        ("StatusNotification", STATUS | STATUS_16),
        ("MeterValues", METERED | {"connectorId": 1}),
        ("Authorize", TOKEN | {"idTag": "3333"}),
    ],
)
def test_ocpp_1_6_with_members_of_ocpp_2_is_taken(action: str, payload: object) -> None:
    assert isinstance(event_of(action, payload), Reported)


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", {"chargePointVendor": "v"}),
        ("BootNotification", {"chargePointModel": "m"} | BOOT),
        ("StatusNotification", {"connectorStatus": "Available", "connectorId": 1}),
        ("StatusNotification", {"status": "Available"} | STATUS),
        ("Authorize", {}),
        ("DataTransfer", {"evseId": 1}),
        ("TransactionEvents", {}),
    ],
)
def test_a_faulty_call_of_ocpp_1_6_is_refused_as_before(action: str, payload: object) -> None:
    assert isinstance(event_of(action, payload), Answered)


def test_meter_values_without_any_connector_are_taken() -> None:
    assert isinstance(event_of("MeterValues", {"meterValue": []}), Reported)


def test_one_that_has_booted_as_ocpp_1_6_may_invent_actions() -> None:
    connection = Connection(55)
    boot = json.dumps([2, "1", "BootNotification", BOOT_16])
    event = connection.receive(boot, NOW_MS)
    assert isinstance(event, Reported)
    connection.confirmed(event, boot, "the answer")
    event = connection.receive('[2,"2","NotifyEvent",{}]', NOW_MS)
    assert isinstance(event, Answered)
    assert "NotImplemented" in event.text


def test_no_action_of_ocpp_1_6_is_one_of_ocpp_2_only() -> None:
    assert not ACTIONS_OF_OCPP_2 & (FROM_CHARGE_POINT.keys() | TO_CHARGE_POINT.keys())
    assert MEMBERS.keys() <= FROM_CHARGE_POINT.keys()
