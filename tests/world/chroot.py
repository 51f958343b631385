"""A root folder of its own for an installed package: the system, the packages, and nothing else.

It has no checkout, and its files are read-only but for the folders that a test names, as those of
a container.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.world.faults import as_root, not_allowed_here
from tests.world.installed import LOCKED_PACKAGES, Installed
from tests.world.machine import needs

USER = 10_001
"""The user of the container."""

SYSTEM = ("/bin", "/dev", "/lib", "/lib64", "/proc", "/sbin", "/usr")


class Chroot:
    """A root folder with an installed package; `writable` are folders in it for the user."""

    def __init__(self, root: Path, installed: Installed, writable: Iterable[str]) -> None:
        self.root = root
        self._writable = [root / name for name in writable]
        python = Path(sys.base_prefix)
        self._mounted = [
            *(Path(name) for name in SYSTEM if Path(name).exists()),
            *([] if python.is_relative_to("/usr") else [python]),
            *(LOCKED_PACKAGES, installed.environment),
        ]
        for folder in (*self._writable, *(root / str(path)[1:] for path in self._mounted)):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in self._writable:
            os.chmod(folder, 0o700)
        (root / "etc").mkdir(exist_ok=True)

    def give(self, *paths: Path) -> None:
        """Give files and folders to the user."""
        owner = f"{USER}:{USER}"
        subprocess.run([*as_root(), "chown", "-R", owner, *self._writable, *paths], check=True)

    def command(self, *command: object, user: int = USER, cwd: str = "/") -> tuple[str, ...]:
        """Return a command line that runs a command in the root folder, as a user."""
        root = shlex.quote(str(self.root))
        writable = [shlex.quote(str(folder)) for folder in self._writable]
        change = shlex.join([needs("chroot"), f"--userspec={user}:{user}", str(self.root)])
        inside = f"cd {shlex.quote(cwd)} && exec {shlex.join(map(str, command))}"
        script = [
            f"mount --bind {root} {root}",
            *(f"mount --bind {folder} {folder}" for folder in writable),
            *(f"mount --rbind {path} {root}{path}" for path in self._mounted),
            f"mount -o remount,bind,ro {root}",
            f"exec {change} sh -c {shlex.quote(inside)}",
        ]
        return (*as_root(), needs("unshare"), "--mount", "sh", "-ec", "\n".join(script))

    def run(
        self, *command: object, user: int = USER, cwd: str = "/", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; the test is skipped where nothing may be mounted."""
        done = subprocess.run(
            self.command(*command, user=user, cwd=cwd),
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=30,
        )
        if done.stderr.startswith(("unshare: ", "mount: ", "chroot: ")):
            not_allowed_here(done.stderr)
        return done
