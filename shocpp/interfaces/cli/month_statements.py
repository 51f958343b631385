"""The statements of one month for `shocpp-summary`: printed, written into files, and sent."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.interfaces.cli.upkeep import progress
from shocpp.interfaces.lines import one_line
from shocpp.language.month import Month

if TYPE_CHECKING:
    from shocpp.interfaces.delivery.dispatch import DeliveryOptions
    from shocpp.reports.books import Books
    from shocpp.reports.statement import Statement


def require(condition: bool, sentence: str) -> None:
    """Raise UsageError with this sentence unless the condition holds."""
    if not condition:
        raise UsageError(sentence)


# Without this, a forgotten -o fills the terminal with binary data.
def refuse_terminal(format_name: str | None, output: Path | None) -> None:
    """Raise UsageError if a PDF would go to a terminal."""
    require(
        format_name != "pdf" or output is not None or not sys.stdout.isatty(),
        "a PDF cannot be shown on a terminal; name a file: -o statement.pdf",
    )


def _name_replacements(statement: "Statement", format_name: str) -> None:
    """Name on stderr the names that a PDF spells in another way, because its fonts lack letters."""
    from shocpp.reports.pdf.names import names_of_statement, spelled_otherwise

    if format_name == "pdf":
        for name in spelled_otherwise(names_of_statement(statement)):
            click.echo(one_line(name.sentence()), err=True)


def print_chunks(content: Iterable[bytes], output: Path | None) -> None:
    """Write chunks to a file, or to stdout (None or `-`) chunk by chunk.

    Raises UsageError if the file is a folder or its folder does not exist.
    """
    from shocpp.reports.formats import write

    if output is not None and str(output) != "-":
        folder = output.parent
        require(not output.is_dir(), f"{output} is a folder; name a file in it: -o {output}/FILE")
        require(folder.is_dir(), f"there is no folder {folder}; make it first: mkdir -p {folder}")
        write(output, content)
        return
    # As bytes: a PDF is no text, and the encoding of stdout may lack umlauts.
    for chunk in content:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


class MonthStatements:
    """The statements of one month: the one of all accounts, and one of each account.

    The statement of an account is in the chosen language, else in its own, else in SHOCPP_LANG.
    """

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
        refuse_terminal(format_name, output)
        _name_replacements(statement, format_name)
        print_chunks(
            chunks(self._books, statement, format_name, self._language_of(statement)), output
        )
        if account is None and format_name == "text" and not self._whole.is_new_layout:
            write_text_file(self._books, self._whole)

    def write_all(self, format_name: str, folder: Path | None) -> None:
        """Write a statement for each account into a folder, by default the accounting folder."""
        from shocpp.reports.formats import chunks, file_name, write

        folder = folder or self._settings.accounting_folder / self._whole.period.slashed
        require(
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

        refuse_terminal("pdf", output)
        _name_replacements(self._whole, "pdf")
        if output is not None and output.is_dir():
            output /= f"{self.month.name}_overview.pdf"
        print_chunks([pdf_of_accounts(self._whole, self._language)], output)

    def write_zip(self, format_name: str, output: Path | None) -> None:
        """Write a ZIP file with a statement for each account to a file or to stdout."""
        from shocpp.interfaces.delivery.bundle import zip_name, zip_of

        require(
            output is not None or not sys.stdout.isatty(),
            f"a ZIP file cannot be shown on a terminal; name a file: -o {zip_name(self._whole)}",
        )
        if output is not None and output.is_dir():
            output /= zip_name(self._whole)
        _name_replacements(self._whole, format_name)
        default = self._settings.language
        content = zip_of(self._books, self._whole, format_name, self._chosen_language, default)
        print_chunks([content], output)

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
        named = self._whole if order.account is None else chosen[0]
        _name_replacements(named, order.format_name or "pdf")
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
