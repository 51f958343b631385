"""Updating: console scripts of an older checkout start the new code."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.home import Home
from tests.world.server import Server

SCRIPTS = {
    "shocpp": "main",
    "shocpp-backend": "backend",
    "shocpp-caller": "caller",
    "shocpp-command": "command",
    "shocpp-listener": "listener",
    "shocpp-summary": "summary",
}
"""The console scripts, each with the name that it imported from shocpp.doors.cli."""


@pytest.fixture
def old_bin(tmp_path: Path) -> Path:
    """A folder with the console scripts as pip wrote them before the packages moved."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for script, function in SCRIPTS.items():
        path = folder / script
        path.write_text(
            f"#!{sys.executable}\n"
            "import sys\n"
            f"from shocpp.doors.cli import {function}\n"
            "if __name__ == '__main__':\n"
            "    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n"
            f"    sys.exit({function}())\n"
        )
        path.chmod(0o755)
    return folder


@pytest.fixture
def old_server(home: Home, old_bin: Path) -> Iterator[Server]:
    """A server that an old `shocpp-listener` has started."""
    command = (str(old_bin / "shocpp-listener"),)
    server = type("OldServer", (Server,), {"command": command})(home)
    yield server
    if server.process.poll() is None:
        server.kill()


def test_an_old_listener_starts_the_new_server(old_server: Server) -> None:
    assert "Listening at" in old_server.log()
    assert old_server.stop() == 0


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_old_console_script_starts(old_bin: Path, home: Home, script: str) -> None:
    done = subprocess.run(
        [str(old_bin / script), "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        env=home.environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: ")


def test_an_old_backend_answers_a_charger(old_bin: Path, home: Home) -> None:
    done = subprocess.run(
        [str(old_bin / "shocpp-backend"), "-c", "garage"],
        input='[2,"1","Authorize",{"idTag":"3333"}]',
        capture_output=True,
        text=True,
        timeout=30,
        env=home.environment,
    )
    assert json.loads(done.stdout) == [3, "1", {"idTagInfo": {"status": "Accepted"}}]
