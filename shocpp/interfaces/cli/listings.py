"""Commands that list frames, transactions and views of the database."""

import json
from pathlib import Path

import click

from shocpp.errors import UsageError
from shocpp.interfaces.cli.conventions import HELP, one_line_errors
from shocpp.interfaces.lines import one_line
from shocpp.settings import read_settings
from shocpp.store.database import open_database


@click.command(context_settings=HELP)
@click.option("-c", "--charge-point", metavar="ID_OR_SERIAL", help="Only this charger.")
@click.option(
    "-n",
    "--last",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="The number of frames.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each frame, one per line.")
@one_line_errors
def frames(charge_point: str | None, last: int, as_json: bool) -> None:
    """Print the raw frames that chargers and this Central System have exchanged.

    \b
    Example: shocpp frames -c garage -n 20
    """
    from shocpp.calls.placing import resolve_identity
    from shocpp.ocpp.times import format_timestamp
    from shocpp.store.charge_points.frames import of_charge_point

    settings = read_settings()
    with open_database(settings.database) as db:
        identity = resolve_identity(db, charge_point) if charge_point is not None else None
        for name, direction, moment_ms, text in of_charge_point(db, identity, last):
            moment = format_timestamp(moment_ms)
            if as_json:
                row = {"moment": moment, "charge_point_id": name, "direction": direction}
                click.echo(json.dumps({**row, "text": text}))
            else:
                arrow = ">" if direction == "in" else "<"
                # A charger's frame must not begin lines of its own or control the terminal.
                click.echo(f"{moment} {name} {arrow} {one_line(text)}")


@click.command(context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="A JSON list instead of lines.")
@click.option(
    "--signed",
    "number",
    metavar="NUMBER",
    type=click.IntRange(1),
    help="The accounting record whose signed meter values are printed instead, as XML.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The file for the XML.",
)
@one_line_errors
def transactions(as_json: bool, number: int | None, output: Path | None) -> None:
    """List the open transactions: those without a stop.

    With --signed NUMBER, print the signed meter values of an accounting record, in the format that
    the S.A.F.E. Transparenzsoftware reads. The numbers are those of the view `accounting`.

    \b
    Example: shocpp transactions --signed 12 -o 12.xml
    """
    if number is None:
        if output is not None:
            raise UsageError("-o is the file of signed values; name their record: --signed 12")
        print_view("open_transactions", as_json)
        return
    if as_json:
        raise UsageError("signed values are XML; leave out --json")
    from shocpp.reports.transparency import transparency_xml

    with open_database(read_settings().database) as db:
        text = transparency_xml(db, number).encode()
    # Written as bytes, because the XML declares its own encoding.
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_bytes(text)


def print_view(name: str, as_json: bool, last: int | None = None) -> None:
    """Print the rows of a view of the database, as JSON or one row per line.

    `last` limits the number of rows; None prints all. Columns without a value are left out of
    the lines, but not out of the JSON.
    """
    from shocpp.store.listings.views import rows_of

    with open_database(read_settings().database) as db:
        rows = rows_of(db, name, last)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        click.echo("none")
    for row in [] if as_json else rows:
        columns = (f"{key}={value}" for key, value in row.items() if value is not None)
        click.echo(one_line("  ".join(columns)))
