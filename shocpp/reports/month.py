"""The statement of a month: read from the snapshot of a closed month, or made from the books.

Before the statement of an open month is made, records without a price get one, if a tariff covers
them by now. Such a price is fixed from then on, like any other.
"""

from collections.abc import Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp import __version__

# Reports use no other service. These two imports are the listed exception: they set missing prices.
from shocpp.bookkeeping.posting import posting
from shocpp.bookkeeping.record_files import write_files
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import Allowlist, load_allowlist_or_none
from shocpp.configuration.operator import OperatorFile, load_operator
from shocpp.configuration.tags import load_accounts
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import UsageError
from shocpp.language.month import Month
from shocpp.ledger.accounts import NO_ACCOUNTS, Accounts
from shocpp.ledger.tariffs import NO_TARIFFS, Fee, Tariffs
from shocpp.ledger.taxes import Taxable, taxes_of
from shocpp.ocpp.times import format_timestamp
from shocpp.reports.snapshot import VERSION, from_snapshot
from shocpp.reports.statement import Charger, Closed, Statement, Sums, Unfinished
from shocpp.settings import Settings
from shocpp.store.books import audit, closings, prices, statement_records, transactions
from shocpp.store.books.closings import Closing
from shocpp.store.books.prices import PriceUsed
from shocpp.store.books.statement_records import Consumption, SeedRow, StatementRow
from shocpp.store.database import Database
from shocpp.store.keys import Keys
from shocpp.store.views import rows_of


class Configuration(NamedTuple):
    """The contents of conf/ that a statement needs, and the time zone of its month."""

    accounts: Accounts
    tariffs: Tariffs
    operator: OperatorFile
    allowlist: Allowlist
    zone: ZoneInfo


def month_statement(db: Database, settings: Settings, month: Month) -> Statement:
    """Return the statement of a month for all accounts.

    It sets missing prices of an open month first. Raises ConfigError if a file in conf/ cannot be
    read.
    """
    closing = closings.of_month(db, month.name)
    if closing is not None:
        return closed_statement(closing)
    price_unpriced(db, settings, month)
    return draft(db, settings, month)


def rows_of_statement(db: Database, statement: Statement) -> Iterator[StatementRow]:
    """Yield the records of a statement, in the order of their times."""
    return statement_records.of_month(db, statement.period.name, statement.only)


def seed_rows_of_statement(db: Database, statement: Statement) -> Iterator[SeedRow]:
    """Yield the records of a statement that have energy, with the fields of the seed."""
    return statement_records.seed_rows(db, statement.period.name, statement.only)


def decided_or_late_rows(db: Database, statement: Statement) -> list[StatementRow]:
    """Return the records of a statement that are decisions of a human, or that came late."""
    month = statement.period.name
    return list(statement_records.of_month(db, month, statement.only, decided_or_late=True))


def price_unpriced(db: Database, settings: Settings, month: Month) -> None:
    """Set the price of records that had no tariff when they were booked and have one now."""
    name, books = month.name, posting(db, settings)
    if books.accounts_to_price(name):
        with db.writing(keys=Keys(months=frozenset({name}))):
            # Another process may have closed the month since the caller looked.
            if not closings.is_closed(db, name):
                books.price_unpriced(name, now_ms())
        # A record's file has its price, so it is written again.
        write_files(db, settings)


def month_sums(
    db: Database, settings: Settings, month: Month
) -> tuple[tuple[Sums, ...], int | None]:
    """Return the sums of the accounts in a month, and the number of its closing.

    The number is None while the month is open; missing prices are set first, as by
    `month_statement`.
    """
    closing = closings.of_month(db, month.name)
    if closing is not None:
        return closed_statement(closing).accounts, closing.number
    price_unpriced(db, settings, month)
    return _accounts(db, _configuration(db, settings), month), None


def closed_statement(closing: Closing) -> Statement:
    """Return the statement of a closed month, as it was at its closing."""
    link = Closed(
        closing.number, format_timestamp(closing.closed_ms), closing.closed_by, closing.hash
    )
    # The snapshot was made before its closing had a number and a hash.
    return from_snapshot(closing.content)._replace(closed=link)


def draft(db: Database, settings: Settings, month: Month) -> Statement:
    """Return the statement of an open month from the present state of the books.

    It is also the statement that `close` makes a snapshot of. It only reads.
    """
    name, conf = month.name, _configuration(db, settings)
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
        zone_name=settings.zone_name,
        # Time and version become part of the snapshot: reprints of a closed month keep those of its
        # closing, also in a newer program.
        created_at=format_timestamp(now_ms()),
        version=__version__,
        operator=conf.operator.operator,
        closed=None,
        accounts=_accounts(db, conf, month),
        unassigned_wh=statement_records.unassigned_wh(db, name),
        under_review=tuple(statement_records.under_review(db, name)),
        unfinished=_unfinished(db, settings, month),
        audited=tuple(audited),
        gaps=tuple(gaps),
        imported_wh=tuple(statement_records.imported_wh(db, name)),
        decided_later_wh=tuple(statement_records.decided_later_wh(db, name)),
        chargers=_chargers(db, conf.allowlist, involved),
        cards=conf.accounts.card_names(),
    )


def _configuration(db: Database, settings: Settings) -> Configuration:
    """Return the configuration; tags.json and tariffs.json may be missing."""
    try:
        accounts = load_accounts(settings.tags_file, transactions.account_names(db))
    except FileNotFoundError:
        accounts = NO_ACCOUNTS
    try:
        tariffs = load_tariffs(settings.tariffs_file)
    except FileNotFoundError:
        tariffs = NO_TARIFFS
    return Configuration(
        accounts,
        tariffs,
        load_operator(settings.operator_file),
        load_allowlist_or_none(settings.charge_points_file),
        settings.zone,
    )


def _accounts(db: Database, conf: Configuration, month: Month) -> tuple[Sums, ...]:
    """Return the sums of each account that has charged or that tags.json has, by name."""
    consumed = {row.account: row for row in statement_records.consumption(db, month.name)}
    for index, account in conf.accounts.by_index.items():
        nothing = Consumption(account.name, index, 0, 0, None, 0)
        consumed.setdefault(account.name, nothing)
    used = prices.used(db, month.name)
    # A month of the future costs no base fee yet.
    has_begun = month <= Month.of_moment(now_ms(), conf.zone)
    return tuple(
        _sums(
            consumed[name],
            used.get(name, ()),
            conf.tariffs.fees(name, month.first_day, month.last_day) if has_begun else (),
        )
        # The seed's statement is in the order of names.
        for name in sorted(consumed)
    )


def _sums(row: Consumption, used: tuple[PriceUsed, ...], fees: tuple[Fee, ...]) -> Sums:
    """Return the sums of an account, with VAT; `total_ct` is None if nothing has a price."""
    amounts = [Taxable(price.amount_ct, price.vat_bp, price.vat_included) for price in used]
    amounts += [Taxable(fee.amount_ct, fee.vat_bp, fee.vat_included) for fee in fees]
    # A record's amount was rounded when its price was set. VAT is rounded once for each rate.
    taxes, total_ct = taxes_of(amounts)
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
        total_ct=total_ct if amounts else None,
    )


def _unfinished(db: Database, settings: Settings, month: Month) -> tuple[Unfinished, ...]:
    """Return the transactions that started before the month's end and have no stop."""
    # Timestamps of one format sort as texts in the order of their times.
    end = format_timestamp(int(month.end(settings.zone).timestamp() * 1000))
    return tuple(
        Unfinished(**{field: row[field] for field in Unfinished._fields})
        for row in rows_of(db, "open_transactions")
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


def of_account(statement: Statement, account: str) -> Statement:
    """Return the same statement for one account.

    Of other accounts it only shows the sums of the meters. Raises UsageError if the statement does
    not have the account.
    """
    chosen = tuple(sums for sums in statement.accounts if sums.account == account)
    if not chosen:
        known = ", ".join(sums.account for sums in statement.accounts)
        raise UsageError(f"there is no account {account!r} in this month; one of: {known}")
    return statement._replace(
        only=account,
        accounts=chosen,
        # Unassigned energy belongs to no account.
        unassigned_wh=0,
        # The statement goes to the account, which must not learn when others have charged.
        under_review=tuple(row for row in statement.under_review if row.account == account),
        unfinished=tuple(
            transaction for transaction in statement.unfinished if transaction.account == account
        ),
    )
