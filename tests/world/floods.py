"""Shared parts of the flood tests: raw WebSockets, an honest charger, a worker's memory.

A flooding client has a bare socket, so that no library keeps the rules for it.
"""

import contextlib
import itertools
import json
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection
from wsproto.frame_protocol import FrameProtocol, Opcode

from tests.world.faults import START, STOP, ask, connect
from tests.world.machine import wait_for
from tests.world.server import Server

ALL = os.environ.get("SHOCPP_FLOODS") == "all"
"""Not small floods, but those of the promise; `make fuzz`."""

HANG_S = 5.0
"""No figure, but a guard: an honest charger that waits so long is not served."""


class Load(NamedTuple):
    """Memory and descriptors of a process."""

    mib: float
    threads: int

    def __str__(self) -> str:
        return f"{self.mib:.0f} MiB, {self.threads} threads"


def load_of(server: Server) -> Load:
    """Return memory and descriptors of a server's worker."""
    (worker,) = server.workers()
    pages = int(Path(f"/proc/{worker}/statm").read_text().split()[1])
    threads = len(os.listdir(f"/proc/{worker}/task"))
    return Load(pages * resource.getpagesize() / 2**20, threads)


class HonestCharger(threading.Thread):
    """Asks all the time and charges now and then; `worst_ms` is its longest wait for an answer."""

    _numbers = itertools.count(1)

    def __init__(self, server: Server) -> None:
        super().__init__(name=f"honest{next(self._numbers)}", daemon=True)
        self.worst_ms = 0.0
        self.answers = self.transactions = 0
        self.failure: BaseException | None = None
        self._ended = threading.Event()
        self._url = server.url(self.name)

    def run(self) -> None:
        """Live."""
        try:
            with connect(self._url, compression=None) as wire:
                while not self._ended.wait(0.01):
                    self._ask(wire, "Heartbeat", {})
                    if self.answers % 20 == 0:
                        self._charge(wire)
        except (AssertionError, OSError, TimeoutError, WebSocketException) as failure:
            self.failure = failure

    def _charge(self, wire: ClientConnection) -> None:
        begin_wh = 1_000_000 + self.transactions * 1_000
        sent = self._ask(wire, "StartTransaction", START | {"meterStart": begin_wh})
        stop = {"transactionId": sent["transactionId"], "meterStop": begin_wh + 1_000}
        self._ask(wire, "StopTransaction", STOP | stop)
        self.transactions += 1

    def _ask(self, wire: ClientConnection, action: str, payload: dict[str, Any]) -> Any:
        begun = time.monotonic()
        answer = ask(wire, action, payload, f"h{self.answers}")
        self.worst_ms = max(self.worst_ms, (time.monotonic() - begun) * 1_000)
        self.answers += 1
        return answer

    def end(self) -> None:
        """Go home; all that it asked was answered."""
        self._ended.set()
        self.join(20)
        assert self.failure is None, self.failure
        assert self.answers > 0
        assert self.worst_ms < HANG_S * 1_000


@contextlib.contextmanager
def honest_charger(server: Server) -> Iterator[HonestCharger]:
    """A charger that is served all through the block, and booked to the Wh."""
    honest = HonestCharger(server)
    honest.start()
    try:
        wait_for(lambda: honest.failure or honest.answers > 5)
        yield honest
    finally:
        honest.end()
    assert server.home.query(
        "SELECT count(*), coalesce(sum(consumed_wh), 0) FROM accounting"
        " WHERE charge_point_id = ? AND review IS NULL",
        honest.name,
    ) == [(honest.transactions, honest.transactions * 1_000)]


def handshake(server: Server, charge_point_id: str, *more: str) -> bytes:
    """The request that a charger begins with."""
    lines = [
        f"GET /{charge_point_id} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
        *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: ocpp1.6", *more),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def dial(server: Server) -> socket.socket:
    """A network connection of somebody who takes little at a time."""
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    wire.settimeout(20)
    wire.connect(("127.0.0.1", server.port))
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


def upgraded(server: Server, charge_point_id: str, *more: str) -> socket.socket:
    """A WebSocket, as bare as it is after its 101."""
    wire = dial(server)
    wire.sendall(handshake(server, charge_point_id, *more))
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        received = wire.recv(1)
        assert received, answer
        answer += received
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    return wire


def rest_of(wire: socket.socket) -> tuple[list[Any], int | None]:
    """The texts that still come, as JSON, and the code of the Close, where one does."""
    protocol = FrameProtocol(client=True, extensions=[])
    texts: list[Any] = []
    text, code = "", None
    with contextlib.suppress(ConnectionResetError):
        while received := wire.recv(65_536):
            protocol.receive_bytes(received)
            for frame in protocol.received_frames():
                if frame.opcode is Opcode.CLOSE:
                    code = int(frame.payload[0])  # type: ignore[arg-type]
                elif frame.opcode is Opcode.TEXT:
                    text += str(frame.payload)
                    if frame.message_finished:
                        texts.append(json.loads(text))
                        text = ""
    return texts, code
