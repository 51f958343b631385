"""The prices that may be removed: no record has them, and they hold in no closed month.

The price of a record never changes. A correction of the record takes the prices of the day, so a
price that a record has must stay in the file.
"""

from collections.abc import Callable, Collection
from datetime import date

from shocpp.calls.page.files import present_files
from shocpp.configuration.editing.file_edit import EditRefused
from shocpp.configuration.editing.tariffs import PriceScope
from shocpp.ledger.prices.tariffs import EVERYBODY, Tariffs
from shocpp.settings import Settings
from shocpp.store.books import transactions
from shocpp.store.database import Database
from shocpp.store.listings.in_use import used_prices

Begin = tuple[str, date]
"""A price: its account, or *, and its first day."""


def require_unused(
    db: Database | None, settings: Settings, account: str, day: date
) -> Callable[[Tariffs], None]:
    """Return the function that raises EditRefused if a record has the price from a day on.

    It gets the prices in force. None is a database not made yet.
    """

    def require(tariffs: Tariffs) -> None:
        if db is not None and _used(db, settings, tariffs, [(account, day)]):
            raise EditRefused("price_used", day=day)

    return require


def removable(db: Database, settings: Settings, tariffs: Tariffs, scope: PriceScope) -> set[Begin]:
    """Return the prices that may be removed."""
    open_ = [
        (account, period.valid_from)
        for account, periods in tariffs.by_account.items()
        for period in periods
        if not any(period.days_in(month.first_day, month.last_day) for month in scope.closed)
    ]
    return set(open_) - _used(db, settings, tariffs, open_)


def _used(
    db: Database, settings: Settings, tariffs: Tariffs, begins: Collection[Begin]
) -> set[Begin]:
    """Return those of these prices that a record has."""
    accounts = present_files(db, settings).accounts
    names = transactions.account_names(db)
    names |= {index: one.name for index, one in accounts.by_index.items()}
    used = [(day, names.get(index, "")) for day, index in used_prices(db)] if begins else []

    def is_used(account: str, first: date) -> bool:
        period = next(one for one in tariffs.by_account[account] if one.valid_from == first)
        # The flat price of each further year begins within its period. ISO dates sort like days.
        begin, end = first.isoformat(), (period.valid_until or date.max).isoformat()
        users = [name for day, name in used if begin <= day <= end]
        if account == EVERYBODY:
            # An account with prices of its own has copies of those of *.
            return any(tariffs.own_name(name) is None for name in users)
        alike = accounts.names_alike.get(account, (account,))
        return any(name in alike for name in users)

    return {begin for begin in begins if is_used(*begin)}
