"""The command that says what is wrong (a door)."""

import json
import os
import sys

import click

from shocpp.interfaces.cli.conventions import HELP, one_line_errors
from shocpp.interfaces.lines import one_line
from shocpp.settings import read_settings


@click.command(context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
@one_line_errors
def check(as_json: bool) -> None:
    """Print the settings in force, and everything that is wrong or risky, the worst first.

    Exit code 0: nothing has to be mended; 1: something has. Run it as the user and with the
    settings of the server.

    \b
    Example: shocpp check
    """
    from shocpp.checks.check import findings, settings_table
    from shocpp.checks.findings import is_fine, lines_of

    settings = read_settings()
    table, found = settings_table(settings), findings(settings, os.environ)
    if as_json:
        told = [finding._asdict() for finding in found]
        click.echo(json.dumps({"settings": dict(table), "findings": told}, indent=2))
    else:
        for name, value in table:
            click.echo(f"{name:26}{value}")
        click.echo()
        for line in lines_of(found):
            click.echo(one_line(line))
    sys.exit(0 if is_fine(found) else 1)
