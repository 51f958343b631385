"""The columns of a table on a PDF page (a room): their names, and what stands in them."""

from typing import NamedTuple

from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.labels import Word
from shocpp.reports.pdf.page import LEFT, LINE, PALE, RIGHT, SMALL_PT, Sheet

PAD = 3.0
HEAD_PT = 6.5
HEAD_HEIGHT = 24.0


class Column(NamedTuple):
    """A column; figures end at its right side, words begin `indent` from its left."""

    key: str
    width: float
    right: bool = False
    indent: float = PAD


class Grid:
    """Columns side by side; a column's name is the word of its key."""

    def __init__(self, sheet: Sheet, columns: tuple[Column, ...], word: Word) -> None:
        self._sheet, self._word = sheet, word
        self._places: list[tuple[Column, float]] = []
        x = LEFT
        for column in columns:
            self._places.append((column, x))
            x += column.width

    def head(self) -> None:
        """Draw the names of the columns below the present height."""
        sheet = self._sheet
        sheet.y -= HEAD_HEIGHT
        sheet.area(LEFT, RIGHT, HEAD_HEIGHT, PALE)
        sheet.rule(LEFT, RIGHT, 0.7)
        base = sheet.y
        for column, x in self._places:
            lines = self._word(column.key).split("\n")
            for place, line in enumerate(reversed(lines)):
                sheet.y = base + 6 + place * HEAD_PT * LINE
                self._cell(column, x, line, HEAD_PT, Face.STRONG)
        sheet.y = base

    def row(self, cells: dict[str, str], size: float = SMALL_PT, face: Face = Face.PLAIN) -> None:
        """Draw what stands at the present height, by the columns' keys."""
        for column, x in self._places:
            if words := cells.get(column.key):
                self._cell(column, x, words, size, face)

    def _cell(self, column: Column, x: float, words: str, size: float, face: Face) -> None:
        room = column.width - column.indent - PAD
        if column.right:
            self._sheet.figure(x + column.width - PAD, words, room, size, face)
        else:
            self._sheet.text(x + column.indent, words, room, size, face)
