"""The reception: it finds out which Charge Point a conversation is with.

The database decides which connection holds an identity; the writer's result to a Connect job says
so. Two rules:

    identity held already  A newer connection replaces the older one at once if its password proves
                           who it is, or if it comes from the same address. Otherwise the older one
                           is pinged and keeps its identity if it is alive. The writer decides:
                           `bookkeeping/takeovers.py`.
    no identity in the URL The serial of the BootNotification becomes the identity. Frames before it
                           wait; after NAMELESS_S the address becomes the identity.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from shocpp.admission.decision import NAME_TAKEN
from shocpp.bookkeeping.jobs import Connect, Connected, Contested, Job, Receive, Refuse
from shocpp.central_system.conversation import Conversation, Slot
from shocpp.central_system.loop import Loop
from shocpp.clock import now_ms
from shocpp.ocpp.connection import Event, Reported
from shocpp.ocpp.identity import identity_key
from shocpp.ocpp.json_text import to_text
from shocpp.store.calls import QueuedCall
from shocpp.store.charge_points.admissions import RefusedAttempts
from shocpp.store.charge_points.connections import address_of
from shocpp.unique_ids import random_uuid

log = logging.getLogger(__name__)

POLICY = 1008
"""The close code for a violated policy (RFC 6455 §7.4.1)."""

REPLACED = "replaced by a newer connection"

SIGN_OF_LIFE_S = 5.0
"""Seconds that a connection has to show that it is alive when another one claims its identity."""

CONTEST_S = 6.0
"""Seconds until the other one asks again.

More than SIGN_OF_LIFE_S: another process may hold the first connection and see the claim late.
"""

NAMELESS_S = 10.0
"""Seconds that a charger without an identity has to send its serial."""


class Submit(Protocol):
    """The function that hands a job to the writer."""

    def __call__(
        self, job: Job, conversation: Conversation | None, slot: Slot | None = None
    ) -> None:
        """Hand over a job; its result comes back for this conversation and slot."""


class Reception:
    """The conversations of one switchboard by identity; everything here runs in its loop."""

    def __init__(
        self,
        loop: Loop,
        submit: Submit,
        hang_up: Callable[[Conversation, int, str], None],
        drop: Callable[[Conversation, str], None],
        touch: Callable[[Conversation], None],
        ask: Callable[[Conversation, QueuedCall], None],
    ) -> None:
        self._loop = loop
        self._submit = submit
        self._hang_up = hang_up
        self._drop = drop
        self._touch = touch
        self._ask = ask
        self._by_identity: dict[str, Conversation] = {}
        self._waiting: dict[tuple[str | None, str], Conversation] = {}

    def holder(self, charge_point_id: str) -> Conversation | None:
        """Return the conversation with this Charge Point, or None if this process has none."""
        return self._by_identity.get(identity_key(charge_point_id))

    def leave(self, conversation: Conversation) -> None:
        """Forget a conversation that has ended; a newer one with its identity stays."""
        key = conversation.key
        # The end of an old socket may come after a new one has taken the identity.
        if key is not None and self._by_identity.get(key) is conversation:
            del self._by_identity[key]
        self._wait_no_more(conversation)

    def identify(
        self, conversation: Conversation, charge_point_id: str, fallback_id: str | None = None
    ) -> None:
        """Ask the writer to enter a conversation under an identity; reading waits for the result.

        `fallback_id` is the identity to use if the first one is a serial of another Charge Point.
        """
        conversation.name(charge_point_id)
        remote, admitted = conversation.transport.remote, conversation.admitted
        proof = (admitted.is_sure, admitted.password)
        job = Connect(conversation.token, charge_point_id, remote, fallback_id, *proof)
        self._submit(job, conversation)

    def take(self, conversation: Conversation, job: Connect, result: Connected | Contested) -> None:
        """Take the writer's result: the conversation holds its identity, or another one does."""
        if isinstance(result, Contested):
            self._wait(conversation, job)
            return
        if result.notice is not None:
            log.warning("%s", result.notice)
        # First of all: `_name` may change the identity, which is part of the key.
        self._wait_no_more(conversation)
        self._name(conversation, result.charge_point_id)
        log.info("%s is connected from %s", result.charge_point_id, conversation.transport.remote)
        conversation.identified = True
        self._touch(conversation)
        # A charger that was here before may send a large StopTransaction. Refused for its size, it
        # would block the charger's queue for ever.
        if result.known:
            conversation.transport.trust()
        held_jobs, conversation.held_jobs = conversation.held_jobs, None
        # In the order of receipt, and before any frame that is read from now on.
        for slot, held_job in held_jobs or ():
            identified_job = replace(held_job, charge_point_id=result.charge_point_id)
            self._submit(identified_job, conversation, slot)

    def _name(self, conversation: Conversation, charge_point_id: str) -> None:
        """Enter a conversation under its identity; close an older one with the same identity."""
        conversation.name(charge_point_id)
        key = identity_key(charge_point_id)
        former = self._by_identity.get(key)
        self._by_identity[key] = conversation
        if former is not None and former is not conversation:
            log.info("%s has connected again: the older connection is closed", charge_point_id)
            self._hang_up(former, POLICY, REPLACED)

    def _wait(self, conversation: Conversation, job: Connect) -> None:
        """Keep a conversation waiting while the holder of its identity is pinged.

        After a second attempt (`asks_again`) the conversation is closed.
        """
        if job.asks_again:
            log.warning("%s from %s is refused: %s", job.charge_point_id, job.remote, NAME_TAKEN)
            taken = RefusedAttempts(
                job.charge_point_id, address_of(job.remote), NAME_TAKEN, "", 1, now_ms()
            )
            self._submit(Refuse((taken,)), None)
            self._hang_up(conversation, POLICY, NAME_TAKEN)
        else:
            # One waiting connection for each identity and address. Without this limit, somebody
            # who opens many of them would use up all descriptors.
            claim = _claim_of(conversation)
            earlier = self._waiting.get(claim)
            if earlier is not None:
                self._hang_up(earlier, POLICY, NAME_TAKEN)
            self._waiting[claim] = conversation
            due = time.monotonic() + CONTEST_S
            self._loop.call_at(due, self._ask_again, conversation, job._replace(asks_again=True))

    def _wait_no_more(self, conversation: Conversation) -> None:
        """Remove a conversation from the waiting ones.

        Call this before its identity changes: the identity is part of the key.
        """
        if self._waiting.get(_claim_of(conversation)) is conversation:
            del self._waiting[_claim_of(conversation)]

    def _ask_again(self, conversation: Conversation, job: Connect) -> None:
        """Ask for the identity again, after the time for a sign of life."""
        if not conversation.closed:
            self._submit(job, conversation)

    def ping_holder(self, conversation: Conversation) -> None:
        """Ping a conversation whose identity another connection claims."""
        # Without a ping (stdin) silence proves nothing, so the conversation keeps its identity.
        if conversation.closed or not conversation.transport.ping():
            return
        asked = time.monotonic()
        self._touch(conversation)
        self._loop.call_at(asked + SIGN_OF_LIFE_S, self._check_pong, conversation, asked)

    def _check_pong(self, conversation: Conversation, asked: float) -> None:
        """Close a conversation that has sent nothing since it was pinged at `asked`."""
        # While reading pauses, the pong waits unread behind other frames: that is no silence.
        if not (conversation.closed or conversation.paused) and conversation.last_seen < asked:
            self._drop(conversation, "silent when another connection claimed its name")

    def receive(
        self,
        conversation: Conversation,
        text: str,
        moment_ms: int,
        event: Event,
        slot: Slot | None,
    ) -> None:
        """Take a frame of a charger that is not identified yet.

        A BootNotification identifies it. Other frames with a fact wait; after the first of them the
        charger is asked for a BootNotification, once.
        """
        job = Receive(conversation.token, None, text, moment_ms, event)
        # A frame without a slot changes no account: it is recorded without an identity.
        if slot is None:
            self._submit(job, conversation)
            return
        is_first = conversation.hold(slot, job) == 1
        # The writer has been asked for the identity already.
        if conversation.key is not None:
            return
        name = conversation.serial_of_boot(event)
        if name is not None:
            self.identify(conversation, name, fallback_id=conversation.address_name())
        # Once only: MG and StarCharge reconnect in a loop after a TriggerMessage for a
        # BootNotification.
        elif is_first:
            assert isinstance(event, Reported)
            self._loop.call_at(time.monotonic() + NAMELESS_S, self.name_by_address, conversation)
            # A BootNotification without a usable serial: asking again would bring the same one.
            if event.action == "BootNotification":
                self.name_by_address(conversation)
            else:
                self._ask_for_name(conversation)

    def _ask_for_name(self, conversation: Conversation) -> None:
        """Send a TriggerMessage for a BootNotification (OCPP 1.6 §5.17)."""
        payload = to_text({"requestedMessage": "BootNotification"})
        deadline_ms = now_ms() + int(NAMELESS_S * 1000)
        call = QueuedCall(random_uuid(), "", "TriggerMessage", payload, deadline_ms)
        self._ask(conversation, call)

    def name_by_address(self, conversation: Conversation) -> None:
        """Identify a charger by its address if it has sent no serial, to keep its frames."""
        if conversation.closed or conversation.key is not None:
            return
        self.identify(conversation, conversation.address_name())


def _claim_of(conversation: Conversation) -> tuple[str | None, str]:
    """Return the identity key that a conversation claims, and the address that it comes from."""
    return conversation.key, address_of(conversation.transport.remote)
