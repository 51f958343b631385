"""The VAT of a statement's sums (pure).

VAT is computed once for each rate, on the sum of its amounts, so that rounding happens once.
"""

from collections.abc import Iterable
from typing import NamedTuple

_WHOLE_BP = 10_000
"""100 % in basis points."""


class Tax(NamedTuple):
    """The VAT of one rate, in cents: net + vat = gross. A `vat_bp` of 1900 is 19 %."""

    vat_bp: int
    net_ct: int
    vat_ct: int
    gross_ct: int


class Taxable(NamedTuple):
    """An amount in cents; `vat_bp` is None if no VAT is configured.

    `vat_included` is True for a gross amount and False for a net amount.
    """

    amount_ct: int
    vat_bp: int | None
    vat_included: bool


def taxes_of(amounts: Iterable[Taxable]) -> tuple[tuple[Tax, ...], int]:
    """Return the VAT of each rate, lowest rate first, and the sum to pay in cents.

    The sum to pay is the gross amounts, plus the net amounts with their VAT, plus the amounts
    without VAT.
    """
    total_ct = 0
    gross: dict[int, int] = {}
    net: dict[int, int] = {}
    for amount in amounts:
        if amount.vat_bp is None:
            total_ct += amount.amount_ct
        else:
            sums = gross if amount.vat_included else net
            sums[amount.vat_bp] = sums.get(amount.vat_bp, 0) + amount.amount_ct
    taxes = tuple(_tax(bp, gross.get(bp, 0), net.get(bp, 0)) for bp in sorted(gross | net))
    return taxes, total_ct + sum(tax.gross_ct for tax in taxes)


def _tax(vat_bp: int, gross_ct: int, net_ct: int) -> Tax:
    """Return the VAT of one rate: extracted from the gross amounts, added to the net amounts."""
    of_gross_ct = gross_ct - _half_up(gross_ct * _WHOLE_BP, _WHOLE_BP + vat_bp)
    vat_ct = of_gross_ct + _half_up(net_ct * vat_bp, _WHOLE_BP)
    whole_ct = gross_ct + net_ct + vat_ct - of_gross_ct
    return Tax(vat_bp, whole_ct - vat_ct, vat_ct, whole_ct)


def _half_up(dividend: int, divisor: int) -> int:
    """Return a quotient, rounded half away from zero."""
    # Not half towards plus infinity: a bill and its reversal must have the same VAT.
    sign = -1 if dividend < 0 else 1
    return sign * ((2 * abs(dividend) + divisor) // (2 * divisor))
