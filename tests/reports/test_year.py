"""The statement of a year: the sums of its months, in the order of accounts and months."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shocpp.bookkeeping.closing import close
from shocpp.configuration.operator import Operator
from shocpp.errors import UsageError
from shocpp.language.month import Month, months_up_to
from shocpp.reports.year import (
    Line,
    Year,
    csv_machine_of_year,
    csv_of_year,
    json_of_year,
    month_lines,
    text_of_year,
    year_statement,
)
from tests.world.desk import Office, charge

NOBODY = Operator("", (), (), "", "", "")


def year_of(*lines: Line) -> Year:
    """Return a year with these lines."""
    return Year(2026, None, lines, "Europe/Berlin", "2026-11-22T12:00:00.000Z", "9.8.7", NOBODY)


YEAR = year_of(
    *(
        Line("2026-09", 3, "=cmd", 1, 1_500, None, 0, 0, None, None),
        Line("2026-09", 2, "family-y", 1, 33_250, 1_040, 450, 238, 1_490, 4),
        Line("2026-10", 2, "family-y", 12, -250, -8, 0, -1, -8, None),
    ),
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Return an office with records in September and November 2023: 30 ct, 3 EUR a month, VAT."""
    office = Office(tmp_path)
    office.price(
        {
            "account": "family-y",
            "valid_from": "2023-01-01",
            "ct_per_kwh": 30,
            "base_fee_eur": 3,
            "vat": {"percent": 19, "included": False},
        }
    )
    charge(office, 1_000, 11_000)
    office.later(24 * 60)
    charge(office, 11_000, 13_000)
    charge(office, 13_000, 14_000, "1111")
    charge(office, 14_000, 15_000, "?")
    yield office
    office.db.close()


def lines(office: Office, only: str | None = None) -> list[tuple[object, ...]]:
    """Return month, account, Wh, amount to pay and closing of each line of 2023."""
    year = year_statement(office.open_books(), 2023, only)
    return [(line.month, line.account, line.wh, line.total_ct, line.closed) for line in year.lines]


def test_a_year_has_all_months_since_the_first_record(office: Office) -> None:
    """300 ct + 300 ct + 19 % are 714 ct; 60 + 300 are 428.4, to the cent 428; a month costs 357."""
    assert lines(office) == [
        ("2023-09", "company-x", 0, None, None),
        ("2023-10", "company-x", 0, None, None),
        ("2023-11", "company-x", 1_000, None, None),
        ("2023-12", "company-x", 0, None, None),
        ("2023-09", "family-y", 10_000, 714, None),
        ("2023-10", "family-y", 0, 357, None),
        ("2023-11", "family-y", 2_000, 428, None),
        ("2023-12", "family-y", 0, 357, None),
    ]
    (first, *_) = year_statement(office.open_books(), 2023, "family-y").lines
    assert first == Line("2023-09", 2, "family-y", 1, 10_000, 300, 300, 114, 714, None)


def test_a_closed_month_counts_as_it_was_closed(office: Office) -> None:
    """So does a month without records, for its base fees. Other prices do not change it."""
    close(office.open_books(), Month(2023, 9), "anna")
    close(office.open_books(), Month(2023, 10), "anna")
    office.price()
    assert lines(office, "family-y") == [
        ("2023-09", "family-y", 10_000, 714, 1),
        ("2023-10", "family-y", 0, 357, 2),
        ("2023-11", "family-y", 2_000, 71, None),  # without its base fee
        ("2023-12", "family-y", 0, None, None),
    ]


def test_a_year_of_one_account_is_its_own(office: Office) -> None:
    assert {account for _, account, *_ in lines(office, "company-x")} == {"company-x"}
    with pytest.raises(UsageError, match="no account 'x' in 2023; one of: company-x, family-y"):
        lines(office, "x")
    with pytest.raises(UsageError, match="no account 'x' in 2022; one of: none"):
        year_statement(office.open_books(), 2022, "x")


def test_the_lines_of_one_account_are_those_of_all(office: Office) -> None:
    """One month is closed. Some records have a price, and all have a tariff now."""
    close(office.open_books(), Month(2023, 9), "anna")
    months = months_up_to(Month(2024, 1), 14)
    office.price({"account": "*", "valid_from": "2023-01-01", "ct_per_kwh": 40, "base_fee_eur": 2})
    every = month_lines(office.open_books(), months)
    for name in ("family-y", "company-x", "nobody"):
        expected = [line for line in every if line.account == name]
        assert month_lines(office.open_books(), months, name) == expected
    assert len({line.account for line in every}) == 2


def test_a_year_without_records_is_empty(office: Office) -> None:
    assert year_statement(office.open_books(), 2022).lines == ()
    assert "Gesamt :                                       0,000 kWh\n" in "".join(
        text_of_year(year_of(), "de")
    )


def test_a_year_as_text() -> None:
    assert "".join(text_of_year(YEAR, "de")) == (
        "Jahresabrechnung: 2026\n"
        "\n"
        "Mandant: =cmd                                  1,500 kWh\n"
        "  2026/09  1 Vorgang                           1,500 kWh  offen\n"
        "\n"
        "Mandant: family-y                             33,000 kWh        14,82 EUR\n"
        "  2026/09  1 Vorgang                          33,250 kWh        14,90 EUR"
        "  abgeschlossen (4)\n"
        "  2026/10  12 Vorgänge                        -0,250 kWh        -0,08 EUR  offen\n"
        "\n"
        "Gesamt :                                      34,500 kWh        14,82 EUR\n"
    )
    english = "".join(text_of_year(YEAR, "en"))
    assert english.startswith("Statement for the year: 2026\n\nAccount: =cmd ")
    assert "  2026/09  1 transaction                      33.250 kWh " in english
    assert english.endswith(
        "Total:                                        34.500 kWh        14.82 EUR\n"
    )


def test_a_year_for_a_spreadsheet() -> None:
    header, *lines_of_csv = "".join(csv_of_year(YEAR, "de")).splitlines()
    assert header.endswith(";kWh;EUR Energie;EUR Grundpreis;EUR gesamt;EUR darin USt;Abschluss")
    assert lines_of_csv == [
        "2026-09;'=cmd;1;1,500;;0,00;;0,00;",
        "2026-09;family-y;1;33,250;10,40;4,50;14,90;2,38;4",
        "2026-10;family-y;12;-0,250;-0,08;0,00;-0,08;-0,01;",
    ]
    assert "".join(csv_of_year(YEAR, "en")).splitlines()[2] == (
        "2026-09,family-y,1,33.250,10.40,4.50,14.90,2.38,4"
    )


@pytest.mark.parametrize(
    ("tax", "has_employer", "title"),
    [
        ("", False, "EUR zuzüglich USt"),
        ("vat", False, "EUR zuzüglich USt"),
        ("vat", True, "EUR Zuschlag"),
        ("none", False, "EUR Zuschlag"),
        ("small-business", False, "EUR Zuschlag"),
    ],
)
def test_the_columns_of_a_year_add_up_to_the_total(
    tax: str, has_employer: bool, title: str
) -> None:
    """300 + 300 ct net are 714 ct with 19 %; nobody names a tax without the right to it."""
    net = Line("2026-09", 2, "family-y", 1, 10_000, 300, 300, 114, 714, None)
    year = year_of(net)._replace(operator=NOBODY._replace(tax=tax), has_employer=has_employer)
    assert "".join(csv_of_year(year, "de")).splitlines() == [
        f"\ufeffMonat;Mandant;Vorgänge;kWh;EUR Energie;EUR Grundpreis;{title};EUR gesamt;Abschluss",
        "2026-09;family-y;1;10,000;3,00;3,00;1,14;7,14;",
    ]


@pytest.mark.parametrize("tax", ["none", "small-business", "exempt"])
def test_a_year_without_taxes_has_no_word_of_them(tax: str) -> None:
    for language, word in (("de", "USt"), ("en", "VAT")):
        year = YEAR._replace(operator=NOBODY._replace(tax=tax))
        assert word not in "".join(csv_of_year(year, language))


def test_the_year_of_an_employee_names_no_tax(office: Office) -> None:
    assert year_statement(office.open_books(), 2023, "family-y").names_vat
    tags = json.loads(office.settings.tags_file.read_text())
    (own,) = (entry for entry in tags if entry["account"] == "family-y")
    own["employer"] = "Company X"
    office.settings.tags_file.write_text(json.dumps(tags))
    assert not year_statement(office.open_books(), 2023, "family-y").names_vat
    assert year_statement(office.open_books(), 2023).names_vat


def test_a_year_for_programs() -> None:
    rows = list(csv.DictReader("".join(csv_machine_of_year(YEAR)).splitlines()))
    assert [tuple(row) for row in rows] == [Line._fields[:-1]] * 3
    assert list(rows[1].values()) == [
        *("2026-09", "2", "family-y", "1", "33250", "1040", "450", "238", "1490", "4")
    ]
    content = json.loads("".join(json_of_year(YEAR)))
    assert (content["year"], content["only"]) == (2026, None)
    fields = YEAR.lines[2]._asdict()
    assert fields.pop("solar_wh") is None
    assert content["lines"][2] == fields
