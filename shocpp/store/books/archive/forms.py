"""The forms of closed months: PDF files beside those of the closings, of one account each.

A row is *due* from the closing of its month on. Then it gets the name, the hash and the bytes of
its form, once and for ever. The bytes leave it when their file is on disk. A later closing has the
hash as well, so a changed row is found.
"""

from collections.abc import Iterable
from typing import NamedTuple

from shocpp.store.database import Database


class FormKey(NamedTuple):
    """The number of a closing, and the account and language of one of its forms."""

    closing: int
    account_index: int
    language: str


class FormRow(NamedTuple):
    """A form that was made: the name of its file, and the SHA-256 of its bytes in hexadecimal."""

    closing: int
    account_index: int
    language: str
    name: str
    sha256: str

    @property
    def key(self) -> FormKey:
        """Return the closing, account and language."""
        return FormKey(self.closing, self.account_index, self.language)


class Waiting(NamedTuple):
    """A form whose file is still to be written; `month` is YYYY-MM."""

    form: FormRow
    month: str
    content: bytes


_KEY = "closing = ? AND account_index = ? AND language = ?"
_COLUMNS = "closing, account_index, language, name, sha256"
_ORDER = "closing, account_index, language"


def require(db: Database, keys: Iterable[FormKey]) -> None:
    """Note that forms are due, unless they are known."""
    db.executemany(
        "INSERT OR IGNORE INTO statement_form (closing, account_index, language) VALUES (?, ?, ?)",
        list(keys),
    )


def is_due(db: Database, key: FormKey) -> bool:
    """Return True if a form is still to be made."""
    sql = f"SELECT 1 FROM statement_form WHERE {_KEY} AND sha256 IS NULL"
    return db.execute(sql, key).fetchone() is not None


def due(db: Database) -> list[FormKey]:
    """Return the forms that are still to be made."""
    rows = db.execute(
        "SELECT closing, account_index, language FROM statement_form WHERE sha256 IS NULL"
        f" ORDER BY {_ORDER}"
    )
    return [FormKey(*row) for row in rows.fetchall()]


def keep(db: Database, form: FormRow) -> None:
    """Write the name and the hash of a form, unless it has a hash."""
    # The first one wins: another process may have made it with another version of the program.
    db.execute(
        f"INSERT INTO statement_form ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)"
        f" ON CONFLICT ({_ORDER}) DO UPDATE SET name = excluded.name, sha256 = excluded.sha256"
        " WHERE sha256 IS NULL",
        form,
    )


def replace(db: Database, form: FormRow) -> None:
    """Write the name and the hash of a form as a closing has them, whatever the table had."""
    db.execute(
        f"INSERT INTO statement_form ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)"
        f" ON CONFLICT ({_ORDER}) DO UPDATE SET name = excluded.name, sha256 = excluded.sha256,"
        " content = NULL WHERE sha256 IS NOT excluded.sha256",
        form,
    )


def requeue(db: Database, form: FormRow, content: bytes) -> None:
    """Note that the file of a form is still to be written again, with the same bytes."""
    db.execute(
        f"UPDATE statement_form SET content = ? WHERE {_KEY} AND sha256 = ?",
        (content, *form.key, form.sha256),
    )


def content(db: Database, form: FormRow) -> bytes | None:
    """Return the bytes of a form whose file is still to be written, or None."""
    row = db.execute(f"SELECT content FROM statement_form WHERE {_KEY}", form.key).fetchone()
    return None if row is None else row[0]


def waiting(db: Database, limit: int) -> list[Waiting]:
    """Return forms whose files are still to be written."""
    rows = db.execute(
        f"SELECT {_COLUMNS}, closed_month.month, statement_form.content FROM statement_form"
        " JOIN closed_month ON number = closing WHERE statement_form.content IS NOT NULL"
        f" ORDER BY {_ORDER} LIMIT ?",
        (limit,),
    )
    return [Waiting(FormRow(*row), month, bytes_) for *row, month, bytes_ in rows.fetchall()]


def mark_written(db: Database, forms: Iterable[FormRow]) -> None:
    """Note that the files of forms are on disk."""
    db.executemany(
        f"UPDATE statement_form SET content = NULL WHERE {_KEY} AND sha256 = ?",
        [(*form.key, form.sha256) for form in forms],
    )


def made(db: Database) -> dict[FormKey, FormRow]:
    """Return the forms that were made, as this table has them."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM statement_form WHERE sha256 IS NOT NULL ORDER BY {_ORDER}"
    )
    return {form.key: form for form in (FormRow(*row) for row in rows.fetchall())}


def linked(db: Database) -> dict[FormKey, FormRow]:
    """Return the forms whose hashes are in closings."""
    keys = ", ".join(f"json_extract(form.value, '$.{key}')" for key in FormRow._fields)
    rows = db.execute(
        f"SELECT {keys} FROM closed_month, json_each(content, '$.forms') AS form ORDER BY number"
    )
    found: dict[FormKey, FormRow] = {}
    for form in (FormRow(*row) for row in rows.fetchall()):
        found.setdefault(form.key, form)
    return found


def expected(db: Database) -> dict[FormKey, FormRow]:
    """Return all forms that were made; what a closing says of one counts more than the table."""
    return made(db) | linked(db)


def unlinked(db: Database) -> list[FormRow]:
    """Return the forms that no closing has the hash of."""
    known = linked(db)
    return [form for key, form in made(db).items() if key not in known]
