"""The statements of all accounts of a month as one ZIP file.

The same statements make the same bytes: the file has neither the time of its making nor a name
twice, and its contents are stored without another compression, which may differ by machine.
"""

from io import BytesIO
from pathlib import PurePosixPath
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from shocpp.reports.account_statement import of_account
from shocpp.reports.books import Books
from shocpp.reports.formats import chunks, file_name, language_of
from shocpp.reports.statement import Statement

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of each file: the earliest that ZIP knows."""


def zip_of(
    books: Books, whole: Statement, format_name: str, language: str | None, default_language: str
) -> bytes:
    """Return the ZIP file with a statement for each account, in its own language.

    `language` is one for all of them, or None.
    """
    file, names = BytesIO(), set[str]()
    with ZipFile(file, "w", ZIP_STORED) as archive:
        for sums in whole.accounts:
            statement = of_account(whole, sums.account)
            own = language_of(statement, language, default_language)
            name = _unused(file_name(statement, format_name), names)
            entry = ZipInfo(name, _EARLIEST)
            # As of statements on the disk: only their owner may read them.
            entry.external_attr = 0o600 << 16
            # Otherwise the byte would name the machine's system.
            entry.create_system = 3
            archive.writestr(entry, b"".join(chunks(books, statement, format_name, own)))
    return file.getvalue()


def zip_name(whole: Statement) -> str:
    """Return the name of the ZIP file of a month, such as `2026-10.zip`."""
    return f"{whole.period.name}.zip"


def _unused(name: str, names: set[str]) -> str:
    """Return a file's name, with a number if the ZIP file has it already, and note it.

    Some systems do not tell small from capital letters.
    """
    path, unused, count = PurePosixPath(name), name, 1
    while unused.casefold() in names:
        count += 1
        unused = f"{path.stem}_{count}{path.suffix}"
    names.add(unused.casefold())
    return unused
