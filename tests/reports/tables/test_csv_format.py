"""The records as CSV, for German and English spreadsheets and for programs."""

import csv
import io
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.reports.statement import Statement, StatementRow
from shocpp.reports.tables.csv_format import csv_machine_of, csv_of, defused, text_cell
from shocpp.texts import without_controls
from tests.world.machine import needs
from tests.world.statements import (
    FILE,
    PRICE,
    Month,
    months,
    statement,
    statement_row,
    sums,
    sums_with_prices,
)

MARK = "\ufeff"
DELIMITERS = {"de": ";", "en": ","}
FORMULAS = ('=HYPERLINK("http://x")', "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", " =1+1")


def written(frame: Statement, *rows: StatementRow, language: str = "de") -> str:
    """Return the file for people."""
    return "".join(csv_of(frame, iter(rows), language))


def people(frame: Statement, *rows: StatementRow, language: str = "de") -> list[dict[str, str]]:
    """Return the records for people, by the names of their columns."""
    text = written(frame, *rows, language=language).removeprefix(MARK)
    return list(csv.DictReader(io.StringIO(text, ""), delimiter=DELIMITERS[language]))


def machine(frame: Statement, *rows: StatementRow) -> list[dict[str, str]]:
    """Return the records for programs, by the names of their columns."""
    text = "".join(csv_machine_of(frame, iter(rows)))
    return list(csv.DictReader(io.StringIO(text, "")))


SPLIT = statement_row(
    1_040,
    flags="matched without its id",
    price_note="split by meter values",
    parts=((20_000, PRICE), (13_250, 250_000)),
    signed=2,
)


# --- for people ---


def test_a_german_file_has_the_format_of_german_excel() -> None:
    assert written(
        statement(sums_with_prices()), statement_row(1_040, PRICE, charging_s=3_725)
    ) == (
        f"{MARK}Nr.;Mandant;Beginn;Ende;Abgerechnet;Dauer;Ladedauer;Ladepunkt;Anschluss;Karte;"
        "Kartennummer;Zähler Beginn kWh;Zähler Ende kWh;kWh;ct/kWh;EUR;Preisteile (kWh × ct);"
        "Grund;Hinweise;Signierte Werte;Art;Entschieden von;Entschieden am;Begründung;Datensatz\r\n"
        "12;family-y;01.10.2026 07:00:00;01.10.2026 09:10:00;01.10.2026 09:10:00;2:10:00;1:02:05;"
        "Stellplatz 4;1;Tessa;…3333;9042,000;9075,250;33,250;31,27;10,40;;am Ladepunkt;;0;"
        f"Vorgang;;;;{FILE.removesuffix('.json')}\r\n"
    )


def test_an_english_file_has_the_format_of_americans_and_britons() -> None:
    assert written(statement(sums_with_prices()), statement_row(1_040, PRICE), language="en") == (
        f"{MARK}No.,Account,Start,End,Billed,Duration,Charging,Charger,Connector,Card,Card number,"
        "Meter start kWh,Meter end kWh,kWh,ct/kWh,EUR,Price parts (kWh × ct),Reason,Remarks,"
        "Signed values,Kind,Decided by,Decided at,Why,Record\r\n"
        "12,family-y,2026-10-01 07:00:00,2026-10-01 09:10:00,2026-10-01 09:10:00,2:10:00,,"
        "Stellplatz 4,1,Tessa,…3333,9042.000,9075.250,33.250,31.27,10.40,,at the charger,,0,"
        f"transaction,,,,{FILE.removesuffix('.json')}\r\n"
    )


def test_a_month_without_records_has_its_headers() -> None:
    assert written(statement()).count("\r\n") == 1


def test_a_statement_without_prices_has_no_columns_of_money() -> None:
    (record,) = people(statement(sums("family-y", 33_250)), statement_row())
    assert not {"ct/kWh", "EUR", "Preisteile (kWh × ct)"} & set(record)
    assert (record["kWh"], record["Grund"]) == ("33,250", "am Ladepunkt")


def test_a_record_with_several_prices_lists_them() -> None:
    split, unpriced = people(statement(sums_with_prices()), SPLIT, statement_row())
    assert (split["ct/kWh"], split["EUR"]) == ("", "10,40")
    assert split["Preisteile (kWh × ct)"] == "20,000 × 31,27; 13,250 × 25,00"
    assert split["Hinweise"] == "ohne Vorgangsnummer zugeordnet; nach Zählerwerten aufgeteilt"
    assert split["Signierte Werte"] == "2"
    assert (unpriced["ct/kWh"], unpriced["EUR"], unpriced["Preisteile (kWh × ct)"]) == ("",) * 3


def test_unknown_values_are_empty() -> None:
    (record,) = people(
        statement(),
        statement_row(
            **dict.fromkeys(
                ("charge_point_id", "connector_id", "id_tag", "started_at", "duration_s")
            )
        ),
    )
    assert {name for name, cell in record.items() if not cell} == {
        *("Beginn", "Dauer", "Ladedauer", "Ladepunkt", "Anschluss", "Karte", "Kartennummer"),
        *("Hinweise", "Entschieden von", "Entschieden am", "Begründung"),
    }


def test_a_charger_and_a_card_without_a_name_have_their_ids() -> None:
    (record,) = people(statement(), statement_row(charge_point_id="219010", id_tag="0012"))
    assert (record["Ladepunkt"], record["Karte"], record["Kartennummer"]) == (
        "'219010",
        "",
        "…0012",
    )


def test_connector_0_is_the_whole_charger() -> None:
    (record,) = people(statement(), statement_row(connector_id=0))
    assert record["Anschluss"] == "0"


def test_a_card_is_named_for_every_spelling_of_its_id() -> None:
    (record,) = people(statement(), statement_row(id_tag="04:a2:0b:33:33"))
    assert record["Karte"] == "Tessa"


def test_a_decision_has_its_kind_author_and_reason() -> None:
    taken = statement_row(
        consumed_wh=-500, entry="reversal", decided_by="anna", decided_why="Besuch;\nlang"
    )
    (record,) = people(statement(), taken)
    assert record["kWh"] == "-0,500"
    assert (record["Art"], record["Entschieden von"]) == ("Storno", "anna")
    assert record["Begründung"] == "Besuch; lang"
    assert record["Entschieden am"] == "01.10.2026 09:10:01"


SOME_ROWS = (
    statement_row(number=7),
    statement_row(number=3, entry="dismissal", consumed_wh=0),
    statement_row(number=12),
)


def test_each_row_has_the_number_of_its_record() -> None:
    assert [record["Nr."] for record in people(statement(), *SOME_ROWS)] == ["7", "3", "12"]
    of_programs = machine(statement(), *SOME_ROWS)
    assert [record["number"] for record in of_programs] == ["7", "3", "12"]
    assert [record["row"] for record in of_programs] == ["1", "2", "3"]


def test_the_rows_of_older_months_are_counted_without_the_dismissed_ones() -> None:
    old = statement(snapshot_version=2)
    assert [record["Nr."] for record in people(old, *SOME_ROWS)] == ["1", "", "2"]
    assert [record["row"] for record in machine(old, *SOME_ROWS)] == ["1", "2", "3"]
    assert "number" not in machine(old, *SOME_ROWS)[0]


def test_a_transaction_of_more_than_a_day_counts_its_hours_on() -> None:
    (record,) = people(statement(), statement_row(duration_s=100_000))
    assert record["Dauer"] == "27:46:40"


@pytest.mark.parametrize("formula", FORMULAS)
def test_texts_from_outside_never_run(formula: str) -> None:
    typed = statement_row(
        account=formula,
        charge_point_id=formula,
        stop_reason=formula,
        flags=formula,
        id_tag=formula,
        decided_by=formula,
        decided_why=formula,
    )
    (record,) = people(statement(), typed)
    for column in ("Mandant", "Ladepunkt", "Grund", "Hinweise", "Entschieden von", "Begründung"):
        assert record[column] == f"'{formula.strip()}"
    assert record["Kartennummer"].startswith("…")


def test_configured_names_never_run() -> None:
    frame = statement(cards={"04a20b3333": "=1+1"})
    frame = frame._replace(chargers=(frame.chargers[0]._replace(name="@a"),))
    (record,) = people(frame, statement_row())
    assert (record["Karte"], record["Ladepunkt"]) == ("'=1+1", "'@a")


@given(st.text())
def test_no_text_is_a_formula_or_has_several_lines(text: str) -> None:
    cell = defused(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", " "))
    assert not set("\r\n\t") & set(cell)


@given(months(), st.sampled_from(("de", "en")))
def test_the_records_for_people_add_up_to_the_sums(month: Month, language: str) -> None:
    records = people(month.statement, *month.rows, language=language)
    point = "," if language == "de" else "."
    wh = [int(record["kWh"].replace(point, "")) for record in records]
    assert wh == [row.consumed_wh for row in month.rows]
    assert sum(wh) == sum(a.wh for a in month.statement.accounts) + month.statement.unassigned_wh
    ct = [int(record.get("EUR", "").replace(point, "") or 0) for record in records]
    assert sum(ct) == sum(account.amount_ct or 0 for account in month.statement.accounts)
    reach = [tuple(record.values())[11:13] for record in records]
    assert [tuple(int(kwh.replace(point, "")) for kwh in both) for both in reach] == [
        (row.begin_wh, row.end_wh) for row in month.rows
    ]


# --- for programs ---


def test_programs_read_plain_names_and_units() -> None:
    text = "".join(csv_machine_of(statement(sums_with_prices()), iter([SPLIT])))
    assert text == (
        "row,localtime,unixtime,account_index,account,charge_point_id,connector_id,id_tag,"
        "card_name,transaction_id,started_at,stopped_at,booked_at,duration_s,charging_s,begin_wh,"
        "end_wh,consumed_wh,kwh,microeuro_per_kwh,amount_ct,eur,price_parts,price_note,signed,"
        "stop_reason,provenance,flags,entry,replaces_file,decided_by,decided_why,"
        "file_name,number\n"
        "1,2026-10-01 09:10:00,1790838600,2,family-y,garage,1,04A20B3333,Tessa,20009042,"
        "2026-10-01T05:00:00.000Z,2026-10-01T07:10:00.000Z,2026-10-01T07:10:01.000Z,7800,,9042000,"
        "9075250,33250,33.250,,1040,10.40,20000@312700 13250@250000,split by meter values,2,Local,"
        f"started,matched without its id,record,,,,{FILE},12\n"
    )


def test_the_columns_for_programs_are_those_of_the_view() -> None:
    (header,) = csv_machine_of(statement(), iter(()))
    names, fields = set(header.rstrip("\n").split(",")), set(StatementRow._fields)
    assert names - fields == {"row", "card_name", "kwh", "eur", "price_parts"}
    assert fields - names == {"parts", "review", "km", "note", "solar_wh"}
    assert header.isascii()
    (noted,) = csv_machine_of(statement()._replace(noted=frozenset({2})), iter(()))
    assert noted == header.rstrip("\n") + ",km,note\n"
    (sunny,) = csv_machine_of(statement(sums("family-y", solar_wh=0)), iter(()))
    assert sunny == header.rstrip("\n") + ",solar_wh\n"


@pytest.mark.parametrize("formula", [*FORMULAS, 'a"b', "a;b,c", "two\r\nlines", " x "])
def test_programs_get_every_text_verbatim_but_for_control_characters(formula: str) -> None:
    (record,) = machine(
        statement(), statement_row(account=formula, id_tag=formula, decided_why=formula)
    )
    expected = formula.replace("\r", "\\u000d")
    assert record["account"] == record["id_tag"] == record["decided_why"] == expected


@given(months())
def test_the_records_for_programs_read_back_to_the_same_figures(month: Month) -> None:
    records = machine(month.statement, *month.rows)
    for record, row in zip(records, month.rows, strict=True):
        assert int(record["consumed_wh"]) == row.consumed_wh
        assert int(record["kwh"].replace(".", "")) == row.consumed_wh
        assert record["amount_ct"] == ("" if row.amount_ct is None else str(row.amount_ct))
        assert record["eur"].replace(".", "").lstrip("-0") == record["amount_ct"].lstrip("-0")
        assert record["flags"] == without_controls(row.flags)
        assert record["id_tag"] == without_controls(row.id_tag or "")
    for account in month.statement.accounts:
        mine = [
            record for record in records if record["account"] == without_controls(account.account)
        ]
        assert sum(int(record["consumed_wh"]) for record in mine) == account.wh
        assert sum(int(record["amount_ct"] or 0) for record in mine) == (account.amount_ct or 0)


@pytest.mark.parametrize("format_", [csv_of, csv_machine_of])
def test_a_large_month_needs_no_memory(format_: object) -> None:
    frame, row = statement(sums_with_prices()), statement_row(1_040, PRICE)
    assert callable(format_)
    # The first month fills the caches.
    assert sum(1 for _ in format_(frame, (row for _ in range(5_000)))) == 5_001
    tracemalloc.start()
    assert sum(1 for _ in format_(frame, (row for _ in range(20_000)))) == 20_001
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


# --- a real spreadsheet ---

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Setup/L10N">
<prop oor:name="ooSetupSystemLocale" oor:op="fuse"><value>{locale}</value></prop></item>
</oor:items>
"""


def opened(folder: Path, text: str, locale: str, options: str) -> list[list[tuple[str, str]]]:
    """Return the cells of a CSV file as LibreOffice of this locale reads them: type and value."""
    user = folder / "profile" / "user"
    user.mkdir(parents=True)
    (user / "registrymodifications.xcu").write_text(_PROFILE.format(locale=locale))
    (folder / "statement.csv").write_text(text, encoding="utf-8", newline="")
    done = subprocess.run(
        [
            needs("soffice"),
            f"-env:UserInstallation={(folder / 'profile').as_uri()}",
            *("--headless", "--convert-to", "fods", f"--infilter=CSV:{options}"),
            *("--outdir", str(folder), str(folder / "statement.csv")),
        ],
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (folder / "statement.fods").exists(), done.stderr
    root = ElementTree.parse(folder / "statement.fods").getroot()
    return [list(_cells(row)) for row in root.iter(f"{_TABLE}table-row")]


def _cells(row: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for cell in row.iter(f"{_TABLE}table-cell"):
        kind = cell.get(f"{_OFFICE}value-type", "")
        kind = "formula" if cell.get(f"{_TABLE}formula") else kind
        names = ("value", "date-value", "time-value")
        value = next((v for name in names if (v := cell.get(f"{_OFFICE}{name}"))), None)
        repeated = int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
        yield from [(kind, "".join(cell.itertext()).strip() if value is None else value)] * repeated


@pytest.mark.parametrize(
    ("locale", "options"),
    [("de-DE", "59,34,76,1"), ("en-US", "44,34,76,1"), ("en-GB", "44,34,76,1")],
)
def test_a_spreadsheet_reads_numbers_as_numbers_and_dates_as_dates(
    tmp_path: Path, locale: str, options: str
) -> None:
    """LibreOffice gets the separator, the quote and the encoding, but no types of columns."""
    rows = [
        statement_row(1_040, PRICE, account="Müller & Söhne", charging_s=3_725, duration_s=100_000),
        statement_row(-1_040, PRICE, consumed_wh=-33_250, account="=1+1", id_tag="0012"),
        *(statement_row(account=formula, decided_why=formula) for formula in FORMULAS),
    ]
    text = written(statement(sums_with_prices()), *rows, language=locale[:2])
    headers, first, second, *typed = opened(tmp_path, text, locale, options)
    assert headers[0] == ("string", "Nr." if locale == "de-DE" else "No.")
    assert first[:9] == [
        ("float", "12"),
        ("string", "Müller & Söhne"),
        ("date", "2026-10-01T07:00:00"),
        ("date", "2026-10-01T09:10:00"),
        ("date", "2026-10-01T09:10:00"),
        ("time", "PT27H46M40S"),
        ("time", "PT01H02M05S"),
        ("string", "Stellplatz 4"),
        ("float", "1"),
    ]
    assert first[10] == ("string", "…3333")
    assert first[11:16] == [
        ("float", text) for text in ("9042", "9075.25", "33.25", "31.27", "10.4")
    ]
    assert second[1] == ("string", "'=1+1")
    assert second[10] == ("string", "…0012")
    assert (second[13], second[15]) == (("float", "-33.25"), ("float", "-10.4"))
    cells = [cell for row in (second, *typed) for cell in row]
    assert [cell for cell in cells if cell[0] == "formula"] == []
    assert sum(cell[1].startswith("'") for cell in cells) == 1 + 2 * len(FORMULAS)


def test_a_spreadsheet_runs_a_text_that_is_not_defused(tmp_path: Path) -> None:
    """The test above can fail, because an unchanged formula runs."""
    ((cell, *_), *_) = opened(tmp_path, "=1+1;x\r\n", "de-DE", "59,34,76,1")
    assert cell == ("formula", "2")


NAMES = (
    *("0042", "1E5", "1e-5", "3/4", "MAR1", "1. Mai", "31 Oct 26", "=1+1", "+49", "-x", "@a"),
    *("12:30", "9 pm", "1,5", "1.5", "1.234,50", "50 %", "5 €", "2026-10-01", "1-2", "TRUE"),
    *("Wahr", "(12)", "4,13E+13", "1 234"),
    *("1E 5", "5.E3", "2026-10-01T09:10", "Montag, 1. Oktober 2026", "Mon 1 Oct 2026", "Jän 1"),
    *("3 a", "9:00 P", "So, 4.10.2026"),
)
"""Names that a spreadsheet takes for numbers, dates, truth values or formulas."""

PLAIN_NAMES = ("family-y", "Haus 3", "2b", "4. OG links", "A-1", "0x10", "Maier 2", "E5", "Golf 8")


@pytest.mark.parametrize("special", ["false", "true"], ids=["plain", "special"])
@pytest.mark.parametrize(
    ("locale", "options"),
    [("de-DE", "59,34,76,1"), ("en-US", "44,34,76,1"), ("en-GB", "44,34,76,1")],
)
def test_names_stay_texts_in_a_spreadsheet(
    tmp_path: Path, locale: str, options: str, special: str
) -> None:
    """Also if it detects special numbers, such as dates: the last of the options.

    A cell shows its name behind an apostrophe, or a name that nobody takes for anything else.
    """
    rows = [
        statement_row(1_040, PRICE, account=name, decided_why=name, charge_point_id=name)
        for name in (*NAMES, *PLAIN_NAMES)
    ]
    text = written(statement(sums_with_prices()), *rows, language=locale[:2])
    _, *read = opened(tmp_path, text, locale, f"{options},,0,false,{special}")
    cells = [(row[1], row[7], row[-2]) for row in read]
    wanted = [f"'{name}" for name in NAMES] + [*PLAIN_NAMES]
    assert cells == [(("string", name),) * 3 for name in wanted]


@pytest.mark.parametrize("special", ["false", "true"])
def test_the_names_are_converted_without_an_apostrophe(tmp_path: Path, special: str) -> None:
    """The test above can fail: most names become numbers, dates or truth values."""
    text = "".join(f"{name}\r\n" for name in NAMES)
    cells = [row[0] for row in opened(tmp_path, text, "de-DE", f"59,34,76,1,,0,false,{special}")]
    kinds = dict(zip(NAMES, (kind for kind, _ in cells), strict=True))
    assert (kinds["0042"], kinds["1E5"], kinds["=1+1"]) == ("float", "float", "formula")
    if special == "true":
        assert (kinds["1. Mai"], kinds["12:30"]) == ("date", "time")


def test_months_that_were_closed_before_have_their_names_as_ever() -> None:
    frame = statement(sums_with_prices())._replace(snapshot_version=3)
    rows = people(frame, *(statement_row(account=name) for name in ("0042", "=1+1")))
    assert [row["Mandant"] for row in rows] == ["0042", "'=1+1"]
    assert [row["account"] for row in machine(statement(), statement_row(account="0042"))] == [
        "0042"
    ]


def test_months_that_were_closed_before_keep_their_apostrophes() -> None:
    """Of version 4 some names have none, before it there is only that of formulas."""
    row = statement_row(account="1E 5", decided_why="1E5", stop_reason="=1")
    for version, cells in ((5, "'1E 5 '1E5 '=1"), (4, "1E 5 '1E5 '=1"), (3, "1E 5 1E5 '=1")):
        (record,) = people(statement(snapshot_version=version), row)
        assert " ".join((record["Mandant"], record["Begründung"], record["Grund"])) == cells


@given(st.text(max_size=30))
def test_a_cell_is_its_text_or_has_one_apostrophe_more(text: str) -> None:
    assert text_cell(text).removeprefix("'") in (defused(text), defused(text).removeprefix("'"))
