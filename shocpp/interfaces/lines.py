"""Escaping of control characters, so that a text of a charger or a stranger stays on one line."""

import io
import sys
from typing import TextIO

from shocpp.texts import without_controls


def one_line(text: str) -> str:
    """Return the text with its control characters escaped, for output, logs and answers."""
    # Nearly every text is printable: to look at each character takes 5 µs a log line.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class _Escaping(io.TextIOWrapper):
    """A text stream that escapes control characters; the escapes are valid in JSON, too."""

    def write(self, text: str, /) -> int:
        """Write a text, and return its length."""
        super().write(without_controls(text))
        return len(text)


def escape_output() -> None:
    """Escape all text that this process prints from now on, but for that to `sys.__stderr__`.

    Commands escape texts of chargers as it fits their lines; this is for everything else, such as
    JSON, and errors that repeat an argument.
    """
    sys.stdout, sys.stderr = _escaping(sys.stdout), _escaping(sys.stderr)


def _escaping(stream: TextIO) -> TextIO:
    """Return a stream that escapes what it writes to the file of another one."""
    if not isinstance(stream, io.TextIOWrapper) or isinstance(stream, _Escaping):
        return stream
    return _Escaping(
        stream.buffer,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
