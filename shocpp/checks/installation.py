"""The part of `shocpp check` for the files that the program shares with its user's home."""

import os
import shlex
from collections.abc import Iterator

from shocpp.checks.findings import WRONG, Finding, broken_file
from shocpp.errors import ConfigError
from shocpp.installation.files import IS_CHECKOUT, SHIPPED
from shocpp.installation.home import CALLER, caller_of
from shocpp.installation.wsgi_ini import require_accepted, require_loadable, wsgi_ini_of
from shocpp.settings import Settings
from shocpp.store.database import Database


def check_wsgi_ini(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find a wsgi.ini that this version cannot use, such as one of an older version."""
    path = wsgi_ini_of(settings.home)
    try:
        require_loadable(path)
        require_accepted(path)
    except ConfigError as error:
        yield broken_file(path, error)


def check_caller(settings: Settings, _: Database | None) -> Iterator[Finding]:
    """Find a CGI script that no web server can start, or that starts another installation."""
    script = (SHIPPED if IS_CHECKOUT else settings.home) / CALLER
    if script.exists() and not os.access(script, os.X_OK):
        yield Finding(WRONG, "caller_not_executable", {"file": script})
    copy = settings.home / CALLER
    if copy != SHIPPED / CALLER and copy.exists() and not _is_current(settings):
        yield Finding(
            WRONG, "caller_foreign", {"file": copy, "home": shlex.quote(str(settings.home))}
        )


def _is_current(settings: Settings) -> bool:
    """Return True if the CGI script of the home is as this installation writes it."""
    try:
        text = (settings.home / CALLER).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return text == caller_of(settings.home)
