"""The pages of a PDF paper (a room): A4 landscape, filled from top to bottom.

Lengths are points, y is counted from the bottom. Nothing is ever drawn past its width: words are
wrapped or cut short, figures are squeezed. The same calls make the same bytes.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from reportlab import rl_config
from reportlab.pdfgen.canvas import Canvas

from shocpp.reports.pdf.font import Face, clipped, shown, width_of, wrapped

WIDTH, HEIGHT = 841.89, 595.28
LEFT, RIGHT = 36.0, WIDTH - 36.0
TOP, BOTTOM = HEIGHT - 34.0, 44.0
BODY_PT, SMALL_PT = 8.0, 7.0
BLACK, GREY, LIGHT, PALE = 0.08, 0.38, 0.8, 0.94
LINE = 1.42
"""From one line of a text to the next, in sizes of its font."""

# Else what is packed is written as text, a fourth longer.
rl_config.useA85 = 0


class Facts(NamedTuple):
    """What the file says of itself; `created_at` is in UTC, ISO 8601."""

    title: str
    author: str
    subject: str
    creator: str
    created_at: str
    language: str


class Sheet:
    """The page that is being filled; `top` draws what each page begins with, but the first."""

    def __init__(self, facts: Facts) -> None:
        """Begin the first page."""
        self.top: Callable[[], None] = _nothing
        self.y = TOP
        self.pages = 0
        self._style: tuple[Face, float, float] | None = None
        self._canvas = _canvas(facts)
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
        """Draw words from `x` on, cut short where they are wider than `width`."""
        self._show(x, _cut(words, face, size, width), size, face, grey)

    def figure(
        self,
        x: float,
        words: str,
        width: float,
        size: float = BODY_PT,
        face: Face = Face.PLAIN,
        grey: float = BLACK,
    ) -> None:
        """Draw what ends at `x`, squeezed where it is wider than `width`: no digit may be lost."""
        words, wide = _measured(words, face, size)
        if wide <= width:
            self._show(x - wide, words, size, face, grey)
            return
        self._words.setHorizScale(width * 100 / wide)
        self._show(x - width, words, size, face, grey)
        self._words.setHorizScale(100)

    def _show(self, x: float, shown: str, size: float, face: Face, grey: float) -> None:
        if self._style != (face, size, grey):
            self._style = (face, size, grey)
            self._words.setFont(face, size)
            self._words.setFillGray(grey)
        self._words.setTextOrigin(round(x, 2), round(self.y, 2))
        self._words.textLine(shown)

    def rule(self, x: float, to_x: float, thick: float = 0.5, grey: float = BLACK) -> None:
        """Draw a line at the present height."""
        self.area(x, to_x, thick, grey)

    def area(self, x: float, to_x: float, height: float, grey: float) -> None:
        """Fill an area that stands on the present height; words are always above it."""
        self._canvas.setFillGray(grey)
        self._canvas.rect(x, round(self.y, 2), to_x - x, height, stroke=0, fill=1)

    def wrapped(
        self,
        words: str,
        width: float,
        size: float = BODY_PT,
        face: Face = Face.PLAIN,
        most: int | None = None,
    ) -> list[str]:
        """The lines of words that are not wider than `width`; a longer word is broken.

        There are `most` of them, and an ellipsis where that was not enough.
        """
        lines = wrapped(shown(words), face, size, width)
        if most is None or len(lines) <= most:
            return lines
        return [*lines[: most - 1], clipped(" ".join(lines[most - 1 :]), face, size, width)]

    def paragraph(
        self,
        words: str,
        x: float = LEFT,
        width: float = RIGHT - LEFT,
        size: float = BODY_PT,
        face: Face = Face.PLAIN,
        grey: float = BLACK,
    ) -> None:
        """Draw wrapped words below the present height, on as many pages as they need."""
        for line in self.wrapped(words, width, size, face):
            self.need(size * LINE)
            self.y -= size * LINE
            self.text(x, line, width + 1, size, face, grey)

    def need(self, height: float) -> None:
        """Begin a new page unless this one has so much left, or is still empty."""
        if self.y - height < BOTTOM:
            self.break_page()

    def left(self) -> float:
        """How much of this page is left."""
        return self.y - BOTTOM

    def break_page(self) -> None:
        """End this page and begin the next one."""
        self._end()
        self.top()

    def _end(self) -> None:
        self.pages += 1
        self._canvas.drawText(self._words)
        self._canvas.doForm(f"below-{self.pages}")
        self._canvas.showPage()
        self._begin()

    def _begin(self) -> None:
        self.y = TOP
        self._words = self._canvas.beginText()
        self._style = None

    def finish(self, footer: Callable[[int, int], None]) -> bytes:
        """The file; `footer` draws what is below each page, of its number and their count."""
        self._end()
        for page in range(1, self.pages + 1):
            self._canvas.beginForm(f"below-{page}")
            self._begin()
            footer(page, self.pages)
            self._canvas.drawText(self._words)
            self._canvas.endForm()
        file: bytes = self._canvas.getpdfdata()
        return file


def _canvas(facts: Facts) -> Canvas:
    """An empty file that says of itself what it is, with neither clock nor chance in it."""
    canvas = Canvas(
        "",
        pagesize=(WIDTH, HEIGHT),
        pageCompression=1,
        invariant=1,
        initialFontName=Face.PLAIN,
        lang=facts.language,
    )
    canvas.setTitle(_encodable(facts.title))
    canvas.setAuthor(_encodable(facts.author))
    canvas.setSubject(_encodable(facts.subject))
    canvas.setCreator(facts.creator)
    canvas.setViewerPreference("DisplayDocTitle", "true")
    moment = "".join(character for character in facts.created_at[:19] if character.isdigit())
    canvas.setDateFormatter(lambda *_clock: f"D:{moment}Z")
    return canvas


def _encodable(text: str) -> str:
    """A text without what cannot be written in any file: half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


@lru_cache(maxsize=4096)
def _measured(words: str, face: Face, size: float) -> tuple[str, float]:
    """What is shown for words, and how wide it is."""
    told = shown(words)
    return told, width_of(told, face, size)


@lru_cache(maxsize=4096)
def _cut(words: str, face: Face, size: float, width: float) -> str:
    return clipped(shown(words), face, size, width)


def _nothing() -> None:
    """What the first page begins with: its head is drawn apart."""
