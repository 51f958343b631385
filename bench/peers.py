"""The peers of the benchmarks: three other Central Systems, each a process on 127.0.0.1.

`make peers` installs them. `ocpp` (PyPI, in the environment of the tests) and `ocpp_rpc` (npm) are
libraries: they run the server of their documentation, validate, and store nothing. `arthexis`
(PyPI) is a product that keeps its books, with Django, Channels and SQLite.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from bench.servers import ADDRESS, INSTALLED, Running, free_port, installed, listens, running
from bench.servers import wait_for as wait

ARTHEXIS = INSTALLED / "arthexis" / "bin"
PASSWORD = "a-password-for-the-bench"
ENROL = f"""
import django
django.setup()
from apps.ocpp.models import Charger
from django.contrib.auth.hashers import PBKDF2PasswordHasher
# One iteration: connecting is not measured.
token = PBKDF2PasswordHasher().encode({PASSWORD!r}, "salt", 1)
names = [f"charger-{{number}}" for number in range(1_000)]
chargers = [Charger(identity=name, connection_token_hash=token) for name in names]
Charger.objects.bulk_create(chargers)
"""
"""Enrol the chargers of the benchmarks, which send HTTP Basic authentication."""


@contextlib.contextmanager
def _peer(
    command: Callable[[int], list[str]],
    environment: Mapping[str, str],
    path: str = "/{}",
    password: str = "",
) -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="peer-bench-") as folder, contextlib.ExitStack() as s:
        port, log = free_port(), Path(folder) / "log"
        process = s.enter_context(running(command(port), {**os.environ, **environment}, log))
        wait(lambda: listens(port), process, log)
        yield Running(process.pid, port, process, path, password)


def ocpp() -> AbstractContextManager[Running]:
    """Run the documented Central System of PyPI `ocpp`."""
    return _peer(lambda port: [sys.executable, "-m", "bench.peer", str(port)], {})


def ocpp_rpc() -> AbstractContextManager[Running]:
    """Run the documented server of npm `ocpp-rpc` in strict mode."""
    packages = installed(INSTALLED / "ocpp-rpc" / "node_modules")
    program = str(Path(__file__).with_name("peer.js"))
    return _peer(lambda port: ["node", program, str(port)], {"NODE_PATH": packages})


@contextlib.contextmanager
def arthexis() -> Iterator[Running]:
    """Run PyPI `arthexis` as it deploys itself, with a new database on the same disk as ours."""
    daphne, empty = installed(ARTHEXIS / "daphne"), INSTALLED / "arthexis.sqlite3"
    with tempfile.TemporaryDirectory(prefix="arthexis-bench-") as folder:
        environment = {
            "ARTHEXIS_DATA_DIR": folder,
            "ARTHEXIS_ALLOWED_HOSTS": ADDRESS,
            "DJANGO_SETTINGS_MODULE": "arthexis.settings",
        }
        if not empty.exists():
            made = {**os.environ, **environment, "ARTHEXIS_DATABASE_PATH": f"{empty}.new"}
            for command in (
                [str(ARTHEXIS / "arthexis"), "migrate", "--noinput", "--verbosity=0"],
                [str(ARTHEXIS / "python"), "-c", ENROL],
            ):
                subprocess.run(command, env=made, check=True)
            Path(f"{empty}.new").rename(empty)
        shutil.copyfile(empty, Path(folder) / "db.sqlite3")
        with _peer(
            lambda port: [daphne, "-b", ADDRESS, "-p", str(port), "arthexis.asgi:application"],
            environment,
            "/ws/ocpp/{}/",
            PASSWORD,
        ) as peer:
            yield peer
