"""The JSON objects in the files of conf/: their keys, texts and spelling.

Every UsageError begins with `location`, the position in the file. The reader of the file adds the
file's name in front.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from shocpp.errors import ConfigError, UsageError
from shocpp.texts import RepeatedKey, parse_unique, printable_line


def parse_json(text: str, source: str, example: str) -> object:
    """Return the JSON of a file.

    Raises ConfigError with file and example if it is no JSON, or if a key is there twice.
    """
    try:
        return parse_unique(text)
    except RepeatedKey as error:
        line = _line_of_repeated(text)
        raise ConfigError(f"{source} is not JSON: {error}, line {line}; see {example}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{source} is not JSON: {error}; see {example}") from None


def members(value: object, location: str, known: Sequence[str] | None = None) -> dict[str, Any]:
    """Return a JSON object; with `known`, only if all its keys are known."""
    if not isinstance(value, dict):
        raise UsageError(f"{location} must be an object, not {quoted(value)}")
    for key in value:
        if known is not None and key not in known:
            raise UsageError(f"{location}: {quoted(key)} is unknown; there are {', '.join(known)}")
    return value


def line_of_text(value: object, location: str) -> str:
    """Return a text that fits on one line of a mail header, a statement or a log.

    A no-break blank becomes a plain one.
    """
    # A line break would let a text of the file add headers to a mail.
    line = value if isinstance(value, str) else None
    if line is not None and not line.isprintable():
        line = printable_line(line)
    if line is None:
        raise UsageError(
            f"{location} must be a text on one line, without control characters, not "
            f"{quoted(value)}"
        )
    return line


def quoted(value: object) -> str:
    """Return a value in quotes, shortened to fit into a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


_SURROGATE = re.compile("[\ud800-\udfff]")


class Members(dict[str, Any]):
    """A JSON object that keeps the order of its members, and repeated keys such as `comment`.

    A command that changes a file of conf/ reads it into these objects, so that the rest of the file
    stays as its author wrote it.
    """

    def __init__(self, pairs: Sequence[tuple[str, Any]] = ()) -> None:
        super().__init__(pairs)
        self._pairs = list(pairs)

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a member at its position, or a new one at the end."""
        super().__setitem__(key, value)
        positions = [position for position, (name, _) in enumerate(self._pairs) if name == key]
        # The last one, because that is the one that dict and json keep.
        if positions:
            self._pairs[positions[-1]] = (key, value)
        else:
            self._pairs.append((key, value))

    def __delitem__(self, key: str) -> None:
        """Remove a member, with all its repetitions."""
        super().__delitem__(key)
        self._pairs = [(name, value) for name, value in self._pairs if name != key]

    def rename(self, key: str, name: str) -> None:
        """Give a member another key, at its position; no other member has that one."""
        super().__setitem__(name, super().pop(key))
        self._pairs = [(name if each == key else each, value) for each, value in self._pairs]

    def items(self) -> Any:
        """Return all members in order, so that json writes the repetitions too."""
        return self._pairs


class Number(float):
    """A number of a file with a fraction or an exponent, which keeps its spelling, such as `24.10`.

    Only its text goes into a file: the binary fraction is not exact.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def ordered(text: str) -> Any:
    """Return the JSON of a valid text, in Members, with its numbers as they are spelled."""
    return json.loads(text, object_pairs_hook=Members, parse_float=Number)


def spelled(value: object) -> str:
    """Return the text of a file of conf/, in the form of the examples."""
    return f"{_spelled(value, '')}\n"


def _spelled(value: object, indent: str) -> str:
    """Return the JSON of a value; `indent` are the blanks before its last line."""
    # json would write each number as Python does: 24.1 in place of 24.10.
    if isinstance(value, Number):
        return value.text
    named: Any
    if isinstance(value, dict):
        named, (begin, end) = value.items(), "{}"
    elif isinstance(value, list | tuple):
        named, (begin, end) = [(None, member) for member in value], "[]"
    else:
        return _text_of(value)
    inner = f"{indent}  "
    parts = []
    for name, member in named:
        key = "" if name is None else f"{_text_of(name)}: "
        parts.append(key + _spelled(member, inner))
    if not parts:
        return begin + end
    lines = f",\n{inner}".join(parts)
    return f"{begin}\n{inner}{lines}\n{indent}{end}"


def _text_of(value: object) -> str:
    """Return the JSON of a value without members."""
    text = json.dumps(value, ensure_ascii=False)
    # JSON can escape half of a surrogate pair, which no UTF-8 can hold.
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]|[^\s{}\[\],:"]+')


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Return the line of a valid JSON text, from 1, on which the value at a path is.

    Without such a value it is that of the last step there is.
    """
    begin, matched = 0, 0
    for steps, position in _values(text):
        depth = len(steps)
        if depth > matched and steps == tuple(path[:depth]):
            begin, matched = position, depth
    return 1 + text.count("\n", 0, begin)


def _line_of_repeated(text: str) -> int:
    """Return the line of the first key of a valid JSON text that its object has already."""
    seen: set[tuple[str | int, ...]] = set()
    for steps, position in _values(text):
        # A comment may be repeated, and then its members are, too.
        if steps in seen and "comment" not in steps:
            return 1 + text.count("\n", 0, position)
        seen.add(steps)
    return 1


def _values(text: str) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Yield each value of a valid JSON text: the keys and positions that lead to it, and its begin.

    A member begins with its key.
    """
    # A loop, because a text may be nested deeper than Python can call.
    steps: list[str | int] = []
    is_key = has_key = False
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in ("}", "]"):
            steps.pop()
            is_key = False
        elif sign == ",":
            is_key = isinstance(steps[-1], str)
            if isinstance(steps[-1], int):
                steps[-1] += 1
        elif is_key:
            steps[-1], is_key, has_key = json.loads(sign), False, True
            yield tuple(steps), token.start()
        else:
            if not has_key:
                yield tuple(steps), token.start()
            has_key = False
            if sign in ("{", "["):
                steps.append("" if sign == "{" else 0)
                is_key = sign == "{"


class MemberError(UsageError):
    """A value that cannot be used; `path` leads to it, and its sentence begins with it."""

    def __init__(self, path: Sequence[str | int], sentence: str) -> None:
        names = (f"entry {key + 1}" if isinstance(key, int) else _plain(key) for key in path)
        super().__init__(f"{', '.join(names) or 'the file'} {sentence}")
        self.path = tuple(path)


class Located(NamedTuple):
    """A value of a file and the keys and positions that lead to it; all raise MemberError."""

    value: Any
    path: tuple[str | int, ...] = ()

    def error(self, sentence: str) -> MemberError:
        """Return the error of this value; the sentence goes on after its location."""
        return MemberError(self.path, sentence)

    def members(self, known: Sequence[str] | None = None) -> "dict[str, Located]":
        """Return the members of an object but `comment`; with `known`, no others are allowed."""
        if not isinstance(self.value, dict):
            raise self.error(f"must be an object, not {quoted(self.value)}")
        each = {key: Located(value, (*self.path, key)) for key, value in self.value.items()}
        each.pop("comment", None)
        for key, member in each.items():
            if known is not None and key not in known:
                raise member.error(f"is unknown; there are {', '.join(known)}")
        return each

    def entries(self) -> "list[Located]":
        """Return the entries of a list."""
        if not isinstance(self.value, list):
            raise self.error(f"must be a list, not {quoted(self.value)}")
        return [Located(value, (*self.path, index)) for index, value in enumerate(self.value)]

    def number(self, least: float, most: float) -> float:
        """Return a number least..most."""
        is_number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        # JSON of Python knows NaN, which no comparison finds.
        if not (is_number and least <= self.value <= most):
            raise self.error(f"must be a number {least:g}..{most:g}, not {quoted(self.value)}")
        return self.value  # type: ignore[no-any-return]

    def text(self) -> str:
        """Return a text on one line that is not blank."""
        line = printable_line(self.value) if isinstance(self.value, str) else None
        if line is None or not line.strip():
            raise self.error(f"must be a text on one line, not {quoted(self.value)}")
        return line


def _plain(key: str) -> str:
    """Return a key as sentences name it."""
    return key if key.isidentifier() and key.isascii() else quoted(key)
