"""A mail server and a web server on loopback, for the tests of delivery.

They speak the protocols over real sockets and TLS; letters are read with the standard library's
parser of mail.
"""

import email.policy
import re
import socketserver
import ssl
import subprocess
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from email.message import EmailMessage
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from shocpp.interfaces.delivery.documents import Document
from shocpp.settings import Settings, read_settings
from tests.world.machine import needs

PDF = Document("Abrechnung_2026-10_Müller & Söhne.pdf", "application/pdf", bytes(range(256)) * 40)
CSV = Document("2026-10.csv", "text/csv; charset=utf-8", "Zähler;kWh\r\n.\r\nä;1\n".encode())
USER, PASSWORD = "weg@example.org", "correct horse+battery/%"
LOGIN = "weg%40example.org:correct%20horse%2Bbattery%2F%25@"


class Received(NamedTuple):
    """A mail that the server has received: envelope and message."""

    sender: str
    to: list[str]
    message: EmailMessage
    options: str


class PostOffice(socketserver.ThreadingTCPServer):
    """A mail server (RFC 5321) on loopback; its attributes say what it wants, and how it fails.

    `replies` are its answers to an address or a verb (`end` is the end of DATA), in place of 250;
    an empty one hangs up, None says nothing ever.
    """

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Clerk)
        self.tls, self.at_once = tls, at_once
        self.replies: dict[str, str | None] = {}
        self.extensions = ["SIZE 10000000"]
        self.connections = 0
        self.letters_a_connection = 100
        self.received: list[Received] = []
        self.heard: list[str] = []
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def settings(self, address: str = "smtp://127.0.0.1", login: str = "") -> Settings:
        """Settings that name it."""
        scheme, _, host = address.partition("://")
        return read_settings({"SHOCPP_SMTP": f"{scheme}://{login}{host}:{self.port}"})

    def close(self) -> None:
        """Hang up everywhere."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        self.thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are a part of the tests."""


class Clerk(socketserver.StreamRequestHandler):
    """One connection to the post office."""

    server: PostOffice
    timeout = 10

    def handle(self) -> None:
        self.server.connections += 1
        self.logged_in = self.encrypted = False
        self.envelope: list[str] = []
        self.letters = 0
        if self.server.at_once:
            self.encrypt()
        if self.say("greeting", "220 post office"):
            while line := self.rfile.readline():
                command = line.decode("ascii").rstrip("\r\n")
                self.server.heard.append(command)
                verb = command.partition(" ")[0].lower()
                if not getattr(self, f"on_{verb}")(command) or verb == "quit":
                    return

    def encrypt(self) -> None:
        assert self.server.tls is not None
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.encrypted = True

    def say(self, what: str, reply: str) -> bool:
        """Answer as set up; return True if the connection goes on."""
        told = self.server.replies.get(what, reply)
        if told is None:
            self.server.closing.wait(10)
            return False
        if told:
            self.connection.sendall(f"{told}\r\n".encode())
        return bool(told) and not told.startswith("421")

    def on_ehlo(self, command: str) -> bool:
        offers = [*self.server.extensions]
        if self.server.tls is not None:
            offers.append("AUTH PLAIN" if self.encrypted else "STARTTLS")
        lines = ["post office", *offers]
        signs = ["-"] * (len(lines) - 1) + [" "]
        answer = (f"250{sign}{line}" for sign, line in zip(signs, lines, strict=True))
        return self.say("ehlo", "\r\n".join(answer))

    def on_starttls(self, command: str) -> bool:
        if self.say("starttls", "220 go ahead"):
            self.encrypt()
        return True

    def on_auth(self, command: str) -> bool:
        _, mechanism, given = command.split(" ")
        assert mechanism == "PLAIN"
        good = b64decode(given).decode().split("\0")[1:] == [USER, PASSWORD]
        self.logged_in = good and self.encrypted
        return self.say("auth", "235 welcome" if good else f"535 5.7.8 no: AUTH PLAIN {given}")

    def on_mail(self, command: str) -> bool:
        self.envelope = [command]
        if self.letters >= self.server.letters_a_connection:
            return self.say("mail", "421 too many letters")
        if self.server.tls is not None and not self.logged_in:
            return self.say("mail", "530 log in first")
        return self.say("mail", "250 ok")

    def on_rcpt(self, command: str) -> bool:
        address = self.address(command)
        if address not in self.server.replies:
            self.envelope.append(address)
        return self.say(address, "250 ok")

    def on_data(self, command: str) -> bool:
        if self.server.replies.get("data"):
            return self.say("data", "")
        self.say("data", "354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            assert line.endswith(b"\r\n")
            assert len(line) <= 1000
            lines.append(line.removeprefix(b"."))
        if "end" not in self.server.replies:
            message = BytesParser(policy=email.policy.default).parsebytes(b"".join(lines))
            assert isinstance(message, EmailMessage)
            begun = self.envelope[0]
            self.server.received.append(
                Received(self.address(begun), self.envelope[1:], message, begun.partition("> ")[2])
            )
            self.letters += 1
        return self.say("end", "250 taken")

    def on_rset(self, command: str) -> bool:
        return self.say("rset", "250 ok")

    on_noop = on_rset

    def on_quit(self, command: str) -> bool:
        return self.say("quit", "221 bye")

    def address(self, command: str) -> str:
        found = re.search("<(.*)>", command)
        assert found is not None
        return found[1]


class Certificate(NamedTuple):
    """A certificate of localhost that is its own CA, and a server's side of TLS with it."""

    file: Path
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate, made by openssl."""
    folder = tmp_path_factory.mktemp("ca")
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    use = ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    made = [needs("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt"]
    made += ["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", *named, *use]
    subprocess.run(
        [*made, "-keyout", folder / "key", "-out", folder / "crt"], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    return Certificate(folder / "crt", context)


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's side of TLS, with a CA that this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    return certificate.context


@pytest.fixture
def open_office() -> Iterator[Callable[..., PostOffice]]:
    """Opens mail servers; they close with the test."""
    with ExitStack() as stack:
        yield lambda *a, **k: stack.enter_context(closing(PostOffice(*a, **k)))


@pytest.fixture
def office(open_office: Callable[..., PostOffice]) -> PostOffice:
    """A mail server that wants neither TLS nor a login, as one of this machine."""
    return open_office()


class Posting(NamedTuple):
    """A request that a web server was sent."""

    path: str
    headers: dict[str, str]
    content: bytes


class WebServer(ThreadingHTTPServer):
    """Answers with its statuses, one after the other, 0 being none in time; the last one stays."""

    daemon_threads = True

    def __init__(self, *statuses: int, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.statuses = list(statuses)
        self.received: list[Posting] = []
        self.closing = threading.Event()
        self.scheme = "http" if tls is None else "https"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self.thread.start()

    def settings(self, host: str = "localhost", path: str = "/hook?token=s3cret") -> Settings:
        """Settings that name it."""
        address = f"{self.scheme}://{host}:{self.server_port}{path}"
        return read_settings({"SHOCPP_WEBHOOK": address})

    def close(self) -> None:
        """End it."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        self.thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are a part of the tests."""


class Page(BaseHTTPRequestHandler):
    """One connection to the web server."""

    server: WebServer

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(Posting(self.path, dict(self.headers), content))
        status = self.server.statuses[0]
        if len(self.server.statuses) > 1:
            del self.server.statuses[0]
        if status == 0:
            self.server.closing.wait(10)
        elif status > 0:
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def open_web() -> Iterator[Callable[..., WebServer]]:
    """Opens web servers; they close with the test."""
    with ExitStack() as stack:
        yield lambda *a, **k: stack.enter_context(closing(WebServer(*a, **k)))
