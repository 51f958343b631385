"""Changes: every written row that somebody may watch is announced with its transaction, or not."""

from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from shocpp.bookkeeping.jobs import Claim, Connect, Disconnect, Settle
from shocpp.errors import UsageError
from shocpp.store import calls, workers
from shocpp.store.calls import CallOutcome, QueuedCall
from shocpp.store.changes import (
    CALL,
    CHARGER,
    CONNECTOR,
    DEVICE,
    KINDS,
    MOST_PENDING,
    RECORD,
    REVIEW,
    SET_POINT,
    START_OVER,
    TRANSACTION,
    Change,
)
from shocpp.store.charge_points import connections, identities
from shocpp.store.charge_points.connections import WorkerRow
from shocpp.store.database import Database, open_database
from shocpp.store.keys import EVERYTHING
from tests.bookkeeping.test_written_keys import spend_a_month
from tests.world.desk import Desk, Office

STATUS = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}

WATCHED_ROWS = {
    "INSERT ON connection": "'charger', NEW.charge_point, -1, ''",
    "DELETE ON connection": "'charger', OLD.charge_point, -1, ''",
    "UPDATE OF booted_ms ON charge_point": "'charger', NEW.id, -1, ''",
    "INSERT ON connector": "'connector', NEW.charge_point, NEW.connector_id, ''",
    "UPDATE ON connector": "'connector', NEW.charge_point, NEW.connector_id, ''",
    "INSERT ON meter_reading": "'power', NEW.charge_point, NEW.connector_id, ''",
    "INSERT ON started_transaction": (
        "'transaction', NEW.charge_point, NEW.connector_id, CAST(NEW.id AS TEXT)"
    ),
    "UPDATE OF state, account ON started_transaction": (
        "'transaction', NEW.charge_point, NEW.connector_id, CAST(NEW.id AS TEXT)"
    ),
    "INSERT ON accounting_record": (
        "'record', coalesce(NEW.charge_point, 0), coalesce(NEW.connector_id, -1),"
        " CAST(NEW.id AS TEXT)"
    ),
    "INSERT ON accounting_record WHEN coalesce(NEW.review, NEW.replaces) IS NOT NULL": (
        "'review', coalesce(NEW.charge_point, 0), coalesce(NEW.connector_id, -1),"
        " CAST(coalesce(NEW.replaces, NEW.id) AS TEXT)"
    ),
    "UPDATE OF state ON call WHEN NEW.state NOT IN ('queued', 'sent')": (
        "'call', NEW.charge_point, -1, NEW.call_id"
    ),
}
"""The notice that each write of a row must make, as SQL, by the event and table of a trigger."""


def watch(db: Database, worker: str = "worker") -> None:
    """Enter a worker that watches, and takes nothing."""
    with db.writing(keys=EVERYTHING):
        connections.enter_worker(db, WorkerRow(worker, f"{worker}'s doorbell", 1), 1)
        db.execute("UPDATE worker SET watching = 1 WHERE worker = ?", (worker,))


def notices(db: Database, worker: str = "worker") -> list[tuple[str, int, int, str]]:
    """Return the notices that wait for a worker."""
    return db.execute(
        "SELECT kind, charge_point, connector_id, key FROM change_notice WHERE worker = ?"
        " ORDER BY kind, charge_point, connector_id, key",
        (worker,),
    ).fetchall()


class WatchedOffice(Office):
    """An office that compares the notices to another worker with the rows that it has written.

    `kinds` are those of the notices so far.
    """

    def _open(self) -> None:
        super()._open()
        self.kinds: set[str] = set()
        watch(self.db, "other")
        self.db.execute("CREATE TEMP TABLE needed (kind, charge_point, connector_id, key)")
        for number, (event, notice) in enumerate(WATCHED_ROWS.items()):
            self.db.execute(
                f"CREATE TEMP TRIGGER needed_{number} AFTER {event.replace(' ON ', ' ON main.')}"
                f" BEGIN INSERT INTO needed VALUES ({notice}); END"
            )

    def receive_text(self, text: str, charger: str = "garage") -> Any:
        answer = super().receive_text(text, charger)
        self.compare()
        return answer

    def compare(self) -> list[tuple[str, int, int, str]]:
        """Compare the notices since the last call with the rows, and return them."""
        announced = notices(self.db, "other")
        needed = "SELECT DISTINCT * FROM needed ORDER BY kind, charge_point, connector_id, key"
        assert announced == self.query(needed)
        self.db.execute("DELETE FROM needed")
        self.db.execute("DELETE FROM change_notice")
        self.kinds |= {kind for kind, *_ in announced}
        return announced


def queue(desk: Desk, call_id: str) -> QueuedCall:
    """Queue a Call to the garage."""
    call = QueuedCall(call_id, "garage", "Reset", "{}", desk.now_ms + 5_000)
    with desk.db.writing(keys=EVERYTHING):
        calls.queue(desk.db, call, "", desk.now_ms, asked_by="a test", canned=None)
    return call


def end_calls_in_each_way(desk: Desk) -> None:
    """Settle a Call, withdraw one, let one expire, and lose the worker that has sent one."""
    now_ms = desk.now_ms
    connect = Connect("token", "garage", "192.0.2.1:5000")
    settled, lost = queue(desk, "settled"), queue(desk, "lost")
    outcome = CallOutcome("answered", "{}", None, None)
    desk.books.write([connect, Claim("token", settled), Claim("token", lost)], now_ms)
    desk.books.write([Settle("token", "settled", outcome)], now_ms)
    queue(desk, "withdrawn")
    queue(desk, "expired")
    with desk.db.writing(keys=EVERYTHING):
        calls.withdraw(desk.db, "withdrawn", now_ms)
        connections.forget_worker(desk.db, "worker", now_ms)
        calls.expire(desk.db, now_ms + 10_000)


def test_each_written_row_that_is_watched_is_announced_and_no_other(tmp_path: Path) -> None:
    office = WatchedOffice(tmp_path)
    spend_a_month(office)
    office.books.write([Disconnect("token")], office.now_ms)
    office.compare()
    end_calls_in_each_way(office)
    assert {key for kind, *_, key in office.compare() if kind == CALL} == {
        *("settled", "lost", "withdrawn", "expired")
    }
    # tests/store/test_people.py revokes a device, tests/store/site/ stores set points.
    assert office.kinds == set(KINDS) - {DEVICE, SET_POINT}


@pytest.fixture
def watched(desk: Desk) -> Desk:
    """A desk whose own connection belongs to a worker that watches."""
    watch(desk.db)
    desk.db.changes.worker = "worker"
    return desk


def test_a_worker_publishes_its_own_changes_after_the_commit(watched: Desk) -> None:
    watched.ask("StatusNotification", STATUS)
    assert watched.db.changes.take() == [Change(CONNECTOR, "garage", 1)]
    sent = watched.start()
    assert watched.db.changes.take() == [Change(TRANSACTION, "garage", 1, "1")]
    watched.later(2)
    # Not a kWh in two hours, but 990 kWh: a case for review.
    watched.stop(sent, 10_032_000)
    assert watched.db.changes.take() == [
        Change(TRANSACTION, "garage", 1, "1"),
        Change(RECORD, "garage", 1, "1"),
        Change(REVIEW, "garage", 1, "1"),
    ]
    assert watched.db.changes.take() == notices(watched.db) == []


def test_nothing_is_announced_that_was_rolled_back(watched: Desk) -> None:
    db = watched.db
    watch(db, "other")

    def note_new(charge_point_id: str, kind: str) -> None:
        db.changes.note(kind, identities.enter(db, charge_point_id, 1))

    with suppress(ZeroDivisionError), db.writing(keys=EVERYTHING):
        note_new("undone", CHARGER)
        note_new("undone", CALL)
        # As at the end of a transaction whose commit fails.
        db.changes.announce()
        raise ZeroDivisionError
    with db.writing(keys=EVERYTHING):
        # It gets the row id of the Charge Point that was undone.
        note_new("garage", CHARGER)
        with suppress(UsageError), db.savepoint():
            note_new("garage", CALL)
            note_new("yard", CHARGER)
            raise UsageError
    assert db.changes.take() == [Change(CHARGER, "garage")]
    assert notices(db, "other") == [(CHARGER, 1, -1, "")]


def test_too_many_changes_are_one_that_says_to_start_over(watched: Desk) -> None:
    db = watched.db
    watch(db, "other")
    for begin in range(0, MOST_PENDING + 1, MOST_PENDING // 2):
        with db.writing(keys=EVERYTHING):
            for key in range(begin, begin + MOST_PENDING // 2):
                db.changes.note(CALL, None, key=key)
    # Those of the worker itself are published at once: none are too many.
    assert len(db.changes.take()) == MOST_PENDING // 2 * 3
    assert notices(db, "other") == [(START_OVER.kind, 0, -1, "")]
    with db.writing(keys=EVERYTHING):
        for key in range(MOST_PENDING * 2):
            db.changes.note(CALL, None, key=key)
    assert db.changes.take() == [START_OVER]


def test_a_worker_takes_the_changes_of_other_processes_once(watched: Desk) -> None:
    with closing(open_database(watched.path)) as other, other.writing(keys=EVERYTHING):
        row = identities.enter(other, "garage", 1)
        other.changes.note(CONNECTOR, row, 0)
        other.changes.note(CONNECTOR, row, 0)
    changes = watched.books.poll(1, rung=True, watching=True).changes
    # It has begun to watch with this poll: what came before was announced to nobody.
    assert changes == [START_OVER, Change(CONNECTOR, "garage", 0)]
    assert watched.books.poll(1, rung=True, watching=True).changes == []


def stop_watching(db: Database) -> None:
    with db.writing(keys=EVERYTHING):
        db.changes.watch(watching=False)


def test_a_worker_that_does_not_watch_has_no_notices(watched: Desk) -> None:
    watch(watched.db, "other")
    for leave in (
        lambda: stop_watching(watched.db),
        lambda: workers.release_dead_worker(watched.db, "other", "no doorbell"),
    ):
        with closing(open_database(watched.path)) as process, process.writing(keys=EVERYTHING):
            process.changes.note(CALL, None, key="x")
        assert notices(watched.db, "other")
        leave()
    assert notices(watched.db) == notices(watched.db, "other") == []
