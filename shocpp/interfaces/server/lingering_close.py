"""The lingering close of web clients (RFC 7230 §6.6) in the switchboard's loop.

gunicorn half-closes a connection, so that the client can read the whole answer. It then waits up to
two seconds for the client to close, in the thread that accepts all connections. Thirty clients that
stay would block all others for a minute; gunicorn would take its worker for stuck, and kill it.
Therefore the loop of the switchboard waits for them.
"""

import socket
from collections.abc import Callable

from shocpp.central_system.switchboard import Switchboard

READ_BYTES = 65_536
"""The number of bytes that one read drops, at most."""


class LingeringSocket:
    """A half-closed socket whose client has not closed yet."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def fileno(self) -> int:
        """Return the descriptor that the loop watches."""
        return self._connection.fileno()

    def discard(self) -> bool:
        """Read and drop bytes of the client; return False when the client has closed."""
        try:
            return bool(self._connection.recv(READ_BYTES))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def destroy(self) -> None:
        """Close the socket."""
        self._connection.close()


def lingering_close_by(switchboard: Switchboard) -> Callable[..., None]:
    """Return a replacement of gunicorn's `util.close_graceful`, for any thread.

    It half-closes a socket, and hands it over to the switchboard's loop.
    """

    def close(connection: socket.socket, *_: object) -> None:
        # The shutdown fails if the client has closed, or if `upgrade` has adopted the socket.
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            connection.close()
            return
        # gunicorn may close the socket once more; after detach() that has no effect.
        lingering = socket.socket(fileno=connection.detach())
        lingering.setblocking(False)
        switchboard.linger(LingeringSocket(lingering))

    return close
