"""The fonts of the PDF: which characters they can print, and the widths of texts.

The fonts are those of the package ttf-opensans. They have Latin, Greek and Cyrillic, and all digits
have the same width. A character without a glyph is printed by REPLACEMENTS, as its base letter, or
as U+FFFD; the layout of older months has no REPLACEMENTS. No text is refused. Widths and sizes are
in points.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from importlib import resources
from itertools import accumulate, takewhile

from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont


class Face(StrEnum):
    """The fonts of a statement, by the names that reportlab knows them by."""

    PLAIN = "OpenSans-Regular"
    STRONG = "OpenSans-SemiBold"


_UNKNOWN = "\ufffd"

REPLACEMENTS = {
    "ẞ": "SS",
    "←": "<-",
    "→": "->",
    "↔": "<->",
    "⇐": "<=",
    "⇒": "=>",
    "✓": "√",
    "✔": "√",
    "✗": "x",
    "✘": "x",
    "☐": "[ ]",
    "☑": "[x]",
    "☒": "[x]",
    "■": "•",
    "□": "•",
    "▪": "•",
    "●": "•",
    "○": "•",
    "◦": "•",
    "▶": ">",
    "►": ">",
    "◀": "<",
    "★": "*",
    "☆": "*",
    "\u2010": "-",
    "\u2011": "-",
}
"""The spelling of characters without a glyph, of which no base letter would tell the meaning."""

_FILES = resources.files("ttf_opensans") / "ttf"
# The standard fonts of PDF lack Greek, Cyrillic and many Latin letters, so fonts are embedded.
_FONTS = [TTFont(face.value, str(_FILES / f"{face}.ttf")) for face in Face]
# The characters of both fonts, because every text may be printed in either.
_GLYPHS = frozenset.intersection(*(frozenset(font.face.charToGlyph) for font in _FONTS))

for _font in _FONTS:
    registerFont(_font)


class _PrintableCharacters(dict[int, str]):
    """A table for `str.translate` that computes each character once, when it first occurs."""

    def __init__(self, replacements: Mapping[str, str]) -> None:
        self._replacements = replacements

    def __missing__(self, code: int) -> str:
        self[code] = _printable_character(chr(code), self._replacements)
        return self[code]


def _printable_character(character: str, replacements: Mapping[str, str]) -> str:
    """Return the character, or its replacement if the fonts have no glyph for it."""
    category = unicodedata.category(character)
    if category in ("Cc", "Zs", "Zl", "Zp"):
        return " "
    # Format characters, such as a zero-width space, are invisible.
    if category == "Cf":
        return ""
    if ord(character) in _GLYPHS:
        return character
    if character in replacements:
        return replacements[character]
    # Combining marks: the letter before them stays readable without them.
    if category in ("Me", "Mn"):
        return ""
    decomposed = unicodedata.normalize("NFKD", character)
    known = "".join(part for part in decomposed if ord(part) in _GLYPHS)
    return known or _UNKNOWN


_FIRST = _PrintableCharacters({})
_PRINTABLE = _PrintableCharacters(REPLACEMENTS)

Spelling = Callable[[str], str]
"""A function that returns a text with replacements for the characters without a glyph."""


def printable(text: str) -> str:
    """Return the text with replacements for the characters that the fonts have no glyph for."""
    return _spelled(text, _PRINTABLE)


def first_printable(text: str) -> str:
    """Return the text as months are printed that were closed before there were REPLACEMENTS."""
    return _spelled(text, _FIRST)


def _spelled(text: str, characters: _PrintableCharacters) -> str:
    # Most texts are ASCII: they need no look at each character.
    if text.isascii() and text.isprintable():
        return text
    # In NFC a letter and its accent are one character, which most often has a glyph.
    return unicodedata.normalize("NFC", text).translate(characters)


def unprintable(text: str) -> str:
    """Return the visible characters of a text that the fonts lack, each once, in their order."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(
        character
        for character in dict.fromkeys(composed)
        if ord(character) not in _GLYPHS and unicodedata.category(character)[0] not in "CZ"
    )


def width_of(text: str, face: Face, size: float) -> float:
    """Return the width in points of a printable text."""
    return float(stringWidth(text, face, size))


def _fitting(text: str, face: Face, size: float, width: float) -> int:
    """Return the number of first characters that fit into `width`."""
    # reportlab does no kerning: the width of a text is the sum of the widths of its characters.
    ends = accumulate(width_of(character, face, size) for character in text)
    return sum(1 for _ in takewhile(lambda end: end <= width, ends))


def clipped(text: str, face: Face, size: float, width: float) -> str:
    """Return a printable text, cut short with an ellipsis if it is wider than `width`."""
    if width_of(text, face, size) <= width:
        return text
    fits = _fitting(text, face, size, width - width_of("…", face, size))
    return text[:fits].rstrip() + "…"


def wrapped(text: str, face: Face, size: float, width: float) -> list[str]:
    """Return a printable text as lines that fit into `width`; a longer word is broken."""
    chunks = (chunk for word in text.split() for chunk in _broken(word, face, size, width))
    lines: list[str] = simpleSplit(" ".join(chunks), face, size, width)
    return lines


def _broken(word: str, face: Face, size: float, width: float) -> Iterator[str]:
    """Yield a word in chunks that fit into `width`, each of at least one character."""
    while word:
        # A column narrower than a character must not make an endless loop.
        fits = max(_fitting(word, face, size, width), 1)
        yield word[:fits]
        word = word[fits:]
