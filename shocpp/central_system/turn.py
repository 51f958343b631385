"""The values that a conversation returns: the place of an answer, and the work for the loop."""

from dataclasses import dataclass
from typing import NamedTuple

from shocpp.bookkeeping.jobs import Job
from shocpp.ocpp.connection import Answered, Reported
from shocpp.store.calls import QueuedCall


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


class Turn(NamedTuple):
    """The work of the loop after a frame, a result or a timer of one conversation.

    job      the job to hand to the writer
    slot     the slot that the result of the job answers
    wake_at  the moment to call `wake`, in seconds of the monotonic clock
    call     a Call of the Central System itself to send now; it is not in the queue
    close    the close code and the reason to close the connection with
    """

    job: Job | None = None
    slot: Slot | None = None
    wake_at: float | None = None
    call: QueuedCall | None = None
    close: tuple[int, str] | None = None


EMPTY_TURN = Turn()
"""No work for the loop."""
