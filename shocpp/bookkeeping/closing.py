"""The closing of a month: its statement is stored for ever, and no record enters it later."""

from typing import NamedTuple

from shocpp.bookkeeping.chain import closing_of, files_outside_chain
from shocpp.bookkeeping.posting import set_prices
from shocpp.bookkeeping.record_files import files_without_record, write_files
from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.language.month import Month
from shocpp.ocpp.times import format_timestamp
from shocpp.reports.month import Books, draft
from shocpp.reports.snapshot import snapshot
from shocpp.reports.statement import Statement
from shocpp.settings import Settings
from shocpp.store.books import closings, records, statement_records
from shocpp.store.books.closings import Closing
from shocpp.store.database import Database
from shocpp.store.keys import Keys

_UNPRICED = (
    "Wh of accounts with prices have no price and get none any more; write their tariff, and book "
    "each record again: shocpp review correct"
)


class Done(NamedTuple):
    """A closed month; `left` are sentences about the work that it leaves to the open month."""

    closing: Closing
    left: tuple[str, ...]


def close(books: Books, month: Month, closed_by: str, *, unpriced: bool = False) -> Done:
    """Close a month; with `unpriced` also if an account with prices has records without one.

    Raises UsageError if the month is not over, is closed already, lacks prices, or if accounting
    files are not in the books; ConfigError if a file in conf/ cannot be read.
    """
    db, settings, name, closed_ms = books.db, books.settings, month.name, now_ms()
    _require_over(settings, month, closed_ms)
    _require_complete(db, settings)
    # One transaction: a record that is booked meanwhile is in the statement or in the next month.
    with db.writing(keys=Keys(months=frozenset({name}), chain=True)):
        former = closings.of_month(db, name)
        if former is not None:
            raise UsageError(
                f"{name} was closed on {format_timestamp(former.closed_ms)}, by "
                f"{former.closed_by} (link {former.number}); corrections go to the open month: "
                "shocpp review correct"
            )
        # Records of a closed month get no price any more.
        set_prices(books.provisional_prices(name), closed_ms)
        # The seed's files lack the account's index and the charger, so a rebuild from them could
        # give other records than those that are closed here.
        records.unmark_exported_imported(db, name)
        statement = draft(books, month)
        if not unpriced:
            _require_prices(statement)
        closing = closing_of(db, name, snapshot(statement), closed_ms, closed_by)
        closings.record(db, closing)
        left = (*_left(statement), *_open_before(db, month))
    write_files(db, settings)
    return Done(closing, left)


def _require_over(settings: Settings, month: Month, moment_ms: int) -> None:
    """Raise UsageError if the month is not over in local time."""
    if not month.is_over(moment_ms, settings.zone):
        first = month.next().first_day
        raise UsageError(f"{month.name} is not over; it can be closed from {first} on")


def _require_complete(db: Database, settings: Settings) -> None:
    """Raise UsageError if accounting files are not in the database, as after its loss."""
    folder = settings.accounting_folder
    lost = [*files_without_record(db, folder), *files_outside_chain(db, folder)]
    if lost:
        raise UsageError(
            f"{len(lost)} accounting files such as {lost[0]} are not in the books; import them "
            f"first: shocpp import {folder} (it names the reason for each file that it refuses)"
        )


def _require_prices(statement: Statement) -> None:
    """Raise UsageError if an account with prices has energy without one."""
    missing = [
        f"{sums.unpriced_wh} Wh of {sums.account}"
        for sums in statement.accounts
        if sums.unpriced_wh and sums.total_ct is not None
    ]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} have no price; write a tariff that holds in all that time (see: "
            "shocpp tariffs check), or close it as it is with --unpriced"
        )


def _left(statement: Statement) -> list[str]:
    """Return sentences about energy that a decision, stop or price brings into the open month."""
    unpriced_wh = sum(sums.unpriced_wh for sums in statement.accounts if sums.total_ct is not None)
    counts = (
        (len(statement.under_review), "cases are under review; decide: shocpp review"),
        (statement.unassigned_wh, "Wh are of unknown cards; assign them: shocpp review"),
        (len(statement.unfinished), "transactions have no stop yet; see: shocpp transactions"),
        (unpriced_wh, _UNPRICED),
    )
    return [f"{count} {rest}" for count, rest in counts if count]


def _open_before(db: Database, month: Month) -> list[str]:
    """Return a sentence about earlier months of the year that are open, if there are any."""
    before = [
        other.name
        for other in statement_records.months(db, month.year)
        if other < month and not closings.is_closed(db, other.name)
    ]
    return [f"{', '.join(before)} are still open"] if before else []
