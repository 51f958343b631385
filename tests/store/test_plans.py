"""What is asked for every frame and every Call is found by an index, however many are there."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shocpp.bookkeeping.jobs import Claim, Connect, Connected, Disconnect, Settle
from shocpp.calls.addressing import address
from shocpp.store import calls
from shocpp.store.books import audit, statement_records
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.charge_points import charging, connections
from shocpp.store.database import Database
from tests.bookkeeping.test_bookkeeping import Desk

GROWING = (
    *("accounting_record", "call", "charge_point", "connection", "connector", "frame"),
    *("frame_block", "meter_reading", "meter_reading_block", "near", "price", "received_stop"),
    *("record", "signed_value", "started", "started_transaction", "status_event"),
)
OF_FEW = (
    *("call_queued", "call_pending", "started_transaction_unstopped"),
    "accounting_record_under_review",
)
"""Indices of what waits or runs just now: there are never many."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.db.close()


def evening(desk: Desk, charger: str) -> None:
    """What a charger says, and is asked."""
    connect = Connect(charger, charger, "192.0.2.1:5000")
    (connected,) = desk.books.write([connect], desk.now_ms)
    assert isinstance(connected, Connected)
    boot = {"chargePointVendor": "v", "chargePointModel": "m", "chargePointSerialNumber": "Sn"}
    desk.say("BootNotification", boot, charger)
    desk.receive("Heartbeat", {}, charger)
    status = {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}
    desk.say("StatusNotification", status, charger)
    desk.say("Authorize", {"idTag": "3333"}, charger)
    told = desk.start(1_000, charger=charger)
    value = {"timestamp": desk.time(), "sampledValue": [{"value": "1500"}]}
    values = {"connectorId": 1, "transactionId": told, "meterValue": [value]}
    desk.say("MeterValues", values, charger)
    assert charging.open_at(desk.db, charger)
    assert connections.holder(desk.db, charger) is None  # no worker has entered
    addressed = address(desk.db, charger, "RemoteStopTransaction", {"transactionId": told})
    call = QueuedCall("id", addressed.charge_point_id, "Reset", "{}", desk.now_ms + 5_000)
    with desk.db.writing():
        calls.queue(desk.db, call, "bell", desk.now_ms, asked_by="a test", canned=None)
    desk.books.look(desk.now_ms, rung=True)
    assert desk.books.write([Claim(charger, call)], desk.now_ms) == [True]
    ended = CallOutcome("expired", None, None, None)
    desk.books.write([Settle(charger, "id", ended)], desk.now_ms)
    assert calls.outcome(desk.db, "id") is not None
    desk.stop(told, 2_000, charger)
    desk.books.write([Disconnect(charger)], desk.now_ms)


def scans(db: Database, ask: Callable[[], object]) -> list[str]:
    """The statements of this that read a table from end to end."""
    asked: list[str] = []
    db.connection.set_trace_callback(asked.append)
    ask()
    db.connection.set_trace_callback(None)
    asked = [sql for sql in asked if re.match(r"(SELECT|INSERT|UPDATE|DELETE|WITH)\b", sql)]
    assert asked
    return [
        f"{step}: {sql}"
        for sql in asked
        for *_, step in db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        if _scanned(step) in GROWING and not step.endswith(OF_FEW)
    ]


def test_nothing_is_looked_for_among_all(desk: Desk) -> None:
    assert scans(desk.db, lambda: evening(desk, "garage")) == []


def test_a_month_is_summed_up_without_the_others(desk: Desk) -> None:
    evening(desk, "garage")
    assert len(audit.MonthAudit(desk.db, 2023, 9).charge_points()) == 1
    assert scans(desk.db, lambda: audit.MonthAudit(desk.db, 2023, 9).charge_points()) == []
    assert scans(desk.db, lambda: audit.MonthAudit(desk.db, 2023, 9).gaps()) == []
    assert scans(desk.db, lambda: statement_records.consumption(desk.db, "2023-09")) == []
    assert scans(desk.db, lambda: list(statement_records.of_month(desk.db, "2023-09"))) == []
    assert scans(desk.db, lambda: charging.month_wh(desk.db, "family-y", 2023, 9)) == []


def _scanned(step: str) -> str | None:
    found = re.match(r"SCAN (\w+)", step)
    return found.group(1) if found else None
