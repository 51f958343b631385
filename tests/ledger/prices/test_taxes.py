"""VAT is computed for each rate on the sum, and rounded once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ledger.prices.taxes import PartedTaxes, Tax, Taxable, parted, taxables, taxes_of


@pytest.mark.parametrize(
    ("amounts", "taxes", "total_ct"),
    [
        ([], (), 0),
        ([Taxable(1_000, None, True), Taxable(-200, None, False)], (), 800),
        # 11,90 EUR hold 1,90 EUR of VAT.
        ([Taxable(1_190, 1_900, True)], (Tax(1_900, 1_000, 190, 1_190),), 1_190),
        # On 10,00 EUR net come 1,90 EUR.
        (
            [Taxable(600, 1_900, False), Taxable(400, 1_900, False)],
            (Tax(1_900, 1_000, 190, 1_190),),
            1_190,
        ),
        # 0,50 ct of VAT are rounded up: 5,00 EUR at 0,1 %.
        ([Taxable(500, 10, False)], (Tax(10, 500, 1, 501),), 501),
        ([Taxable(-500, 10, False)], (Tax(10, -500, -1, -501),), -501),
        # Gross and net at one rate: 190 held, 38 on 200.
        (
            [Taxable(1_190, 1_900, True), Taxable(200, 1_900, False)],
            (Tax(1_900, 1_200, 228, 1_428),),
            1_428,
        ),
        (
            [Taxable(107, 700, True), Taxable(119, 1_900, True), Taxable(5, None, True)],
            (Tax(700, 100, 7, 107), Tax(1_900, 100, 19, 119)),
            231,
        ),
    ],
)
def test_vat_is_computed_for_each_rate(
    amounts: list[Taxable], taxes: tuple[Tax, ...], total_ct: int
) -> None:
    assert taxes_of(amounts) == (taxes, total_ct)


TAXABLE = st.builds(
    Taxable,
    st.integers(-(10**9), 10**9),
    st.none() | st.sampled_from([0, 700, 1_900]),
    st.booleans(),
)


@given(st.lists(TAXABLE))
def test_net_and_vat_are_gross_and_nothing_is_lost(amounts: list[Taxable]) -> None:
    taxes, total_ct = taxes_of(amounts)
    assert all(tax.net_ct + tax.vat_ct == tax.gross_ct for tax in taxes)
    free_ct = sum(amount.amount_ct for amount in amounts if amount.vat_bp is None)
    assert total_ct == free_ct + sum(tax.gross_ct for tax in taxes)


@given(st.lists(TAXABLE))
def test_a_bill_and_its_reversal_add_up_to_zero(amounts: list[Taxable]) -> None:
    taxes, total_ct = taxes_of(amounts)
    back, back_ct = taxes_of(amount._replace(amount_ct=-amount.amount_ct) for amount in amounts)
    assert back_ct == -total_ct
    assert [tax.vat_ct for tax in back] == [-tax.vat_ct for tax in taxes]


def test_vat_that_is_included_and_vat_that_is_added_are_apart() -> None:
    """11.90 EUR hold 1.90; on 2.00 EUR net come 0.38; 5 ct have no VAT."""
    gross, free = Taxable(1_190, 1_900, True), Taxable(5, None, True)
    net = Taxable(200, 1_900, False)
    amounts = taxables([gross, free], [net])
    assert parted(taxes_of(amounts)[0], amounts) == PartedTaxes(
        (Tax(1_900, 1_000, 190, 1_190),), (Tax(1_900, 200, 38, 238),)
    )


def test_a_rate_of_one_kind_is_one_part() -> None:
    gross, net = Taxable(107, 700, True), Taxable(200, 1_900, False)
    taxes, _ = taxes_of([gross, net])
    assert parted(taxes, [gross, net]) == PartedTaxes(taxes[:1], taxes[1:])


@given(st.lists(TAXABLE))
def test_both_parts_are_the_vat_of_all(amounts: list[Taxable]) -> None:
    taxes, _ = taxes_of(amounts)
    included, added = parted(taxes, amounts)
    for tax in taxes:
        parts = [part for part in (*included, *added) if part.vat_bp == tax.vat_bp]
        assert tuple(map(sum, zip(*(part[1:] for part in parts), strict=True))) == tax[1:]
    assert {part.vat_bp for part in (*included, *added)} == {tax.vat_bp for tax in taxes}
