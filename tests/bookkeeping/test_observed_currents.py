"""The currents that chargers report: stored only while somebody limits current."""

from typing import Any

import pytest

from shocpp.ocpp.times import format_timestamp
from shocpp.store.charge_points import identities
from shocpp.store.database import open_database
from shocpp.store.keys import EVERYTHING
from shocpp.store.site import observed, set_points
from shocpp.store.site.observed import SET_BACK_MS, ObservedCurrent
from shocpp.store.site.set_points import StoredSetPoint
from tests.world.desk import Desk

POINT = StoredSetPoint("garage", 1, 10_000, 6_000, "L1 L2 L3", "alone", "follows", 0)


def current(amperes: object, phase: str | None = None, name: str = "Import") -> dict[str, Any]:
    members = {"value": str(amperes), "measurand": f"Current.{name}", "unit": "A"}
    return members if phase is None else {**members, "phase": phase}


def entry(moment_ms: int | str, *samples: Any) -> dict[str, Any]:
    at = moment_ms if isinstance(moment_ms, str) else format_timestamp(moment_ms)
    return {"timestamp": at, "sampledValue": [*samples]}


def decide(desk: Desk, *points: StoredSetPoint) -> None:
    """Store set points as another process does, and let the worker poll."""
    with open_database(desk.path) as db, db.writing(keys=EVERYTHING):
        identities.enter(db, "garage", desk.now_ms)
        set_points.store(db, points)
    desk.books.poll(desk.now_ms, rung=False, watching=False)


def report(desk: Desk, *entries: Any, connector_id: int = 1) -> list[ObservedCurrent]:
    """Report meter values, and return the observed currents."""
    desk.ask("MeterValues", {"connectorId": connector_id, "meterValue": [*entries]})
    return observed.present(desk.db)


@pytest.fixture
def limited(desk: Desk) -> Desk:
    """A desk while somebody limits current."""
    decide(desk, POINT)
    return desk


def test_currents_are_observed_only_while_there_are_set_points(desk: Desk) -> None:
    assert report(desk, entry(desk.now_ms, current(16, "L1"))) == []
    decide(desk, POINT)
    now_ms = desk.now_ms
    (row,) = report(desk, entry(now_ms, current(16, "L1"), current(15.5, "L2")))
    assert row == ObservedCurrent("garage", 1, (16_000, 15_500, None), None, None, now_ms, now_ms)
    decide(desk)
    (row,) = report(desk, entry(desk.now_ms, current(6, "L1")))
    assert row.currents_ma == (16_000, 15_500, None)


def test_a_worker_that_starts_observes_at_once(limited: Desk) -> None:
    limited.restart()
    (row,) = report(limited, entry(limited.now_ms, current(9)))
    assert row.currents_ma == (9_000, None, None)


def test_power_and_offered_current_are_observed_too(limited: Desk) -> None:
    power = {"value": "4.14", "measurand": "Power.Active.Import", "unit": "kW"}
    (row,) = report(limited, entry(limited.now_ms, power, current(16, name="Offered")))
    assert (row.currents_ma, row.power_w, row.offered_ma) == (None, 4_140, 16_000)
    register = {"value": "9042000"}
    assert report(limited, entry(limited.now_ms, register)) == [row]


def test_entries_of_one_moment_are_one_report(limited: Desk) -> None:
    now_ms = limited.now_ms
    (row,) = report(
        limited,
        entry(now_ms - 60_000, current(32, "L1")),
        entry(now_ms - 1_000, current(6, "L1")),
        entry(now_ms - 1_000, current(16, name="Offered")),
        entry(now_ms - 1_000, {"value": "1380", "measurand": "Power.Active.Import"}),
        entry(now_ms - 30_000, current(32, "L1")),
    )
    assert row[2:6] == ((6_000, None, None), 1_380, 16_000, now_ms - 1_000)


@pytest.mark.parametrize("clock", ["1970-01-01T00:00:00Z", "2014-01-01T00:00:00Z", "", "2199"])
def test_a_charger_without_a_clock_measures_at_receipt(limited: Desk, clock: str) -> None:
    now_ms = limited.now_ms
    (row,) = report(limited, entry(clock, current(6, "L1")))
    assert row.measured_ms == now_ms


def test_a_charger_whose_clock_is_ahead_measures_at_receipt(limited: Desk) -> None:
    now_ms = limited.now_ms
    (row,) = report(limited, entry(now_ms + 3_600_000, current(6, "L1")))
    assert row.measured_ms == now_ms


def test_an_older_report_counts_only_once_the_clock_was_set_back(limited: Desk) -> None:
    report(limited, entry(limited.now_ms, current(6, "L1")))
    (row,) = report(limited, entry(limited.now_ms - 600_000, current(32, "L1")))
    assert row.currents_ma == (6_000, None, None)
    limited.now_ms += SET_BACK_MS
    (row,) = report(limited, entry(limited.now_ms - 3_600_000, current(8, "L1")))
    assert row.currents_ma == (8_000, None, None)


def test_each_connector_has_its_own_report(limited: Desk) -> None:
    report(limited, entry(limited.now_ms, current(6, "L1")))
    rows = report(limited, entry(limited.now_ms, current(9, "L1")), connector_id=2)
    assert [(row.connector_id, (row.currents_ma or ())[0]) for row in rows] == [
        (1, 6_000),
        (2, 9_000),
    ]


def test_a_message_of_a_vendor_is_observed_like_a_plain_one(limited: Desk) -> None:
    strange = {**entry(limited.now_ms, {**current(6, "L1"), "extra": None}), "vendor": 1}
    (row,) = report(limited, strange, "no entry")
    assert row.currents_ma == (6_000, None, None)
