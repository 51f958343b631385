"""The fonts of a PDF paper (a room): what they can show, and how much of it fits.

They are those of the package ttf-opensans: Latin, Greek and Cyrillic, and all figures are of one
width. What they have no glyph for is shown by its base letter, or as U+FFFD; no text is refused.
"""

import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from importlib import resources
from itertools import accumulate, takewhile

from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont


class Face(StrEnum):
    """The fonts of a paper."""

    PLAIN = "OpenSans-Regular"
    STRONG = "OpenSans-SemiBold"


_UNKNOWN = "\ufffd"
_FILES = resources.files("ttf_opensans") / "ttf"
_FONTS = [TTFont(face.value, str(_FILES / f"{face}.ttf")) for face in Face]
_GLYPHS = frozenset.intersection(*(frozenset(font.face.charToGlyph) for font in _FONTS))

for _font in _FONTS:
    registerFont(_font)


class _Shown(dict[int, str]):
    """What is shown for a character, for str.translate."""

    def __missing__(self, code: int) -> str:
        self[code] = _shown(chr(code))
        return self[code]


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zs", "Zl", "Zp"):
        return " "
    if category == "Cf":
        return ""
    if ord(character) in _GLYPHS:
        return character
    if category in ("Me", "Mn"):
        return ""
    plain = unicodedata.normalize("NFKD", character)
    known = "".join(part for part in plain if ord(part) in _GLYPHS)
    return known or _UNKNOWN


_SHOWN = _Shown()


def shown(text: str) -> str:
    """The text with nothing in it that has no glyph."""
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", text).translate(_SHOWN)


def width_of(shown: str, face: Face, size: float) -> float:
    """How wide a shown text is."""
    return float(stringWidth(shown, face, size))


def _fitting(shown: str, face: Face, size: float, width: float) -> int:
    """How many of its first characters are not wider than `width`."""
    ends = accumulate(width_of(character, face, size) for character in shown)
    return sum(1 for _ in takewhile(lambda end: end <= width, ends))


def clipped(shown: str, face: Face, size: float, width: float) -> str:
    """A shown text, cut so that it is not wider than `width`."""
    if width_of(shown, face, size) <= width:
        return shown
    fits = _fitting(shown, face, size, width - width_of("…", face, size))
    return shown[:fits].rstrip() + "…"


def wrapped(shown: str, face: Face, size: float, width: float) -> list[str]:
    """The lines of a shown text that are not wider than `width`; a longer word is broken."""
    chunks = (chunk for word in shown.split() for chunk in _broken(word, face, size, width))
    lines: list[str] = simpleSplit(" ".join(chunks), face, size, width)
    return lines


def _broken(word: str, face: Face, size: float, width: float) -> Iterator[str]:
    """A word in pieces that fit; one character at least in each."""
    while word:
        fits = max(_fitting(word, face, size, width), 1)
        yield word[:fits]
        word = word[fits:]
