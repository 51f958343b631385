"""The durability of each job: what must be on the disk before its answer leaves.

    synced     energy and money: a start, a stop, and the meter values that settle a bill (signed
               ones, and those of the begin or end of a transaction)
    written    other meter values, states of connectors and all else with an answer; a kill loses
               nothing, a power cut at most the last second
    delayed    frames that are answered already; they wait for the next batch

A register counts on, so readings that a power cut takes are no lost energy. With SHOCPP_SYNC=all
they are synced, too.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from shocpp.bookkeeping.jobs import Job, Receive, Send
from shocpp.ledger.matching import KeyedStop
from shocpp.ledger.transactions import KeyedStart
from shocpp.ocpp.connection import Answered, Ignored, Repeated
from shocpp.ocpp.facts import AuthorizationRequested, Booted, MeterValuesReported

SYNC_WITHIN_S = 0.9
"""The time within which what is written is synced, in seconds: with the sync itself about one."""


class Durability(IntEnum):
    """The durability of a job, the highest first."""

    SYNCED = 0
    WRITTEN = 1
    DELAYED = 2


_ANSWERED = (Answered, Ignored, Repeated)
"""Events whose job leaves nothing to do when it is written."""


@dataclass(slots=True)
class Batch:
    """Jobs that are written as one transaction, in their order.

    `durability` is the highest of its jobs. `is_quick` is True if it needs no sync and reads no
    file but the database.
    """

    jobs: list[Job] = field(default_factory=list)
    durability: Durability = Durability.DELAYED
    is_quick: bool = True

    def add(self, job: Job, durability: Durability) -> None:
        """Add a job with its durability."""
        self.jobs.append(job)
        if durability < self.durability:
            self.durability = durability
        if self.is_quick:
            self.is_quick = durability > Durability.SYNCED and _reads_no_file(job)

    def extend(self, other: "Batch") -> None:
        """Add the jobs of a later batch."""
        self.jobs += other.jobs
        self.durability = min(self.durability, other.durability)
        self.is_quick &= other.is_quick


class DurabilityRule:
    """The durability of jobs; with `syncs_all` that of all meter values is the highest."""

    def __init__(self, *, syncs_all: bool) -> None:
        self._of_readings = Durability.SYNCED if syncs_all else Durability.WRITTEN

    def of(self, job: Job) -> Durability:
        """Return the durability of a job."""
        if type(job) is not Receive:
            return Durability.DELAYED if type(job) is Send else Durability.WRITTEN
        fact = job.fact
        if type(fact) is MeterValuesReported:
            settles = fact.signed or fact.is_boundary
            return Durability.SYNCED if settles else self._of_readings
        if fact is None:
            return Durability.DELAYED if type(job.event) in _ANSWERED else Durability.WRITTEN
        is_transaction = type(fact) in (KeyedStart, KeyedStop)
        return Durability.SYNCED if is_transaction else Durability.WRITTEN


def _reads_no_file(job: Job) -> bool:
    """Return True for a frame that no file of conf/ decides, which may be on a disk that hangs."""
    if type(job) is Receive:
        return type(job.fact) not in (AuthorizationRequested, Booted)
    return type(job) is Send
