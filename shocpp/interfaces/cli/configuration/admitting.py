"""The command `charge-points add`: admit a charger, and print what is typed into it."""

import shlex
import sys
from urllib.parse import quote

import click

from shocpp.errors import StoreUnavailable, UsageError
from shocpp.interfaces.cli.conventions import HELP, one_line_errors, user_name
from shocpp.interfaces.lines import one_line
from shocpp.ocpp.identity import is_typable
from shocpp.settings import Settings, read_settings
from shocpp.store.database import open_database

MAX_UNLISTED = 20
"""The longest list of unlisted chargers below another output."""

WILDCARD = "*"
"""The entry for all chargers without one of their own."""

ROTATION_TIMEOUT_S = 40.0
"""The time to wait for the charger: one that has just connected takes no Calls for 30 s."""


@click.command(context_settings=HELP)
@click.argument("charge_point", metavar="ID")
@click.option("--rotate", is_flag=True, help="A new password, sent by OCPP (AuthorizationKey).")
@click.option("--replace", is_flag=True, help="A new password; the old one is revoked at once.")
# A flag without a value: other users can see the arguments of a process, and shells store them.
@click.option(
    "--password", "is_prompted", is_flag=True, help="The password it already has; you type it in."
)
@click.option(
    "--no-password", is_flag=True, help="No password, for a charger that cannot send one."
)
@click.option("--username", metavar="NAME", help="The user name it sends instead of its own name.")
@click.option("--origin", metavar="URL", help="The Origin header it sends, as web pages do.")
@one_line_errors
def add(
    charge_point: str,
    rotate: bool,
    replace: bool,
    is_prompted: bool,
    no_password: bool,
    username: str | None,
    origin: str | None,
) -> None:
    """Admit the charger ID: create its entry and password, and print its settings.

    As soon as one entry exists, chargers without an entry may not connect. ID "*" is the entry for
    all of them. --rotate keeps the old password valid until the charger has used the new one.

    \b
    Example: shocpp charge-points add garage
    """
    from shocpp.admission import enrolment, rotation

    if rotate + replace + is_prompted + no_password > 1 or (rotate and (username or origin)):
        raise UsageError("choose one of --rotate, --replace, --password and --no-password")
    settings = read_settings()
    if rotate:
        _rotate(settings, charge_point)
        return
    path, password = settings.charge_points_file, None
    is_changed = replace or is_prompted or no_password or username or origin
    if not is_changed and _is_rotated(settings, charge_point):
        click.echo(f"{charge_point} is listed in {path}, with the password that it got by OCPP")
        _print_unlisted(settings)
        return
    is_new = not enrolment.is_listed(path, charge_point)
    if not (is_new or is_changed):
        raise UsageError(
            f"{charge_point} is listed already; for a new password use --rotate (sent by OCPP) or "
            "--replace (typed in at the charger)"
        )
    change = enrolment.Change(needs_no_password=no_password, username=username, origin=origin)
    if is_prompted:
        change = change._replace(stored_hash=enrolment.hash_of_user_chosen(_read_password()))
    elif replace or (is_new and not no_password):
        password = enrolment.generated_password()
        change = change._replace(stored_hash=enrolment.hash_of_generated(password))
    enrolment.enroll(path, charge_point, change)
    click.echo(f"{charge_point} is listed in {path}")
    if is_new and charge_point != WILDCARD and not is_typable(charge_point):
        click.echo(
            f"note: many chargers take only A-Z, a-z, 0-9 and - _ . in their name; if yours does "
            f"not take this one, admit it with a simpler name, and then: shocpp charge-points "
            f"remove {quoted_name(charge_point)}",
            err=True,
        )
    if settings.database.exists() and (change.stored_hash or no_password):
        with open_database(settings.database) as db:
            rotation.void_new_passwords(db, charge_point)
    if password is not None:
        _print_login(settings, charge_point, password)
    _print_unlisted(settings)


def _is_rotated(settings: Settings, charge_point: str) -> bool:
    """Return True if a password that the charger got by OCPP waited, and is now in the file."""
    from shocpp.admission.rotation import file_new_password_of

    return settings.database.exists() and file_new_password_of(settings, charge_point)


def _rotate(settings: Settings, name: str) -> None:
    """Send a new password to a connected charger by OCPP, and print it.

    `name` is an identity or a serial number.
    """
    from shocpp.admission import enrolment, rotation
    from shocpp.calls.addressing import resolve_identity
    from shocpp.calls.placing import CallOptions

    with open_database(settings.database) as db:
        charge_point = resolve_identity(db, name)
    options = CallOptions(f"shocpp charge-points of {user_name()}", ROTATION_TIMEOUT_S)
    password = enrolment.generated_password()
    try:
        rotated = rotation.rotate(settings, charge_point, password, options)
    # The charger may have the new password already: the user must see it in any case.
    except (KeyboardInterrupt, StoreUnavailable) as error:
        begin = "interrupted" if isinstance(error, KeyboardInterrupt) else "not finished"
        click.echo(f"{begin}: the charger may have the new password; both passwords are valid")
        _print_login(settings, charge_point, password)
        raise
    if rotated.is_known:
        click.echo(f"{charge_point} has a new password: {rotated.status or 'Accepted'}")
        if rotated.status == "RebootRequired":
            reset = """Reset '{"type": "Soft"}'"""
            command = f"shocpp-command -c {shlex.quote(charge_point)} {reset}"
            click.echo(f"it needs a reset: {command}")
    else:
        click.echo(f"{charge_point} was sent a new password, but its answer is not known")
    click.echo("the old password is valid until the charger has used the new one")
    if rotated.trouble:
        click.echo(f"the new one is in the database only: {rotated.trouble}; see: shocpp check")
    _print_login(settings, charge_point, password)
    _print_unlisted(settings)


def _read_password() -> str:
    """Read a password: typed twice at a terminal, one line from a pipe."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("password", hide_input=True, confirmation_prompt=True, err=True))


def _print_login(settings: Settings, charge_point: str, password: str) -> None:
    """Print the settings to enter in the charger: address, user name and password."""
    from shocpp.configuration.charge_points import load_allowlist_or_none
    from shocpp.interfaces.server.addresses import charger_address
    from shocpp.ocpp.passwords import authorization_key

    click.echo("enter in the charger:")
    entry = load_allowlist_or_none(settings.charge_points_file).entry(charge_point)
    user = entry.username if entry and entry.username else charge_point
    if charge_point != WILDCARD:
        click.echo(f"  address    {charger_address(settings)}{quote(charge_point, safe='')}")
        click.echo(f"  user name  {user}")
    else:
        click.echo("  user name  its own name, as at the end of its address")
    click.echo(f"  password   {password}")
    click.echo(f"  in hex     {authorization_key(password.encode())}   (if it needs 40 digits)")
    click.echo("the password is not shown again; only its hash is stored")


def _print_unlisted(settings: Settings) -> None:
    """Print known chargers that the allowlist now keeps out, perhaps by mistake."""
    from shocpp.admission import enrolment

    if not settings.database.exists():
        return
    with open_database(settings.database) as db:
        unlisted = enrolment.unlisted_chargers(db, settings.charge_points_file)
    for name in unlisted[:MAX_UNLISTED]:
        add = f"shocpp charge-points add {quoted_name(name)}"
        click.echo(
            one_line(f"{name} is known but not listed, so it may not connect; admit it: {add}")
        )
    if len(unlisted) > MAX_UNLISTED:
        click.echo(f"… and {len(unlisted) - MAX_UNLISTED} more: shocpp charge-points")


def quoted_name(name: str) -> str:
    """Return a charger's name as an argument for a shell; `--` precedes a leading hyphen."""
    return f"-- {shlex.quote(name)}" if name.startswith("-") else shlex.quote(name)
