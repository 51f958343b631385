"""The commands `invite` and `devices`: who may use the pages, the API and the metrics."""

import sys
from typing import TYPE_CHECKING, Any

import click

from shocpp.admission.people.roles import PAGE_ROLES
from shocpp.clock import now_ms
from shocpp.configuration.people import DRIVER, ROLES
from shocpp.errors import UsageError
from shocpp.interfaces.cli.conventions import HELP, one_line_errors, user_name
from shocpp.settings import Settings, read_settings
from shocpp.store.database import Database, open_database

if TYPE_CHECKING:
    from shocpp.admission.people.roles import Person
    from shocpp.interfaces.cli.tables import Display
    from shocpp.store.people import Device

LONGEST_DAYS = 90


@click.command(context_settings=HELP)
@click.option(
    "--role", type=click.Choice(ROLES), help="What the person may do; by default admin, or driver."
)
@click.option("--account", metavar="NAME", help="The account of a driver, a name in tags.json.")
@click.option("--name", metavar="NAME", help="The name that signs the person's decisions.")
@click.option(
    "--days",
    type=click.IntRange(1, LONGEST_DAYS),
    default=1,
    show_default=True,
    help="Days for which the link can be used, once.",
)
@click.option("--token", is_flag=True, help="A token for a program, in place of a link.")
@click.option("--mail", is_flag=True, help="Mail the link to the account's address.")
@click.option("--mail-to", metavar="ADDRESS", help="Mail the link to this address.")
@one_line_errors
def invite(
    role: str | None,
    account: str | None,
    name: str | None,
    days: int,
    token: bool,
    mail: bool,
    mail_to: str | None,
) -> None:
    """Invite a person to the pages, or make a token for a program.

    Prints a link, which works once, and at a terminal its QR code; or mails it. The phone or
    browser that opens it stays signed in until `shocpp devices revoke`. Neither link nor token can
    be shown again.

    \b
    Roles: admin      everything
           treasurer  books, accounts, prices; start and stop
           viewer     the state of the chargers, without names
           driver     the account of its own, with --account
           metrics    /metrics, with --token
           site       the site's meter, with --token

    \b
    Example: shocpp invite --account family-y --name Mama
    Example: shocpp invite --account family-y --mail
    """
    from shocpp.admission.people import devices, invitations

    settings = read_settings()
    if token and (mail or mail_to is not None):
        raise UsageError("a token is printed only; leave out --mail and --mail-to")
    to = mail_to if mail_to is not None or not mail else _address_of(settings, account)
    with open_database(settings.database) as db:
        person = _person(db, settings, role, account, name, is_program=token)
        if token:
            secret, number = devices.make_device(
                db, person, now_ms(), made_by=user_name(), is_program=True
            )
            click.echo(secret)
            click.echo(
                f"token {number} of {_described(person)}; send it as: Authorization: Bearer …; it "
                "is not shown again",
                err=True,
            )
            return
        lifetime_ms, moment_ms = days * invitations.DAY_MS, now_ms()
        invitation = invitations.invite(
            db, person, moment_ms, made_by=user_name(), lifetime_ms=lifetime_ms
        )
        if to is not None:
            _mail_link(db, settings, invitation, person, to, moment_ms + lifetime_ms)
    _print_link(settings, invitation, person, days, to)


def _address_of(settings: Settings, account: str | None) -> str:
    """Return the mail address of an account; raises UsageError unless it has exactly one."""
    from shocpp.configuration.operator import load_operator

    if account is None:
        raise UsageError("--mail goes to the address of --account; for others: --mail-to ADDRESS")
    addresses = load_operator(settings.operator_file).mail.to.get(account, ())
    if len(addresses) != 1:
        known = ", ".join(addresses) or f"none in {settings.operator_file}"
        raise UsageError(f"{account} has not one mail address: {known}; use --mail-to ADDRESS")
    return addresses[0]


def _mail_link(
    db: Database,
    settings: Settings,
    invitation: str,
    person: "Person",
    to: str,
    expires_ms: int,
) -> None:
    """Mail the link of an invitation; one that cannot be mailed is withdrawn."""
    from shocpp.admission.people import invitations
    from shocpp.admission.people.permits import accounts_in_force
    from shocpp.admission.people.secret_texts import hash_of
    from shocpp.errors import ShocppError
    from shocpp.interfaces.delivery.invitations import InvitationMail, send_invitation
    from shocpp.interfaces.server.invitation_link import page_address
    from shocpp.store import people

    account = accounts_in_force(db, settings).named(person.account or "")
    language = (account and account.recipient.language) or settings.language
    link = invitations.link(page_address(settings), invitation)
    try:
        send_invitation(settings, InvitationMail(to, person.name, link, expires_ms), language)
    except ShocppError:
        made = people.invitation_with(db, hash_of(invitation))
        if made is not None:
            invitations.withdraw(db, made.id, now_ms())
        raise


def _print_link(
    settings: Settings, invitation: str, person: "Person", days: int, to: str | None
) -> None:
    """Print the link of an invitation, or the address that it was mailed `to`."""
    from shocpp.admission.people.invitations import link
    from shocpp.interfaces.server.invitation_link import page_address, qr_code, shortcoming

    pages = page_address(settings)
    address = link(pages, invitation)
    if to is not None:
        click.echo(f"sent to {to}")
    else:
        click.echo(address)
        if sys.stdout.isatty():
            # `sys.stdout` would escape its colours.
            click.echo(qr_code(address), file=sys.__stdout__)
    hours = f"{days} days" if days > 1 else "24 hours"
    click.echo(f"for {_described(person)}; the link works once, within {hours}", err=True)
    trouble = shortcoming(pages)
    if trouble is not None:
        click.echo(trouble, err=True)


def _person(
    db: Database,
    settings: Settings,
    role: str | None,
    account: str | None,
    name: str | None,
    *,
    is_program: bool,
) -> "Person":
    """Return the person that is to be invited; raises UsageError."""
    from shocpp.admission.people.invitations import LONGEST_NAME, is_name
    from shocpp.admission.people.permits import accounts_in_force
    from shocpp.admission.people.roles import Person

    if is_program and role is None:
        raise UsageError(f"a token needs --role, one of {', '.join(ROLES)}")
    role = role or (DRIVER if account else ROLES[0])
    if not is_program and role not in PAGE_ROLES:
        raise UsageError(f"{role} is the role of a program: add --token")
    if (role == DRIVER) != (account is not None):
        raise UsageError(
            "a driver needs --account, a name in tags.json"
            if account is None
            else f"--account is for drivers; leave it out, or leave out --role {role}"
        )
    if account is not None:
        names = accounts_in_force(db, settings).names()
        if account not in names:
            known = ", ".join(names) or "there are none"
            raise UsageError(f"{settings.tags_file} has no account {account!r}: {known}")
    signature = name or account or role
    if not is_name(signature):
        raise UsageError(f"--name must have 1 to {LONGEST_NAME} printable characters")
    return Person(signature, role, account)


def _described(person: "Person") -> str:
    return f"{person.name} ({person.role})" if person.name != person.role else person.role


@click.group(context_settings=HELP, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON list instead of lines.")
@click.pass_context
@one_line_errors
def devices(context: click.Context, as_json: bool) -> None:
    """List the devices and tokens that are in force, and the open invitations.

    \b
    Example: shocpp devices
    """
    if context.invoked_subcommand is None:
        _print_devices(as_json)


@devices.command("list", context_settings=HELP)
@click.option("--json", "as_json", is_flag=True, help="A JSON list instead of lines.")
@one_line_errors
def list_(as_json: bool) -> None:
    """List the devices and tokens that are in force, and the open invitations.

    \b
    Example: shocpp devices list --json
    """
    _print_devices(as_json)


@devices.command(context_settings=HELP)
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@one_line_errors
def revoke(number: int) -> None:
    """Revoke a device or a token, by its number in `shocpp devices`.

    Its next request is refused, and its open pages end.

    \b
    Example: shocpp devices revoke 3
    """
    from shocpp.admission.people.devices import revoke as revoke_device
    from shocpp.store.people import device_numbered

    settings = read_settings()
    with open_database(settings.database) as db:
        if not revoke_device(db, number, now_ms()):
            raise UsageError(f"no device {number} is in force; see: shocpp devices")
        device = device_numbered(db, number)
    assert device is not None
    click.echo(f"device {number} of {device.name} ({device.role}) is revoked")


@devices.command(context_settings=HELP)
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@one_line_errors
def withdraw(number: int) -> None:
    """Withdraw an open invitation, by its number in `shocpp devices`.

    Its link makes no device any more. If somebody has used it, revoke the device.

    \b
    Example: shocpp devices withdraw 4
    """
    from shocpp.admission.people.invitations import withdraw as withdraw_invitation

    settings = read_settings()
    with open_database(settings.database) as db:
        if not withdraw_invitation(db, number, now_ms()):
            raise UsageError(f"no invitation {number} is open; see: shocpp devices")
    click.echo(f"invitation {number} is withdrawn")


def _print_devices(as_json: bool) -> None:
    import json

    from shocpp.admission.people import devices as registered
    from shocpp.interfaces.cli.tables import Column, Display, print_table
    from shocpp.store import people

    settings, moment_ms = read_settings(), now_ms()
    with open_database(settings.database) as db:
        in_force = registered.in_force(db, moment_ms)
        invitations = people.open_invitations(db, moment_ms)
        display = Display(db, settings)
    if as_json:
        rows = [_json_row(device) for device in in_force]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    columns = (
        *(
            Column("NUMBER", is_figure=True),
            Column("NAME", 8),
            Column("ROLE"),
            Column("ACCOUNT", 8),
        ),
        *(Column("KIND"), Column("LAST USED"), Column("SINCE"), Column("BY", 6)),
    )
    cells = [_cells(device, display) for device in in_force]
    if cells:
        print_table(columns, cells)
    else:
        click.echo("no device is signed in; invite one: shocpp invite")
    for invitation in invitations:
        click.echo(
            f"open invitation {invitation.id} of {invitation.name} ({invitation.role}), until "
            f"{display.moment(invitation.expires_ms)}; to end it: shocpp devices withdraw "
            f"{invitation.id}"
        )


def _cells(device: "Device", display: "Display") -> list[str]:
    kind = "token" if device.is_program else "device"
    return [
        *(str(device.id), device.name, device.role, device.account or "", kind),
        *(display.moment(device.last_used_ms), display.moment(device.made_ms), device.made_by),
    ]


def _json_row(device: "Device") -> dict[str, Any]:
    from shocpp.ocpp.times import format_timestamp

    return {
        "number": device.id,
        "name": device.name,
        "role": device.role,
        "account": device.account,
        "kind": "token" if device.is_program else "device",
        "last_used": format_timestamp(device.last_used_ms),
        "since": format_timestamp(device.made_ms),
        "by": device.made_by,
    }
