"""The transport of a conversation, as the switchboard sees it; interfaces implement it."""

from typing import Protocol

PROTOCOL_ERROR, POLICY, INTERNAL, RESTART, TRY_AGAIN = 1002, 1008, 1011, 1012, 1013
"""The close codes that the switchboard sends (RFC 6455 §7.4.1, and IANA's registry)."""

OTHER_VERSION_SPOKEN = "this is OCPP 2.x; choose OCPP 1.6 JSON in the charger"
"""The reason in the Close frame to a charger that speaks OCPP 2.x."""


class Transport(Protocol):
    """A Charge Point's connection: a WebSocket, or stdin and stdout. It never blocks the loop.

    remote         the peer's address and port, as `address:port`
    ended          the reason why nothing more will be received; None while the peer may send
    violation      the close code to send if the peer broke the protocol, else None
    takes_answers  True if the peer waits for answers after its end (stdin)
    backlog        the number of bytes that the peer has not taken yet
    """

    remote: str
    ended: str | None
    violation: int | None
    takes_answers: bool
    backlog: int

    def fileno(self) -> int:
        """Return the descriptor that the loop watches."""

    def receive(self) -> list[str]:
        """Return the complete texts that have arrived; check `ended` afterwards."""

    def awaits_much(self) -> bool:
        """Return True while a large text has arrived in part."""

    def limit_reads(self, *, small: bool) -> None:
        """Read few bytes at a time from now on, or as many as at first."""

    def send(self, text: str) -> None:
        """Queue a text; the next `flush` sends it."""

    def flush(self) -> bool:
        """Send as much as possible now; return False if something is left."""

    def ping(self) -> bool:
        """Queue a ping; return False if the transport has none and silence proves nothing."""

    def trust(self) -> None:
        """Allow larger messages: the peer is a Charge Point that is known already."""

    def close(self, code: int, reason: str) -> bool:
        """Send a Close; return True if the peer's Close is to be awaited."""

    def discard(self) -> bool:
        """Read and discard after `close`; return False when the peer has closed."""

    def destroy(self) -> None:
        """Close the descriptor."""
