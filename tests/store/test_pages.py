"""Tests of pages of long views: their cost does not grow with the rows before them.

Their contents are tested through the API, in tests/interfaces/api/test_app.py.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shocpp.ocpp.facts import Reading
from shocpp.store import blocks, calls
from shocpp.store.books import readings
from shocpp.store.books.readings import FrameReadings
from shocpp.store.charge_points import frames, identities
from shocpp.store.charge_points.frames import Frame
from shocpp.store.database import Database, open_database
from shocpp.store.keys import EVERYTHING
from shocpp.store.listings.pages import Sample, Wanted, accounting_after, meter_values_after
from shocpp.store.listings.views import newest_calls_at
from shocpp.store.schema.migrations import migrate
from tests.world.home import Home

PAGES: dict[str, Callable[[Database], Any]] = {
    "accounting": lambda db: accounting_after(db, 5, 100, Wanted()),
    "a year": lambda db: accounting_after(db, 5, 100, Wanted(year=2026)),
    "a month": lambda db: accounting_after(db, 5, 100, Wanted(2026, 10)),
    "an account": lambda db: accounting_after(db, 5, 100, Wanted(account="family-y")),
    "a charger": lambda db: accounting_after(db, 5, 100, Wanted(charge_point=1)),
    "meter values": lambda db: meter_values_after(db, Sample(5), 100),
    "values of a charger": lambda db: meter_values_after(db, Sample(5), 100, 1),
    "values of a transaction": lambda db: meter_values_after(db, Sample(5), 100, None, 20_009_042),
    "calls of a charger": lambda db: newest_calls_at(db, "garage", 10),
    "frames of a charger": lambda db: frames.before(db, "garage", 5, 100),
    "values of both": lambda db: meter_values_after(db, Sample(5), 100, 1, 20_009_042),
}
# The table `account` has at most 215 rows.
IN_MEMORY = re.compile(r"SCAN (json_each|entry|sample|connector|account|CONSTANT ROW)\b")


@pytest.fixture
def db(home: Home) -> Iterator[Database]:
    """Open a database with a charger that has sent readings of two connectors."""
    migrate(home.database, 1)
    with open_database(home.database) as db:
        with db.writing(keys=EVERYTHING):
            named = {"charge_point_id": "garage", "identity_key": "garage"}
            db.insert("charge_point", {**named, "first_heard_ms": 1, "last_heard_ms": 1})
            for connector_id in (0, 1):
                reading = {"charge_point": 1, "connector_id": connector_id, "frame": 1}
                db.insert("meter_reading", {**reading, "received_ms": 1})
        yield db


def stored_frame(charge_point: int) -> Frame:
    """Return a frame of this row of a Charge Point, as if it were written."""
    frame = Frame(charge_point, "in", "MeterValues", 1, "[]")
    frame.id = 1
    return frame


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_read_by_indices(db: Database, page: str) -> None:
    statements: list[str] = []
    db.connection.set_trace_callback(statements.append)
    PAGES[page](db)
    db.connection.set_trace_callback(None)
    plans = [
        step
        for sql in statements
        for *_, step in db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        if not IN_MEMORY.match(step)
    ]
    assert any(step.startswith("SEARCH") for step in plans)
    assert [step for step in plans if step.startswith("SCAN")] == []


def test_queued_calls_are_found_without_reading_all_connections(db: Database) -> None:
    """With ten thousand connections a command took several times as long."""
    statements: list[str] = []
    db.connection.set_trace_callback(statements.append)
    assert calls.waiting_for(db, "worker", 1) == []
    db.connection.set_trace_callback(None)
    (sql,) = statements
    # This index holds only the queued Calls.
    first, *others = (step for *_, step in db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())
    assert first == "SCAN call USING INDEX call_queued"
    assert [step for step in others if "INTEGER PRIMARY KEY" not in step] == [
        "USE TEMP B-TREE FOR ORDER BY"
    ]


def test_readings_of_a_charger_are_searched_only_in_its_blocks(db: Database) -> None:
    """The readings that other chargers have sent since are not read."""
    charger, other = 1, identities.enter(db, "other", 1)
    waiting = []
    with db.writing(keys=EVERYTHING):
        for number in range(3 * blocks.SIZE):
            is_its = number % blocks.SIZE < 3 and number < 2 * blocks.SIZE
            row = charger if is_its else other
            its_readings = (Reading(1, number, 100),)
            waiting.append(FrameReadings(stored_frame(row), 1, None, its_readings))
        readings.record(db, waiting)
    numbers = db.execute("SELECT id FROM meter_reading WHERE charge_point = ?", (charger,))
    of_charger = [number for (number,) in numbers.fetchall()]
    its_blocks = list(blocks.beginning_with(db, "meter_reading", charger, of_charger[1]))
    assert [first // blocks.SIZE for first, _ in its_blocks] == [0, 1]
    sql = "SELECT id FROM meter_reading WHERE charge_point = ? AND id BETWEEN ? AND ? LIMIT ?"
    assert blocks.rows_of(db, sql, charger, its_blocks, 100) == [(n,) for n in of_charger[1:]]
    assert blocks.rows_of(db, sql, charger, its_blocks, 2) == [(n,) for n in of_charger[1:3]]
    newest = list(blocks.newest_first(db, "meter_reading", charger))
    assert newest[0][0] == blocks.SIZE
    assert next(blocks.newest_first(db, "meter_reading", other))[0] == 3 * blocks.SIZE


def test_a_block_is_entered_again_after_a_rollback(db: Database) -> None:
    def entered() -> int:
        (count,) = db.execute("SELECT count(*) FROM meter_reading_block").fetchone()
        return int(count)

    def record() -> None:
        readings.record(db, [FrameReadings(stored_frame(1), 1, None, (Reading(1, 1, 1),))])

    def record_and_fail() -> None:
        record()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), db.writing(keys=EVERYTHING):
        record_and_fail()
    assert entered() == 0
    with db.writing(keys=EVERYTHING):
        with pytest.raises(ZeroDivisionError), db.savepoint():
            record_and_fail()
        assert entered() == 0
        record()
        record()
    assert entered() == 1
