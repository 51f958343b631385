"""The readings of the site's meter, and the highest loads of the house."""

from collections.abc import Iterator

import pytest

from shocpp.energy.model import SiteReading
from shocpp.errors import UsageError
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.listings.views import rows_of
from shocpp.store.site import readings, set_points
from shocpp.store.site.set_points import SiteState
from tests.world.home import Home

NOW_MS = 1_795_000_000_000


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """An open new database, in a write transaction."""
    with open_database(migrated_home.database) as db, db.writing(keys=NO_KEYS):
        yield db


def test_readings_are_those_after_a_time_in_order(db: Database) -> None:
    readings.add(db, readings.POSTED, SiteReading(NOW_MS, (1, 2, 3)))
    readings.add(db, readings.POLLED, SiteReading(NOW_MS + 2, (-4_000, 0, 4)))
    readings.add(db, readings.POSTED, SiteReading(NOW_MS + 1, (7, 8, 9)))
    assert readings.since(db, NOW_MS) == [
        SiteReading(NOW_MS + 1, (7, 8, 9)),
        SiteReading(NOW_MS + 2, (-4_000, 0, 4)),
    ]
    assert readings.newest(db) == SiteReading(NOW_MS + 1, (7, 8, 9))


def test_purge_deletes_only_the_readings_before_a_time(db: Database) -> None:
    assert readings.newest(db) is None
    for second in range(3):
        readings.add(db, readings.POSTED, SiteReading(NOW_MS + second, (second, 0, 0)))
    readings.purge(db, NOW_MS + 2)
    assert readings.since(db, 0) == [SiteReading(NOW_MS + 2, (2, 0, 0))]


def test_a_reading_has_a_known_source(db: Database) -> None:
    with pytest.raises(UsageError, match="cannot be stored"), db.savepoint():
        readings.add(db, "guessed", SiteReading(NOW_MS, (0, 0, 0)))


def test_the_peak_is_the_highest_load_of_each_phase(db: Database) -> None:
    assert readings.peak(db, "2026-01-01") is None
    readings.record_peak(db, "2026-11-20", (50_000, 50_000, 50_000))
    readings.record_peak(db, "2026-11-28", (9_000, 1_000, 3_000))
    readings.record_peak(db, "2026-11-28", (2_000, 4_000, 3_000))
    readings.record_peak(db, "2026-11-29", (1_000, 1_000, 12_000))
    assert readings.peak(db, "2026-11-28") == (9_000, 4_000, 12_000)
    assert readings.peak(db, "2026-11-20") == (50_000, 50_000, 50_000)


def test_the_view_has_a_row_once_there_is_a_reading_or_a_decision(db: Database) -> None:
    assert rows_of(db, "site") == []
    readings.add(db, readings.POSTED, SiteReading(NOW_MS, (-1_500, 0, 250)))
    (row,) = rows_of(db, "site")
    assert (row["l1_a"], row["l2_a"], row["l3_a"]) == (-1.5, 0, 0.25)
    assert (row["source"], row["received_at"]) == ("posted", "2026-11-18T11:06:40.000Z")
    assert (row["meter"], row["fallback"], row["house_l1_a"]) == (None, None, None)
    state = SiteState("{}", NOW_MS + 1_000, "good", False, (9_000, 8_000, 7_500))
    set_points.save_state(db, state)
    (row,) = rows_of(db, "site")
    assert (row["meter"], row["fallback"], row["house_l3_a"]) == ("good", 0, 7.5)
    assert row["decided_at"] == "2026-11-18T11:06:41.000Z"
    readings.purge(db, NOW_MS + 1)
    (row,) = rows_of(db, "site")
    assert (row["l1_a"], row["received_at"], row["meter"]) == (None, None, "good")


def test_peaks_of_another_meter_are_forgotten(db: Database) -> None:
    readings.record_peak(db, "2026-12-01", (1, 2, 3))
    readings.forget_peaks(db)
    assert readings.peak(db, "2026-01-01") is None
