"""The forms of a paper by their names, and where they are kept (a room)."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from shocpp.reports.month import (
    name_of,
    rows_of_statement,
    rows_told_apart,
    seed_rows_of_statement,
)
from shocpp.reports.statement import Statement
from shocpp.reports.year import (
    Year,
    csv_machine_of_year,
    csv_of_year,
    json_of_year,
    text_of_year,
)
from shocpp.settings import Settings
from shocpp.store.database import Database

_UNFIT = re.compile(r"[^\w.-]+")


class Format(NamedTuple):
    """What a form is to others, and how a paper is told in it, piece by piece."""

    suffix: str
    media_type: str
    chunks: Callable[[Database, Statement, str], Iterable[str | bytes]]


def _text(db: Database, statement: Statement, language: str) -> Iterable[str]:
    from shocpp.reports.text_format import text_of

    rows = seed_rows_of_statement(db, statement)
    return text_of(statement, rows_told_apart(db, statement), rows, language)


def _csv(db: Database, statement: Statement, language: str) -> Iterable[str]:
    from shocpp.reports.csv_format import csv_of

    return csv_of(statement, rows_of_statement(db, statement), language)


def _csv_machine(db: Database, statement: Statement, _language: str) -> Iterable[str]:
    from shocpp.reports.csv_format import csv_machine_of

    return csv_machine_of(statement, rows_of_statement(db, statement))


def _json(db: Database, statement: Statement, _language: str) -> Iterable[str]:
    from shocpp.reports.json_format import json_of

    return json_of(statement, rows_of_statement(db, statement))


def _pdf(db: Database, statement: Statement, language: str) -> Iterable[bytes]:
    from shocpp.reports.pdf.document import pdf_of

    (sums,) = statement.accounts
    return [pdf_of(statement, sums, rows_of_statement(db, statement), language)]


FORMATS = {
    "text": Format(".txt", "text/plain; charset=utf-8", _text),
    "csv": Format(".csv", "text/csv; charset=utf-8", _csv),
    "csv-machine": Format(".csv", "text/csv; charset=utf-8", _csv_machine),
    "json": Format(".json", "application/json", _json),
    "pdf": Format(".pdf", "application/pdf", _pdf),
}
"""A PDF is of one account."""


def chunks(db: Database, statement: Statement, form: str, language: str) -> Iterator[bytes]:
    """The paper in a form, piece by piece."""
    for chunk in FORMATS[form].chunks(db, statement, language):
        yield chunk.encode() if isinstance(chunk, str) else chunk


def chunks_of_year(statement: Year, form: str, language: str) -> Iterator[bytes]:
    """A year's paper in a form, piece by piece."""
    made: dict[str, Callable[[], Iterable[str | bytes]]] = {
        "text": lambda: text_of_year(statement, language),
        "csv": lambda: csv_of_year(statement, language),
        "csv-machine": lambda: csv_machine_of_year(statement),
        "json": lambda: json_of_year(statement),
        "pdf": lambda: _pdf_of_year(statement, language),
    }
    for chunk in made[form]():
        yield chunk.encode() if isinstance(chunk, str) else chunk


def _pdf_of_year(statement: Year, language: str) -> Iterable[bytes]:
    from shocpp.reports.pdf.year import pdf_of_year

    return [pdf_of_year(statement, language)]


def file_name(statement: Statement, form: str) -> str:
    """Month, account index and what of the account's name fits into the name of a file."""
    name = name_of(statement.year, statement.month)
    for sums in statement.accounts if statement.only is not None else ():
        name += f"_{sums.account_index:03}_{_UNFIT.sub('_', sums.account)[:60]}"
    return name + FORMATS[form].suffix


def write(target: Path, content: Iterable[bytes]) -> None:
    """Write a file, all of it or none; for its owner alone, as it tells who was where.

    Raises OSError, which names the file.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(partial, "wb", opener=_private) as file:
            file.writelines(content)
        partial.replace(target)
    except OSError as error:
        error.filename = str(target)
        raise
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def keep_text(db: Database, settings: Settings, statement: Statement) -> None:
    """Keep a month's text beside its records, where there are any, or the month is closed.

    Raises OSError.
    """
    year, month = f"{statement.year:04}", f"{statement.month:02}"
    folder = settings.accounting_folder / year / month
    if folder.is_dir():
        text = chunks(db, statement, "text", settings.language)
        write(folder / f"00_abrechnung_{year}_{month}.txt", text)
