"""The minutes that a leader stores: import and export by the site's meter, as its ticks see it."""

from collections.abc import Iterator

import pytest

from shocpp.clock import now_ms
from shocpp.ledger.solar import MINUTE_MS, SiteMinute
from shocpp.ocpp.facts import Reading
from shocpp.site import ticks
from shocpp.store.books import readings
from shocpp.store.books.readings import FrameReadings
from shocpp.store.charge_points import frames, identities
from shocpp.store.charge_points.frames import Frame
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import minutes, observed
from shocpp.store.site.observed import Seen
from tests.site.test_ticks import connect_charging, leader, post
from tests.world.home import Home
from tests.world.limits import write_site

TICK_MS = 5_000


@pytest.fixture
def db(migrated_home: Home) -> Iterator[Database]:
    """The database of a home whose site.json has a meter that is posted."""
    write_site(migrated_home, limit_a=63, meter={"posted": True}, house_a=5)
    with open_database(migrated_home.database) as db:
        yield db


class Day:
    """A leader with a clock of its own, whose meter says something before each tick."""

    def __init__(self, db: Database, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        self._db = db
        self.moment_ms = now_ms() // MINUTE_MS * MINUTE_MS
        self.first = self.moment_ms // MINUTE_MS
        monkeypatch.setattr(ticks, "now_ms", lambda: self.moment_ms)
        self._leader = leader(home)

    def go_on(self, count: int, current_ma: int | None) -> None:
        """Tick so many times; each phase has this current, None: the meter is silent."""
        for number in range(count):
            if current_ma is not None:
                # No two readings are the same: a meter that says the same for long is frozen.
                post(self._db, self.moment_ms - 1, *[current_ma + number % 2] * 3)
            self._leader.tick(is_rung=True)
            self.moment_ms += TICK_MS

    def stored(self) -> list[SiteMinute]:
        """Return the minutes, counted from the first one."""
        rows = minutes.between(self._db, 0, 2**40)
        return [row._replace(minute=row.minute - self.first) for row in rows]


@pytest.fixture
def day(db: Database, migrated_home: Home, monkeypatch: pytest.MonkeyPatch) -> Day:
    return Day(db, migrated_home, monkeypatch)


def test_minutes_have_the_energies_of_the_meter(day: Day) -> None:
    """10 A and then -2 A on each phase are 6900 W and -1380 W: 115 and 23 Wh a minute."""
    day.go_on(24, 10_000)
    day.go_on(13, -2_000)
    begun, imported, exported = day.stored()
    # The first readings of a meter prove nothing yet.
    assert (begun.minute, begun.imported_mwh) == (0, None)
    assert imported.imported_mwh == pytest.approx(115_000, abs=10)
    assert imported.exported_mwh == 0
    assert exported.imported_mwh == 0
    assert exported.exported_mwh == pytest.approx(23_000, abs=10)
    assert exported.cars_mwh == 0


def test_a_minute_in_which_the_meter_falls_silent_has_no_import(day: Day) -> None:
    day.go_on(24, 10_000)
    day.go_on(24, None)
    day.go_on(25, 10_000)
    known = {row.minute: row.imported_mwh is not None for row in day.stored()}
    assert known == {0: False, 1: True, 2: False, 3: False, 4: False, 5: True}


def report(day: Day, db: Database, seen: Seen) -> None:
    """Let the first charger report a current now."""
    with db.writing(keys=NO_KEYS):
        row = identities.enter(db, "p1", day.moment_ms)
        observed.record(db, row, 1, seen._replace(measured_ms=day.moment_ms), day.moment_ms)


def test_a_car_of_which_nothing_is_heard_any_more_draws_nothing(day: Day, db: Database) -> None:
    """Its stop is lost, or it is away: for others, its current would count as solar for ever."""
    connect_charging(db, 1)
    day.moment_ms += MINUTE_MS
    report(day, db, Seen((16_000, 16_000, 16_000), None, None, 0))
    day.go_on(13, 10_000)
    with db.writing(keys=NO_KEYS):
        db.execute("DELETE FROM connection")
    day.go_on(17 * 12, 10_000)
    cars = [row.cars_mwh for row in day.stored()]
    assert cars[:14] == [184_000] * 14
    assert cars[-1] == 0


def test_a_current_that_may_be_that_of_one_phase_counts_once(day: Day, db: Database) -> None:
    """For the limits it counts on each phase; the energy of a car must not be three times it."""
    connect_charging(db, 1)
    day.moment_ms += MINUTE_MS
    report(day, db, Seen((15_000, None, None), None, None, 0))
    day.go_on(13, 10_000)
    assert [row.cars_mwh for row in day.stored()] == [57_500]


def test_a_car_whose_charger_reports_only_registers_counts_by_them(day: Day, db: Database) -> None:
    """60 Wh in each minute are 3600 W; without them, each such car would pay the whole import."""
    connect_charging(db, 1)
    for number in range(3):
        moment_ms = day.moment_ms + number * MINUTE_MS
        reading = Reading(moment_ms, number * 60, None)
        with db.writing(keys=NO_KEYS):
            row = identities.enter(db, "p1", moment_ms)
            frame = Frame(row, "in", "MeterValues", moment_ms, "[]")
            frames.record(db, [frame])
            readings.record(db, [FrameReadings(frame, 1, 1, (reading,))])
    day.moment_ms += 2 * MINUTE_MS
    day.go_on(13, 10_000)
    assert [row.cars_mwh for row in day.stored()] == [60_000]
