"""Texts that people write and paste: their JSON, their blanks and invisible characters (pure).

This module imports nothing of shocpp, so that the parsers of all files of conf/ can use it.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

UNSAFE = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""The characters besides ASCII's controls that a terminal obeys, or that change a line's order.

They are in the form of a regular expression: DEL, C1, the marks, embeddings and isolates of
bidirectional texts (UAX #9), the separators of lines and paragraphs, and lone surrogates, which
cannot be encoded.
"""

_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_VARIATION_SELECTORS = frozenset(map(chr, range(0xFE00, 0xFE10)))

_JOINERS = frozenset("\u200c\u200d")
"""Invisible characters that words of some languages, and some emoji, are spelled with."""


class RepeatedKey(ValueError):
    """A JSON text that is valid, but for a key that an object has twice."""


class _Repeating(dict[str, Any]):
    """A JSON object that has a key twice, the key `twice`."""

    twice = ""


def parse_unique(text: str, **options: Any) -> Any:
    """Return the JSON of a text that a human has written; `options` are those of `json.loads`.

    Raises RepeatedKey if a key is there twice in one object, with the key and its place in the
    text, and ValueError for any other error. Only `comment` may be repeated.
    """
    repeating: list[_Repeating] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # json would keep the last of them: an entry of a human would vanish unseen.
        members = dict(pairs)
        if len(members) < len(pairs):
            names = [name for name, _ in pairs if name != "comment"]
            twice = [name for name in members if names.count(name) > 1]
            if twice:
                members = _Repeating(members)
                members.twice = twice[0]
                repeating.append(members)
        return members

    content = json.loads(text, object_pairs_hook=members, **options)
    # A repeated comment is free to hold anything, so that the object may be gone.
    error_text = _repeated_in(content) if repeating else None
    if error_text is not None:
        raise RepeatedKey(error_text)
    return content


def _repeated_in(content: Any) -> str | None:
    """Return a phrase about the first object that has a key twice, or None without one."""
    # A loop, because a text may be nested deeper than Python can call.
    waiting: list[tuple[Any, tuple[str, ...]]] = [(content, ())]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, _Repeating):
            location = f" in {', '.join(path)}" if path else ""
            return f"{_quoted(value.twice)} is there twice{location}"
        if isinstance(value, dict):
            named = [(_quoted(name), member) for name, member in value.items()]
        elif isinstance(value, list):
            named = [(f"entry {number}", member) for number, member in enumerate(value, 1)]
        else:
            continue
        waiting += [(member, (*path, name)) for name, member in reversed(named)]
    return None


def _quoted(name: str) -> str:
    """Return a name in quotes, shortened to fit into a sentence."""
    return repr(name if len(name) <= 40 else f"{name[:39]}…")


def without_controls(text: str) -> str:
    r"""Return a text with each control character but newline and tab as `\u001b`.

    JSON stays valid JSON of the same value: its control characters are all inside strings.
    """
    # A printable text has none of them. The pattern is compiled at its first use: most processes
    # never need it.
    if text.isprintable():
        return text
    return re.sub(f"[\x00-\x08\x0b-\x1f{UNSAFE}]", _escape, text)


def controls_to_blanks(text: str) -> str:
    """Return a text with a blank in place of each control character, newlines included."""
    return text if text.isprintable() else re.sub(f"[\x00-\x1f{UNSAFE}]", " ", text)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def without_names(text: str, names: Iterable[str], own: str) -> str:
    """Return a text with an ellipsis in place of each of these names but `own`.

    Names are words of their own, in any case; German adds an s to them.
    """
    # The longest first, because names may begin alike.
    longest_first = sorted({own, *names}, key=len, reverse=True)
    name = "|".join(map(re.escape, longest_first))
    return re.sub(
        rf"(?<!\w)({name})(?=s?(?!\w))",
        lambda match: match[0] if match[0].casefold() == own.casefold() else "…",
        text,
        flags=re.IGNORECASE,
    )


def without_blanks(text: str) -> str:
    """Return a text without blanks of any kind, control characters and invisible characters."""
    return without_unseen(text).replace(" ", "")


def without_unseen(text: str) -> str:
    """Return a text without outer blanks and without invisible characters; its blanks are plain."""
    if text.isascii() and text.isprintable():
        return text.strip()
    seen = [" " if _category(character) == "Zs" else character for character in text]
    return "".join(character for character in seen if not _is_unseen(character)).strip()


def printable_line(text: str) -> str | None:
    """Return a text on one line, or None if it has control characters.

    Each blank becomes a plain one, and invisible characters go, except those that letters need. A
    printable text stays as it is, with its outer blanks.
    """
    # A name with outer blanks may be in the books already.
    if text.isprintable():
        return text
    categories = [_category(character) for character in text]
    # A lone surrogate cannot be written to a file.
    if "Cc" in categories or "Cs" in categories:
        return None
    return "".join(
        " " if category.startswith("Z") else character
        for character, category in zip(text, categories, strict=True)
        if category != "Cf" or character in _JOINERS
    ).strip()


def _is_unseen(character: str) -> bool:
    """Return True for control characters and characters that no font shows."""
    return (
        _category(character) in ("Zl", "Zp", "Cc", "Cf")
        or character in _FILLERS
        or character in _VARIATION_SELECTORS
    )


def _category(character: str) -> str:
    """Return the general category of a character (Unicode §4.5)."""
    # Most processes never need it, and a CGI process pays for its imports.
    from unicodedata import category

    return category(character)
