"""The forms of closed months: each account's PDF, made once from the snapshot and kept for ever.

A month that was closed with a snapshot of version 4 or later is printed by `form_of` only. Its form
is made after the commit of the closing. If that process was killed, the first one that needs it
makes it. The database takes its hash and its bytes in one transaction, so there are never two of
them. The bytes leave the database when their file is on disk (`accounting_files/record_files.py`).
"""

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from shocpp.errors import UsageError
from shocpp.language.month import Month
from shocpp.reports.account_statement import of_account
from shocpp.reports.books import Books
from shocpp.reports.month import month_statement
from shocpp.reports.snapshot import VERSION
from shocpp.reports.statement import Statement
from shocpp.reports.tables.cells import ADDRESSED
from shocpp.settings import Settings
from shocpp.store.books import closings
from shocpp.store.books.archive import forms
from shocpp.store.books.archive.form_files import form_name, form_path, is_whole, sha256_of
from shocpp.store.books.archive.forms import FormKey, FormRow
from shocpp.store.books.closings import Closing
from shocpp.store.database import Database
from shocpp.store.keys import Keys

log = logging.getLogger(__name__)

_KEYS = Keys(chain=True)
"""The keys of a transaction that writes a form: the next closing reads its hash."""


def is_archived(statement: Statement) -> bool:
    """Return True if a statement is printed by `form_of`."""
    is_new_enough = statement.snapshot_version >= ADDRESSED
    return statement.closed is not None and is_new_enough and not statement.is_new_layout


def due_forms(statement: Statement, number: int, settings: Settings) -> list[FormKey]:
    """Return the forms to make of a month: for each account in its language and in SHOCPP_LANG.

    `number` is that of the closing. Months that older programs have closed have none.
    """
    if statement.snapshot_version < ADDRESSED:
        return []
    return [
        FormKey(number, sums.account_index, language)
        for sums in statement.accounts
        for language in dict.fromkeys((sums.recipient.language, settings.language))
        if language
    ]


class NewForm(NamedTuple):
    """The bytes of a form that this program has just made, and its row.

    `is_changed` is True if there is a file of its name with other bytes.
    """

    form: FormRow
    content: bytes
    is_changed: bool

    def keep(self, db: Database) -> None:
        """Keep the form unless another process has made it before, and have its file written.

        A changed file stays to be seen.
        """
        with db.writing(keys=_KEYS):
            forms.keep(db, self.form)
            if not self.is_changed:
                forms.requeue(db, self.form, self.content)


def form_of(
    books: Books,
    closing: Closing,
    account_index: int,
    language: str,
    statement: Statement | None = None,
) -> bytes:
    """Return the PDF of an account's closed month, as it was when it was first made.

    One that is missing is made and kept, if its language is that of the account or of the settings.
    `statement` is that of the account, if the caller has it.

    Raises UsageError if the file is lost or was changed, and this program makes other bytes.
    """
    db, folder = books.db, books.settings.accounting_folder
    key = FormKey(closing.number, account_index, language)
    stored = _stored_form(db, folder, closing, key)
    if stored is not None:
        return stored
    if statement is None:
        statement = _account_statement(_whole(books, closing), account_index)
    new = _new_form(books, closing, key, statement)
    is_wanted = key in due_forms(statement, closing.number, books.settings)
    is_kept = is_wanted or forms.is_due(db, key) or key in forms.expected(db)
    # A page reads in one transaction, which cannot write. The server or the next closing keeps it.
    if db.connection.in_transaction or not is_kept:
        return new.content
    new.keep(db)
    # Another process may have been faster, perhaps with another version of the program.
    return _stored_form(db, folder, closing, key) or new.content


def form_to_write(books: Books, closing: Closing, key: FormKey) -> NewForm | None:
    """Return a form that is due or whose file is gone, or None if it cannot be made again."""
    try:
        return _new_form(books, closing, key, _account_statement(_whole(books, closing), key[1]))
    except UsageError as error:
        log.warning("%s", error)
        return None


def in_new_layout(statement: Statement) -> Statement:
    """Return the statement of a closed month in the layout that this program prints now."""
    if statement.closed is None:
        return statement
    return statement._replace(snapshot_version=VERSION, is_new_layout=True)


def pdf_of_account(books: Books, statement: Statement, language: str) -> bytes:
    """Return the PDF of a statement of one account (`of_account`): the kept one, if it has one."""
    closing = closings.of_month(books.db, statement.period.name)
    if closing is None or not is_archived(statement):
        return _rendered(books, statement, language)
    (sums,) = statement.accounts
    return form_of(books, closing, sums.account_index, language, statement)


def complete(books: Books) -> list[str]:
    """Make the forms that are due or whose files are gone; return a sentence for each lost one.

    Write the files afterwards (`write_files`).
    """
    lost = []
    for closing, keys in incomplete(books.db, books.settings.accounting_folder):
        whole = _whole(books, closing)
        for key in keys:
            statement = _account_statement(whole, key.account_index)
            try:
                form_of(books, closing, key.account_index, key.language, statement)
            except UsageError as error:
                lost.append(str(error))
    return lost


def incomplete(db: Database, folder: Path) -> list[tuple[Closing, list[FormKey]]]:
    """Return the forms that are due or whose files are gone, by closing."""
    by_number: dict[int, list[FormKey]] = {}
    chain = {closing.number: closing for closing in closings.chain(db)}
    for key in forms.due(db):
        by_number.setdefault(key.closing, []).append(key)
    for key, form in forms.expected(db).items():
        closing = chain.get(key.closing)
        if closing is None or form_path(folder, closing.month, form.name).exists():
            continue
        if forms.content(db, form) is None:
            by_number.setdefault(key.closing, []).append(key)
    return [(chain[number], keys) for number, keys in sorted(by_number.items())]


def stored_bytes(db: Database, folder: Path, month: str, form: FormRow) -> bytes | None:
    """Return the bytes of a form as they were first made, or None if they are lost or changed."""
    content = forms.content(db, form)
    if content is None or sha256_of(content) != form.sha256:
        content = None
        with suppress(OSError):
            content = form_path(folder, month, form.name).read_bytes()
    return content if content is not None and sha256_of(content) == form.sha256 else None


# -- the check ------------------------------------------------------------------------------------


def troubles(db: Database, folder: Path) -> Iterator[tuple[int, str]]:
    """Yield the number of a closing and a sentence for each form that is changed or missing."""
    months = {closing.number: closing.month for closing in closings.chain(db)}
    in_table = forms.made(db)
    for key, form in sorted(forms.expected(db).items()):
        month = months.get(key.closing)
        if month is None:
            continue
        path = form_path(folder, month, form.name)
        noted = in_table.get(key)
        if noted is not None and noted.sha256 != form.sha256:
            sentence = (
                f"the database has another hash of {path} than a later closing, which counts; "
                f"repair it: shocpp import {folder}"
            )
            yield key.closing, sentence
        if stored_bytes(db, folder, month, form) is None:
            yield key.closing, _trouble(folder, path)


def _trouble(folder: Path, path: Path) -> str:
    """Return the sentence about a file with other bytes than those of its form, or without any."""
    backup = "take it from a backup: shocpp import FOLDER, or shocpp restore"
    if path.exists():
        return f"{path} was changed after it was written; move it out of {folder}, and {backup}"
    return (
        f"{path} is missing; the next start of the server and the next shocpp close write it again "
        f"if this version makes the same bytes; otherwise {backup}"
    )


def _lost(settings: Settings, month: str, form: FormRow) -> str:
    """Return the sentence about a form that no longer exists as it was first made."""
    path = form_path(settings.accounting_folder, month, form.name)
    state = "was changed after it was written" if path.exists() else "is missing"
    year, number = month.split("-")
    return (
        f"{path} {state}, and this version would print it in another way; take it from a backup: "
        f"shocpp import FOLDER, or shocpp restore; or print the month anew: shocpp-summary {year} "
        f"{number} --layout new"
    )


# -- making ---------------------------------------------------------------------------------------


def _whole(books: Books, closing: Closing) -> Statement:
    """Return the statement of a closed month for all accounts."""
    return month_statement(books, Month.parse(closing.month))


def _account_statement(whole: Statement, account_index: int) -> Statement:
    """Return the statement of one account; raises UsageError if the month does not have it."""
    for sums in whole.accounts:
        if sums.account_index == account_index:
            return of_account(whole, sums.account)
    raise whole.lacks(f"account {account_index}")


def _rendered(books: Books, statement: Statement, language: str) -> bytes:
    """Return the PDF of an account's statement, as this program makes it."""
    from shocpp.reports.pdf.document import pdf_of

    (sums,) = statement.accounts
    return pdf_of(statement, sums, books.rows(statement), language)


def _new_form(books: Books, closing: Closing, key: FormKey, statement: Statement) -> NewForm:
    """Return a form as this program makes it; raises UsageError if it was made in another way."""
    content = _rendered(books, statement, key.language)
    former = forms.expected(books.db).get(key)
    if former is not None and sha256_of(content) != former.sha256:
        raise UsageError(_lost(books.settings, closing.month, former))
    name = form_name(closing, key.account_index, key.language, content)
    form = former or FormRow(*key, name, sha256_of(content))
    path = form_path(books.settings.accounting_folder, closing.month, form.name)
    return NewForm(form, content, path.exists() and not is_whole(path, form))


def _stored_form(db: Database, folder: Path, closing: Closing, key: FormKey) -> bytes | None:
    """Return the bytes of a form, or None if it was not made yet, or is lost or changed."""
    form = forms.expected(db).get(key)
    return None if form is None else stored_bytes(db, folder, closing.month, form)
