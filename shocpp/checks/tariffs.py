"""Who pays which price from when till when, and what has none (a room)."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from shocpp.checks.findings import NOTE, WRONG, Finding, by_importance
from shocpp.configuration.tags import owners
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import ConfigError
from shocpp.ledger.accounts import UNASSIGNED
from shocpp.ledger.periods import Period
from shocpp.ledger.tariffs import EVERYBODY, NO_TARIFFS, Tariffs
from shocpp.reports.month import price_unpriced
from shocpp.settings import Settings
from shocpp.store.books import prices, transactions
from shocpp.store.books.prices import Unpriced
from shocpp.store.database import Database

CENT_MICROEURO = 10_000


class AccountTariff(NamedTuple):
    """What an account pays by: its own tariff, that of `*`, or none."""

    account: str
    tariff: str | None
    periods: tuple[Period, ...]


class TariffsReport(NamedTuple):
    """The prices in force and what is wrong with them; the worst first."""

    flat_prices: dict[int, int]
    accounts: list[AccountTariff]
    unpriced: list[Unpriced]
    findings: list[Finding]


def tariffs_report(db: Database, settings: Settings, today: date) -> TariffsReport:
    """The prices of every account of tags.json and the books.

    What is booked without a price gets one first, where there is one by now.
    """
    found: list[Finding] = []
    tariffs, names = NO_TARIFFS, _names(db, settings, found)
    for one in prices.unpriced_by_month(db):
        year, _, month = one.month.partition("-")
        price_unpriced(db, settings, int(year), int(month))
    without = prices.unpriced_by_month(db)
    try:
        tariffs = load_tariffs(settings.tariffs_file)
    except ConfigError as error:
        found.append(Finding(WRONG, str(error)))
    else:
        found += _of_accounts(tariffs, names, today)
        found += _of_strangers(tariffs, names, settings)
    found += _of_unpriced(tariffs, without)
    found = by_importance(found)
    listed = [_account_tariff(tariffs, name) for name in names]
    return TariffsReport(dict(sorted(tariffs.flat_prices.items())), listed, without, found)


def _names(db: Database, settings: Settings, found: list[Finding]) -> list[str]:
    bound = transactions.account_names(db)
    try:
        known = set(owners(settings.tags_file, bound))
    except ConfigError as error:
        found.append(Finding(WRONG, str(error)))
        known = set(bound.values())
    return sorted(known - {UNASSIGNED})


def _account_tariff(tariffs: Tariffs, account: str) -> AccountTariff:
    periods = tariffs.periods(account)
    tariff = account if account in tariffs.by_account else EVERYBODY if periods else None
    return AccountTariff(account, tariff, periods)


def _of_accounts(tariffs: Tariffs, names: Iterable[str], today: date) -> Iterator[Finding]:
    for account in names:
        for year in tariffs.years_without_flat_price(account, today.year):
            yield Finding(
                WRONG if year == today.year else NOTE,
                f"{account} pays the flat price of {year}, which is not there; write it into "
                "flat_prices",
            )
        for price in _small(tariffs.periods(account)):
            yield Finding(NOTE, f"{account} pays {price} ct/kWh; prices are in cents, not in euros")
        for year in tariffs.years_of_both(account):
            yield Finding(
                NOTE,
                f"{account} pays its own price and the flat one in {year}; German employers keep "
                "to one of them for a calendar year",
            )


def _small(periods: Iterable[Period]) -> Iterator[Decimal]:
    """Prices below a cent, as somebody writes them who thinks of euros."""
    for period in periods:
        rates = [window.rate for window in period.windows]
        for rate in (*rates, *([period.rate] if period.rate else [])):
            if 0 < rate.microeuro_per_kwh < CENT_MICROEURO:
                yield Decimal(rate.microeuro_per_kwh) / CENT_MICROEURO


def _of_strangers(tariffs: Tariffs, names: Iterable[str], settings: Settings) -> Iterator[Finding]:
    for account in sorted(set(tariffs.by_account) - set(names) - {EVERYBODY}):
        yield Finding(
            WRONG,
            f"there is a tariff of {account!r}, but no such account; correct its name in "
            f"{settings.tariffs_file}, or add it to {settings.tags_file}",
        )


def _of_unpriced(tariffs: Tariffs, without: Iterable[Unpriced]) -> Iterator[Finding]:
    """An account that has no tariff at all may be meant to have none."""
    for month, account, records, wh, is_closed in without:
        what = f"{records} record{'s' if records > 1 else ''} of {account} in {month} ({wh} Wh)"
        if is_closed:
            yield Finding(NOTE, f"{what} without a price; the month is closed, so it stays so")
        else:
            yield Finding(
                WRONG if tariffs.periods(account) else NOTE,
                f"{what} without a price; give {account} a tariff that holds in all that time",
            )
