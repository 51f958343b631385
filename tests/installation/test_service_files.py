"""The units of a home: those of the system, and that of a user; checked by systemd's own tool."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from shocpp.installation.service_files import UNIT, is_hidden_from_system, service_files
from tests.world.machine import BIN, ROOT, needs


def verify(folder: Path, files: dict[str, str], *options: str) -> None:
    """Let systemd read the units among the files."""
    units = []
    for name, text in files.items():
        if name.startswith("conf/systemd/"):
            units.append(folder / Path(name).name)
            units[-1].write_text(text)
    command = [needs("systemd-analyze"), *options, "verify", *units]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


def values_of(text: str, key: str) -> list[str]:
    """The values of a key in a unit."""
    return re.findall(f"^{key}=(.*)", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("home", "written"),
    [
        ("/var/lib/shocpp", "\nStateDirectory=shocpp\nStateDirectoryMode=0700\n"),
        ("/var/lib/charging/garage", "\nStateDirectory=charging/garage\n"),
        ("/srv/shocpp", "\nReadWritePaths=/srv/shocpp\n"),
        ("/srv/my 100 %", '\nReadWritePaths="/srv/my 100 %%"\n'),
    ],
)
def test_units_of_the_system_name_the_home_and_the_installation(
    tmp_path: Path, home: str, written: str
) -> None:
    needs("fcgiwrap")
    files = service_files(Path(home), of_user=False)
    unit = files[UNIT]
    assert written in unit
    assert values_of(unit, "ExecStart") == [f"{BIN}/shocpp-listener"]
    assert "/opt/shocpp" not in "".join(files.values()) or "/opt/shocpp" in str(BIN)
    assert f'SCRIPT_FILENAME "{home}/cgi-bin/caller.py";' in files["conf/nginx/shocpp-cgi.conf"]
    for name, text in files.items():
        if name.endswith(".service"):
            (value,) = [value for value in values_of(text, "Environment") if "HOME" in value]
            assert value.strip('"').replace("%%", "%") == f"SHOCPP_HOME={home}"
    # All other lines are those of the shipped unit, which tests/whole/test_units.py runs.
    shipped = (ROOT / UNIT).read_text()
    assert values_of(unit, "SystemCallFilter") == values_of(shipped, "SystemCallFilter")
    verify(tmp_path, files)


def test_the_unit_of_a_user_names_its_home_and_the_installation(tmp_path: Path) -> None:
    files = service_files(Path("/home/anna/my home"), of_user=True)
    unit = files[UNIT]
    assert values_of(unit, "Environment") == ['"SHOCPP_HOME=/home/anna/my home"']
    assert values_of(unit, "ExecStart") == [f"{BIN}/shocpp-listener"]
    # A user's systemd can neither start processes of other users nor change their mounts.
    assert not re.search("^(User|Group|Protect.*|Private.*|Capability.*)=", unit, re.MULTILINE)
    verify(tmp_path, {UNIT: unit}, "--user")


@pytest.mark.parametrize(
    "home", ["/home/anna/.local/share/shocpp", "/root/shocpp", "/run/user/1/x"]
)
def test_a_home_that_the_system_hides_gets_a_unit_of_its_user(home: str) -> None:
    assert is_hidden_from_system(Path(home))
