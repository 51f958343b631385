"""Workers that have died: any process that notices one releases its Charge Points."""

from shocpp.clock import now_ms
from shocpp.store import doorbells
from shocpp.store.charge_points import connections
from shocpp.store.database import Database


def is_alive(doorbell: str) -> bool:
    """Return True if the owner of this doorbell lives. It wakes up and finds no new rows."""
    return doorbells.ring(doorbell)


def release_dead_worker(db: Database, worker: str, doorbell: str) -> None:
    """Release the Charge Points of a worker that was killed, and settle the Calls it had sent.

    It rings the doorbells of the processes that wait for these Calls.
    """
    # Not durable: if this commit is lost, the next process notices the dead worker again.
    with db.writing(durable=False):
        waiting = connections.forget_worker(db, worker, now_ms())
    doorbells.remove_doorbell(doorbell)
    for other in waiting:
        doorbells.ring(other)


def reap_dead_workers(db: Database, besides: str = "") -> None:
    """Release all dead workers: those whose doorbell has no owner. `besides` is left alone."""
    for worker, doorbell in connections.workers(db):
        if worker != besides and not is_alive(doorbell):
            release_dead_worker(db, worker, doorbell)
