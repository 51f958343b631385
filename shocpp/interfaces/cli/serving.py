"""Commands that serve chargers, run the demo, make a home and migrate the database."""

import os
import shlex
import time
from pathlib import Path

import click

from shocpp.errors import UsageError
from shocpp.interfaces.cli.conventions import HELP, Command, one_line_errors
from shocpp.settings import home_folder, read_settings


@click.command(cls=Command, context_settings=HELP)
@one_line_errors
def listener() -> None:
    """Serve chargers and web pages, until stopped.

    \b
    Example: WS_PORT=8080 shocpp-listener
    """
    from shocpp.interfaces.server.start import listen

    listen()


@click.command(cls=Command, context_settings=HELP)
@click.option(
    "-c",
    "--charge-point",
    metavar="ID",
    help="The charger's name, which you vouch for; by default websocketd's PATH_INFO, else its "
    "serial number.",
)
@one_line_errors
def backend(charge_point: str | None) -> None:
    """Serve one charger over stdin and stdout, for inetd and websocketd.

    \b
    Example: printf '[2,"1","Heartbeat",{}]\\n' | shocpp-backend
    """
    from shocpp.interfaces.server.logs import log_to_stderr
    from shocpp.interfaces.server.start import prepare
    from shocpp.interfaces.stdio.backend import (
        admit_on_stdio,
        admit_without_password,
        identity_of_stdio,
        serve_stdio,
    )

    settings = read_settings()
    log_to_stderr()
    # inetd starts a process for each charger: only the listener checks the whole database.
    prepare(settings, thorough=False)
    name = identity_of_stdio(charge_point, os.environ)
    address, port = os.environ.get("REMOTE_ADDR"), os.environ.get("REMOTE_PORT", "")
    remote = f"{address}:{port}" if address else "stdin"
    # Under websocketd the charger is remote. The option then only names it: the allowlist and
    # its password decide, as for every other connection.
    if charge_point is not None and name is not None and "GATEWAY_INTERFACE" not in os.environ:
        admitted = admit_without_password(settings, name)
    else:
        admitted = admit_on_stdio(settings, name, os.environ, remote)
    serve_stdio(settings, admitted, remote)


@click.command(context_settings=HELP)
@click.option(
    "--serve",
    "is_serving",
    is_flag=True,
    help="Serve the page with four live chargers and a month of sessions, until Ctrl-C.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="The port; by default a free one."
)
@one_line_errors
def demo(is_serving: bool, port: int) -> None:
    """Run a simulated charger that charges and is billed, in about ten seconds.

    The demo starts a server of its own on 127.0.0.1 with a scratch database. It does not touch
    your files. With --serve you plug cables in and hold cards to chargers by typing a letter.

    \b
    Example: shocpp demo
             shocpp demo --serve --port 8080
    """
    if is_serving:
        from shocpp.demo.serving.serve import serve

        serve(port, lambda text: click.echo(text, nl=False))
        return
    from shocpp.demo.play import play

    play(port, click.echo)


@click.command(context_settings=HELP)
@click.argument("folder", metavar="[DIR]", required=False)
@one_line_errors
def home(folder: str | None) -> None:
    """Make a home, the folder of your accounts and books, for shocpp without a checkout.

    DIR is SHOCPP_HOME by default, and without it ~/.local/share/shocpp, as root /var/lib/shocpp.
    The home gets example accounts, wsgi.ini, the CGI script, and files for systemd and nginx. What
    exists is not overwritten. Repeat it to write files that you have removed.

    \b
    Example: shocpp home /var/lib/shocpp
    """
    from shocpp.installation.files import SHIPPED
    from shocpp.installation.home import make_home
    from shocpp.installation.service_files import UNIT

    # A variable that a script has not set would name the current folder.
    if folder == "":
        raise UsageError("the name of the folder is empty; name it, or leave it out")
    path = home_folder(os.environ) if folder is None else Path(folder).absolute()
    for name in make_home(path, os.environ):
        click.echo(f"wrote {path / name}")
    name_it = "" if path == home_folder(os.environ) else f"SHOCPP_HOME={shlex.quote(str(path))} "
    click.echo(f"start it with: {name_it}shocpp-listener; as a service: see {path / UNIT}")
    click.echo(f"examples of other files are in {SHIPPED / 'conf'}")


@click.command(context_settings=HELP)
@one_line_errors
def migrate() -> None:
    """Create the database, or migrate it to the version of this program.

    \b
    Example: shocpp migrate
    """
    from shocpp.bookkeeping.accounting_files.record_files import highest_number
    from shocpp.store.schema.migrations import migrate as migrate_database

    settings = read_settings()
    existed = settings.database.exists()
    migrate_database(
        settings.database,
        time.time_ns() // 1_000_000,
        highest_number=lambda: highest_number(settings.accounting_folder),
        home=settings.home,
    )
    click.echo(f"{settings.database} is {'up to date' if existed else 'created'}")
