"""Tests of query plans: statements for each frame and each Call use indices, not table scans."""

import re
from collections.abc import Callable
from pathlib import Path

from shocpp.bookkeeping.jobs import Claim, Connect, Connected, Disconnect, Settle
from shocpp.calls.addressing import address
from shocpp.language.month import Month
from shocpp.store import calls
from shocpp.store.books import audit, prices
from shocpp.store.books.statements import statement_records
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.charge_points import charging, connections
from shocpp.store.database import Database
from shocpp.store.keys import EVERYTHING
from tests.world.desk import Desk, Office
from tests.world.thinned import back_up, close, say_values, session, thin

GROWING = (
    *("accounting_record", "call", "charge_point", "connection", "connector", "frame"),
    *("frame_block", "meter_reading", "meter_reading_block", "near", "price", "received_stop"),
    *("record", "signed_value", "started", "started_transaction", "status_event"),
)
OF_FEW = (
    *("call_queued", "call_pending", "started_transaction_unstopped"),
    "accounting_record_under_review",
)
"""Indices of rows that wait or run at present: there are never many."""


def evening(desk: Desk, charger: str) -> None:
    """Play the connection of a charger with all kinds of frames and one Call."""
    connect = Connect(charger, charger, "192.0.2.1:5000")
    (connected,) = desk.books.write([connect], desk.now_ms)
    assert isinstance(connected, Connected)
    boot = {"chargePointVendor": "v", "chargePointModel": "m", "chargePointSerialNumber": "Sn"}
    desk.ask("BootNotification", boot, charger)
    desk.receive("Heartbeat", {}, charger)
    status = {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}
    desk.ask("StatusNotification", status, charger)
    desk.ask("Authorize", {"idTag": "3333"}, charger)
    transaction_id = desk.start(1_000, charger=charger)
    value = {"timestamp": desk.time(), "sampledValue": [{"value": "1500"}]}
    values = {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}
    desk.ask("MeterValues", values, charger)
    assert charging.open_at(desk.db, charger)
    # No worker has entered itself.
    assert connections.holder(desk.db, charger) is None
    request = {"transactionId": transaction_id}
    addressed = address(desk.db, charger, "RemoteStopTransaction", request)
    call = QueuedCall("id", addressed.charge_point_id, "Reset", "{}", desk.now_ms + 5_000)
    with desk.db.writing(keys=EVERYTHING):
        calls.queue(desk.db, call, "bell", desk.now_ms, asked_by="a test", canned=None)
    desk.books.poll(desk.now_ms, rung=True, watching=False)
    assert desk.books.write([Claim(charger, call)], desk.now_ms) == ["{}"]
    ended = CallOutcome("expired", None, None, None)
    desk.books.write([Settle(charger, "id", ended)], desk.now_ms)
    assert calls.outcome(desk.db, "id") is not None
    desk.stop(transaction_id, 2_000, charger)
    desk.books.write([Disconnect(charger)], desk.now_ms)


def scans(db: Database, ask: Callable[[], object]) -> list[str]:
    """Return the query plan steps that scan a growing table, each with its statement."""
    traced: list[str] = []
    db.connection.set_trace_callback(traced.append)
    ask()
    db.connection.set_trace_callback(None)
    statements = [sql for sql in traced if re.match(r"(SELECT|INSERT|UPDATE|DELETE|WITH)\b", sql)]
    assert statements
    return [
        f"{step}: {sql}"
        for sql in statements
        for *_, step in db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        if _scanned(step) in GROWING and not step.endswith(OF_FEW)
    ]


def test_a_connection_with_transactions_and_calls_scans_no_table(desk: Desk) -> None:
    # Only the first connection of its life counts the Charge Points that were never billed.
    desk.books.write([Connect("first", "garage", "192.0.2.1:4999")], desk.now_ms)
    assert scans(desk.db, lambda: evening(desk, "garage")) == []


def test_the_sums_of_a_month_are_read_without_other_months(desk: Desk) -> None:
    evening(desk, "garage")
    month = Month(2023, 9)
    assert len(audit.MonthAudit(desk.db, month).charge_points()) == 1
    assert scans(desk.db, lambda: audit.MonthAudit(desk.db, month).charge_points()) == []
    assert scans(desk.db, lambda: audit.MonthAudit(desk.db, month).gaps()) == []
    assert scans(desk.db, lambda: statement_records.consumption(desk.db, "2023-09", {})) == []
    own = ("2023-09", {2: "family-y"}, [2])
    assert scans(desk.db, lambda: statement_records.consumption(desk.db, *own)) == []
    assert scans(desk.db, lambda: statement_records.under_review(desk.db, "2023-09", [2])) == []
    assert scans(desk.db, lambda: prices.used(desk.db, *own)) == []
    assert scans(desk.db, lambda: list(statement_records.of_month(desk.db, "2023-09", [2]))) == []
    assert scans(desk.db, lambda: charging.month_wh(desk.db, "family-y", month)) == []


def test_the_search_for_readings_to_thin_out_scans_no_table(tmp_path: Path) -> None:
    office = Office(tmp_path)
    session(office, 1_000, [100] * 40)
    say_values(office, [{"value": "5000"}])
    close(office)
    back_up(office.db)
    assert scans(office.db, lambda: thin(office.db)) == []
    assert office.query("SELECT value FROM property WHERE name = 'thinned 2023-09'") == ["all"]
    # An hour later there is nothing to do.
    assert scans(office.db, lambda: thin(office.db)) == []
    office.db.close()


def _scanned(step: str) -> str | None:
    scan = re.match(r"SCAN (\w+)", step)
    return scan.group(1) if scan else None
