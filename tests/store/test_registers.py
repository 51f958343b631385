"""The newest registers of connectors, as chargers have reported them."""

from typing import Any

from shocpp.store.charge_points import identities, registers
from shocpp.store.charge_points.registers import NewestRegister
from tests.world.desk import Desk


def report(desk: Desk, *registers_wh: int, connector_id: int = 1, **labels: str) -> None:
    """Report these registers of a connector."""
    samples = [
        {"measurand": "Energy.Active.Import.Register", "value": str(wh), "unit": "Wh", **labels}
        for wh in registers_wh
    ]
    value: list[dict[str, Any]] = [{"timestamp": desk.time(), "sampledValue": samples}]
    desk.ask("MeterValues", {"connectorId": connector_id, "meterValue": value})


def row(desk: Desk) -> int:
    """Return the row id of the garage."""
    found = identities.row_of(desk.db, "garage")
    assert found is not None
    return found


def test_the_newest_reading_of_each_connector_counts(desk: Desk) -> None:
    report(desk, 9_000)
    report(desk, 9_100)
    report(desk, 500, connector_id=2)
    found = registers.of_readings(desk.db, row(desk))
    assert {at: one.register_wh for at, one in found.items()} == {1: 9_100, 2: 500}


def test_the_best_source_counts_also_if_another_one_is_newer(desk: Desk) -> None:
    report(desk, 9_000, location="Outlet")
    report(desk, 700, location="Body")
    found = registers.of_readings(desk.db, row(desk))
    assert found[1].register_wh == 9_000


def test_a_reading_counts_also_if_its_message_names_no_transaction(desk: Desk) -> None:
    report(desk, 9_000)
    desk.start(9_000)
    desk.later(0.1)
    report(desk, 9_100)
    sources = desk.query("SELECT DISTINCT register_source FROM meter_reading ORDER BY id")
    assert len(sources) == 2
    assert registers.of_readings(desk.db, row(desk))[1].register_wh == 9_100


def test_start_and_stop_of_the_newest_transaction_are_registers(desk: Desk) -> None:
    first = desk.start(9_000)
    desk.stop(first, 9_500)
    begun_ms = desk.now_ms
    transaction = desk.start(9_500)
    place = row(desk), 1
    assert registers.of_transactions(desk.db)[place] == [NewestRegister(9_500, begun_ms)]
    stopped_ms = desk.now_ms
    desk.stop(transaction, 16_500)
    assert registers.of_transactions(desk.db)[place] == [
        NewestRegister(9_500, begun_ms),
        NewestRegister(16_500, stopped_ms),
    ]


def test_a_register_that_begins_at_0_twice_is_one_of_transactions(desk: Desk) -> None:
    desk.stop(desk.start(0), 7_000)
    assert registers.beginning_at_zero(desk.db) == set()
    # A start that took nothing says nothing.
    desk.stop(desk.start(0), 0)
    assert registers.beginning_at_zero(desk.db) == set()
    desk.stop(desk.start(0), 9_000)
    assert registers.beginning_at_zero(desk.db) == {(row(desk), 1)}


def test_only_serials_that_were_reported_are_returned(desk: Desk) -> None:
    report(desk, 9_000)
    assert registers.serials(desk.db) == {}
    boot = {"chargePointVendor": "go-e", "chargePointModel": "V3", "chargePointSerialNumber": "A1"}
    desk.ask("BootNotification", boot)
    assert registers.serials(desk.db) == {row(desk): "A1"}
