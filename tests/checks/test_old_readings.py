"""Tests that records of older versions whose readings were left out are found, and none else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shocpp.bookkeeping import review
from shocpp.bookkeeping.review import Decider
from shocpp.checks.old_readings import MOST_FINDINGS, check_old_readings
from shocpp.ledger.decisions import Measured
from shocpp.store.books import rereading
from shocpp.store.books.rereading import reread_running
from shocpp.store.keys import EVERYTHING
from tests.world.desk import Office
from tests.world.findings import english_of

PRICES = {
    "account": "*",
    "valid_from": "2023-01-01",
    "ct_per_kwh": 40,
    "windows": [{"name": "NT", "from": "14:00", "until": "24:00", "ct_per_kwh": 20}],
}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Return an office at noon, with a cheap rate from 14:00 on."""
    office = Office(tmp_path)
    office.price(PRICES)
    yield office
    office.db.close()


def session(
    office: Office, begin_wh: int, course: tuple[int, ...], end_wh: int, **labels: str
) -> None:
    """Charge for four hours; the samples of the register come each half hour.

    It is booked as version 7 did, which read totals at the outlet only.
    """
    sent = office.start(begin_wh)
    for wh in course:
        office.later(0.5)
        value = {"timestamp": office.time(), "sampledValue": [{"value": f"{wh}", **labels}]}
        values = {"connectorId": 1, "transactionId": sent, "meterValue": [value]}
        office.ask("MeterValues", values)
    office.later(4 - len(course) / 2)
    with office.db.writing(keys=EVERYTHING):
        office.db.execute(
            "UPDATE meter_reading SET register_wh = iif(register_source = 'Outlet', register_wh,"
            " NULL), register_source = NULL, power_source = NULL"
        )
    office.stop(sent, end_wh)


def findings_after_upgrade(office: Office) -> list[str]:
    """Upgrade, and return the sentences of the findings."""
    with office.db.writing(keys=EVERYTHING):
        reread_running(office.db)
    return english_of(check_old_readings(office.settings, office.db))


RESTARTED = (9_000, (13_500, 18_000, 1_500), 3_000)


def test_a_record_with_other_energy_is_found_with_the_command(office: Office) -> None:
    session(office, *RESTARTED, location="Inlet")
    assert office.query("SELECT consumed_wh FROM accounting") == [3_000]
    (sentence,) = findings_after_upgrade(office)
    assert sentence == (
        "record 1, 2023-09-03 16:00:04 of family-y: an older version left out readings and booked"
        " 3000 Wh; with them it is 12000 Wh; correct or confirm it: shocpp review correct 1"
        ' --wh 12000 --why "all readings"'
    )


def test_a_record_with_another_amount_is_found(office: Office) -> None:
    session(office, 553_810, (557_490, 557_500), 557_500, location="Inlet")
    assert office.query("SELECT amount_ct FROM accounting") == [111], "split by time"
    (sentence,) = findings_after_upgrade(office)
    assert "booked 3690 Wh; with them it is 1.48 EUR for 3690 Wh; correct or confirm" in sentence
    # The price of the time says nothing about readings any more.
    office.price({**PRICES, "ct_per_kwh": 41})
    assert [*check_old_readings(office.settings, office.db)] == []


def test_the_command_of_a_finding_books_what_it_names(office: Office) -> None:
    session(office, 553_810, (557_490, 557_500), 557_500, location="Inlet")
    session(office, *RESTARTED, location="Inlet")
    for sentence in findings_after_upgrade(office):
        number, wh = re.findall(r"review correct (\d+) --wh (\d+)", sentence)[0]
        measured = Measured(consumed_wh=int(wh))
        review.correct(office.db, office.settings, number, measured, None, Decider("anna", "so"))
    in_force = (
        "SELECT consumed_wh, amount_ct FROM accounting WHERE in_force AND entry <> 'reversal'"
    )
    assert sorted(office.query(in_force)) == [(3_690, 148), (12_000, 240)]


def test_a_record_that_the_readings_doubt_is_found(office: Office) -> None:
    session(office, 1_000, (9_000, 200, 400), 5_000, location="Body")
    assert office.query("SELECT consumed_wh, review FROM accounting") == [(4_000, None)]
    (sentence,) = findings_after_upgrade(office)
    assert "with them it is 13000 Wh under review (the readings fall in between: " in sentence


def test_records_whose_readings_say_the_same_are_not_found(office: Office) -> None:
    session(office, *RESTARTED)
    session(office, 20_000, (21_000,), 30_000, location="Inlet")
    assert office.query("SELECT consumed_wh FROM accounting") == [12_000, 10_000]
    assert findings_after_upgrade(office) == []


def test_the_rest_of_a_second_stop_is_not_found(office: Office) -> None:
    """The command would bill the energy of the first stop once more."""
    sent = office.start(10_000)
    office.later(1)
    office.stop(sent, 20_000)
    office.stop(sent, 22_000)
    assert office.query("SELECT consumed_wh FROM accounting") == [10_000, 2_000]
    assert findings_after_upgrade(office) == []


def test_a_record_without_its_frames_is_not_found(office: Office) -> None:
    session(office, *RESTARTED, location="Inlet")
    with office.db.writing(keys=EVERYTHING):
        office.db.execute("DELETE FROM frame")
    assert findings_after_upgrade(office) == []


def test_a_record_that_was_decided_since_is_not_found(office: Office) -> None:
    session(office, *RESTARTED, location="Inlet")
    assert len(findings_after_upgrade(office)) == 1
    review.correct(
        office.db, office.settings, "1", Measured(consumed_wh=3_000), None, Decider("anna", "so")
    )
    assert [*check_old_readings(office.settings, office.db)] == []


def test_a_new_record_is_not_compared(office: Office) -> None:
    with office.db.writing(keys=EVERYTHING):
        reread_running(office.db)
    session(office, *RESTARTED, location="Inlet")
    assert [*check_old_readings(office.settings, office.db)] == []
    assert [*check_old_readings(office.settings, None)] == []


def test_many_records_are_counted(office: Office) -> None:
    for number in range(MOST_FINDINGS + 2):
        session(office, 9_000 + number, RESTARTED[1], RESTARTED[2], location="Inlet")
    sentences = findings_after_upgrade(office)
    assert len(sentences) == MOST_FINDINGS + 1
    assert sentences[-1].startswith("2 more records have readings that an older version left out")


def test_values_without_an_id_after_the_stop_are_not_of_the_transaction(office: Office) -> None:
    session(office, 5_000, (), 9_000)
    value = {"timestamp": office.time(), "sampledValue": [{"value": "9000"}]}
    office.ask("MeterValues", {"connectorId": 1, "meterValue": [value]})
    (row,) = office.query("SELECT id FROM started_transaction")
    assert rereading.readings_of(office.db, row) == []


def test_samples_that_are_in_the_stop_too_count_once(office: Office) -> None:
    """Without a clock nothing tells them apart."""
    sent = office.start(9_000)
    samples = [
        {"timestamp": "1970-01-01T00:00:09Z", "sampledValue": [{"value": f"{wh}"}]}
        for wh in (13_500, 18_000, 1_500)
    ]
    office.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": samples})
    office.later(4)
    office.stop(sent, 3_000, transactionData=samples)
    assert office.query("SELECT consumed_wh FROM accounting") == [12_000]
    assert findings_after_upgrade(office) == []
