"""The command `check`: settings in force, and errors and risks of the installation."""

import json
import os
import sys

import click

from shocpp.interfaces.cli.conventions import HELP, one_line_errors
from shocpp.interfaces.lines import one_line
from shocpp.settings import read_settings


@click.command(context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of lines.")
@one_line_errors
def check(as_json: bool) -> None:
    """Print the settings in force, and everything that is wrong or risky, the worst first.

    It reads every text of the database once, which takes up to a minute in one of gigabytes.

    Exit code 0: nothing has to be corrected; 1: something has to be corrected. Run it as the
    server's user and with the server's settings.

    \b
    Example: shocpp check
    """
    from shocpp.checks import check as checks
    from shocpp.checks.findings import is_fine, lines_of

    settings = read_settings()
    table, findings = checks.settings_table(settings), checks.findings(settings, os.environ)
    if as_json:
        rows = [finding.as_object() for finding in findings]
        click.echo(json.dumps({"settings": dict(table), "findings": rows}, indent=2))
    else:
        for name, value in table:
            click.echo(f"{name:26}{value}")
        click.echo()
        for line in lines_of(findings):
            click.echo(one_line(line))
    sys.exit(0 if is_fine(findings) else 1)
