"""Workers: the files of conf/ that each has in force, and those that have died.

Any process that notices a dead worker releases its Charge Points.
"""

import json
from collections import defaultdict
from collections.abc import Mapping

from shocpp.clock import now_ms
from shocpp.store import doorbells
from shocpp.store.charge_points import connections
from shocpp.store.database import Database
from shocpp.store.keys import NO_KEYS

SETTLED_MS = 3_000
"""The time after which all workers have read a changed file: they poll once a second."""


def is_alive(doorbell: str) -> bool:
    """Return True if the owner of this doorbell lives. It wakes up and finds no new rows."""
    return doorbells.ring(doorbell)


def release_dead_worker(db: Database, worker: str, doorbell: str) -> None:
    """Release the Charge Points of a worker that was killed, and settle the Calls it had sent.

    It rings the doorbells of the processes that wait for these Calls.
    """
    # Not durable: if this commit is lost, the next process notices the dead worker again.
    with db.writing(keys=NO_KEYS, durable=False):
        waiting = connections.forget_worker(db, worker, now_ms())
    doorbells.remove_doorbell(doorbell)
    for other in waiting:
        doorbells.ring(other)


def reap_dead_workers(db: Database, besides: str = "") -> None:
    """Release all dead workers: those whose doorbell has no owner. `besides` is left alone."""
    for worker, doorbell in connections.workers(db):
        if worker != besides and not is_alive(doorbell):
            release_dead_worker(db, worker, doorbell)


def enter_digests(
    db: Database, worker: str, digests: Mapping[str, str | None], now_ms: int
) -> None:
    """Enter the digests of the files that a worker has in force from now on, by name."""
    db.execute(
        "UPDATE worker SET conf = ?, conf_ms = ? WHERE worker = ?",
        (json.dumps(digests), now_ms, worker),
    )


def listening(db: Database) -> tuple[str, int] | None:
    """Return host and port that the running server listens on, or None if none runs."""
    rows = db.execute(
        "SELECT bell, listens FROM worker WHERE listens IS NOT NULL ORDER BY started_ms DESC"
    )
    for doorbell, listens in rows.fetchall():
        if is_alive(doorbell):
            host, _, port = listens.rpartition(":")
            return host, int(port)
    return None


def differing(db: Database, now_ms: int) -> dict[str, list[list[int]]]:
    """Return the files of which living workers have different texts in force.

    Each has its groups of workers, as pids: the workers of a group have the same text.
    """
    rows = db.execute(
        "SELECT pid, bell, conf FROM worker WHERE conf_ms <= ? ORDER BY pid",
        (now_ms - SETTLED_MS,),
    )
    groups_of: dict[str, dict[str | None, list[int]]] = defaultdict(lambda: defaultdict(list))
    for pid, doorbell, conf in rows.fetchall():
        if is_alive(doorbell):
            for name, digest in json.loads(conf).items():
                groups_of[name][digest].append(pid)
    return {name: [*groups.values()] for name, groups in groups_of.items() if len(groups) > 1}
