"""The command `mode`: how a car charges, fast or by the sun."""

import sys
from typing import TYPE_CHECKING

import click

from shocpp.clock import now_ms
from shocpp.errors import UsageError
from shocpp.interfaces.cli.conventions import HELP, charger_option, one_line_errors, user_name
from shocpp.interfaces.cli.tables import Column, Display, print_choices
from shocpp.interfaces.lines import one_line
from shocpp.settings import Settings, read_settings
from shocpp.store.database import Database, open_database

if TYPE_CHECKING:
    from shocpp.store.site.modes import ModeChoice

_NO_SERVER = "it is stored, and no server runs that could follow it; see: shocpp check"

_CHOICES = (
    *(Column("CHARGER", 8), Column("CONNECTOR"), Column("MODE"), Column("UNTIL")),
    *(Column("KWH", is_figure=True), Column("READY BY"), Column("CAR"), Column("BY", 6)),
    Column("SINCE"),
)


@click.command(context_settings=HELP)
@charger_option
@click.option("--connector", type=click.IntRange(1), help="The connector; without it, all of them.")
@click.option("--until", metavar="TIME", help='The end: 07:00, or "2026-12-31 07:00".')
@click.option("--kwh", metavar="KWH", help="The energy from now on; then the car is paused.")
@click.option("--by", "ready_by", metavar="TIME", help="The time by which the car has it.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list of the chosen modes.")
@click.argument("mode", required=False)
@one_line_errors
def mode(
    charge_point: str | None,
    connector: int | None,
    until: str | None,
    kwh: str | None,
    ready_by: str | None,
    as_json: bool,
    mode: str | None,
) -> None:
    """Let the car at a charger charge in MODE, or list the modes that people have chosen.

    MODE is fast (all that the site allows), min (the least current, and the sun on top), solar (the
    sun only), off, or default, which takes a choice back. A choice holds until the car leaves; one
    before the plug is for the next car.

    \b
    Example: shocpp mode -c garage solar
    Example: shocpp mode -c garage solar --kwh 20 --by 07:00
    """
    settings = read_settings()
    with open_database(settings.database) as db:
        if mode is None:
            if charge_point or connector or until or kwh or ready_by:
                raise UsageError(
                    "a mode is missing: fast, min, solar, off or default; alone, `mode` lists them"
                )
            _list_choices(db, settings, as_json=as_json)
            return
        if as_json:
            raise UsageError("--json lists the chosen modes; leave out the mode")
        code, line = _choose(db, settings, charge_point, connector, (mode, until, kwh, ready_by))
    click.echo(one_line(line), err=code != 0)
    sys.exit(code)


def _choose(
    db: Database,
    settings: Settings,
    charge_point: str | None,
    connector: int | None,
    texts: tuple[str, str | None, str | None, str | None],
) -> tuple[int, str]:
    """Choose the mode of these texts, and return the exit code and the line."""
    from shocpp.language.modes import choice_text
    from shocpp.site.choices.modes import choose_mode, wanted_mode

    moment_ms = now_ms()
    wanted = wanted_mode(*texts, settings.zone, moment_ms)
    by = f"shocpp mode of {user_name()}"
    chosen = choose_mode(db, settings, charge_point, connector, wanted, by, moment_ms)
    display = Display(db, settings)
    charger = display.charger(chosen.charge_point_id, connector)
    if wanted is None:
        line = f"{charger} has its default again"
    else:
        until = "" if wanted.until_ms is None else display.moment(wanted.until_ms)
        ready_by = "" if wanted.by_ms is None else display.moment(wanted.by_ms)
        text = choice_text(wanted.mode, until, wanted.goal_wh, ready_by, "en")
        line = f"{charger}: {text}; it ends {'at the latest ' if until else ''}when the car leaves"
    return (0, line) if chosen.is_led else (1, f"{line}; {_NO_SERVER}")


def _list_choices(db: Database, settings: Settings, *, as_json: bool) -> None:
    """Print the modes that people have chosen."""
    from shocpp.store.site import modes

    display = Display(db, settings)
    print_choices(
        _CHOICES,
        modes.present(db, now_ms()),
        lambda choice: _cells(choice, display),
        "shocpp mode -c NAME solar",
        as_json=as_json,
    )


def _cells(choice: "ModeChoice", display: Display) -> list[str]:
    from shocpp.language.figures import plain_decimal

    return [
        display.charger(choice.charge_point_id),
        str(choice.connector_id),
        choice.mode,
        display.moment(choice.until_ms),
        "" if choice.goal_wh is None else plain_decimal(choice.goal_wh, 3, "en"),
        display.moment(choice.by_ms),
        "next" if choice.car_ms is None else "here",
        choice.chosen_by,
        display.moment(choice.chosen_ms),
    ]
