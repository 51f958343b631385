"""The lines of a letter from the prices to the total; printed one below the other, they add up.

The prices add up to the line of the transactions. That line, the base fees and the VAT on net
amounts add up to the total. VAT that amounts include is a sentence below the total, not a line.
"""

from collections.abc import Iterator
from typing import NamedTuple

from shocpp.language.figures import grouped_ct_per_kwh, grouped_euro, grouped_kwh, percent
from shocpp.ledger.prices.taxes import PartedTaxes, parted, taxables
from shocpp.reports.pdf.facts import basis_text, date_text, vat_text
from shocpp.reports.pdf.subject import Subject


class SumLine(NamedTuple):
    """A line of the sums: its label and its figures, as printed; empty ones are left out."""

    words: str
    energy: str = ""
    price: str = ""
    amount: str = ""


def price_lines(subject: Subject) -> list[SumLine]:
    """Return a line for each price, and one for the energy without a price."""
    account, language = subject.account, subject.language
    lines = []
    for price in account.prices:
        vat = vat_text(price, subject)
        lines.append(
            SumLine(
                f"{basis_text(price, subject)}{', ' if vat else ''}{vat}",
                grouped_kwh(price.wh, language),
                grouped_ct_per_kwh(price.microeuro_per_kwh, language),
                grouped_euro(price.amount_ct, language),
            )
        )
    if account.unpriced_wh and account.total_ct is not None:
        kwh = grouped_kwh(account.unpriced_wh, language)
        lines.append(SumLine(subject.label("without_price"), kwh, "–", "–"))
    return lines


def transactions_line(subject: Subject) -> SumLine:
    """Return the line with the number of transactions, their energy and their amount."""
    account, language = subject.account, subject.language
    key = "sum_1" if account.transactions == 1 else "sum"
    amount = ""
    if account.total_ct is not None:
        amount = grouped_euro(account.amount_ct or 0, language)
    words = subject.label(key, account.transactions)
    return SumLine(words, grouped_kwh(account.wh, language), "", amount)


def solar_lines(subject: Subject) -> Iterator[SumLine]:
    """Yield the part of the energy that is not from the grid, if it is known of any record."""
    # Not by the prices above: solar energy may have none of its own.
    if subject.account.solar_wh is not None:
        energy = grouped_kwh(subject.account.solar_wh, subject.language)
        yield SumLine(subject.label("of_sun"), energy)


def added_lines(subject: Subject) -> Iterator[SumLine]:
    """Yield what is added to the sum of the transactions: base fees, and VAT on net amounts."""
    account, language, label = subject.account, subject.language, subject.label
    for fee in account.fees:
        words = label(
            "fee",
            valid_from=date_text(fee.valid_from, subject),
            days=fee.days,
            of_days=fee.of_days,
        )
        yield SumLine(words, amount=grouped_euro(fee.amount_ct, language))
    added = _parted(subject).added
    if not subject.has_taxes:
        # Prices that contradict the kind of tax still add up, without naming it.
        surcharge_ct = sum(tax.vat_ct for tax in added)
        if surcharge_ct:
            yield SumLine(label("surcharge"), amount=grouped_euro(surcharge_ct, language))
        return
    for tax in added:
        if tax.gross_ct:
            rate, net = percent(tax.vat_bp, language), grouped_euro(tax.net_ct, language)
            words = label("added_tax", rate=rate, net=net)
            yield SumLine(words, amount=grouped_euro(tax.vat_ct, language))


def total_line(subject: Subject) -> SumLine | None:
    """Return the line of the total, or None if nothing has a price."""
    total_ct, words = subject.account.total_ct, "to_pay"
    if total_ct is None:
        return None
    if subject.account.recipient.employer:
        words = "reimbursement"
    elif total_ct < 0:
        words, total_ct = "credit", -total_ct
    return SumLine(subject.label(words), amount=grouped_euro(total_ct, subject.language))


def tax_sentences(subject: Subject) -> Iterator[str]:
    """Yield the sentences about taxes below the total."""
    account, language, operator = subject.account, subject.language, subject.statement.operator
    if subject.has_taxes:
        parts = _parted(subject)
        included = {tax.vat_bp for tax in parts.included}
        added = {tax.vat_bp for tax in parts.added if tax.net_ct}
        for tax in account.taxes:
            # The lines above have the VAT of a rate that has net amounts only.
            if tax.vat_bp in included or tax.vat_bp not in added:
                yield subject.label(
                    "included_tax",
                    rate=percent(tax.vat_bp, language),
                    vat=grouped_euro(tax.vat_ct, language),
                    net=grouped_euro(tax.net_ct, language),
                )
    if operator.tax == "none" or account.recipient.employer or account.total_ct is None:
        return
    if operator.tax_note:
        yield operator.tax_note
    elif operator.tax == "small-business":
        yield subject.label("small_business")


def _parted(subject: Subject) -> PartedTaxes:
    """Return the VAT that prices and fees include, and the VAT that is added to them."""
    account = subject.account
    return parted(account.taxes, taxables(account.prices, account.fees))
