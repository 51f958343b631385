"""Commands that close a month, and verify closed months."""

import json
import sys

import click

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
@one_line_errors
def close(year: int, month: int, by: str, unpriced: bool) -> None:
    """Close a month: its statement never changes again.

    Late stops and corrections are booked to the open month with a note. A hash links each closing
    to the one before it; see: shocpp verify.

    \b
    Example: shocpp close 2026 09
    """
    from shocpp.bookkeeping.closing import close
    from shocpp.reports.formats import write_text_file
    from shocpp.reports.month import Books, closed_statement

    settings = read_settings()
    with open_database(settings.database) as db:
        # A month may be larger than memory.
        db.sort_on_disk()
        books = Books(db, settings)
        closing, notes = close(books, Month(year, month), by, unpriced=unpriced)
        # Made from the snapshot, so that the file has the bytes of every later reprint.
        write_text_file(books, closed_statement(closing))
    click.echo(
        f"{closing.month} is closed: {closing.records} records, link {closing.number}, "
        f"{closing.hash}"
    )
    for note in notes:
        click.echo(one_line(f"note: {note}"))


@click.command(context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="A JSON list instead of lines.")
@one_line_errors
def verify(as_json: bool) -> None:
    """Verify that closed months have not changed since they were closed.

    Exit code 0: every link of the chain is whole; 1: the first broken link is named.

    \b
    Example: shocpp verify
    """
    from shocpp.bookkeeping.chain import files_outside_chain, verify_links

    settings = read_settings()
    with open_database(settings.database) as db:
        links = list(verify_links(db, settings.accounting_folder))
        unlinked = files_outside_chain(db, settings.accounting_folder)
    if as_json:
        rows = [
            {
                **{key: getattr(link.closing, key) for key in ("number", "month", "records")},
                "hash": link.closing.hash,
                "broken": link.broken,
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
    elif not as_json:
        closed = f"{len(links)} closed month{'s' if len(links) > 1 else ''}"
        click.echo(f"whole: {closed}" if links else "no month is closed yet")
    sys.exit(1 if first is not None or unlinked else 0)
