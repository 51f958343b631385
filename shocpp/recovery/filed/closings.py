"""The restoring of closed months from their files, and of the forms that were printed of them."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from shocpp.bookkeeping.accounting_files.chain import difference, file_name, read_closing
from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.reports.books import Books
from shocpp.reports.forms import complete, due_forms
from shocpp.reports.month import closed_statement
from shocpp.settings import Settings
from shocpp.store.books import closings
from shocpp.store.books.archive import forms
from shocpp.store.books.archive.form_files import (
    form_path,
    form_paths,
    is_whole,
    name_digest,
    parsed_name,
    sha256_of,
)
from shocpp.store.books.archive.forms import FormKey, FormRow
from shocpp.store.books.closings import Closing
from shocpp.store.database import Database
from shocpp.store.keys import Keys


def restore_closings(db: Database, folder: Path, paths: Iterable[Path]) -> list[str]:
    """Close months again from the files of their closings; return a sentence for each refused file.

    `folder` is the accounting folder. Raises StoreUnavailable.
    """
    filed, refused = [], []
    for path in paths:
        try:
            filed.append((read_closing(path), path))
        except (UsageError, FileNotFoundError) as error:
            refused.append(str(error))
    # By their numbers: the chain grows link by link.
    for closing, path in sorted(filed):
        is_in_folder = path == folder / file_name(closing.month)
        with db.writing(keys=Keys(months=frozenset({closing.month}), chain=True)):
            trouble = _restore_closing(db, closing, is_in_folder)
        if trouble is not None:
            refused.append(
                f"{path}: {trouble}; import it again once that is corrected, or move this file out "
                "of the folder and close the month again: shocpp close"
            )
    return refused


def _restore_closing(db: Database, closing: Closing, is_in_folder: bool) -> str | None:
    """Close a month again if its records are those that were closed; return why not, or None."""
    present = closings.of_month(db, closing.month)
    if present is not None:
        is_same = present.hash == closing.hash
        return None if is_same else "its month was closed in another way"
    trouble = difference(db, closing)
    if trouble is not None:
        return trouble
    try:
        with db.savepoint():
            closings.record(db, closing, now_ms() if is_in_folder else None)
    except UsageError as error:
        return str(error)
    return None


def restore_forms(db: Database, settings: Settings, folder: Path) -> list[str]:
    """Take over the forms in a folder; return a sentence for each that is refused or lost.

    A form is taken if it has the hash in a closing or in the database, whatever this program would
    print. If neither has one, as after the loss of the database, the name of its file proves it.
    Forms without a file are made again if this program makes the same bytes. Raises
    StoreUnavailable.
    """
    # What a closing says of a form counts more than the table.
    made, linked = forms.made(db), forms.linked(db)
    with db.writing(keys=_FORMS):
        for key, form in linked.items():
            if made.get(key) not in (None, form):
                forms.replace(db, form)
    found, wrong, refused = _forms_in(db, settings.accounting_folder, folder)
    for form, month, path in found.values():
        _take(db, settings.accounting_folder, form, month, path)
    _require_forms(db, settings, wrong)
    return refused + complete(Books(db, settings))


_FORMS = Keys(chain=True)

_Found = dict[FormKey, tuple[FormRow, str, Path]]
"""Forms with the months of their closings and the files that have their bytes."""


def _forms_in(db: Database, own: Path, folder: Path) -> tuple[_Found, list[FormKey], list[str]]:
    """Return the forms whose bytes are in a folder, the keys of changed ones, and sentences."""
    chain = {closing.month: closing for closing in closings.chain(db)}
    expected = forms.expected(db)
    found: _Found = {}
    wrong: list[tuple[Path, FormKey]] = []
    open_months: Counter[str] = Counter()
    for path in form_paths(folder):
        name = parsed_name(path)
        assert name is not None
        closing = chain.get(name.month)
        if closing is None:
            open_months[name.month] += 1
            continue
        content = path.read_bytes()
        key = FormKey(closing.number, name.account_index, name.language)
        form = expected.get(key)
        if form is None and name_digest(closing.hash, content) == name.digest:
            form = FormRow(*key, path.name, sha256_of(content))
        if form is None or sha256_of(content) != form.sha256:
            wrong.append((path, key))
        else:
            expected[key] = form
            found.setdefault(key, (form, closing.month, path))
    refused = [
        f"{count} PDF statements are of {month}, which is not closed in the books; import them "
        "again when it is"
        for month, count in sorted(open_months.items())
    ]
    for path, key in wrong:
        refused.append(_refusal(path, expected.get(key), own, found.get(key)))
    return found, [key for _, key in wrong if key not in found], refused


def _refusal(
    path: Path, form: FormRow | None, own: Path, found: tuple[FormRow, str, Path] | None
) -> str:
    """Return the sentence about a file that has other bytes than those of its form."""
    sentence = f"{path} was changed after it was written, or is of another closing"
    if found is not None:
        return f"{sentence}; the right one is taken from {found[2]}"
    name = parsed_name(path)
    if form is not None and name is not None:
        right = form_path(own, name.month, form.name)
        if is_whole(right, form):
            return f"{sentence}; the right one is {right}"
    return f"{sentence}; take the right one from a backup: shocpp import FOLDER, or shocpp restore"


def _take(db: Database, own: Path, form: FormRow, month: str, path: Path) -> None:
    """Keep a form, and have its file written unless it lies in its place."""
    target = form_path(own, month, form.name)
    is_in_place = is_whole(target, form)
    if is_in_place and forms.made(db).get(form.key) == form:
        return
    if target.exists() and not is_in_place:
        target.replace(target.with_name(f"{target.name}.superseded"))
    content = None if is_in_place else path.read_bytes()
    with db.writing(keys=_FORMS):
        forms.replace(db, form)
        if content is not None:
            forms.requeue(db, form, content)


def _require_forms(db: Database, settings: Settings, wrong: list[FormKey]) -> None:
    """Note that forms are due: those of accounts without any, and those that were changed."""
    known = {(key.closing, key.account_index) for key in forms.expected(db)}
    keys = [
        key
        for closing in closings.chain(db)
        for key in due_forms(closed_statement(closing), closing.number, settings)
        if (key.closing, key.account_index) not in known
    ]
    with db.writing(keys=_FORMS):
        forms.require(db, [*keys, *wrong])
