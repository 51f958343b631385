"""Pages of long views: what they cost does not grow with what lies before them.

What they hold is tested through the API, in test_api.py.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Home

from shocpp.store.database import Database, open_database
from shocpp.store.migrations import migrate
from shocpp.store.pages import Sample, Wanted, accounting_after, meter_values_after

PAGES: dict[str, Callable[[Database], Any]] = {
    "accounting": lambda db: accounting_after(db, 5, 100, Wanted()),
    "a year": lambda db: accounting_after(db, 5, 100, Wanted(year=2026)),
    "a month": lambda db: accounting_after(db, 5, 100, Wanted(2026, 10)),
    "an account": lambda db: accounting_after(db, 5, 100, Wanted(account="family-y")),
    "a charger": lambda db: accounting_after(db, 5, 100, Wanted(charge_point=1)),
    "meter values": lambda db: meter_values_after(db, Sample(5), 100),
    "values of a charger": lambda db: meter_values_after(db, Sample(5), 100, 1),
    "values of a transaction": lambda db: meter_values_after(db, Sample(5), 100, None, 20_009_042),
    "values of both": lambda db: meter_values_after(db, Sample(5), 100, 1, 20_009_042),
}
IN_MEMORY = re.compile(r"SCAN (json_each|entry|sample|connector|CONSTANT ROW)\b")


@pytest.fixture
def db(home: Home) -> Iterator[Database]:
    """Books with a charger that has sent readings of two connectors."""
    migrate(home.database, 1)
    with open_database(home.database) as db:
        with db.writing():
            named = {"charge_point_id": "garage", "identity_key": "garage"}
            db.insert("charge_point", {**named, "first_heard_ms": 1, "last_heard_ms": 1})
            for connector_id in (0, 1):
                reading = {"charge_point": 1, "connector_id": connector_id, "frame": 1}
                db.insert("meter_reading", {**reading, "received_ms": 1})
        yield db


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_found_by_indices(db: Database, page: str) -> None:
    asked: list[str] = []
    db.connection.set_trace_callback(asked.append)
    PAGES[page](db)
    db.connection.set_trace_callback(None)
    plans = [
        step
        for sql in asked
        for *_, step in db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        if not IN_MEMORY.match(step)
    ]
    assert any(step.startswith("SEARCH") for step in plans)
    assert [step for step in plans if step.startswith("SCAN")] == []


def test_readings_are_read_connector_by_connector(db: Database) -> None:
    """Otherwise all that a charger has ever sent would be sorted for each page."""
    asked: list[str] = []
    db.connection.set_trace_callback(asked.append)
    PAGES["values of a charger"](db)
    db.connection.set_trace_callback(None)
    for connector_id in (0, 1):
        (sql,) = (sql for sql in asked if f"connector_id = {connector_id} " in sql)
        plan = [step for *_, step in db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()]
        (step,) = plan
        assert "COVERING INDEX meter_reading_by_connector" in step
