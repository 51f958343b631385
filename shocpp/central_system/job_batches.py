"""The batches of jobs that one process writes.

    results  come back in the order of the jobs
    batches  a job that no charger waits for may be delayed, so that one commit takes many
    quick    a batch that needs no sync is written here if no result is outstanding; the writer gets
             every other one, and those that would have to wait for a lock

Everything here runs in the loop.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from shocpp.bookkeeping.jobs import Job
from shocpp.bookkeeping.writing.durability import Batch, Durability
from shocpp.bookkeeping.writing.writer import Writer
from shocpp.central_system.conversations.answers import Slot
from shocpp.central_system.conversations.conversation import Conversation
from shocpp.central_system.loop import Loop
from shocpp.store.changes import Change

BATCH_DELAY_S = 0.1
"""Seconds that a job without a waiting charger may be delayed, so that one commit takes many."""

BATCH_SIZE = 32
"""Jobs at which a batch is handed over without the delay."""

Delivery = tuple[Conversation, Slot | None, Job, Any]
"""A job and its result, with the conversation and the slot that wait for it."""


TakeResults = Callable[[Sequence[Job], Sequence[Any], Sequence[Change]], None]
"""Takes jobs and their results, in the same order, and the committed changes to publish."""


class JobBatches:
    """The jobs of one switchboard that wait to be handed over, and those without a result."""

    def __init__(self, loop: Loop, writer: Writer, take_results: TakeResults) -> None:
        """Create an empty batch; `take_results` is called with what is written here."""
        self._loop = loop
        self._writer = writer
        self._take_results = take_results
        self._durability = writer.durability
        self._waiting = Batch()
        self._is_due = False
        self._timer_set = False
        # One entry for each job without a result; the writer returns results in the same order.
        self._handed_over: deque[tuple[Conversation | None, Slot | None]] = deque()

    def submit(
        self, job: Job, conversation: Conversation | None = None, slot: Slot | None = None
    ) -> None:
        """Queue a job for the writer, with the batch delay if no charger waits for its result.

        The result comes back for this conversation and slot; without a conversation it is dropped.
        """
        durability = self._durability.of(job)
        self._waiting.add(job, durability)
        if conversation is not None:
            conversation.unwritten_jobs += 1
        self._handed_over.append((conversation, slot))
        # A job with a slot has a charger that waits for its answer.
        is_urgent = slot is not None or durability is not Durability.DELAYED
        if is_urgent or len(self._waiting.jobs) >= BATCH_SIZE:
            self._is_due = True
        elif not self._timer_set:
            self._timer_set = True
            self._loop.call_at(time.monotonic() + BATCH_DELAY_S, self._end_delay)

    def _end_delay(self) -> None:
        self._timer_set, self._is_due = False, True

    def hand_over(self, *, at_once: bool = False) -> None:
        """Write all queued jobs, or hand them to the writer.

        Does nothing unless one is urgent, the batch delay is over, or it is to be `at_once`.
        """
        batch, is_due = self._waiting, self._is_due or at_once
        self._is_due = False
        if not batch.jobs or not is_due:
            return
        self._waiting = Batch()
        if batch.is_quick and len(self._handed_over) == len(batch.jobs):
            written = self._writer.write_at_once(batch)
            if written is not None:
                self._take_results(batch.jobs, *written)
                return
        self._writer.submit(batch)

    def lack_results(self) -> bool:
        """Return True if the result of a job has not come back."""
        return bool(self._handed_over)

    def deliveries(self, jobs: Sequence[Job], results: Sequence[Any]) -> list[Delivery]:
        """Return the results of these jobs with the conversations that wait for them."""
        deliveries: list[Delivery] = []
        for job, result in zip(jobs, results, strict=True):
            conversation, slot = self._handed_over.popleft()
            if conversation is not None:
                conversation.unwritten_jobs -= 1
                deliveries.append((conversation, slot, job, result))
        return deliveries
