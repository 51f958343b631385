"""Shared parts of the web server tests: the shipped files, installed in a folder of a test.

nginx gets the shipped files with other ports, paths and names.
"""

import base64
import contextlib
import functools
import hashlib
import http.client
import itertools
import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.world.home import Home
from tests.world.machine import BIN, ROOT, free_port, needs, wait_for
from tests.world.server import Server

CONF = ROOT / "conf"
numbers = itertools.count(1)

TOKEN = "correct-horse-battery"
USER, PASSWORD = "family", "staple: ü"


class Answer(NamedTuple):
    """An answer's status, body and headers."""

    status: int
    body: str
    headers: Mapping[str, str]


class Endpoint(NamedTuple):
    """A way to the canned calls: its port, and what distinguishes who may from who may not.

    `source` is the address that its requests come from.
    """

    port: int
    tls: ssl.SSLContext | None
    allowed: dict[str, str]
    strange: dict[str, str]
    source: str = "127.0.0.1"

    def ask(
        self, target: str, headers: Mapping[str, str], method: str = "GET", body: str | None = None
    ) -> Answer:
        """Send a request and read its answer."""
        client: http.client.HTTPConnection
        source = (self.source, 0)
        if self.tls is None:
            client = http.client.HTTPConnection(
                "localhost", self.port, timeout=20, source_address=source
            )
        else:
            client = http.client.HTTPSConnection(
                "localhost", self.port, timeout=20, source_address=source, context=self.tls
            )
        with contextlib.closing(client):
            client.request(method, target, body, dict(headers))
            response = client.getresponse()
            text = response.read().decode()
            # As a mapping, it would keep one of two headers of the same name.
            assert len(response.headers) == len({name.lower() for name in response.headers})
            return Answer(response.status, text, dict(response.headers))

    def call(self, name: str) -> Answer:
        """Ask for a canned call as somebody who may."""
        return self.ask(f"/cgi-bin/caller?canned={name}", self.allowed)


def basic(password: str, user: str = USER) -> dict[str, str]:
    """The header of basic auth."""
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


def put_in(text: str, replacements: Mapping[str, object]) -> str:
    """A shipped file with an installation's own names; each must have been there."""
    for old, new in replacements.items():
        assert old in text, f"{old!r} is not in the shipped file"
        text = text.replace(old, str(new))
    return text


@dataclass(frozen=True, eq=False)
class Deployment:
    """A server with web servers in front; they end with it."""

    home: Home
    server: Server
    until_end: contextlib.ExitStack

    @property
    def folder(self) -> Path:
        """For files of web servers."""
        return self.home.folder

    def run(self, *command: object, port: int | None = None) -> subprocess.Popen[bytes]:
        """Start a program that stays; returns when it listens."""
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.home.environment | {"PATH": f"{BIN}:{os.environ['PATH']}"},
                start_new_session=True,
            )
        self.until_end.callback(_end, process)
        if port is not None:
            wait_for(lambda: process.poll() is not None or _listens(port))
        assert process.poll() is None, self.server.log()
        return process

    def run_nginx(self, site: str, workers: str = "root") -> subprocess.Popen[bytes]:
        """Start nginx with a site file; root's workers may read the folders of this test.

        Lines for nginx.conf are taken from the site's comment, where there is one.
        """
        folder = self.folder / f"nginx-{next(numbers)}"
        folder.mkdir()
        (folder / "site.conf").write_text(site)
        temporary = [
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ]
        lines = [
            f"user {workers};" if os.geteuid() == 0 else "",
            f"daemon off; pid {folder}/pid; error_log {self.folder}/nginx-error.log info;",
            *re.findall(r"^# +(worker_shutdown_timeout .*;)$", site, re.MULTILINE),
            f"events {{ {' '.join(re.findall(r'worker_connections [0-9]+;', site))} }}",
            f"http {{ access_log off; {' '.join(temporary)} include {folder}/site.conf; }}",
        ]
        (folder / "nginx.conf").write_text("\n".join(lines))
        port = int(re.findall(r"listen 127\.0\.0\.1:(\d+)", site)[0])
        return self.run(needs("nginx"), "-c", folder / "nginx.conf", port=port)


@contextlib.contextmanager
def built(folder: Path, **environment: str) -> Iterator[Deployment]:
    """Start a server that has a token."""
    home = Home(folder / "home")
    server = Server(home, SHOCPP_TOKEN=TOKEN, **environment)
    with contextlib.ExitStack() as until_end:
        until_end.callback(server.kill)
        yield Deployment(home, server, until_end)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(5)


@functools.cache
def certificate(deployment: Deployment) -> ssl.SSLContext:
    """Makes the certificate of nginx, and passwords; what a client that trusts it needs."""
    openssl, folder = needs("openssl"), deployment.folder
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-newkey", "rsa:2048"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", "nginx.key", "-out", "nginx.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    hashed = subprocess.run(
        [openssl, "passwd", "-6", "-stdin"],
        input=PASSWORD,
        check=True,
        capture_output=True,
        text=True,
    )
    (folder / "htpasswd").write_text(f"{USER}:{hashed.stdout}")
    client = ssl.create_default_context(cafile=folder / "nginx.pem")
    # As many a charger. In TLS 1.3 tickets come after the handshake: where one thread reads and
    # another writes, as in the clients here, the writer can take a ticket for its own to wait for.
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    return client


def trust_argument(*deployments: Deployment) -> str:
    """The argument of a Chromium that trusts the keys of these nginx, and no other unknown one."""
    openssl, digests = needs("openssl"), []
    for deployment in deployments:
        public = subprocess.run(
            [openssl, "x509", "-in", deployment.folder / "nginx.pem", "-noout", "-pubkey"],
            check=True,
            capture_output=True,
        )
        key = subprocess.run(
            [openssl, "pkey", "-pubin", "-outform", "der"],
            input=public.stdout,
            check=True,
            capture_output=True,
        )
        digests.append(base64.b64encode(hashlib.sha256(key.stdout).digest()).decode())
    return f"--ignore-certificate-errors-spki-list={','.join(digests)}"


def shipped_site(
    deployment: Deployment, port: int, *, plain_port: int | None = None, app_port: int | None = None
) -> str:
    """conf/nginx/shocpp.conf, installed; the token's file is written as its comment says."""
    text = (CONF / "nginx" / "shocpp.conf").read_text()
    command = re.search(r"echo '(.*)' > /etc/nginx/shocpp-token\.conf", text)
    assert command is not None
    token_file = deployment.folder / "token.conf"
    token_file.write_text(put_in(command[1], {"<SHOCPP_TOKEN>": TOKEN}) + "\n")
    return put_in(
        text,
        {
            "[::]:443": f"127.0.0.1:{free_port()}",
            "listen 443": f"listen 127.0.0.1:{port}",
            "[::]:80;": f"127.0.0.1:{free_port()};",
            "listen 80;": f"listen 127.0.0.1:{plain_port or free_port()};",
            "charging.example.org": "localhost",
            "127.0.0.1:8080": f"127.0.0.1:{app_port or deployment.server.port}",
            "/etc/ssl/certs/shocpp.pem": deployment.folder / "nginx.pem",
            "/etc/ssl/private/shocpp.key": deployment.folder / "nginx.key",
            "/etc/nginx/shocpp-token.conf": token_file,
            "/etc/nginx/shocpp.htpasswd": deployment.folder / "htpasswd",
            "/var/log/nginx/": f"{deployment.folder}/nginx-",
        },
    )
