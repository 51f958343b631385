"""Open pages without a browser: sockets that watch `/stream`, and a thread that fetches `/`."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

from bench.servers import ADDRESS, PATIENCE_S, Ours
from shocpp.admission.people import devices
from shocpp.admission.people.roles import VIEWER, Person
from shocpp.central_system.watchers import MOST_OF_OWNER
from shocpp.clock import now_ms
from shocpp.store import people
from shocpp.store.database import open_database

POLL_EVERY_S = 5.0
"""The seconds between two fetches of a polling page."""


def cookies(server: Ours, number: int, role: str = VIEWER) -> list[str]:
    """Return the cookies of so many new devices."""
    with open_database(server.settings.database) as db:
        name = f"shocpp_{people.cookie_suffix(db)}"
        person = Person("bench", role)
        made = [devices.make_device(db, person, now_ms(), made_by="bench") for _ in range(number)]
    return [f"{name}={secret}" for secret, _ in made]


def request(server: Ours, path: str, cookie: str) -> bytes:
    """Return a request of a browser."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost:{server.port}\r\nCookie: {cookie}\r\n\r\n".encode()
    )


@contextlib.contextmanager
def watching(server: Ours, number: int) -> Iterator[list[socket.socket]]:
    """Open pages that watch; each has got its first event."""
    with contextlib.ExitStack() as stack:
        pages: list[socket.socket] = []
        for cookie in cookies(server, -(-number // MOST_OF_OWNER)):
            for _ in range(min(MOST_OF_OWNER, number - len(pages))):
                page = socket.create_connection((ADDRESS, server.port), PATIENCE_S)
                stack.enter_context(page)
                page.sendall(request(server, "/stream", cookie))
                pages.append(page)
        for page in pages:
            received = b""
            while b"event: state" not in received:
                part = page.recv(65_536)
                assert part, received
                received += part
        yield pages


@contextlib.contextmanager
def polling(server: Ours, number: int) -> Iterator[None]:
    """Fetch the first page for so many pages, evenly, from a thread of its own."""
    ended, (cookie,) = threading.Event(), cookies(server, 1)

    def fetch() -> None:
        due, connection = time.monotonic(), socket.socket()
        while not ended.wait(max(0.0, due - time.monotonic())):
            due += POLL_EVERY_S / number
            with contextlib.suppress(OSError):
                connection.sendall(request(server, "/", cookie))
                if connection.recv(65_536):
                    continue
            connection.close()
            connection = socket.create_connection((ADDRESS, server.port), PATIENCE_S)
        connection.close()

    thread = threading.Thread(target=fetch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
