"""The closing of a month: its statement is stored for ever, and no record enters it later.

After the commit the forms of its accounts are made from the snapshot: rendering takes seconds, in
which no charger may wait. A process that is killed before leaves forms that are due; the next
closing makes them, or the server, or whoever prints them first.
"""

import logging
from collections.abc import Iterable
from typing import NamedTuple

from shocpp.bookkeeping.accounting_files.chain import closing_of, files_outside_chain
from shocpp.bookkeeping.accounting_files.record_files import files_without_record, write_files
from shocpp.bookkeeping.posting import set_prices
from shocpp.clock import now_ms
from shocpp.configuration.operator import Operator
from shocpp.errors import MonthIncomplete, StoreUnavailable, UsageError
from shocpp.language.month import Month
from shocpp.ledger.register import TOLERANCE_WH
from shocpp.ocpp.times import format_timestamp
from shocpp.reports.books import Books
from shocpp.reports.forms import complete, due_forms
from shocpp.reports.month import draft
from shocpp.reports.snapshot import snapshot
from shocpp.reports.statement import Form, Statement, Sums
from shocpp.reports.statement_numbers import numbered
from shocpp.settings import Settings
from shocpp.store.books import closings, outbox
from shocpp.store.books.archive import forms
from shocpp.store.books.audit import Gap
from shocpp.store.books.closings import Closing, Unstopped
from shocpp.store.database import Database
from shocpp.store.keys import Keys

log = logging.getLogger(__name__)

MOST_NAMED = 12
"""The highest number of open months or accounts that a sentence names."""

_UNPRICED = (
    "Wh of accounts with prices have no price and get none any more; write their tariff, and book "
    "each record again: shocpp review correct"
)


class Done(NamedTuple):
    """A closed month.

    `reasons` are the sentences for which a person would have been refused, `left` those about the
    work that the month leaves to the open one.
    """

    closing: Closing
    reasons: tuple[str, ...]
    left: tuple[str, ...]


def close(
    books: Books,
    month: Month,
    closed_by: str,
    *,
    unpriced: bool = False,
    strict: bool = False,
    anyway: bool = False,
) -> Done:
    """Close a month.

    With `strict` only if it is complete: without energy of unknown cards, gaps, cases under review,
    transactions that will never stop, earlier open months and missing prices. `unpriced` consents
    to records without a price in accounts with prices, `anyway` to everything but a tax that the
    operator has no right to.

    Raises UsageError if the month is not over, is closed already, lacks prices, if operator.json
    contradicts the prices, or if accounting files are not in the books; MonthIncomplete if `strict`
    finds something; ConfigError if a file in conf/ cannot be read. Then nothing is written.
    """
    db, settings, name, closed_ms = books.db, books.settings, month.name, now_ms()
    _require_over(settings, month, closed_ms)
    _require_complete(db, settings)
    # Before, so that this link has the hashes of all earlier forms.
    make_forms(books)
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
        outbox.unmark_exported_imported(db, name)
        statement = numbered(books, draft(books, month), closed_ms)
        for trouble in tax_troubles(settings, statement.operator, statement.accounts):
            if trouble.is_owed or not anyway:
                raise UsageError(trouble.sentence)
        reasons, notes = _findings(books, statement)
        missing = [] if unpriced or anyway else _missing_prices(statement)
        if strict and not anyway and (reasons or missing):
            raise MonthIncomplete(name, (*reasons, *missing))
        if missing:
            raise UsageError(missing[0])
        statement = statement._replace(forms=tuple(Form(*form) for form in forms.unlinked(db)))
        closing = closing_of(db, name, snapshot(statement), closed_ms, closed_by)
        closings.record(db, closing)
        forms.require(db, due_forms(statement, closing.number, settings))
    write_files(db, settings)
    make_forms(books)
    return Done(closing, tuple(reasons), (*reasons, *_unpriced_for_ever(statement), *notes))


def make_forms(books: Books) -> None:
    """Make the forms of closed months that are due or whose files are gone, and write their files.

    Warns if that is not possible now: the months are closed all the same.
    """
    try:
        lost = complete(books)
    except StoreUnavailable as error:
        log.warning("statements cannot be made now, and will be later: %s", error)
        return
    for sentence in lost:
        log.warning("%s", sentence)
    write_files(books.db, books.settings)


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


class TaxTrouble(NamedTuple):
    """A sentence on how the letterhead's tax contradicts the prices of a month.

    `is_owed` is True if the statements would name a tax that the operator has no right to name: it
    would owe the tax for that alone (§ 14c UStG).
    """

    sentence: str
    is_owed: bool


def tax_troubles(
    settings: Settings, operator: Operator, accounts: Iterable[Sums]
) -> list[TaxTrouble]:
    """Return how the `tax` of operator.json contradicts the prices of these accounts."""
    file, prices, accounts = settings.operator_file, settings.tariffs_file, list(accounts)
    with_vat = [sums.account for sums in accounts if _has_vat(sums)]
    if operator.tax not in ("", "vat") and with_vat:
        sentence = (
            f'{file} has "tax": "{operator.tax}", but {prices} has VAT in the prices of '
            f"{_named(with_vat)}, and who names a tax without the right owes it; take vat out of "
            "these prices, or set tax to vat; a record keeps the price that it has until you book "
            "it again: shocpp review correct"
        )
        return [TaxTrouble(sentence, is_owed=True)]
    billed = with_vat or [sums.account for sums in accounts if sums.total_ct is not None]
    if operator.tax == "vat" and billed and not (operator.tax_number or operator.vat_id):
        sentence = (
            f'{file} has "tax": "vat", but neither tax_number nor vat_id, which statements with '
            f"VAT must have; write one of them, or change tax and the vat in {prices} (of "
            f"{_named(billed)})"
        )
        return [TaxTrouble(sentence, is_owed=False)]
    return []


def _has_vat(sums: Sums) -> bool:
    """Return True if an account has a price or a fee with VAT in its month."""
    # A price of which all records were booked again is still there, with 0 Wh.
    used = any(price.vat_bp is not None and (price.wh or price.amount_ct) for price in sums.prices)
    return used or any(fee.vat_bp is not None and fee.amount_ct for fee in sums.fees)


def _named(accounts: list[str]) -> str:
    """Return the names of accounts for a sentence, not more than MOST_NAMED of them."""
    return ", ".join(accounts[:MOST_NAMED]) + (" …" if len(accounts) > MOST_NAMED else "")


def _missing_prices(statement: Statement) -> list[str]:
    """Return a sentence if accounts with prices have energy without one."""
    missing = [
        f"{sums.unpriced_wh} Wh of {sums.account}"
        for sums in statement.accounts
        if sums.unpriced_wh and sums.total_ct is not None
    ]
    if not missing:
        return []
    sentence = (
        f"{', '.join(missing)} have no price; write a tariff that holds in all that time (see: "
        "shocpp tariffs check), or close it as it is with --unpriced"
    )
    return [sentence]


def _unpriced_for_ever(statement: Statement) -> list[str]:
    """Return a sentence if a closing leaves energy of accounts with prices without one."""
    unpriced_wh = sum(sums.unpriced_wh for sums in statement.accounts if sums.total_ct is not None)
    return [f"{unpriced_wh} {_UNPRICED}"] if unpriced_wh else []


class _Findings(NamedTuple):
    """The sentences about a month: reasons not to close it, and notes that are none."""

    reasons: list[str]
    notes: list[str]


def _findings(books: Books, statement: Statement) -> _Findings:
    """Return what somebody should decide before the month of a statement is closed."""
    db, month = books.db, statement.period
    booked, unstopped = closings.undecided(db, month.name), closings.unstopped(db)
    end_ms = month.end(books.zone).timestamp() * 1000
    begun = [row for row in unstopped if row.started_ms < end_ms]
    # A charger that is not connected may never send the stop.
    silent = [row for row in begun if not row.is_listed and not row.is_connected]
    running = [row for row in begun if not row.is_listed and row.is_connected]
    gaps = _undecided_gaps(statement, unstopped)
    gap_wh = sum(gap.to_wh - gap.from_wh for gap in gaps)
    orphaned, decide = sum(row.is_listed for row in begun), "decide: shocpp review"
    under_review = len(statement.under_review)
    # Their tariff holds at another time; without any tariff, an account has no prices at all.
    elsewhere_wh = sum(
        sums.unpriced_wh
        for sums in statement.accounts
        if sums.total_ct is None and books.tariffs.periods(sums.account)
    )
    reasons = [
        *_open_before(db, month),
        *_counted(
            elsewhere_wh,
            "Wh lies",
            "Wh lie",
            "outside the time of their tariff; see: shocpp tariffs check",
        ),
        *_counted(under_review, "case is", "cases are", f"under review; {decide}"),
        *_counted(
            booked.unknown_wh, "Wh is", "Wh are", "of unknown cards; assign them: shocpp review"
        ),
        *_counted(
            booked.restarted, "session has", "sessions have", f"a restarted register; {decide}"
        ),
        *_counted(gap_wh, "Wh is", "Wh are", f"in gaps ({len(gaps)}), in no record; {decide}"),
        *_counted(orphaned, "transaction was", "transactions were", f"never stopped; {decide}"),
        *_counted(
            len(silent),
            "transaction is",
            "transactions are",
            f"open, while the charger is away ({_chargers(silent)}); see: shocpp transactions",
        ),
    ]
    notes = [
        *_counted(
            len(running),
            "transaction is",
            "transactions are",
            f"running ({_chargers(running)}), to be billed in the month of the stop",
        ),
        *_counted(
            len(unstopped) - len(begun),
            "open transaction",
            "open transactions",
            "began after the month",
        ),
    ]
    return _Findings(reasons, notes)


def _counted(count: int, singular: str, plural: str, rest: str) -> list[str]:
    """Return a sentence such as `2 cases are under review`, or nothing for 0."""
    return [f"{count} {singular if count == 1 else plural} {rest}"] if count else []


def _chargers(transactions: Iterable[Unstopped]) -> str:
    return ", ".join(sorted({row.charge_point_id for row in transactions}))


def _undecided_gaps(statement: Statement, unstopped: Iterable[Unstopped]) -> list[Gap]:
    """Return the gaps of a month that `review` lists."""
    # The energy behind a transaction that never stopped is decided with that transaction.
    ends = {(row.charge_point, row.connector_id, row.end_wh) for row in unstopped if row.is_listed}
    return [
        gap
        for gap in statement.gaps
        if gap.dismissed is None
        and gap.to_wh - gap.from_wh > TOLERANCE_WH
        and (gap.charge_point, gap.connector_id, gap.from_wh) not in ends
    ]


def _open_before(db: Database, month: Month) -> list[str]:
    """Return a sentence about earlier months that are open, if there are any."""
    before = closings.open_before(db, month.name)
    if not before:
        return []
    first = before[0].replace("-", " ")
    names = ", ".join(before[:MOST_NAMED]) + (" …" if len(before) > MOST_NAMED else "")
    verb = "is" if len(before) == 1 else "are"
    return [f"{names} {verb} still open; begin with the first: shocpp close {first}"]
