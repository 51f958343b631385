"""The home of an installed package: a folder with the files of its user, and with what serves them.

    wsgi.ini              gunicorn's settings, for changes of the user
    cgi-bin/caller.py     the CGI script, with the interpreter of this installation
    conf/                 example accounts and canned calls, files for systemd and nginx
    db/, accounting/      made by the server

A file that exists is never overwritten. The examples are for a new home only: beside a database,
their accounts would contradict those of the books.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from shocpp.database_path import database_of
from shocpp.errors import ConfigError, UsageError
from shocpp.installation.files import IS_CHECKOUT, PACKAGE, SHIPPED
from shocpp.installation.service_files import is_hidden_from_system, service_files

CALLER = "cgi-bin/caller.py"

_MARKS = ("wsgi.ini", "conf", "db", "accounting")
"""The names of which a home, also one of an older version, has at least one."""

_EXAMPLES = {"conf/tags.json": "SHOCPP_TAGSFILE", "conf/canned.json": "SHOCPP_CANNEDFILE"}
"""The files that a new home gets from an example, each with the setting of another path."""


_IN_NO_UNIT = frozenset("\"'\\$")
"""The printable characters of a path that no quotes protect in units and in nginx's files alike."""


def make_home(home: Path, environment: Mapping[str, str]) -> list[str]:
    """Make a home, or write the files that it lacks; return their names.

    Raises UsageError if the folder has files and is no home, or a name that no unit can have, and
    ConfigError if it cannot be written.
    """
    if not str(home).isprintable() or not _IN_NO_UNIT.isdisjoint(str(home)):
        raise UsageError(
            f"{str(home)!r} cannot be a home: systemd and nginx read quotes, backslashes, dollars "
            "and control characters otherwise; name a folder without them"
        )
    if IS_CHECKOUT and home.resolve() == SHIPPED:
        raise UsageError(f"{home} is a checkout, which is a home; name a folder: shocpp home DIR")
    try:
        names = os.listdir(home) if home.exists() else []
        if names and not any(mark in names for mark in _MARKS):
            raise UsageError(f"{home} has files and is no home; name a new or empty folder")
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [
            name
            for name, text in _contents(home, environment).items()
            if _write_new(home / name, text)
        ]
    except OSError as error:
        raise ConfigError(f"the home {home} cannot be made: {error}") from None


def caller_of(home: Path) -> str:
    """Return the CGI script of a home."""
    text = (SHIPPED / CALLER).read_text(encoding="utf-8")
    # A kernel passes all that follows the interpreter as one argument, and knows no quotes.
    start = f"#!{sys.executable} -IS"
    if " " in sys.executable:
        start = f'#!/usr/bin/env -S "{sys.executable}" -IS'
    for line, replacement in (
        (text.partition("\n")[0], start),
        ('PACKAGE_FOLDER = ""', f"PACKAGE_FOLDER = {str(PACKAGE.parent)!r}"),
        ('HOME = ""', f"HOME = {str(home)!r}"),
    ):
        text = text.replace(f"{line}\n", f"{replacement}\n", 1)
    return text


def _contents(home: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of the files of a home by their names."""
    return {
        "wsgi.ini": (SHIPPED / "wsgi.ini").read_text(encoding="utf-8"),
        CALLER: caller_of(home),
        **dict(_examples(home, environment)),
        **service_files(home, of_user=is_hidden_from_system(home)),
    }


def _examples(home: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the names and texts of the examples that a new home gets."""
    if not Path(database_of(environment, str(home))).exists():
        for name, setting in _EXAMPLES.items():
            if not environment.get(setting):
                yield name, (SHIPPED / f"{name}.example").read_text(encoding="utf-8")


def _write_new(path: Path, text: str) -> bool:
    """Write a file that does not exist; return False if it does."""
    if os.path.lexists(path):
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = 0o700 if path.suffix == ".py" else 0o600
    # Under its name only when it is whole: nothing would ever overwrite a part of it.
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        # Not by a link: some disks have none.
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    return True
