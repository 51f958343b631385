"""The newest currents of connectors."""

from collections.abc import Iterator

import pytest

from shocpp.store.charge_points import identities
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import observed
from shocpp.store.site.observed import ObservedCurrent, Seen
from tests.world.home import Home

NOW_MS = 1_795_000_000_000


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """An open new database that knows a charger, in a write transaction."""
    with open_database(migrated_home.database) as db, db.writing(keys=NO_KEYS):
        identities.enter(db, "garage", NOW_MS)
        yield db


def test_the_newest_report_of_each_connector_is_present(db: Database) -> None:
    one_phase = Seen((15_900, None, None), 3_650, 16_000, NOW_MS)
    observed.record(db, 1, 1, one_phase, NOW_MS + 1)
    observed.record(db, 1, 2, Seen(None, 0, None, NOW_MS), NOW_MS + 1)
    assert observed.present(db) == [
        ObservedCurrent("garage", 1, *one_phase, NOW_MS + 1),
        ObservedCurrent("garage", 2, None, 0, None, NOW_MS, NOW_MS + 1),
    ]
    newer = Seen((6_000, 6_000, 0), None, None, NOW_MS + 5)
    observed.record(db, 1, 1, newer, NOW_MS + 6)
    assert observed.present(db)[0] == ObservedCurrent("garage", 1, *newer, NOW_MS + 6)


def test_a_report_from_before_the_newest_changes_nothing(db: Database) -> None:
    observed.record(db, 1, 1, Seen((6_000, 0, 0), None, None, NOW_MS), NOW_MS)
    observed.record(db, 1, 1, Seen((16_000, 0, 0), None, None, NOW_MS - 1), NOW_MS + 1)
    (row,) = observed.present(db)
    assert row.currents_ma == (6_000, 0, 0)
