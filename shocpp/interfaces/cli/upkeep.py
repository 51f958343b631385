"""Commands that keep the books: import, rebuild, backup (a door)."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from shocpp.interfaces.cli.conventions import HELP, one_line_errors
from shocpp.interfaces.lines import one_line
from shocpp.settings import read_settings
from shocpp.store.database import open_database


@contextmanager
def progress(what: str, how_many: int) -> Iterator[Callable[[int], None]]:
    """A progress bar, where somebody is there to see it."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=how_many, label=what, file=sys.stderr, hidden=hidden) as bar:
        yield bar.update


@click.command("import", context_settings=HELP)
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "-c",
    "--charge-point",
    metavar="ID",
    help="The charger that the old scripts' records are from; it cannot be added later.",
)
@one_line_errors
def import_(path: Path, charge_point: str | None) -> None:
    """Take accounting files into the books: those of the old Bash scripts, or our own.

    PATH is an accounting folder or one file. What is in the books already stays as it is, so it may
    be repeated. Exit code 1: some files cannot be taken, each named with its reason.

    \b
    Example: shocpp import ~/shocpp-scripts/accounting -c garage
    """
    from shocpp.recovery.restore import import_files

    settings = read_settings()
    with open_database(settings.database) as db:
        _tell(import_files(db, settings, path, charge_point, progress))


@click.command(context_settings=HELP)
@click.option("--frames", "from_frames", is_flag=True, help="Decide a whole one's records anew.")
@one_line_errors
def rebuild(from_frames: bool) -> None:
    """Make a lost or damaged database again from the accounting files.

    With --frames, where the database is whole and only its ledger is wrong: decide it anew from
    what the chargers have sent. The old database is kept beside the new one. Stop the server first.

    \b
    Example: shocpp rebuild
    """
    from shocpp.recovery import rebuild

    logging.getLogger("shocpp").addHandler(logging.NullHandler())  # the old story told anew
    settings = read_settings()
    settings.check_zone()
    if from_frames:
        rebuilt = rebuild.rebuild_from_frames(settings, progress)
    else:
        rebuilt = rebuild.rebuild(settings, progress)
    click.echo(f"{settings.database} is made again")
    if rebuilt.aside is not None:
        click.echo(f"the old one is {rebuilt.aside}")
    if not from_frames:
        click.echo("frames and calls are gone; open transactions are booked when they stop")
    for path in rebuilt.superseded:
        click.echo(f"its frames do not bear it out: {path}")
    _tell(rebuilt.restored)


@click.command(context_settings=HELP)
@click.argument("file", type=click.Path(path_type=Path))
@one_line_errors
def backup(file: Path) -> None:
    """Copy the database while it is in use, and look through the copy.

    \b
    Example: shocpp backup /mnt/backup/shocpp.sqlite3
    """
    from shocpp.store.backups import back_up, pages

    settings = read_settings()
    with open_database(settings.database) as db, progress("pages", pages(db)) as tell:
        back_up(db, file, tell)
    click.echo(f"{file} is a whole copy of {settings.database}")


def _tell(restored: Any) -> None:
    for sentence in restored.refused:
        click.echo(one_line(sentence), err=True)
    click.echo(
        f"{restored.restored} records taken, {restored.known} were there, "
        f"{len(restored.refused)} refused"
    )
    sys.exit(1 if restored.refused else 0)
