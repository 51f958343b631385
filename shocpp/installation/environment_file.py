"""/etc/shocpp.env, the settings of the service, for the commands of an installed package.

systemd reads the file for the server (`EnvironmentFile=`). A command without SHOCPP_HOME takes the
settings from there, too, so that both work on the same home. Commands of a checkout do not: it is
its own home, also on the machine of another service.
"""

import re
from collections.abc import MutableMapping
from pathlib import Path

from shocpp.errors import ConfigError

ENVIRONMENT_FILE = Path("/etc/shocpp.env")

_OURS = re.compile(r"(SHOCPP|WS|GUNICORN)_\w+|TZ")
_PARTS = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^'"\\]+)""", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\`$])')


def adopt_environment_file(environment: MutableMapping[str, str]) -> None:
    """Add the settings of the file that an environment without SHOCPP_HOME lacks.

    A file that is missing, or that this user may not read, adds nothing. Raises ConfigError if it
    is not UTF-8.
    """
    if environment.get("SHOCPP_HOME"):
        return
    try:
        text = ENVIRONMENT_FILE.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{ENVIRONMENT_FILE} is not UTF-8; write it in UTF-8") from None
    except OSError:
        return
    for name, value in variables_of(text).items():
        if _OURS.fullmatch(name):
            environment.setdefault(name, value)


def variables_of(text: str) -> dict[str, str]:
    """Return the variables of an environment file as systemd reads it (systemd.exec(5))."""
    variables = {}
    for line in text.replace("\\\n", "").splitlines():
        name, is_assignment, value = line.strip().partition("=")
        if is_assignment and not name.startswith(("#", ";")):
            variables[name.rstrip()] = _unquoted(value.strip())
    return variables


def _unquoted(value: str) -> str:
    """Return a value without its quotes and backslashes."""
    return "".join(
        single or _ESCAPED.sub(r"\1", double) or escaped or plain
        for single, double, escaped, plain in _PARTS.findall(value)
    )
