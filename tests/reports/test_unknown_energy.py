"""A record whose energy nobody knows says so in every format; it is not a zero."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shocpp.bookkeeping import review
from shocpp.clock import now_ms
from shocpp.language.month import Month
from shocpp.reports.account_statement import of_account
from shocpp.reports.formats import chunks
from tests.world.desk import ANNA, Office
from tests.world.pdf_statements import pages_of, words_of

HOUR_MS = 3_600_000

Print = Callable[[str, str], bytes]


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[Print]:
    """Return a function that prints the month of two transactions without a known energy.

    A human has ended the one before its first reading, and the start of the other is not on file.
    """
    office = Office(tmp_path)
    office.now_ms = now_ms() - HOUR_MS
    office.start(1_000)
    office.ask("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
    status = {"connectorId": 2, "status": "Available", "errorCode": "NoError"}
    office.ask("StatusNotification", status)
    review.end(office.db, office.settings, "T1", ANNA)
    office.stop(424_242, 5_000, idTag="3333")
    month = Month.of_moment(office.now_ms, office.settings.zone)
    statement = of_account(office.statement(*month), "family-y")

    def print_(format_: str, language: str) -> bytes:
        return b"".join(chunks(office.open_books(), statement, format_, language))

    yield print_
    office.db.close()


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "de",
            (
                "In Prüfung: 1 Vorgang, 0,000 kWh und unbekannte Energie",
                "garage: zu diesem Ende passt kein Vorgang; Energie unbekannt",
                "garage: Energie unbekannt zugeordnet zu family-y (",
                "gezählt, dazu in Prüfung unbekannte Energie",
            ),
        ),
        (
            "en",
            (
                "Under review: 1 case, 0.000 kWh and unknown energy",
                "garage: no transaction matches this stop; energy unknown",
                "garage: energy unknown assigned to family-y (",
                "counted, besides unknown energy under review",
            ),
        ),
    ],
)
def test_the_text_says_that_an_energy_is_unknown(
    printed: Print, language: str, lines: tuple[str, ...]
) -> None:
    text = printed("text", language).decode()
    assert [line for line in lines if line not in text] == []


@pytest.mark.parametrize(
    ("language", "delimiter", "word"), [("de", ";", "unbekannt"), ("en", ",", "unknown")]
)
def test_the_csv_file_says_that_an_energy_is_unknown(
    printed: Print, language: str, delimiter: str, word: str
) -> None:
    text = printed("csv", language).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    assert row["kWh"] == word


def test_the_formats_for_programs_have_a_number_and_a_word(printed: Print) -> None:
    (row,) = csv.DictReader(io.StringIO(printed("csv-machine", "de").decode()))
    assert (row["consumed_wh"], row["kwh"]) == ("0", "unknown")
    content = json.loads(printed("json", "de"))
    (record,) = content["records"]
    assert (record["consumed_wh"], record["kwh"]) == (0, "unknown")
    assert record["flags"] == "ended by hand; energy unknown"
    assert content["under_review"][0]["flags"] == "energy unknown"


@pytest.mark.parametrize(
    ("language", "phrases"),
    [
        (
            "de",
            (
                "Korrektur Energie unbekannt, entschieden am",
                "Energie unbekannt, zu diesem Ende passt kein Vorgang",
                "dazu in Prüfung unbekannte Energie",
                " unbekannt ",
            ),
        ),
        (
            "en",
            (
                "correction energy unknown, decided",
                "energy unknown, no transaction matches this stop",
                "besides unknown energy under review",
                " unknown ",
            ),
        ),
    ],
)
def test_the_pdf_says_that_an_energy_is_unknown(
    printed: Print, language: str, phrases: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "statement.pdf"
    file.write_bytes(printed("pdf", language))
    words = words_of(pages_of(file))
    assert [phrase for phrase in phrases if phrase not in words] == []
