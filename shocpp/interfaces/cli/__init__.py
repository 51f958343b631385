"""The command line: `shocpp VERB`, and five commands under the names of the seed's scripts.

Each file has the commands of one subject. Commands import services inside their functions, so that
`shocpp-command` and `shocpp --help` do not pay for reports, PDF or the web server.
"""

import click

from shocpp import __version__
from shocpp.interfaces.cli.calls import caller, calls, command
from shocpp.interfaces.cli.check import check
from shocpp.interfaces.cli.closing import close, verify
from shocpp.interfaces.cli.configuration.accounts import accounts
from shocpp.interfaces.cli.configuration.canned import canned
from shocpp.interfaces.cli.configuration.cards import cards, tags
from shocpp.interfaces.cli.configuration.charge_points import charge_points
from shocpp.interfaces.cli.configuration.operator import operator
from shocpp.interfaces.cli.configuration.people import people
from shocpp.interfaces.cli.configuration.tariffs import tariffs
from shocpp.interfaces.cli.conventions import HELP, Group
from shocpp.interfaces.cli.decisions.review import review
from shocpp.interfaces.cli.devices import devices, invite
from shocpp.interfaces.cli.listings import frames, sessions, transactions
from shocpp.interfaces.cli.modes import mode
from shocpp.interfaces.cli.power import limit, site
from shocpp.interfaces.cli.serving import backend, demo, home, listener, migrate
from shocpp.interfaces.cli.statements import summary
from shocpp.interfaces.cli.upkeep import backup, compact, import_, rebuild, restore


@click.group(cls=Group, context_settings=HELP)
@click.version_option(__version__, prog_name="shocpp")
def main() -> None:
    """Run EV chargers (OCPP 1.6-J) and know, to the Wh, who charged what."""


for verb in (
    accounts,
    backend,
    backup,
    caller,
    calls,
    canned,
    cards,
    charge_points,
    check,
    close,
    command,
    compact,
    demo,
    devices,
    frames,
    home,
    import_,
    invite,
    limit,
    listener,
    migrate,
    mode,
    operator,
    people,
    rebuild,
    restore,
    review,
    sessions,
    site,
    summary,
    tags,
    tariffs,
    transactions,
    verify,
):
    main.add_command(verb)
