"""The command `shocpp-summary`: print, write and send statements of months, years and spans."""

import sys
from collections.abc import Iterable, Iterator
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
from shocpp.interfaces.cli.upkeep import progress
from shocpp.interfaces.lines import one_line
from shocpp.language.dates import parsed_day
from shocpp.language.month import Month
from shocpp.settings import LANGUAGES, read_settings
from shocpp.store.database import open_database

if TYPE_CHECKING:
    from shocpp.interfaces.delivery.dispatch import DeliveryOptions
    from shocpp.reports.books import Books
    from shocpp.reports.statement import Statement

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
    _require(
        send or first is not None or not to,
        "--to chooses the recipients of --send, or is the last day of --from; use both options",
    )
    is_month = whole_year is None and first is None
    _require(is_month or year is None, "--year and --from take no YEAR and MONTH")
    _require(
        is_month or not (send or as_zip or overview), "--send, --zip and --overview are for a month"
    )
    _require(
        not overview or (account is None and format_name in (None, "pdf") and not (send or as_zip)),
        "--overview is a PDF of all accounts; leave out --account, --send, --zip and other formats",
    )
    _require(whole_year is None or first is None, "--year is a span of its own; leave out --from")
    from shocpp.reports.books import Books

    settings = read_settings()
    with open_database(settings.database) as db:
        # A month may be larger than memory.
        db.sort_on_disk()
        books = Books(db, settings)
        language, plain_format = lang or settings.language, format_name or "text"
        if whole_year is not None:
            _require(layout != "new", "--layout is for one month; leave it out, or --year")
            _refuse_terminal(format_name, output)
            _print(_year(books, whole_year, account, plain_format, language), output)
            return
        if first is not None:
            _require(layout != "new", "--layout is for one month; leave it out, or --from")
            days = first, _last_day(to)
            _print(_span(books, days, account, plain_format, language), output)
            return
        month_of = _month(books, year, month)
        statements = _Statements(books, month_of, lang, is_anew=layout == "new")
        if send:
            from shocpp.interfaces.delivery.dispatch import DeliveryOptions

            _require(
                output is None and not as_zip,
                "--send and -o exclude each other; use one of them",
            )
            order = DeliveryOptions(statements.month, account, format_name, lang, to)
            sys.exit(0 if statements.send(order) else 1)
        elif overview:
            statements.write_overview(output)
        elif as_zip:
            _require(account is None, "--zip has all accounts; leave out --account")
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
    _require(len(to) == 1, "--from is the first day of a span; name its last one: --to 2026-09-30")
    try:
        return parsed_day(to[0])
    except ValueError as error:
        raise UsageError(f"--to: {error}") from None


def _require(condition: bool, sentence: str) -> None:
    """Raise UsageError with this sentence unless the condition holds."""
    if not condition:
        raise UsageError(sentence)


# Without this, a forgotten -o fills the terminal with binary data.
def _refuse_terminal(format_name: str | None, output: Path | None) -> None:
    """Raise UsageError if a PDF would go to a terminal."""
    _require(
        format_name != "pdf" or output is not None or not sys.stdout.isatty(),
        "a PDF cannot be shown on a terminal; name a file: -o statement.pdf",
    )


def _name_replacements(statement: "Statement", format_name: str) -> None:
    """Name on stderr the names that a PDF spells in another way, because its fonts lack letters."""
    from shocpp.reports.pdf.names import names_of_statement, spelled_otherwise

    if format_name == "pdf":
        for name in spelled_otherwise(names_of_statement(statement)):
            click.echo(one_line(name.sentence()), err=True)


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


def _print(content: Iterable[bytes], output: Path | None) -> None:
    """Write chunks to a file, or to stdout (None or `-`) chunk by chunk.

    Raises UsageError if the file is a folder or its folder does not exist.
    """
    from shocpp.reports.formats import write

    if output is not None and str(output) != "-":
        folder = output.parent
        _require(not output.is_dir(), f"{output} is a folder; name a file in it: -o {output}/FILE")
        _require(folder.is_dir(), f"there is no folder {folder}; make it first: mkdir -p {folder}")
        write(output, content)
        return
    # As bytes: a PDF is no text, and the encoding of stdout may lack umlauts.
    for chunk in content:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


class _Statements:
    """The statements of one month: the one of all accounts, and one of each account."""

    def __init__(
        self, books: "Books", month: Month, chosen_language: str | None, *, is_anew: bool
    ) -> None:
        from shocpp.reports.forms import in_new_layout
        from shocpp.reports.month import month_statement

        self.month = month
        self._books = books
        self._settings = books.settings
        self._chosen_language = chosen_language
        self._language = chosen_language or books.settings.language
        whole = month_statement(books, month)
        self._whole = in_new_layout(whole) if is_anew else whole

    def print(self, account: str | None, format_name: str, output: Path | None) -> None:
        """Write one statement to a file or to stdout.

        The text of all accounts is also stored in the accounting folder.
        """
        from shocpp.reports.formats import chunks, file_name, write_text_file

        statement = self._whole if account is None else self._of(account)
        if output is not None and output.is_dir():
            output /= file_name(statement, format_name)
        _refuse_terminal(format_name, output)
        _name_replacements(statement, format_name)
        _print(chunks(self._books, statement, format_name, self._language_of(statement)), output)
        if account is None and format_name == "text" and not self._whole.is_new_layout:
            write_text_file(self._books, self._whole)

    def write_all(self, format_name: str, folder: Path | None) -> None:
        """Write a statement for each account into a folder, by default the accounting folder."""
        from shocpp.reports.formats import chunks, file_name, write

        folder = folder or self._settings.accounting_folder / self._whole.period.slashed
        _require(
            not folder.exists() or folder.is_dir(),
            f"{folder} is a file, but each account gets a PDF; name a folder, or use --account",
        )
        # As for the accounting folders: other users of the machine must not read statements.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _name_replacements(self._whole, format_name)
        with progress("statements", len(self._whole.accounts)) as advance:
            for statement in self._each():
                write(
                    folder / file_name(statement, format_name),
                    chunks(self._books, statement, format_name, self._language_of(statement)),
                )
                advance(1)
        click.echo(one_line(f"{len(self._whole.accounts)} statements are in {folder}"))

    def write_overview(self, output: Path | None) -> None:
        """Write the month of all accounts on one page to a file or to stdout."""
        from shocpp.reports.formats import pdf_of_accounts

        _refuse_terminal("pdf", output)
        if output is not None and output.is_dir():
            output /= f"{self.month.name}_overview.pdf"
        _print([pdf_of_accounts(self._whole, self._language)], output)

    def write_zip(self, format_name: str, output: Path | None) -> None:
        """Write a ZIP file with a statement for each account to a file or to stdout."""
        from shocpp.interfaces.delivery.bundle import zip_name, zip_of

        _require(
            output is not None or not sys.stdout.isatty(),
            f"a ZIP file cannot be shown on a terminal; name a file: -o {zip_name(self._whole)}",
        )
        if output is not None and output.is_dir():
            output /= zip_name(self._whole)
        default = self._settings.language
        content = zip_of(self._books, self._whole, format_name, self._chosen_language, default)
        _print([content], output)

    def send(self, order: "DeliveryOptions") -> bool:
        """Send each account's statement to its addresses and to the webhook.

        Returns True if every recipient has accepted. Raises UsageError if the month is not over.
        """
        from shocpp.interfaces.delivery.dispatch import Delivery
        from shocpp.interfaces.delivery.statements import enclosure_of, present_names, require_over

        books = self._books
        require_over(self.month, books, now_ms())
        # Before any PDF is made: a missing setting or a wrong address ends the command at once.
        delivery = Delivery(self._settings, order, present_names(books, self._whole))
        chosen = list(self._each()) if order.account is None else [self._of(order.account)]
        statements = []
        with progress("statements", len(chosen)) as advance:
            for statement in chosen:
                format_name = order.format_name or "pdf"
                language = self._language_of(statement)
                statements.append(enclosure_of(books, statement, format_name, language))
                advance(1)
        whole = None
        if order.account is None:
            whole = enclosure_of(books, self._whole, "text", self._language)
        return delivery.send(statements, whole)

    def _language_of(self, statement: "Statement") -> str:
        """Return the language of a statement: --lang, else that of its account, else the usual."""
        from shocpp.reports.formats import language_of

        return language_of(statement, self._chosen_language, self._settings.language)

    def _of(self, account: str) -> "Statement":
        """Return the statement of one account; raises UsageError if the month does not have it."""
        from shocpp.reports.account_statement import of_account

        return of_account(self._whole, self._books.name_in(self._whole, account))

    def _each(self) -> Iterator["Statement"]:
        """Yield the statement of each account."""
        from shocpp.reports.account_statement import of_account

        return (of_account(self._whole, sums.account) for sums in self._whole.accounts)
