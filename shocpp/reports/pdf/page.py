"""The pages of a PDF file: A4, landscape or portrait, filled from top to bottom.

Lengths are in points, and y counts from the bottom. Nothing exceeds its width: texts are wrapped or
cut short, and figures are squeezed. The same calls make the same bytes.

reportlab writes 100,000 rows in 18 s, fpdf2 needs 50 s. A writer of our own took 9 s, but reportlab
is maintained by others and spares 400 lines about the file format.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import NamedTuple

from reportlab.lib.rl_accel import fp_str
from reportlab.pdfgen.textobject import PDFTextObject

from shocpp.reports.pdf.canvas import DocumentInfo, empty_canvas
from shocpp.reports.pdf.font import Face, Spelling, clipped, printable, width_of, wrapped

WIDTH, HEIGHT = 841.89, 595.28
"""The size of a landscape page."""

LEFT, RIGHT = 36.0, WIDTH - 36.0
TOP, BOTTOM = HEIGHT - 34.0, 44.0
"""The ends of the area for content of a landscape page; the footer is below it."""

BODY_PT, SMALL_PT = 8.0, 7.0
BLACK, GREY, LIGHT, PALE = 0.08, 0.38, 0.8, 0.94
"""Shades of grey in PDF: 0 is black, 1 is white."""

LINE = 1.42
"""The height of a line of text, as a multiple of the font size."""


class PageFormat(NamedTuple):
    """The size of a page, and the ends of its area for content."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float


LANDSCAPE = PageFormat(WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM)


class Cell(NamedTuple):
    """A cell of a row.

    With `right` it holds a figure that ends at `x`, otherwise a text that begins there.
    """

    x: float
    width: float
    right: bool


class Area(NamedTuple):
    """A rectangle: its left lower corner, its width and its height."""

    x: float
    y: float
    width: float
    height: float


# A coordinate takes 5 µs to format, and those of columns and rows are the same on every page.
_coordinate = lru_cache(maxsize=4096)(fp_str)


class _Texts(PDFTextObject):  # type: ignore[misc]
    """The texts of a page; only their origins are written in a quicker way."""

    def setTextOrigin(self, x: float, y: float) -> None:  # noqa: N802
        """Let the next text begin at a point."""
        self._code.append(f"1 0 0 1 {_coordinate(x)} {_coordinate(y)} Tm")
        self._x0 = self._x = x
        self._y0 = self._y = y


class Sheet:
    """A PDF file in the making, with the page that is being filled.

    `y` is the present height on the page, `pages` the number of pages that are full. `top` is
    called at the beginning of each page but the first; it draws the running head.
    """

    def __init__(
        self,
        info: DocumentInfo,
        page_format: PageFormat = LANDSCAPE,
        spelling: Spelling = printable,
    ) -> None:
        """Begin the first page; `spelling` makes texts printable."""
        self.printable = spelling
        # Chargers, cards and prices repeat in nearly every row.
        self._measured = lru_cache(maxsize=4096)(self._measure)
        self._cut = lru_cache(maxsize=4096)(self._clip)
        self.top: Callable[[], None] = _nothing
        self.format = page_format
        self.y = page_format.top
        self.pages = 0
        self._style: tuple[Face, float, float] | None = None
        self._formats: list[PageFormat] = []
        self._late: list[tuple[PageFormat, Callable[[], None]]] = []
        self._late_here: list[str] = []
        self._canvas = empty_canvas(info, (page_format.width, page_format.height))
        self._begin()

    def text(
        self,
        x: float,
        words: str,
        width: float,
        size: float = BODY_PT,
        face: Face = Face.PLAIN,
        grey: float = BLACK,
    ) -> None:
        """Draw words from `x` on at the present height, cut short if wider than `width`."""
        self._draw(x, self._cut(words, face, size, width), size, face, grey)

    def figure(
        self,
        x: float,
        words: str,
        width: float,
        size: float = BODY_PT,
        face: Face = Face.PLAIN,
        grey: float = BLACK,
    ) -> None:
        """Draw a figure that ends at `x`, at the present height.

        A figure wider than `width` is squeezed, because no digit may be lost.
        """
        words, words_width = self._measured(words, face, size)
        if words_width <= width:
            self._draw(x - words_width, words, size, face, grey)
            return
        self._words.setHorizScale(width * 100 / words_width)
        self._draw(x - width, words, size, face, grey)
        self._words.setHorizScale(100)

    def cells(self, cells: Iterable[tuple[Cell, str]], size: float, face: Face) -> None:
        """Draw the words of the cells of a row at the present height; empty words draw nothing."""
        for cell, words in cells:
            if words:
                draw = self.figure if cell.right else self.text
                draw(cell.x, words, cell.width, size, face)

    def _draw(self, x: float, words: str, size: float, face: Face, grey: float) -> None:
        # Font and colour are written only when they change, which keeps the file small.
        if self._style != (face, size, grey):
            self._style = (face, size, grey)
            self._words.setFont(face, size)
            self._words.setFillGray(grey)
        self._words.setTextOrigin(round(x, 2), round(self.y, 2))
        self._words.textLine(words)

    def _measure(self, words: str, face: Face, size: float) -> tuple[str, float]:
        """Return the words as printable text, and its width."""
        text = self.printable(words)
        return text, width_of(text, face, size)

    def _clip(self, words: str, face: Face, size: float, width: float) -> str:
        """Return the words as printable text that fits into `width`."""
        return clipped(self.printable(words), face, size, width)

    def rule(self, x: float, to_x: float, thick: float = 0.5, grey: float = BLACK) -> None:
        """Draw a horizontal line at the present height."""
        self.area(x, to_x, thick, grey)

    def area(self, x: float, to_x: float, height: float, grey: float) -> None:
        """Fill an area that stands on the present height.

        Texts are always above areas: the page's texts are drawn together when the page ends.
        """
        self._canvas.setFillGray(grey)
        self._canvas.rect(x, round(self.y, 2), to_x - x, height, stroke=0, fill=1)

    def areas(self, areas: Iterable[Area], grey: float = BLACK) -> None:
        """Fill areas anywhere on the page, as one path."""
        path = self._canvas.beginPath()
        for area in areas:
            path.rect(*(round(length, 3) for length in area))
        self._canvas.setFillGray(grey)
        self._canvas.drawPath(path, stroke=0, fill=1)

    def wrapped(
        self,
        words: str,
        width: float,
        size: float = BODY_PT,
        face: Face = Face.PLAIN,
        most: int | None = None,
    ) -> list[str]:
        """Return the words as lines that fit into `width`; a longer word is broken.

        There are at most `most` lines; the last one ends with an ellipsis if more are needed.
        """
        lines = wrapped(self.printable(words), face, size, width)
        if most is None or len(lines) <= most:
            return lines
        return [*lines[: most - 1], clipped(" ".join(lines[most - 1 :]), face, size, width)]

    def paragraph(
        self,
        words: str,
        x: float | None = None,
        width: float | None = None,
        size: float = BODY_PT,
        face: Face = Face.PLAIN,
        grey: float = BLACK,
    ) -> None:
        """Draw wrapped words below the present height, on as many pages as they need.

        By default the lines are as wide as the page.
        """
        x = self.format.left if x is None else x
        width = self.format.right - x if width is None else width
        for line in self.wrapped(words, width, size, face):
            self.need(size * LINE)
            self.y -= size * LINE
            # One point more, so that rounding never clips a line that was wrapped to fit.
            self.text(x, line, width + 1, size, face, grey)

    def need(self, height: float) -> None:
        """Begin a new page if less than this height is left on the page."""
        if self.y - height < self.format.bottom:
            self.break_page()

    def height_left(self) -> float:
        """Return the height that is left on the page."""
        return self.y - self.format.bottom

    def break_page(self) -> None:
        """End this page and begin the next one with the running head."""
        self._end()
        self.top()

    def turn(self, page_format: PageFormat) -> None:
        """End this page and begin the next one in another format."""
        self._end(page_format)
        self.top()

    def draw_late(self, draw: Callable[[], None]) -> None:
        """Call `draw` when the last page is full; what it draws is on the present page.

        It comes after the texts of the page. `draw` begins at the present height.
        """
        y = self.y

        def at_this_height() -> None:
            self.y = y
            draw()

        self._late.append((self.format, at_this_height))
        self._late_here.append(f"late-{len(self._late)}")

    def _end(self, next_format: PageFormat | None = None) -> None:
        """Write the texts of the page and a reference to its footer, and begin the next page."""
        self.pages += 1
        self._canvas.drawText(self._words)
        for name in (*self._late_here, f"below-{self.pages}"):
            self._canvas.doForm(name)
        self._late_here.clear()
        self._canvas.showPage()
        self._formats.append(self.format)
        if next_format is not None:
            self._set(next_format)
        self._begin()

    def _set(self, page_format: PageFormat) -> None:
        """Let pages and forms have a format from now on."""
        self.format = page_format
        self._canvas.setPageSize((page_format.width, page_format.height))

    def _begin(self) -> None:
        """Begin the texts of a page or a form."""
        self.y = self.format.top
        self._words = _Texts(self._canvas)
        # A new text object has neither font nor colour yet.
        self._style = None

    def finish(self, footer: Callable[[int, int], None]) -> bytes:
        """Return the file; `footer` is called for each page with its number and their count."""
        self._end()
        # Each page refers to forms, which are drawn when the count and the rows are known.
        for number, (page_format, draw) in enumerate(self._late, 1):
            self._form(f"late-{number}", page_format, draw)
        for page, page_format in enumerate(self._formats, 1):
            self._form(f"below-{page}", page_format, partial(footer, page, self.pages))
        file: bytes = self._canvas.getpdfdata()
        return file

    def _form(self, name: str, page_format: PageFormat, draw: Callable[[], None]) -> None:
        """Draw a form to which pages of a format refer by its name."""
        if page_format is not self.format:
            self._set(page_format)
        self._canvas.beginForm(name)
        self._begin()
        draw()
        self._canvas.drawText(self._words)
        self._canvas.endForm()


def _nothing() -> None:
    """Draw no running head; the caller draws the head of the first page."""
