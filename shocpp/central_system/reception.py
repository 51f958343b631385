"""The reception: brings conversations under their names (a room).

A conversation is with a Charge Point once the books say so. Where another connection has that name
already, the newest one wins if it is sure who it is; otherwise the older one has a while for a sign
of life, by which it keeps its name. A charger that tells no name in its address is named by the
serial of its BootNotification, and what it says before that waits.
"""

import logging
import time
from collections.abc import Callable
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
REPLACED = "replaced by a newer connection"

SIGN_OF_LIFE_S = 5.0
"""How long a connection has to show that it is alive, where another one claims its name."""

CONTEST_S = 6.0
"""When the other one asks again: later than that, also where another process has the first."""

NAMELESS_S = 10.0
"""How long an unnamed charger has to tell its serial before its address names it."""


class Submit(Protocol):
    """Hands a job to the bookkeeper; its result comes back to the conversation, and the slot."""

    def __call__(
        self, job: Job, conversation: Conversation | None, slot: Slot | None = None
    ) -> None:
        """Hand it over."""


class Reception:
    """Who is there under which name, in one switchboard; everything here runs in its loop."""

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
        """The conversation with this Charge Point, if it is here."""
        return self._by_identity.get(identity_key(charge_point_id))

    def leave(self, conversation: Conversation) -> None:
        """A conversation has ended; a newer one under its name is not touched."""
        key = conversation.key
        if key is not None and self._by_identity.get(key) is conversation:
            del self._by_identity[key]
        self._wait_no_more(conversation)

    def introduce(
        self, conversation: Conversation, charge_point_id: str, otherwise: str | None = None
    ) -> None:
        """This conversation is to be with that Charge Point; nothing is read until it is."""
        conversation.name(charge_point_id)
        remote, admitted = conversation.transport.remote, conversation.admitted
        shown = (admitted.is_sure, admitted.password)
        job = Connect(conversation.token, charge_point_id, remote, otherwise, *shown)
        self._submit(job, conversation)

    def take(self, conversation: Conversation, job: Connect, result: Connected | Contested) -> None:
        """The books have said whether this conversation has its name."""
        if isinstance(result, Contested):
            self._wait(conversation, job)
            return
        if result.notice is not None:
            log.warning("%s", result.notice)
        self._wait_no_more(conversation)
        self._name(conversation, result.charge_point_id)
        log.info("%s is connected from %s", result.charge_point_id, conversation.transport.remote)
        conversation.introduced = True
        self._touch(conversation)
        if result.known:
            conversation.transport.trust()
        held, conversation.held = conversation.held, None
        for slot, waiting in held or ():
            named = waiting._replace(charge_point_id=result.charge_point_id)
            self._submit(named, conversation, slot)

    def _name(self, conversation: Conversation, charge_point_id: str) -> None:
        """Enter a conversation under its identity; the one before it under that name has ended."""
        conversation.name(charge_point_id)
        key = identity_key(charge_point_id)
        former = self._by_identity.get(key)
        self._by_identity[key] = conversation
        if former is not None and former is not conversation:
            log.info("%s has connected again: the older connection is closed", charge_point_id)
            self._hang_up(former, POLICY, REPLACED)

    def _wait(self, conversation: Conversation, job: Connect) -> None:
        """The name is another connection's, which is asked for a sign of life."""
        if job.insists:
            log.warning("%s from %s is sent away: %s", job.charge_point_id, job.remote, NAME_TAKEN)
            taken = RefusedAttempts(
                job.charge_point_id, address_of(job.remote), NAME_TAKEN, "", 1, now_ms()
            )
            self._submit(Refuse((taken,)), None)
            self._hang_up(conversation, POLICY, NAME_TAKEN)
        else:
            # One of an address for a name: whoever opens many would use up all descriptors.
            place = _place(conversation)
            before = self._waiting.get(place)
            if before is not None:
                self._hang_up(before, POLICY, NAME_TAKEN)
            self._waiting[place] = conversation
            due = time.monotonic() + CONTEST_S
            self._loop.at(due, self._insist, conversation, job._replace(insists=True))

    def _wait_no_more(self, conversation: Conversation) -> None:
        """To be called while it still has the name that it has waited for."""
        if self._waiting.get(_place(conversation)) is conversation:
            del self._waiting[_place(conversation)]

    def _insist(self, conversation: Conversation, job: Connect) -> None:
        if not conversation.closed:
            self._submit(job, conversation)

    def challenge(self, conversation: Conversation) -> None:
        """Another connection claims this one's name, which it keeps if it is alive."""
        if conversation.closed or not conversation.transport.ping():
            return
        asked = time.monotonic()
        self._touch(conversation)
        self._loop.at(asked + SIGN_OF_LIFE_S, self._check_sign, conversation, asked)

    def _check_sign(self, conversation: Conversation, asked: float) -> None:
        """One whose frames wait to be read has talked before, and its pong waits behind them."""
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
        """A charger that connected without an identity is named by its BootNotification's serial.

        What must be written waits for the name; one that says something else first is asked once.
        """
        job = Receive(conversation.token, None, text, moment_ms, event)
        if slot is None:
            self._submit(job, conversation)
            return
        is_first = conversation.hold(slot, job) == 1
        if conversation.key is not None:
            return
        name = conversation.tells_its_name(event)
        if name is not None:
            self.introduce(conversation, name, otherwise=conversation.address_name())
        elif is_first:
            assert isinstance(event, Reported)
            self._loop.at(time.monotonic() + NAMELESS_S, self.name_by_address, conversation)
            if event.action == "BootNotification":
                self.name_by_address(conversation)
            else:
                self._ask_for_name(conversation)

    def _ask_for_name(self, conversation: Conversation) -> None:
        payload = to_text({"requestedMessage": "BootNotification"})
        deadline_ms = now_ms() + int(NAMELESS_S * 1000)
        call = QueuedCall(random_uuid(), "", "TriggerMessage", payload, deadline_ms)
        self._ask(conversation, call)

    def name_by_address(self, conversation: Conversation) -> None:
        """It has not told its serial: its address must do, so that nothing it says is lost."""
        if conversation.closed or conversation.key is not None:
            return
        self.introduce(conversation, conversation.address_name())


def _place(conversation: Conversation) -> tuple[str | None, str]:
    """Where a conversation waits: for a name, from an address."""
    return conversation.key, address_of(conversation.transport.remote)
