"""The block of amounts in a statement's text: what each account pays, and of what it consists.

Since ADDRESSED the lines of an account add up to its amount: VAT that prices include is only named
(`darin`), and VAT on net prices is a line of its own. The amount is a credit if it is negative, and
is reimbursed to an employee. Months that were closed before keep the block that they had.
"""

from collections.abc import Iterator

from shocpp.language.dates import day, spelled
from shocpp.language.figures import ct_per_kwh, euro, kwh, percent
from shocpp.ledger.prices.tariffs import Fee
from shocpp.ledger.prices.taxes import Tax, parted, taxables
from shocpp.reports.statement import Statement, Sums
from shocpp.reports.tables.cells import is_addressed
from shocpp.reports.text.labels import WORDS
from shocpp.store.books.prices import PriceUsed


class Amounts:
    """The lines of the amounts of a statement."""

    def __init__(self, statement: Statement, language: str) -> None:
        self._statement, self._language = statement, language
        self._words = WORDS[language]
        self._is_addressed = is_addressed(statement)

    def lines(self) -> list[str]:
        """Return the amount of each account to pay, with its prices, base fees and taxes."""
        owing = [
            (sums, sums.total_ct) for sums in self._statement.accounts if sums.total_ct is not None
        ]
        if not owing:
            return []
        # Prices and records of an open month may still change.
        lines = [self._words["amounts" if self._statement.closed else "preliminary"]]
        for sums, total_ct in owing:
            lines.append(f"  {sums.account}: {self._amount(sums, total_ct)}")
            explained = self._components if self._is_addressed else self._owed
            lines += [f"    {line}" for line in explained(sums)]
        # The total of a single account would repeat its amount.
        if len(owing) > 1:
            total_ct = sum(total_ct for _, total_ct in owing)
            lines.append(f"  {self._label('together', amount=self._euro(total_ct))}")
        # All energy times the price may differ by cents from the sum of rounded records.
        return [*lines, f"  {self._words['rounded']}"]

    # -- since ADDRESSED --------------------------------------------------------------------------

    def _amount(self, sums: Sums, total_ct: int) -> str:
        """Return the amount of an account, and the number and the due day of its statement."""
        if not self._is_addressed:
            return f"{self._euro(total_ct)} EUR"
        parts = [f"{self._euro(total_ct)} EUR"]
        if sums.recipient.employer:
            parts = [self._label("reimbursement", amount=self._euro(total_ct))]
        elif total_ct < 0:
            parts = [self._label("credit", amount=self._euro(-total_ct))]
        if sums.number:
            parts.append(self._label("statement_number", number=sums.number))
        due = self._statement.due_day(sums)
        if due is not None:
            parts.append(self._label("due", day=day(due, self._language)))
        return ", ".join(parts)

    def _components(self, sums: Sums) -> Iterator[str]:
        """Yield the lines that add up to the amount of an account, their sum, and included VAT."""
        components = [*map(self._price, sums.prices), *map(self._fee, sums.fees)]
        included, added = parted(sums.taxes, taxables(sums.prices, sums.fees))
        if self._statement.names_vat(sums):
            components += [self._tax("added_tax", tax) for tax in added]
        else:
            # `shocpp check` names the contradiction; the lines add up without a word about taxes.
            surcharge_ct, included = sum(tax.vat_ct for tax in added), ()
            if surcharge_ct:
                components.append(self._label("surcharge", amount=self._euro(surcharge_ct)))
        yield from components
        if sums.unpriced_wh:
            yield self._label("unpriced", kwh=self._kwh(sums.unpriced_wh))
        if len(components) > 1:
            yield self._label("sum", amount=self._euro(sums.total_ct or 0))
        yield from (self._tax("included_tax", tax) for tax in included)

    # -- before -----------------------------------------------------------------------------------

    def _owed(self, sums: Sums) -> Iterator[str]:
        """Yield the lines that explain the amount of an account."""
        yield from map(self._price, sums.prices)
        if sums.unpriced_wh:
            yield self._label("unpriced", kwh=self._kwh(sums.unpriced_wh))
        yield from map(self._fee, sums.fees)
        for tax in sums.taxes:
            yield self._tax("tax", tax)

    # -- lines of both ----------------------------------------------------------------------------

    def _price(self, price: PriceUsed) -> str:
        """Return the energy at a price, with the price's basis, rate and first day."""
        basis = (self._words[price.basis], price.rate, self._words["since"])
        return self._label(
            "of_energy",
            kwh=self._kwh(price.wh),
            price=ct_per_kwh(price.microeuro_per_kwh, self._language),
            basis=" ".join(filter(None, (*basis, self._day(price.valid_from)))),
            amount=self._euro(price.amount_ct),
        )

    def _fee(self, fee: Fee) -> str:
        """Return the share of a base fee, with the days that it is for."""
        return self._label(
            "fee",
            days=fee.days,
            of_days=fee.of_days,
            valid_from=self._day(fee.valid_from),
            amount=self._euro(fee.amount_ct),
        )

    def _tax(self, key: str, tax: Tax) -> str:
        """Return net amount, VAT and gross amount at one rate."""
        return self._label(
            key,
            percent=percent(tax.vat_bp, self._language),
            net=self._euro(tax.net_ct),
            vat=self._euro(tax.vat_ct),
            gross=self._euro(tax.gross_ct),
        )

    def _day(self, iso_date: str) -> str:
        return spelled(iso_date, self._language) if self._is_addressed else iso_date

    def _label(self, key: str, **values: object) -> str:
        """Return a sentence of labels.py with these values in it."""
        return self._words[key].format(**values)

    def _kwh(self, wh: int) -> str:
        return kwh(wh, self._language)

    def _euro(self, ct: int) -> str:
        return euro(ct, self._language)
