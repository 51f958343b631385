"""The prices of all accounts as pages show them: once for all that pay the same ones."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import NamedTuple
from urllib.parse import urlencode

from shocpp.checks.price_texts import price_texts
from shocpp.checks.tariffs import AccountTariff, tariffs_of
from shocpp.language.dates import day
from shocpp.language.pages.prices import PRICES_PAGE
from shocpp.ledger.prices.periods import Period
from shocpp.ledger.prices.tariffs import EVERYBODY, Tariffs

Removable = Collection[tuple[str, date]]
"""The prices that may be removed, each as its account, or *, and its first day."""


class PeriodRow(NamedTuple):
    """A period in words; `holds` is True if it holds today.

    `removal` is the address of the question before its removal, empty if it stays.
    """

    days: str
    texts: tuple[str, ...]
    holds: bool
    removal: str = ""


class PriceGroup(NamedTuple):
    """The prices of an account, or of all that have none of their own."""

    heading: str
    note: str
    rows: list[PeriodRow]

    @property
    def present(self) -> str:
        """Return the prices of today on one line, empty if there are none."""
        return next((", ".join(row.texts) for row in self.rows if row.holds), "")


def price_groups(
    tariffs: Tariffs,
    names: Iterable[str],
    today: date,
    language: str,
    removable: Removable = (),
) -> list[PriceGroup]:
    """Return the prices of these accounts: first those of *, then own ones, then who has none."""
    words, by_tariff = PRICES_PAGE[language], tariffs_of(tariffs, names)
    groups = []
    if EVERYBODY in tariffs.by_account:
        payers = [one.account for one in by_tariff if one.tariff == EVERYBODY]
        accounts = ", ".join(payers)
        note = words["payers"].format(accounts=accounts) if payers else words["no_payers"]
        rows = period_rows(tariffs.by_account[EVERYBODY], today, language)
        rows = _with_removals(rows, EVERYBODY, tariffs.by_account[EVERYBODY], removable)
        groups.append(PriceGroup(words["everybody"], note, rows))
    own = [one for one in by_tariff if one.tariff == one.account]
    for one in own:
        group = price_group(one, today, language)
        rows = _with_removals(group.rows, one.account, one.periods, removable)
        groups.append(group._replace(rows=rows))
    without = ", ".join(one.account for one in by_tariff if one.tariff is None)
    if without:
        note = words["without_note"].format(accounts=without)
        groups.append(PriceGroup(words["without"], note, []))
    return groups


def _with_removals(
    rows: Iterable[PeriodRow], account: str, periods: Iterable[Period], removable: Removable
) -> list[PeriodRow]:
    """Return the rows of periods with the addresses of the questions before their removal."""
    return [
        row._replace(removal=f"/prices?{urlencode({'remove': account, 'from': period.valid_from})}")
        if (account, period.valid_from) in removable
        else row
        for row, period in zip(rows, periods, strict=True)
    ]


def price_group(tariff: AccountTariff, today: date, language: str) -> PriceGroup:
    """Return the prices of one account, or of *."""
    name = tariff.account
    heading = PRICES_PAGE[language]["everybody"] if name == EVERYBODY else name
    return PriceGroup(heading, "", period_rows(tariff.periods, today, language))


def period_rows(periods: Iterable[Period], today: date, language: str) -> list[PeriodRow]:
    """Return periods in words, in order."""
    return [
        PeriodRow(
            _days(period, language),
            tuple(price_texts(period, language)),
            period.days_in(today, today) == 1,
        )
        for period in periods
    ]


def _days(period: Period, language: str) -> str:
    words, first = PRICES_PAGE[language], day(period.valid_from, language)
    if period.valid_until is None:
        return words["since"].format(first=first)
    return words["until"].format(first=first, last=day(period.valid_until, language))
