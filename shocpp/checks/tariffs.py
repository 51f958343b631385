"""The prices of each account by date, and missing prices: `shocpp tariffs` and the page /prices."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from functools import partial
from itertools import groupby
from typing import NamedTuple

from shocpp.bookkeeping.closing import tax_troubles
from shocpp.checks.findings import (
    NOTE,
    WRONG,
    Finding,
    broken_file,
    by_importance,
    renamed_account,
)
from shocpp.checks.price_texts import ct_text
from shocpp.clock import now_ms
from shocpp.configuration.operator import load_operator
from shocpp.configuration.tags import owners
from shocpp.errors import ConfigError
from shocpp.language.findings.sentences import Quoted, Sentence, bilingual
from shocpp.language.month import Month
from shocpp.language.prices import PRICES
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.prices.periods import Period
from shocpp.ledger.prices.tariffs import EVERYBODY, NO_TARIFFS, Tariffs
from shocpp.reports.books import Books
from shocpp.reports.month import month_sums
from shocpp.reports.provisional_prices import ProvisionalPrices
from shocpp.settings import Settings
from shocpp.store.books import closings, prices, transactions
from shocpp.store.books.prices import Unpriced
from shocpp.store.database import Database

CENT_MICROEURO = 10_000
"""One cent in microeuros."""


class AccountTariff(NamedTuple):
    """The prices of an account.

    `tariff` is the name of the tariff that applies: the account's own name, `*`, or None.
    """

    account: str
    tariff: str | None
    periods: tuple[Period, ...]


class PriceNote(NamedTuple):
    """Prices that look wrong: the level of the finding, and the key of its sentence."""

    level: str
    key: str
    account: str
    year: int = 0
    microeuro_per_kwh: int = 0

    def sentence(self, language: str) -> str:
        """Return the sentence in a language."""
        return self.finding.sentence(language)

    @property
    def finding(self) -> Finding:
        """Return it as a finding."""
        everybody = bilingual(lambda language: PRICES[language]["everybody"])
        values = {
            "account": everybody if self.account == EVERYBODY else self.account,
            "year": self.year,
            "price": bilingual(partial(ct_text, self.microeuro_per_kwh)),
        }
        return Finding(self.level, self.key, values)


class PricePreview(NamedTuple):
    """The prices of an account with a new one; `flat_prices` are empty if none of them counts."""

    flat_prices: Mapping[int, int]
    tariff: AccountTariff
    notes: list[PriceNote]


class TariffsReport(NamedTuple):
    """The prices in force, the records that have none, and the findings, the worst first.

    `flat_prices` are microeuro per kWh by year. `unpriced` are records without a provisional price.
    """

    flat_prices: dict[int, int]
    accounts: list[AccountTariff]
    unpriced: list[Unpriced]
    findings: list[Finding]


def tariffs_report(db: Database, settings: Settings, today: date) -> TariffsReport:
    """Return the prices of all accounts of tags.json and the database, with their findings."""
    findings: list[Finding] = []
    tariffs, names = NO_TARIFFS, _names(db, settings, findings)
    without_price, books = prices.unpriced_by_month(db), Books(db, settings)
    try:
        tariffs = books.tariffs
    except ConfigError as error:
        findings.append(broken_file(settings.tariffs_file, error))
    else:
        findings += [note.finding for note in check_prices(tariffs, names, today)]
        findings += _check_unknown_accounts(tariffs, names, settings, db)
        without_price, provisional = _divided(books, without_price)
        findings += _check_provisional(provisional)
    findings += _check_unpriced(tariffs, without_price)
    findings = by_importance(findings)
    accounts = tariffs_of(tariffs, names)
    return TariffsReport(dict(tariffs.flat_prices), accounts, without_price, findings)


def check_taxes(settings: Settings, db: Database | None) -> Iterator[Finding]:
    """Find months that cannot be closed, because their prices contradict the letterhead's tax."""
    # Other checks report a file that cannot be used.
    with suppress(ConfigError):
        operator = load_operator(settings.operator_file).operator
        if (
            db is None
            or operator.tax == ""
            or (operator.tax == "vat" and (operator.tax_number or operator.vat_id))
        ):
            return
        books, present = Books(db, settings), Month.of_moment(now_ms(), settings.zone)
        months = [Month.parse(name) for name in closings.open_before(db, present.name)]
        found: dict[str, None] = {}
        for month in (*months, present):
            accounts, _ = month_sums(books, month)
            each = tax_troubles(settings, operator, accounts)
            found |= dict.fromkeys(trouble.sentence for trouble in each)
        for sentence in found:
            yield Finding(WRONG, "tax_wrong", {"trouble": Quoted(sentence)})


def _names(db: Database, settings: Settings, findings: list[Finding]) -> list[str]:
    """Return the names of all accounts, sorted; add a finding if tags.json is wrong."""
    booked = transactions.account_names(db)
    try:
        known = set(owners(settings.tags_file, booked))
    except ConfigError as error:
        findings.append(broken_file(settings.tags_file, error))
        known = set(booked.values())
    return sorted(known)


def tariffs_of(tariffs: Tariffs, names: Iterable[str]) -> list[AccountTariff]:
    """Return the prices of these accounts, by name."""
    # Nobody pays for unassigned energy, so it needs no price.
    return [_account_tariff(tariffs, name) for name in sorted(set(names) - {UNASSIGNED})]


def _account_tariff(tariffs: Tariffs, account: str) -> AccountTariff:
    periods = tariffs.periods(account)
    tariff = tariffs.own_name(account) or (EVERYBODY if periods else None)
    return AccountTariff(account, tariff, periods)


def price_preview(tariffs: Tariffs, account: str, *, is_flat: bool, today: date) -> PricePreview:
    """Return the prices of an account, or of *, as they are to be shown before they are saved."""
    notes = list(check_prices(tariffs, [account], today))
    flat_prices = tariffs.flat_prices if is_flat else {}
    return PricePreview(flat_prices, _account_tariff(tariffs, account), notes)


def check_prices(tariffs: Tariffs, names: Iterable[str], today: date) -> Iterator[PriceNote]:
    """Find missing flat prices, prices below a cent, and both kinds of price within one year."""
    for account in names:
        for year in tariffs.years_without_flat_price(account, today.year):
            level = WRONG if year == today.year else NOTE
            yield PriceNote(level, "flat_missing", account, year)
        for microeuro_per_kwh in _prices_below_a_cent(tariffs.periods(account)):
            yield PriceNote(NOTE, "below_a_cent", account, microeuro_per_kwh=microeuro_per_kwh)
        # German payroll allows one kind of price in a calendar year (BMF, 11 November 2025).
        for year in tariffs.years_of_both(account):
            yield PriceNote(NOTE, "both_kinds", account, year)


def _prices_below_a_cent(periods: Iterable[Period]) -> Iterator[int]:
    """Yield prices below a cent per kWh, in microeuro: they were probably meant in euros."""
    for period in periods:
        rates = [window.rate for window in period.windows]
        outside = (period.rate, period.rate.of_sun) if period.rate else ()
        for rate in filter(None, (*rates, *outside)):
            if 0 < rate.microeuro_per_kwh < CENT_MICROEURO:
                yield rate.microeuro_per_kwh


def _check_unknown_accounts(
    tariffs: Tariffs, names: Iterable[str], settings: Settings, db: Database
) -> Iterator[Finding]:
    """Find tariffs of accounts that do not exist."""
    for account in sorted(set(tariffs.by_account) - set(names) - {EVERYBODY}):
        renamed = renamed_account(settings, db, account)
        file = settings.tariffs_file
        if renamed is not None:
            yield Finding(WRONG, "in_file", {"file": file, "trouble": renamed})
        else:
            tags_file = settings.tags_file
            values = {"account": account, "tariffs_file": file, "tags_file": tags_file}
            yield Finding(WRONG, "tariff_of_nobody", values)


def _divided(books: Books, unpriced: Iterable[Unpriced]) -> tuple[list[Unpriced], list[Unpriced]]:
    """Return the records without any price, and those that have a provisional one."""
    without_price: list[Unpriced] = []
    provisional: list[Unpriced] = []
    for (name, is_closed), rows in groupby(unpriced, key=_month_of):
        # Records of a closed month get no price any more.
        if is_closed:
            without_price += rows
            continue
        records, energies_wh = _provisional(books.provisional_prices(name))
        for row in rows:
            count, wh = records[row.account], energies_wh[row.account]
            if count:
                provisional.append(row._replace(records=count, wh=wh))
            if count < row.records:
                without_price.append(row._replace(records=row.records - count, wh=row.wh - wh))
    return without_price, provisional


def _month_of(row: Unpriced) -> tuple[str, bool]:
    return row.month, row.is_closed


def _provisional(provisional: ProvisionalPrices) -> tuple[Counter[str], Counter[str]]:
    """Return count and Wh of the records with a provisional price, by account.

    As in `unpriced_by_month`, reversals and records without energy do not count.
    """
    records: Counter[str] = Counter()
    energies_wh: Counter[str] = Counter()
    for stored, _ in provisional.each():
        if stored.origin.entry != "reversal" and stored.record.consumed_wh:
            records[stored.record.account] += 1
            energies_wh[stored.record.account] += stored.record.consumed_wh
    return records, energies_wh


def _check_provisional(provisional: Iterable[Unpriced]) -> Iterator[Finding]:
    """Find records that get the price of their tariff for ever later."""
    for month, account, records, wh, _ in provisional:
        priced = _records(month, account, records, wh)
        yield Finding(NOTE, "price_provisional", {"records": priced})


def _check_unpriced(tariffs: Tariffs, unpriced: Iterable[Unpriced]) -> Iterator[Finding]:
    """Find records without a price."""
    for month, account, records, wh, is_closed in unpriced:
        unpriced_records = _records(month, account, records, wh)
        if is_closed:
            yield Finding(NOTE, "price_never", {"records": unpriced_records})
        else:
            # An account without any tariff may be meant to have none.
            level = WRONG if tariffs.periods(account) else NOTE
            yield Finding(level, "price_missing", {"records": unpriced_records, "account": account})


def _records(month: str, account: str, records: int, wh: int) -> Sentence:
    """Return the part of a sentence about the records of an account in a month."""
    of = {"account": account, "month": month, "wh": wh}
    if records == 1:
        return Sentence("record_of", of)
    return Sentence("records_of", {**of, "number": records})
