"""The yearly PDF statement: the months of one account, or of all accounts."""

import re
from pathlib import Path

import pytest

from shocpp.configuration.operator import Operator
from shocpp.reports.pdf.overviews.year import pdf_of_year
from shocpp.reports.pdf.page import RIGHT
from shocpp.reports.year import Line, Year
from tests.world.home import Home
from tests.world.pdf_statements import LETTERHEAD, boxes_of, pages_of, words_of
from tests.world.visits import say, start, stop


def line(month: int, account: str = "family-y", **changed: int | None) -> Line:
    """Return a month of 33.250 kWh and 16.54 EUR."""
    made = Line(f"2026-{month:02}", 2, account, 3, 33_250, 1040, 350, 264, 1654, 7)
    return made._replace(**changed)  # type: ignore[arg-type]


def printed(
    folder: Path,
    *lines: Line,
    only: str | None = "family-y",
    language: str = "de",
    operator: Operator = LETTERHEAD,
    has_employer: bool = False,
) -> list[str]:
    """Return the pages of a year with these lines as text."""
    created_at = "2027-01-02T08:00:00.000Z"
    statement = Year(2026, only, lines, "Europe/Berlin", created_at, "9.8.7", operator)
    statement = statement._replace(has_employer=has_employer)
    file = folder / "year.pdf"
    file.write_bytes(pdf_of_year(statement, language))
    assert file.read_bytes() == pdf_of_year(statement, language)
    return pages_of(file)


def test_each_month_has_a_line_and_the_year_its_sum(tmp_path: Path) -> None:
    (page,) = printed(tmp_path, line(9), line(10, closed=None))
    words = words_of([page])
    assert "Jahresabrechnung 2026" in words
    assert "Mandant: family-y" in words
    assert "September 3 33,250 10,40 3,50 2,64 16,54 Nr. 7" in words
    assert "Oktober 3 33,250 10,40 3,50 2,64 16,54 offen" in words
    assert "Summe 6 66,500 20,80 7,00 5,28 33,08" in words
    assert "Summe aller Mandanten" not in words
    assert "Steuernummer DE123456789" in words
    assert "Erstellt 02.01.2027 09:00, shocpp 9.8.7" in words
    assert "Datum, Unterschrift: Kassenwart" in words


def test_a_year_of_all_accounts_is_a_table_of_accounts_and_months(tmp_path: Path) -> None:
    """company-x charges in September only: 33.250 kWh and 16.54 EUR; family-y also in October."""
    lines = (line(9, "company-x"), line(9), line(10, closed=None))
    words = words_of(printed(tmp_path, *lines, only=None, language="en"))
    assert "Charging statement of the year 2026" in words
    assert "all accounts" in words
    assert "Feb Mar Apr May Jun Jul Aug no. 7 open Nov Dec Total" in words
    # The energy of September and October, and of the year; below it the amounts.
    assert "family-y 33.250 33.250 66.500 16.54 16.54 33.08" in words
    assert "company-x 33.250 33.250 16.54 16.54 family-y" in words
    assert "Total of all accounts 66.500 33.250 99.750 33.08 16.54 49.62" in words


def test_the_solar_energy_of_a_year_has_a_column_or_a_line_in_each_cell(tmp_path: Path) -> None:
    """Of October nobody knows it."""
    lines = (line(9, solar_wh=12_345), line(10, closed=None))
    words = words_of(printed(tmp_path, *lines))
    assert "September 3 33,250 12,345 10,40 3,50 2,64 16,54 Nr. 7" in words
    assert "Oktober 3 33,250 – 10,40 3,50 2,64 16,54 offen" in words
    assert "Summe 6 66,500 12,345 20,80 7,00 5,28 33,08" in words
    table = words_of(printed(tmp_path, *lines, only=None))
    assert "kWh (davon Solar)" in table
    assert "family-y 33,250 33,250 66,500 (12,345) – (12,345) 16,54 16,54 33,08" in table


def test_forty_accounts_have_their_table_on_two_pages(tmp_path: Path) -> None:
    """The titles are on both pages, and the line to sign on is not alone, but below the bars."""
    lines = [line(month, f"account-{number:02}") for number in range(40) for month in range(1, 13)]
    pages = printed(tmp_path, *lines, only=None)
    assert [len(re.findall(r"\bDez\b", page)) for page in pages] == [1, 1, 0]
    assert sum(page.count("account-") for page in pages) == 40
    assert "Summe aller Mandanten" in pages[1]
    assert "Energie je Monat" in pages[2]
    assert "Datum, Unterschrift" in pages[2]


def test_the_bars_and_the_line_to_sign_on_share_a_page(tmp_path: Path) -> None:
    for count in range(2, 45):
        lines = [line(month, f"account-{number:02}") for number in range(count) for month in (1, 2)]
        pages = printed(tmp_path, *lines, only=None)
        assert "Energie je Monat" in pages[-1], count
        assert "Datum, Unterschrift" in pages[-1], count


def test_a_year_is_provisional_until_all_months_are_closed(tmp_path: Path) -> None:
    open_line = line(10, closed=None)
    assert "alle genannten Monate sind abgeschlossen" in words_of(printed(tmp_path, line(9)))
    assert "vorläufig, es sind noch Monate offen" in words_of(printed(tmp_path, line(9), open_line))


def test_a_year_without_prices_has_no_columns_of_money(tmp_path: Path) -> None:
    words = words_of(printed(tmp_path, line(9, amount_ct=None, fees_ct=0, vat_ct=0, total_ct=None)))
    assert "September 3 33,250 Nr. 7" in words
    assert "EUR" not in words


def test_a_month_without_a_price_among_others_has_no_amount(tmp_path: Path) -> None:
    free = line(10, amount_ct=None, fees_ct=0, vat_ct=0, total_ct=None)
    words = words_of(printed(tmp_path, line(9), free))
    assert "Oktober 3 33,250 – – – – Nr. 7" in words
    assert "Summe 6 66,500 10,40 3,50 2,64 16,54" in words


def test_a_year_without_transactions_says_so(tmp_path: Path) -> None:
    words = words_of(printed(tmp_path, only=None))
    assert "In diesem Jahr gibt es keine Ladevorgänge." in words
    assert "vorläufig" in words


def test_the_command_writes_the_pdf_of_a_year(migrated_home: Home) -> None:
    say(
        migrated_home,
        start(1_000_000, "2026-10-01T05:00:00Z"),
        stop(1_033_250, "2026-10-01T10:00:00Z"),
    )
    file = migrated_home.folder / "year.pdf"
    options = ("--year", "2026", "--account", "family-y", "--format", "pdf", "-o", str(file))
    done = migrated_home.run("shocpp-summary", *options)
    assert (done.returncode, done.stderr) == (0, "")
    words = words_of(pages_of(file))
    assert "Oktober 1 33,250 offen November 0 0,000 offen" in words
    assert "Summe 1 33,250" in words


def test_twelve_bars_have_their_months_and_their_figures(tmp_path: Path) -> None:
    """Two accounts with 33.250 kWh in September are 66.500 kWh."""
    words = words_of(printed(tmp_path, line(9, "company-x"), line(9), line(10), only=None))
    names = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
    nothing = "0,000 " * 8
    assert f"Energie je Monat in kWh {names} {nothing}66,500 33,250 0,000 0,000" in words
    assert "Energie je Monat" not in words_of(printed(tmp_path, line(9, wh=0)))


@pytest.mark.parametrize("tax", ["none", "small-business", "exempt"])
def test_a_year_without_vat_does_not_name_it(tmp_path: Path, tax: str) -> None:
    operator = LETTERHEAD._replace(tax=tax)
    words = words_of(printed(tmp_path, line(9), line(10), operator=operator))
    assert "September 3 33,250 10,40 3,50 2,64 16,54 Nr. 7" in words
    assert "USt" not in words
    assert "Zuschlag" in words
    assert ("Steuernummer" in words) == (tax != "none")


def test_a_year_whose_prices_have_no_vat_has_no_column_of_it(tmp_path: Path) -> None:
    words = words_of(printed(tmp_path, line(9, vat_ct=0, total_ct=1390)))
    assert "September 3 33,250 10,40 3,50 13,90 Nr. 7" in words
    assert "USt" not in words


def test_the_year_of_an_employee_has_no_word_of_taxes(tmp_path: Path) -> None:
    words = words_of(printed(tmp_path, line(9), has_employer=True))
    assert "Zuschlag" in words
    assert "USt" not in words
    assert "teuer" not in words


def test_vat_that_amounts_include_stands_behind_the_total(tmp_path: Path) -> None:
    """10.40 + 3.50 are 13.90 EUR gross; 13.90 / 1.19 = 11.68 net and 2.22 VAT."""
    words = words_of(printed(tmp_path, line(9, vat_ct=222, total_ct=1390)))
    assert "Gesamt darin" in words
    assert "September 3 33,250 10,40 3,50 13,90 2,22 Nr. 7" in words
    assert "zuzüglich" not in words


def test_the_table_of_a_year_says_that_amounts_include_vat(tmp_path: Path) -> None:
    note = "Beträge sind mit Umsatzsteuer, wo sie berechnet ist."
    assert note in words_of(printed(tmp_path, line(9), only=None))
    assert note not in words_of(printed(tmp_path, line(9, vat_ct=0, total_ct=1390), only=None))
    operator = LETTERHEAD._replace(tax="none")
    assert note not in words_of(printed(tmp_path, line(9), only=None, operator=operator))


def test_all_columns_of_a_year_stay_on_the_page(tmp_path: Path) -> None:
    """Solar energy, and VAT on net amounts in one month, in gross amounts in another."""
    gross = line(10, vat_ct=222, total_ct=1390)
    printed(tmp_path, line(9, solar_wh=12_345), gross)
    boxes = boxes_of(tmp_path / "year.pdf")
    assert max(box[2] for box in boxes) < RIGHT
