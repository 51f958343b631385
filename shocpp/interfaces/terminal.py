"""The output of commands: control characters in it reach no terminal, whatever wrote them."""

import io
import sys
from typing import Any, TextIO

import click

from shocpp.texts import without_controls


class _Escaping(io.TextIOWrapper):
    """A text stream that escapes control characters; the escapes are valid in JSON, too."""

    def write(self, text: str, /) -> int:
        """Write a text, and return its length."""
        super().write(without_controls(text))
        return len(text)


class Command(click.Command):
    """A command that a console script starts."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command with escaped output: usage errors repeat the arguments of the caller."""
        escape_output()
        return super().main(*args, **options)


class Group(click.Group):
    """A group of commands that a console script starts."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command of the group with escaped output."""
        escape_output()
        return super().main(*args, **options)


def escape_output() -> None:
    """Escape all that this process prints from now on, but for bytes and for `sys.__stderr__`.

    Commands escape texts of chargers themselves, as it fits their lines; this is for all others.
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
