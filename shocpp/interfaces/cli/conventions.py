"""The conventions of all commands: help, shared options, error lines and exit codes.

An error is one line on stderr, never a traceback. `EXIT_CODES` gives its exit code.
"""

import functools
import getpass
import os
import sys
from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

import click

from shocpp.calls.outcomes import OUTCOME_OF_ERROR, REPORTS
from shocpp.errors import (
    ConfigError,
    MonthIncomplete,
    ShocppError,
    StoreUnavailable,
    Unsent,
    UsageError,
)
from shocpp.installation.files import IS_CHECKOUT
from shocpp.interfaces.lines import escape_output, one_line
from shocpp.language.dates import parsed_day

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""The context settings of every command."""

# The first matching class counts, so a subclass with a code of its own must come first.
EXIT_CODES: tuple[tuple[type[ShocppError], int], ...] = (
    *((kind, REPORTS[outcome].command) for kind, outcome in OUTCOME_OF_ERROR),
    # conf/systemd does not restart the server after 78: it would only fail again.
    (ConfigError, 78),
    (UsageError, 2),
    (StoreUnavailable, 1),
    (MonthIncomplete, 1),
    (Unsent, 1),
)
"""The exit code of each error: 78 is EX_CONFIG of sysexits.h, 2 is wrong usage as in click."""

YEAR = click.IntRange(2000, 2099)
MONTH_NUMBER = click.IntRange(1, 12)
"""The types of the arguments YEAR and MONTH of a command."""

_Command = TypeVar("_Command", bound=Callable[..., Any])

charger_option = click.option(
    "-c",
    "--charge-point",
    metavar="ID_OR_SERIAL",
    help="The charger; may be left out while only one is connected.",
)
"""The option that names a connected charger."""

MAX_TIMEOUT_S = 3_600.0
"""The longest time in seconds that `--timeout` accepts."""


class Command(click.Command):
    """A command that a console script starts."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command with escaped output: usage errors repeat the arguments of the caller."""
        _begin()
        return super().main(*args, **options)


class Group(click.Group):
    """A group of commands that a console script starts."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command of the group with escaped output."""
        _begin()
        return super().main(*args, **options)


def timeout_option(default_s: float, help_: str) -> Callable[[_Command], _Command]:
    """Return the option `--timeout`, in seconds, with this default and help text."""
    return click.option(
        "-t",
        "--timeout",
        metavar="SECONDS",
        type=click.FloatRange(0, MAX_TIMEOUT_S, min_open=True),
        default=default_s,
        show_default=True,
        help=help_,
    )


def _day(_context: click.Context, _option: click.Parameter, text: str | None) -> date | None:
    """Return the day of an option, or None without one; raises BadParameter with its spellings."""
    try:
        return None if text is None else parsed_day(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def day_option(
    name: str, destination: str, help_: str, *, required: bool = False
) -> Callable[[_Command], _Command]:
    """Return an option for a day of local time, which passes a `date` or None.

    It takes 2026-12-31 and 31.12.2026.
    """
    return click.option(
        name,
        destination,
        callback=_day,
        metavar="DATE",
        required=required,
        help=help_,
    )


def one_line_errors(command: _Command) -> _Command:
    """Decorate a command so that an error prints one line on stderr and sets the exit code."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except ShocppError as error:
            click.echo(one_line(str(error)), err=True)
            sys.exit(next(code for kind, code in EXIT_CODES if isinstance(error, kind)))
        except OSError as error:
            # The reader of a pipe, such as head, may end early: that needs no sentence.
            if not isinstance(error, BrokenPipeError):
                click.echo(f"{error.filename or 'the output'}: {error.strerror}", err=True)
            # The interpreter flushes stdout at exit. Buffered text would fail there once more,
            # with a traceback, so it goes to /dev/null.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)

    return run  # type: ignore[return-value]


@one_line_errors
def _begin() -> None:
    """Escape the output of this process, and adopt the settings of the service."""
    escape_output()
    if not IS_CHECKOUT:
        from shocpp.installation.environment_file import adopt_environment_file

        adopt_environment_file(os.environ)


def user_name() -> str:
    """Return the login name of the user; it is stored with Calls, decisions and closings."""
    try:
        return getpass.getuser()
    # KeyError: the user id has no entry in the password database, as in some containers.
    except (KeyError, OSError):
        return "an unknown user"
