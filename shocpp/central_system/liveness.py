"""The signs of life of one connection: silence, pings, and answers that are not read (OCPP-J §5.4).

Nothing here waits or asks a clock: `connections.py` sets the timers, and ends what is not alive.
"""

from shocpp.central_system.conversations.conversation import Conversation

PING_AFTER_S = 30.0
"""Seconds of silence after which a charger is pinged; proxies close after 60 s."""

SILENT_INTERVALS = 3
"""Pings without a sign of life after which a charger is gone."""

STUCK_S = 30.0
"""Seconds that a charger may leave our answers unread."""


class Liveness:
    """The signs of life of one conversation's peer; moments are seconds of the monotonic clock.

    last_seen     the moment of the last bytes from the peer: frames, pings or pongs
    stuck_since   the moment when the peer stopped reading our answers, else None
    watched_mask  the events that the loop watches; 0 for none
    """

    __slots__ = ("_silent_intervals", "conversation", "last_seen", "stuck_since", "watched_mask")

    def __init__(self, conversation: Conversation, now: float) -> None:
        self.conversation = conversation
        self.last_seen = now
        self.watched_mask = 0
        self._silent_intervals = 0
        self.stuck_since: float | None = None

    def next_check(self, now: float) -> float | None:
        """Ping a silent charger; return when to check again, or None if the charger is gone."""
        due = self.last_seen + PING_AFTER_S
        # Some chargers never answer a ping, but any frame is a sign of life.
        if due > now:
            self._silent_intervals = 0
            return due
        # While reading pauses, pongs wait unread behind other frames: that is no silence.
        if self.conversation.share.pauses:
            self.conversation.transport.ping()
            return now + PING_AFTER_S
        self._silent_intervals += 1
        if self._silent_intervals > SILENT_INTERVALS:
            return None
        # Without pings (stdin) silence proves nothing.
        if not self.conversation.transport.ping():
            self._silent_intervals = 0
        return now + PING_AFTER_S

    def next_stuck_check(self, now: float, *, flushed: bool) -> float | None:
        """Note whether the peer has taken all answers; return when to check that it reads again.

        Returns None if such a check is due already, or not needed.
        """
        if flushed:
            self.stuck_since = None
        elif self.stuck_since is None:
            self.stuck_since = now
            return now + STUCK_S
        return None

    def is_stuck(self, now: float) -> bool:
        """Return True if the peer has left our answers unread for too long."""
        return self.stuck_since is not None and now - self.stuck_since >= STUCK_S
