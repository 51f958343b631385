"""The command `shocpp tariffs check`: the prices of each account by date, and missing prices."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from shocpp.checks.findings import NOTE, WRONG, Finding, by_importance
from shocpp.configuration.tags import owners
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import ConfigError
from shocpp.language.month import Month
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.periods import Period
from shocpp.ledger.tariffs import EVERYBODY, NO_TARIFFS, Tariffs
from shocpp.reports.month import price_unpriced
from shocpp.settings import Settings
from shocpp.store.books import prices, transactions
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


class TariffsReport(NamedTuple):
    """The prices in force, the records without a price, and the findings, the worst first.

    `flat_prices` are microeuro per kWh by year.
    """

    flat_prices: dict[int, int]
    accounts: list[AccountTariff]
    unpriced: list[Unpriced]
    findings: list[Finding]


def tariffs_report(db: Database, settings: Settings, today: date) -> TariffsReport:
    """Return the prices of all accounts of tags.json and the database, with their findings.

    Records without a price get one first, if the tariffs have one by now. Raises FileNotFoundError
    if there is no tariffs.json.
    """
    findings: list[Finding] = []
    tariffs, names = NO_TARIFFS, _names(db, settings, findings)
    # Set missing prices first: the report lists only records that stay without one.
    for row in prices.unpriced_by_month(db):
        price_unpriced(db, settings, Month.parse(row.month))
    unpriced = prices.unpriced_by_month(db)
    try:
        tariffs = load_tariffs(settings.tariffs_file)
    except ConfigError as error:
        findings.append(Finding(WRONG, str(error)))
    else:
        findings += _check_accounts(tariffs, names, today)
        findings += _check_unknown_accounts(tariffs, names, settings)
    findings += _check_unpriced(tariffs, unpriced)
    findings = by_importance(findings)
    accounts = [_account_tariff(tariffs, name) for name in names]
    return TariffsReport(dict(sorted(tariffs.flat_prices.items())), accounts, unpriced, findings)


def _names(db: Database, settings: Settings, findings: list[Finding]) -> list[str]:
    """Return the names of all accounts, sorted; add a finding if tags.json is wrong."""
    booked = transactions.account_names(db)
    try:
        known = set(owners(settings.tags_file, booked))
    except ConfigError as error:
        findings.append(Finding(WRONG, str(error)))
        known = set(booked.values())
    # Nobody pays for unassigned energy, so it needs no price.
    return sorted(known - {UNASSIGNED})


def _account_tariff(tariffs: Tariffs, account: str) -> AccountTariff:
    periods = tariffs.periods(account)
    tariff = account if account in tariffs.by_account else EVERYBODY if periods else None
    return AccountTariff(account, tariff, periods)


def _check_accounts(tariffs: Tariffs, names: Iterable[str], today: date) -> Iterator[Finding]:
    """Find missing flat prices, prices below a cent, and both kinds of price within one year."""
    for account in names:
        for year in tariffs.years_without_flat_price(account, today.year):
            yield Finding(
                WRONG if year == today.year else NOTE,
                f"{account} pays the flat price of {year}, which is missing; write it into "
                "flat_prices",
            )
        for price in _prices_below_a_cent(tariffs.periods(account)):
            yield Finding(NOTE, f"{account} pays {price} ct/kWh; prices are in cents, not in euros")
        # German payroll allows one kind of price in a calendar year (BMF, 11 November 2025).
        for year in tariffs.years_of_both(account):
            yield Finding(
                NOTE,
                f"{account} pays its own price and the flat one in {year}; German employers keep "
                "to one of them for a calendar year",
            )


def _prices_below_a_cent(periods: Iterable[Period]) -> Iterator[Decimal]:
    """Yield prices below a cent per kWh, in cents: they were probably meant in euros."""
    for period in periods:
        rates = [window.rate for window in period.windows]
        for rate in (*rates, *([period.rate] if period.rate else [])):
            if 0 < rate.microeuro_per_kwh < CENT_MICROEURO:
                yield Decimal(rate.microeuro_per_kwh) / CENT_MICROEURO


def _check_unknown_accounts(
    tariffs: Tariffs, names: Iterable[str], settings: Settings
) -> Iterator[Finding]:
    """Find tariffs of accounts that do not exist."""
    for account in sorted(set(tariffs.by_account) - set(names) - {EVERYBODY}):
        yield Finding(
            WRONG,
            f"there is a tariff of {account!r}, but no such account; correct its name in "
            f"{settings.tariffs_file}, or add it to {settings.tags_file}",
        )


def _check_unpriced(tariffs: Tariffs, unpriced: Iterable[Unpriced]) -> Iterator[Finding]:
    """Find records without a price."""
    for month, account, records, wh, is_closed in unpriced:
        unpriced_records = (
            f"{records} record{'s' if records > 1 else ''} of {account} in {month} ({wh} Wh)"
        )
        if is_closed:
            yield Finding(
                NOTE, f"{unpriced_records} without a price; the month is closed, so it stays so"
            )
        else:
            # An account without any tariff may be meant to have none.
            yield Finding(
                WRONG if tariffs.periods(account) else NOTE,
                f"{unpriced_records} without a price; give {account} a tariff that holds in all "
                "that time",
            )
