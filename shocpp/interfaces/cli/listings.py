"""Commands that list frames, transactions, sessions and views of the database."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import click

from shocpp.errors import UsageError
from shocpp.interfaces.cli.conventions import HELP, day_option, one_line_errors, user_name
from shocpp.interfaces.cli.tables import Column, Display, print_table, reads_terminal
from shocpp.interfaces.lines import one_line
from shocpp.language.month import Month
from shocpp.settings import read_settings
from shocpp.store.database import Database, open_database

Rows = list[dict[str, Any]]


def _no_more(_: Database, __: Rows) -> Rows:
    return []


class View(NamedTuple):
    """The table of a view of the database for people: `cells` returns the texts of a row.

    `more` returns further rows below those of the view, which it gets.
    """

    name: str
    columns: Sequence[Column]
    cells: Callable[[dict[str, Any], Display], list[str]]
    more: Callable[[Database, Rows], Rows] = _no_more


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
    from shocpp.calls.addressing import resolve_identity
    from shocpp.ocpp.times import format_timestamp
    from shocpp.store.charge_points.frames import dropped_days, of_charge_point

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
        for name, day, number, size in [] if as_json else dropped_days(db, identity):
            click.echo(
                f"{name}: {number} frames of {day} are not stored ({size / 1_000:.0f} kB), because "
                "they are over SHOCPP_CHARGER_MB; see the view dropped_frames"
            )


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
        print_view(_TRANSACTIONS, as_json)
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


def _transaction_cells(row: dict[str, Any], display: Display) -> list[str]:
    power_w, derived = row["power_w"], "" if row["power_basis"] == "measured" else "~"
    return [
        *(row["number"], str(row["transaction_id"]), display.moment(row["started_at"])),
        display.charger(row["charge_point_id"], row["connector_id"]),
        *(display.card(row["id_tag"]), row["account"], display.kwh(row["consumed_wh"])),
        *("" if power_w is None else f"{derived}{power_w:.0f}", row["state"]),
    ]


_TRANSACTIONS = View(
    "open_transactions",
    (
        *(Column("NUMBER"), Column("ID"), Column("STARTED"), Column("CHARGER", 6)),
        *(Column("CARD", 4), Column("ACCOUNT", 6), Column("KWH", 0, True)),
        *(Column("WATT", 0, True), Column("STATE")),
    ),
    _transaction_cells,
)


def print_view(view: View, as_json: bool, last: int | None = None) -> None:
    """Print the rows of a view: as JSON, as a table at a terminal, or else as one row per line.

    `last` limits the number of rows; None prints all. Columns without a value are left out of
    table and lines, but not out of the JSON.
    """
    from shocpp.store.listings.views import rows_of

    settings, is_table = read_settings(), reads_terminal() and not as_json
    with open_database(settings.database) as db:
        rows = rows_of(db, view.name, last)
        rows += view.more(db, rows)
        cells: list[list[str]] = []
        if is_table:
            display = Display(db, settings)
            cells = [view.cells(row, display) for row in rows]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        click.echo("none")
    elif is_table:
        print_table(view.columns, cells)
    else:
        for row in rows:
            columns = (f"{key}={value}" for key, value in row.items() if value is not None)
            click.echo(one_line("  ".join(columns)))


_SESSIONS = (
    *(Column("NUMBER"), Column("TIME"), Column("CHARGER", 6), Column("CARD", 4)),
    *(Column("ACCOUNT", 6), Column("KWH", 0, True), Column("SOLAR", 0, True)),
    *(Column("EUR", 0, True), Column("STATE")),
    *(Column("KM", 0, True), Column("NOTE", 4)),
)


@click.group(invoke_without_command=True, context_settings=HELP)
@click.option("--account", metavar="NAME", help="Only sessions of this account.")
@click.option("-c", "--charge-point", metavar="ID_OR_SERIAL", help="Only this charger.")
@click.option("--month", metavar="YYYY-MM", help="Only sessions that are billed in this month.")
@day_option("--from", "first", "Only from this day on, in local time.")
@day_option("--to", "last", "Only up to this day, included.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, rows of the view accounting.")
@click.option("--csv", "as_csv", is_flag=True, help="The same rows as CSV, for programs.")
@click.pass_context
@one_line_errors
def sessions(
    context: click.Context,
    account: str | None,
    charge_point: str | None,
    month: str | None,
    first: date | None,
    last: date | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """List finished sessions, the newest last, with their sum.

    These are the accounting records in force: a corrected session is listed as corrected. Sessions
    under review and dismissed ones are listed, but not in the sum. A session belongs to the day on
    which it is billed, mostly that of its end; one of a month that was closed before belongs to the
    month that was open.

    \b
    Example: shocpp sessions --account family-y --month 2026-10
    Example: shocpp sessions -c garage --from 2026-11-01 --to 2026-11-15
    Example: shocpp sessions --month 2026-10 --csv
    """
    if context.invoked_subcommand is not None:
        return
    from shocpp.bookkeeping.review import owner_named
    from shocpp.calls.addressing import resolve_identity
    from shocpp.store.listings.sessions import SessionFilter
    from shocpp.store.listings.sessions import sessions as rows_of_sessions

    if month is not None and (first or last):
        raise UsageError("--month is a span of its own; leave out --from and --to")
    settings = read_settings()
    with open_database(settings.database) as db:
        chosen = SessionFilter(
            # A misspelled name would look like an account that has not charged.
            None if account is None else owner_named(db, settings, account).account_index,
            None if charge_point is None else resolve_identity(db, charge_point),
            None if month is None else _month_name(month),
            None if first is None else str(first),
            None if last is None else str(last),
        )
        rows = rows_of_sessions(db, chosen)
        if as_json:
            click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
            return
        if as_csv:
            for line in _csv_of(rows):
                click.echo(line, nl=False)
            return
        display = Display(db, settings)
    if rows:
        print_table(_SESSIONS, [_session_cells(row, display) for row in rows])
    for line in _sums_of_sessions(rows, display):
        click.echo(line)


def _csv_of(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield rows of the view accounting as CSV for programs; without any row there is no line."""
    from shocpp.reports.tables.csv_format import csv_lines, with_newline

    line = csv_lines(",")
    if rows:
        yield with_newline(line(rows[0]))
    for row in rows:
        yield with_newline(line(row.values()))


@sessions.command(context_settings=HELP)
@click.argument("number", type=click.IntRange(1))
@click.option("--km", metavar="KM", help="Kilometres of the car; an empty text removes them.")
@click.option("--text", metavar="TEXT", help="A note; an empty text removes it.")
@click.option("--by", metavar="NAME", help="The author; by default the user of this computer.")
@one_line_errors
def note(number: int, km: str | None, text: str | None, by: str | None) -> None:
    """Note kilometres or a text on a session, for the statement of its month.

    NUMBER is that of its record, the first column of shocpp sessions. A closed month is fixed, and
    gets no note any more.

    \b
    Example: shocpp sessions note 12 --km 123456 --text "Dienstreise"
    Example: shocpp sessions note 12 --text ""
    """
    from shocpp.bookkeeping.session_notes import Change, note_session

    if km is None and text is None:
        raise UsageError("name kilometres or a text: --km 123456 --text 'Dienstreise'")
    settings = read_settings()
    with open_database(settings.database) as db:
        written = note_session(db, settings, number, Change(km, text), by or user_name())
    parts = [f"{written.km} km" if written.km is not None else "", written.text or ""]
    noted = ", ".join(filter(None, parts)) or "no note any more"
    click.echo(one_line(f"{number}: {noted}"))


def _month_name(text: str) -> str:
    """Return the month of an option as YYYY-MM; raises UsageError for any other text."""
    try:
        return Month.parse(text).name
    except ValueError as error:
        raise UsageError(f"--month: {error}") from None


def _session_cells(row: dict[str, Any], display: Display) -> list[str]:
    decision = {"replacement": "decided", "dismissal": "dismissed"}.get(row["entry"], "")
    return [
        *(str(row["number"]), display.span(row["started_at"], row["stopped_at"])),
        display.charger(row["charge_point_id"], row["connector_id"]),
        *(display.card(row["id_tag"]), row["account"]),
        display.energy(row["consumed_wh"], row["flags"]),
        "" if row["solar_wh"] is None else display.kwh(row["solar_wh"]),
        *(display.euro(row["amount_ct"]), "review" if row["review"] else decision),
        "" if row["km"] is None else str(row["km"]),
        row["note"] or "",
    ]


def _sums_of_sessions(rows: Sequence[dict[str, Any]], display: Display) -> Iterator[str]:
    """Yield the sum of the sessions that count, and a line about those under review."""
    waiting = [row for row in rows if row["review"]]
    counted = [row for row in rows if not row["review"] and row["entry"] != "dismissal"]
    amounts = [row["amount_ct"] for row in counted if row["amount_ct"] is not None]
    parts = [
        f"{len(counted)} session{'' if len(counted) == 1 else 's'}",
        f"{display.kwh(sum(row['consumed_wh'] for row in counted))} kWh",
    ]
    solar = [row["solar_wh"] for row in counted if row["solar_wh"] is not None]
    if solar:
        parts.append(f"of which {display.kwh(sum(solar))} kWh solar")
    if amounts:
        parts.append(f"{display.euro(sum(amounts))} EUR")
        if len(amounts) < len(counted):
            parts.append(f"{len(counted) - len(amounts)} without a price")
    yield ", ".join(parts)
    if waiting:
        waiting_kwh = display.kwh(sum(row["consumed_wh"] for row in waiting))
        yield f"under review, not in the sum: {len(waiting)} with {waiting_kwh} kWh"
