"""The words of a mail about its statement: the amount, and what becomes of it."""

from typing import Any

import pytest

from shocpp.interfaces.delivery.statements import summary_of
from shocpp.ledger.accounts import NO_RECIPIENT
from shocpp.reports.statement import Statement, Sums
from tests.world.statements import CLOSED, statement


def closed(**changes: Any) -> Statement:
    """Return the statement of an account of a closed month, to pay 14 days after 3 November."""
    sums = Sums(2, "family-y", 3, 12_345, 500, 0, (), (), (), 500, number="2026-0012")
    whole = statement(sums._replace(**changes))
    operator = whole.operator._replace(payment_days=14)
    return whole._replace(only="family-y", operator=operator, closed=CLOSED)


@pytest.mark.parametrize(
    ("changes", "german", "english"),
    [
        (
            {"total_ct": 1_234_50},
            ("Zu zahlen: 1.234,50 EUR", "Abrechnung Nr. 2026-0012", "Fällig am 17.11.2026"),
            ("Total to pay: 1,234.50 EUR", "Statement no. 2026-0012", "Due on 2026-11-17"),
        ),
        (
            {"total_ct": -732},
            ("Guthaben: 7,32 EUR", "Abrechnung Nr. 2026-0012"),
            ("Credit: 7.32 EUR", "Statement no. 2026-0012"),
        ),
        (
            {"total_ct": 500, "recipient": NO_RECIPIENT._replace(employer="Company X")},
            ("Erstattung: 5,00 EUR", "Abrechnung Nr. 2026-0012"),
            ("Reimbursement: 5.00 EUR", "Statement no. 2026-0012"),
        ),
        (
            {"total_ct": None, "number": ""},
            ("Energie: 12,345 kWh",),
            ("Energy: 12.345 kWh",),
        ),
    ],
    ids=["to pay", "credit", "employee", "without a price"],
)
def test_a_mail_names_what_becomes_of_the_amount(
    changes: dict[str, Any], german: tuple[str, ...], english: tuple[str, ...]
) -> None:
    assert summary_of(closed(**changes), "de").splitlines() == [*german]
    assert summary_of(closed(**changes), "en").splitlines() == [*english]
