"""The posting of records: their month, their price, and the name of their file."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from shocpp.bookkeeping.closing import close
from shocpp.bookkeeping.posting import Posted, apply_tariffs, location_in, open_ms, set_prices
from shocpp.language.month import Month
from shocpp.ledger.record import Record
from shocpp.store.books.records import UNPRICED_AT_ONCE, Origin, stored
from shocpp.store.keys import EVERYTHING
from tests.world.desk import Office, charge

BERLIN = ZoneInfo("Europe/Berlin")


def ms(moment: str) -> int:
    """Return a local time in Berlin as milliseconds since 1970."""
    return int(datetime.fromisoformat(moment).replace(tzinfo=BERLIN).timestamp() * 1000)


def record(stopped: str = "2023-09-03 13:00", **changes: object) -> Record:
    """Return a record of an hour of family-y that no charger has sent."""
    stopped_ms = ms(stopped)
    made = Record(
        account_index=2,
        account="family-y",
        connector_id=1,
        id_tag="3333",
        begin_wh=1_000,
        end_wh=11_000,
        consumed_wh=10_000,
        started_ms=stopped_ms - 3_600_000,
        stopped_ms=stopped_ms,
        billed_ms=stopped_ms,
        duration_s=3600,
        charging_s=None,
        stop_reason="Local",
        provenance="started",
        review=None,
        flags=("matched without its id",),
    )
    return made._replace(**changes)  # type: ignore[arg-type]


def post(office: Office, made: Record, *name_parts: object, **origin: object) -> Posted:
    """Post a record at the office's time; with an origin, as a decision of Anna."""
    posting = office.posting(office.db)
    came = Origin(None, None, None)
    if origin:
        decided = {"decided_by": "anna", "decided_why": "so", **origin}
        came = came._replace(**decided)  # type: ignore[arg-type]
    with office.db.writing(keys=EVERYTHING):
        return posting.post(came, made, office.now_ms, *name_parts)


def amounts(office: Office) -> list[int | None]:
    """Return the amounts of all records, in cents."""
    return office.query("SELECT amount_ct FROM accounting ORDER BY number")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office where a kWh costs 30 ct, and 50 ct from October on."""
    office = Office(tmp_path)
    office.price(
        {"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 30},
        {"account": "*", "valid_from": "2023-10-01", "ct_per_kwh": 50},
    )
    yield office
    office.db.close()


def test_a_record_gets_its_month_its_price_and_the_name_of_a_file(office: Office) -> None:
    posted = post(office, record(), "a stop")
    assert posted.place.month == "2023-09"
    assert posted.place.local_time == "2023-09-03 13:00:00"
    assert re.fullmatch(r"1693738800-[0-9a-f]{12}\.json", posted.place.file_name)
    assert posted.record == record()
    assert amounts(office) == [300]
    row = stored(office.db, posted.number)
    assert row is not None
    assert (row.record, row.place) == (record(), posted.place)


def test_a_file_name_is_a_hash_of_its_parts(office: Office) -> None:
    names = [
        post(office, record(), *parts).place.file_name
        for parts in (("a",), ("a", 1), ("b", "../x"))
    ]
    assert len(set(names)) == 3
    assert not any("/" in name for name in names)


def test_a_record_of_a_closed_month_goes_into_the_open_one_at_its_own_price(
    office: Office,
) -> None:
    office.later(24 * 40)
    close(office.open_books(), Month(2023, 9), "anna")
    posted = post(office, record(), "a stop")
    assert posted.place.month == "2023-10"
    assert posted.record.billed_ms == office.now_ms
    assert posted.record.stopped_ms == record().stopped_ms
    assert posted.record.flags == ("matched without its id", "late: 2023-09 is closed")
    assert amounts(office) == [300]


def test_a_reversal_takes_away_what_its_record_costs_and_a_dismissal_costs_nothing(
    office: Office,
) -> None:
    first = post(office, record(), "a stop").number
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 99})
    away = record(begin_wh=11_000, end_wh=1_000, consumed_wh=-10_000)
    post(office, away, "reversed", entry="reversal", replaces=first)
    post(office, record(consumed_wh=0), "dismissed", entry="dismissal", replaces=first)
    assert amounts(office) == [300, -300, None]


def test_the_reversal_of_an_unpriced_record_has_no_price(office: Office) -> None:
    office.price()
    first = post(office, record(), "a stop").number
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 99})
    post(office, record(consumed_wh=-10_000), "reversed", entry="reversal", replaces=first)
    assert amounts(office) == [None, None]


def test_an_unpriced_record_gets_its_price_and_a_new_file_later(office: Office) -> None:
    """Only records of that month count, and only of accounts that have a tariff by then."""
    office.price()
    charge(office, 1_000, 2_000)
    charge(office, 2_000, 4_000, "1111")
    charge(office, 4_000, 304_000)  # under review
    post(office, record("2023-10-01 00:00"), "in October")
    assert [file["price"] for file in office.files()] == [None] * 4
    office.price({"account": "family-y", "valid_from": "2023-01-01", "ct_per_kwh": 30})
    september = [Month(2023, 9)]
    assert [apply_tariffs(office.open_books(), september) for _ in range(2)] == [1, 0]
    assert amounts(office) == [30, None, None, None]
    prices = [file["price"] for file in office.files()]
    assert [price and price["amount_ct"] for price in prices] == [30, None, None, None]


def test_each_price_is_set_once_where_many_records_have_one_moment(office: Office) -> None:
    """They are read in slices, which must neither leave out a record nor repeat one."""
    office.price()
    count = 2 * UNPRICED_AT_ONCE
    with office.db.writing(keys=EVERYTHING):
        posting = office.posting(office.db)
        for number in range(count):
            posting.post(Origin(None, None, None), record(), office.now_ms, number)
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 30})
    with office.db.writing(keys=EVERYTHING):
        assert set_prices(office.open_books().provisional_prices("2023-09"), 1) == count
    assert amounts(office) == [300] * count


def test_the_readings_of_its_transaction_split_a_record(office: Office) -> None:
    office.price(
        {
            "account": "*",
            "valid_from": "2023-01-01",
            "ct_per_kwh": 30,
            "windows": [{"name": "NT", "from": "13:00", "until": "14:00", "ct_per_kwh": 10}],
        }
    )
    sent = office.start(1_000)
    office.later(1 - 1 / 3600)
    read = {"timestamp": office.time(), "sampledValue": [{"value": "9000"}]}
    office.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": [read]})
    office.later(0.5)
    office.stop(sent, 11_000)
    assert office.query("SELECT rate, wh, amount_ct FROM prices ORDER BY part") == [
        ("HT", 8_000, 240),
        ("NT", 2_000, 20),
    ]
    assert office.query("SELECT price_note FROM accounting") == ["split by meter values"]


def test_the_open_month_is_this_one_or_the_next_that_is_not_closed(office: Office) -> None:
    now_ms = ms("2023-11-30 18:30")
    assert open_ms(office.db, now_ms, BERLIN) == now_ms
    close(office.open_books(), Month(2023, 11), "anna")
    assert open_ms(office.db, now_ms, BERLIN) == ms("2023-12-01 18:30")
    close(office.open_books(), Month(2023, 12), "anna")
    assert open_ms(office.db, now_ms, BERLIN) == ms("2024-01-01 18:30")


def test_a_file_that_has_its_name_keeps_it() -> None:
    assert location_in(ms("2023-10-01 00:00"), BERLIN, "x.json") == (
        "2023-10",
        "2023-10-01 00:00:00",
        "x.json",
    )
