"""Commands that close a month, and verify closed months."""

import json
import sys
from collections.abc import Iterable

import click

from shocpp.errors import MonthIncomplete, UsageError
from shocpp.interfaces.cli.conventions import HELP, MONTH_NUMBER, YEAR, one_line_errors, user_name
from shocpp.interfaces.lines import one_line
from shocpp.language.month import Month
from shocpp.settings import read_settings
from shocpp.store.database import open_database


@click.command(context_settings=HELP)
@click.argument("year", type=YEAR)
@click.argument("month", type=MONTH_NUMBER)
@click.option(
    "--by", default=user_name, metavar="NAME", help="The person who closes it; by default you."
)
@click.option(
    "--unpriced",
    is_flag=True,
    help="Consent to records without a price in accounts that have prices.",
)
@click.option(
    "--anyway", is_flag=True, help="Close it although something is left; covers --unpriced."
)
@click.option(
    "--strict", is_flag=True, help="Refuse a month with anything left, also without a terminal."
)
@one_line_errors
def close(year: int, month: int, by: str, unpriced: bool, anyway: bool, strict: bool) -> None:
    """Close a month: its statement never changes again.

    At a terminal, a month is refused while something is left: energy of unknown cards, gaps, cases
    under review, transactions that may never stop, an earlier open month, missing prices. Each is
    named with the command that settles it. Without a terminal the month is closed, and stderr has
    what would have been refused.

    Late stops and corrections are booked to the open month with a note. A hash links each closing
    to the one before it; see: shocpp verify.

    Exit code 0: the month is closed; 1: something is left.

    \b
    Example: shocpp close 2026 09
    """
    from shocpp.bookkeeping.closing import close
    from shocpp.reports.books import Books
    from shocpp.reports.formats import write_text_file
    from shocpp.reports.month import closed_statement

    if anyway and strict:
        raise UsageError("--anyway closes what --strict refuses; give one of them")
    settings = read_settings()
    with open_database(settings.database) as db:
        # A month may be larger than memory.
        db.expect_large_reads()
        books = Books(db, settings)
        try:
            closing, reasons, notes = close(
                books,
                Month(year, month),
                by,
                unpriced=unpriced,
                strict=strict or sys.stdin.isatty(),
                anyway=anyway,
            )
        except MonthIncomplete as error:
            _print_reasons(f"{year}-{month:02} is not closed:", error.reasons)
            click.echo(
                f"to close it all the same: shocpp close {year} {month:02} --anyway", err=True
            )
            sys.exit(1)
        # Made from the snapshot, so that the file has the bytes of every later reprint.
        write_text_file(books, closed_statement(closing))
    records = f"{closing.records} record{'' if closing.records == 1 else 's'}"
    click.echo(f"{closing.month} is closed: {records}, link {closing.number}, {closing.hash}")
    for note in notes:
        click.echo(one_line(f"note: {note}"))
    if reasons and not anyway:
        _print_reasons("at a terminal, or with --strict, it would have been refused:", reasons)


def _print_reasons(head: str, reasons: Iterable[str]) -> None:
    """Print the reasons not to close a month on stderr, one a line."""
    click.echo(head, err=True)
    for reason in reasons:
        click.echo(one_line(f"  {reason}"), err=True)


@click.command(context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="A JSON list instead of lines.")
@one_line_errors
def verify(as_json: bool) -> None:
    """Verify that closed months and their PDF files have not changed since they were closed.

    Exit code 0: every link of the chain is whole, and so is every file; 1: the first broken link
    is named, and each file that is changed or missing.

    \b
    Example: shocpp verify
    """
    from shocpp.bookkeeping.accounting_files.chain import files_outside_chain, verify_links
    from shocpp.reports.forms import troubles

    settings = read_settings()
    with open_database(settings.database) as db:
        links = list(verify_links(db, settings.accounting_folder))
        unlinked = files_outside_chain(db, settings.accounting_folder)
        form_troubles = list(troubles(db, settings.accounting_folder))
    if as_json:
        rows = [
            {
                **{key: getattr(link.closing, key) for key in ("number", "month", "records")},
                "hash": link.closing.hash,
                "broken": link.broken,
                "forms": [text for number, text in form_troubles if number == link.closing.number],
            }
            for link in links
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        for closing, broken in links:
            click.echo(
                one_line(
                    f"{closing.number:3}  {closing.month}  {closing.records:6} records  "
                    f"{closing.hash}  {broken or 'whole'}"
                )
            )
    first = next((link for link in links if link.broken is not None), None)
    if first is not None:
        sentence = f"link {first.closing.number} ({first.closing.month}) is broken: {first.broken}"
        click.echo(one_line(sentence), err=True)
    # The database lacks the end of the chain, as after the restore of an older backup.
    elif unlinked:
        click.echo(f"{unlinked[0]} is no link of the chain; see: shocpp import", err=True)
    for _, sentence in form_troubles:
        click.echo(one_line(sentence), err=True)
    is_whole = first is None and not unlinked and not form_troubles
    if is_whole and not as_json:
        closed = f"{len(links)} closed month{'s' if len(links) > 1 else ''}"
        click.echo(f"whole: {closed}" if links else "no month is closed yet")
    sys.exit(0 if is_whole else 1)
