"""The state of one Charge Point's connection (ground floor: pure).

Text and the time go in, an event comes out; the caller's duties are the event's. One frame makes
one event:

    Answered     send `text` now (unless older answers of this connection still wait: keep order)
    Reported     write the fact down, then send the CallResult, then tell `confirmed`
    Repeated     the same Call again while the first is being written: send its answer twice
    Confirmed    our outstanding Call was answered
    Refused      our outstanding Call was answered with a CallError
    Ignored      nothing to answer; `hang_up` says that this was one too many (OCPP-J §4.1.3)

At most one Call of ours is outstanding (OCPP-J §4.1.1), and an answer settles it only by its
unique id. Nothing is sent before the charger's BootNotification was answered, or 30 s after its
first frame: several models loop or reboot when they are probed.
"""

from datetime import tzinfo
from typing import Any, NamedTuple

from shocpp.ocpp import frames
from shocpp.ocpp.actions import ACTIONS, NEVER_REFUSED, Moment
from shocpp.ocpp.facts import Fact
from shocpp.ocpp.fields import FROM_CHARGE_POINT, TO_CHARGE_POINT
from shocpp.ocpp.frames import Payload, UniqueId
from shocpp.ocpp.validation import first_violation

QUIET_MS = 30_000
"""How long a charger that has not sent BootNotification is left alone."""

REMEMBERED_ANSWERS = 8

GARBAGE_LIMIT = 3
GARBAGE_WITHIN_MS = 10_000


class Answered(NamedTuple):
    """A Call whose answer needs no ink."""

    action: str
    unique_id: UniqueId
    text: str


class Reported(NamedTuple):
    """A Call whose fact must be on disk before it is answered.

    `confirmation` is None where the ledger decides it.
    """

    action: str
    unique_id: UniqueId
    fact: Fact
    confirmation: Payload | None


class Repeated(NamedTuple):
    """The same Call, byte for byte, while the first one is still being written."""

    action: str
    unique_id: UniqueId


class Confirmed(NamedTuple):
    """The CallResult of our outstanding Call."""

    call_id: str
    confirmation: Payload


class Refused(NamedTuple):
    """The CallError of our outstanding Call."""

    call_id: str
    code: str
    description: str
    details: Any


class Ignored(NamedTuple):
    """A frame without an answer, and why; after too many the connection is to be closed."""

    reason: str
    hang_up: bool = False


Event = Answered | Reported | Repeated | Confirmed | Refused | Ignored


class Connection:
    """One Charge Point on one transport, from its first frame to its last.

    `zone` is that of its times that name none, None for UTC; `has_card`: a card is meant where it
    names none, so that it may also ask whether it is authorized without naming one.
    """

    __slots__ = (
        "_answers",
        "_first_frame_ms",
        "_garbage_ms",
        "_ids_return",
        "booted",
        "has_card",
        "heartbeat_s",
        "outstanding",
        "zone",
    )

    def __init__(
        self, heartbeat_s: int, zone: tzinfo | None = None, *, has_card: bool = False
    ) -> None:
        self.heartbeat_s = heartbeat_s
        self.zone = zone
        self.has_card = has_card
        self.outstanding: str | None = None
        self.booted = False
        self._answers: dict[UniqueId, tuple[int, str | None]] | None = None
        self._ids_return = False
        self._first_frame_ms: int | None = None
        self._garbage_ms: tuple[int, ...] = ()

    def receive(self, text: str, now_ms: int) -> Event:
        """What one received text means. Never raises for what a charger sends."""
        if self._first_frame_ms is None:
            self._first_frame_ms = now_ms
        frame = frames.parse(text)
        if isinstance(frame, frames.Unreadable):
            return self._receive_garbage(frame, now_ms)
        self._garbage_ms = ()
        if isinstance(frame, frames.Call):
            return self._receive_call(frame, text, now_ms)
        if isinstance(frame, frames.CallResult):
            return self._receive_confirmation(frame)
        if isinstance(frame, frames.CallError):
            return self._receive_refusal(frame)
        if isinstance(frame, frames.Malformed):
            answer = frames.error_text(frame.unique_id, frame.code, frame.description)
            return Answered("", frame.unique_id, answer)
        return Ignored(f"message type {frame.message_type} is not OCPP 1.6")

    def confirmed(self, reported: Reported, text: str, answer: str) -> None:
        """Remember the answer sent to `text`, for the charger that sends it again."""
        if reported.action == "BootNotification":
            self.booted = True
        if self._answers is not None:
            known = self._answers.get(reported.unique_id)
            if known is not None and known[0] == hash(text):
                self._answers[reported.unique_id] = (known[0], answer)

    def forget(self, reported: Reported, text: str) -> None:
        """The Call failed: sent again, it is a new one."""
        if self._answers is not None:
            known = self._answers.get(reported.unique_id)
            if known is not None and known[0] == hash(text):
                del self._answers[reported.unique_id]

    def may_place(self, now_ms: int) -> bool:
        """Whether a Call of ours may go out now."""
        return self.outstanding is None and self.placeable_from_ms(now_ms) <= now_ms

    def placeable_from_ms(self, now_ms: int) -> int:
        """From when on Calls of ours may go out, as far as is known now."""
        if self.booted:
            return now_ms
        return (self._first_frame_ms or now_ms) + QUIET_MS

    def place(self, call_id: str, action: str, payload_text: str) -> str:
        """The text of a Call of ours, which is outstanding from now on."""
        assert self.outstanding is None, "one outstanding Call a connection (OCPP-J §4.1.1)"
        self.outstanding = call_id
        return frames.call_text(call_id, action, payload_text)

    def give_up(self, call_id: str) -> None:
        """Stop waiting for a Call of ours; its late answer will settle nothing."""
        if self.outstanding == call_id:
            self.outstanding = None

    def _receive_call(self, call: frames.Call, text: str, now_ms: int) -> Event:
        action = ACTIONS.get(call.action)
        if action is None:
            return self._no_such_action(call)
        if self.has_card and call.action == "Authorize" and call.payload.get("idTag") is None:
            call = call._replace(payload={**call.payload, "idTag": ""})
        if call.action not in NEVER_REFUSED:
            violation = first_violation(FROM_CHARGE_POINT[call.action], call.payload, strict=False)
            if violation is not None and None in call.payload.values():
                call = call._replace(payload=_without_nulls(call.payload))
                fields = FROM_CHARGE_POINT[call.action]
                violation = first_violation(fields, call.payload, strict=False) and violation
            if violation is not None:
                answer = frames.error_text(call.unique_id, violation.code, violation.sentence)
                return Answered(call.action, call.unique_id, answer)
        fact, confirmation = action(call.payload, Moment(now_ms, self.heartbeat_s, self.zone))
        if fact is None:
            assert confirmation is not None
            answer = frames.result_text(call.unique_id, confirmation)
            return Answered(call.action, call.unique_id, answer)
        known = self._known_answer(call.unique_id, text)
        if known is not None:
            return known._replace(action=call.action)
        return Reported(call.action, call.unique_id, fact, confirmation)

    def _no_such_action(self, call: frames.Call) -> Answered:
        name = call.action[:50]
        if call.action in TO_CHARGE_POINT:
            code, reason = "NotSupported", f"{name} is not a request a Central System answers"
        else:
            code, reason = "NotImplemented", f"{name} is not an action of OCPP 1.6"
        return Answered(name, call.unique_id, frames.error_text(call.unique_id, code, reason))

    def _known_answer(self, unique_id: UniqueId, text: str) -> Answered | Repeated | None:
        """The answer already given to this very Call on this connection.

        Only for chargers whose unique ids are unique: one that uses an id again for another
        message would get a stale answer, so from then on nothing is recognised by id.
        """
        if self._ids_return:
            return None
        if self._answers is None:
            self._answers = {}
        asked = hash(text)
        known = self._answers.get(unique_id)
        if known is None:
            if len(self._answers) >= REMEMBERED_ANSWERS:
                del self._answers[next(iter(self._answers))]
            self._answers[unique_id] = (asked, None)
            return None
        first, answer = known
        if first != asked:
            self._ids_return = True
            self._answers = None
            return None
        if answer is None:
            return Repeated("", unique_id)
        return Answered("", unique_id, answer)

    def _receive_confirmation(self, frame: frames.CallResult) -> Event:
        if self.outstanding is None or frame.unique_id != self.outstanding:
            return Ignored("an answer to no outstanding Call")
        self.outstanding = None
        return Confirmed(str(frame.unique_id), frame.payload)

    def _receive_refusal(self, frame: frames.CallError) -> Event:
        if self.outstanding is None or frame.unique_id != self.outstanding:
            return Ignored("a CallError to no outstanding Call")
        self.outstanding = None
        return Refused(str(frame.unique_id), frame.code, frame.description, frame.details)

    def _receive_garbage(self, frame: frames.Unreadable, now_ms: int) -> Ignored:
        self._garbage_ms = (*self._garbage_ms, now_ms)[-GARBAGE_LIMIT:]
        hang_up = (
            len(self._garbage_ms) == GARBAGE_LIMIT
            and now_ms - self._garbage_ms[0] <= GARBAGE_WITHIN_MS
        )
        return Ignored(frame.reason, hang_up)


def _without_nulls(payload: Payload) -> Payload:
    """Optional members that are sent as null are absent ones."""
    return {name: value for name, value in payload.items() if value is not None}
