"""The set points and the state of the controller."""

from collections.abc import Iterator

import pytest

from shocpp.store.changes import SET_POINT
from shocpp.store.charge_points import identities
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.listings.views import rows_of
from shocpp.store.site import set_points
from shocpp.store.site.set_points import SiteState, StoredSetPoint
from tests.world.home import Home

NOW_MS = 1_795_000_000_000
GARAGE = StoredSetPoint("garage", 1, 10_000, 6_000, "L1 L2 L3", "shares", "follows", NOW_MS)
STREET = StoredSetPoint("street", 2, None, None, "L2", "base", "away", NOW_MS)


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """An open new database that knows two chargers, in a write transaction."""
    with open_database(migrated_home.database) as db, db.writing(keys=NO_KEYS):
        identities.enter(db, "garage", NOW_MS)
        identities.enter(db, "street", NOW_MS)
        yield db


def changes(db: Database) -> list[tuple[int, int]]:
    """Return the row ids and connectors whose set points have changed since the last call."""
    notes = [(note[1], note[2]) for note in db.changes.notes if note[0] == SET_POINT]
    db.changes.return_to(0)
    return notes


def test_set_points_are_those_that_were_stored_last(db: Database) -> None:
    assert not set_points.are_there(db)
    set_points.store(db, [STREET, GARAGE])
    assert set_points.present(db) == [GARAGE, STREET]
    assert set_points.are_there(db)
    set_points.store(db, [STREET])
    assert set_points.present(db) == [STREET]
    set_points.store(db, [])
    assert set_points.present(db) == []


def test_only_rows_that_differ_are_written_and_announced(db: Database) -> None:
    set_points.store(db, [GARAGE, STREET])
    assert changes(db) == [(1, 1), (2, 2)]
    before = db.connection.total_changes
    set_points.store(db, [GARAGE, STREET._replace(charge_point_id="STREET")])
    assert db.connection.total_changes == before
    assert changes(db) == []
    lower = GARAGE._replace(limit_ma=6_000, since_ms=NOW_MS + 1, sent_call="a", sent_ms=NOW_MS)
    set_points.store(db, [lower, STREET])
    assert set_points.present(db) == [lower, STREET]
    assert changes(db) == [(1, 1)]
    set_points.store(db, [lower])
    assert changes(db) == [(2, 2)]


def test_a_charger_that_was_never_connected_has_no_set_point(db: Database) -> None:
    set_points.store(db, [GARAGE, STREET._replace(charge_point_id="nowhere")])
    assert set_points.present(db) == [GARAGE]


def test_the_view_has_the_set_points_in_amperes(db: Database) -> None:
    whole = GARAGE._replace(
        sent_call="a",
        sent_ms=NOW_MS,
        confirmed_ma=10_000,
        confirmed_ms=NOW_MS + 500,
        observed_ma=9_620,
        observed_ms=NOW_MS + 10_000,
        reckoned_ma=10_000,
        writes=12,
    )
    set_points.store(db, [whole, STREET])
    garage, street = rows_of(db, "set_points")
    assert garage == {
        "charge_point_id": "garage",
        "connector_id": 1,
        "limit_a": 10.0,
        "base_a": 6.0,
        "phases": "L1 L2 L3",
        "reason": "shares",
        "standing": "follows",
        "since": "2026-11-18T11:06:40.000Z",
        "sent_at": "2026-11-18T11:06:40.000Z",
        "confirmed_a": 10.0,
        "confirmed_at": "2026-11-18T11:06:40.500Z",
        "observed_a": 9.62,
        "observed_at": "2026-11-18T11:06:50.000Z",
        "reckoned_a": 10.0,
        "writes_24h": 12,
    }
    assert (street["limit_a"], street["base_a"], street["sent_at"]) == (None, None, None)


@pytest.mark.parametrize("house_ma", [None, (1_000, -2_000, 3_000)])
def test_the_state_is_the_one_that_was_saved_last(
    db: Database, house_ma: tuple[int, int, int] | None
) -> None:
    assert set_points.present_state(db) is None
    set_points.save_state(db, SiteState("{}", NOW_MS, "none", False, None))
    newer = SiteState('{"a": 1}', NOW_MS + 5_000, "silent", True, house_ma)
    set_points.save_state(db, newer)
    assert set_points.present_state(db) == newer
    set_points.forget_state(db)
    assert set_points.present_state(db) is None
