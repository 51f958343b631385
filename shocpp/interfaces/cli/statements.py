"""The command that makes monthly and yearly papers, and sends them (a door)."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shocpp.errors import UsageError
from shocpp.interfaces.cli.conventions import HELP, one_line_errors
from shocpp.interfaces.cli.upkeep import progress
from shocpp.interfaces.lines import one_line
from shocpp.settings import LANGUAGES, Settings, read_settings
from shocpp.store.database import Database, open_database

if TYPE_CHECKING:
    from shocpp.interfaces.delivery.dispatch import Order
    from shocpp.interfaces.delivery.documents import Document
    from shocpp.reports.statement import Statement

FORM_NAMES = ("text", "csv", "csv-machine", "json", "pdf")

_YEAR = click.IntRange(2000, 2099)


@click.command(context_settings=HELP)
@click.argument("year", type=_YEAR, required=False)
@click.argument("month", type=click.IntRange(1, 12), required=False)
@click.option("--year", "whole_year", type=_YEAR, metavar="YEAR", help="All months of a year.")
@click.option("--account", metavar="NAME", help="Only this account's paper.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORM_NAMES),
    help="By default text, or pdf with --send. csv is for people, csv-machine for programs.",
)
@click.option("--lang", type=click.Choice(LANGUAGES), help="Of the paper; by default SHOCPP_LANG.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file, or a folder that gets a paper for each account, or for --account.",
)
@click.option(
    "--send",
    is_flag=True,
    help="Mail it, and post it to the webhook; see the README. Said again, it sends all again.",
)
@click.option(
    "--to",
    multiple=True,
    metavar="ADDRESS",
    help="With --send: only to this address of operator.json, or to the word webhook; repeatable.",
)
@one_line_errors
def summary(
    year: int | None,
    month: int | None,
    whole_year: int | None,
    account: str | None,
    form: str | None,
    lang: str | None,
    output: Path | None,
    send: bool,
    to: tuple[str, ...],
) -> None:
    """Make a month's Abrechnung: print it, write it, send it.

    Without options it is printed for all accounts, and kept in the month's accounting folder. A
    month's PDF is of one account: without --account there is one for each, in a folder (-o; by
    default the month's accounting folder). A year's is of one account or of all.

    \b
    Example: shocpp-summary 2026 09
    Example: shocpp-summary 2026 09 --account family-y --format pdf -o family-y.pdf
    Example: shocpp-summary --year 2026 --format csv -o 2026.csv
    Example: shocpp-summary 2026 09 --send
    """
    _require(send or not to, "--to says to whom --send sends; say both")
    settings = read_settings()
    language = lang or settings.language
    with open_database(settings.database) as db:
        db.sort_on_disk()
        if whole_year is not None:
            _require(year is None and not send, "--year takes neither a month nor --send")
            _refuse_terminal(form, output)
            _print(_year(db, settings, whole_year, account, form or "text", language), output)
            return
        if year is None or month is None:
            raise UsageError("say which month, such as: shocpp-summary 2026 09, or --year 2026")
        statements = _Statements(db, settings, year, month, language)
        if send:
            from shocpp.interfaces.delivery.dispatch import Order

            _require(output is None, "--send and -o are two things; say one of them")
            sys.exit(0 if statements.send(Order(year, month, account, form, lang, to)) else 1)
        elif account is None and (form == "pdf" or (output is not None and output.is_dir())):
            statements.write_all(form or "text", output)
        else:
            statements.print(account, form or "text", output)


def _require(is_so: bool, sentence: str) -> None:
    if not is_so:
        raise UsageError(sentence)


def _refuse_terminal(form: str | None, output: Path | None) -> None:
    _require(
        form != "pdf" or output is not None or not sys.stdout.isatty(),
        "a PDF is not for a terminal; say where to: -o paper.pdf",
    )


def _year(
    db: Database, settings: Settings, year: int, account: str | None, form: str, language: str
) -> Iterable[bytes]:
    from shocpp.reports.formats import chunks_of_year
    from shocpp.reports.year import year_statement

    return chunks_of_year(year_statement(db, settings, year, account), form, language)


def _print(content: Iterable[bytes], output: Path | None) -> None:
    """Write to a file, or to stdout as it comes."""
    from shocpp.reports.formats import write

    if output is not None and str(output) != "-":
        folder = output.parent
        _require(not output.is_dir(), f"{output} is a folder; say a file in it: -o {output}/FILE")
        _require(folder.is_dir(), f"there is no folder {folder}; make it first: mkdir -p {folder}")
        write(output, content)
        return
    for chunk in content:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


class _Statements:
    """The papers of one month."""

    def __init__(
        self, db: Database, settings: Settings, year: int, month: int, language: str
    ) -> None:
        from shocpp.reports.month import month_statement

        self._db = db
        self._settings = settings
        self._language = language
        self._whole = month_statement(db, settings, year, month)

    def print(self, account: str | None, form: str, output: Path | None) -> None:
        """One paper, to a file or to stdout; the whole text is kept in the accounting folder."""
        from shocpp.reports.formats import chunks, file_name, keep_text

        statement = self._whole if account is None else self._of(account)
        if output is not None and output.is_dir():
            output /= file_name(statement, form)
        _refuse_terminal(form, output)
        _print(chunks(self._db, statement, form, self._language), output)
        if account is None and form == "text":
            keep_text(self._db, self._settings, self._whole)

    def write_all(self, form: str, folder: Path | None) -> None:
        """A paper for each account, into a folder."""
        from shocpp.reports.formats import chunks, file_name, write

        folder = folder or self._settings.accounting_folder.joinpath(
            f"{self._whole.year:04}", f"{self._whole.month:02}"
        )
        _require(
            not folder.exists() or folder.is_dir(),
            f"{folder} is a file; a PDF is of one account: say a folder, or --account",
        )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with progress("papers", len(self._whole.accounts)) as tell:
            for statement in self._each():
                write(
                    folder / file_name(statement, form),
                    chunks(self._db, statement, form, self._language),
                )
                tell(1)
        click.echo(one_line(f"{len(self._whole.accounts)} papers are in {folder}"))

    def send(self, order: "Order") -> bool:
        """Each account's paper to its addresses and to the webhook; whether all were taken."""
        from shocpp.interfaces.delivery.dispatch import Delivery
        from shocpp.reports.month import is_over

        _require(
            is_over(self._settings, order.year, order.month),
            f"{order.year:04}-{order.month:02} is not over, and its papers will change; without "
            "--send they are printed",
        )
        delivery = Delivery(self._settings, order)
        chosen = list(self._each()) if order.account is None else [self._of(order.account)]
        statements = []
        with progress("papers", len(chosen)) as tell:
            for statement in chosen:
                statements.append(
                    (statement.only or "", self._document(statement, order.form or "pdf"))
                )
                tell(1)
        whole = self._document(self._whole, "text") if order.account is None else None
        return delivery.send(statements, whole, self._language)

    def _document(self, statement: "Statement", form: str) -> "Document":
        from shocpp.interfaces.delivery.documents import Document
        from shocpp.reports.formats import FORMATS, chunks, file_name

        content = b"".join(chunks(self._db, statement, form, self._language))
        return Document(file_name(statement, form), FORMATS[form].media_type, content)

    def _of(self, account: str) -> "Statement":
        from shocpp.reports.month import of_account

        return of_account(self._whole, account)

    def _each(self) -> Iterator["Statement"]:
        return (self._of(sums.account) for sums in self._whole.accounts)
