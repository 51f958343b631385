"""Workers that have died: whoever finds one buries it (a room)."""

from shocpp.clock import now_ms
from shocpp.store import doorbells
from shocpp.store.charge_points import connections
from shocpp.store.database import Database


def is_alive(doorbell: str) -> bool:
    """Whether the owner of a bell is there; it is woken, and finds nothing new."""
    return doorbells.ring(doorbell)


def release_dead_worker(db: Database, worker: str, doorbell: str) -> None:
    """Release what a worker held that was killed, and tell who waits for what it had sent."""
    with db.writing(durable=False):
        waiting = connections.forget_worker(db, worker, now_ms())
    doorbells.remove_doorbell(doorbell)
    for other in waiting:
        doorbells.ring(other)


def reap_dead_workers(db: Database, besides: str = "") -> None:
    """Bury every worker, but this one, that does not hear its bell."""
    for worker, doorbell in connections.workers(db):
        if worker != besides and not is_alive(doorbell):
            release_dead_worker(db, worker, doorbell)
