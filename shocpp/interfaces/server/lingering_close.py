"""Parting with a web client (a door).

gunicorn half-closes a connection, so that its answer is read to the end, and then waits up to two
seconds for the client to go: in the thread that accepts all others. Thirty clients that stay would
keep everybody out for a minute, in which gunicorn takes its worker for stuck and kills it. So the
switchboard's loop waits for them instead.
"""

import socket
from collections.abc import Callable

from shocpp.central_system.switchboard import Switchboard

READ_BYTES = 65_536


class LeavingSocket:
    """A half-closed socket whose client has yet to go."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def fileno(self) -> int:
        """The descriptor the loop watches."""
        return self._connection.fileno()

    def discard(self) -> bool:
        """Read and forget; False when the client has gone."""
        try:
            return bool(self._connection.recv(READ_BYTES))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def destroy(self) -> None:
        """Give the descriptor back."""
        self._connection.close()


def parting_by(switchboard: Switchboard) -> Callable[..., None]:
    """What gunicorn is to call in place of its `close_graceful`, from any thread."""

    def part(connection: socket.socket, *_: object) -> None:
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError:  # it has gone, or its socket was adopted
            connection.close()
            return
        # gunicorn may close it once more; it has nothing left to close.
        mine = socket.socket(fileno=connection.detach())
        mine.setblocking(False)
        switchboard.see_off(LeavingSocket(mine))

    return part
