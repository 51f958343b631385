"""Commands that close a month, and prove that closed ones are as they were (a door)."""

import json
import sys

import click

from shocpp.interfaces.cli.conventions import HELP, one_line_errors, user_name
from shocpp.interfaces.lines import one_line
from shocpp.settings import read_settings
from shocpp.store.database import open_database


@click.command(context_settings=HELP)
@click.argument("year", type=click.IntRange(2000, 2099))
@click.argument("month", type=click.IntRange(1, 12))
@click.option("--by", default=user_name, metavar="NAME", help="Who closes it; by default you.")
@click.option(
    "--unpriced", is_flag=True, help="Although an account with prices has records without one."
)
@one_line_errors
def close(year: int, month: int, by: str, unpriced: bool) -> None:
    """Close a month: its paper never changes again, whatever comes later.

    Late stops and corrections go to the open month, and say so. Each closing is linked to the one
    before it by a hash; see: shocpp verify.

    \b
    Example: shocpp close 2026 09
    """
    from shocpp.bookkeeping.closing import close
    from shocpp.reports.formats import keep_text
    from shocpp.reports.month import closed_statement

    settings = read_settings()
    with open_database(settings.database) as db:
        db.sort_on_disk()
        closing, left = close(db, settings, year, month, by, unpriced=unpriced)
        keep_text(db, settings, closed_statement(closing))
    click.echo(
        f"{closing.month} is closed: {closing.records} records, link {closing.number}, "
        f"{closing.hash}"
    )
    for sentence in left:
        click.echo(one_line(f"note: {sentence}"))


@click.command(context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
@one_line_errors
def verify(as_json: bool) -> None:
    """Prove that closed months are as they were closed.

    Exit code 0: the chain is whole; 1: the first broken link is named.

    \b
    Example: shocpp verify
    """
    from shocpp.bookkeeping.chain import prove, unchained

    settings = read_settings()
    with open_database(settings.database) as db:
        links = list(prove(db, settings.accounting_folder))
        lost = unchained(db, settings.accounting_folder)
    if as_json:
        told = [
            {
                **{key: getattr(link.closing, key) for key in ("number", "month", "records")},
                "hash": link.closing.hash,
                "broken": link.broken,
            }
            for link in links
        ]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
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
    elif lost:
        click.echo(f"{lost[0]} is no link of the chain; see: shocpp import", err=True)
    elif not as_json:
        closed = f"{len(links)} closed month{'s' if len(links) > 1 else ''}"
        click.echo(f"whole: {closed}" if links else "no month is closed yet")
    sys.exit(1 if first is not None or lost else 0)
