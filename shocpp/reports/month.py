"""The statement of a month: read from the snapshot of a closed month, or made from the books.

The records of an open month may have no price in the books although a tariff covers them by now.
Its statement prints their provisional prices.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property, partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp import __version__
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import Allowlist, load_allowlist_or_none
from shocpp.configuration.operator import OperatorFile, load_operator
from shocpp.configuration.tags import load_accounts
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import ConfigError
from shocpp.language.month import Month
from shocpp.ledger.accounts import NO_ACCOUNTS, Accounts
from shocpp.ledger.prices.tariffs import NO_TARIFFS, Fee, Tariffs
from shocpp.ledger.prices.taxes import Taxable, taxes_of
from shocpp.ocpp.times import format_timestamp
from shocpp.reports.account_statement import names_in, own_row, parties_of
from shocpp.reports.provisional_prices import ProvisionalPrices, merged
from shocpp.reports.snapshot import VERSION, from_snapshot, sums_from_snapshot
from shocpp.reports.statement import Charger, Closed, Statement, Sums, Unfinished
from shocpp.settings import Settings
from shocpp.store.books import (
    audit,
    closings,
    prices,
    statement_records,
    transactions,
)
from shocpp.store.books.closings import Closing
from shocpp.store.books.prices import Indices, PriceUsed
from shocpp.store.books.statement_records import Consumption, SeedRow, StatementRow
from shocpp.store.database import Database
from shocpp.store.listings.views import rows_of


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
        self, statement: Statement, *, decided_or_late: bool = False
    ) -> Iterator[StatementRow]:
        """Return the records of a statement, in the order of their times.

        `decided_or_late` restricts them to decisions of a human, and to records that came late.
        """
        names, indices = self._accounts_of(statement)
        rows = self.records(
            statement.period,
            indices,
            is_closed=statement.closed is not None,
            decided_or_late=decided_or_late,
        )
        named = (row._replace(account=names.get(row.account_index, row.account)) for row in rows)
        if statement.only is None:
            return named
        return map(partial(own_row, parties=statement.parties, account=statement.only), named)

    def records(
        self, month: Month, indices: Indices, *, is_closed: bool, decided_or_late: bool = False
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
            self.db, month.name, indices, price_of, decided_or_late=decided_or_late
        )

    def seed_rows(self, statement: Statement) -> Iterator[SeedRow]:
        """Return the records of a statement that have energy, with the fields of the seed."""
        names, indices = self._accounts_of(statement)
        return statement_records.seed_rows(self.db, statement.period.name, names, indices)

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
        return statement.name_of(account, indices) if indices else account


def month_statement(books: Books, month: Month) -> Statement:
    """Return the statement of a month for all accounts, from which `of_account` makes the others.

    Raises ConfigError if a file in conf/ cannot be read.
    """
    closing = closings.of_month(books.db, month.name)
    statement = draft(books, month) if closing is None else closed_statement(closing)
    names = names_in(books.db, statement, books.names)
    return statement._replace(parties=parties_of(books.db, statement, names))


def month_sums(
    books: Books, month: Month, only: str | None = None
) -> tuple[tuple[Sums, ...], int | None]:
    """Return the sums of the accounts in a month, or of one, and the number of its closing.

    The number is None while the month is open. `only` is the present name of the one.
    """
    closing = closings.of_month(books.db, month.name)
    if closing is None:
        return _accounts(books, month, only), None
    indices = None if only is None else books.indices_of(only)
    return sums_from_snapshot(closing.content, indices), closing.number


def closed_statement(closing: Closing) -> Statement:
    """Return the statement of a closed month, as it was at its closing."""
    link = Closed(
        closing.number, format_timestamp(closing.closed_ms), closing.closed_by, closing.hash
    )
    # The snapshot was made before its closing had a number and a hash.
    return from_snapshot(closing.content)._replace(closed=link)


def draft(books: Books, month: Month) -> Statement:
    """Return the statement of an open month from the present state of the books.

    It is also the statement that `close` makes a snapshot of. It only reads.
    """
    db, conf, name = books.db, books.configuration, month.name
    month_audit = audit.MonthAudit(db, month)
    audited = month_audit.charge_points()
    # The query for gaps costs as much as the audit itself.
    has_gaps = any(meter.gap_wh for meter in audited)
    gaps = month_audit.gaps() if has_gaps else []
    involved = {
        *statement_records.charge_points_of(db, name),
        *(meter.charge_point_id for meter in audited),
    }
    return Statement(
        snapshot_version=VERSION,
        year=month.year,
        month=month.number,
        only=None,
        zone_name=books.settings.zone_name,
        # Time and version become part of the snapshot: reprints of a closed month keep those of its
        # closing, also in a newer program.
        created_at=format_timestamp(now_ms()),
        version=__version__,
        operator=conf.operator.operator,
        closed=None,
        accounts=_accounts(books, month),
        unassigned_wh=statement_records.unassigned_wh(db, name),
        under_review=tuple(
            row._replace(account=books.names.get(row.account_index, row.account))
            for row in statement_records.under_review(db, name)
        ),
        audited=tuple(audited),
        gaps=tuple(gaps),
        imported_wh=tuple(statement_records.imported_wh(db, name)),
        decided_later_wh=tuple(statement_records.decided_later_wh(db, name)),
        unfinished=_unfinished(books, month),
        chargers=_chargers(db, conf.allowlist, involved),
        cards=conf.accounts.card_names(),
    )


def _accounts(books: Books, month: Month, only: str | None = None) -> tuple[Sums, ...]:
    """Return the sums of each account that has charged or that tags.json has, by name.

    `only` restricts them to one account.
    """
    db, conf, period = books.db, books.configuration, month.name
    names, indices = books.names, None if only is None else books.indices_of(only)
    provisional = books.provisional_prices(period, indices)
    consumption = statement_records.consumption(db, period, names, indices)
    consumed = {row.account: row for row in consumption}
    for index, account in conf.accounts.by_index.items():
        if only in (None, account.name):
            nothing = Consumption(account.name, index, 0, 0, None, 0)
            consumed.setdefault(account.name, nothing)
    used = prices.used(db, period, names, indices)
    sums = provisional.by_account() if provisional.accounts else {}
    # A server may have booked for another account since the first query.
    for name in sums.keys() & consumed.keys():
        consumed[name] = sums[name].added_to(consumed[name])
        used[name] = merged(used.get(name, ()), sums[name].prices)
    fees: dict[str, tuple[Fee, ...]] = {}
    # A month of the future costs no base fee yet.
    if month <= Month.of_moment(now_ms(), books.zone):
        first, last = month.first_day, month.last_day
        fees = {name: conf.tariffs.fees(name, first, last) for name in consumed}
    return tuple(
        _sums(row, used.get(name, ()), fees.get(name, ()))
        # The seed's statement is in the order of names.
        for name, row in sorted(consumed.items())
    )


def _sums(row: Consumption, used: tuple[PriceUsed, ...], fees: tuple[Fee, ...]) -> Sums:
    """Return the sums of an account, with VAT; `total_ct` is None if nothing has a price."""
    amounts = [Taxable(price.amount_ct, price.vat_bp, price.vat_included) for price in used]
    amounts += [Taxable(fee.amount_ct, fee.vat_bp, fee.vat_included) for fee in fees]
    # A record's amount was rounded when its price was set. VAT is rounded once for each rate.
    taxes, total_ct = taxes_of(amounts) if amounts else ((), None)
    return Sums(
        account_index=row.account_index,
        account=row.account,
        transactions=row.transactions,
        wh=row.wh,
        amount_ct=row.amount_ct,
        unpriced_wh=row.unpriced_wh,
        prices=used,
        fees=fees,
        taxes=taxes,
        total_ct=total_ct,
    )


def _unfinished(books: Books, month: Month) -> tuple[Unfinished, ...]:
    """Return the transactions that started before the month's end and have no stop."""
    # Timestamps of one format sort as texts in the order of their times.
    end = format_timestamp(int(month.end(books.zone).timestamp() * 1000))
    bound, names = transactions.account_names(books.db), books.names
    present = {name: names[index] for index, name in bound.items()}
    return tuple(
        Unfinished(
            **{field: row[field] for field in Unfinished._fields}
            | {"account": present.get(row["account"], row["account"])}
        )
        for row in rows_of(books.db, "open_transactions")
        if row["started_at"] < end
    )


def _chargers(db: Database, allowlist: Allowlist, involved: set[str]) -> tuple[Charger, ...]:
    """Return the chargers with these ids, with their names from the charge points file."""
    chargers = []
    for row in rows_of(db, "charge_points"):
        if row["id"] in involved:
            meter = allowlist.meter(row["id"])
            # The operator's entry wins over the serial that the charger reports.
            serial = meter.meter_serial or row["meter_serial"]
            # Keys of JSON are strings, and a snapshot must come back as it was.
            connectors = {str(number): name for number, name in meter.connectors.items()}
            named = (row["id"], meter.name, row["serial"], serial, meter.note)
            chargers.append(Charger(*named, connectors))
    # The order is part of the snapshot, which is hashed as text.
    return tuple(sorted(chargers))
