"""Limits that people choose: their texts, their storage, and withdrawal."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from shocpp.clock import now_ms
from shocpp.errors import Ambiguous, Unreachable, UsageError
from shocpp.site.choices.limits import (
    OFFLINE,
    await_set_point,
    choose_limit,
    parse_limit,
    parse_until,
)
from shocpp.store.charge_points import identities
from shocpp.store.database import Database, open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import limits
from tests.world.home import Home

BERLIN = ZoneInfo("Europe/Berlin")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "limit_ma"),
    [("10A", 10_000), (" 16 a ", 16_000), ("6", 6_000), ("80A", 80_000), ("0", 0), ("OFF", None)],
)
def test_a_limit_is_a_whole_number_of_amperes(text: str, limit_ma: int | None) -> None:
    assert parse_limit(text) == limit_ma


@pytest.mark.parametrize("text", ["", "5A", "81A", "10.5A", "10kW", "-6", "1_0", "off 10A", "1e1"])
def test_any_other_limit_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(UsageError, match=r"write a whole number of amperes 6\.\.80, 0 to pause"):
        parse_limit(text)


@pytest.mark.parametrize(
    ("text", "now", "until"),
    [
        ("06:00", "2026-12-01T22:30+01:00", "2026-12-02T06:00+01:00"),
        ("6.00", "2026-12-01T05:59+01:00", "2026-12-01T06:00+01:00"),
        ("06:00", "2026-12-01T06:00+01:00", "2026-12-02T06:00+01:00"),
        # The clocks are set back in this night, and forward in that one.
        ("06:00", "2026-10-24T22:00+02:00", "2026-10-25T06:00+01:00"),
        ("06:00", "2027-03-27T22:00+01:00", "2027-03-28T06:00+02:00"),
        ("2026-12-31 06:00", "2026-12-01T22:30+01:00", "2026-12-31T06:00+01:00"),
        ("2026-12-31T06:00Z", "2026-12-01T22:30+01:00", "2026-12-31T07:00+01:00"),
    ],
)
def test_a_limit_ends_at_the_next_such_time(text: str, now: str, until: str) -> None:
    assert parse_until(text, BERLIN, ms(now)) == ms(until)


@pytest.mark.parametrize("text", ["", "24:00", "6", "tomorrow", "06:60", "2026-13-01 06:00"])
def test_another_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no time; write 06:00 or 2026-12-31 06:00"):
        parse_until(text, BERLIN, ms("2026-12-01T22:30+01:00"))


def test_a_time_that_has_passed_is_refused() -> None:
    with pytest.raises(UsageError, match="has passed"):
        parse_until("2026-11-30 06:00", BERLIN, ms("2026-12-01T22:30+01:00"))


def chargers(db: Database, *names: str) -> None:
    with db.writing(keys=NO_KEYS):
        for name in names:
            identities.enter(db, name, now_ms())


def present(db: Database) -> list[tuple[str, int, int, int | None, str]]:
    return [choice[:5] for choice in limits.present(db, now_ms())]


def test_a_limit_of_a_connector_stands_beside_that_of_its_charger(migrated_home: Home) -> None:
    settings = migrated_home.settings
    with open_database(migrated_home.database) as db:
        chargers(db, "Garage", "yard")

        def choose(name: str, connector_id: int | None, limit_ma: int | None) -> None:
            choose_limit(db, settings, name, connector_id, limit_ma, None, "anna", now_ms())

        choose("garage", None, 10_000)
        choose("garage", None, 12_000)
        choose("garage", 2, 0)
        choose("yard", None, 8_000)
        assert present(db) == [
            ("Garage", 0, 12_000, None, "anna"),
            ("Garage", 2, 0, None, "anna"),
            ("yard", 0, 8_000, None, "anna"),
        ]
        choose("garage", 2, None)
        assert [one[:2] for one in present(db)] == [("Garage", 0), ("yard", 0)]
        choose("garage", 2, 6_000)
        choose("garage", None, 16_000)
        assert present(db)[0] == ("Garage", 0, 16_000, None, "anna")
        assert len(present(db)) == 2, "a limit of the charger ends that of its connector"
        choose("garage", 2, 6_000)
        choose("garage", None, None)
        assert [one[:2] for one in present(db)] == [("yard", 0)]


def test_a_limit_that_no_car_can_keep_is_refused(migrated_home: Home) -> None:
    with open_database(migrated_home.database) as db:
        chargers(db, "garage")
        for limit_ma in (1, 5_999, 80_001, -6_000):
            with pytest.raises(UsageError, match="cannot be kept"):
                choose_limit(db, migrated_home.settings, "garage", None, limit_ma, None, "a", 1)
        for connector_id in (0, -1, 1_000):
            with pytest.raises(UsageError, match="there is no connector"):
                choose_limit(
                    db, migrated_home.settings, "garage", connector_id, 6_000, None, "a", 1
                )
        with pytest.raises(UsageError, match="'cellar' is no charger"):
            choose_limit(db, migrated_home.settings, "cellar", None, 6_000, None, "a", 1)
        with pytest.raises(Unreachable) as error:
            choose_limit(db, migrated_home.settings, None, None, 6_000, None, "a", 1)
        assert not isinstance(error.value, Ambiguous)
        assert present(db) == []


def test_the_answer_of_a_charger_that_is_away_does_not_come(migrated_home: Home) -> None:
    with open_database(migrated_home.database) as db:
        chargers(db, "garage")
        chosen = choose_limit(
            db, migrated_home.settings, "garage", None, 6_000, None, "a", now_ms()
        )
        assert await_set_point(db, chosen, 6_000, 0) == OFFLINE
