"""The foot of the first layout, and the notes that all layouts have: sums, taxes, notes."""

from pathlib import Path

import pytest

from shocpp.reports.statement import Tax, Unfinished
from shocpp.store.books.audit import Audited, Gap
from tests.world.pdf_statements import (
    NO_LETTERHEAD,
    base_fee,
    printed,
    record,
    sums,
    without_price,
    words_of,
)
from tests.world.statements import record_under_review

OCTOBER_2 = 1_790_920_800_000


def test_base_fee_and_vat_are_in_the_amount_to_pay(tmp_path: Path) -> None:
    account = sums(
        [record()], fees=(base_fee(),), taxes=(Tax(1900, 1390, 264, 1654),), total_ct=1654
    )
    text = words_of(printed(tmp_path, [record()], account, language="en"))
    for line in (
        "Sum of the transactions 10.40",
        "Base fee, tariff from 2026-01-01, 31 of 31 days 3.50",
        "Net at 19% 13.90",
        "VAT 19% 2.64",
        "Gross at 19% 16.54",
        "Total to pay EUR 16.54",
        "Amounts are rounded to the cent per transaction",
    ):
        assert line in text


def test_an_account_without_records_owes_the_base_fee(tmp_path: Path) -> None:
    text = words_of(printed(tmp_path, [], sums([], fees=(base_fee(),), total_ct=350)))
    assert "Summe der Ladevorgänge 0,00" in text
    assert "Zu zahlen EUR 3,50" in text


def test_energy_without_a_price_is_noted_beside_a_base_fee(tmp_path: Path) -> None:
    rows = [without_price(record())]
    account = sums(rows, fees=(base_fee(),), total_ct=350, unpriced_wh=33_250)
    text = words_of(printed(tmp_path, rows, account))
    assert "Zu zahlen EUR 3,50" in text
    assert "Ohne Preis sind 33,250 kWh; sie sind in den Beträgen nicht enthalten." in text


def test_each_price_used_has_its_energy_and_its_amount(tmp_path: Path) -> None:
    text = words_of(printed(tmp_path, [record()]))
    assert "Verwendete Preise kWh ct/kWh EUR" in text
    assert "eigener Preis, ab 01.01.2026 33,250 31,27 10,40" in text


def test_reviews_and_open_transactions_are_listed(tmp_path: Path) -> None:
    under_review_row = record_under_review(
        id_tag="04A20B1C", review="unknown card; more than 200 kWh"
    )
    unfinished = (
        Unfinished("garage", 2, "04A20B1C", "family-y", "2026-10-30T20:00:00.000Z", 4200, "T4"),
        Unfinished("hof", 1, "7777", "family-y", "2026-10-31T20:00:00.000Z", None, "T5"),
    )
    text = words_of(
        printed(
            tmp_path,
            [record()],
            language="en",
            under_review=(under_review_row,),
            unfinished=unfinished,
        )
    )
    under_review = "no. 12, 2026-10-01 09:10, Stellplatz 4 / 1: 33.250 kWh, unknown card"
    assert f"{under_review}; more than 200 kWh" in text
    unfinished = "no. T4, Stellplatz 4 / 2, Anna Müller …0B1C, since 2026-10-30 21:00"
    assert f"{unfinished}, 4.200 kWh so far" in text
    assert "no. T5, hof / 1, …7777, since 2026-10-31 21:00" in text


def test_a_correction_has_its_author_time_and_reason(tmp_path: Path) -> None:
    decided = {"decided_by": "anna", "decided_why": "their new card"}
    rows = [
        record(0),
        record(1, entry="reversal", consumed_wh=-33_250, amount_ct=-1040, **decided),
        record(2, entry="replacement")._replace(number=7),
    ]
    text = words_of(printed(tmp_path, rows))
    sentence = (
        "Stellplatz 4 / 1: Storno -33,250 kWh, entschieden am 01.10.2026 10:10 von anna:"
        " their new card"
    )
    assert f"Nr. 2, {sentence}" in text
    assert "Nr. 7, Stellplatz 4 / 1: Korrektur 33,250 kWh" in text
    # Months that were closed before have the positions of the rows.
    older = words_of(printed(tmp_path, rows, snapshot_version=2))
    assert f"Zeile 2, {sentence}" in older
    assert "Zeile 3, Stellplatz 4 / 1: Korrektur 33,250 kWh" in older
    assert "Korrektur 33,250 kWh, entschieden am 01.10.2026 11:10 von ohne Namen: –" in text


def test_the_meter_check_adds_up_the_counted_energy(tmp_path: Path) -> None:
    audited = Audited("garage", 40_000, 33_250, 4_000, 2_500, 750, 500, 0)
    text = words_of(
        printed(tmp_path, [record()], audited=(audited,), imported_wh=(("garage", 5_000),))
    )
    assert (
        "Stellplatz 4: abgerechnet 33,250 + nicht zugeordnet 4,000 + in Prüfung 2,500"
        " + Lücken 0,750 - doppelt 0,500 = gezählt 40,000 kWh,"
        " dazu aus früheren Aufzeichnungen 5,000 kWh" in text
    )


def test_a_restarted_meter_cannot_be_checked(tmp_path: Path) -> None:
    audited = Audited("garage", 1, 2, 3, 4, 5, 6, 1)
    text = words_of(printed(tmp_path, [record()], audited=(audited,)))
    assert "Stellplatz 4: nicht prüfbar, denn der Zähler begann neu" in text


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("de", "Zählerprüfung Stellplatz 4: gemeinsam genutzt, in der Abrechnung aller Mandanten"),
        ("en", "Meter check Stellplatz 4: shared, in the statement of all accounts"),
    ],
)
def test_the_check_of_a_shared_meter_is_elsewhere(
    tmp_path: Path, language: str, sentence: str
) -> None:
    changes = {"audited": (), "shared": ("garage",)}
    assert sentence in words_of(printed(tmp_path, [record()], language=language, **changes))


def test_gaps_of_its_chargers_are_listed(tmp_path: Path) -> None:
    gap = Gap("G4", 1, "garage", 1, 1_000, 1_750, OCTOBER_2, OCTOBER_2 + 3_600_000, None)
    gaps = (gap, gap._replace(number="G5", dismissed="the electrician"))
    text = words_of(printed(tmp_path, [record()], gaps=gaps))
    assert "Lücke G4: 0,750 kWh, zwischen 02.10.2026 08:00 und 02.10.2026 09:00 Lücke G5" in text
    assert "02.10.2026 09:00 (verworfen: the electrician)" in text


def test_a_statement_ends_with_the_notes_and_the_signature_line(tmp_path: Path) -> None:
    text = words_of(printed(tmp_path, [record()]))
    assert "Bitte bis zum 15. überweisen." in text
    assert "wie der Ladepunkt sie übermittelt hat, Zeiten in Europe/Berlin" in text
    assert "Datum, Unterschrift: Kassenwart" in text
    bare = words_of(printed(tmp_path, [without_price(record())], operator=NO_LETTERHEAD))
    assert "Datum, Unterschrift Erstellt" in bare


def test_long_notes_continue_on_the_next_page(tmp_path: Path) -> None:
    why = " ".join(f"word{number}" for number in range(3000))
    row = record(0, entry="replacement", decided_by="anna", decided_why=why)
    pages = printed(tmp_path, [row])
    assert len(pages) > 2
    text = words_of(pages)
    assert all(f"word{number}" in text for number in range(3000))
