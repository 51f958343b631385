"""The command `people`: list the users of conf/people.json, give them roles and take them away."""

import json
from typing import TYPE_CHECKING

import click

from shocpp.configuration.people import ROLES, UserRole
from shocpp.interfaces.cli.configuration.accounts import present_accounts
from shocpp.interfaces.cli.conventions import HELP, one_line_errors
from shocpp.interfaces.cli.tables import Column, print_table
from shocpp.interfaces.lines import one_line
from shocpp.settings import Settings, read_settings
from shocpp.store.database import open_database

if TYPE_CHECKING:
    from shocpp.configuration.editing.people import Start

_COLUMNS = (Column("USER", 8), Column("ROLE"), Column("ACCOUNT", 8))


@click.group(context_settings=HELP, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON list instead of a table.")
@click.pass_context
@one_line_errors
def people(context: click.Context, as_json: bool) -> None:
    """List the users of conf/people.json; `set` gives one a role, `remove` takes it away.

    These are the users whose passwords the web server checks. Invited people: shocpp devices

    \b
    Example: shocpp people
    Example: shocpp people set kasse --role treasurer
    """
    from shocpp.configuration.editing.people import present_users

    if context.invoked_subcommand is not None:
        return
    settings = read_settings()
    path, start = settings.people_file, _start(settings)
    users, is_gone = present_users(path, start)
    rows = [{"user": name, **user._asdict()} for name, user in (users or {}).items()]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if users is None:
        lately = f": {', '.join(start.admins)}" if start.admins else ""
        click.echo(one_line(f"none, so each user of the web server is an admin{lately}"))
    elif not rows:
        click.echo("none, so no user of the web server has a role")
    else:
        print_table(_COLUMNS, [[value or "" for value in row.values()] for row in rows])
    if is_gone:
        click.echo(one_line(f"{path} is gone, and these roles hold on; set one to write it again"))


@people.command("set", context_settings=HELP)
@click.argument("user", metavar="USER")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the user may do.")
@click.option("--account", metavar="NAME", help="The account of a driver, a name in tags.json.")
@one_line_errors
def set_(user: str, role: str, account: str | None) -> None:
    """Give USER of the web server a role; `shocpp invite --help` explains the roles.

    Without conf/people.json, each user is an admin. The first user makes the file, and those that
    canned calls were asked by are written as admins, so that their shortcuts work on.

    \b
    Example: shocpp people set we03 --role driver --account family-y
    """
    from shocpp.configuration.editing.people import set_user

    settings = read_settings()
    # Only a driver's account is compared with tags.json, which may be broken.
    accounts = present_accounts(settings).names() if account is not None else []
    path, start = settings.people_file, _start(settings)
    others = set_user(path, user, UserRole(role, account), accounts, start)
    if others:
        click.echo(one_line(f"{path} begins with these users as admins: {', '.join(others)}"))
    click.echo(one_line(f"{user} is {role}{f' of {account}' if account else ''} now"))


@people.command(context_settings=HELP)
@click.argument("user", metavar="USER")
@one_line_errors
def remove(user: str) -> None:
    """Remove USER, who has no role any more.

    \b
    Example: shocpp people remove we03
    """
    from shocpp.configuration.editing.people import remove_user

    settings = read_settings()
    remove_user(settings.people_file, user, _start(settings))
    click.echo(one_line(f"{user} has no role any more"))


def _start(settings: Settings) -> "Start":
    """Return the users that people.json begins with while there is none."""
    from shocpp.configuration.editing.people import start_of

    if not settings.database.exists():
        return start_of(None)
    with open_database(settings.database) as db:
        return start_of(db)
