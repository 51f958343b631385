"""What a conversation needs of whatever carries it (a room; the doors bring the transports)."""

from typing import Protocol


class Transport(Protocol):
    """One Charge Point's wire: a WebSocket, or stdin and stdout. Never blocks the loop.

    `ended` is why nothing more will be received, once that is so; `violation` the code to close
    with, where the peer broke the wire's rules; `takes_answers` whether it waits for the answers
    even after its end (stdin); `backlog` the number of bytes that it has yet to take.
    """

    remote: str
    ended: str | None
    violation: int | None
    takes_answers: bool
    backlog: int

    def fileno(self) -> int:
        """The descriptor the loop watches."""

    def receive(self) -> list[str]:
        """The whole texts that have arrived; afterwards look at `ended`."""

    def send(self, text: str) -> None:
        """Take a text to be sent; it leaves with the next `flush`."""

    def flush(self) -> bool:
        """Send what can be sent now; False while something is left."""

    def ping(self) -> bool:
        """Provoke a sign of life; False where the wire knows none, and silence proves nothing."""

    def trust(self) -> None:
        """The peer is a known charger: it may send larger messages than a stranger."""

    def close(self, code: int, reason: str) -> bool:
        """Say good-bye; True if the descriptor is to be watched until the peer has gone too."""

    def discard(self) -> bool:
        """Read and forget after `close`; False when the peer has gone."""

    def destroy(self) -> None:
        """Give the descriptor back."""
