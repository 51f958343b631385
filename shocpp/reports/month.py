"""A month's paper, made from the books (a room): from what is frozen of a closed one, else anew.

Before an open month is told, what had no tariff when it was booked gets its price, if there is a
tariff now: from then on it is frozen like any other.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shocpp import __version__
from shocpp.bookkeeping.posting import posting
from shocpp.bookkeeping.record_files import write_files
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import Allowlist, load_allowlist_or_none
from shocpp.configuration.operator import OperatorFile, load_operator
from shocpp.configuration.tags import load_accounts
from shocpp.configuration.tariffs import load_tariffs
from shocpp.errors import UsageError
from shocpp.language.dates import month_of
from shocpp.ledger.accounts import NO_ACCOUNTS, Accounts
from shocpp.ledger.tariffs import NO_TARIFFS, Fee, Tariffs
from shocpp.ledger.taxes import Taxable, taxes_of
from shocpp.ocpp.times import format_timestamp
from shocpp.reports.snapshot import from_snapshot
from shocpp.reports.statement import Charger, Closed, Statement, Sums, Unfinished
from shocpp.settings import Settings
from shocpp.store.books import audit, closings, prices, statement_records, transactions
from shocpp.store.books.closings import Closing
from shocpp.store.books.prices import PriceUsed
from shocpp.store.books.statement_records import Consumption, SeedRow, StatementRow
from shocpp.store.database import Database
from shocpp.store.views import rows_of


class Configuration(NamedTuple):
    """What a paper needs of conf/: whose it is, who charges, where, and what a month costs."""

    accounts: Accounts
    tariffs: Tariffs
    operator: OperatorFile
    allowlist: Allowlist
    zone: ZoneInfo


def month_statement(db: Database, settings: Settings, year: int, month: int) -> Statement:
    """The paper of a month, for all accounts; ConfigError where a file in conf/ cannot be read."""
    closing = closings.of_month(db, name_of(year, month))
    if closing is not None:
        return closed_statement(closing)
    price_unpriced(db, settings, year, month)
    return draft(db, settings, year, month)


def rows_of_statement(db: Database, statement: Statement) -> Iterator[StatementRow]:
    """The records of a paper, one by one."""
    return statement_records.of_month(db, name_of(statement.year, statement.month), statement.only)


def seed_rows_of_statement(db: Database, statement: Statement) -> Iterator[SeedRow]:
    """Those with energy, as the seed wrote them."""
    return statement_records.seed_rows(db, name_of(statement.year, statement.month), statement.only)


def rows_told_apart(db: Database, statement: Statement) -> list[StatementRow]:
    """Those of a paper's records that humans have decided, or that came late."""
    month = name_of(statement.year, statement.month)
    return list(statement_records.of_month(db, month, statement.only, told_apart=True))


def month_end(settings: Settings, year: int, month: int) -> datetime:
    """When a month is over, in local time."""
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=settings.zone)


def is_over(settings: Settings, year: int, month: int) -> bool:
    """Whether a month is over."""
    return now_ms() >= month_end(settings, year, month).timestamp() * 1000


def name_of(year: int, month: int) -> str:
    """YYYY-MM."""
    return f"{year:04}-{month:02}"


def price_unpriced(db: Database, settings: Settings, year: int, month: int) -> None:
    """Price what had no tariff when it was booked and has one now."""
    name, books = name_of(year, month), posting(db, settings)
    if books.accounts_to_price(name):
        with db.writing():
            if not closings.is_closed(db, name):
                books.price_unpriced(name, now_ms())
        write_files(db, settings)


def month_sums(
    db: Database, settings: Settings, year: int, month: int
) -> tuple[tuple[Sums, ...], int | None]:
    """Only the accounts' sums of a month, and the number of its closing, if it is closed."""
    closing = closings.of_month(db, name_of(year, month))
    if closing is not None:
        return closed_statement(closing).accounts, closing.number
    price_unpriced(db, settings, year, month)
    return _accounts(db, _configuration(db, settings), year, month), None


def closed_statement(closing: Closing) -> Statement:
    """The paper of a closed month, as it was when it was closed."""
    link = Closed(
        closing.number, format_timestamp(closing.closed_ms), closing.closed_by, closing.hash
    )
    return from_snapshot(closing.content)._replace(closed=link)


def draft(db: Database, settings: Settings, year: int, month: int) -> Statement:
    """The paper of an open month, as the books are now."""
    name, conf = name_of(year, month), _configuration(db, settings)
    checked = audit.MonthAudit(db, year, month)
    audited = checked.charge_points()
    has_gaps = any(one.gap_wh for one in audited)  # looking for them costs as much again
    gaps = checked.gaps() if has_gaps else []
    involved = {
        *statement_records.charge_points_of(db, name),
        *(one.charge_point_id for one in audited),
    }
    return Statement(
        year=year,
        month=month,
        only=None,
        zone_name=settings.zone_name,
        created_at=format_timestamp(now_ms()),
        version=__version__,
        operator=conf.operator.operator,
        closed=None,
        accounts=_accounts(db, conf, year, month),
        unassigned_wh=statement_records.unassigned_wh(db, name),
        under_review=tuple(statement_records.under_review(db, name)),
        unfinished=_unfinished(db, settings, year, month),
        audited=tuple(audited),
        gaps=tuple(gaps),
        imported_wh=tuple(statement_records.imported_wh(db, name)),
        decided_later_wh=tuple(statement_records.decided_later_wh(db, name)),
        chargers=_chargers(db, conf.allowlist, involved),
        cards=conf.accounts.card_names(),
    )


def _configuration(db: Database, settings: Settings) -> Configuration:
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


def _accounts(db: Database, conf: Configuration, year: int, month: int) -> tuple[Sums, ...]:
    """Those that have charged, and those of tags.json that have not."""
    consumed = {row.account: row for row in statement_records.consumption(db, name_of(year, month))}
    for index, account in conf.accounts.by_index.items():
        nothing = Consumption(account.name, index, 0, 0, None, 0)
        consumed.setdefault(account.name, nothing)
    used = prices.used(db, name_of(year, month))
    has_begun = name_of(year, month) <= month_of(now_ms(), conf.zone)
    return tuple(
        _sums(
            consumed[name],
            used.get(name, ()),
            conf.tariffs.fees(name, year, month) if has_begun else (),
        )
        for name in sorted(consumed)
    )


def _sums(row: Consumption, used: tuple[PriceUsed, ...], fees: tuple[Fee, ...]) -> Sums:
    amounts = [Taxable(one.amount_ct, one.vat_bp, one.vat_included) for one in used]
    amounts += [Taxable(fee.amount_ct, fee.vat_bp, fee.vat_included) for fee in fees]
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


def _unfinished(db: Database, settings: Settings, year: int, month: int) -> tuple[Unfinished, ...]:
    """What began before the month's end and has no stop."""
    end = format_timestamp(int(month_end(settings, year, month).timestamp() * 1000))
    return tuple(
        Unfinished(**{field: row[field] for field in Unfinished._fields})
        for row in rows_of(db, "open_transactions")
        if row["started_at"] < end
    )


def _chargers(db: Database, allowlist: Allowlist, involved: set[str]) -> tuple[Charger, ...]:
    found = []
    for row in rows_of(db, "charge_points"):
        if row["id"] in involved:
            meter = allowlist.meter(row["id"])
            serial = meter.meter_serial or row["meter_serial"]
            names = {str(number): name for number, name in meter.connectors.items()}
            found.append(Charger(row["id"], meter.name, row["serial"], serial, meter.note, names))
    return tuple(sorted(found))


def of_account(statement: Statement, account: str) -> Statement:
    """The same paper for one account: of others it shows no more than the meters' sums.

    Raises UsageError where the paper does not have it.
    """
    chosen = tuple(sums for sums in statement.accounts if sums.account == account)
    if not chosen:
        known = ", ".join(sums.account for sums in statement.accounts)
        raise UsageError(f"there is no account {account!r} in this month; one of: {known}")
    return statement._replace(
        only=account,
        accounts=chosen,
        unassigned_wh=0,
        under_review=tuple(row for row in statement.under_review if row.account == account),
        unfinished=tuple(one for one in statement.unfinished if one.account == account),
    )
