"""VAT of a paper's sums (ground floor: pure): reckoned once for each rate, on the sum."""

from collections.abc import Iterable
from typing import NamedTuple

_WHOLE_BP = 10_000


class Tax(NamedTuple):
    """What of a sum is VAT, in cents: net + vat = gross. `vat_bp` 1900 is 19 %."""

    vat_bp: int
    net_ct: int
    vat_ct: int
    gross_ct: int


class Taxable(NamedTuple):
    """An amount in cents; `vat_bp` None: nothing is said of VAT; `vat_included`: it is gross."""

    amount_ct: int
    vat_bp: int | None
    vat_included: bool


def taxes_of(amounts: Iterable[Taxable]) -> tuple[tuple[Tax, ...], int]:
    """The VAT of amounts by rate, and the sum that is to be paid, in cents."""
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
    """Gross amounts hold their VAT, on net ones it is added."""
    of_gross_ct = gross_ct - _half_up(gross_ct * _WHOLE_BP, _WHOLE_BP + vat_bp)
    vat_ct = of_gross_ct + _half_up(net_ct * vat_bp, _WHOLE_BP)
    whole_ct = gross_ct + net_ct + vat_ct - of_gross_ct
    return Tax(vat_bp, whole_ct - vat_ct, vat_ct, whole_ct)


def _half_up(dividend: int, divisor: int) -> int:
    """A quotient rounded half away from zero, as a bill and its reversal have to agree."""
    sign = -1 if dividend < 0 else 1
    return sign * ((2 * abs(dividend) + divisor) // (2 * divisor))
