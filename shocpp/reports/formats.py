"""The forms of a paper by their names, and where they are kept (a room)."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from shocpp.reports.month import (
    name_of,
    rows_of_paper,
    rows_told_apart,
    seed_rows_of_paper,
)
from shocpp.reports.statement import Paper
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


class Form(NamedTuple):
    """What a form is to others, and how a paper is told in it, piece by piece."""

    suffix: str
    media_type: str
    pieces: Callable[[Database, Paper, str], Iterable[str | bytes]]


def _text(db: Database, paper: Paper, language: str) -> Iterable[str]:
    from shocpp.reports.text_format import text_of

    rows = seed_rows_of_paper(db, paper)
    return text_of(paper, rows_told_apart(db, paper), rows, language)


def _csv(db: Database, paper: Paper, language: str) -> Iterable[str]:
    from shocpp.reports.csv_format import csv_of

    return csv_of(paper, rows_of_paper(db, paper), language)


def _csv_machine(db: Database, paper: Paper, _language: str) -> Iterable[str]:
    from shocpp.reports.csv_format import csv_machine_of

    return csv_machine_of(paper, rows_of_paper(db, paper))


def _json(db: Database, paper: Paper, _language: str) -> Iterable[str]:
    from shocpp.reports.json_format import json_of

    return json_of(paper, rows_of_paper(db, paper))


def _pdf(db: Database, paper: Paper, language: str) -> Iterable[bytes]:
    from shocpp.reports.pdf.document import pdf_of

    (sums,) = paper.accounts
    return [pdf_of(paper, sums, rows_of_paper(db, paper), language)]


FORMS = {
    "text": Form(".txt", "text/plain; charset=utf-8", _text),
    "csv": Form(".csv", "text/csv; charset=utf-8", _csv),
    "csv-machine": Form(".csv", "text/csv; charset=utf-8", _csv_machine),
    "json": Form(".json", "application/json", _json),
    "pdf": Form(".pdf", "application/pdf", _pdf),
}
"""A PDF is of one account."""


def pieces(db: Database, paper: Paper, form: str, language: str) -> Iterator[bytes]:
    """The paper in a form, piece by piece."""
    for piece in FORMS[form].pieces(db, paper, language):
        yield piece.encode() if isinstance(piece, str) else piece


def pieces_of_year(paper: Year, form: str, language: str) -> Iterator[bytes]:
    """A year's paper in a form, piece by piece."""
    made: dict[str, Callable[[], Iterable[str | bytes]]] = {
        "text": lambda: text_of_year(paper, language),
        "csv": lambda: csv_of_year(paper, language),
        "csv-machine": lambda: csv_machine_of_year(paper),
        "json": lambda: json_of_year(paper),
        "pdf": lambda: _pdf_of_year(paper, language),
    }
    for piece in made[form]():
        yield piece.encode() if isinstance(piece, str) else piece


def _pdf_of_year(paper: Year, language: str) -> Iterable[bytes]:
    from shocpp.reports.pdf.year import pdf_of_year

    return [pdf_of_year(paper, language)]


def file_name(paper: Paper, form: str) -> str:
    """Month, account index and what of the account's name fits into the name of a file."""
    name = name_of(paper.year, paper.month)
    for sums in paper.accounts if paper.only is not None else ():
        name += f"_{sums.account_index:03}_{_UNFIT.sub('_', sums.account)[:60]}"
    return name + FORMS[form].suffix


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


def keep_text(db: Database, settings: Settings, paper: Paper) -> None:
    """Keep a month's text beside its records, where there are any, or the month is closed.

    Raises OSError.
    """
    year, month = f"{paper.year:04}", f"{paper.month:02}"
    folder = settings.accounting_folder / year / month
    if folder.is_dir():
        text = pieces(db, paper, "text", settings.language)
        write(folder / f"00_abrechnung_{year}_{month}.txt", text)
