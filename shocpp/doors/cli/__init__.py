"""The command line (a door): `shocpp VERB`, and the seed's commands under their own names."""

import click

from shocpp import __version__
from shocpp.doors.cli.calling import caller, calls, command
from shocpp.doors.cli.cards import tags
from shocpp.doors.cli.charge_points import charge_points
from shocpp.doors.cli.checking import check
from shocpp.doors.cli.closing import close, verify
from shocpp.doors.cli.edge import HELP
from shocpp.doors.cli.papers import summary
from shocpp.doors.cli.reading import frames, transactions
from shocpp.doors.cli.reviewing import review
from shocpp.doors.cli.serving import backend, demo, listener, migrate
from shocpp.doors.cli.tariffs import tariffs
from shocpp.doors.cli.upkeep import backup, import_, rebuild


@click.group(context_settings=HELP)
@click.version_option(__version__, prog_name="shocpp")
def main() -> None:
    """Run EV chargers (OCPP 1.6-J) and know, to the Wh, who charged what."""


for verb in (
    backend,
    backup,
    caller,
    calls,
    charge_points,
    check,
    close,
    command,
    demo,
    frames,
    import_,
    listener,
    migrate,
    rebuild,
    review,
    summary,
    tags,
    tariffs,
    transactions,
    verify,
):
    main.add_command(verb)
