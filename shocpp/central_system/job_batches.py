"""The batches of jobs that one process hands to its writer.

    results  come back in the order of the jobs
    batches  a job that no charger waits for may be delayed, so that one commit takes many

Everything here runs in the loop.
"""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from shocpp.bookkeeping.jobs import Job, may_be_delayed
from shocpp.bookkeeping.writer import Writer
from shocpp.central_system.conversations.answers import Slot
from shocpp.central_system.conversations.conversation import Conversation
from shocpp.central_system.loop import Loop

BATCH_DELAY_S = 0.1
"""Seconds that a job without a waiting charger may be delayed, so that one commit takes many."""

BATCH_SIZE = 32
"""Jobs at which a batch is handed over without the delay."""

Delivery = tuple[Conversation, Slot | None, Job, Any]
"""A job and its result, with the conversation and the slot that wait for it."""


class JobBatches:
    """The jobs of one switchboard that wait to be handed over, and those without a result."""

    def __init__(self, loop: Loop, writer: Writer) -> None:
        self._loop = loop
        self._writer = writer
        self._waiting: list[Job] = []
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
        self._waiting.append(job)
        if conversation is not None:
            conversation.unwritten_jobs += 1
        self._handed_over.append((conversation, slot))
        # A job with a slot has a charger that waits for its answer.
        is_urgent = slot is not None or not may_be_delayed(job)
        if is_urgent or len(self._waiting) >= BATCH_SIZE:
            self._is_due = True
        elif not self._timer_set:
            self._timer_set = True
            self._loop.call_at(time.monotonic() + BATCH_DELAY_S, self._end_delay)

    def _end_delay(self) -> None:
        self._timer_set, self._is_due = False, True

    def hand_over(self, *, at_once: bool = False) -> None:
        """Hand all queued jobs to the writer if one is urgent or the batch delay is over."""
        if self._waiting and (self._is_due or at_once):
            self._writer.submit(self._waiting)
            self._waiting = []
        self._is_due = False

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
