"""Commands that maintain the database: import, rebuild, backup, restore and compact."""

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
    # Not on stdout, which has the output of the command. `sys.stderr` would escape its controls.
    with click.progressbar(length=length, label=label, file=sys.__stderr__, hidden=hidden) as bar:
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
        # Without a server nobody else copies the -wal of a large import.
        db.checkpoint_itself()
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
    from shocpp.recovery.salvage import LOSSES

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
    salvaged = rebuilt.salvaged
    if salvaged is not None:
        click.echo(
            f"read from the old database: {salvaged.files} records and closings without a file, "
            f"{salvaged.messages} messages that were in no file"
        )
        unreadable = salvaged.unreadable
        click.echo(f"unreadable in it: {unreadable.pages} pages and {unreadable.rows} rows")
        # A price and its parts have one line.
        for loss in dict.fromkeys(LOSSES[table] for table in unreadable.tables):
            click.echo(f"incomplete in it: {loss}")
        if salvaged.nameless:
            click.echo(
                f"{salvaged.nameless} records and messages are of chargers whose names are "
                "unreadable: the records name no charger, and the messages are not booked; if you "
                "have a backup, restore it instead: shocpp restore"
            )
    if not from_frames:
        frames = "frames" if salvaged is None else "other frames"
        click.echo(f"{frames} and Calls are lost; open transactions are booked when they stop")
        click.echo("all devices and tokens are lost; invite people again: shocpp invite")
    for path in rebuilt.superseded:
        click.echo(f"the frames do not confirm this file, so it is renamed: {path}")
    _finish(rebuilt.restored)


@click.command(context_settings=HELP)
@click.argument("file", type=click.Path(path_type=Path))
@one_line_errors
def backup(file: Path) -> None:
    """Back up the database, accounting/ and conf/ while the server runs.

    A FILE whose name ends in .zip gets all of them as one archive, which also has the size and hash
    of each file. Any other FILE gets a copy of the database only. `shocpp restore` restores both.

    \b
    Example: shocpp backup /mnt/backup/shocpp.zip
    """
    from shocpp.recovery.archive import is_archive_name, secrets_of, write_archive
    from shocpp.store import properties
    from shocpp.store.files.backups import back_up, pages
    from shocpp.store.keys import NO_KEYS

    settings = read_settings()
    begun_ms = now_ms()
    with open_database(settings.database) as db:
        if is_archive_name(file):
            manifest = write_archive(db, settings, file, begun_ms, progress)
        else:
            with progress("pages", pages(db)) as advance:
                back_up(db, file, advance)
        with db.writing(keys=NO_KEYS):
            properties.record_backup(db, begun_ms)
    if not is_archive_name(file):
        click.echo(f"{file} is a complete copy of {settings.database}")
        click.echo(
            f"it has neither {settings.accounting_folder} nor conf/; for all of them in one file: "
            f"shocpp backup {file.with_suffix('.zip')}"
        )
        return
    count = len(manifest.members) - 1
    click.echo(f"{file} has the database and {count} files of accounting/ and conf/")
    for line in secrets_of(manifest):
        click.echo(f"keep it safe: {line}")


@click.command(context_settings=HELP)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--conf", is_flag=True, help="Also replace files of conf/ that differ.")
@click.option(
    "--keep-devices",
    is_flag=True,
    help="Keep the devices and invitations of the backup; otherwise they are revoked.",
)
@one_line_errors
def restore(file: Path, conf: bool, keep_devices: bool) -> None:
    """Restore a backup: an archive (.zip), or a copy of the database.

    Stop the server first. The backup is checked before anything changes. The former database stays
    beside the new one under a dated name. Accounting files stay, and their records that are newer
    than the backup are added. Files of conf/ come back where they are missing. Invite people again
    afterwards: their devices are revoked. You may repeat the command.

    \b
    Example: shocpp restore /mnt/backup/shocpp.zip
    """
    from shocpp.ocpp.times import format_timestamp
    from shocpp.recovery.backup_restore import reinstate

    settings = read_settings()
    settings.check_zone()
    done = reinstate(settings, file, progress, replaces_conf=conf, keeps_devices=keep_devices)
    of_when = "" if done.made_ms is None else f", made at {format_timestamp(done.made_ms)}"
    click.echo(f"{file} is restored to {settings.database}{of_when}; records in it: {done.records}")
    if done.aside is not None:
        click.echo(f"the former database is {done.aside}")
    if done.files:
        click.echo(f"{done.files} files are back in {settings.accounting_folder}")
    for item in done.conf:
        if item.stays:
            click.echo(f"{item.path} differs from the backup and stays; to replace it: --conf")
        else:
            former = "" if item.aside is None else f"; the former one is {item.aside}"
            click.echo(f"{item.path} is that of the backup{former}")
    if done.made_ms is None:
        click.echo("the backup has neither accounting/ nor conf/; these stay as they are")
    if done.revoked:
        click.echo(f"{done.revoked} devices are revoked; invite them again: shocpp invite")
    click.echo(
        "frames and Calls since the backup are lost; transactions that began since are booked when "
        "they stop"
    )
    _finish(done.imported)


@click.command(context_settings=HELP)
@one_line_errors
def compact() -> None:
    """Give the free pages of the database back to the disk.

    Stop the server first. Purged frames and deleted readings leave free pages, which new rows fill.
    The disk needs room for a copy of the other pages. The copy is checked before it replaces the
    database.

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
