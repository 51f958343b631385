"""The answers of one conversation that wait: for older ones, for a commit, or for a delay."""

from dataclasses import dataclass

from shocpp.central_system.transport import Transport
from shocpp.metrics.counters import Counters
from shocpp.ocpp.connection import Answered, Reported


@dataclass(slots=True, eq=False)
class Slot:
    """The place of one answer in the order of answers.

    received_text  the text of the Call
    event          the event that the Call made
    received       the receipt of the Call, in seconds of the monotonic clock
    text           the answer; None until its fact is committed
    due            the earliest moment to send the answer, by the same clock
    """

    received_text: str
    event: Reported | Answered
    received: float
    text: str | None = None
    due: float = 0.0


class Answers:
    """The slots of answers that wait on one transport, the oldest first."""

    __slots__ = ("_counters", "_slots", "_transport", "_wake_up_set")

    def __init__(self, transport: Transport, counters: Counters) -> None:
        self._transport = transport
        self._counters = counters
        # A deque has room for 64 at once, which is 0.7 kB for each idle charger.
        self._slots: list[Slot] = []
        self._wake_up_set = False

    def __len__(self) -> int:
        """Return the number of answers that wait."""
        return len(self._slots)

    def add(self, slot: Slot) -> None:
        """Add the slot of a received Call, behind all older ones."""
        self._slots.append(slot)

    def add_repeat(self, text: str) -> None:
        """Add the slot of this Call once more: it came again while the first one waits."""
        first = next((slot for slot in self._slots if slot.received_text == text), None)
        if first is not None:
            # The same slot twice: both answers leave, in their places, once the fact is committed.
            self._slots.append(first)

    def are_unwritten(self) -> bool:
        """Return True if an answer waits for a fact that is not committed."""
        return any(slot.text is None for slot in self._slots)

    def release(self, now: float) -> None:
        """Send the oldest answers, as long as they are complete and due at `now` (monotonic)."""
        while self._slots and self._slots[0].text is not None and self._slots[0].due <= now:
            first = self._slots.pop(0)
            answer = first.text or ""
            self._transport.send(answer)
            self._counters.answered(first.event.action, answer, first.received)

    def next_wake_up(self) -> float | None:
        """Return when the oldest answer is due if only its delay holds it back, once; else None."""
        if self._wake_up_set or not self._slots or self._slots[0].text is None:
            return None
        self._wake_up_set = True
        return self._slots[0].due

    def wake(self, now: float) -> None:
        """Send the answers that are due, at a wake-up."""
        self._wake_up_set = False
        self.release(now)
