"""The WebSocket of the simulated charger, on simple_websocket's client machinery."""

import socket
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request
from wsproto.utilities import ProtocolError

# simple_websocket has no type annotations: this declares the part of it that is used here.
if TYPE_CHECKING:

    class SimpleWebsocketError(RuntimeError): ...

    class Base:
        sock: socket.socket
        ws: WSConnection
        connected: bool
        thread: threading.Thread

        def __init__(self, sock: socket.socket, kind: ConnectionType, **classes: Any) -> None: ...
        def send(self, data: str) -> None: ...
        def receive(self, timeout: float) -> str | bytes | None: ...
        def close(self) -> None: ...

else:
    from simple_websocket.errors import SimpleWebsocketError
    from simple_websocket.ws import Base

CONNECTION_ERRORS = (OSError, SimpleWebsocketError, ProtocolError)
"""All errors of a failing connection: while connecting, in the handshake and afterwards."""


class WebSocket(Base):
    """One WebSocket, like simple_websocket's Client except for two things.

    The timeout of the socket limits its handshake, and its end wakes the reader thread. Closing a
    descriptor alone does not wake a thread that reads from it.
    """

    def __init__(self, sock: socket.socket, path: str, doorbell: threading.Event) -> None:
        """Open a WebSocket over a connected socket; received messages set `doorbell`."""
        self._path = path
        reader = partial(threading.Thread, daemon=True)
        kind = ConnectionType.CLIENT
        super().__init__(sock, kind, thread_class=reader, event_class=lambda: doorbell)

    def handshake(self) -> None:
        """Send the request to upgrade and read the answer; simple_websocket calls this."""
        host, port = self.sock.getpeername()
        request = Request(host=f"{host}:{port}", target=self._path, subprotocols=["ocpp1.6"])
        self.sock.sendall(self.ws.send(request))
        event = None
        while event is None:
            self.ws.receive_data(self.sock.recv(4096))
            event = next(self.ws.events(), None)
        self.connected = isinstance(event, AcceptConnection)
        self.sock.settimeout(None)

    def hang_up(self) -> None:
        """Close the WebSocket and the socket, and wait up to 1 s for the reader thread."""
        with suppress(*CONNECTION_ERRORS):
            self.close()
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(1)
