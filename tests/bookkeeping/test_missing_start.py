"""Stops whose start is not on file: the energy that they tell is shown to whoever decides."""

from typing import Any

import pytest

from shocpp.bookkeeping import review
from shocpp.ocpp.times import format_timestamp
from tests.world.desk import ANNA, NOON_MS, Desk, Office

BEGAN_MS = NOON_MS - 3 * 3_600_000


def begin_and_end(
    begin_wh: int, end_wh: int, context: str = "Transaction.Begin"
) -> list[dict[str, Any]]:
    """Return transactionData from `BEGAN_MS` to an hour ago."""
    return [
        {
            "timestamp": format_timestamp(moment_ms),
            "sampledValue": [{"value": str(wh), "context": name}],
        }
        for moment_ms, wh, name in (
            (BEGAN_MS, begin_wh, context),
            (NOON_MS - 3_600_000, end_wh, "Transaction.End"),
        )
    ]


def session(desk: Desk, begin_wh: int, end_wh: int, **more: Any) -> None:
    """Charge with card 3333 for an hour, a day ago."""
    desk.now_ms -= 86_400_000
    sent = desk.start(begin_wh, **more)
    desk.later(1)
    desk.stop(sent, end_wh)
    desk.now_ms += 86_400_000 - 3_602_000


def unmatched(desk: Desk) -> Any:
    """Return the only record under review."""
    (row,) = desk.query(
        "SELECT account, begin_wh, end_wh, consumed_wh, started_at, flags FROM accounting"
        " WHERE review IS NOT NULL"
    )
    return row


@pytest.mark.parametrize("context", ["Transaction.Begin", "transaction.begin"])
@pytest.mark.parametrize("meter_stop", [125_000, None])
def test_a_stop_shows_the_energy_since_its_transaction_begin(
    desk: Desk, context: str, meter_stop: int | None
) -> None:
    """MicroOcpp after a reset without a network."""
    desk.stop(
        -1, meter_stop, idTag="3333", transactionData=begin_and_end(110_000, 125_000, context)
    )
    began = format_timestamp(BEGAN_MS)
    account, begin_wh, end_wh, consumed_wh, started_at, flags = unmatched(desk)
    assert (account, begin_wh, end_wh, consumed_wh) == ("family-y", 110_000, 125_000, 15_000)
    assert started_at == began
    assert "start known from its transactionData" in flags
    assert desk.query("SELECT account, begin_wh, consumed_wh, started_at FROM review") == [
        ("family-y", 110_000, 15_000, began)
    ]


def test_a_stop_begins_at_the_end_of_the_record_before(desk: Desk) -> None:
    session(desk, 100_000, 110_000)
    desk.stop(-1, 125_000)
    account, begin_wh, _, consumed_wh, _, flags = unmatched(desk)
    assert (account, begin_wh, consumed_wh) == ("unassigned", 110_000, 15_000)
    assert flags == "start assumed at the end of the record before"


def test_a_stop_of_a_charger_with_two_connectors_has_unknown_energy(desk: Desk) -> None:
    session(desk, 100_000, 110_000)
    status = {"connectorId": 2, "status": "Available", "errorCode": "NoError"}
    desk.ask("StatusNotification", status)
    desk.stop(-1, 125_000)
    assert unmatched(desk)[3:] == (0, None, "energy unknown")


def test_energy_that_is_booked_already_is_named_in_the_review(desk: Desk) -> None:
    session(desk, 100_000, 120_000)
    desk.stop(-1, 125_000, transactionData=begin_and_end(110_000, 125_000))
    ((_, _, review),) = desk.records()[1:]
    assert review == "no transaction matches this stop; overlaps what is booked already"


def test_a_register_that_restarts_each_session_overlaps_nothing(desk: Desk) -> None:
    session(desk, 0, 20_000)
    desk.stop(-1, 5_000, transactionData=begin_and_end(0, 5_000))
    assert desk.records()[1:] == [("unassigned", 5_000, "no transaction matches this stop")]


def test_the_meter_check_names_the_energy_that_waits(tmp_path: Any) -> None:
    office = Office(tmp_path)
    session(office, 100_000, 110_000)
    office.stop(-1, 125_000, idTag="3333", transactionData=begin_and_end(112_000, 125_000))
    (audited,) = office.statement().audited
    assert (audited.meter_wh, audited.booked_wh) == (25_000, 10_000)
    assert (audited.under_review_wh, audited.gap_wh, audited.overlap_wh) == (13_000, 2_000, 0)
    office.db.close()


def test_the_meter_check_of_a_first_stop_names_the_energy_that_waits(tmp_path: Any) -> None:
    office = Office(tmp_path)
    office.stop(-1, 125_000, transactionData=begin_and_end(110_000, 125_000))
    (audited,) = office.statement().audited
    assert (audited.meter_wh, audited.under_review_wh, audited.gap_wh) == (15_000, 15_000, 0)
    office.db.close()


def test_a_start_that_follows_its_confirmed_stop_books_nothing_again(tmp_path: Any) -> None:
    office = Office(tmp_path)
    session(office, 90_000, 110_000)
    office.stop(-1, 125_000, idTag="3333")
    review.assign(office.db, office.settings, "2", "family-y", ANNA)
    sent = office.start(110_000)
    office.later(1)
    office.stop(sent, 125_500)
    assert office.records()[2:] == [
        ("family-y", 15_000, None),
        ("family-y", 15_500, "overlaps what is booked already"),
    ]
    office.db.close()
