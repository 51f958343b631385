"""The command `shocpp-summary`: print, write and send statements of months, years and spans."""

import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.interfaces.cli.conventions import (
    HELP,
    MONTH_NUMBER,
    YEAR,
    Command,
    day_option,
    one_line_errors,
)
from shocpp.interfaces.cli.month_statements import (
    MonthStatements,
    print_chunks,
    refuse_terminal,
    require,
)
from shocpp.language.dates import parsed_day
from shocpp.language.month import Month
from shocpp.settings import LANGUAGES, read_settings
from shocpp.store.database import open_database

if TYPE_CHECKING:
    from shocpp.reports.books import Books

# A copy of the keys of reports.formats.FORMATS, which would load the reports for every command. A
# test compares the two.
FORMAT_NAMES = ("text", "csv", "csv-machine", "json", "pdf")


@click.command(cls=Command, context_settings=HELP)
@click.argument("year", type=YEAR, required=False)
@click.argument("month", type=MONTH_NUMBER, required=False)
@click.option("--year", "whole_year", type=YEAR, metavar="YEAR", help="All months of a year.")
@day_option("--from", "first", "What ended from this day on, up to that of --to, in local time.")
@click.option("--account", metavar="NAME", help="Only this account.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMAT_NAMES),
    help="The format; by default text, or pdf with --send and --zip. csv is for people, "
    "csv-machine for programs.",
)
@click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    help="The language; by default that of the account, else SHOCPP_LANG.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file, or a folder for the statements of all accounts or of --account.",
)
@click.option("--zip", "as_zip", is_flag=True, help="The statement of each account, in a ZIP file.")
@click.option(
    "--overview",
    is_flag=True,
    help="The month of all accounts on one page, with a box to tick for who has paid; a PDF.",
)
@click.option(
    "--send",
    is_flag=True,
    help="Delivery by mail and webhook; see docs/books.md. Each run sends everything again.",
)
@click.option(
    "--to",
    multiple=True,
    metavar="ADDRESS|DATE",
    help="With --send: only this address of operator.json, or the word webhook; repeatable. With "
    "--from: the last day, included.",
)
@click.option(
    "--layout",
    type=click.Choice(["closing", "new"]),
    default="closing",
    help="new prints a closed month in the present layout, and says so; by default that of its "
    "closing.",
)
@one_line_errors
def summary(
    year: int | None,
    month: int | None,
    whole_year: int | None,
    first: date | None,
    account: str | None,
    format_name: str | None,
    lang: str | None,
    output: Path | None,
    as_zip: bool,
    overview: bool,
    send: bool,
    to: tuple[str, ...],
    layout: str,
) -> None:
    """Make the statement (Abrechnung) of a month, year or span; print, write or send it.

    Without YEAR and MONTH it is that of this month. Without options, the month's statement of all
    accounts is printed, and also stored in the month's accounting folder. A month's PDF is for one
    account: without --account, each account gets one, in a folder (-o; by default the month's
    accounting folder) or in one file (--zip). A year's PDF is for one account or for all.

    \b
    Example: shocpp-summary
    Example: shocpp-summary 2026 09 --account family-y --format pdf -o family-y.pdf
    Example: shocpp-summary 2026 09 --zip -o 2026-09.zip
    Example: shocpp-summary 2026 09 --overview -o overview.pdf
    Example: shocpp-summary --year 2026 --format csv -o 2026.csv
    Example: shocpp-summary --from 2026-08-15 --to 2026-09-14 --format csv
    Example: shocpp-summary 2026 09 --send
    """
    require(
        send or first is not None or not to,
        "--to chooses the recipients of --send, or is the last day of --from; use both options",
    )
    is_month = whole_year is None and first is None
    require(is_month or year is None, "--year and --from take no YEAR and MONTH")
    require(
        is_month or not (send or as_zip or overview), "--send, --zip and --overview are for a month"
    )
    require(
        not overview or (account is None and format_name in (None, "pdf") and not (send or as_zip)),
        "--overview is a PDF of all accounts; leave out --account, --send, --zip and other formats",
    )
    require(whole_year is None or first is None, "--year is a span of its own; leave out --from")
    from shocpp.reports.books import Books

    settings = read_settings()
    with open_database(settings.database) as db:
        # A month may be larger than memory.
        db.expect_large_reads()
        books = Books(db, settings)
        language, plain_format = lang or settings.language, format_name or "text"
        if whole_year is not None:
            require(layout != "new", "--layout is for one month; leave it out, or --year")
            refuse_terminal(format_name, output)
            print_chunks(_year(books, whole_year, account, plain_format, language), output)
            return
        if first is not None:
            require(layout != "new", "--layout is for one month; leave it out, or --from")
            days = first, _last_day(to)
            print_chunks(_span(books, days, account, plain_format, language), output)
            return
        month_of = _month(books, year, month)
        statements = MonthStatements(books, month_of, lang, is_anew=layout == "new")
        if send:
            from shocpp.interfaces.delivery.dispatch import DeliveryOptions

            require(
                output is None and not as_zip,
                "--send and -o exclude each other; use one of them",
            )
            order = DeliveryOptions(statements.month, account, format_name, lang, to)
            sys.exit(0 if statements.send(order) else 1)
        elif overview:
            statements.write_overview(output)
        elif as_zip:
            require(account is None, "--zip has all accounts; leave out --account")
            statements.write_zip(format_name or "pdf", output)
        elif account is None and (format_name == "pdf" or (output is not None and output.is_dir())):
            statements.write_all(plain_format, output)
        else:
            statements.print(account, plain_format, output)


def _month(books: "Books", year: int | None, month: int | None) -> Month:
    """Return the month of the arguments, without any the present one; raises UsageError."""
    if year is None:
        return Month.of_moment(now_ms(), books.zone)
    if month is None:
        raise UsageError(f"name a month, such as: shocpp-summary {year} 09, or use --year {year}")
    return Month(year, month)


def _last_day(to: tuple[str, ...]) -> date:
    """Return the last day of a span; raises UsageError unless --to is one day."""
    require(len(to) == 1, "--from is the first day of a span; name its last one: --to 2026-09-30")
    try:
        return parsed_day(to[0])
    except ValueError as error:
        raise UsageError(f"--to: {error}") from None


def _year(
    books: "Books", year: int, account: str | None, format_name: str, language: str
) -> Iterable[bytes]:
    """Return the statement of a year in chunks; `account` None is all accounts."""
    from shocpp.reports.formats import chunks_of_year
    from shocpp.reports.year import year_statement

    return chunks_of_year(year_statement(books, year, account), format_name, language)


def _span(
    books: "Books", days: tuple[date, date], account: str | None, format_name: str, language: str
) -> Iterable[bytes]:
    """Return the statement of the first to the last day in chunks."""
    from shocpp.reports.formats import chunks_of_span
    from shocpp.reports.span import span_statement

    return chunks_of_span(books, span_statement(books, *days, account), format_name, language)
