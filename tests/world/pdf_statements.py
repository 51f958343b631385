"""Statements of one account as PDF files, and the texts and positions read from them.

They are in the first layout, whose table and notes all layouts have; `letters.py` has the others.
"""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shocpp.configuration.operator import Operator
from shocpp.ledger.prices.tariffs import Fee
from shocpp.reports.pdf.document import pdf_of
from shocpp.reports.statement import Charger, Statement, Sums
from shocpp.reports.tables.cells import NUMBERED
from shocpp.store.books.audit import Audited
from shocpp.store.books.prices import PriceUsed
from shocpp.store.books.statements.statement_records import StatementRow
from tests.world import statements
from tests.world.machine import ROOT, needs

LETTERHEAD = Operator(
    "WEG Sonnenallee 12",
    ("Sonnenallee 12", "12045 Berlin"),
    ("030 1234567", "weg@example.org"),
    "DE123456789",
    "Kassenwart",
    "Bitte bis zum 15. überweisen.",
)
NO_LETTERHEAD = Operator("", (), (), "", "", "")
GARAGE = Charger("garage", "Stellplatz 4", "219010", "1EMH0012345", "MID")


def record(number: int = 0, **changed: Any) -> StatementRow:
    """Return a record of 33.250 kWh for 10.40 EUR; `changed` are fields of it."""
    started = datetime(2026, 10, 1, 5, 0, tzinfo=UTC) + timedelta(hours=number % 700)
    stopped = started + timedelta(minutes=130)
    begin_wh = 9_042_000 + 40_000 * number
    made = statements.statement_row(
        1040,
        statements.PRICE,
        begin_wh=begin_wh,
        end_wh=begin_wh + 33_250,
        id_tag="04A20B1C",
        started_at=f"{started:%Y-%m-%dT%H:%M:%S}.000Z",
        stopped_at=f"{stopped:%Y-%m-%dT%H:%M:%S}.000Z",
        booked_at=f"{stopped:%Y-%m-%dT%H:%M:%S}.000Z",
        charging_s=6000,
        number=number + 1,
    )
    return made._replace(**changed)


def without_price(row: StatementRow) -> StatementRow:
    """Return the same record for an account without a price."""
    return row._replace(amount_ct=None, microeuro_per_kwh=None)


def sums(rows: list[StatementRow], **changed: Any) -> Sums:
    """Return the sums of these rows; `changed` are fields of Sums."""
    wh = sum(row.consumed_wh for row in rows)
    amounts = [row.amount_ct for row in rows if row.amount_ct is not None]
    price = PriceUsed("own", "", "2026-01-01", statements.PRICE, wh, sum(amounts), None, False)
    made = statements.sums(
        "family-y",
        wh,
        sum(amounts) if amounts else None,
        transactions=len(rows),
        prices=(price,) if amounts else (),
    )
    return made._replace(**changed)


def statement_of(account: Sums, **changed: Any) -> Statement:
    """Return the statement of one account; `changed` are fields of Statement."""
    made = statements.statement(
        account,
        snapshot_version=NUMBERED,
        only=account.account,
        version="9.8.7",
        operator=LETTERHEAD,
        audited=(Audited("garage", 38_000, 33_250, 4_000, 0, 750, 0, 0),),
        chargers=(GARAGE,),
        cards={"04a20b1c": "Anna Müller"},
    )
    return made._replace(**changed)


def base_fee() -> Fee:
    """Return a base fee of 3.50 EUR for a whole month."""
    return Fee("2026-01-01", 31, 31, 350, 1900, False)


def printed(
    folder: Path,
    rows: list[StatementRow],
    account: Sums | None = None,
    language: str = "de",
    **changed: Any,
) -> list[str]:
    """Return the pages of a statement as text; `changed` are fields of Statement."""
    account = account or sums(rows)
    file = folder / "statement.pdf"
    file.write_bytes(pdf_of(statement_of(account, **changed), account, iter(rows), language))
    return pages_of(file)


def pages_of(file: Path) -> list[str]:
    """Return the pages of a PDF file as text in their layout."""
    done = subprocess.run(
        [needs("pdftotext"), "-layout", str(file), "-"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split("\f")[:-1]


def words_of(pages: list[str]) -> str:
    """Return all words of the pages, with one blank between them."""
    return " ".join(" ".join(pages).split())


def boxes_of(file: Path) -> list[tuple[float, ...]]:
    """Return the box of each word of the first page: left, top, right, bottom, in points."""
    done = subprocess.run(
        [needs("pdftotext"), "-bbox", "-l", "1", str(file), "-"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    boxes = re.findall(r'<word xMin="(.+)" yMin="(.+)" xMax="(.+)" yMax="(.+)">', done.stdout)
    assert boxes
    return [tuple(map(float, box)) for box in boxes]


def digests_elsewhere(script: str) -> set[str]:
    """Return what a script prints in processes with other hash seeds and time zones."""
    return {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            env={"PYTHONHASHSEED": seed, "TZ": zone, "PATH": ""},
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
