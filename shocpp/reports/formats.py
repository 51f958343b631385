"""The formats of a statement by their names, and the files that statements are written to.

The imports of each format are inside its function, so that a command loads one format only.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from shocpp.errors import UsageError
from shocpp.reports.books import Books
from shocpp.reports.span import Span, json_of_span, rows_of, text_of_span
from shocpp.reports.statement import Statement
from shocpp.reports.year import (
    Year,
    csv_machine_of_year,
    csv_of_year,
    json_of_year,
    text_of_year,
)

# An account may have any name: `../../etc/passwd` must not lead out of the folder.
_UNFIT_FOR_FILE_NAME = re.compile(r"[^\w.-]+")


class Format(NamedTuple):
    """A format of a statement.

    `suffix` is that of its files, with the dot. `chunks` yields the statement in chunks; its
    arguments are the books, the statement and the language.
    """

    suffix: str
    media_type: str
    chunks: Callable[[Books, Statement, str], Iterable[str | bytes]]


# The functions below have the arguments of `Format.chunks`, also where they need no language.


def _text(books: Books, statement: Statement, language: str) -> Iterable[str]:
    from shocpp.reports.text.seed_layout import text_of

    decided_or_late = list(books.rows(statement, decided_or_late=True))
    return text_of(statement, decided_or_late, books.seed_rows(statement), language)


def _csv(books: Books, statement: Statement, language: str) -> Iterable[str]:
    from shocpp.reports.tables.csv_format import csv_of

    return csv_of(statement, books.rows(statement), language)


def _csv_machine(books: Books, statement: Statement, _language: str) -> Iterable[str]:
    from shocpp.reports.tables.csv_format import csv_machine_of

    return csv_machine_of(statement, books.rows(statement))


def _json(books: Books, statement: Statement, _language: str) -> Iterable[str]:
    from shocpp.reports.tables.json_format import json_of

    return json_of(statement, books.rows(statement))


def _pdf(books: Books, statement: Statement, language: str) -> Iterable[bytes]:
    from shocpp.reports.forms import pdf_of_account

    return [pdf_of_account(books, statement, language)]


FORMATS = {
    # Plain text without a charset is US-ASCII (RFC 2046 §4.1.2). JSON is always UTF-8, and has no
    # such parameter (RFC 8259 §8.1, §11).
    "text": Format(".txt", "text/plain; charset=utf-8", _text),
    "csv": Format(".csv", "text/csv; charset=utf-8", _csv),
    "csv-machine": Format(".csv", "text/csv; charset=utf-8", _csv_machine),
    "json": Format(".json", "application/json", _json),
    "pdf": Format(".pdf", "application/pdf", _pdf),
}
"""Every format by its name; a PDF needs the statement of one account (`of_account`)."""


def chunks(books: Books, statement: Statement, format_name: str, language: str) -> Iterator[bytes]:
    """Yield a month's statement in a format of FORMATS, in chunks."""
    for chunk in FORMATS[format_name].chunks(books, statement, language):
        yield chunk.encode() if isinstance(chunk, str) else chunk


def chunks_of_year(statement: Year, format_name: str, language: str) -> Iterator[bytes]:
    """Yield a year's statement in a format, in chunks; the names are those of FORMATS."""
    writers: dict[str, Callable[[], Iterable[str | bytes]]] = {
        "text": lambda: text_of_year(statement, language),
        "csv": lambda: csv_of_year(statement, language),
        "csv-machine": lambda: csv_machine_of_year(statement),
        "json": lambda: json_of_year(statement),
        "pdf": lambda: _pdf_of_year(statement, language),
    }
    for chunk in writers[format_name]():
        yield chunk.encode() if isinstance(chunk, str) else chunk


def chunks_of_span(books: Books, span: Span, format_name: str, language: str) -> Iterator[bytes]:
    """Yield the statement of a span of days in a format, in chunks.

    Raises UsageError for a PDF: the sheet of an account is of a month.
    """
    from shocpp.reports.tables.csv_format import csv_machine_of, csv_of

    if format_name == "pdf":
        raise UsageError(
            "a span of days has no PDF; use --format text or csv, or print its months: "
            "shocpp-summary 2026 09 --format pdf"
        )
    writers: dict[str, Callable[[], Iterable[str]]] = {
        "text": lambda: text_of_span(books, span, language),
        "csv": lambda: csv_of(span.frame, rows_of(books, span), language),
        "csv-machine": lambda: csv_machine_of(span.frame, rows_of(books, span)),
        "json": lambda: json_of_span(books, span),
    }
    for chunk in writers[format_name]():
        yield chunk.encode()


def pdf_of_accounts(statement: Statement, language: str) -> bytes:
    """Return a month of all accounts on one page, as a PDF file for the treasurer."""
    from shocpp.reports.pdf.overviews import month

    return month.pdf_of_accounts(statement, language)


def language_of(statement: Statement, chosen: str | None, default: str) -> str:
    """Return the language of a statement.

    It is the `chosen` one, else that of its account, else the default.
    """
    if statement.only is None:
        return chosen or default
    return chosen or statement.accounts[0].recipient.language or default


def _pdf_of_year(statement: Year, language: str) -> Iterable[bytes]:
    from shocpp.reports.pdf.overviews.year import pdf_of_year

    return [pdf_of_year(statement, language)]


def file_name(statement: Statement, format_name: str) -> str:
    """Return the name of a statement's file, as in `2026-10_002_family-y.pdf`.

    A statement of one account has the account's index and name in it. Characters that do not fit
    into a file name become `_`, and the account's name has at most 60 characters, and 200 bytes.
    """
    name = statement.period.name
    # Two names may become the same text here; the index keeps their files apart.
    for sums in statement.accounts if statement.only is not None else ():
        fitting = _UNFIT_FOR_FILE_NAME.sub("_", sums.account)[:60]
        # A file's name has at most 255 bytes, and a character up to four.
        fitting = fitting.encode("utf-8", "replace")[:200].decode("utf-8", "ignore")
        name += f"_{sums.account_index:03}_{fitting}"
    return name + FORMATS[format_name].suffix


def write(target: Path, content: Iterable[bytes]) -> None:
    """Write a file completely or not at all; only its owner may read it.

    Raises OSError with the name of the file.
    """
    # Readers never see half a file: it is written beside its target and renamed.
    # The process id keeps two commands from writing the same partial file.
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        # The mode is set at creation: a later chmod would leave a moment in which others can read.
        with open(partial, "wb", opener=_private) as file:
            file.writelines(content)
        partial.replace(target)
    except OSError as error:
        # The user knows the target and not the partial file.
        error.filename = str(target)
        raise
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    """Open a file for its owner alone, because statements show who charged where and when."""
    return os.open(path, flags, 0o600)


def write_text_file(books: Books, statement: Statement) -> None:
    """Write a month's statement as text into the folder of its record files.

    A month has that folder if it has records or is closed; else nothing is written.
    Raises OSError.
    """
    month = statement.period
    folder = books.settings.accounting_folder / month.slashed
    if folder.is_dir():
        text = chunks(books, statement, "text", books.settings.language)
        write(folder / f"00_abrechnung_{month.name.replace('-', '_')}.txt", text)
