"""The letter: its frame by DIN 5008, its sums, its order, and the words that it must not have."""

import re
from pathlib import Path

import pytest

from shocpp.ledger.accounts import NO_RECIPIENT, Recipient
from tests.world import pdf_statements
from tests.world.letters import (
    OPERATOR,
    RECIPIENT,
    Letter,
    Vat,
    account_of,
    letter,
    rows_of,
)
from tests.world.pdf_statements import record

NET, INCLUDED = Vat(1900, included=False), Vat(1900, included=True)
TAX_WORDS = re.compile(
    r"steuer|\bust\b|ust-id|mwst|\bvat\b|\btax|brutto|netto|\bgross\b|\bnet\b|\d ?%|§",
    re.IGNORECASE,
)
LONG = "Stellplatz-im-Hinterhof " * 12


def test_a_letter_reads_from_the_letterhead_to_the_days(tmp_path: Path) -> None:
    """All figures of a letter with VAT, in the order in which a screen reader reads them out.

    Nine sessions of 33.250 kWh at 31.27 ct are 10.397275 = 10.40 EUR each:
        299.250 kWh, 93.60 EUR
    With the base fee of 3.50 EUR they are 97.10 EUR net.
        VAT 19 % of 97.10 is 18.449 = 18.45 EUR; 97.10 + 18.45 = 115.55 EUR
    The month was closed on 3 November; 14 days later is the 17th.
    """
    rows = rows_of(9)
    printed = letter(tmp_path, rows, account_of(rows, NET, fee_ct=350))
    assert printed.in_drawing_order == [
        "WEG Sonnenallee 12",
        "Sonnenallee 12 · 12045 Berlin",
        "030 1234567 · weg@example.org",
        "WEG Sonnenallee 12 · Sonnenallee 12 · 12045 Berlin",
        *("Family Y", "Sonnenallee 12", "Flat 3", "12045 Berlin"),
        "Abrechnung Nr. 2026-0012",
        "Datum 03.11.2026",
        "Mandant family-y",
        "Kennzeichen WE 03",
        "Zeitraum 01.10.2026 bis 31.10.2026",
        "Fällig am 17.11.2026",
        "Steuernummer 34/123/45678",
        "USt-IdNr. DE123456789",
        "Abrechnung Oktober 2026 Nr. 2026-0012",
        "Lieferung von Strom, 01.10.2026 bis 31.10.2026",
        "Preisgrundlage kWh ct/kWh EUR",
        "eigener Preis, ab 01.01.2026, netto, USt 19 % 299,250 31,27 93,60",
        "Summe: 9 Ladevorgänge 299,250 93,60",
        "Grundpreis, Tarif ab 01.01.2026, 31 von 31 Tagen 3,50",
        "zuzüglich Umsatzsteuer 19 % auf netto 97,10 18,45",
        "Zu zahlen 115,55",
        "Beträge sind je Ladevorgang auf den Cent gerundet. Die Ladevorgänge stehen in der Anlage.",
        "Bitte 115,55 EUR bis zum 17.11.2026 überweisen:",
        "IBAN DE02 1203 0000 0000 2020 51",
        "Kontoinhaber WEG Sonnenallee 12 Berlin",
        "Verwendungszweck Abrechnung 2026-0012",
        "GiroCode für die Banking-App",
        "Datum, Unterschrift: Kassenwart",
        "Energie je Tag in kWh",
        " ".join(f"{day:02}" for day in range(1, 32)),
        "01. 33,250 02. 33,250 03. 33,250 04. 33,250 05. 33,250 06. 33,250 07. 33,250 08. 33,250",
        "09. 33,250",
        f"Erstellt 01.11.2026 09:00 · Prüfsumme {'5f' * 32} Seite 1 von 2",
    ]


def test_an_english_letter_has_english_words_and_figures(tmp_path: Path) -> None:
    """The figures are those of the German one, derived there."""
    rows = rows_of(9)
    printed = letter(tmp_path, rows, account_of(rows, NET, fee_ct=350), language="en")
    for words in (
        "Statement no. 2026-0012 Date 2026-11-03",
        "Reference WE 03",
        "Due on 2026-11-17 Tax number 34/123/45678 VAT ID DE123456789",
        "Charging statement October 2026 no. 2026-0012",
        "Supply of electricity, 2026-10-01 to 2026-10-31",
        "own price, from 2026-01-01, net, VAT 19% 299.250 31.27 93.60",
        "Total: 9 transactions 299.250 93.60",
        "Base fee, tariff from 2026-01-01, 31 of 31 days 3.50",
        "plus VAT 19% on net 97.10 18.45",
        "Total to pay 115.55",
        "Please transfer 115.55 EUR by 2026-11-17:",
        "Remittance text Statement 2026-0012",
    ):
        assert words in " ".join(printed.in_drawing_order), words


def test_vat_that_prices_include_is_named_below_the_total(tmp_path: Path) -> None:
    """3 x 10.40 + 3.50 = 34.70 EUR; of that 34.70 / 1.19 = 29.1597 = 29.16 net and 5.54 VAT."""
    rows = rows_of(3)
    first = letter(tmp_path, rows, account_of(rows, INCLUDED, fee_ct=350)).first
    assert "Summe: 3 Ladevorgänge 99,750 31,20" in first
    assert "31 Tagen 3,50 Zu zahlen 34,70" in first
    assert "darin Umsatzsteuer 19 %: 5,54 EUR, netto 29,16 EUR" in first
    assert "zuzüglich" not in first


def test_solar_energy_is_a_line_of_the_sums_and_a_column_of_the_annex(tmp_path: Path) -> None:
    """Three sessions of 33.250 kWh; of one nobody knows the solar energy."""
    known, unknown, grid = rows_of(3)
    rows = [known._replace(solar_wh=12_345), unknown, grid._replace(solar_wh=0)]
    printed = letter(tmp_path, rows, account_of(rows, solar_wh=12_345))
    assert "Summe: 3 Ladevorgänge 99,750 31,20 davon Solar 12,345 Zu zahlen" in printed.first
    annex = pdf_statements.words_of(printed.pages[1:])
    assert "davon" in annex
    cells = [cell for cell in annex.split() if cell in ("12,345", "0,000")]
    assert cells == ["12,345", "0,000", "12,345"]
    assert "auch Energie einer Batterie. Ein Strich heißt: nicht bekannt." in annex
    english = letter(tmp_path, rows, account_of(rows, solar_wh=12_345), language="en")
    assert "of which solar 12.345" in english.first
    # Without any, there is no word of it.
    assert "solar" not in letter(tmp_path, rows, account_of(rows)).words.casefold()


def test_a_note_is_printed_whole_below_its_row(tmp_path: Path) -> None:
    """Beside solar energy, too: charger, card and reason keep their space."""
    note = "Dienstreise nach Hannover, Kostenstelle 4711; " * 4
    noted, other = rows_of(2)
    rows = [noted._replace(solar_wh=12_345, km=123_456, note=note[:200]), other]
    account = account_of(rows, solar_wh=12_345)
    for language, title in (("de", "Kilometer, Notiz"), ("en", "Kilometres, note")):
        changes = {"noted": frozenset({account.account_index}), "language": language}
        printed = letter(tmp_path, rows, account, **changes)
        annex = pdf_statements.words_of(printed.pages[1:])
        assert f"{title}: 123456 km {note[:200].strip()}" in annex
        assert annex.count(title) == 1
        assert annex.count("Stellplatz 4 / 1 Anna Müller …0B1C") == 2
    # A month that an older program has closed keeps the column that cuts them.
    first = letter(tmp_path, rows, account, snapshot_version=4, **changes)
    assert "Kilometres, note: " not in first.words


def test_a_letter_without_a_kind_of_tax_names_vat_as_the_prices_do(tmp_path: Path) -> None:
    """One session of 10.40 EUR gross: 10.40 / 1.19 = 8.7395 = 8.74 net and 1.66 VAT."""
    rows = rows_of(1)
    operator = OPERATOR._replace(tax="", vat_id="")
    with_vat = letter(tmp_path, rows, account_of(rows, INCLUDED), operator=operator).first
    assert "darin Umsatzsteuer 19 %: 1,66 EUR, netto 8,74 EUR" in with_vat
    without = letter(tmp_path, rows, account_of(rows), operator=operator).words
    assert TAX_WORDS.findall(without) == ["Steuer"]
    assert "Steuernummer 34/123/45678" in without


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("vat", [None, NET, INCLUDED])
@pytest.mark.parametrize("kind", ["none", "employee"])
def test_a_letter_without_taxes_has_no_word_and_no_rate(
    tmp_path: Path, kind: str, vat: Vat | None, language: str
) -> None:
    """Hide VAT that the prices have, because naming it without the right makes it due.

    With a net price 20.80 EUR and VAT of 3.95 EUR add up to 24.75 EUR, without naming it.
    """
    rows = rows_of(2)
    account = account_of(rows, vat)
    operator = OPERATOR
    if kind == "none":
        operator = OPERATOR._replace(tax="none")
    else:
        account = account._replace(recipient=RECIPIENT._replace(employer="Company X"))
    printed = letter(tmp_path, rows, account, language=language, operator=operator)
    assert TAX_WORDS.findall(printed.words) == []
    assert "34/123/45678" not in printed.words
    if vat == NET:
        surcharge, total = {"de": ("Zuschlag laut Tarif 3,95", "24,75")}.get(
            language, ("Surcharge of the tariff 3.95", "24.75")
        )
        assert surcharge in printed.first
        assert total in printed.first


@pytest.mark.parametrize(
    ("tax", "note", "sentence"),
    [
        ("small-business", "", "steuerfrei nach § 19 UStG (Kleinunternehmer)"),
        ("small-business", "Kein Steuerausweis, § 19 UStG", "Kein Steuerausweis, § 19 UStG"),
        ("exempt", "steuerfrei nach § 4 Nr. 13 UStG", "steuerfrei nach § 4 Nr. 13 UStG"),
    ],
)
def test_an_exemption_has_its_sentence_and_no_rate(
    tmp_path: Path, tax: str, note: str, sentence: str
) -> None:
    rows = rows_of(2)
    operator = OPERATOR._replace(tax=tax, tax_note=note)
    printed = letter(tmp_path, rows, account_of(rows, INCLUDED), operator=operator)
    assert f"Zu zahlen 20,80 {sentence}" in printed.first
    assert "%" not in printed.words
    assert "Umsatzsteuer" not in printed.words
    assert "Steuernummer 34/123/45678 USt-IdNr. DE123456789" in printed.first


def test_a_credit_is_positive_and_asks_for_nothing(tmp_path: Path) -> None:
    rows = [record(0, entry="reversal", consumed_wh=-33_250, amount_ct=-732)]
    printed = letter(tmp_path, rows)
    assert "Guthaben 7,32" in printed.first
    for absent in ("Zu zahlen", "überweisen", "IBAN", "GiroCode", "Fällig", "Gutschrift"):
        assert absent not in printed.words
    assert printed.codes() == []


def test_a_month_of_corrections_alone_names_its_annex(tmp_path: Path) -> None:
    """A reversal of a closed month and its replacement are two rows, and no transaction."""
    rows = [
        record(0, entry="reversal", consumed_wh=-33_250, amount_ct=-1_040),
        record(1, entry="replacement", consumed_wh=10_000, amount_ct=313),
    ]
    account = account_of(rows, transactions=0)
    first = letter(tmp_path, rows, account).first
    assert "Summe: 0 Ladevorgänge -23,250 -7,27 Guthaben 7,27" in first
    assert "Die Ladevorgänge stehen in der Anlage." in first
    assert "keine Ladevorgänge" not in first
    # As a month was printed that an older program has closed.
    assert "keine Ladevorgänge" in letter(tmp_path, rows, account, snapshot_version=4).first


def test_an_employee_gets_a_reimbursement_with_the_employers_name(tmp_path: Path) -> None:
    rows = rows_of(9)
    recipient = Recipient("Y", ("Street 1", "12045 Berlin"), "B-XY 123", "", "Company X GmbH")
    printed = letter(tmp_path, rows, account_of(rows, recipient=recipient))
    assert "Erstattung 93,60" in printed.first
    assert "Arbeitgeber Company X GmbH" in printed.first
    for absent in ("Zu zahlen", "überweisen", "IBAN", "GiroCode", "Fällig", "Lieferung"):
        assert absent not in printed.words
    assert printed.codes() == []


def test_a_payroll_office_finds_all_that_it_has_to_tick(tmp_path: Path) -> None:
    """Employee, employer, plate, period, meter, charger, price and its way, readings, sum.

    The list is that of BMF IV C 5 - S 2334, 11 November 2025: energy by a meter, each session, one
    way of pricing for the year. Two sessions at the flat price of 34 ct: 33.250 kWh are 11.305 =
    11.31 EUR each, 22.62 EUR together.
    """
    rows = [row._replace(amount_ct=1131, microeuro_per_kwh=340_000) for row in rows_of(2)]
    account = account_of(rows)
    flat = account.prices[0]._replace(basis="flat", microeuro_per_kwh=340_000)
    recipient = Recipient("Y", ("Street 1", "12045 Berlin"), "B-XY 123", "", "Company X GmbH")
    account = account._replace(prices=(flat,), recipient=recipient)
    words = letter(tmp_path, rows, account).words
    for fact in (
        "Arbeitgeber Company X GmbH",
        "Kennzeichen B-XY 123",
        "Zeitraum 01.10.2026 bis 31.10.2026",
        "Strompreispauschale, ab 01.01.2026 66,500 34,00 22,62",
        "Summe: 2 Ladevorgänge 66,500 22,62",
        "Erstattung 22,62",
        "Stellplatz 4 (garage), Seriennr. 219010, Zählernr. 1EMH0012345",
        "01.10.2026 07:00 09:10 2:10 1:40 Stellplatz 4 / 1 Anna Müller …0B1C",
        "9.042,000 9.075,250 33,250 34,00 11,31",
        "02.10.2026 07:00 09:10 2:10 1:40 Stellplatz 4 / 1 Anna Müller …0B1C",
        "10.002,000 10.035,250 33,250 34,00 11,31",
        "abgerechnet 33,250 + nicht zugeordnet 4,000",
        "Datum, Unterschrift: Kassenwart",
    ):
        assert fact in words, fact


def test_an_open_month_is_provisional_without_number_and_code(tmp_path: Path) -> None:
    rows = rows_of(2)
    printed = letter(tmp_path, rows, account_of(rows, number=""), closed=None)
    assert "Abrechnung vorläufig Stand 01.11.2026 Mandant" in " ".join(printed.in_drawing_order)
    assert "Vorläufig: Der Monat ist noch nicht abgeschlossen." in printed.first
    assert "Zu zahlen 20,80" in printed.first
    for absent in ("Nr. 2026", "überweisen", "IBAN", "GiroCode", "Fällig"):
        assert absent not in printed.words
    assert printed.codes() == []


def test_a_closed_month_does_not_name_the_user_who_closed_it(tmp_path: Path) -> None:
    words = letter(tmp_path, rows_of(2)).words
    assert "abgeschlossen am 03.11.2026 00:30, Abschluss Nr. 3" in words
    assert "anna" not in words


def test_a_month_without_prices_has_no_money(tmp_path: Path) -> None:
    rows = [row._replace(amount_ct=None, microeuro_per_kwh=None) for row in rows_of(3)]
    account = account_of(rows)._replace(
        prices=(), taxes=(), amount_ct=None, total_ct=None, unpriced_wh=99_750
    )
    printed = letter(tmp_path, rows, account)
    assert "Summe: 3 Ladevorgänge 99,750" in printed.first
    for absent in ("EUR", "Zu zahlen", "überweisen", "Cent", "Steuern "):
        assert absent not in printed.words


def test_an_empty_month_says_so_and_may_owe_a_base_fee(tmp_path: Path) -> None:
    first = letter(tmp_path, [], account_of([], fee_ct=350)).first
    assert "Summe: 0 Ladevorgänge 0,000 0,00" in first
    assert "Zu zahlen 3,50 In diesem Monat gibt es keine Ladevorgänge." in first
    assert "Energie je Tag" not in first


def test_energy_without_a_price_has_a_line_so_that_kwh_add_up(tmp_path: Path) -> None:
    rows = rows_of(2)
    rows[1] = rows[1]._replace(amount_ct=None, microeuro_per_kwh=None)
    priced = account_of(rows[:1])
    account = priced._replace(wh=66_500, transactions=2, unpriced_wh=33_250)
    first = letter(tmp_path, rows, account).first
    assert "eigener Preis, ab 01.01.2026 33,250 31,27 10,40 ohne Preis 33,250 – –" in first
    assert "Summe: 2 Ladevorgänge 66,500 10,40" in first


def test_a_file_says_its_title_and_its_language(tmp_path: Path) -> None:
    printed = letter(tmp_path, rows_of(1))
    assert "Title: Abrechnung Oktober 2026 Nr. 2026-0012 – family-y Subject" in printed.info()
    content = printed.file.read_bytes()
    assert b"/Lang (de)" in content
    assert b"/DisplayDocTitle true" in content


def test_more_prices_than_a_page_continue_with_the_total(tmp_path: Path) -> None:
    """40 prices for 30.00 EUR each are 1,200.00 EUR."""
    rows = rows_of(2)
    price = account_of(rows).prices[0]
    for count in range(8, 45):
        prices = [
            price._replace(valid_from=f"2026-{1 + number // 28:02}-{1 + number % 28:02}", wh=1)
            for number in range(count)
        ]
        account = account_of(rows, prices=[each._replace(amount_ct=3_000) for each in prices])
        printed = letter(tmp_path, rows, account._replace(amount_ct=3_000 * count))
        (page,) = (page for page in printed.pages if "Zu zahlen" in page)
        for words in ("Summe: 2 Ladevorgänge", "Verwendungszweck", "GiroCode", "Unterschrift"):
            assert words in page, (count, words)


def test_an_old_month_printed_anew_says_so(tmp_path: Path) -> None:
    rows = rows_of(1)
    account = account_of(rows, number="", recipient=NO_RECIPIENT)
    printed = letter(tmp_path, rows, account, snapshot_version=3)
    assert "Neu gedruckt im heutigen Layout." in printed.first
    assert "Verwendungszweck" not in printed.first
    assert printed.codes() == []
    assert "Neu gedruckt" not in letter(tmp_path, rows).first


def test_all_pictures_are_vectors(tmp_path: Path) -> None:
    printed = letter(tmp_path, rows_of(9))
    assert isinstance(printed, Letter)
    images = printed._output("pdfimages", "-list", str(printed.file)).splitlines()
    assert len(images) == 2
