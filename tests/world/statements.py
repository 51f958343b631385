"""Monthly statements for the tests of their formats: fixed examples, and random ones."""

from collections import defaultdict
from typing import NamedTuple

from hypothesis import strategies as st

from shocpp.configuration.operator import Operator
from shocpp.ledger.accounts import UNASSIGNED, Recipient
from shocpp.ledger.prices.tariffs import Fee
from shocpp.ledger.prices.taxes import Tax
from shocpp.reports.snapshot import VERSION
from shocpp.reports.statement import (
    Charger,
    Closed,
    Form,
    Parties,
    Statement,
    Sums,
    Unfinished,
    Use,
)
from shocpp.store.books.audit import Audited, Gap
from shocpp.store.books.prices import PriceUsed
from shocpp.store.books.statements.statement_records import RecordUnderReview, SeedRow, StatementRow

PRICE = 312_700
FILE = "1790838600-0326fd891def.json"
CLOSED = Closed(3, "2026-11-02T23:30:00.000Z", "anna", "5f" * 32)


def statement_row(
    amount_ct: int | None = None, microeuro: int | None = None, **changes: object
) -> StatementRow:
    """Return a record of family-y with 33.250 kWh, by default without a price.

    `changes` are its fields.
    """
    return StatementRow(
        localtime="2026-10-01 09:10:00",
        unixtime=1790838600,
        account="family-y",
        consumed_wh=33_250,
        begin_wh=9_042_000,
        end_wh=9_075_250,
        account_index=2,
        charge_point_id="garage",
        connector_id=1,
        id_tag="04A20B3333",
        transaction_id=20_009_042,
        started_at="2026-10-01T05:00:00.000Z",
        stopped_at="2026-10-01T07:10:00.000Z",
        booked_at="2026-10-01T07:10:01.000Z",
        duration_s=7800,
        charging_s=None,
        stop_reason="Local",
        provenance="started",
        review=None,
        flags="",
        entry="record",
        replaces_file=None,
        decided_by=None,
        decided_why=None,
        amount_ct=amount_ct,
        microeuro_per_kwh=microeuro,
        price_note=None,
        signed=0,
        file_name=FILE,
        number=12,
        # Only a record with several prices has parts.
        parts=(),
    )._replace(**changes)  # type: ignore[arg-type]


def record_under_review(**changes: object) -> RecordUnderReview:
    """Return a record of family-y under review; `changes` are its fields."""
    row = statement_row(**{"review": "more than 200 kWh", **changes})
    return RecordUnderReview(*(getattr(row, field) for field in RecordUnderReview._fields))


def seed_row(row: StatementRow) -> SeedRow:
    """Return the fields of a record that the seed wrote."""
    kwh = (row.begin_wh // 1000, row.end_wh // 1000, row.consumed_wh // 1000)
    return SeedRow(row.localtime, row.unixtime, row.account, *kwh, row.number)


PAID_BY_TRANSFER = Operator(
    "WEG Sonnenallee 12",
    ("Sonnenallee 12", "12045 Berlin"),
    ("030 1234567",),
    "34/123/45678",
    "Kassenwart",
    "Fragen beantwortet der Kassenwart.",
    vat_id="DE123456789",
    tax="vat",
    tax_note="Lieferung von Strom",
    iban="DE02120300000000202051",
    account_holder="WEG Sonnenallee 12 Berlin",
    payment_days=14,
)
"""An operator whose statements ask to transfer."""


def sums(account: str, wh: int = 0, amount_ct: int | None = None, **changes: object) -> Sums:
    """Return the sums of an account; `changes` are fields of Sums."""
    made = Sums(1, account, int(wh > 0), wh, amount_ct, 0, (), (), (), amount_ct)
    return made._replace(**changes)  # type: ignore[arg-type]


def statement(*accounts: Sums, **changes: object) -> Statement:
    """Return the frame of October 2026, with these accounts and nothing to report."""
    made = Statement(
        snapshot_version=VERSION,
        year=2026,
        month=10,
        only=None,
        zone_name="Europe/Berlin",
        created_at="2026-11-01T08:00:00.000Z",
        version="0.1",
        operator=Operator("WEG Sonnenallee 12", (), (), "", "", ""),
        closed=None,
        accounts=accounts,
        unassigned_wh=0,
        under_review=(),
        unfinished=(),
        audited=(),
        gaps=(),
        imported_wh=(),
        decided_later_wh=(),
        chargers=(Charger("garage", "Stellplatz 4", "219010", None, None),),
        cards={"04a20b3333": "Tessa"},
    )
    return made._replace(**changes)  # type: ignore[arg-type]


def sums_with_prices() -> Sums:
    """Return family-y's sums with two prices, a base fee, VAT, and energy without a price."""
    return sums(
        "family-y",
        34_250,
        1_540,
        unpriced_wh=1_000,
        prices=(
            PriceUsed("own", "HT", "2026-01-01", PRICE, 20_000, 625, 1900, True),
            PriceUsed("flat", "", "2026-01-01", 340_000, 13_250, 415, None, True),
        ),
        fees=(Fee("2026-01-01", 31, 31, 500, 1900, True),),
        taxes=(Tax(1900, 1294, 246, 1540),),
    )


def eventful() -> Statement:
    """Return the statement of a closed month in which every field has a value."""
    return statement(
        sums("company-x", 4_000, 125, number="2026-0011"),
        sums_with_prices()._replace(
            recipient=Recipient("Flat 3", ("Street 1", "12045 Berlin"), "WE 03", "en", "ACME AG"),
            number="2026-0012",
            solar_wh=12_345,
        ),
        operator=PAID_BY_TRANSFER,
        closed=CLOSED,
        unassigned_wh=500,
        under_review=(
            record_under_review(review="never stopped; more than 200 kWh", consumed_wh=200_001),
        ),
        unfinished=(
            Unfinished(
                "garage", 2, "04A20B3333", "family-y", "2026-10-31T21:14:00.000Z", 3_200, "T4"
            ),
            Unfinished("garage", 1, "1111", "company-x", "2026-10-31T22:00:00.000Z", None, "T5"),
        ),
        audited=(
            Audited("garage", 43_500, 38_250, 500, 4_000, 751, 1, 0),
            Audited("yard", 0, 0, 0, 0, 0, 0, 1),
        ),
        gaps=(
            Gap("G2", 1, "garage", 1, 5_000, 5_500, 1_790_842_200_000, 1_790_877_600_000, None),
            Gap("G7", 1, "garage", 1, 6_000, 6_251, 1_790_842_200_000, 1_790_877_600_000, "test"),
        ),
        imported_wh=(("garage", 45_000),),
        parties=Parties(
            {"company-x": "company-x", "family-y": "family-y", "the former": "family-y"},
            frozenset(
                {
                    Use("family-y", "garage", 1, is_sole=False),
                    Use("company-x", "garage", None, is_sole=False),
                    Use("family-y", "yard", 2, is_sole=True),
                }
            ),
            frozenset({12, 7}),
        ),
        forms=(Form(7, 2, "de", "00_2026_09_002_de.pdf", "ab" * 32),),
    )


class Month(NamedTuple):
    """A statement and its records, which agree."""

    statement: Statement
    rows: tuple[StatementRow, ...]


_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_NAMES = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=40
).map(str.strip)
_WH = st.integers(-(10**9), 10**9)


@st.composite
def _rows(draw: st.DrawFn, accounts: list[str]) -> StatementRow:
    index = draw(st.integers(0, len(accounts)))
    consumed_wh, begin_wh = draw(_WH), draw(st.integers(0, 10**12))
    microeuro = draw(st.none() | st.integers(0, 10**7)) if index else None
    amount_ct = None if microeuro is None else consumed_wh * microeuro // 10**7
    return statement_row(
        amount_ct,
        microeuro,
        account_index=index,
        account=accounts[index - 1] if index else UNASSIGNED,
        consumed_wh=consumed_wh,
        begin_wh=begin_wh,
        end_wh=begin_wh + consumed_wh,
        id_tag=draw(st.none() | _TEXT),
        flags=draw(_TEXT),
        stop_reason=draw(_TEXT),
        decided_why=draw(st.none() | _TEXT),
    )


@st.composite
def months(draw: st.DrawFn) -> Month:
    """Return any month; its accounts have the sums of their records, the rest is unassigned."""
    named = _NAMES.filter(lambda name: name not in ("", UNASSIGNED))
    accounts = sorted(draw(st.lists(named, max_size=4, unique=True)))
    rows = draw(st.lists(_rows(accounts), max_size=12))
    by_account: dict[str, list[StatementRow]] = defaultdict(list)
    for row in rows:
        by_account[row.account].append(row)
    unassigned_wh = sum(row.consumed_wh for row in by_account[UNASSIGNED])
    frame = statement(
        *(_summed(index, account, by_account[account]) for index, account in enumerate(accounts, 1))
    )
    return Month(frame._replace(unassigned_wh=unassigned_wh), tuple(rows))


def _summed(index: int, account: str, rows: list[StatementRow]) -> Sums:
    amounts = [row.amount_ct for row in rows if row.amount_ct is not None]
    amount_ct = sum(amounts) if amounts else None
    wh = sum(row.consumed_wh for row in rows)
    unpriced_wh = sum(row.consumed_wh for row in rows if row.amount_ct is None)
    made = Sums(index, account, len(rows), wh, amount_ct, unpriced_wh, (), (), (), amount_ct)
    return made._replace(unpriced_wh=unpriced_wh if amounts else 0)
