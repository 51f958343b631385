"""The table of columns: each column is complete, and belongs to the formats that name it."""

import pytest

from shocpp.reports.snapshot import VERSION
from shocpp.reports.statement import StatementRow
from shocpp.reports.tables.cells import Format, columns_of, values_of
from shocpp.reports.tables.columns import COLUMNS, CSV, CSV_MACHINE, FORMATS, JSON, PDF
from tests.world.statements import statement, statement_row

BY_KEY = {column.key: column for column in COLUMNS}


def keys_of(format_: Format) -> list[str]:
    """Return the keys of a format's columns, in their order."""
    return [column.key for column, _ in format_]


def test_a_column_has_a_part_for_each_format_that_needs_one() -> None:
    assert len(BY_KEY) == len(COLUMNS)
    assert {column.key for column in COLUMNS if column.csv} == set(keys_of(CSV))
    assert {column.key for column in COLUMNS if column.pdf} == set(keys_of(PDF))
    printed = set().union(*map(keys_of, FORMATS))
    assert {column.key for column in COLUMNS if not column.api} <= printed


def test_every_field_of_a_record_is_in_the_formats_for_programs() -> None:
    fields = set(StatementRow._fields) - {"parts"} | {"price_parts"}
    assert fields - set(keys_of(JSON)) == set()
    assert fields - set(keys_of(CSV_MACHINE)) == {"review"}


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_title_is_there_in_each_language_and_occurs_once(language: str) -> None:
    of_csv = [column.csv.titles[language] for column in COLUMNS if column.csv]
    of_pdf = [column.pdf.titles[language] for column in COLUMNS if column.pdf]
    for titles in (of_csv, of_pdf):
        assert all(titles)
        assert len(set(titles)) == len(titles)
    # The head of the PDF's table has the height of two lines.
    assert all(title.count("\n") <= 1 for title in of_pdf)


def test_values_are_in_the_order_of_the_columns() -> None:
    keys = ("eur", "row", "card_name", "account", "price_parts")
    values = values_of(tuple(BY_KEY[key] for key in keys), statement())
    split = statement_row(1_040, parts=((20_000, 312_700), (13_250, 250_000)))
    *some, parts = values((7, split, *split))
    assert some == ["10.40", 7, "Tessa", "family-y"]
    assert str(parts) == "20000@312700 13250@250000"
    bare = statement_row(id_tag=None)
    assert values((None, bare, *bare)) == [None, None, None, "family-y", ()]


def test_a_statement_has_no_column_of_a_later_version() -> None:
    format_ = ((BY_KEY["row"], 1), (BY_KEY["signed"], VERSION + 1), (BY_KEY["account"], 1))
    for version, printed in ((VERSION, ["row", "account"]), (VERSION + 1, keys_of(format_))):
        columns = columns_of(format_, statement(snapshot_version=version))
        assert [column.key for column in columns] == printed


def test_a_month_of_version_1_has_the_columns_that_it_had() -> None:
    """Later versions may add columns, and no month that was closed before gets one of them."""
    old = statement(snapshot_version=1)
    assert [len(columns_of(format_, old)) for format_ in (CSV, CSV_MACHINE, JSON, PDF)] == [
        *(25, 33, 33, 14),
    ]
