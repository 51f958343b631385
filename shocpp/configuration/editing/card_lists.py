"""Lists of cards as CSV, also after a spreadsheet has opened and saved them.

    account;id;name;expires
    family-y;04A2B3C4D5E6F7;Golf;31.12.2026

Spreadsheets change what they take for numbers, dates and formulas: `0042` becomes 42, `1E5` becomes
100000, `MAR1` a day in March, and of a long number 15 digits are left. Each sign of that refuses
the whole list, with the row.
"""

import csv
import re
from collections.abc import Collection, Iterator
from io import StringIO

from shocpp.configuration.editing.accounts import NewCard
from shocpp.configuration.entries import quoted
from shocpp.errors import UsageError
from shocpp.language.dates import parsed_day
from shocpp.ledger.accounts import id_tag_key, trouble_of
from shocpp.texts import printable_line

COLUMNS = {
    **dict.fromkeys(("account", "konto", "mandant"), "account"),
    **dict.fromkeys(("id", "card", "uid", "id_tag", "idtag", "karte", "kartennummer"), "id"),
    **dict.fromkeys(("name", "bezeichnung"), "name"),
    **dict.fromkeys(("expires", "last day", "gültig bis", "letzter tag"), "expires"),
}
"""The columns by their titles, in small letters."""

MOST_BYTES = 1_000_000
"""The largest list."""

# Excel writes a text that looks like a number as ="0042"; people write '0042.
_AS_TEXT = re.compile(r'=?"(.*)"|\'(.*)')
_DATE = re.compile(
    r"\d{1,4}[./ -]+(\d{1,2}|[^\W\d]{3,9}\.?)([./ -]+\d{1,4})?|[^\W\d]{3}[. -]+\d{2,4}"
)
_FRACTION = re.compile(r"\d+[.,]\d+")
_GROUPED = re.compile(r"\d{1,3}([., ]\d{3})+")

_COMPUTED = re.compile(r"#[#A-Z/0]*[!?]?|err:\d+|true|false|wahr|falsch", re.IGNORECASE)

_EXACT_DIGITS = 15
"""The digits of a number that a spreadsheet keeps; the others become zeros."""

_ODD_DIGITS = (7, 13, 19)
"""The numbers of digits of a card's 4, 7 or 10 bytes in hex without its leading zero."""


def parse_card_list(content: bytes, source: str, accounts: Collection[str]) -> list[NewCard]:
    """Return the cards of a list; `accounts` are the names that tags.json has.

    `source` names the file. Raises UsageError with the row and the reason.
    """
    rows = _rows(content, source)
    titles = _titles(next(rows, (1, []))[1], source)
    cards: dict[str, int] = {}
    new = []
    for number, cells in rows:
        location = f"{source}, row {number}"
        if len(cells) > len(titles) and any(cells[len(titles) :]):
            raise UsageError(f"{location} has more cells than the first row; correct it")
        card = _card(dict(zip(titles, cells, strict=False)), location, accounts)
        key = id_tag_key(card.id_tag)
        if key in cards:
            raise UsageError(
                f"{location}: the card {quoted(card.id_tag)} is in row {cards[key]} already"
            )
        cards[key] = number
        new.append(card)
    if not new:
        raise UsageError(f"{source} has no cards; the first row has the titles: account;id;name")
    return new


def _rows(content: bytes, source: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, with their numbers."""
    if len(content) > MOST_BYTES:
        raise UsageError(f"{source} is larger than {MOST_BYTES // 1_000_000} MB; shorten it")
    text = _decoded(content, source)
    first = text.partition("\n")[0]
    delimiter = max(";,\t", key=first.count)
    try:
        for number, cells in enumerate(csv.reader(StringIO(text), delimiter=delimiter), 1):
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield number, stripped
    except csv.Error as error:
        raise UsageError(f"{source} is no CSV: {error}; save it as CSV, UTF-8") from None


def _decoded(content: bytes, source: str) -> str:
    """Return the text of a file as spreadsheets save it: UTF-8, UTF-16 with a mark, Windows."""
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise UsageError(f"{source} is no text; save it as CSV, UTF-8")


def _titles(cells: list[str], source: str) -> list[str]:
    """Return the names of the columns."""
    titles = []
    for cell in cells:
        title = COLUMNS.get(cell.casefold(), "")
        if cell and (not title or title in titles):
            known = "account, id, name, expires"
            raise UsageError(f"{source}, row 1: {quoted(cell)} is no title; there are {known}")
        titles.append(title)
    for title in ("account", "id"):
        if title not in titles:
            raise UsageError(f"{source}, row 1 has no title {title}: account;id;name;expires")
    return titles


def _card(cells: dict[str, str], location: str, accounts: Collection[str]) -> NewCard:
    account, name = cells.get("account", ""), cells.get("name")
    if account not in accounts:
        raise UsageError(
            f"{location}: there is no account {quoted(account)}; add it: shocpp accounts add "
            f"{quoted(account)}"
        )
    if name is not None and printable_line(name) is None:
        raise UsageError(f"{location}: the name must be a text on one line")
    id_tag = _id_tag(cells.get("id", ""), location)
    return NewCard(account, id_tag, name or None, _day(cells.get("expires", ""), location))


def _id_tag(cell: str, location: str) -> str:
    """Return the id of a card, or raise UsageError if it is none, or not the one it was."""
    as_text = _AS_TEXT.fullmatch(cell)
    id_tag = cell if as_text is None else as_text[1] or as_text[2] or ""
    if not id_tag_key(id_tag):
        raise UsageError(f"{location} has no id; write what the charger reads")
    trouble = trouble_of(id_tag) or (_damage(id_tag) if as_text is None else None)
    if trouble is not None:
        raise UsageError(f"{location}: the id {quoted(id_tag)}: {trouble}")
    return id_tag


def _damage(id_tag: str) -> str | None:
    """Return what a spreadsheet has probably done to an id, with the next step, or None."""
    write_it = "format the column as text, and write the id again"
    if _GROUPED.fullmatch(id_tag) or _FRACTION.fullmatch(id_tag):
        return f"a spreadsheet has made a number of it; {write_it}"
    if _DATE.fullmatch(id_tag):
        return f"a spreadsheet has made a date of it; {write_it}"
    if _COMPUTED.fullmatch(id_tag):
        return f"a spreadsheet has computed it; {write_it}"
    loss = None
    if id_tag.isdecimal() and len(id_tag) in _ODD_DIGITS:
        loss = "removed a leading zero"
    elif id_tag.isdecimal() and id_tag[_EXACT_DIGITS:].strip("0") == "" < id_tag[_EXACT_DIGITS:]:
        loss = f"made zeros of all but {_EXACT_DIGITS} digits"
    if loss is None:
        return None
    return (
        f"a spreadsheet has probably {loss}; {write_it}, or if it is right: "
        f"shocpp cards add ACCOUNT {id_tag}"
    )


def _day(cell: str, location: str) -> str | None:
    """Return a last day as an ISO date, None for an empty cell."""
    if not cell:
        return None
    try:
        return parsed_day(cell).isoformat()
    except ValueError:
        raise UsageError(
            f"{location}: {quoted(cell)} is no day; write 2026-12-31 or 31.12.2026"
        ) from None
