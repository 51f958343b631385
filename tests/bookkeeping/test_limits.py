"""The disk that messages take: long texts are cut, and nothing large is stored twice."""

import json
from typing import Any

from shocpp.bookkeeping.jobs import Receive
from shocpp.ocpp.connection import Connection
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
    connection.place("c1", "GetConfiguration", "{}")
    keys = [{"key": f"Key{n}", "readonly": False, "value": "v" * 100} for n in range(300)]
    text = json.dumps([3, "c1", {"configurationKey": keys}])
    job = Receive("token", "garage", text, desk.now_ms, connection.receive(text, desk.now_ms))
    desk.books.write([job], desk.now_ms)
    (confirmation,) = desk.query("SELECT confirmation FROM call")
    assert json.loads(confirmation) == {"configurationKey": keys}
    assert desk.query("SELECT count(*) FROM configuration_values") == [300]
    (stored,) = desk.query("SELECT text FROM frame ORDER BY id DESC LIMIT 1")
    assert len(stored) < 200
