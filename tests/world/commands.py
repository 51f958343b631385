"""`shocpp-command` in tests: run it, and check how it fails."""

import subprocess
from typing import Any

from tests.world.home import Home


def refused(run: subprocess.CompletedProcess[str], code: int) -> str:
    """Assert that a command has failed with this code and one line on stderr; return the line."""
    assert (run.returncode, run.stdout) == (code, ""), run
    assert run.stderr.endswith("\n"), run.stderr
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert run.stderr.strip(), "the line must not be blank"
    return run.stderr


def command(home: Home, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run shocpp-command to its end."""
    return home.run("shocpp-command", *arguments, **more)
