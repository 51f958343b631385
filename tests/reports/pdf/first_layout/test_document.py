"""The first layout as a whole: its pages, and the same bytes for the same input."""

from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shocpp.configuration.operator import Operator
from shocpp.reports.pdf.document import pdf_of
from shocpp.reports.pdf.page import WIDTH
from shocpp.reports.statement import Charger
from shocpp.reports.tables.cells import NUMBERED
from tests.world.pdf_statements import (
    NO_LETTERHEAD,
    boxes_of,
    digests_elsewhere,
    printed,
    record,
    statement_of,
    sums,
    words_of,
)
from tests.world.statements import CLOSED, Month, months

ROWS = [record(number) for number in range(100)]

TEXT = st.text(st.characters(exclude_categories=()), max_size=300)


def test_a_statement_has_its_title_rows_and_total(tmp_path: Path) -> None:
    (page,) = printed(tmp_path, [record(0), record(1)])
    text = words_of([page])
    assert "Abrechnung Oktober 2026" in text
    assert "1 01.10.2026 07:00 09:10 2:10 1:40 Stellplatz 4 / 1 Anna Müller …0B1C" in text
    assert "9.042,000 9.075,250 33,250 31,27 10,40" in text
    assert "Summe: 2 Ladevorgänge 66,500 20,80" in text
    assert "Zu zahlen EUR 20,80" in text
    assert "Seite 1 von 1" in text


def test_an_english_statement_has_english_dates_and_figures(tmp_path: Path) -> None:
    text = words_of(printed(tmp_path, [record()], language="en"))
    assert "Charging statement October 2026" in text
    assert "1 2026-10-01 07:00 09:10 2:10 1:40 Stellplatz 4 / 1 Anna Müller …0B1C" in text
    assert "9,042.000 9,075.250 33.250 31.27 10.40" in text
    assert "Total to pay EUR 10.40" in text
    assert "Page 1 of 1" in text


def test_every_page_begins_with_the_title_and_the_column_titles(tmp_path: Path) -> None:
    pages = printed(tmp_path, ROWS)
    assert len(pages) == 4
    for number, page in enumerate(pages, 1):
        assert page.count("Zählerstand") == 2
        assert "Abrechnung Oktober 2026" in page
        assert f"Seite {number} von 4" in page
        assert "WEG Sonnenallee 12" in page
    rows = [line.split()[0] for page in pages for line in page.splitlines() if "0B1C" in line]
    assert rows == [str(number) for number in range(1, 101)]


def test_the_sums_never_stand_alone_on_a_page(tmp_path: Path) -> None:
    for count in range(18, 36):
        pages = printed(tmp_path, ROWS[:count])
        summed = next(page for page in pages if "Summe: " in page)
        assert summed.count("0B1C") >= 3
        assert "Zu zahlen" in summed


def test_a_closed_month_names_its_closing_and_an_open_one_is_provisional(
    tmp_path: Path,
) -> None:
    closed = words_of(printed(tmp_path, [record()], closed=CLOSED))
    assert "abgeschlossen am 03.11.2026 00:30 von anna, Abschluss Nr. 3" in closed
    assert f"Prüfsumme {CLOSED.hash}" in closed
    assert "vorläufig" not in closed
    assert "vorläufig, Monat noch nicht abgeschlossen" in words_of(printed(tmp_path, [record()]))


def test_a_statement_without_letterhead_has_no_empty_lines(tmp_path: Path) -> None:
    (page,) = printed(tmp_path, [], operator=NO_LETTERHEAD)
    lines = [line.strip() for line in page.splitlines() if line.strip()]
    assert lines[:2] == ["Abrechnung Oktober 2026", "Mandant: family-y"]
    assert lines[-2:][0] == "Datum, Unterschrift"
    assert "Steuernummer" not in page


def test_the_same_statement_is_the_same_bytes_in_another_process() -> None:
    script = (
        "import hashlib; from tests.world.pdf_statements import *;"
        "rows = [record(number) for number in range(100)]; account = sums(rows);"
        "print(hashlib.sha256(pdf_of(statement_of(account), account, rows, 'de')).hexdigest())"
    )
    assert len(digests_elsewhere(script)) == 1


def test_european_names_are_printed_unchanged(tmp_path: Path) -> None:
    name = "Łukasz Çelik Őry Ελένη Жанна Ğöçmen"
    operator = Operator(name, (), (), "", name, "")
    text = words_of(
        printed(tmp_path, [record()], sums([record()], account=name), operator=operator)
    )
    assert text.count(name) >= 3


def test_texts_stay_in_their_column_and_on_the_page(tmp_path: Path) -> None:
    long = "Stellplatz-im-Hinterhof " * 12
    rows = [record(number, stop_reason=long, id_tag="W" * 20) for number in range(3)]
    account = sums(rows, account=long)
    statement = statement_of(
        account,
        operator=Operator(long, (long, "W" * 300), (long,), long, long, long),
        chargers=(Charger("garage", long, long, long, long),),
        cards={"w" * 20: long},
    )
    file = tmp_path / "long.pdf"
    file.write_bytes(pdf_of(statement, account, rows, "de"))
    boxes = boxes_of(file)
    assert min(left for left, *_ in boxes) >= 35.9
    assert max(right for _, _, right, _ in boxes) <= WIDTH - 35.9
    for box, next_box in pairwise(sorted(boxes, key=lambda box: (box[1], box[0]))):
        if box[1] == next_box[1]:
            assert box[2] <= next_box[0] + 0.1


@settings(max_examples=40, deadline=None)
@given(TEXT, TEXT, TEXT)
def test_no_text_is_refused(first: str, second: str, third: str) -> None:
    row = record(id_tag=second, stop_reason=first, flags=third, decided_by=first, entry="reversal")
    rows, account = [row], sums([row], account=first)
    statement = statement_of(
        account,
        operator=Operator(first, (second,) * 9, (third,), first, second, third),
        chargers=(Charger("garage", third, first, second, third),),
        cards={"04a20b1c": first},
    )
    file = pdf_of(statement, account, rows, "de")
    assert file.startswith(b"%PDF-1.")
    assert file.endswith(b"%%EOF\n")


@settings(max_examples=40, deadline=None)
@given(months())
def test_any_month_has_a_statement_for_each_account(month: Month) -> None:
    statement = month.statement._replace(snapshot_version=NUMBERED)
    for account in statement.accounts:
        rows = [row for row in month.rows if row.account == account.account]
        for language in ("de", "en"):
            file = pdf_of(statement, account, rows, language)
            assert b"/Count 1 " in file
