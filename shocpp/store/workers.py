"""Workers that have died: whoever finds one buries it (a room)."""

from shocpp.clock import now_ms
from shocpp.store import doorbell
from shocpp.store.charge_points import connections
from shocpp.store.database import Database


def is_alive(bell: str) -> bool:
    """Whether the owner of a bell is there; it is woken, and finds nothing new."""
    return doorbell.ring(bell)


def bury(db: Database, worker: str, bell: str) -> None:
    """Release what a worker held that was killed, and tell who waits for what it had sent."""
    with db.writing(durable=False):
        waiting = connections.forget_worker(db, worker, now_ms())
    doorbell.take_down(bell)
    for other in waiting:
        doorbell.ring(other)


def bury_the_dead(db: Database, besides: str = "") -> None:
    """Bury every worker, but this one, that does not hear its bell."""
    for worker, bell in connections.workers(db):
        if worker != besides and not is_alive(bell):
            bury(db, worker, bell)
