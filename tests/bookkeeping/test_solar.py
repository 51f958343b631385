"""The solar energy of records: booked with the stop, printed, corrected, closed and rebuilt."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shocpp.bookkeeping.accounting_files.chain import verify_links
from shocpp.bookkeeping.closing import close
from shocpp.bookkeeping.review import assign, correct, dismiss, end
from shocpp.errors import UsageError
from shocpp.interfaces.cli.upkeep import progress
from shocpp.language.month import Month
from shocpp.ledger.decisions import Measured
from shocpp.ledger.solar import MINUTE_MS, SiteMinute
from shocpp.ocpp.times import format_timestamp
from shocpp.recovery.filed.records import read_filed
from shocpp.recovery.rebuild import rebuild, rebuild_from_frames
from shocpp.reports.formats import chunks
from shocpp.reports.year import csv_machine_of_year, csv_of_year, text_of_year, year_statement
from shocpp.store.keys import EVERYTHING
from shocpp.store.site import minutes
from tests.world.desk import ANNA, Office, charge

GRID_CT, SOLAR_CT = 30, 10


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office where solar energy has a price of its own."""
    office = Office(tmp_path)
    price = {"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": GRID_CT, "solar": SOLAR_CT}
    office.price(price)
    yield office
    office.db.close()


def shine(office: Office, minutes_: int, imported_w: int | None, cars_w: int = 6_000) -> None:
    """Store minutes of the site from now on, with these powers."""
    first = office.now_ms // MINUTE_MS
    imported = None if imported_w is None else imported_w * 1000 // 60
    rows = [
        SiteMinute(first + number, imported, None if imported is None else 0, cars_w * 1000 // 60)
        for number in range(minutes_)
    ]
    with office.db.writing(keys=EVERYTHING):
        minutes.store(office.db, rows)


def solar_charge(
    office: Office,
    begin_wh: int = 1_000_000,
    id_tag: str = "3333",
    imported_w: int | None = 1_500,
    *,
    ends: bool = True,
) -> int:
    """Charge 6 kWh within an hour, with a reading each ten minutes; return the transaction's id."""
    # From a full minute on.
    office.now_ms += -office.now_ms % MINUTE_MS
    shine(office, 61, imported_w)
    began_ms = office.now_ms
    sent = office.start(begin_wh, id_tag)
    for number in range(1, 6):
        office.now_ms = began_ms + number * 10 * MINUTE_MS
        sampled = {"value": str(begin_wh + number * 1000), "unit": "Wh"}
        value = {"timestamp": office.time(), "sampledValue": [sampled]}
        office.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": [value]})
    office.now_ms = began_ms + 60 * MINUTE_MS
    if ends:
        office.stop(sent, begin_wh + 6000)
    return sent


def energies(office: Office) -> list[Any]:
    """Return Wh and solar Wh of all records."""
    return office.query("SELECT consumed_wh, solar_wh FROM accounting ORDER BY number")


def printed(office: Office, format_: str, language: str = "de") -> str:
    """Return the statement of September in a format."""
    made = chunks(office.open_books(), office.statement(), format_, language)
    return b"".join(made).decode("utf-8-sig")


def test_a_stop_books_what_the_import_does_not_cover(office: Office) -> None:
    solar_charge(office)
    assert energies(office) == [(6_000, 4_500)]
    assert office.query("SELECT amount_ct FROM accounting") == [
        (1_500 * GRID_CT + 4_500 * SOLAR_CT) // 1000
    ]
    parts = office.query("SELECT rate, wh, microeuro_per_kwh FROM prices ORDER BY part")
    assert parts == [("", 1_500, 300_000), ("Solar", 4_500, 100_000)]
    (file,) = office.files()
    assert file["solar_wh"] == 4_500
    assert sum(part["wh"] for part in file["price"]["parts"]) == 6_000


def test_a_site_without_a_meter_prints_and_files_nothing_of_the_sun(office: Office) -> None:
    charge(office, 1_000, 4_000)
    assert energies(office) == [(3_000, None)]
    (file,) = office.files()
    assert "solar_wh" not in file
    for format_ in ("text", "csv", "csv-machine", "json"):
        assert "solar" not in printed(office, format_).casefold()
    assert office.query("SELECT solar_wh FROM monthly_consumption") == [None]


def test_a_statement_has_a_column_and_a_sum_and_a_dash_for_what_nobody_knows(
    office: Office,
) -> None:
    solar_charge(office)
    office.later(1)
    charge(office, 2_000_000, 2_001_000)
    rows = list(csv.DictReader(io.StringIO(printed(office, "csv")), delimiter=";"))
    assert [row["davon Solar kWh"] for row in rows] == ["4,500", "–"]
    machine = list(csv.DictReader(io.StringIO(printed(office, "csv-machine"))))
    assert [row["solar_wh"] for row in machine] == ["4500", ""]
    content = json.loads(printed(office, "json"))
    assert [record["solar_wh"] for record in content["records"]] == [4_500, None]
    by_name = {sums["account"]: sums["solar_wh"] for sums in content["accounts"]}
    assert by_name == {"company-x": None, "family-y": 4_500}
    assert content["total"]["solar_wh"] == 4_500
    text = printed(office, "text")
    block = text[text.index("Davon Solar:") :].splitlines()
    assert block[1].split() == ["family-y", "4,500", "kWh"]
    # 1 kWh of the second record is from the grid, as far as anybody knows.
    assert "2,500 kWh zu 30,00 ct/kWh (eigener Preis ab 01.01.2023): 0,75 EUR" in text
    assert "4,500 kWh zu 10,00 ct/kWh (eigener Preis Solar ab 01.01.2023): 0,45 EUR" in text


def test_a_year_has_the_sums_of_its_months(office: Office) -> None:
    solar_charge(office)
    year = year_statement(office.open_books(), 2023)
    september = [line for line in year.lines if line.month == "2023-09"]
    assert {line.account: line.solar_wh for line in september} == {
        "company-x": None,
        "family-y": 4_500,
    }
    assert "davon Solar 4,500 kWh" in "".join(text_of_year(year, "de"))
    cells = [line.rpartition(";")[2] for line in "".join(csv_of_year(year, "de")).splitlines()]
    assert cells[0] == "kWh davon Solar"
    assert set(cells[1:]) == {"4,500", "–"}
    (header, *_) = csv_machine_of_year(year)
    assert header.endswith(",solar_wh\n")


def test_a_correction_keeps_the_solar_energy_below_that_of_its_record(office: Office) -> None:
    solar_charge(office)
    correct(office.db, office.settings, "1", Measured(consumed_wh=2_000), None, ANNA)
    assert energies(office) == [(6_000, 4_500), (-6_000, -4_500), (2_000, 2_000)]
    assert office.query("SELECT sum(amount_ct) FROM accounting") == [2_000 * SOLAR_CT // 1000]
    assign(office.db, office.settings, "3", "company-x", ANNA)
    assert energies(office)[3:] == [(-2_000, -2_000), (2_000, 2_000)]
    dismiss(office.db, office.settings, "5", ANNA)
    assert energies(office)[5:] == [(-2_000, -2_000), (0, 0)]
    sums = office.query("SELECT account, wh, solar_wh FROM monthly_consumption ORDER BY 1")
    assert sums == [("company-x", 0, 0), ("family-y", 0, 0)]


def test_who_takes_a_wrong_correction_back_gets_the_sun_back(office: Office) -> None:
    solar_charge(office)
    # 600 Wh instead of 6000.
    correct(office.db, office.settings, "1", Measured(consumed_wh=600), None, ANNA)
    correct(office.db, office.settings, "3", Measured(consumed_wh=6_000), None, ANNA)
    assert energies(office)[3:] == [(-600, -600), (6_000, 4_500)]
    dismiss(office.db, office.settings, "5", ANNA)
    correct(office.db, office.settings, "7", Measured(), "company-x", ANNA)
    assert energies(office)[5:] == [(-6_000, -4_500), (0, 0), (0, 0), (6_000, 4_500)]
    # 1.5 kWh at 30 ct, and 4.5 at 10.
    assert office.query("SELECT sum(amount_ct) FROM accounting") == [90]
    sums = office.query("SELECT account, wh, solar_wh FROM monthly_consumption ORDER BY 1")
    assert sums == [("company-x", 6_000, 4_500), ("family-y", 0, 0)]


def test_a_case_gets_the_sun_of_the_energy_that_is_booked(office: Office) -> None:
    """In the dark the register leaps by 300 kWh, which no import can be: so they count as solar."""
    sent = solar_charge(office, imported_w=7_000, ends=False)
    office.stop(sent, 1_306_000)
    assert office.query("SELECT review IS NULL, solar_wh > 290000 FROM accounting") == [(0, 1)]
    correct(office.db, office.settings, "1", Measured(end_wh=1_006_000), None, ANNA)
    assert energies(office)[1:] == [(6_000, 0)]
    assert office.query("SELECT sum(amount_ct) FROM accounting") == [6 * GRID_CT]
    correct(office.db, office.settings, "2", Measured(end_wh=1_006_100), None, ANNA)
    assert energies(office)[3:] == [(6_100, 0)]


def test_a_transaction_that_is_ended_by_hand_has_the_solar_energy_until_its_last_reading(
    office: Office,
) -> None:
    sent = solar_charge(office, ends=False)
    office.later(1)
    office.start(1_007_000)
    end(office.db, office.settings, "T1", ANNA)
    assert energies(office) == [(5_000, 3_750)]
    # The late stop wins, with its own energy.
    office.stop(sent, 1_006_000, timestamp=format_timestamp(office.now_ms - 3_600_000))
    assert energies(office)[1:] == [(-5_000, -3_750), (6_000, 4_500)]


def test_a_late_stop_without_readings_has_no_solar_energy(office: Office) -> None:
    shine(office, 500, 0)
    sent, stopped = office.start(1_000), office.now_ms + 3_600_000
    office.later(24)
    office.stop(sent, 7_000, timestamp=format_timestamp(stopped))
    assert energies(office) == [(6_000, None)]
    assert office.query("SELECT amount_ct FROM accounting") == [180]


def test_windows_hold_for_the_part_of_the_grid(office: Office) -> None:
    # Noon in Berlin, the price changes at 12:30; the sun shines from 12:30 on only.
    window = {"name": "NT", "from": "12:30", "until": "14:00", "ct_per_kwh": 20}
    price = {"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 30, "solar": 10}
    office.price(price | {"windows": [window]})
    first = office.now_ms // MINUTE_MS
    rows = [
        SiteMinute(first + number, 100_000 if number < 30 else 25_000, 0, 100_000)
        for number in range(60)
    ]
    with office.db.writing(keys=EVERYTHING):
        minutes.store(office.db, rows)
    sent, began_ms = office.start(1_000_000), office.now_ms - 1000
    for number in range(1, 7):
        office.now_ms = began_ms + number * 10 * MINUTE_MS
        sampled = {"value": str(1_000_000 + number * 1000), "unit": "Wh"}
        value = {"timestamp": office.time(), "sampledValue": [sampled]}
        office.ask("MeterValues", {"connectorId": 1, "transactionId": sent, "meterValue": [value]})
    office.now_ms = began_ms + 60 * MINUTE_MS
    office.stop(sent, 1_006_000)
    assert energies(office) == [(6_000, 2_250)]
    parts = office.query("SELECT rate, wh FROM prices ORDER BY part")
    assert parts == [("HT", 3_000), ("NT", 750), ("Solar", 2_250)]


@pytest.mark.parametrize("way", ["files", "frames"])
def test_a_rebuild_brings_the_solar_energy_back_without_the_minutes(
    office: Office, way: str
) -> None:
    solar_charge(office)
    solar_charge(office, 1_006_000, "1111")
    office.later(1)
    charge(office, 2_000_000, 2_001_000)
    correct(office.db, office.settings, "1", Measured(consumed_wh=2_000), None, ANNA)
    before, files = energies(office), office.files()
    assert before[0] == (6_000, 4_500)
    with office.db.writing(keys=EVERYTHING):
        minutes.purge(office.db, office.now_ms)
    office.db.close()
    if way == "files":
        for path in office.folder.glob("shocpp.sqlite3*"):
            path.unlink()
        rebuilt = rebuild(office.settings, progress)
    else:
        rebuilt = rebuild_from_frames(office.settings, progress)
    assert (rebuilt.restored.refused, rebuilt.superseded) == ([], ())
    office.restart()
    assert sorted(energies(office), key=str) == sorted(before, key=str)
    filed = [file.get("solar_wh") for file in files]
    assert Counter(file.get("solar_wh") for file in office.files()) == Counter(filed)


@pytest.mark.parametrize("solar_wh", [6_001, -1, "4500", True, 4.5])
def test_a_file_with_an_impossible_solar_energy_is_refused(
    office: Office, solar_wh: object
) -> None:
    solar_charge(office)
    office.files()
    (path,) = office.settings.accounting_folder.glob("*/*/*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"solar_wh": solar_wh}))
    with pytest.raises(UsageError, match="solar_wh is"):
        read_filed(path)


def test_a_closed_month_keeps_its_solar_energy_in_snapshot_and_chain(office: Office) -> None:
    solar_charge(office)
    office.now_ms += 40 * 86_400_000
    before = printed(office, "csv")
    close(office.open_books(), Month(2023, 9), "anna", anyway=True)
    statement = office.statement()
    assert statement.closed is not None
    assert statement.snapshot_version == 5
    assert {sums.account: sums.solar_wh for sums in statement.accounts} == {
        "company-x": None,
        "family-y": 4_500,
    }
    assert printed(office, "csv") == before
    sums = office.query("SELECT account, solar_wh FROM closed_accounts ORDER BY account")
    assert sums == [("company-x", None), ("family-y", 4_500)]
    folder = office.settings.accounting_folder
    assert [link.broken for link in verify_links(office.db, folder)] == [None]
    with office.db.writing(keys=EVERYTHING):
        office.db.execute("UPDATE accounting_record SET solar_wh = 4501")
    assert [link.broken for link in verify_links(office.db, folder)] != [None]
