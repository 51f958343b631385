"""The rows of the PDF statement: times, prices, marks, and records without a row."""

from pathlib import Path

import pytest

from shocpp.reports.pdf.subject import is_late
from shocpp.reports.pdf.table import grid_columns
from shocpp.reports.tables.cells import columns_of
from shocpp.reports.tables.columns import PDF
from tests.world.pdf_statements import GARAGE, printed, record, sums, without_price, words_of
from tests.world.statements import statement


def test_an_end_on_another_day_has_the_number_of_days(tmp_path: Path) -> None:
    rows = [
        record(started_at="2026-10-01T20:00:00.000Z", stopped_at="2026-10-02T05:30:00.000Z"),
        record(started_at="2026-10-03T21:59:00.000Z", stopped_at="2026-10-05T22:00:00.000Z"),
    ]
    text = words_of(printed(tmp_path, rows))
    assert "01.10.2026 22:00 07:30 +1" in text
    assert "03.10.2026 23:59 00:00 +3" in text


def test_durations_are_right_in_the_hour_that_comes_twice(tmp_path: Path) -> None:
    row = record(
        started_at="2026-10-25T00:30:00.000Z",
        stopped_at="2026-10-25T01:30:00.000Z",
        duration_s=3600,
        charging_s=59,
    )
    assert "25.10.2026 02:30 02:30 1:00 0:00" in words_of(printed(tmp_path, [row]))


def test_unknown_values_are_dashes(tmp_path: Path) -> None:
    row = record(
        started_at=None,
        duration_s=None,
        charging_s=None,
        connector_id=None,
        charge_point_id=None,
        id_tag=None,
        provenance="imported",
    )
    text = words_of(printed(tmp_path, [row]))
    assert "1 01.10.2026 – 09:10 – – importiert – 9.042,000" in text
    assert "Ü = aus früheren Aufzeichnungen übernommen" in text


def test_a_card_without_a_name_shows_the_end_of_its_id(tmp_path: Path) -> None:
    text = words_of(printed(tmp_path, [record(id_tag="SECRET-77AB")]))
    assert "Stellplatz 4 / 1 …77AB" in text
    assert "SECRET" not in text


def test_several_prices_are_printed_below_each_other(tmp_path: Path) -> None:
    parts = ((10_000, 312_700), (13_250, 248_955), (10_000, 312_700))
    row = record(microeuro_per_kwh=None, parts=parts, price_note="split by time")
    text = words_of(printed(tmp_path, [row], language="en"))
    assert "20.000 × 31.27" in text
    assert "13.250 × 24.8955" in text
    assert "T = price split by time" in text


def test_more_prices_than_fit_into_a_row_end_in_an_ellipsis(tmp_path: Path) -> None:
    parts = tuple((1_000, 100_000 + 1_000 * number) for number in range(12))
    (page,) = printed(tmp_path, [record(microeuro_per_kwh=None, parts=parts)])
    assert page.count("×") == 7
    assert "…\n" in page


def test_a_record_without_a_price_among_others_has_no_amount(tmp_path: Path) -> None:
    rows = [record(0), without_price(record(1))]
    text = words_of(printed(tmp_path, rows, sums(rows, unpriced_wh=33_250)))
    assert "33,250 – – " in text
    assert "Ohne Preis sind 33,250 kWh" in text


def test_a_statement_without_prices_has_no_columns_of_money(tmp_path: Path) -> None:
    text = words_of(printed(tmp_path, [without_price(record())]))
    for word in ("EUR", "ct/kWh", "Cent", "Zu zahlen"):
        assert word not in text
    assert "33,250" in text


@pytest.mark.parametrize("has_prices", [True, False])
def test_the_columns_are_as_wide_as_the_page(has_prices: bool) -> None:
    columns = grid_columns(columns_of(PDF, statement(), has_prices=has_prices), "de")
    assert abs(sum(column.width for column in columns) - 769.89) < 0.01


def test_every_mark_is_explained(tmp_path: Path) -> None:
    rows = [
        record(0, booked_at="2026-10-03T00:00:00.000Z", signed=2),
        record(1, entry="reversal", consumed_wh=-33_250, amount_ct=-1040),
        record(2, entry="replacement"),
        record(3, provenance="decoded", flags="start known from the id, within 1 kWh"),
        record(4, flags="register restarted; id off by 3"),
        record(5, flags="id off by 3"),
    ]
    text = words_of(printed(tmp_path, rows, language="en"))
    assert "-33.250 31.27 -10.40" in text
    for meaning in (
        "L = reported more than 15 minutes after the end",
        "S = with signed meter values",
        "R = reversal",
        "C = correction",
        "D = start reading taken from the transaction id",
        "1 = register restarted",
        "2 = id off by 3.",
    ):
        assert meaning in text
    assert "within 1 kWh" not in text


def test_the_thirty_first_remark_shares_its_mark(tmp_path: Path) -> None:
    rows = [record(number, flags=f"id off by {number}") for number in range(33)]
    text = words_of(printed(tmp_path, rows, language="en"))
    assert "30 = id off by 29" in text
    assert "id off by 30" not in text
    assert "* = more remarks in the accounting records" in text


def test_only_records_of_chargers_can_be_late() -> None:
    late = record(booked_at="2026-10-01T07:25:01.000Z")
    assert is_late(late)
    assert not is_late(record(booked_at="2026-10-01T07:25:00.000Z"))
    for changed in ({"provenance": "imported"}, {"provenance": "decided"}, {"entry": "reversal"}):
        assert not is_late(late._replace(**changed))


def test_a_dismissed_record_is_a_decision_without_a_row(tmp_path: Path) -> None:
    dismissed = record(
        1, entry="dismissal", consumed_wh=0, decided_by="bernd", decided_why="a test"
    )
    (page,) = printed(tmp_path, [record(0), dismissed, record(2)])
    rows = [line.split()[0] for line in page.splitlines() if "0B1C" in line]
    assert rows == ["1", "3"]
    text = words_of([page])
    assert "Nr. 2, 01.10.2026 10:10, Stellplatz 4 / 1: verworfen 9.082,000 – 9.115,250 kWh" in text
    assert "von bernd: a test" in text


def test_the_rows_of_older_months_are_counted(tmp_path: Path) -> None:
    dismissed = record(
        1, entry="dismissal", consumed_wh=0, decided_by="bernd", decided_why="a test"
    )
    (page,) = printed(tmp_path, [record(6), dismissed, record(2)], snapshot_version=2)
    rows = [line.split()[0] for line in page.splitlines() if "0B1C" in line]
    assert rows == ["1", "2"]
    assert "01.10.2026 10:10, Stellplatz 4 / 1: verworfen" in words_of([page])


def test_a_month_without_records_says_so(tmp_path: Path) -> None:
    text = words_of(printed(tmp_path, []))
    assert "In diesem Monat gibt es keine Ladevorgänge. Summe: 0 Ladevorgänge 0,000" in text


def test_figures_are_squeezed_and_never_cut(tmp_path: Path) -> None:
    row = record(begin_wh=2**62, end_wh=2**62, consumed_wh=2**62)
    assert words_of(printed(tmp_path, [row])).count("4.611.686.018.427.387,904") >= 3


def test_a_connector_with_a_name_is_printed_by_its_name(tmp_path: Path) -> None:
    named = GARAGE._replace(connectors={"1": "links"})
    text = words_of(printed(tmp_path, [record(), record(connector_id=2)], chargers=(named,)))
    assert "Stellplatz 4 / links Anna" in text
    assert "Stellplatz 4 / 2" in text
