"""An installed package: built from a checkout in use, and installed into an empty environment.

The environment takes the locked packages from that of the tests, so nothing is downloaded. The
processes of all tests of a run share one build.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.world.home import Home
from tests.world.machine import ROOT
from tests.world.server import Server

SECRET = "belongs-to-the-owner"

OWNERS = (
    "accounting/2026/10/0001-family-y.json",
    *("conf/charge_points.json", "conf/operator.json", "conf/tags.json"),
    *("conf/nginx/token.json", "conf/nginx/shocpp-token.conf", "conf/tags.json.20261001-120000"),
    *("db/shocpp.sqlite3", "db/shocpp.sqlite3-wal", "db/shocpp.sqlite3.20261001-120000"),
    *("db/shocpp.sqlite3-cgi/1", "db/shocpp.sqlite3-key", "db/migrations/copy.sqlite3"),
    *("backup.zip", "shocpp/share/conf/tags.json", "shocpp.env"),
)
"""Files that a checkout has when it is in use; none of them may travel."""

LOCKED_PACKAGES = Path(sysconfig.get_path("purelib"))
"""The folder of the packages of the tests' environment."""


class Installed(NamedTuple):
    """The builds of a checkout in use, and the environment that has the wheel."""

    checkout: Path
    wheel: Path
    sdist: Path
    environment: Path

    @property
    def bin(self) -> Path:
        """The folder of its console scripts."""
        return self.environment / "bin"

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        (folder,) = self.environment.glob("lib/*/site-packages")
        return folder


class InstalledHome(Home):
    """A home folder that does not exist yet, for an installed package."""

    def __init__(self, folder: Path, installed: Installed, **environment: str) -> None:
        self.folder = folder
        self.environment = {
            "PATH": f"{installed.bin}:{os.environ['PATH']}",
            "WS_ADDRESS": "127.0.0.1",
            **environment,
        }


class InstalledServer(Server):
    """Its server. The log is not in the home, which the server may make."""

    log_folder: Path

    def launch(self) -> None:
        """Start its process, and wait for nothing."""
        self.log_file = self.log_folder / "log"
        super().launch()


def installed_package(factory: pytest.TempPathFactory) -> Installed:
    """Return the package, which the first process of a run builds and installs."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    folder = factory.getbasetemp()
    folder = folder.parent / f"installed-{run}" if run else folder / "installed"
    folder.mkdir(exist_ok=True)
    paths = Installed(*(folder / name for name in ("checkout", "", "", "environment")))
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            _use(paths.checkout)
            _build(paths.checkout, folder)
            _install(next(folder.glob("*.whl")), paths.environment)
            (folder / "whole").touch()
    return paths._replace(wheel=next(folder.glob("*.whl")), sdist=next(folder.glob("*.tar.gz")))


def _use(checkout: Path) -> None:
    """Make a checkout with the files of an owner."""
    # Without .gitignore: the patterns of pyproject.toml have to do.
    unwanted = (".git", ".gitignore", ".venv", ".*cache", ".hypothesis", "__pycache__", "build")
    owners = ("accounting", "*.sqlite3*", "*.json", "tests", "bench")
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*unwanted, *owners))
    for name in OWNERS:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(SECRET)


def _build(checkout: Path, folder: Path) -> None:
    """Build wheel and sdist, as pip does it with the backend of the lock."""
    build = "import sys; from hatchling import build as b; b.build_wheel(*sys.argv[1:]); "
    build += "b.build_sdist(*sys.argv[1:])"
    subprocess.run([sys.executable, "-c", build, folder], cwd=checkout, check=True)


def _install(wheel: Path, environment: Path) -> None:
    """Install a wheel alone into a new environment, beside the packages of the tests."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", str(python)]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", wheel], check=True)
    (packages,) = environment.glob("lib/*/site-packages")
    # site reads no .pth files in a folder that a .pth file names, so not that of the checkout.
    (packages / "locked.pth").write_text(f"{LOCKED_PACKAGES}\n")


def docker_context(checkout: Path) -> Iterator[str]:
    """Yield the names of the files that Docker takes from a checkout (.dockerignore)."""
    lines = (checkout / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    for path in sorted(checkout.rglob("*")):
        name = str(path.relative_to(checkout))
        # The last pattern that matches decides.
        decisive = [line for line in patterns if _matches(line.removeprefix("!"), name)][-1]
        if path.is_file() and decisive.startswith("!"):
            yield name


def _matches(pattern: str, name: str) -> bool:
    """Return True if a pattern of .dockerignore names a file or a folder that holds it."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    regex = "".join(
        parts.get(part) or re.escape(part) for part in re.split(r"(\*\*/|\*\*|\*)", pattern)
    )
    return re.fullmatch(f"{regex}(?:/.*)?", name) is not None
