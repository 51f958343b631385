"""The command `site dimmings`: the log of the grid operator's dimmings, as a proof."""

import json
from typing import TYPE_CHECKING

import click

from shocpp.interfaces.cli.conventions import HELP, YEAR, one_line_errors
from shocpp.interfaces.cli.tables import Column, Display, print_table
from shocpp.language.dimming import SOURCES
from shocpp.language.figures import hours
from shocpp.settings import read_settings
from shocpp.store.database import open_database

if TYPE_CHECKING:
    from shocpp.site.dimming import LoggedDimming

_COLUMNS = (
    *(Column("BEGAN"), Column("ENDED"), Column("HOURS", is_figure=True)),
    *(Column("AT MOST", is_figure=True), Column("SIGNAL")),
)
_LANGUAGE = "en"


@click.command("dimmings", context_settings=HELP)
@click.option("--year", type=YEAR, metavar="YEAR", help="Only those that began in this year.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@click.option("--csv", "as_csv", is_flag=True, help="The same rows as CSV, for programs.")
@one_line_errors
def site_dimmings(year: int | None, as_json: bool, as_csv: bool) -> None:
    """List when the grid operator has dimmed the chargers (§ 14a EnWG), and for how long.

    The page /site/dimmings prints the same list.

    \b
    Example: shocpp site dimmings --year 2026
    Example: shocpp site dimmings --year 2026 --csv > dimmings.csv
    """
    from shocpp.site.dimming import dimming_object, dimmings_csv, dimmings_of

    settings = read_settings()
    with open_database(settings.database) as db:
        rows = dimmings_of(db, settings, year)
        display = Display(db, settings)
    if as_json:
        click.echo(json.dumps([dimming_object(row) for row in rows], indent=2))
    elif as_csv:
        for line in dimmings_csv(rows):
            click.echo(line, nl=False)
    elif not rows:
        click.echo("none")
    else:
        print_table(_COLUMNS, [_cells(row, display) for row in rows])
        seconds = sum(row.seconds or 0 for row in rows)
        click.echo(f"{len(rows)} in all, {hours(seconds)} h")


def _cells(row: "LoggedDimming", display: Display) -> list[str]:
    return [
        display.moment(row.began),
        "goes on" if row.ended is None else display.moment(row.ended),
        "" if row.seconds is None else hours(row.seconds),
        f"{row.limit_w} W",
        SOURCES[_LANGUAGE].get(row.source, row.source),
    ]
