"""Tests of the actions: each makes a fact and, if no ledger is needed, a confirmation."""

import contextlib
import json
import sqlite3
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ocpp.actions import ACTIONS, LONGEST_ID_TAG, NEVER_REFUSED, Answer, CallContext
from shocpp.ocpp.facts import (
    AuthorizationRequested,
    Booted,
    CertificateRequested,
    DataTransferred,
    Fact,
    MeterValuesReported,
    ProgressReported,
    Reading,
    SecurityEventReported,
    StatusReported,
    TransactionStarted,
    TransactionStopped,
)
from shocpp.ocpp.fields.from_charge_point import FROM_CHARGE_POINT
from shocpp.ocpp.frames import Payload
from shocpp.ocpp.json_text import to_text
from shocpp.ocpp.validation import first_violation

NOW_MS = 1_693_727_530_000
NOW = "2023-09-03T07:52:10.000Z"
CONTEXT = CallContext(NOW_MS, 55)

START: Payload = {
    "connectorId": 1,
    "idTag": "1111",
    "meterStart": 9_042_000,
    "timestamp": NOW,
    "reservationId": 3,
}
STOP: Payload = {
    "transactionId": 20_009_042,
    "idTag": "1111",
    "meterStop": 9_075_000,
    "timestamp": NOW,
    "reason": "EVDisconnected",
    "transactionData": [{"timestamp": NOW, "sampledValue": [{"value": "9075000"}]}],
}
METER_VALUES: Payload = {
    "connectorId": 1,
    "transactionId": 20_009_042,
    "meterValue": [{"timestamp": NOW, "sampledValue": [{"value": "9050000"}]}],
}


def answer(action: str, payload: Payload) -> Answer:
    """Return the fact and the confirmation of an action."""
    return ACTIONS[action](payload, CONTEXT)


def started(**changed: object) -> TransactionStarted:
    """Return the fact of a StartTransaction; a member changed to `...` is left out."""
    payload = {name: value for name, value in (START | changed).items() if value is not ...}
    fact, confirmation = answer("StartTransaction", payload)
    assert isinstance(fact, TransactionStarted)
    assert confirmation is None
    return fact


def stopped(**changed: object) -> TransactionStopped:
    """Return the fact of a StopTransaction; a member changed to `...` is left out."""
    payload = {name: value for name, value in (STOP | changed).items() if value is not ...}
    fact, confirmation = answer("StopTransaction", payload)
    assert isinstance(fact, TransactionStopped)
    assert confirmation is None
    return fact


def reported(**changed: object) -> MeterValuesReported:
    """Return the fact of MeterValues; a member changed to `...` is left out."""
    payload = {name: value for name, value in (METER_VALUES | changed).items() if value is not ...}
    fact, confirmation = answer("MeterValues", payload)
    assert isinstance(fact, MeterValuesReported)
    assert confirmation == {}
    return fact


# --- the table ---


def test_every_action_of_a_charge_point_is_answered() -> None:
    assert set(ACTIONS) == set(FROM_CHARGE_POINT)


@pytest.mark.parametrize(
    ("action", "payload", "fact", "confirmation"),
    [
        ("Authorize", {"idTag": "1111"}, AuthorizationRequested("1111"), None),
        (
            "BootNotification",
            {
                "chargePointVendor": "go-e",
                "chargePointModel": "Charger",
                "chargePointSerialNumber": "219010",
                "chargeBoxSerialNumber": "box",
                "firmwareVersion": "055.7",
                "meterSerialNumber": "m1",
            },
            Booted("go-e", "Charger", "219010", "055.7", "m1"),
            f'{{"status":"Accepted","currentTime":"{NOW}","interval":55}}',
        ),
        (
            "DataTransfer",
            {"vendorId": "EVBox", "messageId": "evbStatusNotification", "data": "x"},
            DataTransferred("EVBox", "evbStatusNotification", "x"),
            '{"status":"UnknownVendorId"}',
        ),
        (
            "DiagnosticsStatusNotification",
            {"status": "Uploading"},
            ProgressReported("DiagnosticsStatusNotification", "Uploading", None),
            "{}",
        ),
        (
            "FirmwareStatusNotification",
            {"status": "Installed"},
            ProgressReported("FirmwareStatusNotification", "Installed", None),
            "{}",
        ),
        ("Heartbeat", {}, None, f'{{"currentTime":"{NOW}"}}'),
        (
            "LogStatusNotification",
            {"status": "Uploaded", "requestId": 5},
            ProgressReported("LogStatusNotification", "Uploaded", 5),
            "{}",
        ),
        (
            "MeterValues",
            METER_VALUES,
            MeterValuesReported(1, 20_009_042, (Reading(NOW_MS, 9_050_000, None, "Outlet"),)),
            "{}",
        ),
        (
            "SecurityEventNotification",
            {"type": "FirmwareUpdated", "timestamp": NOW, "techInfo": "x"},
            SecurityEventReported("FirmwareUpdated", "x", NOW_MS),
            "{}",
        ),
        (
            "SignCertificate",
            {"csr": "-----"},
            CertificateRequested("-----"),
            '{"status":"Rejected"}',
        ),
        (
            "SignedFirmwareStatusNotification",
            {"status": "Idle", "requestId": 5},
            ProgressReported("SignedFirmwareStatusNotification", "Idle", 5),
            "{}",
        ),
        (
            "StartTransaction",
            START,
            TransactionStarted(1, "1111", 9_042_000, 9_042_000, NOW_MS, NOW, 3, ()),
            None,
        ),
        (
            "StatusNotification",
            {
                "connectorId": 1,
                "status": "Charging",
                "errorCode": "NoError",
                "info": "i",
                "vendorId": "v",
                "vendorErrorCode": "0x0000",
                "timestamp": NOW,
            },
            StatusReported(1, "Charging", "NoError", "i", "v", "0x0000", NOW_MS),
            "{}",
        ),
        (
            "StopTransaction",
            STOP,
            TransactionStopped(
                transaction_id=20_009_042,
                transaction_id_text="20009042",
                id_tag="1111",
                meter_stop_wh=9_075_000,
                plain_stop_wh=9_075_000,
                stopped_ms=NOW_MS,
                stopped_text=NOW,
                reason="EVDisconnected",
                readings=(Reading(NOW_MS, 9_075_000, None, "Outlet"),),
                flags=(),
            ),
            None,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value in ACTIONS else "",
)
def test_an_action_makes_a_fact_and_a_confirmation_in_the_specifications_order(
    action: str, payload: Payload, fact: Fact | None, confirmation: str | None
) -> None:
    """`None` as the confirmation: the ledger decides it."""
    assert first_violation(FROM_CHARGE_POINT[action], payload, strict=False) is None
    made = answer(action, payload)
    assert made.fact == fact
    assert (None if made.confirmation is None else to_text(made.confirmation)) == confirmation


# --- members that may be missing ---


def test_a_boot_needs_no_more_than_vendor_and_model() -> None:
    payload = {"chargePointVendor": "v", "chargePointModel": "m"}
    assert answer("BootNotification", payload).fact == Booted("v", "m", None, None, None)


def test_the_charge_boxs_serial_stands_in_for_a_missing_or_empty_one() -> None:
    payload = {"chargePointVendor": "v", "chargePointModel": "m", "chargeBoxSerialNumber": "box"}
    assert answer("BootNotification", payload).fact == Booted("v", "m", "box", None, None)
    payload["chargePointSerialNumber"] = ""
    assert answer("BootNotification", payload).fact == Booted("v", "m", "box", None, None)


def test_a_status_needs_no_timestamp() -> None:
    """ABB sends none."""
    payload = {"connectorId": 0, "status": "Available", "errorCode": "NoError"}
    assert answer("StatusNotification", payload).fact == StatusReported(
        0, "Available", "NoError", None, None, None, None
    )


def test_a_data_transfer_needs_no_data() -> None:
    assert answer("DataTransfer", {"vendorId": "v"}).fact == DataTransferred("v", None, None)


# --- StartTransaction is never refused ---


@pytest.mark.parametrize(
    ("value", "connector_id"),
    [("1", 1), (1.0, 1), (0, 0), (2**31 - 1, 2**31 - 1)],
)
def test_a_connector_id_is_read_in_other_spellings(value: object, connector_id: int) -> None:
    assert started(connectorId=value).connector_id == connector_id
    assert started(connectorId=value).flags == ()


@pytest.mark.parametrize("value", [..., None, True, -1, 2**31, "left", [], {}, float("nan")])
def test_an_unreadable_connector_id_is_0_and_flagged(value: object) -> None:
    assert started(connectorId=value).connector_id == 0
    assert started(connectorId=value).flags == ("connector id unreadable",)


@pytest.mark.parametrize("value", ["", None, ...])
def test_an_empty_id_tag_is_an_absent_one(value: object) -> None:
    """Wallbox sends "", free-vend boxes send none."""
    assert started(idTag=value).id_tag == ""
    assert stopped(idTag=value).id_tag is None
    assert started(idTag=value).flags == stopped(idTag=value).flags == ()


@pytest.mark.parametrize(
    ("value", "id_tag"), [(1111, "1111"), (True, "True"), (["1111"], "['1111']"), ({}, "{}")]
)
def test_an_id_tag_that_is_no_string_is_spelled_and_flagged(value: object, id_tag: str) -> None:
    assert started(idTag=value).id_tag == stopped(idTag=value).id_tag == id_tag
    assert started(idTag=value).flags == stopped(idTag=value).flags == ("id tag not a string",)


@pytest.mark.parametrize(
    ("value", "id_tag"), [(3333, "3333"), ("3333", "3333"), ("", ""), (10**25, f"1{'0' * 25}")]
)
def test_a_number_as_id_tag_is_authorized_by_its_digits(value: object, id_tag: str) -> None:
    """StartTransaction reads it alike, so both name the same card."""
    payload = {"idTag": value}
    assert first_violation(FROM_CHARGE_POINT["Authorize"], payload, strict=False) is None
    assert answer("Authorize", payload).fact == AuthorizationRequested(id_tag)
    assert started(idTag=value).id_tag == id_tag


@pytest.mark.parametrize("value", [-1, "-1", -1.0])
def test_a_meter_reading_of_minus_1_is_unknown(value: object) -> None:
    """ABL's manual."""
    start, stop = started(meterStart=value), stopped(meterStop=value)
    assert (start.meter_start_wh, start.flags) == (None, ("meterStart unknown",))
    assert (stop.meter_stop_wh, stop.flags) == (None, ("meterStop unknown",))


def test_other_negative_meter_readings_stay() -> None:
    assert (started(meterStart=-2).meter_start_wh, started(meterStart=-2).flags) == (-2, ())
    assert (stopped(meterStop=-150).meter_stop_wh, stopped(meterStop=-150).flags) == (-150, ())


@pytest.mark.parametrize("action", ["BootNotification", "Heartbeat"])
def test_the_current_time_has_milliseconds(action: str) -> None:
    """Ampure Next hangs up without them."""
    payload = {"chargePointVendor": "Ampure", "chargePointModel": "Next"}
    _, confirmation = answer(action, payload)
    assert confirmation is not None
    assert confirmation["currentTime"] == "2023-09-03T07:52:10.000Z"


def test_an_endless_id_tag_is_cut() -> None:
    assert started(idTag="x" * 5000).id_tag == "x" * LONGEST_ID_TAG


@pytest.mark.parametrize(
    ("value", "wh"), [("9042000", 9_042_000), (9042000.4, 9_042_000), (" 7.5 ", 8), (-5.0, -5)]
)
def test_a_reading_that_is_no_integer_is_read_and_flagged(value: object, wh: int) -> None:
    """A fractional meterStop once stranded eight sessions (shiv3#83)."""
    assert started(meterStart=value).meter_start_wh == wh
    assert started(meterStart=value).flags == ("meterStart not an integer",)
    assert stopped(meterStop=value).meter_stop_wh == wh
    assert stopped(meterStop=value).flags == ("meterStop not an integer",)


@pytest.mark.parametrize("value", [..., None, True, "full", [], 2**70, Decimal("9" * 5000)])
def test_an_unreadable_reading_is_flagged(value: object) -> None:
    assert started(meterStart=value).meter_start_wh is None
    assert started(meterStart=value).flags == ("meterStart unreadable",)
    assert stopped(meterStop=value).meter_stop_wh is None
    assert stopped(meterStop=value).flags == ("meterStop unreadable",)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (..., None),
        (None, None),
        ("", None),
        (5, None),
        ("1970-01-01T00:00:09Z", "1970-01-01T00:00:09Z"),
        ("x" * 500, "x" * 100),
    ],
)
def test_an_implausible_time_is_kept_as_it_was_written(value: object, text: str | None) -> None:
    assert (started(timestamp=value).started_ms, started(timestamp=value).started_text) == (
        None,
        text,
    )
    assert (stopped(timestamp=value).stopped_ms, stopped(timestamp=value).stopped_text) == (
        None,
        text,
    )


@pytest.mark.parametrize("value", [..., None, "3", 3.0, True, 2**70, [3]])
def test_an_odd_reservation_is_none(value: object) -> None:
    assert started(reservationId=value).reservation_id is None


# --- StopTransaction is never refused ---


@pytest.mark.parametrize("value", [20_009_042, -1, 0, -7])
def test_an_integer_transaction_id_is_taken_as_it_is(value: int) -> None:
    assert stopped(transactionId=value).transaction_id == value
    assert stopped(transactionId=value).flags == ()


@pytest.mark.parametrize("value", ["20009042", 20009042.0, " 20009042 "])
def test_a_transaction_id_in_another_spelling_is_read_and_flagged(value: object) -> None:
    assert stopped(transactionId=value).transaction_id == 20_009_042
    assert stopped(transactionId=value).transaction_id_text == str(value)
    assert stopped(transactionId=value).flags == ("transaction id unusual",)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (..., "None"),
        (None, "None"),
        (True, "True"),
        (20009042.5, "20009042.5"),
        (9223372036854775807, "9223372036854775807"),
        ("local-7", "local-7"),
        ([], "[]"),
        ("9" * 500, "9" * 100),
        (["9" * 500], "['" + "9" * 98),
    ],
)
def test_an_unreadable_transaction_id_is_kept_as_text(value: object, text: str) -> None:
    """Alfen sends 2^63 - 1."""
    assert stopped(transactionId=value).transaction_id is None
    assert stopped(transactionId=value).transaction_id_text == text
    assert stopped(transactionId=value).flags == ("transaction id unusual",)


@pytest.mark.parametrize("value", [..., None, "", 5, {}])
def test_a_missing_reason_is_local(value: object) -> None:
    """OCPP 1.6 §4.10."""
    assert stopped(reason=value).reason == "Local"


def test_a_vendors_own_reason_is_kept() -> None:
    assert stopped(reason="SuspendedByUser").reason == "SuspendedByUser"


@pytest.mark.parametrize("value", [..., None, {}, "x", [], [7]])
def test_missing_or_odd_transaction_data_is_no_reading(value: object) -> None:
    assert stopped(transactionData=value).readings == ()


def test_flags_of_several_members_stand_together() -> None:
    assert stopped(idTag=5, transactionId="x", meterStop="x").flags == (
        "id tag not a string",
        "transaction id unusual",
        "meterStop unreadable",
    )


# --- MeterValues are never refused ---


@pytest.mark.parametrize(("value", "sent"), [(..., None), (0, 0), (-1, -1), ("7", 7), (7.5, None)])
def test_meter_values_have_a_transaction_id_if_it_is_readable(value: object, sent: Any) -> None:
    assert reported(transactionId=value).transaction_id == sent


def test_meter_values_of_the_whole_charge_point_are_those_of_connector_0() -> None:
    assert reported(connectorId=0).connector_id == 0
    assert reported(connectorId="?").connector_id == 0


# --- properties ---

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.text()
    | st.just(Decimal("9" * 4400))
    | st.datetimes().map(lambda moment: moment.isoformat()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=3)
            | st.sampled_from(["sampledValue", "value", "unit", "measurand", "phase", "timestamp"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
members = ["connectorId", "idTag", "meterStart", "meterStop", "timestamp", "transactionId"]
members += ["reservationId", "reason", "transactionData", "meterValue"]


def assert_storable(fact: Fact) -> None:
    """Check that SQLite returns every value of a fact unchanged."""
    values = [value for value in fact if not isinstance(value, tuple)]
    values += [value for reading in getattr(fact, "readings", ()) for value in reading]
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        row = db.execute(f"SELECT {', '.join('?' * len(values))}", values).fetchone()
    assert list(row) == values


@given(
    st.sampled_from(sorted(NEVER_REFUSED)),
    st.dictionaries(st.sampled_from(members) | st.text(max_size=3), json_values, max_size=8),
)
def test_every_payload_about_energy_becomes_a_fact_that_can_be_stored(
    action: str, payload: dict[str, Any]
) -> None:
    fact = answer(action, payload).fact
    assert fact is not None
    assert_storable(fact)


@given(
    st.sampled_from(sorted(set(ACTIONS) - NEVER_REFUSED)),
    st.dictionaries(st.sampled_from([*members, "status", "vendorId", "data"]), json_values),
    st.data(),
)
def test_a_payload_without_violation_becomes_a_fact_or_an_answer(
    action: str, payload: dict[str, Any], data: st.DataObject
) -> None:
    for name in FROM_CHARGE_POINT[action]:
        if data.draw(st.booleans(), label=name):
            payload[name] = data.draw(json_values | st.text(max_size=5) | st.integers(0, 3))
    if first_violation(FROM_CHARGE_POINT[action], payload, strict=False) is None:
        fact, confirmation = answer(action, payload)
        if fact is not None:
            assert_storable(fact)
        if confirmation is not None:
            json.loads(to_text(confirmation))
