"""What the loop hands to the bookkeeper, and what comes back (a room)."""

from typing import NamedTuple, TypeGuard

from shocpp.ocpp.connection import Answered, Event, Ignored, Repeated, Reported
from shocpp.ocpp.facts import MeterValuesReported, TransactionStarted, TransactionStopped
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.charge_points.admissions import RefusedAttempts


class Connect(NamedTuple):
    """A conversation begins.

    `otherwise` is the identity to take where `charge_point_id` is but a serial that the charger
    itself has told, and belongs to another one. `is_sure` and `password` are those of `Admitted`.
    `insists`: it is there again, after the connection it contests had time for a sign of life.
    """

    token: str
    charge_point_id: str
    remote: str
    otherwise: str | None = None
    is_sure: bool = False
    password: str | None = None
    insists: bool = False


class Connected(NamedTuple):
    """The identity as it is spelled in the books, whether it was there before, and a warning."""

    charge_point_id: str
    known: bool
    notice: str | None


class Contested(NamedTuple):
    """Another connection holds that identity, and has a while to show that it is alive."""

    charge_point_id: str


class Refuse(NamedTuple):
    """Chargers were not let in."""

    refused: tuple[RefusedAttempts, ...]


class Disconnect(NamedTuple):
    """A conversation has ended."""

    token: str


class Receive(NamedTuple):
    """A frame and what it means. The result is the answer's text, or None where there is none."""

    token: str
    charge_point_id: str | None
    text: str
    received_ms: int
    event: Event


class Send(NamedTuple):
    """A frame of ours that is no answer, to be kept."""

    charge_point_id: str | None
    action: str
    text: str
    sent_ms: int


class Claim(NamedTuple):
    """Take a queued Call for this conversation. The result is whether it may be sent."""

    token: str
    call: QueuedCall


class Settle(NamedTuple):
    """A Call of this conversation ends without an answer."""

    token: str
    call_id: str
    outcome: CallOutcome


class Failed(NamedTuple):
    """The result of a job that was not written; `unavailable` says that none can be just now."""

    reason: str
    unavailable: bool


Job = Connect | Disconnect | Receive | Refuse | Send | Claim | Settle


class Look(NamedTuple):
    """What a worker finds when its bell rings."""

    calls: list[QueuedCall]
    superseded: list[str]
    contested: list[str]


def may_wait(job: Job) -> bool:
    """Whether nobody waits for a job: a frame that is answered already, or that wants no answer."""
    return isinstance(job, Send) or (
        isinstance(job, Receive) and isinstance(job.event, Answered | Ignored | Repeated)
    )


def is_energy(job: Job) -> TypeGuard[Receive]:
    """Whether the result of a job promises that energy is on disk."""
    return (
        isinstance(job, Receive)
        and isinstance(job.event, Reported)
        and isinstance(
            job.event.fact, TransactionStarted | TransactionStopped | MeterValuesReported
        )
    )
