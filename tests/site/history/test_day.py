"""A day of a site, from what was stored."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from shocpp.energy.model import SiteReading
from shocpp.site.history.day import SLOT_MS, SiteDay, bounds, site_day
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import history, readings
from tests.calls.test_tiles import Forecourt
from tests.world.stored_limits import set_point

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
KEY = ("garage", 1)


class History(Forecourt):
    """A forecourt with a history, at noon."""

    def draw(self, power_w: int, minutes: int, charger: str = "garage") -> None:
        """Store a power each minute, and let the time pass."""
        for _ in range(minutes):
            with self.db.writing(keys=NO_KEYS):
                history.record(self.db, [((charger, 1), power_w)], (), self.now_ms)
            self.now_ms += MINUTE_MS

    def decide(
        self, limit_ma: int | None, key: str = "house_leaves", left_ms: int | None = None
    ) -> None:
        """Store a set point of the garage, with the time to the next one."""
        next_ms = None if left_ms is None else self.now_ms + left_ms
        with self.db.writing(keys=NO_KEYS):
            points = [set_point(*KEY, limit_ma, key)._replace(mode="solar", next_ms=next_ms)]
            history.record(self.db, (), points, self.now_ms)

    def read(self, *currents_a: int, is_sum: bool = False, ago_ms: int = 0) -> None:
        """Store a reading of the meter."""
        l1, l2, l3 = (1000 * current_a for current_a in currents_a)
        with self.db.writing(keys=NO_KEYS):
            reading = SiteReading(self.now_ms - ago_ms, (l1, l2, l3), is_sum)
            readings.add(self.db, readings.POSTED, reading)

    def day(self, account: str | None = None) -> SiteDay:
        """Return the day up to now."""
        settings = self.settings._replace(site_file=self.folder / "site.json")
        day = date.fromisoformat(self.time()[:10])
        return site_day(self.db, settings, day, self.now_ms, account)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[History]:
    office = History(tmp_path)
    office.connect("garage")
    yield office
    office.db.close()


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-12-01", 24), ("2026-10-25", 25)]
)
def test_a_day_has_the_hours_of_local_time(day: str, hours: int) -> None:
    begin_ms, end_ms = bounds(date.fromisoformat(day), ZoneInfo("Europe/Berlin"))
    assert end_ms - begin_ms == hours * HOUR_MS


def test_slots_end_now(office: History) -> None:
    day = office.day()
    begin_ms, _ = bounds(day.day, office.settings.zone)
    assert (day.slots[0], day.slots[-1]) == (begin_ms, office.now_ms - SLOT_MS)
    assert not day.has_grid
    assert day.connectors == ()


def test_house_and_sun_are_the_grid_without_the_cars(office: History) -> None:
    rules = {"limit_a": 35, "meter": {"posted": True}, "stale_s": 300}
    (office.folder / "site.json").write_text(json.dumps(rules))
    for grid_a, power_w in ((10, 4_140), (-10, 4_140), (1, 0)):
        office.read(grid_a, grid_a, grid_a)
        office.draw(power_w, 5)
    day = office.day()
    assert list(day.grid_w[-3:]) == [6_900, -6_900, 690]
    assert list(day.cars_w[-3:]) == [4_140, 4_140, 0]
    assert list(day.house_w[-3:]) == [2_760, 0, 690]
    assert list(day.sun_w[-3:]) == [0, 11_040, 0]
    assert day.grid_w[-4] is None


def test_a_sum_of_which_nobody_knows_the_phases_counts_once(office: History) -> None:
    (office.folder / "site.json").write_text('{"limit_a": 35, "meter": {"posted": true}}')
    office.read(12, 12, 12, is_sum=True)
    office.now_ms += MINUTE_MS
    assert office.day().grid_w[-1] == 2_760


def test_a_silent_meter_and_a_silent_leader_leave_gaps(office: History) -> None:
    office.read(1, 0, 0)
    office.draw(4_140, 1)
    office.now_ms += 20 * MINUTE_MS
    day = office.day()
    (garage,) = day.connectors
    assert list(day.grid_w[-5:]) == [230, None, None, None, None]
    assert list(garage.powers_w[-5:]) == [2_070, None, None, None, None]


def test_no_power_lasts_until_there_is_one(office: History) -> None:
    office.draw(0, 1)
    office.now_ms += 19 * MINUTE_MS
    office.draw(6_000, 5)
    day = office.day()
    (garage,) = day.connectors
    assert list(garage.powers_w[-6:]) == [None, 0, 0, 0, 0, 6_000]
    assert day.energy_wh(garage.powers_w) == 500


def test_energy_of_a_slot_that_is_not_over_is_that_up_to_now(office: History) -> None:
    office.now_ms += MINUTE_MS
    office.read(10, 10, 10)
    office.draw(6_000, 1)
    day = office.day()
    (garage,) = day.connectors
    assert day.energy_wh(garage.powers_w) == 100
    assert day.energy_wh(day.grid_w) == 6_900 * 2 // 60


def test_repeated_set_points_are_one_span(office: History) -> None:
    for limit_ma in (6_000, 6_000, 8_000):
        office.decide(limit_ma)
        office.now_ms += MINUTE_MS
    office.decide(None, "base")
    office.now_ms += MINUTE_MS
    (garage,) = office.day().connectors
    assert [
        (span.end_ms - span.begin_ms, span.value.limit_ma, span.value.mode, span.value.sentence)
        for span in garage.set_points
    ] == [
        (2 * MINUTE_MS, 6_000, "solar", "6 A: mehr lässt das Haus gerade nicht übrig"),
        (MINUTE_MS, 8_000, "solar", "8 A: mehr lässt das Haus gerade nicht übrig"),
        (MINUTE_MS, None, "solar", "6 A: hier lädt kein Auto"),
    ]


def test_a_reason_has_the_time_that_it_had_then(office: History) -> None:
    office.decide(6_000, "sun_short", 130_000)
    office.now_ms += MINUTE_MS
    (garage,) = office.day().connectors
    assert garage.set_points[0].value.sentence == "6 A: Sonne reicht nicht; Stopp in 2:10"


def test_the_set_point_of_the_day_before_goes_on(office: History) -> None:
    office.decide(6_000)
    office.later(24)
    (garage,) = office.day().connectors
    (span,) = garage.set_points
    assert (span.begin_ms, span.end_ms) == (office.day().begin_ms, office.now_ms)


def test_an_account_has_its_own_transactions_only(office: History) -> None:
    office.read(9, 9, 9)
    office.decide(10_000)
    sent = office.start(1_000, "3333")
    office.draw(6_900, 5)
    office.decide(6_000)
    office.draw(4_140, 5)
    office.stop(sent, 2_000)
    office.draw(0, 5)
    office.start(2_000, "1111")
    office.decide(16_000)
    office.draw(11_040, 5)
    family, company = office.day("family-y"), office.day("company-x")
    assert not family.has_grid
    (own,) = family.connectors
    # The session begins and ends within slots, some seconds late: no energy is added to it.
    assert list(own.powers_w[-5:]) == [6_877, 4_149, 14, None, None]
    assert family.energy_wh(own.powers_w) == (6_900 + 4_140) // 12
    assert not any(own.powers_w[:-5])
    assert [span.value.limit_ma for span in own.set_points] == [10_000, 6_000]
    (theirs,) = company.connectors
    assert (theirs.powers_w[-3], theirs.powers_w[-1]) == (None, 11_040)
    assert [span.value.limit_ma for span in theirs.set_points] == [6_000, 16_000]
    assert office.day("guests").connectors == ()
