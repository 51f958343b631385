"""The books of one database with the files of conf/, from which statements are made."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property, partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp.configuration.charge_points import Allowlist, load_allowlist_or_none
from shocpp.configuration.operator import OperatorFile, load_operator
from shocpp.configuration.tags import load_accounts
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import ConfigError
from shocpp.language.month import Month
from shocpp.ledger.accounts import NO_ACCOUNTS, Accounts
from shocpp.ledger.prices.tariffs import NO_TARIFFS, Tariffs
from shocpp.reports.account_statement import has_had, names_in, own_row
from shocpp.reports.provisional_prices import ProvisionalPrices
from shocpp.reports.statement import Statement
from shocpp.settings import Settings
from shocpp.store.books import prices, transactions
from shocpp.store.books.prices import Indices
from shocpp.store.books.statements import statement_records
from shocpp.store.books.statements.statement_records import Ended, SeedRow, StatementRow
from shocpp.store.database import Database


class Configuration(NamedTuple):
    """The contents of conf/ that a statement needs."""

    tariffs: Tariffs
    accounts: Accounts
    operator: OperatorFile
    allowlist: Allowlist


class Books:
    """The records of one database and the prices in force, for one or more statements.

    The files of conf/ are read once, and only if an open month needs them. Nothing is written.
    """

    def __init__(self, db: Database, settings: Settings) -> None:
        self.db = db
        self.settings = settings

    @cached_property
    def zone(self) -> ZoneInfo:
        """Return the time zone of the months; raises ConfigError if it is unknown."""
        return self.settings.zone

    @cached_property
    def accounts(self) -> Accounts:
        """Return the accounts of tags.json, which may be missing; raises ConfigError."""
        try:
            return load_accounts(self.settings.tags_file, transactions.account_names(self.db))
        except FileNotFoundError:
            return NO_ACCOUNTS

    @property
    def names(self) -> dict[int, str]:
        """Return the present names of all accounts by index; those of tags.json are the newest.

        They are read again each time: a server may book for another account meanwhile.
        """
        return transactions.account_names(self.db) | self._listed.names_by_index()

    def indices_of(self, account: str) -> frozenset[int]:
        """Return the indices of the account that has this name now; none if no account has it."""
        return frozenset(index for index, name in self.names.items() if name == account)

    @property
    def _listed(self) -> Accounts:
        """Return the accounts of tags.json, none if it has an error."""
        with suppress(ConfigError):
            return self.accounts
        return NO_ACCOUNTS

    @cached_property
    def tariffs(self) -> Tariffs:
        """Return the prices of tariffs.json, which may be missing; raises ConfigError."""
        try:
            tariffs = load_tariffs(self.settings.tariffs_file)
        except FileNotFoundError:
            return NO_TARIFFS
        # A rename changes tags.json before the prices, so the names are read after them.
        return tariffs._replace(names=self._listed.names_alike)

    @cached_property
    def configuration(self) -> Configuration:
        """Return the configuration; tags.json and tariffs.json may be missing.

        Raises ConfigError if a file cannot be read.
        """
        settings = self.settings
        return Configuration(
            self.tariffs,
            self.accounts,
            load_operator(settings.operator_file),
            load_allowlist_or_none(settings.charge_points_file),
        )

    def provisional_prices(self, month: str, indices: Indices = None) -> ProvisionalPrices:
        """Return the prices of the records of an open month (YYYY-MM) that have none yet.

        They are those of some accounts, or of all.
        """
        # Without any tariff nothing is read.
        unpriced = prices.unpriced_accounts(self.db, month) if self.tariffs.by_account else []
        names = self.names
        accounts = {
            index: names[index]
            for index in unpriced
            if (indices is None or index in indices) and self.tariffs.periods(names[index])
        }
        return ProvisionalPrices(self.db, self.tariffs, self.zone, month, accounts)

    def rows(
        self, statement: Statement, *, decided_or_late: bool = False, ended: Ended = None
    ) -> Iterator[StatementRow]:
        """Return the records of a statement, in the order of their times.

        `decided_or_late` restricts them to decisions of a human, and to records that came late;
        `ended` to those that ended then.
        """
        names, indices = self._accounts_of(statement)
        rows = self.records(
            statement.period,
            indices,
            is_closed=statement.closed is not None,
            decided_or_late=decided_or_late,
            ended=ended,
        )
        named = (row._replace(account=names.get(row.account_index, row.account)) for row in rows)
        if statement.only is None:
            return named
        return map(partial(own_row, parties=statement.parties, account=statement.only), named)

    def records(
        self,
        month: Month,
        indices: Indices,
        *,
        is_closed: bool,
        decided_or_late: bool = False,
        ended: Ended = None,
    ) -> Iterator[StatementRow]:
        """Return the records of a month as `rows`, without the frame of their statement.

        Their accounts have their present names. Those of one account may have what its statement
        hides: the cards and names of others.
        """
        price_of = None
        # Records of a closed month get no price any more.
        if not is_closed:
            provisional = self.provisional_prices(month.name, indices)
            price_of = provisional.of_record if provisional.accounts else None
        return statement_records.of_month(
            self.db,
            month.name,
            indices,
            price_of,
            decided_or_late=decided_or_late,
            ended=ended,
        )

    def seed_rows(self, statement: Statement, ended: Ended = None) -> Iterator[SeedRow]:
        """Return the records of a statement that have energy, with the fields of the seed.

        `ended` restricts them to those that ended then.
        """
        names, indices = self._accounts_of(statement)
        return statement_records.seed_rows(self.db, statement.period.name, names, indices, ended)

    def _accounts_of(self, statement: Statement) -> tuple[Mapping[int, str], Indices]:
        """Return the names in a statement by index, and the indices that it is for."""
        names, only = names_in(self.db, statement, self.names), statement.only
        return names, None if only is None else [i for i, name in names.items() if name == only]

    def name_in(self, statement: Statement, account: str) -> str:
        """Return the name that a statement has of the account with this present name.

        Raises UsageError if the statement does not have the account.
        """
        indices = self.indices_of(account)
        # A name that no account has now can only be one of the statement's.
        if not indices:
            return account
        for sums in statement.accounts:
            if sums.account_index in indices and self.has_had(sums.account_index, sums.account):
                return sums.account
        # Then another one may have had its present name.
        raise statement.lacks(account)

    def has_had(self, account_index: int, name: str) -> bool:
        """Return True if the present account of an index has this name, or had it."""
        return has_had(self.db, self._listed, account_index, name)
