"""The VAT of a statement's sums (pure).

VAT is computed once for each rate, on the sum of its amounts, so that rounding happens once.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

_WHOLE_BP = 10_000
"""100 % in basis points."""


class Tax(NamedTuple):
    """The VAT of one rate, in cents: net + vat = gross. A `vat_bp` of 1900 is 19 %."""

    vat_bp: int
    net_ct: int
    vat_ct: int
    gross_ct: int


class Priced(Protocol):
    """An amount with its VAT, such as that of a price or of a base fee."""

    @property
    def amount_ct(self) -> int:
        """The amount in cents."""

    @property
    def vat_bp(self) -> int | None:
        """Its VAT rate in basis points; None without VAT."""

    @property
    def vat_included(self) -> bool:
        """True for a gross amount."""


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


class PartedTaxes(NamedTuple):
    """The VAT that gross amounts include, and the VAT that is added to net ones, by rate."""

    included: tuple[Tax, ...]
    added: tuple[Tax, ...]


def parted(taxes: Iterable[Tax], amounts: Sequence[Taxable]) -> PartedTaxes:
    """Return the VAT of gross and of net amounts apart; `taxes` are those of all amounts.

    VAT is rounded once for each rate and kind, so both parts of a rate are exact.
    """
    included, added = list[Tax](), list[Tax]()
    for tax in taxes:
        of_rate = [amount for amount in amounts if amount.vat_bp == tax.vat_bp]
        gross = [amount for amount in of_rate if amount.vat_included]
        net = [amount for amount in of_rate if not amount.vat_included]
        if gross and net:
            included += taxes_of(gross)[0]
            added += taxes_of(net)[0]
        else:
            (added if net else included).append(tax)
    return PartedTaxes(tuple(included), tuple(added))


def taxables(*lists: Iterable[Priced]) -> list[Taxable]:
    """Return the amounts of prices and fees, for their VAT."""
    priced = (each for list_ in lists for each in list_)
    return [Taxable(each.amount_ct, each.vat_bp, each.vat_included) for each in priced]


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
