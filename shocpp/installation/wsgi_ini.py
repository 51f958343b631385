"""wsgi.ini: the one of the home, or else the shipped one."""

import configparser
import subprocess
import sys
from pathlib import Path

from shocpp.errors import ConfigError
from shocpp.installation.files import SHIPPED

_TIMEOUT_S = 30.0


def wsgi_ini_of(home: Path) -> Path:
    """Return the wsgi.ini that is in force for a home."""
    path = home / "wsgi.ini"
    return path if path.exists() else SHIPPED / "wsgi.ini"


def require_loadable(path: Path) -> None:
    """Raise ConfigError if a wsgi.ini cannot be parsed, or loads another application."""
    # gunicorn parses the file before it reads gunicorn.conf.py, and fails with a traceback.
    factory, expected = _factory_of(path), _factory_of(SHIPPED / "wsgi.ini")
    if factory != expected:
        raise ConfigError(
            f"{path} does not fit this version: it needs the line paste.app_factory = {expected} "
            "in [app:main]; correct it, or remove the file"
        )


def require_accepted(path: Path) -> None:
    """Raise ConfigError if gunicorn does not accept a line of [server:main] of a wsgi.ini.

    gunicorn.conf.py does the check, in a process of its own.
    """
    command = [sys.executable, str(SHIPPED / "gunicorn.conf.py"), "--paste", str(path)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ConfigError(lines[-1])


def _factory_of(path: Path) -> str:
    """Return the factory of the application that a wsgi.ini names; raises ConfigError."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except (OSError, ValueError, configparser.Error) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} cannot be used: {reason}; correct that line or file") from None
    return parser.get("app:main", "paste.app_factory", fallback="")
