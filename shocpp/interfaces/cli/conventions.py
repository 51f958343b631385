"""The edge of every command: its help, its errors and its exit codes (a door).

Errors are one line on stderr, never a traceback; the table below gives their exit codes.
"""

import functools
import getpass
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from shocpp.errors import (
    ConfigError,
    ShocppError,
    StoreUnavailable,
    Unreachable,
    Unsent,
    UsageError,
)
from shocpp.interfaces.lines import one_line

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


EXIT_CODES: tuple[tuple[type[ShocppError], int], ...] = (
    (ConfigError, 78),
    (UsageError, 2),
    (StoreUnavailable, 1),
    (Unreachable, 1),
    (Unsent, 1),
)

_Command = TypeVar("_Command", bound=Callable[..., Any])

charger_option = click.option(
    "-c",
    "--charge-point",
    metavar="ID_OR_SERIAL",
    help="The charger; may be left out while only one is connected.",
)

LONGEST_S = 3_600.0


def patience_option(default_s: float, help_: str) -> Callable[[_Command], _Command]:
    """The option that says how many seconds to wait."""
    return click.option(
        "-t",
        "--timeout",
        metavar="SECONDS",
        type=click.FloatRange(0, LONGEST_S, min_open=True),
        default=default_s,
        show_default=True,
        help=help_,
    )


def one_line_errors(command: _Command) -> _Command:
    """Let a command end with one sentence and the code of its error."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except ShocppError as error:
            click.echo(one_line(str(error)), err=True)
            sys.exit(next(code for kind, code in EXIT_CODES if isinstance(error, kind)))
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                click.echo(f"{error.filename or 'the output'}: {error.strerror}", err=True)
            # What is still buffered could not be written either, and would complain at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)

    return run  # type: ignore[return-value]


def user_name() -> str:
    """Who runs this, for the books."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id
        return "an unknown user"
