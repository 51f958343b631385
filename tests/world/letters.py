"""Statements of one account as letters: examples, and what readers and scanners find in them."""

import io
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from shocpp.ledger.accounts import Recipient
from shocpp.ledger.prices.tariffs import Fee
from shocpp.ledger.prices.taxes import Taxable, taxes_of
from shocpp.reports.pdf.letter.document import pdf_of
from shocpp.reports.snapshot import VERSION
from shocpp.reports.statement import Statement, Sums
from shocpp.store.books.prices import PriceUsed
from shocpp.store.books.statements.statement_records import StatementRow
from tests.world import pdf_statements
from tests.world.machine import needs
from tests.world.statements import CLOSED, PAID_BY_TRANSFER, PRICE

OPERATOR = PAID_BY_TRANSFER._replace(tax_note="", contact=("030 1234567", "weg@example.org"))
RECIPIENT = Recipient("Family Y", ("Sonnenallee 12", "Flat 3", "12045 Berlin"), "WE 03")
NUMBER = "2026-0012"
MM = 72 / 25.4


class Vat(NamedTuple):
    """The VAT of a price, in basis points, and if the price includes it."""

    bp: int
    included: bool


def rows_of(count: int) -> list[StatementRow]:
    """Return records of 33.250 kWh for 10.40 EUR, one a day and more if there are many."""
    rows = []
    for number in range(count):
        row = pdf_statements.record(number * 24 % 700)
        localtime = f"{row.stopped_at[:10]} 09:10:00"
        rows.append(row._replace(number=number + 1, localtime=localtime))
    return rows


def account_of(
    rows: list[StatementRow],
    vat: Vat | None = None,
    *,
    fee_ct: int = 0,
    prices: Iterable[PriceUsed] = (),
    **changed: Any,
) -> Sums:
    """Return the sums of these rows with one price, or those given; `changed` are their fields."""
    kind = (None, False) if vat is None else vat
    wh, amount_ct = sum(row.consumed_wh for row in rows), sum(row.amount_ct or 0 for row in rows)
    used = tuple(prices)
    if rows and not used:
        used = (PriceUsed("own", "", "2026-01-01", PRICE, wh, amount_ct, *kind),)
    fees = (Fee("2026-01-01", 31, 31, fee_ct, *kind),) if fee_ct else ()
    amounts = [Taxable(each.amount_ct, each.vat_bp, each.vat_included) for each in (*used, *fees)]
    taxes, total_ct = taxes_of(amounts) if amounts else ((), None)
    made = pdf_statements.sums(
        rows, prices=used, fees=fees, taxes=taxes, total_ct=total_ct, recipient=RECIPIENT
    )
    return made._replace(**{"number": NUMBER, **changed})


def closed_statement(account: Sums, **changed: Any) -> Statement:
    """Return the closed statement of an account; `changed` are fields of Statement."""
    changes = {"operator": OPERATOR, "closed": CLOSED, "snapshot_version": VERSION, **changed}
    return pdf_statements.statement_of(account, **changes)


class Letter(NamedTuple):
    """A letter with its annex, in a file."""

    file: Path

    @property
    def pages(self) -> list[str]:
        """Return the pages as text in their layout."""
        return pdf_statements.pages_of(self.file)

    @property
    def first(self) -> str:
        """Return the words of the first page with one blank between them."""
        return pdf_statements.words_of(self.pages[:1])

    @property
    def words(self) -> str:
        """Return the words of all pages with one blank between them."""
        return pdf_statements.words_of(self.pages)

    @property
    def in_drawing_order(self) -> list[str]:
        """Return the lines of the first page in the order in which they are drawn and read out."""
        lines = self._output("pdftotext", "-raw", "-l", "1", str(self.file), "-")
        return lines.rstrip("\f").splitlines()

    def info(self, *options: str) -> str:
        """Return the output of pdfinfo with single blanks."""
        return " ".join(self._output("pdfinfo", *options, str(self.file)).split())

    def picture(self, dpi: int) -> Image.Image:
        """Return the first page as a picture in shades of grey."""
        command = [needs("pdftoppm"), "-gray", "-l", "1", "-r", str(dpi), str(self.file)]
        rendered = subprocess.run(command, capture_output=True, timeout=30, check=True)
        return Image.open(io.BytesIO(rendered.stdout))

    def codes(self, dpi: int = 150) -> list[bytes]:
        """Return the contents of the QR codes that a reader finds on the rendered first page."""
        reader = pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed")
        # The text would depend on the character set that the reader guesses.
        return [code.bytes for code in reader.read_barcodes(self.picture(dpi))]

    @staticmethod
    def _output(program: str, *options: str) -> str:
        return subprocess.run(
            [needs(program), *options], capture_output=True, text=True, timeout=30, check=True
        ).stdout


def letter(
    folder: Path,
    rows: list[StatementRow],
    account: Sums | None = None,
    language: str = "de",
    **changed: Any,
) -> Letter:
    """Return the letter of a closed month; `changed` are fields of Statement."""
    account = account or account_of(rows)
    file = folder / f"letter-{language}.pdf"
    statement = closed_statement(account, **changed)
    file.write_bytes(pdf_of(statement, account, iter(rows), language))
    return Letter(file)
