"""The disk that messages take: long texts are cut, and nothing large is stored twice."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from shocpp.bookkeeping import reserve
from shocpp.bookkeeping.jobs import Failed, Receive
from shocpp.bookkeeping.reserve import Reserve
from shocpp.errors import StoreUnavailable
from shocpp.ocpp.connection import Connection
from shocpp.store.charge_points import charging, frames
from shocpp.store.files.space import Space
from shocpp.store.keys import EVERYTHING
from tests.world.desk import Desk

LONG = 1_000_000


def size_of(desk: Desk) -> int:
    """Return the bytes of the database in use."""
    ((pages,), (page_size,)) = (
        desk.db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
    )
    return int(pages * page_size)


def samples(number: int, **more: object) -> list[dict[str, Any]]:
    """Return meter values with registers that rise."""
    return [
        {"timestamp": "2023-09-03T10:00:00Z", "sampledValue": [{"value": f"{wh}"} | more]}
        for wh in range(9_042_000, 9_042_000 + number)
    ]


def test_a_long_message_of_any_action_takes_a_few_kilobytes(desk: Desk) -> None:
    junk = {"junk": "x" * LONG, "more": [["y"] * LONG]}
    before = size_of(desk)
    desk.ask("BootNotification", {"chargePointVendor": "x", "chargePointModel": "y", **junk})
    desk.ask("DataTransfer", {"vendorId": "x", "data": "d" * LONG})
    status = {"connectorId": 1, "status": "s" * LONG, "errorCode": "e" * LONG, **junk}
    desk.ask("StatusNotification", status)
    desk.ask("FirmwareStatusNotification", {"status": "f" * LONG})
    desk.receive("Heartbeat", junk)
    desk.ask("MeterValues", {"connectorId": 1, "meterValue": samples(3, junk="x" * LONG)})
    sent = desk.start(**junk)
    desk.stop(sent, 9_043_000, **junk)
    desk.receive_text("no JSON" * LONG)
    desk.receive_text(json.dumps([2, "i" * LONG, "a" * LONG, {}]))
    assert size_of(desk) - before < 250_000
    assert desk.records() == [("family-y", 1_000, None)]
    assert desk.query("SELECT register_wh FROM meter_reading") == [9_042_000, 9_042_001, 9_042_002]
    assert desk.query("SELECT json_valid(text) FROM frame WHERE text NOT LIKE 'no JSON%'") == [
        1 for _ in range(9)
    ]
    (content,) = desk.query("SELECT content FROM data_transfer")
    assert content == "d" * 4_096 + "[cut: 1000000 characters]"


def test_the_secret_of_a_long_text_is_not_stored(desk: Desk) -> None:
    keys = [{"value": "geheim", "key": "AuthorizationKey"}, {"key": "x", "value": "x" * LONG}]
    desk.receive_text(json.dumps([2, "1", "DataTransfer", {"vendorId": "x", "keys": keys}]))
    desk.receive_text('[{"value":"geheim","junk":"' + "x" * LONG + '","key":"AuthorizationKey"')
    assert desk.query("SELECT count(*) FROM frame") == [2]
    assert desk.query("SELECT count(*) FROM frame WHERE text LIKE '%geheim%'") == [0]


def test_all_samples_and_signed_values_of_a_stop_are_stored_once(desk: Desk) -> None:
    signed = samples(1, format="SignedData", value="OCMF|" + "s" * LONG)
    data = samples(2_000) + signed
    assert desk.stop(7, 9_044_000, transactionData=data) == {}
    (text,) = desk.query("SELECT text FROM frame WHERE action = 'StopTransaction'")
    assert json.loads(text)[3]["transactionData"] == data
    assert desk.query("SELECT count(*) FROM meter_values") == [2_001]
    assert desk.query("SELECT length(value) FROM signed_values") == [LONG + 5]
    (frame_text,) = desk.query("SELECT frame_text FROM received_stop")
    assert len(frame_text) < 1_000
    assert json.loads(frame_text)[3]["meterStop"] == 9_044_000


def test_the_lists_of_a_long_confirmation_are_stored_once(desk: Desk) -> None:
    desk.receive("Heartbeat", {})
    desk.db.execute(
        "INSERT INTO call (call_id, charge_point, action, payload, state, queued_ms, deadline_ms,"
        " token) VALUES ('c1', 1, 'GetConfiguration', '{}', 'sent', 0, 0, 'token')"
    )
    connection = Connection(heartbeat_s=55)
    connection.place("c1", "GetConfiguration", "{}", desk.now_ms)
    keys = [{"key": f"Key{n}", "readonly": False, "value": "v" * 100} for n in range(300)]
    text = json.dumps([3, "c1", {"configurationKey": keys}])
    job = Receive("token", "garage", text, desk.now_ms, connection.receive(text, desk.now_ms))
    desk.books.write([job], desk.now_ms)
    (confirmation,) = desk.query("SELECT confirmation FROM call")
    assert json.loads(confirmation) == {"configurationKey": keys}
    assert desk.query("SELECT count(*) FROM configuration_values") == [300]
    (stored,) = desk.query("SELECT text FROM frame ORDER BY id DESC LIMIT 1")
    assert len(stored) < 200


# -- over the budget of the day -------------------------------------------------------------------


def meter(desk: Desk, sent: object, *registers: int) -> None:
    """Send a MeterValues for each register, a minute apart."""
    for wh in registers:
        value = {"timestamp": desk.time(), "sampledValue": [{"value": f"{wh}"}]}
        values = {"connectorId": 1, "transactionId": sent, "meterValue": [value]}
        desk.ask("MeterValues", values)
        desk.now_ms += 59_000


def test_over_the_budget_only_the_sums_of_messages_are_stored(desk: Desk) -> None:
    desk.receive("Heartbeat", {})
    desk.keeps_text = False
    desk.ask("DataTransfer", {"vendorId": "x", "data": "é" * 500})
    desk.ask("DataTransfer", {"vendorId": "x", "data": "x"})
    desk.ask("FirmwareStatusNotification", {"status": "Idle"})
    desk.ask("SecurityEventNotification", {"type": "x", "timestamp": desk.time()})
    desk.ask("SignCertificate", {"csr": "x"})
    desk.receive("invented", {})
    desk.receive("invented too", {})
    desk.now_ms += 86_400_000
    desk.receive("DataTransfer", {"vendorId": "x"})
    assert desk.query("SELECT action FROM frame") == ["Heartbeat"]
    for table in ("data_transfer", "progress_event", "security_event", "certificate_request"):
        assert desk.query(f"SELECT count(*) FROM {table}") == [0]
    assert desk.query("SELECT day, action, frames, bytes > 1000 FROM dropped_frames") == [
        ("2023-09-03", "DataTransfer", 2, 1),
        ("2023-09-03", "FirmwareStatusNotification", 1, 0),
        ("2023-09-03", "SecurityEventNotification", 1, 0),
        ("2023-09-03", "SignCertificate", 1, 0),
        ("2023-09-03", "other", 2, 0),
        ("2023-09-04", "DataTransfer", 1, 0),
    ]


def test_over_the_budget_the_state_of_a_charger_is_current(desk: Desk) -> None:
    desk.keeps_text = False
    desk.ask("BootNotification", {"chargePointVendor": "x", "chargePointModel": "y"})
    for status in ("Available", "Charging"):
        payload = {"connectorId": 1, "status": status, "errorCode": "NoError"}
        desk.ask("StatusNotification", payload)
    assert desk.query("SELECT model FROM charge_points") == ["y"]
    assert desk.query("SELECT status FROM connectors") == ["Charging"]
    assert desk.query("SELECT count(*) FROM status_event") == [0]
    (state,) = charging.connectors(desk.db, "garage")
    assert (state.since_ms, state.notified_ms) == (desk.now_ms - 1_000, desk.now_ms - 1_000)


def test_over_the_budget_energy_is_booked_and_its_readings_are_stored(desk: Desk) -> None:
    desk.keeps_text = False
    sent = desk.start(5_000)
    meter(desk, sent, 6_000, 9_000, 100, 2_000)
    desk.ask("MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": []}] * 5})
    desk.stop(sent, 3_000)
    assert desk.records() == [("family-y", 7_000, None)]
    assert desk.query("SELECT register_wh, frame FROM meter_reading") == [
        (wh, 0) for wh in (6_000, 9_000, 100, 2_000)
    ]
    assert desk.query("SELECT action FROM frame") == ["StartTransaction", "StopTransaction"]


def test_signed_values_over_the_budget_are_stored(desk: Desk) -> None:
    desk.keeps_text = False
    sent, value = desk.start(5_000), samples(1, format="SignedData", value="OCMF|" + "s" * LONG)
    desk.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": value})
    assert desk.query("SELECT length(value) FROM signed_values") == [LONG + 5]


def test_dropped_frames_are_purged_with_the_frames(desk: Desk) -> None:
    desk.keeps_text = False
    desk.receive("Heartbeat", {})
    desk.now_ms += 86_400_000
    desk.receive("Heartbeat", {})
    with desk.db.writing(keys=EVERYTHING):
        assert frames.purge(desk.db, desk.now_ms) == 0
    assert desk.query("SELECT day FROM dropped_frames") == ["2023-09-04"]


# -- caps -----------------------------------------------------------------------------------------


def test_64_connectors_of_a_charger_have_rows(desk: Desk) -> None:
    for connector_id in (*range(100), 5):
        payload = {"connectorId": connector_id, "status": "Available", "errorCode": "NoError"}
        desk.ask("StatusNotification", payload)
    payload = {"connectorId": 99, "status": "Available", "errorCode": "NoError"}
    desk.ask("StatusNotification", payload, "yard")
    assert desk.query("SELECT count(*), max(connector_id) FROM connectors") == [(65, 99)]
    assert desk.query("SELECT count(*) FROM status_event") == [66]


# -- below the reserve of the disk ----------------------------------------------------------------


@pytest.fixture
def low(desk: Desk) -> Desk:
    """A desk on a disk whose reserve is used."""
    desk.receive("Heartbeat", {})
    desk.books.caches.reserve.is_used = True
    return desk


def quarters(desk: Desk, sent: object, *registers: int, minutes: float) -> None:
    """Send a MeterValues for each register, so many minutes apart."""
    for wh in registers:
        desk.now_ms += int(minutes * 60_000)
        value = {"timestamp": desk.time(), "sampledValue": [{"value": f"{wh}"}]}
        values = {"connectorId": 1, "transactionId": sent, "meterValue": [value]}
        desk.receive("MeterValues", values)


def test_below_the_reserve_only_the_ledger_is_written(low: Desk) -> None:
    low.ask("DataTransfer", {"vendorId": "x", "data": "x"})
    payload = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
    low.ask("StatusNotification", payload)
    low.receive("Heartbeat", {})
    sent = low.start(5_000)
    low.stop(sent, 6_000)
    assert low.records() == [("family-y", 1_000, None)]
    assert low.query("SELECT status FROM connectors") == ["Available"]
    actions = ["Heartbeat", "StartTransaction", "StopTransaction"]
    assert low.query("SELECT action FROM frame ORDER BY id") == actions
    for table in ("data_transfer", "status_event", "dropped_frame"):
        assert low.query(f"SELECT count(*) FROM {table}") == [0]


def test_below_the_reserve_a_reading_each_quarter_of_an_hour_and_the_last_is_written(
    low: Desk,
) -> None:
    sent = low.start(0)
    quarters(low, sent, *range(100, 4_100, 100), minutes=1)
    low.stop(sent, None)
    assert low.query("SELECT register_wh FROM meter_reading ORDER BY id") == [
        *(100, 1_600, 3_100),
        4_000,
    ]
    assert low.records()[0][1] == 4_000


def test_below_the_reserve_both_sides_of_a_fall_are_written_but_not_of_each_of_many(
    low: Desk,
) -> None:
    sent = low.start(5_000)
    quarters(low, sent, 6_000, 7_000, 8_000, 9_000, 100, 1_000, minutes=0.1)
    low.stop(sent, 2_000)
    registers = low.query("SELECT register_wh FROM meter_reading ORDER BY id")
    assert registers == [6_000, 9_000, 100, 1_000]
    assert low.records() == [("family-y", 6_000, None)]
    quarters(low, None, *[9, 5] * 100, minutes=0.01)
    assert low.query("SELECT count(*) FROM meter_reading WHERE register_wh < 10") == [8]


def test_below_the_reserve_both_sides_of_a_fall_in_the_next_quarter_are_written(low: Desk) -> None:
    sent = low.start(5_000)
    quarters(low, sent, 6_000, 9_000, 100, minutes=10)
    low.stop(sent, 2_000)
    assert low.records() == [("family-y", 6_000, None)]


def test_below_the_reserve_a_fall_counts_also_if_it_could_not_be_written_at_first(
    low: Desk,
) -> None:
    sent = low.start(5_000)
    quarters(low, sent, 6_000, 9_000, minutes=1)
    low.later(0.1)
    value = {"timestamp": low.time(), "sampledValue": [{"value": "100"}]}
    values = {"connectorId": 1, "transactionId": sent, "meterValue": [value]}
    large = {"transactionId": sent, "transactionData": samples(400)}
    with full_disk(low), pytest.raises(StoreUnavailable):
        low.books.write(
            [job(low, "MeterValues", values), job(low, "StopTransaction", large)], low.now_ms
        )
    low.receive("MeterValues", values)
    low.later(0.2)
    low.stop(sent, 2_000)
    assert low.records() == [("family-y", 6_000, None)]


@contextlib.contextmanager
def full_disk(desk: Desk) -> Iterator[None]:
    """The database cannot grow."""
    desk.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ((pages,),) = desk.db.execute("PRAGMA page_count").fetchall()
    desk.db.execute(f"PRAGMA max_page_count={pages}")
    yield
    desk.db.execute("PRAGMA max_page_count=1073741823")


def job(desk: Desk, action: str, payload: object) -> Receive:
    """Return the job of a Call that has arrived now."""
    text = json.dumps([2, action, action, payload])
    event = Connection(heartbeat_s=55).receive(text, desk.now_ms)
    return Receive("token", "garage", text, desk.now_ms, event)


def test_when_there_is_room_again_the_newest_reading_is_not_lost(low: Desk) -> None:
    sent = low.start(5_000)
    quarters(low, sent, 6_000, 9_000, minutes=1)
    low.books.caches.reserve.is_used = False
    quarters(low, sent, 100, minutes=1)
    low.stop(sent, 2_000)
    assert low.records() == [("family-y", 6_000, None)]


def test_a_reading_that_waited_ends_a_transaction_also_when_there_is_room_again(low: Desk) -> None:
    sent = low.start(5_000)
    quarters(low, sent, 6_000, 9_000, minutes=1)
    low.books.caches.reserve.is_used = False
    low.stop(sent, None)
    assert low.records()[0][1] == 4_000


def test_below_the_reserve_a_charger_with_many_connectors_has_few_readings(low: Desk) -> None:
    for connector_id in range(1_000):
        values = {"connectorId": connector_id, "meterValue": samples(1)}
        low.ask("MeterValues", values)
    assert low.query("SELECT count(*) FROM meter_reading") == [64]


def test_below_the_reserve_who_books_more_than_a_session_a_minute_is_sent_away(low: Desk) -> None:
    booked = 0
    for number in range(40):
        start = {"connectorId": 1, "idTag": "3333", "meterStart": number, "timestamp": low.time()}
        booked += isinstance(low.receive("StartTransaction", start), str)
        low.books._messages.forget("token")  # it connects again
        low.now_ms += 6_000
    assert 8 <= booked <= 13
    assert low.query("SELECT count(*) FROM started_transaction") == [booked]
    low.now_ms -= 6_000
    stops = [low.receive("StopTransaction", {"transactionId": number}) for number in range(2)]
    assert isinstance(stops[-1], Failed)
    low.now_ms += 120_000
    assert low.receive("Heartbeat", {}) is None


def test_below_the_reserve_a_large_stop_waits(low: Desk) -> None:
    sent = low.start(5_000)
    large = {"transactionId": sent, "meterStop": 6_000, "transactionData": samples(5_000)}
    assert isinstance(low.receive("StopTransaction", large), Failed)
    low.books._messages.forget("token")
    low.books.caches.reserve.is_used = False
    assert isinstance(low.receive("StopTransaction", large), str)


def test_below_the_reserve_signed_values_are_few(low: Desk) -> None:
    value = samples(1, format="SignedData", value="OCMF|" + "s" * 1_000)
    for _ in range(20):
        low.ask("MeterValues", {"connectorId": 1, "meterValue": value})
    assert low.query("SELECT count(*) FROM signed_values") == [1]


def test_the_reserve_is_used_below_it_and_not_again_before_there_is_a_tenth_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 1_000_000_000
    monkeypatch.setattr(reserve, "space_of", lambda _: Space(free, 2_000_000_000))
    watched = Reserve(desk.path, 100)
    states = []
    for megabytes in (250, 199, 101, 99, 105, 111):
        free = megabytes * 1_000_000
        watched.check((), 0.0)
        states.append((watched.is_used, (watched.notice or "-")[:16]))
    assert states == [
        (False, "-"),
        (False, "space is low: 19"),
        (False, "space is low: 10"),
        (True, "space is used up"),
        (True, "space is used up"),
        (False, "space is low: 11"),
    ]
    # A batch that does not fit above the reserve.
    text = "x" * 10_000_000
    job = Receive("token", "garage", text, 0, Connection(55).receive(text, 0))
    watched.check([job], 0.0)
    assert watched.is_used
