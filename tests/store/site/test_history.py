"""The powers and set points of past days."""

from collections.abc import Iterator

import pytest

from shocpp.energy.model import SiteReading
from shocpp.store.charge_points import identities
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import history, readings
from shocpp.store.site.history import DrawnPower, SetPointChange
from shocpp.store.site.set_points import StoredSetPoint
from tests.world.home import Home

NOW_MS = 1_795_000_000_000
GARAGE, STREET = ("garage", 1), ("street", 2)
POINT = StoredSetPoint("garage", 1, 10_000, 6_000, "L1", "shares", "follows", NOW_MS, mode="solar")


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """An open new database that knows two chargers, in a write transaction."""
    with open_database(migrated_home.database) as db, db.writing(keys=NO_KEYS):
        identities.enter(db, "garage", NOW_MS)
        identities.enter(db, "street", NOW_MS)
        yield db


def test_powers_of_a_span_include_the_newest_earlier_one(db: Database) -> None:
    for second, power_w in enumerate((0, 4_140, 4_140, 7_000)):
        history.record(db, [(GARAGE, power_w)], (), NOW_MS + second)
    history.record(db, [(STREET, 11_000)], (), NOW_MS + 2)
    assert history.drawn_between(db, NOW_MS + 2, NOW_MS + 3) == [
        DrawnPower("garage", 1, NOW_MS + 1, 4_140),
        DrawnPower("garage", 1, NOW_MS + 2, 4_140),
        DrawnPower("street", 2, NOW_MS + 2, 11_000),
    ]


def test_a_second_power_of_a_moment_replaces_the_first(db: Database) -> None:
    history.record(db, [(GARAGE, 1)], (), NOW_MS)
    history.record(db, [(GARAGE, 2)], (), NOW_MS)
    assert history.drawn_between(db, NOW_MS, NOW_MS + 1) == [DrawnPower("garage", 1, NOW_MS, 2)]


def test_set_points_of_a_span_include_those_in_force_at_its_begin(db: Database) -> None:
    for second, limit_ma in enumerate((6_000, 0, None)):
        point = POINT._replace(limit_ma=limit_ma, next_ms=limit_ma and NOW_MS)
        history.record(db, (), [point], NOW_MS + second)
    history.record(db, (), [POINT._replace(charge_point_id="street")], NOW_MS)
    assert history.changes_between(db, NOW_MS + 2, NOW_MS + 9) == [
        SetPointChange("street", 1, NOW_MS, 10_000, 6_000, "solar", "shares", None),
        SetPointChange("garage", 1, NOW_MS + 1, 0, 6_000, "solar", "shares", 0),
        SetPointChange("garage", 1, NOW_MS + 2, None, 6_000, "solar", "shares", None),
    ]


def test_a_charger_that_was_never_connected_has_no_history(db: Database) -> None:
    history.record(db, [(("nowhere", 1), 1)], [POINT._replace(charge_point_id="nowhere")], NOW_MS)
    assert history.drawn_between(db, 0, NOW_MS + 1) == []
    assert history.changes_between(db, 0, NOW_MS + 1) == []


def test_purge_leaves_the_power_and_the_set_point_that_are_in_force(db: Database) -> None:
    for second in range(4):
        history.record(db, [(GARAGE, second), (STREET, second)], [POINT], NOW_MS + second)
    history.purge(db, NOW_MS + 2)
    powers = history.drawn_between(db, 0, NOW_MS + 9)
    assert [one.power_w for one in powers] == [1, 2, 3, 1, 2, 3]
    changes = history.changes_between(db, 0, NOW_MS + 9)
    assert [one.moment_ms - NOW_MS for one in changes] == [1, 2, 3]


def test_thinned_readings_are_one_each_step(db: Database) -> None:
    for second in range(40):
        readings.add(db, readings.POLLED, SiteReading(NOW_MS + 1_000 * second, (second, 0, 0)))
    readings.thin(db, NOW_MS, NOW_MS + 30_000, 10_000)
    left = [one.currents_ma[0] for one in readings.between(db, NOW_MS, NOW_MS + 35_000)]
    assert left == [0, 10, 20, 30, 31, 32, 33, 34]
