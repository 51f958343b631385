"""Tables for people at a terminal: aligned columns that fit its width, and names in them.

Programs read `--json`, or the lines that commands print where no terminal reads them.
"""

import json
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import NamedTuple, TypeVar

import click

from shocpp.errors import ConfigError
from shocpp.interfaces.lines import one_line
from shocpp.language import figures
from shocpp.language.dates import clock_time, day_and_time, local_datetime
from shocpp.settings import Settings
from shocpp.store.database import Database

GAP, NARROW_GAP = 2, 1
"""The number of blanks between two columns; the narrow one is for tables that would be cut."""

CUT = "…"
"""The end of a text that is cut."""

ISO = "en"
"""The language whose dates are those of ISO 8601; they sort, and no country misreads them."""


Choice = TypeVar("Choice", bound=NamedTuple)


class Column(NamedTuple):
    """A column of a table.

    `least` is the width to which its texts may be cut, 0 if they are never cut. A column that wraps
    has more lines instead. Figures stand on the right.
    """

    title: str
    least: int = 0
    is_figure: bool = False
    wraps: bool = False


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int | None
) -> Iterator[str]:
    """Yield the lines of a table with a head; None is a width without limit.

    Control characters are escaped. Columns that are empty in every row are left out.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    used = [index for index in range(len(columns)) if any(row[index] for row in cells)]
    chosen = [columns[index] for index in used]
    lines = [[column.title for column in chosen], *([row[i] for i in used] for row in cells)]
    widths = [max(map(_width, texts)) for texts in zip(*lines, strict=True)]
    gaps = GAP * (len(widths) - 1)
    if width is not None and sum(widths) + gaps > width:
        _shrink(widths, [column.least if column.wraps else 0 for column in chosen], width - gaps)
        if sum(widths) + gaps > width:
            gaps = NARROW_GAP * (len(widths) - 1)
        _shrink(widths, [column.least for column in chosen], width - gaps)
    gap = " " * (gaps // max(len(widths) - 1, 1))
    for line in lines:
        texts = [
            _wrapped(text, width) if column.wraps else [text]
            for text, width, column in zip(line, widths, chosen, strict=True)
        ]
        # Rows without a text are lines, too.
        for part in list(zip_longest(*texts, fillvalue="")) or [()]:
            padded = map(_padded, part, widths, (column.is_figure for column in chosen))
            yield gap.join(padded).rstrip()


def _shrink(widths: list[int], least: Sequence[int], available: int) -> None:
    """Take away from the widest columns that may be cut until the sum of the widths fits."""
    while sum(widths) > available:
        able = [index for index, width in enumerate(widths) if 0 < least[index] < width]
        if not able:
            return
        widths[max(able, key=widths.__getitem__)] -= 1


def _wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text that is broken at its blanks."""
    first, *words = text.split(" ")
    lines = [first]
    for word in words:
        longer = f"{lines[-1]} {word}"
        if _width(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _padded(text: str, width: int, is_figure: bool) -> str:
    """Return a text at exactly this width: padded with blanks, or cut."""
    if _width(text) > width:
        while _width(text) >= width:
            text = text[:-1]
        text += CUT
    blanks = " " * (width - _width(text))
    return blanks + text if is_figure else text + blanks


def _width(text: str) -> int:
    """Return the number of a terminal's cells that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def reads_terminal() -> bool:
    """Return True if a person at a terminal reads the output."""
    return sys.stdout.isatty()


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: as wide as the terminal, or without a limit where none reads it."""
    width = shutil.get_terminal_size().columns if reads_terminal() else None
    for line in table(columns, rows, width):
        click.echo(line)


def print_choices(
    columns: Sequence[Column],
    choices: Sequence[Choice],
    cells: Callable[[Choice], Sequence[str]],
    example: str,
    *,
    as_json: bool,
) -> None:
    """Print what people have chosen for chargers; `example` is a command that chooses."""
    if as_json:
        click.echo(json.dumps([choice._asdict() for choice in choices], ensure_ascii=False))
    elif not choices:
        click.echo(f"none is chosen; choose one: {example}; see: shocpp site")
    else:
        print_table(columns, [cells(choice) for choice in choices])


class Display:
    """The names, local times and figures that tables show.

    Figures are written as in the statements (SHOCPP_LANG). A broken file in conf/ costs its names
    only: `shocpp check` reports it.
    """

    def __init__(self, db: Database, settings: Settings) -> None:
        from shocpp.configuration.charge_points import NO_ALLOWLIST, load_allowlist_or_none
        from shocpp.configuration.tags import load_accounts
        from shocpp.store.books.transactions import account_names

        self._zone = settings.zone
        self._language = settings.language
        self._allowlist = NO_ALLOWLIST
        self._cards: dict[str, str] = {}
        with suppress(ConfigError):
            self._allowlist = load_allowlist_or_none(settings.charge_points_file)
        with suppress(ConfigError, FileNotFoundError):
            self._cards = load_accounts(settings.tags_file, account_names(db)).card_names()

    def charger(self, charge_point_id: str | None, connector_id: int | None = None) -> str:
        """Return the name of a charger, and of its connector if one is given: `garage/left`."""
        if charge_point_id is None:
            return "imported"
        meter = self._allowlist.meter(charge_point_id)
        name = meter.name or charge_point_id
        if connector_id is None:
            return name
        return f"{name}/{meter.connectors.get(connector_id, connector_id)}"

    def connectors(self, charge_point_id: str) -> Mapping[int, str]:
        """Return the names of a charger's connectors, by number."""
        return self._allowlist.meter(charge_point_id).connectors

    def card(self, id_tag: str | None) -> str:
        """Return the name of a card, or its id if it has none."""
        from shocpp.ledger.accounts import id_tag_key

        return self._cards.get(id_tag_key(id_tag or "")) or id_tag or ""

    def moment(self, moment: str | int | None) -> str:
        """Return a moment in local time to the minute, empty for None: `2026-10-01 09:10`."""
        if moment is None:
            return ""
        return day_and_time(local_datetime(moment, self._zone), ISO)

    def end(self, began: str | None, ended: str | None) -> str:
        """Return the end of a session, or its begin if it has none: `since 2026-10-01 20:00`."""
        if ended is None and began is not None:
            return f"since {self.moment(began)}"
        return self.moment(ended)

    def span(self, began: str | None, ended: str) -> str:
        """Return the time of a session: `2026-10-01 22:00-06:00 +1d` ends on the next day.

        Without a known start it is `until 2026-10-01 06:00`.
        """
        if began is None:
            return f"until {self.moment(ended)}"
        first, last = (local_datetime(moment, self._zone) for moment in (began, ended))
        days = (last.date() - first.date()).days
        return f"{self.moment(began)}-{clock_time(last)}" + (f" {days:+}d" if days else "")

    def kwh(self, wh: int | None) -> str:
        """Return Wh as kWh with three decimals, empty for None."""
        return "" if wh is None else figures.kwh(wh, self._language)

    def energy(self, wh: int, flags: str | tuple[str, ...]) -> str:
        """Return the kWh of a record, or `unknown` if its flags say so."""
        from shocpp.ledger.record import ENERGY_UNKNOWN

        return "unknown" if ENERGY_UNKNOWN in flags else self.kwh(wh)

    def euro(self, ct: int | None) -> str:
        """Return cents as EUR with two decimals, empty for None."""
        return "" if ct is None else figures.euro(ct, self._language)
