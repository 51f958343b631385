"""The lines of the sums: as printed, they add up to the total, whatever the kinds of prices are."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ledger.prices.tariffs import Fee
from shocpp.ledger.prices.taxes import Taxable, taxes_of
from shocpp.reports.pdf.letter import words
from shocpp.reports.pdf.letter.sums import (
    added_lines,
    price_lines,
    tax_sentences,
    total_line,
    transactions_line,
)
from shocpp.reports.pdf.subject import Subject, subject_of
from shocpp.reports.statement import Sums
from shocpp.store.books.prices import PriceUsed
from tests.world.letters import OPERATOR, RECIPIENT, closed_statement
from tests.world.statements import PRICE, sums

KINDS = st.sampled_from([(None, False), (1900, True), (1900, False), (700, True), (700, False)])
AMOUNTS = st.integers(-(10**7), 10**7)


def account_with(
    prices: list[tuple[int, tuple[int | None, bool]]],
    fees: list[tuple[int, tuple[int | None, bool]]],
) -> Sums:
    """Return the sums of an account with these amounts in cents, each with its kind of VAT."""
    amounts = [Taxable(ct, *kind) for ct, kind in (*prices, *fees)]
    taxes, total_ct = taxes_of(amounts)
    return sums(
        "family-y",
        1_000 * len(prices),
        sum(ct for ct, _ in prices),
        transactions=len(prices),
        prices=tuple(
            PriceUsed("own", str(number), "2026-01-01", PRICE, 1_000, ct, *kind)
            for number, (ct, kind) in enumerate(prices)
        ),
        fees=tuple(Fee("2026-01-01", 31, 31, ct, *kind) for ct, kind in fees),
        taxes=taxes,
        total_ct=total_ct,
    )


def subject(account: Sums, tax: str = "vat", *, has_taxes: bool = True) -> Subject:
    """Return the subject of a letter in English."""
    statement = closed_statement(account, operator=OPERATOR._replace(tax=tax))
    return subject_of(statement, account, "en", words.WORDS)._replace(has_taxes=has_taxes)


def printed(figure: str) -> Decimal:
    """Return the value of a printed figure; an empty one is 0."""
    return Decimal(figure.replace(",", "") or "0")


@given(st.lists(st.tuples(AMOUNTS, KINDS), min_size=1), st.lists(st.tuples(AMOUNTS, KINDS)))
@pytest.mark.parametrize("has_taxes", [True, False])
def test_the_printed_lines_add_up_to_the_total(
    has_taxes: bool,
    prices: list[tuple[int, tuple[int | None, bool]]],
    fees: list[tuple[int, tuple[int | None, bool]]],
) -> None:
    letter = subject(account_with(prices, fees), has_taxes=has_taxes)
    above, transactions = price_lines(letter), transactions_line(letter)
    assert sum(printed(line.amount) for line in above) == printed(transactions.amount)
    assert sum(printed(line.energy) for line in above) == printed(transactions.energy)
    total = total_line(letter)
    assert total is not None
    added = sum(printed(line.amount) for line in added_lines(letter))
    sign = -1 if total.words == "Credit" else 1
    assert printed(transactions.amount) + added == sign * printed(total.amount)
    if not has_taxes:
        lines = (*above, transactions, *added_lines(letter), total)
        assert not any("VAT" in line.words or "%" in line.words for line in lines)


def test_net_and_gross_amounts_of_one_rate_are_both_named() -> None:
    """10.00 net and 11.90 gross at 19 %, 2.14 gross at 7 %.

    1.90 are added to the net amount; 11.90 gross hold 1.90. Together 20.00 net, 3.80 VAT. 2.14 hold
    0.14 at 7 %. In all 10.00 + 11.90 + 2.14 + 1.90 = 25.94.
    """
    letter = subject(
        account_with([(1_000, (1900, False)), (1_190, (1900, True))], [(214, (700, True))])
    )
    assert [(line.words, line.amount) for line in added_lines(letter)] == [
        ("Base fee, tariff from 2026-01-01, 31 of 31 days", "2.14"),
        ("plus VAT 19% on net 10.00", "1.90"),
    ]
    total = total_line(letter)
    assert total is not None
    assert total.amount == "25.94"
    assert list(tax_sentences(letter)) == [
        "including VAT 7%: 0.14 EUR, net 2.00 EUR",
        "including VAT 19%: 3.80 EUR, net 20.00 EUR",
    ]


def test_the_sentence_about_a_tax_is_that_of_the_operator() -> None:
    account = account_with([(1_000, (None, False))], [])
    assert list(tax_sentences(subject(account))) == []
    small = subject(account, "small-business", has_taxes=False)
    assert list(tax_sentences(small)) == ["exempt from VAT, small business (§ 19 UStG)"]
    assert list(tax_sentences(subject(account, "none", has_taxes=False))) == []
    employee = account._replace(recipient=RECIPIENT._replace(employer="Company X"))
    assert list(tax_sentences(subject(employee, "small-business", has_taxes=False))) == []
