"""The command line (a door): `shocpp VERB`, and the seed's commands under their own names.

Errors are one line on stderr, never a traceback; this table gives their exit codes.
"""

import functools
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

from shocpp import __version__
from shocpp.errors import ConfigError, ShocppError, StoreUnavailable, Unreachable, UsageError
from shocpp.settings import Settings, read_settings

EXIT_CODES: tuple[tuple[type[ShocppError], int], ...] = (
    (ConfigError, 78),
    (UsageError, 2),
    (StoreUnavailable, 1),
    (Unreachable, 1),
)

_Command = TypeVar("_Command", bound=Callable[..., Any])


def one_line_errors(command: _Command) -> _Command:
    """Let a command end with one sentence and the code of its error."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except ShocppError as error:
            click.echo(str(error), err=True)
            sys.exit(next(code for kind, code in EXIT_CODES if isinstance(error, kind)))
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                click.echo(f"{error.filename or 'the output'}: {error.strerror}", err=True)
            # What is still buffered could not be written either, and would complain at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)

    return run  # type: ignore[return-value]


HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=HELP)
@click.version_option(__version__, prog_name="shocpp")
def main() -> None:
    """Run EV chargers (OCPP 1.6-J) and know, to the Wh, who charged what."""


@main.command(context_settings=HELP)
@one_line_errors
def listener() -> None:
    """Serve chargers and web pages, until stopped.

    \b
    Example: WS_PORT=8080 shocpp-listener
    """
    from shocpp.doors.listener import listen

    listen()


@main.command(context_settings=HELP)
@click.option(
    "-c",
    "--charge-point",
    metavar="ID",
    help="The charger's name; by default websocketd's PATH_INFO, else its serial.",
)
@one_line_errors
def backend(charge_point: str | None) -> None:
    """Serve one charger over stdin and stdout, for inetd and websocketd.

    \b
    Example: printf '[2,"1","Heartbeat",{}]\\n' | shocpp-backend
    """
    from shocpp.doors.listener import prepare
    from shocpp.doors.logs import log_to_stderr
    from shocpp.doors.stdio import identity_of_stdio, serve_stdio

    settings = read_settings()
    prepare(settings, thorough=False)
    log_to_stderr()
    name = identity_of_stdio(charge_point, os.environ)
    serve_stdio(settings, name, os.environ.get("REMOTE_ADDR") or "stdin")


@main.command(context_settings=HELP)
@click.argument("year", type=click.IntRange(2000, 2099))
@click.argument("month", type=click.IntRange(1, 12))
@one_line_errors
def summary(year: int, month: int) -> None:
    """Print a month's Abrechnung, and keep it in the month's accounting folder.

    \b
    Example: shocpp-summary 2026 09
    """
    from shocpp.reports.summary import keep_summary, month_summary

    settings = read_settings()
    text = month_summary(settings, year, month)
    click.echo(text, nl=False)
    keep_summary(settings, year, month, text)


@main.command(context_settings=HELP)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="By default a free one.")
@one_line_errors
def demo(port: int) -> None:
    """Watch a simulated charger be started, charge and be billed, in about ten seconds.

    A server of its own on 127.0.0.1 with a scratch database; nothing of yours is touched.

    \b
    Example: shocpp demo
    """
    from shocpp.demo.play import play

    play(port, click.echo)


@main.command(context_settings=HELP)
@one_line_errors
def migrate() -> None:
    """Make the database, or bring it up to this version.

    \b
    Example: shocpp migrate
    """
    from shocpp.store.migrations import migrate as migrate_database

    settings = read_settings()
    was_there = settings.database.exists()
    migrate_database(settings.database, time.time_ns() // 1_000_000)
    click.echo(f"{settings.database} is {'up to date' if was_there else 'made'}")


@main.command(context_settings=HELP)
@click.option("-c", "--charge-point", metavar="ID_OR_SERIAL", help="Only this charger's.")
@click.option(
    "-n", "--last", type=click.IntRange(1), default=100, show_default=True, help="How many."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@one_line_errors
def frames(charge_point: str | None, last: int, as_json: bool) -> None:
    """Read back the raw frames a charger and this Central System have exchanged.

    \b
    Example: shocpp frames -c garage -n 20
    """
    from shocpp.central_system.calls import identity_meant
    from shocpp.ocpp.times import format_timestamp
    from shocpp.store.frames import of_charge_point

    settings = read_settings()
    with _database(settings) as db:
        name = identity_meant(db, charge_point) if charge_point else None
        for whose, direction, moment_ms, text in of_charge_point(db, name, last):
            moment = format_timestamp(moment_ms)
            if as_json:
                row = {"moment": moment, "charge_point_id": whose, "direction": direction}
                click.echo(json.dumps({**row, "text": text}))
            else:
                arrow = ">" if direction == "in" else "<"
                click.echo(f"{moment} {whose} {arrow} {_one_line(text)}")


@main.command("charge-points", context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
@one_line_errors
def charge_points(as_json: bool) -> None:
    """List the chargers that have been here, and whether they are connected.

    \b
    Example: shocpp charge-points
    """
    _print_view("charge_points", as_json)


@main.command(context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
@one_line_errors
def transactions(as_json: bool) -> None:
    """List the transactions that have no stop yet.

    \b
    Example: shocpp transactions
    """
    _print_view("open_transactions", as_json)


def _database(settings: Settings) -> Any:
    from shocpp.store.database import open_database

    return open_database(settings.database)


def _print_view(name: str, as_json: bool) -> None:
    from shocpp.store.views import rows_of

    with _database(read_settings()) as db:
        rows = rows_of(db, name)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        click.echo("none")
    for row in [] if as_json else rows:
        told = (f"{key}={value}" for key, value in row.items() if value is not None)
        click.echo(_one_line("  ".join(told)))


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


if __name__ == "__main__":
    main()
