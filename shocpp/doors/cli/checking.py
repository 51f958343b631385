"""The command that says what is wrong (a door)."""

import json
import sys

import click

from shocpp.doors.cli.edge import HELP, one_line_errors
from shocpp.settings import read_settings


@click.command(context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
@one_line_errors
def check(as_json: bool) -> None:
    """Print the settings in force, and everything that is wrong with them or risky.

    Exit code 0: nothing has to be mended; 1: something has.

    \b
    Example: shocpp check
    """
    from shocpp.reports.check import findings, settings_table

    settings = read_settings()
    table, found = settings_table(settings), findings(settings)
    if as_json:
        told = [finding._asdict() for finding in found]
        click.echo(json.dumps({"settings": dict(table), "findings": told}, indent=2))
    else:
        for name, value in table:
            click.echo(f"{name:26}{value}")
        click.echo()
        for finding in found:
            click.echo(f"{'WRONG' if finding.is_wrong else 'note '}  {finding.sentence}")
        if not any(finding.is_wrong for finding in found):
            click.echo("fine: nothing has to be mended")
    sys.exit(1 if any(finding.is_wrong for finding in found) else 0)
