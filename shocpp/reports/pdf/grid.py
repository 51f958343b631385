"""The columns of a table on a PDF page: drawing their titles and cells.

The columns of a month are in `reports/tables/columns.py`, those of a year in `year.py`. Lengths are
in points.
"""

from typing import NamedTuple

from shocpp.reports.pdf.font import Face
from shocpp.reports.pdf.page import LEFT, LINE, PALE, RIGHT, SMALL_PT, Cell, Sheet

PAD = 3.0
"""The distance between a cell and the sides of its column."""

HEAD_PT = 6.5
HEAD_HEIGHT = 24.0
"""The height of the titles, which have at most two lines."""


class Column(NamedTuple):
    """A column of a table, with its width in points.

    `key` names its cell in a row. `title` has one or two lines. With `right` a cell is a figure
    that ends at the right side; otherwise it is a text that begins `indent` points from the left
    side.
    """

    key: str
    title: str
    width: float
    right: bool = False
    indent: float = PAD


class Grid:
    """Columns side by side across the page."""

    def __init__(self, sheet: Sheet, columns: tuple[Column, ...]) -> None:
        """Place the columns from the left margin on."""
        self._sheet = sheet
        self._columns: list[tuple[Column, Cell]] = []
        x = LEFT
        for column in columns:
            begin, end = x + column.indent, x + column.width - PAD
            width = column.width - column.indent - PAD
            cell = Cell(end if column.right else begin, width, column.right)
            self._columns.append((column, cell))
            x += column.width

    def head(self) -> None:
        """Draw the titles of the columns below the present height."""
        sheet = self._sheet
        sheet.y -= HEAD_HEIGHT
        sheet.area(LEFT, RIGHT, HEAD_HEIGHT, PALE)
        sheet.rule(LEFT, RIGHT, 0.7)
        base = sheet.y
        for column, cell in self._columns:
            lines = column.title.split("\n")
            # From the last line up, so that titles of one and of two lines share their base line.
            for index, line in enumerate(reversed(lines)):
                sheet.y = base + 6 + index * HEAD_PT * LINE
                sheet.cells([(cell, line)], HEAD_PT, Face.STRONG)
        sheet.y = base

    def row(self, texts: dict[str, str], size: float = SMALL_PT, face: Face = Face.PLAIN) -> None:
        """Draw a row at the present height; `texts` are those of cells, by key of their columns."""
        cells = [(cell, texts[column.key]) for column, cell in self._columns if column.key in texts]
        self._sheet.cells(cells, size, face)
