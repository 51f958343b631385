"""The commands `limit` and `site`: limits of current, and why each connector has its own."""

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from shocpp.clock import now_ms
from shocpp.energy.model import GroupRules
from shocpp.errors import UsageError
from shocpp.interfaces.cli.conventions import (
    HELP,
    MAX_TIMEOUT_S,
    charger_option,
    one_line_errors,
    timeout_option,
    user_name,
)
from shocpp.interfaces.cli.dimmings import site_dimmings
from shocpp.interfaces.cli.tables import Column, Display, print_choices, print_table
from shocpp.interfaces.lines import one_line
from shocpp.language.site import amperes
from shocpp.settings import Settings, read_settings
from shocpp.store.database import Database, open_database

if TYPE_CHECKING:
    from shocpp.site.choices.limits import ChosenLimit
    from shocpp.site.present import ConnectorPresent, SitePresent
    from shocpp.store.site.limits import LimitChoice

_ANSWERS = {
    "accepted": (0, "{charger} has accepted it"),
    "offline": (0, "{charger} is not connected; it gets the limit when it is"),
    "refused": (1, "{charger} refuses limits; see: shocpp calls"),
    "no answer": (1, "{charger} has not answered; see: shocpp calls"),
    "waiting": (1, "{charger} was not sent it yet: it may take no Calls yet; see: shocpp site"),
}
"""The exit code and the sentence for each answer of a charger (`site.limits.ANSWERS`)."""

_NO_SERVER = "no server runs that could send it; see: shocpp check"
"""The end of a sentence about a limit that nobody sends."""

_CHOICES = (
    *(Column("CHARGER", 8), Column("CONNECTOR"), Column("LIMIT", is_figure=True)),
    *(Column("UNTIL"), Column("BY", 6), Column("SINCE")),
)
_CONNECTORS = (
    *(Column("CONNECTOR", 8), Column("LIMIT AND REASON", 20, wraps=True)),
    *(Column("CHARGER", 8), Column("DRAWS", is_figure=True), Column("CONFIRMED", is_figure=True)),
    *(Column("BASE", is_figure=True), Column("PHASES"), Column("SENT", is_figure=True)),
)


@click.command(context_settings=HELP)
@charger_option
@click.option("--connector", type=click.IntRange(1), help="The connector; without it, all of them.")
@click.option("--until", metavar="TIME", help='The end: 06:00, or "2026-12-31 06:00".')
@timeout_option(5.0, "The time to wait for the charger's answer.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list of the chosen limits.")
@click.argument("current", required=False)
@one_line_errors
def limit(
    charge_point: str | None,
    connector: int | None,
    until: str | None,
    timeout: float,
    as_json: bool,
    current: str | None,
) -> None:
    """Limit the current of a charger to CURRENT, or list the limits that people have chosen.

    CURRENT is 6A to 80A for each phase, 0A for a pause, or off. A limit stays until somebody
    changes it, or until --until, also when the server or the charger starts again.

    \b
    Example: shocpp limit -c garage 10A --until 06:00
    Example: shocpp limit -c garage off
    """
    settings = read_settings()
    with open_database(settings.database) as db:
        if current is None:
            if charge_point or connector or until:
                raise UsageError("a limit is missing: 10A, 0A or off; alone, `limit` lists them")
            _list_choices(db, settings, as_json=as_json)
            return
        if as_json:
            raise UsageError("--json lists the chosen limits; leave out the limit")
        code, line = _choose(db, settings, charge_point, connector, current, until, timeout)
    click.echo(one_line(line), err=code != 0)
    sys.exit(code)


def _choose(
    db: Database,
    settings: Settings,
    charge_point: str | None,
    connector: int | None,
    current: str,
    until: str | None,
    timeout_s: float,
) -> tuple[int, str]:
    """Choose a limit, wait for the charger, and return the exit code and the line."""
    from shocpp.site.choices.limits import (
        ACCEPTED,
        await_set_point,
        choose_limit,
        parse_limit,
        parse_until,
    )

    # click's FloatRange accepts NaN, and no wait would end then.
    if not timeout_s <= MAX_TIMEOUT_S:
        raise UsageError(f"-t must be more than 0 and at most {MAX_TIMEOUT_S:g} seconds")
    moment_ms = now_ms()
    limit_ma, until_ms = parse_limit(current), None
    if until is not None:
        if limit_ma is None:
            raise UsageError("--until is for a limit; off takes it back at once")
        until_ms = parse_until(until, settings.zone, moment_ms)
    by = f"shocpp limit of {user_name()}"
    chosen = choose_limit(db, settings, charge_point, connector, limit_ma, until_ms, by, moment_ms)
    display = Display(db, settings)
    charger = display.charger(chosen.charge_point_id, connector)
    if limit_ma is None:
        line = f"{charger} has no chosen limit any more"
        return (0, line) if chosen.is_led else (1, f"{line}; {_NO_SERVER}")
    end = "" if until_ms is None else f" until {display.moment(until_ms)}"
    line = f"{charger}: {amperes(limit_ma, settings.language)}{end}"
    if not chosen.is_led:
        return 1, f"{line}; it is stored, and {_NO_SERVER}"
    answer = await_set_point(db, chosen, limit_ma, timeout_s)
    code, sentence = _ANSWERS[answer]
    lower = _lower_limit(db, settings, chosen, limit_ma) if answer == ACCEPTED else ""
    return code, f"{line}; {sentence.format(charger=charger)}{lower}"


def _lower_limit(db: Database, settings: Settings, chosen: "ChosenLimit", limit_ma: int) -> str:
    """Return the limit below the chosen one that is in force, empty without one."""
    from shocpp.site.present import site_present

    lower = [
        (one.limit_ma, one.reason)
        for one in site_present(db, settings, now_ms()).connectors
        if one.charge_point == chosen.charge_point_id
        and chosen.connector_id in (None, one.connector_id)
        and one.limit_ma is not None
        and one.limit_ma < limit_ma
    ]
    return f"; in force: {min(lower)[1]}" if lower else ""


def _list_choices(db: Database, settings: Settings, *, as_json: bool) -> None:
    """Print the limits that people have chosen."""
    from shocpp.store.site import limits

    display, language = Display(db, settings), settings.language
    print_choices(
        _CHOICES,
        limits.present(db, now_ms()),
        lambda choice: _choice_cells(choice, display, language),
        "shocpp limit -c NAME 10A",
        as_json=as_json,
    )


def _choice_cells(choice: "LimitChoice", display: Display, language: str) -> list[str]:
    return [
        display.charger(choice.charge_point_id),
        str(choice.connector_id or "all"),
        _amperes(choice.limit_ma, language),
        display.moment(choice.until_ms),
        choice.chosen_by,
        display.moment(choice.chosen_ms),
    ]


@click.group(context_settings=HELP, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of a table.")
@click.pass_context
@one_line_errors
def site(context: click.Context, as_json: bool) -> None:
    """Show what the site's meter reads, what is decided for each connector, and why.

    `dimmings` lists when the grid operator has dimmed the chargers.

    \b
    Example: shocpp site
    Example: shocpp site dimmings --year 2026
    """
    if context.invoked_subcommand is not None:
        return
    from shocpp.calls.page.files import is_site_broken
    from shocpp.site.present import site_present
    from shocpp.site.rules import site_conf

    settings, moment_ms = read_settings(), now_ms()
    with open_database(settings.database) as db:
        present, conf = site_present(db, settings, moment_ms), site_conf(db, settings)
        display, is_broken = Display(db, settings), is_site_broken(db, settings)
    if as_json:
        click.echo(json.dumps(_object(present), ensure_ascii=False, indent=2))
        return
    if is_broken:
        kept = "the limits before it stay" if present.has_rules else "no limit of it is"
        click.echo(f"{settings.site_file} has an error, {kept} in force; see: shocpp check")
    if not (present.has_rules or present.choices or present.connectors):
        if is_broken:
            return
        click.echo(
            "nothing is limited; a charger: shocpp limit -c NAME 10A; all together: write "
            f"{settings.site_file} (docs/power.md)"
        )
        return
    groups = {} if conf is None else conf.rules.groups
    lines = [*_head(present, groups, moment_ms, settings.language), *_dimming(present, settings)]
    for line in lines:
        click.echo(one_line(line))
    if present.connectors:
        click.echo()
        rows = [_cells(one, display, settings.language) for one in present.connectors]
        print_table(_CONNECTORS, rows)


site.add_command(site_dimmings)


def _head(
    present: "SitePresent", groups: Mapping[str, GroupRules], moment_ms: int, language: str
) -> list[str]:
    """Return the lines about the site: its limits, its meter and its house."""
    lines = []
    if present.has_rules and present.limit_ma is not None:
        lines.append(f"limit    {amperes(present.limit_ma, language)} on each phase")
    lines += [
        f"group    {amperes(group.limit_ma, language)} on each phase: {name}"
        for name, group in groups.items()
    ]
    if present.has_rules:
        age = ""
        if present.reading_ma is not None and present.reading_ms is not None:
            currents = ", ".join(amperes(ma, language) for ma in present.reading_ma)
            age = f": {currents}, {max(0, moment_ms - present.reading_ms) // 1000} s ago"
        lines.append(f"meter    {present.meter}{age}")
    if present.grid_w is not None:
        lines.append(f"grid     {present.grid_w} W")
    if present.house_ma is not None:
        currents = ", ".join(amperes(ma, language) for ma in present.house_ma)
        lines.append(f"house    {currents}")
    if present.is_fallback:
        lines.append("FALLBACK: limits do without the meter")
    if not present.is_decided:
        lines.append("nobody decides about limits just now: no server runs, or it has just begun")
    return lines


def _dimming(present: "SitePresent", settings: Settings) -> list[str]:
    """Return the lines about the grid operator's dimming."""
    from shocpp.site.dimming import loss_text, state_text

    if present.dim is None:
        return []
    texts = (text(present.dim, settings, settings.language) for text in (state_text, loss_text))
    return [f"dimming  {text}" for text in texts if text]


def _cells(one: "ConnectorPresent", display: Display, language: str) -> list[str]:
    return [
        display.charger(one.charge_point, one.connector_id),
        one.reason,
        one.further_standing,
        *(_amperes(ma, language) for ma in (one.observed_ma, one.confirmed_ma, one.own_base_ma)),
        one.phases,
        str(one.writes),
    ]


def _object(present: "SitePresent") -> dict[str, Any]:
    """Return the present limits for programs."""
    return {
        **present._asdict(),
        "connectors": [
            {**one._asdict(), "chosen": one.chosen and one.chosen._asdict()}
            for one in present.connectors
        ],
        "choices": [choice._asdict() for choice in present.choices],
        "dim": present.dim and present.dim._asdict(),
    }


def _amperes(current_ma: int | None, language: str) -> str:
    """Return a current with at most one decimal, empty for None."""
    return "" if current_ma is None else amperes(current_ma, language)
