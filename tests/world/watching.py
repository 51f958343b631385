"""A page that watches /stream, as the browser does: it applies the events to its copy."""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from shocpp.admission.people import devices
from shocpp.clock import now_ms
from shocpp.store.database import open_database
from tests.world.home import Home
from tests.world.machine import PATIENCE_S, wait_for


class Event(NamedTuple):
    """An event: its name, its content, and the monotonic time of its arrival."""

    name: str
    content: Any
    moment: float


def revoke_newest(home: Home) -> None:
    """Revoke the device that was made last, as another process does."""
    ((number,),) = home.query("SELECT max(id) FROM device")
    with open_database(home.database) as db:
        assert devices.revoke(db, number, now_ms())


class Page:
    """A page that watches. It reads in a thread of its own until the stream ends.

    status, head   of the answer
    raw            all bytes after the head
    events, beats  the events so far, and the number of beats
    tiles          the fields of each tile, as the events say
    """

    def __init__(
        self,
        port: int,
        cookie: str,
        tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Open the stream with the cookie of a device."""
        self.raw = b""
        self.events: list[Event] = []
        self.beats = 0
        self.tiles: dict[str, dict[str, str]] = {}
        self.is_over = False
        wire = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket = tls.wrap_socket(wire, server_hostname="localhost") if tls else wire
        lines = {"Host": f"localhost:{port}", "Accept": "text/event-stream", "Cookie": cookie}
        lines |= headers or {}
        request = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.socket.sendall(f"GET /stream HTTP/1.1\r\n{request}\r\n".encode())
        received = b""
        while b"\r\n\r\n" not in received:
            part = self.socket.recv(65_536)
            assert part, "no answer"
            received += part
        head, _, self.raw = received.partition(b"\r\n\r\n")
        self.head = head.decode()
        self.status = int(self.head.split()[1])
        self.is_chunked = "transfer-encoding: chunked" in self.head.lower()
        self._thread = threading.Thread(target=self._read, daemon=True)
        if self.status == 200:
            self._apply()
            self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the page."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(PATIENCE_S)
        self.socket.close()

    def await_event(self, name: str, after: float = 0.0, timeout_s: float = PATIENCE_S) -> Event:
        """Return the first event with a name that has come after a moment."""
        assert self.status == 200, self.head
        found: Event = wait_for(
            lambda: next(
                (one for one in self.events if one.name == name and one.moment > after), None
            ),
            timeout_s,
        )
        return found

    def _read(self) -> None:
        self.socket.settimeout(None)
        with contextlib.suppress(OSError):
            while not self._has_last_chunk() and (received := self.socket.recv(65_536)):
                self.raw += received
                self._apply()
        self.is_over = True

    def _has_last_chunk(self) -> bool:
        # A proxy keeps the connection open for the next request.
        return self.is_chunked and self.raw.endswith(b"\r\n0\r\n\r\n")

    def text(self) -> str:
        """Return the received text."""
        raw = self.raw
        if not self.is_chunked:
            return raw.decode(errors="ignore")
        chunks = b""
        while (size := raw.partition(b"\r\n")[0]) and len(raw) > int(size, 16) + len(size) + 2:
            begin = len(size) + 2
            chunks += raw[begin : begin + int(size, 16)]
            raw = raw[begin + int(size, 16) + 2 :]
        return chunks.decode(errors="ignore")

    def _apply(self) -> None:
        """Apply the events that have come whole."""
        blocks = self.text().split("\n\n")[:-1]
        self.beats = blocks.count(": beat")
        named = [block for block in blocks if block.startswith("event: ")]
        for block in named[len(self.events) :]:
            name, content = block.removeprefix("event: ").split("\ndata: ")
            event = Event(name, json.loads(content), time.monotonic())
            if name == "state":
                self.tiles = event.content["tiles"]
            if name == "tiles":
                for tile, fields in event.content.items():
                    self.tiles[tile] |= fields
            self.events.append(event)
