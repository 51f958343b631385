"""The jobs that the loop hands to the writer, and their results.

A `token` identifies a connection: a Charge Point that connects again gets another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeGuard

from shocpp.ledger.matching import KeyedStop, keyed_stop
from shocpp.ledger.transactions import KeyedStart, keyed_start
from shocpp.ocpp.connection import Event, Reported
from shocpp.ocpp.facts import Fact, MeterValuesReported, TransactionStarted, TransactionStopped
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.changes import Change
from shocpp.store.charge_points.admissions import RefusedAttempts
from shocpp.store.charge_points.connections import address_of

KeyedFact = KeyedStart | KeyedStop | Fact
"""A fact with the keys that its writing needs: those of a start or a stop are computed once."""


class Connect(NamedTuple):
    """A connection asks for its Charge Point. The result is Connected, Contested or Failed.

    `remote` is the peer's address and port. If `charge_point_id` is a serial that the charger has
    reported, `fallback_id` is the identity to use if the serial belongs to another Charge Point.
    `is_sure` and `password` are those of `Admitted`. `asks_again` is True when the connection asks
    again, after the connection that it contests had time for a sign of life.
    """

    token: str
    charge_point_id: str
    remote: str
    fallback_id: str | None = None
    is_sure: bool = False
    password: str | None = None
    asks_again: bool = False


class Connected(NamedTuple):
    """The connection holds its Charge Point.

    `charge_point_id` is spelled as when it was first seen. `known` is True if it was seen before.
    `notice` is a warning for the log. `needs_boot` is True if it takes no Calls before it has
    booted on this connection.
    """

    charge_point_id: str
    known: bool
    notice: str | None
    needs_boot: bool


class Contested(NamedTuple):
    """Another connection holds this Charge Point, and must show a sign of life to keep it."""

    charge_point_id: str


class Refuse(NamedTuple):
    """Attempts to connect were refused. The result is None."""

    refused: tuple[RefusedAttempts, ...]


def refusal(
    charge_point_id: str | None, remote: str, reason: str, presented: str, now_ms: int
) -> Refuse:
    """Return the job that records one refused attempt; `remote` is an address with its port."""
    name, address = charge_point_id or "", address_of(remote)
    return Refuse((RefusedAttempts(name, address, reason, presented, 1, now_ms),))


class Disconnect(NamedTuple):
    """A connection has ended. The result is None.

    `needs_boot` is the identity of a charger that has hung up because it was called before it had
    booted, else None.
    """

    token: str
    needs_boot: str | None = None


@dataclass(slots=True)
class Receive:
    """A frame was received. The result is the text of the answer, None without one, or Failed.

    `charge_point_id` is None until the connection has an identity. `event` is the parsed frame, and
    `fact` the fact that it reports, with its keys; None without one. `keeps_text` is False if its
    text is over the budget of its charger: then only its length is stored, unless it is a start or
    a stop.
    """

    token: str
    charge_point_id: str | None
    text: str
    received_ms: int
    event: Event
    keeps_text: bool = True

    fact: KeyedFact | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fact = self.event.fact if isinstance(self.event, Reported) else None
        if isinstance(fact, TransactionStarted):
            self.fact = keyed_start(fact)
        elif isinstance(fact, TransactionStopped):
            self.fact = keyed_stop(fact)
        else:
            self.fact = fact


class Send(NamedTuple):
    """A frame that is not an answer was sent, and is to be stored. The result is None."""

    charge_point_id: str | None
    action: str
    text: str
    sent_ms: int


class Claim(NamedTuple):
    """A connection wants to send a queued Call. The result is the payload to send, or None.

    Only one connection may: the Call's row says which, so that no other worker sends it, too.
    """

    token: str
    call: QueuedCall


class Settle(NamedTuple):
    """A Call of this connection has ended without an answer. The result is None."""

    token: str
    call_id: str
    outcome: CallOutcome


class Failed(NamedTuple):
    """The result of a job that was not written.

    `unavailable` is True if no job can be written now, False if only this one cannot.
    """

    reason: str
    unavailable: bool


Job = Connect | Disconnect | Receive | Refuse | Send | Claim | Settle


class PollResult(NamedTuple):
    """The result of a poll: rows that wait for this worker.

    `changes` are to be published. `calls` are Calls to its Charge Points. `superseded` are the
    tokens of connections to retire, and `contested` those of connections that must show a sign of
    life. `free_names` are those of connections that wait for a name whose holder has ended.
    """

    changes: list[Change]
    calls: Sequence[QueuedCall] = ()
    superseded: Sequence[str] = ()
    contested: Sequence[str] = ()
    free_names: Sequence[str] = ()


def is_energy(job: Job) -> TypeGuard[Receive]:
    """Return True if a job reports energy, which must be written in the order of receipt."""
    return isinstance(job, Receive) and isinstance(
        job.fact, (KeyedStart, KeyedStop, MeterValuesReported)
    )
