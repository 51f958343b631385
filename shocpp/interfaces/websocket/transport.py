"""A Charge Point's WebSocket (a door): the 101, the adoption of the socket, frames as a transport.

simple-websocket makes the handshake; then the connection is taken from gunicorn: the loop gets a
duplicate of the descriptor, and gunicorn's own one is pointed at an unconnected dummy, so that
whatever gunicorn does to it afterwards harms nobody. The request's thread is free at once.
"""

import contextlib
import os
import socket
from typing import Any

import simple_websocket

from shocpp.interfaces.websocket.frame_reader import FrameReader
from shocpp.interfaces.websocket.frames import (
    Closed,
    FrameViolation,
    Ping,
    Pong,
    Received,
    close_frame,
    ping_frame,
    pong_frame,
    text_frame,
)

STRANGER_BYTES = 1024 * 1024
CHARGER_BYTES = 8 * 1024 * 1024
"""A large StopTransaction that were refused would block its charger's queue for ever."""

READ_BYTES = 65_536


class _NoThread:
    """simple-websocket's reader thread, left out: the switchboard reads."""

    name = "none"

    def __init__(self, target: object) -> None:
        pass

    def start(self) -> None:
        pass


def upgrade(environ: dict[str, Any], subprotocol: str | None) -> socket.socket:
    """Answer 101 and adopt the request's socket. `subprotocol` is the one to choose, if any.

    Raises ValueError where the request is no valid WebSocket handshake.
    """
    wanted = {
        name: value
        for name, value in environ.items()
        # Left out, permessage-deflate is never negotiated: 48 kB became a message of 50 MB.
        if name != "HTTP_SEC_WEBSOCKET_EXTENSIONS"
    }
    try:
        server = simple_websocket.Server(
            wanted, subprotocols=[subprotocol] if subprotocol else [], thread_class=_NoThread
        )
    except Exception as error:
        raise ValueError(f"no WebSocket handshake: {error}") from error
    mine = socket.socket(fileno=os.dup(server.sock.fileno()))
    with socket.socket() as dummy:
        os.dup2(dummy.fileno(), server.sock.fileno())
    mine.setblocking(False)
    with contextlib.suppress(OSError):  # a Unix socket has no such option
        mine.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return mine


class WebSocketTransport:
    """An upgraded socket, not blocking."""

    __slots__ = (
        "_out",
        "_reader",
        "_socket",
        "backlog",
        "ended",
        "remote",
        "takes_answers",
        "violation",
    )

    def __init__(self, adopted: socket.socket, remote: str) -> None:
        self.remote = remote
        self.ended: str | None = None
        self.violation: int | None = None
        self.takes_answers = False
        self.backlog = 0
        self._socket = adopted
        self._reader = FrameReader(STRANGER_BYTES)
        self._out: list[bytes] = []

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def trust(self) -> None:
        """Take this charger's larger messages."""
        self._reader.max_message_bytes = CHARGER_BYTES

    def receive(self) -> list[str]:
        """The texts that have arrived; pings are answered, a violation or Close ends it."""
        try:
            received = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError as error:
            self.ended = f"the network failed ({error.strerror})"
            return []
        if not received:
            self.ended = "the charger has closed the network connection"
            return []
        messages: list[Received]
        try:
            messages = self._reader.feed(received)
        except FrameViolation as violation:
            messages = violation.before
            self.ended, self.violation = violation.reason, violation.code
        texts = []
        for message in messages:
            if isinstance(message, str):
                texts.append(message)
            else:
                self._mind(message)
        return texts

    def _mind(self, message: Ping | Pong | Closed) -> None:
        """Deal with a control frame; a pong is a sign of life as any other."""
        if isinstance(message, Ping):
            self._put(pong_frame(message.payload))
        elif isinstance(message, Closed):
            told = f"{message.code} {message.reason}".rstrip()
            self.ended = f"the charger said good-bye ({told})"
            self._put(close_frame(message.code))

    def _put(self, frame: bytes) -> None:
        self._out.append(frame)
        self.backlog += len(frame)

    def send(self, text: str) -> None:
        """Take a text to be sent."""
        self._put(text_frame(text))

    def ping(self) -> bool:
        """Send a ping with the next flush."""
        self._put(ping_frame())
        return True

    def flush(self) -> bool:
        """Send what the socket takes now."""
        if not self._out:
            return True
        waiting = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        try:
            sent = self._socket.send(waiting)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.ended = self.ended or f"the network failed ({error.strerror})"
            self._out.clear()
            self.backlog = 0
            return True
        self._out = [waiting[sent:]] if sent < len(waiting) else []
        self.backlog = len(waiting) - sent
        return not self._out

    def close(self, code: int, reason: str) -> bool:
        """Send a Close; the peer answers it or goes away."""
        self._put(close_frame(code, reason))
        self.flush()
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return True

    def discard(self) -> bool:
        """Forget what still arrives; closing with unread bytes would destroy our Close."""
        try:
            return bool(self._socket.recv(READ_BYTES))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def destroy(self) -> None:
        """Close the socket, after a last attempt to send what is left."""
        self.flush()
        self._socket.close()
