"""A charger whose socket a switchboard of this process has adopted."""

import socket
from collections.abc import Iterator

from wsproto.connection import Connection, ConnectionType
from wsproto.events import Message

from shocpp.admission.decision import Admitted
from shocpp.central_system.switchboard import Switchboard
from shocpp.configuration.charge_points import OPEN_TO_ALL
from shocpp.interfaces.websocket.transport import WebSocketTransport


class SocketCharger:
    """A charger on the other end of an adopted socket."""

    def __init__(
        self, switchboard: Switchboard, charge_point_id: str, remote: str = "test:1"
    ) -> None:
        mine, theirs = socket.socketpair()
        theirs.setblocking(False)
        self.socket = mine
        self.wire = Connection(ConnectionType.CLIENT)
        switchboard.adopt(
            WebSocketTransport(theirs, remote), Admitted(charge_point_id, OPEN_TO_ALL)
        )

    def send(self, text: str) -> None:
        """Send a text."""
        self.socket.sendall(self.wire.send(Message(data=text)))

    def events(self, timeout_s: float) -> Iterator[object]:
        """Yield events until the server closes, or until `timeout_s` passes without one."""
        self.socket.settimeout(timeout_s)
        while True:
            try:
                received = self.socket.recv(65_536)
            except TimeoutError:
                return
            if not received:
                yield "gone"
                return
            self.wire.receive_data(received)
            yield from self.wire.events()
