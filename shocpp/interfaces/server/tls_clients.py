"""Clients that speak TLS to the plain port: a charger with wss:// in place of ws://.

gunicorn would wait for the end of a request line that never comes, and log a traceback. Here the
first bytes of a connection reveal TLS; the connection is closed, and the charger is listed
among those that were not let in. Later reads of the connection are gunicorn's own.
"""

from typing import Any

from shocpp.admission.decision import TLS, Attempt, NotAdmitted
from shocpp.admission.refused_attempts import Refusals
from shocpp.central_system.switchboard import Switchboard

CLIENT_HELLO = b"\x16\x03"
"""The first bytes of a TLS handshake (RFC 8446 §5.1); no HTTP method begins with them."""


def unreader_that_reports_tls(unreader: type[Any], switchboard: Switchboard) -> type[Any]:
    """Return a replacement of `unreader`, gunicorn's class that reads from sockets.

    The switchboard records the clients that speak TLS.
    """
    refusals = Refusals(switchboard.report, switchboard.later)

    class FirstBytesUnreader(unreader):  # type: ignore[misc]
        """A reader that checks the first bytes of its connection."""

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.chunk = self._first_chunk

        def _first_chunk(self, size_hint: int | None = None) -> bytes:
            """Return the first bytes of the connection, or none, which ends it, if they are TLS."""
            # Later reads use the method of the class.
            del self.chunk
            received = bytes(super().chunk(size_hint))
            if not received.startswith(CLIENT_HELLO):
                return received
            refusals.add(Attempt(None, _address(self.sock)), NotAdmitted(TLS))
            return b""

    return FirstBytesUnreader


def _address(connection: Any) -> str:
    try:
        peer = connection.getpeername()
    # The client has disconnected already.
    except OSError:
        return ""
    # The peer of a Unix socket is a text.
    return str(peer[0]).removeprefix("::ffff:") if isinstance(peer, tuple) else ""
