"""The statement of a month: read from the snapshot of a closed month, or made from the books.

The records of an open month may have no price in the books although a tariff covers them by now.
Its statement prints their provisional prices.
"""

from shocpp import __version__
from shocpp.clock import now_ms
from shocpp.configuration.charge_points import Allowlist
from shocpp.language.month import Month
from shocpp.ledger.accounts import Recipient
from shocpp.ledger.prices.tariffs import Fee
from shocpp.ledger.prices.taxes import taxables, taxes_of
from shocpp.ocpp.times import format_timestamp
from shocpp.reports.account_statement import names_in, parties_of
from shocpp.reports.books import Books
from shocpp.reports.provisional_prices import merged
from shocpp.reports.snapshot import VERSION, from_snapshot, sums_from_snapshot
from shocpp.reports.statement import Charger, Closed, Statement, Sums, Unfinished
from shocpp.reports.tables.cells import ADDRESSED
from shocpp.store.books import audit, closings, prices, transactions
from shocpp.store.books.archive import notes
from shocpp.store.books.closings import Closing
from shocpp.store.books.prices import PriceUsed
from shocpp.store.books.statements import statement_records
from shocpp.store.books.statements.statement_records import Consumption
from shocpp.store.database import Database
from shocpp.store.listings.views import rows_of


def month_statement(books: Books, month: Month) -> Statement:
    """Return the statement of a month for all accounts, from which `of_account` makes the others.

    Raises ConfigError if a file in conf/ cannot be read.
    """
    closing = closings.of_month(books.db, month.name)
    if closing is None:
        return draft(books, month)
    statement = closed_statement(closing)
    # Older snapshots do not have the parties.
    return statement if statement.snapshot_version >= ADDRESSED else _with_parties(books, statement)


def _with_parties(books: Books, statement: Statement) -> Statement:
    """Return a statement with its parties, as the records have them."""
    names = names_in(books.db, statement, books.names)
    return statement._replace(
        parties=parties_of(books.db, statement, names),
        noted=notes.accounts_with_notes(books.db, statement.period.name),
    )


def month_sums(
    books: Books, month: Month, only: str | None = None
) -> tuple[tuple[Sums, ...], int | None]:
    """Return the sums of the accounts in a month, or of one, and the number of its closing.

    The number is None while the month is open. `only` is the present name of the one.
    """
    closing = closings.of_month(books.db, month.name)
    if closing is None:
        return _accounts(books, month, only), None
    if only is None:
        return sums_from_snapshot(closing.content), closing.number
    accounts = sums_from_snapshot(closing.content, books.indices_of(only))
    own = tuple(sums for sums in accounts if books.has_had(sums.account_index, sums.account))
    return own, closing.number


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
    statement = Statement(
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
    return _with_parties(books, statement)


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
        _sums(
            row,
            used.get(name, ()),
            fees.get(name, ()),
            conf.accounts.recipient(row.account_index),
        )
        # The seed's statement is in the order of names.
        for name, row in sorted(consumed.items())
    )


def _sums(
    row: Consumption, used: tuple[PriceUsed, ...], fees: tuple[Fee, ...], recipient: Recipient
) -> Sums:
    """Return the sums of an account, with VAT; `total_ct` is None if nothing has a price."""
    amounts = taxables(used, fees)
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
        recipient=recipient,
        solar_wh=row.solar_wh,
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
