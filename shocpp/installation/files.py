"""The folder of the shipped files, and the default home, of a checkout and of an installed package.

    checkout   the files are beside the package, and the checkout is the home
    package    pyproject.toml puts copies of the files below shocpp/share/; the home is the user's

Only the place of the imported package decides, never the folder in which a process was started.
"""

import os
from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
"""The folder of the package `shocpp`."""

IS_CHECKOUT = all(
    (PACKAGE.parent / name).exists() for name in ("pyproject.toml", "app.py", "db/migrations")
)
"""True if the files of a checkout are beside the package, as in an editable install."""

SHIPPED = PACKAGE.parent if IS_CHECKOUT else PACKAGE / "share"
"""The folder of app.py, gunicorn.conf.py, wsgi.ini, cgi-bin/, conf/ and db/."""

SERVICE_HOME = Path("/var/lib/shocpp")
"""The default home of an installed package for root."""


def default_home(environment: Mapping[str, str]) -> Path:
    """Return the home of an environment without SHOCPP_HOME; it may not exist."""
    if IS_CHECKOUT:
        return SHIPPED
    if os.geteuid() == 0:
        return SERVICE_HOME
    data_home = environment.get("XDG_DATA_HOME") or ""
    # The XDG Base Directory Specification: a relative path is to be ignored.
    if not data_home.startswith("/"):
        data_home = f"{environment.get('HOME') or os.path.expanduser('~')}/.local/share"
    return Path(data_home, "shocpp")
