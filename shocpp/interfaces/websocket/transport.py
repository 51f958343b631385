"""The WebSocket of one Charge Point: the upgrade of its request, and the transport for the loop.

simple-websocket makes the opening handshake. Then `upgrade` takes the connection from gunicorn, so
that the thread of the request is free at once. The switchboard's loop reads and writes the socket.
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
"""The largest message before the Charge Point is known."""

# A charger repeats a StopTransaction until it is answered. If a large one were refused, it would
# block the charger's queue for ever.
CHARGER_BYTES = 8 * 1024 * 1024
"""The largest message of a known Charge Point."""

MUCH_BYTES = 128 * 1024
"""The size of a message from which on its last part may have to wait for others."""

READ_BYTES, SMALL_READ_BYTES = 65_536, 1_024
"""The number of bytes that one read takes from the socket, at most, and that of a small one."""


class _NoThread:
    """A replacement of simple-websocket's reader thread that never runs: the switchboard reads."""

    name = "none"

    def __init__(self, target: object) -> None:
        pass

    def start(self) -> None:
        pass


def adopted_socket(own: socket.socket) -> socket.socket:
    """Return the connection of a request's socket, which does not block, in a socket of its own.

    The view must return `Adopted`.
    """
    # gunicorn closes the descriptor of the request when the view returns. It then closes a dummy
    # socket that is not connected; the connection lives on in a duplicate of the descriptor.
    adopted = socket.socket(fileno=os.dup(own.fileno()))
    with socket.socket() as dummy:
        os.dup2(dummy.fileno(), own.fileno())
    adopted.setblocking(False)
    # A Unix socket does not have this option.
    with contextlib.suppress(OSError):
        adopted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return adopted


def upgrade(environ: dict[str, Any], subprotocol: str | None) -> socket.socket:
    """Answer 101, and return the request's socket, which does not block.

    `environ` is the WSGI environment. `subprotocol` is chosen if the client offers it.
    Raises ValueError if the request is no valid opening handshake (RFC 6455 §4.2.1).
    """
    # Without this header permessage-deflate is never negotiated: 48 kB became a message of 50 MB.
    without_extensions = {
        name: value for name, value in environ.items() if name != "HTTP_SEC_WEBSOCKET_EXTENSIONS"
    }
    try:
        server = simple_websocket.Server(
            without_extensions,
            subprotocols=[subprotocol] if subprotocol else [],
            thread_class=_NoThread,
        )
    except Exception as error:
        raise ValueError(f"no WebSocket handshake: {error}") from error
    return adopted_socket(server.sock)


class WebSocketTransport:
    """The transport over an upgraded socket, which does not block.

    It implements `central_system.transport.Transport`, where its attributes are described.
    """

    __slots__ = (
        "_out",
        "_read_bytes",
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
        self._read_bytes = READ_BYTES
        self._out: list[bytes] = []

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._socket.fileno()

    def trust(self) -> None:
        """Accept messages of up to CHARGER_BYTES from now on."""
        self._reader.max_message_bytes = CHARGER_BYTES

    def awaits_much(self) -> bool:
        """Return True while a message of more than MUCH_BYTES has arrived in part."""
        return self._reader.awaits_more_than(MUCH_BYTES)

    def limit_reads(self, *, small: bool) -> None:
        """Read SMALL_READ_BYTES at a time from now on, or READ_BYTES."""
        self._read_bytes = SMALL_READ_BYTES if small else READ_BYTES

    def receive(self) -> list[str]:
        """Return the text messages that have arrived.

        Pings are answered with the next flush. A Close, a violation, or the end of the connection
        sets `ended`.
        """
        try:
            received = self._socket.recv(self._read_bytes)
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
            # These messages arrived intact, so they are still processed.
            messages = violation.before
            self.ended, self.violation = violation.reason, violation.code
        texts = []
        for message in messages:
            if isinstance(message, str):
                texts.append(message)
            else:
                self._take_control_frame(message)
        return texts

    def _take_control_frame(self, message: Ping | Pong | Closed) -> None:
        """Answer a ping or a Close; a pong needs no answer, every read is a sign of life."""
        if isinstance(message, Ping):
            self._put(pong_frame(message.payload))
        elif isinstance(message, Closed):
            code_and_reason = f"{message.code} {message.reason}".rstrip()
            self.ended = f"the charger sent a Close frame ({code_and_reason})"
            # RFC 6455 §5.5.1: a Close frame is answered with one, usually with the same code.
            self._put(close_frame(message.code))

    def _put(self, frame: bytes) -> None:
        self._out.append(frame)
        self.backlog += len(frame)

    def send(self, text: str) -> None:
        """Append a text to the output; the next flush sends it."""
        self._put(text_frame(text))

    def ping(self) -> bool:
        """Append a ping to the output; return True, because a WebSocket can be pinged."""
        self._put(ping_frame())
        return True

    def flush(self) -> bool:
        """Send as much as the socket takes now; return True if nothing is left.

        If the network fails, the rest of the output is dropped.
        """
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
        """Send a Close frame; return True if the peer can still answer it."""
        self._put(close_frame(code, reason))
        self.flush()
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return True

    def discard(self) -> bool:
        """Read and drop bytes of the peer; return False when the peer has closed."""
        # Linux answers a close() with unread bytes by a RST, which can destroy our Close frame
        # before the peer reads it (RFC 7230 §6.6).
        try:
            return bool(self._socket.recv(READ_BYTES))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def destroy(self) -> None:
        """Close the socket, after a last attempt to send the rest."""
        self.flush()
        self._socket.close()
