"""Commands that maintain the database: import, rebuild, backup and compact."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from shocpp.clock import now_ms
from shocpp.interfaces.cli.conventions import HELP, one_line_errors
from shocpp.interfaces.lines import one_line
from shocpp.settings import read_settings
from shocpp.store.database import open_database


@contextmanager
def progress(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr if it is a terminal.

    Yields the callback that advances the bar by a number of steps, of `length` in all.
    """
    hidden = not sys.stderr.isatty()
    # Not on stdout, which has the output of the command.
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden) as bar:
        yield bar.update


@click.command("import", context_settings=HELP)
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "-c",
    "--charge-point",
    metavar="ID",
    help="The charger of the old scripts' records; it cannot be added later.",
)
@one_line_errors
def import_(path: Path, charge_point: str | None) -> None:
    """Import accounting files: those of the old Bash scripts, or those of shocpp.

    PATH is an accounting folder or one file. Records that exist already stay as they are, so you
    may repeat the command. Exit code 1: some files were refused, each named with its reason.

    \b
    Example: shocpp import ~/shocpp-scripts/accounting -c garage
    """
    from shocpp.recovery.restore import import_files

    settings = read_settings()
    with open_database(settings.database) as db:
        _finish(import_files(db, settings, path, charge_point, progress))


@click.command(context_settings=HELP)
@click.option("--frames", "from_frames", is_flag=True, help="A new ledger for an intact database.")
@one_line_errors
def rebuild(from_frames: bool) -> None:
    """Rebuild a lost or damaged database from the accounting files.

    Use --frames if the database is intact and only its ledger is wrong: it derives the records
    again from the frames that chargers have sent. The old database stays beside the new one. Stop
    the server first.

    \b
    Example: shocpp rebuild
    """
    from shocpp.recovery import rebuild

    # Replayed frames would log their old events again, through logging's handler of last resort.
    logging.getLogger("shocpp").addHandler(logging.NullHandler())
    settings = read_settings()
    settings.check_zone()
    if from_frames:
        rebuilt = rebuild.rebuild_from_frames(settings, progress)
    else:
        rebuilt = rebuild.rebuild(settings, progress)
    click.echo(f"{settings.database} is rebuilt")
    if rebuilt.aside is not None:
        click.echo(f"the old database is {rebuilt.aside}")
    if not from_frames:
        click.echo("frames and Calls are lost; open transactions are booked when they stop")
    for path in rebuilt.superseded:
        click.echo(f"the frames do not confirm this file, so it is renamed: {path}")
    _finish(rebuilt.restored)


@click.command(context_settings=HELP)
@click.argument("file", type=click.Path(path_type=Path))
@one_line_errors
def backup(file: Path) -> None:
    """Copy the database while it is in use, and check the copy.

    \b
    Example: shocpp backup /mnt/backup/shocpp.sqlite3
    """
    from shocpp.store import properties
    from shocpp.store.files.backups import back_up, pages
    from shocpp.store.keys import NO_KEYS

    settings = read_settings()
    begun_ms = now_ms()
    with open_database(settings.database) as db:
        with progress("pages", pages(db)) as advance:
            back_up(db, file, advance)
        with db.writing(keys=NO_KEYS):
            properties.record_backup(db, begun_ms)
    click.echo(f"{file} is a complete copy of {settings.database}")


@click.command(context_settings=HELP)
@one_line_errors
def compact() -> None:
    """Give the free pages of the database back to the disk.

    Purged frames and thinned readings leave free pages, which new rows fill. The disk needs room
    for a copy of the rest. The copy is checked before it takes the place of the database. Stop the
    server first.

    \b
    Example: shocpp compact
    """
    from shocpp.recovery.compact import compact as compact_database

    settings = read_settings()
    done = compact_database(settings, progress)
    before, after = (size / 1e6 for size in done)
    click.echo(f"{settings.database} is compact: {before:.1f} MB before, {after:.1f} MB now")


def _finish(restored: Any) -> None:
    """Print refused files and the counts, and exit: 1 if a file was refused, else 0."""
    for sentence in restored.refused:
        click.echo(one_line(sentence), err=True)
    for item in restored.renumbered:
        name = item.file_name.removesuffix(".json")
        click.echo(one_line(f"{name} is record {item.number} from now on: {item.decided_why}"))
    click.echo(
        f"{restored.restored} records taken, {restored.known} were there, "
        f"{len(restored.refused)} refused"
    )
    sys.exit(1 if restored.refused else 0)
