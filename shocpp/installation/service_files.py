"""The files for systemd and nginx in the home of an installed package.

The shipped units are for the checkout /opt/shocpp. A home gets them with its own paths. systemd
hides home folders from system services (ProtectHome=), so a home or an interpreter there gets a
unit for the user's own systemd instead.
"""

import re
import shlex
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from shocpp.installation.files import PACKAGE, SHIPPED

_HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"))
"""The folders that ProtectHome= hides."""

_STATE = Path("/var/lib")
"""The folder of StateDirectory=."""

_SYSTEM_FILES = (
    "conf/nginx/shocpp-cgi.conf",
    "conf/systemd/shocpp-fcgiwrap.service",
    "conf/systemd/shocpp-fcgiwrap.socket",
    "conf/systemd/shocpp-summary.service",
    "conf/systemd/shocpp-summary.timer",
)

UNIT = "conf/systemd/shocpp.service"

_FIRST_STEPS = """\
# The server for chargers and web clients, with its files in {home}. As root:
#
#   useradd --system --home-dir {home} --shell /usr/sbin/nologin shocpp
#   chown -R shocpp:shocpp {home}
#   echo SHOCPP_HOME={home} >> /etc/shocpp.env
#   chown root:shocpp /etc/shocpp.env && chmod 640 /etc/shocpp.env
#   cp {home}/conf/systemd/shocpp.service /etc/systemd/system/
#   systemctl daemon-reload && systemctl enable --now shocpp
#
# Commands of root and of this user read /etc/shocpp.env, too.
"""
"""The begin of the unit, in place of that for a checkout."""


def service_files(home: Path, *, of_user: bool) -> dict[str, str]:
    """Return the texts of the files for systemd and nginx that fit a home, by their names."""
    nginx = {"conf/nginx/shocpp.conf": _shipped("conf/nginx/shocpp.conf")}
    if of_user:
        return {**nginx, UNIT: _user_unit(home)}
    rest = {name: _with_paths(_shipped(name), home) for name in _SYSTEM_FILES}
    return {**nginx, **rest, UNIT: _system_unit(home)}


def is_hidden_from_system(home: Path) -> bool:
    """Return True if a service of the system could not see this home, or this installation."""
    used = (home, Path(sys.prefix), Path(sys.base_prefix), PACKAGE)
    return any(path.resolve().is_relative_to(folder) for path in used for folder in _HIDDEN)


def _system_unit(home: Path) -> str:
    """Return the unit of the system's service."""
    written = f"ReadWritePaths={_word(home)}"
    if home.is_relative_to(_STATE):
        written = f"StateDirectory={_word(home.relative_to(_STATE))}\nStateDirectoryMode=0700"
    lines = {
        "RequiresMountsFor": f"RequiresMountsFor={_word(home)}",
        "WorkingDirectory": None,
        "ReadWritePaths": written,
    }
    text = _with_lines(_with_paths(_shipped(UNIT), home), lines)
    _, settings, rest = text.partition("# Settings such as")
    return _FIRST_STEPS.format(home=shlex.quote(str(home))) + settings + rest


def _user_unit(home: Path) -> str:
    """Return the unit of a user's service; the shipped one has the paths of pipx."""
    scripts = _scripts_folder()
    text = _shipped("conf/systemd/user/shocpp.service")
    folder = shlex.quote(str(home))
    text = text.replace("~/.local/share/shocpp", folder).replace("~/.local/bin", str(scripts))
    lines = {
        "Environment": f"Environment={_word(f'SHOCPP_HOME={home}')}",
        "ExecStart": f"ExecStart={_command(scripts / 'shocpp-listener')}",
    }
    return _with_lines(text, lines)


def _with_paths(text: str, home: Path) -> str:
    """Return a file of the checkout /opt/shocpp with the home and scripts of this installation."""
    scripts, settings = str(_scripts_folder()), f"Environment={_word(f'SHOCPP_HOME={home}')}"
    # nginx ends a word at a blank and a statement at a semicolon.
    text = re.sub(r"/opt/shocpp/cgi-bin/caller\.py(?=;)", r'"\g<0>"', text)
    text = re.sub(
        r"/opt/shocpp(/\.venv/bin)?", lambda match: scripts if match[1] else str(home), text
    )
    return text.replace("\nUMask=", f"\n{settings}\nUMask=")


def _with_lines(text: str, lines: Mapping[str, str | None]) -> str:
    """Return a unit with other lines in place of those of these keys, or without them."""
    for key, line in lines.items():
        replacement = "" if line is None else f"{line}\n"
        # A backslash of a path would be an escape in the replacement of re.sub.
        text = replacement.join(re.split(f"^{key}=.*\n", text, flags=re.MULTILINE))
    return text


def _word(path: Path | str) -> str:
    """Return a path as one word of a unit file."""
    text = str(path).replace("%", "%%")
    return f'"{text}"' if " " in text else text


def _command(path: Path) -> str:
    """Return a path as the command of a unit file."""
    return _word(path).replace("$", "$$")


def _scripts_folder() -> Path:
    """Return the folder of the console scripts of this installation."""
    # The metadata name it, because sysconfig does not know of each kind of installation.
    for file in metadata.files("shocpp") or []:
        if file.name == "shocpp-listener":
            return Path(file.locate()).resolve().parent
    return Path(sys.executable).parent


def _shipped(name: str) -> str:
    """Return the text of a shipped file."""
    return (SHIPPED / name).read_text(encoding="utf-8")
