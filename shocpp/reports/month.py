"""The statement of a month: read from the snapshot of a closed month, or made from the books.

The records of an open month may have no price in the books although a tariff covers them by now.
Its statement prints their provisional prices.
"""

from collections.abc import Iterator
from functools import cached_property, partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp import __version__
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import Allowlist, load_allowlist_or_none
from shocpp.configuration.operator import OperatorFile, load_operator
from shocpp.configuration.tags import load_accounts
from shocpp.configuration.tariffs import load_tariffs
from shocpp.language.month import Month
from shocpp.ledger.accounts import NO_ACCOUNTS, Accounts
from shocpp.ledger.prices.tariffs import NO_TARIFFS, Fee, Tariffs
from shocpp.ledger.prices.taxes import Taxable, taxes_of
from shocpp.ocpp.times import format_timestamp
from shocpp.reports.account_statement import own_row, parties_of
from shocpp.reports.provisional_prices import ProvisionalPrices, ProvisionalSums, merged
from shocpp.reports.snapshot import VERSION, from_snapshot, sums_from_snapshot
from shocpp.reports.statement import Charger, Closed, Statement, Sums, Unfinished
from shocpp.settings import Settings
from shocpp.store.books import audit, closings, prices, statement_records, transactions
from shocpp.store.books.closings import Closing
from shocpp.store.books.prices import PriceUsed
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
    def tariffs(self) -> Tariffs:
        """Return the prices of tariffs.json, which may be missing; raises ConfigError."""
        try:
            return load_tariffs(self.settings.tariffs_file)
        except FileNotFoundError:
            return NO_TARIFFS

    @cached_property
    def configuration(self) -> Configuration:
        """Return the configuration; tags.json and tariffs.json may be missing.

        Raises ConfigError if a file cannot be read.
        """
        settings = self.settings
        try:
            accounts = load_accounts(settings.tags_file, transactions.account_names(self.db))
        except FileNotFoundError:
            accounts = NO_ACCOUNTS
        return Configuration(
            self.tariffs,
            accounts,
            load_operator(settings.operator_file),
            load_allowlist_or_none(settings.charge_points_file),
        )

    def provisional_prices(self, month: str, only: str | None = None) -> ProvisionalPrices:
        """Return the prices of the records of an open month (YYYY-MM) that have none yet.

        They are those of one account, or of all.
        """
        # Without any tariff nothing is read.
        names = prices.unpriced_accounts(self.db, month) if self.tariffs.by_account else []
        chosen = [name for name in names if only in (None, name)]
        accounts = tuple(filter(self.tariffs.periods, chosen))
        return ProvisionalPrices(self.db, self.tariffs, self.zone, month, accounts)

    def rows(
        self, statement: Statement, *, decided_or_late: bool = False
    ) -> Iterator[StatementRow]:
        """Return the records of a statement, in the order of their times.

        `decided_or_late` restricts them to decisions of a human, and to records that came late.
        """
        rows = self.records(
            statement.period,
            statement.only,
            is_closed=statement.closed is not None,
            decided_or_late=decided_or_late,
        )
        if statement.only is None:
            return rows
        return map(partial(own_row, parties=statement.parties, account=statement.only), rows)

    def records(
        self, month: Month, only: str | None, *, is_closed: bool, decided_or_late: bool = False
    ) -> Iterator[StatementRow]:
        """Return the records of a month as `rows`, without the frame of their statement.

        Those of one account may have what its statement hides: the cards and names of others.
        """
        price_of = None
        # Records of a closed month get no price any more.
        if not is_closed:
            provisional = self.provisional_prices(month.name, only)
            price_of = provisional.of_record if provisional.accounts else None
        return statement_records.of_month(
            self.db, month.name, only, price_of, decided_or_late=decided_or_late
        )

    def seed_rows(self, statement: Statement) -> Iterator[SeedRow]:
        """Return the records of a statement that have energy, with the fields of the seed."""
        return statement_records.seed_rows(self.db, statement.period.name, statement.only)


def month_statement(books: Books, month: Month) -> Statement:
    """Return the statement of a month for all accounts, from which `of_account` makes the others.

    Raises ConfigError if a file in conf/ cannot be read.
    """
    closing = closings.of_month(books.db, month.name)
    statement = draft(books, month) if closing is None else closed_statement(closing)
    return statement._replace(parties=parties_of(books.db, statement))


def month_sums(
    books: Books, month: Month, only: str | None = None
) -> tuple[tuple[Sums, ...], int | None]:
    """Return the sums of the accounts in a month, or of one, and the number of its closing.

    The number is None while the month is open.
    """
    closing = closings.of_month(books.db, month.name)
    if closing is None:
        return _accounts(books, month, only), None
    return sums_from_snapshot(closing.content, only), closing.number


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
        under_review=tuple(statement_records.under_review(db, name)),
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
    provisional = books.provisional_prices(period, only)
    consumed = {row.account: row for row in statement_records.consumption(db, period, only)}
    for index, account in conf.accounts.by_index.items():
        if only in (None, account.name):
            nothing = Consumption(account.name, index, 0, 0, None, 0)
            consumed.setdefault(account.name, nothing)
    used = prices.used(db, period, only)
    sums = provisional.by_account() if provisional.accounts else {}
    # A server may have booked for another account since the first query.
    for name in sums.keys() & consumed.keys():
        consumed[name] = _with_provisional(consumed[name], sums[name])
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


def _with_provisional(row: Consumption, provisional: ProvisionalSums) -> Consumption:
    """Return the consumption of an account with the amounts of its provisional prices."""
    return row._replace(
        amount_ct=(row.amount_ct or 0) + provisional.amount_ct,
        unpriced_wh=row.unpriced_wh - provisional.wh,
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
    return tuple(
        Unfinished(**{field: row[field] for field in Unfinished._fields})
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
