"""The protocol state of one Charge Point's connection (pure).

A received text and the time go in, and one event comes out. The event tells the caller its duty:

    Answered     send `text`, after the older answers of this connection
    Reported     write the fact, then send the CallResult, then call `confirmed`
    Repeated     the same Call again while the first is being written: send its answer twice
    Confirmed    our outstanding Call was answered
    Refused      our outstanding Call was answered with a CallError
    Ignored      send nothing; close the connection if `hang_up` is True (OCPP-J §4.1.3)
    OtherVersion send nothing, write nothing, and close the connection

At most one Call of ours is outstanding (OCPP-J §4.1.1). Only an answer with its unique id settles
it. Several models loop or reboot when they are called while they boot, so a Call of ours waits:

    booting     until its BootNotification is answered, or 30 s after it sent that
    returning   it has booted before, and a reconnect needs no BootNotification (OCPP-J §5.4): until
                its first frame if that is none, or 3 s after it connected
    new         until its BootNotification is answered, or 30 s after its first frame
"""

from datetime import tzinfo
from typing import Any, NamedTuple

from shocpp.ocpp import frames
from shocpp.ocpp.actions import ACTIONS, NEVER_REFUSED, CallContext
from shocpp.ocpp.facts import Fact
from shocpp.ocpp.fields.from_charge_point import FROM_CHARGE_POINT
from shocpp.ocpp.fields.of_ocpp_2 import ACTIONS_OF_OCPP_2, is_of_ocpp_2
from shocpp.ocpp.fields.to_charge_point import ENDS_CONNECTIONS, TO_CHARGE_POINT
from shocpp.ocpp.frames import Payload, UniqueId
from shocpp.ocpp.quick.reader import plain_meter_values
from shocpp.ocpp.stored.long_lists import SHORTEST_TEXT, shortened_call
from shocpp.ocpp.validation import Violation, lenient_violation

QUIET_MS = 30_000
"""The wait before Calls of ours if a BootNotification is not answered, or does not come."""

RETURNED_MS = 3_000
"""The wait after a connect of a charger that has booted before, if it sends nothing."""

HANGS_UP_WITHIN_MS = 5_000
"""A charger that hangs up within this time after a Call cannot take it without having booted."""

REMEMBERED_ANSWERS = 8
"""The answers of one connection that are kept for repeated Calls."""

UNREADABLE_LIMIT = 3
GARBAGE_WITHIN_MS = 10_000
"""So many unreadable texts in a row, within this time, end the connection."""


class Answered(NamedTuple):
    """A Call that is answered at once: nothing has to be written before."""

    action: str
    unique_id: UniqueId
    text: str


class Reported(NamedTuple):
    """A Call whose fact must be on disk before it is answered.

    `confirmation` is None if the ledger decides it. `short_text` is that of the Call.
    """

    action: str
    unique_id: UniqueId
    fact: Fact
    confirmation: Payload | None
    short_text: str | None = None


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
    """A frame that gets no answer.

    `reason` is for the log. `hang_up` is True if the connection has to be closed: too many
    unreadable texts came in a row.
    """

    reason: str
    hang_up: bool = False


class OtherVersion(NamedTuple):
    """A Call of OCPP 2.x. The charger keeps its messages as long as none of them is answered."""

    action: str


Event = Answered | Reported | Repeated | Confirmed | Refused | Ignored | OtherVersion


class Connection:
    """The state of one Charge Point on one transport, from its first frame to its last.

    `heartbeat_s` is the interval that a BootNotification is answered with. `zone` is the zone of
    timestamps without an offset, None for UTC. `has_card` is True if the Charge Point has a default
    card: then an Authorize may name none.

    `outstanding` is the unique id of our outstanding Call, or None. `booted` is True once a
    BootNotification was answered on this connection.
    """

    __slots__ = (
        "_answers",
        "_boot_ms",
        "_called_early_ms",
        "_first_frame_ms",
        "_garbage_ms",
        "_returned_ms",
        "_reuses_ids",
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
        # By unique id: the hash of the Call's text, and the answer once it is known. None before
        # the first fact, and for a charger that reuses its ids.
        self._answers: dict[UniqueId, tuple[int, str | None]] | None = None
        self._reuses_ids = False
        self._first_frame_ms: int | None = None
        # The receipt of a BootNotification that is not answered yet.
        self._boot_ms: int | None = None
        # The connect of a charger that needs no BootNotification, and a Call of ours without one.
        self._returned_ms: int | None = None
        self._called_early_ms: int | None = None
        self._garbage_ms: tuple[int, ...] = ()

    def receive(self, text: str, now_ms: int) -> Event:
        """Return the event of one received text. Never raises, whatever a charger sends."""
        if self._first_frame_ms is None:
            self._first_frame_ms = now_ms
        plain = plain_meter_values(text, self.zone) if len(text) < SHORTEST_TEXT else None
        if plain is not None:
            self._garbage_ms = ()
            return self._report(text, Reported("MeterValues", *plain, {}))
        frame = frames.parse(text)
        if isinstance(frame, frames.Unreadable):
            return self._receive_unreadable(frame, now_ms)
        # Only texts in a row count: Grizzl-E 5.x truncates some of its CallResults.
        self._garbage_ms = ()
        if isinstance(frame, frames.Call):
            call = shortened_call(frame) if len(text) >= SHORTEST_TEXT else frame
            return self._receive_call(call, text, now_ms)
        if isinstance(frame, frames.CallResult):
            return self._receive_confirmation(frame)
        if isinstance(frame, frames.CallError):
            return self._receive_refusal(frame)
        if isinstance(frame, frames.Malformed):
            return Answered("", frame.unique_id, frames.error_text(*frame))
        # Other types are to be ignored (OCPP-J §4.1.3), so they never count as unreadable texts.
        return Ignored(f"message type {frame.message_type} is not OCPP 1.6")

    def return_at(self, now_ms: int) -> None:
        """Note that this charger has connected now, and needs no BootNotification for Calls."""
        self._returned_ms = now_ms

    def confirmed(self, reported: Reported, text: str, answer: str) -> None:
        """Remember the answer to the Call `text`, in case the charger repeats it.

        An answered BootNotification also ends the quiet time.
        """
        # Wallbox 6.x disconnects if a Call comes before the answer to its BootNotification.
        if reported.action == "BootNotification":
            self.booted = True
        if self._answers is not None:
            # The entry may have been dropped meanwhile, and its id used again by another Call.
            known = self._answers.get(reported.unique_id)
            if known is not None and known[0] == hash(text):
                self._answers[reported.unique_id] = (known[0], answer)

    def forget(self, reported: Reported, text: str) -> None:
        """Forget the Call `text`, whose fact could not be written: repeated, it is a new one."""
        if self._answers is not None:
            known = self._answers.get(reported.unique_id)
            if known is not None and known[0] == hash(text):
                del self._answers[reported.unique_id]

    def may_place(self, now_ms: int) -> bool:
        """Return True if a Call of ours may be sent now."""
        return self.outstanding is None and self.placeable_from_ms(now_ms) <= now_ms

    def placeable_from_ms(self, now_ms: int) -> int:
        """Return the first moment for Calls of ours, in ms, as far as it is known now."""
        # The state of the connection, not of the charger: it may have booted and reconnected
        # meanwhile.
        if self.booted:
            return now_ms
        if self._boot_ms is not None:
            return self._boot_ms + QUIET_MS
        if self._returned_ms is not None:
            return now_ms if self._first_frame_ms is not None else self._returned_ms + RETURNED_MS
        return (self._first_frame_ms or now_ms) + QUIET_MS

    def place(self, call_id: str, action: str, payload_text: str, now_ms: int) -> str:
        """Return the text of a Call of ours, which is outstanding from now on.

        `payload_text` is JSON. The caller has to ask `may_place` first.
        """
        assert self.outstanding is None, "one outstanding Call a connection (OCPP-J §4.1.1)"
        self.outstanding = call_id
        is_early = self._returned_ms is not None and not self.booted
        self._called_early_ms = now_ms if is_early and action not in ENDS_CONNECTIONS else None
        return frames.call_text(call_id, action, payload_text)

    def give_up(self, call_id: str) -> None:
        """Stop waiting for a Call of ours; a late answer to it is ignored."""
        if self.outstanding == call_id:
            self.outstanding = None

    def cannot_be_called(self, now_ms: int) -> bool:
        """Return True if a charger that hangs up now must boot before it takes Calls.

        It does so in place of an answer to a Call, and has not booted on this connection.
        """
        called_ms = self._called_early_ms
        is_recent = called_ms is not None and now_ms - called_ms < HANGS_UP_WITHIN_MS
        return is_recent and self.outstanding is not None

    def _receive_call(self, call: frames.Call, text: str, now_ms: int) -> Event:
        """Return the event of a Call: a refusal, an answer, a repeat or a fact to write."""
        if call.action == "BootNotification":
            self._boot_ms = now_ms
        action = ACTIONS.get(call.action)
        if action is None:
            return self._refuse_action(call)
        # Free-vend chargers and EVBox with AutoStart send no idTag, or a placeholder.
        if self.has_card and call.action == "Authorize" and call.payload.get("idTag") is None:
            call = call._replace(payload={**call.payload, "idTag": ""})
        # OpenEVSE's queue stalls for ever after a CallError to a StopTransaction. Elsewhere a
        # refused fractional meterStop stranded eight transactions.
        payload = call.payload
        if call.action not in NEVER_REFUSED:
            violation, payload = lenient_violation(FROM_CHARGE_POINT[call.action], payload)
            if violation is not None:
                return self._refuse_payload(call, violation)
        elif "evseId" in payload and is_of_ocpp_2(call.action, payload):
            return OtherVersion(call.action)
        fact, confirmation = action(payload, CallContext(now_ms, self.heartbeat_s, self.zone))
        # Before `_repeat`: Heartbeats would displace the remembered answers of Calls about energy.
        if fact is None:
            assert confirmation is not None
            answer = frames.result_text(call.unique_id, confirmation)
            return Answered(call.action, call.unique_id, answer)
        reported = Reported(call.action, call.unique_id, fact, confirmation, call.short_text)
        return self._report(text, reported)

    def _refuse_action(self, call: frames.Call) -> Answered | OtherVersion:
        # After a BootNotification of OCPP 1.6 a charger speaks OCPP 1.6, whatever else it sends.
        if call.action in ACTIONS_OF_OCPP_2 and not self.booted:
            return OtherVersion(call.action)
        name = call.action[:50]
        if call.action in TO_CHARGE_POINT:
            code, reason = "NotSupported", f"{name} is not a request a Central System answers"
        else:
            code, reason = "NotImplemented", f"{name} is not an action of OCPP 1.6"
        return Answered(name, call.unique_id, frames.error_text(call.unique_id, code, reason))

    def _refuse_payload(self, call: frames.Call, violation: Violation) -> Answered | OtherVersion:
        if is_of_ocpp_2(call.action, call.payload):
            return OtherVersion(call.action)
        answer = frames.error_text(call.unique_id, violation.code, violation.sentence)
        return Answered(call.action, call.unique_id, answer)

    def _report(self, text: str, reported: Reported) -> Reported | Answered | Repeated:
        """Return the event of a Call: itself, or a repeat if it came before on this connection."""
        action, unique_id = reported.action, reported.unique_id
        if self._reuses_ids:
            return reported
        if self._answers is None:
            self._answers = {}
        # The hash, not the text: a StopTransaction may have megabytes, and memory per connection is
        # bounded (invariant I11).
        text_hash = hash(text)
        # Within one connection only: the ids of go-e, Alfen and MicroOcpp restart at every boot.
        known = self._answers.get(unique_id)
        if known is None:
            # A dict keeps the order of insertion: its first key is the oldest.
            if len(self._answers) >= REMEMBERED_ANSWERS:
                del self._answers[next(iter(self._answers))]
            self._answers[unique_id] = (text_hash, None)
            return reported
        known_hash, answer = known
        # A charger that uses an id again for another Call would get a stale answer. So from now
        # on no Call of this connection counts as a repeat.
        if known_hash != text_hash:
            self._reuses_ids = True
            self._answers = None
            return reported
        # MicroOcpp sends a Call again before its own time-out.
        if answer is None:
            return Repeated(action, unique_id)
        return Answered(action, unique_id, answer)

    def _receive_confirmation(self, frame: frames.CallResult) -> Event:
        # A late answer, or one that comes twice, must not settle the next Call (invariant I10).
        if self.outstanding is None or frame.unique_id != self.outstanding:
            return Ignored("an answer to no outstanding Call")
        self.outstanding = None
        return Confirmed(str(frame.unique_id), frame.payload)

    def _receive_refusal(self, frame: frames.CallError) -> Event:
        # Phihong puts a digit before the id of its CallErrors. It settles nothing: a foreign answer
        # must never satisfy another Call (invariant I10).
        if self.outstanding is None or frame.unique_id != self.outstanding:
            return Ignored("a CallError to no outstanding Call")
        self.outstanding = None
        return Refused(str(frame.unique_id), frame.code, frame.description, frame.details)

    def _receive_unreadable(self, frame: frames.Unreadable, now_ms: int) -> Ignored:
        self._garbage_ms = (*self._garbage_ms, now_ms)[-UNREADABLE_LIMIT:]
        hang_up = (
            len(self._garbage_ms) == UNREADABLE_LIMIT
            and now_ms - self._garbage_ms[0] <= GARBAGE_WITHIN_MS
        )
        return Ignored(frame.reason, hang_up)
