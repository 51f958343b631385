"""The month of all accounts on one page, with a box to tick for who has paid."""

from pathlib import Path
from typing import Any

from shocpp.ledger.accounts import Recipient
from shocpp.ledger.prices.taxes import Tax
from shocpp.reports.pdf.overviews.month import pdf_of_accounts
from shocpp.reports.statement import Statement, Sums
from tests.world.pdf_statements import LETTERHEAD, pages_of, words_of
from tests.world.statements import CLOSED, statement


def month(*totals: int | None, employer: str = "", **changes: Any) -> Statement:
    """Return the statement of October with accounts that have these amounts, 1.000 kWh each."""
    recipient = Recipient("Familie Y", (), "WE 4", "", employer)
    sums = [
        Sums(
            *(number, f"account-{number:02}", 3, 1_000, total, 0, (), (), (), total, recipient),
            f"2026-{number:04}",
        )
        for number, total in enumerate(totals, 1)
    ]
    operator = LETTERHEAD._replace(payment_days=14)
    whole = statement(*sums)._replace(only=None, closed=CLOSED, operator=operator)
    return whole._replace(**changes)


def printed(folder: Path, whole: Statement, language: str = "de") -> list[str]:
    """Return the pages as text; the same statement makes the same bytes."""
    file = folder / "overview.pdf"
    file.write_bytes(pdf_of_accounts(whole, language))
    assert file.read_bytes() == pdf_of_accounts(whole, language)
    return pages_of(file)


def test_a_month_has_a_row_for_each_account_and_their_sum(tmp_path: Path) -> None:
    """17.50 - 7.32 are 10.18 EUR; the month was closed on 3 November, so 17 November is due."""
    words = words_of(printed(tmp_path, month(1_750, -732, None, 0)))
    assert "Alle Abrechnungen Oktober 2026" in words
    assert "abgeschlossen am 03.11.2026, Abschluss Nr. 3, fällig am 17.11.2026" in words
    assert "account-01 Familie Y, WE 4 2026-0001 3 1,000 17,50 zu zahlen" in words
    assert "account-02 Familie Y, WE 4 2026-0002 3 1,000 -7,32 Guthaben" in words
    assert "account-03 Familie Y, WE 4 2026-0003 3 1,000 – –" in words
    assert "account-04 Familie Y, WE 4 2026-0004 3 1,000 0,00 –" in words
    assert "Summe (4) 12 4,000 10,18" in words


def test_the_solar_energy_of_a_month_has_a_column(tmp_path: Path) -> None:
    whole = month(1_750, 732)
    sunny, unknown = whole.accounts
    whole = whole._replace(accounts=(sunny._replace(solar_wh=250), unknown))
    words = words_of(printed(tmp_path, whole))
    assert "davon Solar" in words
    assert "2026-0001 3 1,000 0,250 17,50 zu zahlen" in words
    assert "2026-0002 3 1,000 – 7,32 zu zahlen" in words
    assert "Summe (2) 6 2,000 0,250 24,82" in words


def test_amounts_with_vat_are_said_to_have_it(tmp_path: Path) -> None:
    whole = month(1_750, 732)
    taxed = whole.accounts[0]._replace(taxes=(Tax(1900, 1_471, 279, 1_750),))
    note = "Beträge mit Umsatzsteuer, wo sie berechnet ist"
    assert note not in words_of(printed(tmp_path, whole))
    whole = whole._replace(accounts=(taxed, whole.accounts[1]))
    assert note in words_of(printed(tmp_path, whole))
    without = whole._replace(operator=whole.operator._replace(tax="none"))
    assert "steuer" not in words_of(printed(tmp_path, without)).casefold()


def test_an_open_month_is_provisional_and_has_no_numbers(tmp_path: Path) -> None:
    whole = month(1_750, employer="Company X", closed=None)
    whole = whole._replace(accounts=tuple(s._replace(number="") for s in whole.accounts))
    words = words_of(printed(tmp_path, whole, "en"))
    assert "All statements of October 2026" in words
    assert "provisional, the month is not closed yet" in words
    assert "account-01 Familie Y, WE 4 – 3 1.000 17.50 reimbursement" in words


def test_without_prices_there_are_no_amounts_and_nothing_to_tick(tmp_path: Path) -> None:
    words = words_of(printed(tmp_path, month(None, None)))
    assert "Summe (2) 6 2,000" in words
    assert "EUR" not in words
    assert "bezahlt" not in words


def test_forty_accounts_fit_one_page_and_more_have_their_titles(tmp_path: Path) -> None:
    (page,) = printed(tmp_path, month(*[1_750] * 40))
    assert page.count("account-") == 40
    pages = printed(tmp_path, month(*[1_750] * 90))
    assert [page.count("bezahlt am") for page in pages] == [1] * len(pages)
    assert sum(page.count("account-") for page in pages) == 90
