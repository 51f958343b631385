"""The limits that people have chosen."""

from collections.abc import Iterator

import pytest

from shocpp.store.charge_points import identities
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import limits
from shocpp.store.site.limits import ALL_CONNECTORS, LimitChoice
from tests.world.home import Home

NOW_MS = 1_795_000_000_000
ALL = LimitChoice("garage", ALL_CONNECTORS, 10_000, None, "Mama", NOW_MS)
NIGHT = LimitChoice("garage", 1, 0, NOW_MS + 10, "cron", NOW_MS)


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """An open new database that knows a charger, in a write transaction."""
    with open_database(migrated_home.database) as db, db.writing(keys=NO_KEYS):
        identities.enter(db, "garage", NOW_MS)
        yield db


def test_the_newest_limit_of_a_connector_is_in_force(db: Database) -> None:
    limits.choose(db, ALL)
    limits.choose(db, NIGHT)
    limits.choose(db, ALL._replace(charge_point_id="GARAGE", limit_ma=8_000, chosen_by="Papa"))
    assert limits.present(db, NOW_MS) == [
        ALL._replace(limit_ma=8_000, chosen_by="Papa"),
        NIGHT,
    ]


def test_a_limit_ends_at_its_time_for_ever(db: Database) -> None:
    limits.choose(db, ALL)
    limits.choose(db, NIGHT)
    assert limits.present(db, NOW_MS + 10) == [ALL]
    limits.purge(db, NOW_MS + 9)
    assert limits.present(db, NOW_MS) == [ALL, NIGHT]
    limits.purge(db, NOW_MS + 10)
    assert limits.present(db, NOW_MS) == [ALL]


def test_a_limit_is_withdrawn_for_a_connector_or_for_all(db: Database) -> None:
    limits.choose(db, ALL)
    limits.choose(db, NIGHT)
    assert not limits.withdraw(db, "street", None)
    assert not limits.withdraw(db, "garage", 2)
    assert limits.withdraw(db, "Garage", 1)
    assert limits.present(db, NOW_MS) == [ALL]
    limits.choose(db, NIGHT)
    assert limits.withdraw(db, "garage", None)
    assert limits.present(db, NOW_MS) == []
    assert not limits.withdraw(db, "garage", None)
