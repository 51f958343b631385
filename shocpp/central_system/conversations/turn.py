"""The value that a conversation returns: the work for the loop."""

from typing import NamedTuple

from shocpp.bookkeeping.jobs import Job
from shocpp.central_system.conversations.answers import Slot
from shocpp.store.calls import QueuedCall


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
