"""The profiles that chargers have accepted and refused, and how many they were sent."""

import pytest

from shocpp.ocpp.charging_profiles import (
    ABSOLUTE,
    AMPERE,
    DEFAULT_PROFILE,
    RELATIVE,
    TX_PROFILE,
    Profile,
    Variant,
)
from shocpp.store.charge_points import identities
from shocpp.store.keys import EVERYTHING
from shocpp.store.site import profiles, unanswered
from shocpp.store.site.profiles import InstalledProfile
from tests.world.desk import Desk

BASE = Variant(DEFAULT_PROFILE, ABSOLUTE, 0, AMPERE)
WORKING = Variant(TX_PROFILE, ABSOLUTE, 1, AMPERE)


@pytest.fixture
def garage(desk: Desk) -> int:
    """The row id of the garage, which has booted."""
    boot = {"chargePointVendor": "v", "chargePointModel": "m", "firmwareVersion": "1.2"}
    desk.ask("BootNotification", boot)
    row = identities.row_of(desk.db, "garage")
    assert row is not None
    return row


def accept(desk: Desk, garage: int, *accepted: Profile) -> list[tuple[int, str, int, int]]:
    """Store accepted profiles, and return connector, purpose, level and id of all installed."""
    with desk.db.writing(keys=EVERYTHING):
        for profile in accepted:
            profiles.record_accepted(desk.db, garage, profile, desk.now_ms)
    return installed(desk)


def installed(desk: Desk) -> list[tuple[int, str, int, int]]:
    rows = profiles.installed(desk.db)
    return [(row.connector_id, row.purpose, row.stack_level, row.profile_id) for row in rows]


def test_an_accepted_profile_is_installed_with_its_end_and_firmware(
    desk: Desk, garage: int
) -> None:
    accept(desk, garage, Profile(1, 7, BASE, 6_000, duration_s=900, starts_ms=desk.now_ms - 5))
    (row,) = profiles.installed(desk.db)
    assert row == InstalledProfile(
        *("garage", 1, DEFAULT_PROFILE, 0, 7, ABSOLUTE, AMPERE, 6_000, None, desk.now_ms - 5),
        *(desk.now_ms - 5 + 900_000, "1.2", desk.now_ms),
    )
    assert row.variant == BASE


def test_a_profile_replaces_those_of_its_level_and_of_its_id(desk: Desk, garage: int) -> None:
    first = Profile(1, 7, BASE, 6_000)
    accept(desk, garage, first, first._replace(connector_id=2, profile_id=8))
    assert accept(desk, garage, first._replace(profile_id=9)) == [
        (1, DEFAULT_PROFILE, 0, 9),
        (2, DEFAULT_PROFILE, 0, 8),
    ]
    higher = first._replace(profile_id=9, variant=BASE._replace(stack_level=3))
    assert accept(desk, garage, higher) == [(1, DEFAULT_PROFILE, 3, 9), (2, DEFAULT_PROFILE, 0, 8)]


def test_a_tx_profile_ends_with_its_transaction(desk: Desk, garage: int) -> None:
    transaction_id = desk.start()
    working = Profile(1, 7, WORKING, 6_000, transaction_id=transaction_id)
    base = (1, DEFAULT_PROFILE, 0, 8)
    accept(desk, garage, Profile(1, 8, BASE, 6_000))
    assert accept(desk, garage, working) == [base, (1, TX_PROFILE, 1, 7)]
    desk.stop(transaction_id, 9_043_000)
    assert installed(desk) == [base]
    assert accept(desk, garage, working._replace(transaction_id=None)) == [base]


def test_a_tx_profile_is_none_of_the_next_transaction_within_its_kwh(
    desk: Desk, garage: int
) -> None:
    """Both have one id: a car that came back would count as paused for 12 hours."""
    first = desk.start(wh=9_042_000)
    profile = Profile(1, 7, WORKING, 0, transaction_id=first, duration_s=43_200)
    accept(desk, garage, profile)
    with desk.db.writing(keys=EVERYTHING):
        unanswered.record_sent(desk.db, garage, "a call", profile, desk.now_ms)
    desk.stop(first, 9_042_100)
    desk.later(1)
    assert desk.start(wh=9_042_100) == first
    assert installed(desk) == []
    assert unanswered.present(desk.db) == []


def test_cleared_profiles_are_those_that_match_all_filters(desk: Desk, garage: int) -> None:
    four = [
        Profile(connector, 10 * connector + level, BASE._replace(stack_level=level), 6_000)
        for connector in (1, 2)
        for level in (0, 1)
    ]
    db = desk.db

    def clear(**filters: int | str) -> list[int]:
        accept(desk, garage, *four)
        with db.writing(keys=EVERYTHING):
            profiles.record_cleared(db, garage, **filters)  # type: ignore[arg-type]
        return [row[3] for row in installed(desk)]

    assert clear(profile_id=10) == [11, 20, 21]
    assert clear(connector_id=1) == [20, 21]
    assert clear(connector_id=0) == [10, 11, 20, 21]
    assert clear(stack_level=0) == [11, 21]
    assert clear(connector_id=2, stack_level=0, purpose=DEFAULT_PROFILE) == [10, 11, 21]
    assert clear(purpose=TX_PROFILE) == [10, 11, 20, 21]
    assert clear() == []


def test_a_refusal_is_stored_once_and_ends_when_the_charger_accepts(
    desk: Desk, garage: int
) -> None:
    with desk.db.writing(keys=EVERYTHING):
        profiles.record_refused(desk.db, garage, 1, WORKING, "Rejected", desk.now_ms)
        profiles.record_refused(desk.db, garage, 1, WORKING, "NotSupported", desk.now_ms + 1)
        profiles.record_refused(desk.db, garage, 1, BASE, "Rejected", desk.now_ms)
    refusals = profiles.refused(desk.db)
    assert [(row.variant, row.status, row.firmware) for row in refusals] == [
        (BASE, "Rejected", "1.2"),
        (WORKING, "NotSupported", "1.2"),
    ]
    accept(desk, garage, Profile(1, 7, BASE._replace(kind=RELATIVE), 6_000))
    # Another connector says nothing of this one.
    accept(desk, garage, Profile(2, 8, BASE, 6_000))
    assert len(profiles.refused(desk.db)) == 2
    accept(desk, garage, Profile(1, 7, BASE, 6_000))
    assert [row.variant for row in profiles.refused(desk.db)] == [WORKING]
    with desk.db.writing(keys=EVERYTHING):
        profiles.forget_refused(desk.db, desk.now_ms + 1)
        assert [row.variant for row in profiles.refused(desk.db)] == [WORKING]
        profiles.forget_refused(desk.db, desk.now_ms + 2)
    assert profiles.refused(desk.db) == []


def test_writes_are_counted_by_the_hour_for_a_week(desk: Desk, garage: int) -> None:
    now_hour = desk.now_ms // profiles.HOUR_MS
    with desk.db.writing(keys=EVERYTHING):
        street = identities.enter(desk.db, "street", desk.now_ms)
        for _ in range(3):
            profiles.count_write(desk.db, garage, desk.now_ms)
        profiles.count_write(desk.db, street, desk.now_ms)
        profiles.count_write(desk.db, garage, desk.now_ms + profiles.HOUR_MS)
    assert profiles.writes(desk.db, now_hour) == {"garage": 4, "street": 1}
    assert profiles.writes(desk.db, now_hour + 1) == {"garage": 1}
    assert profiles.writes(desk.db, now_hour + 2) == {}
    with desk.db.writing(keys=EVERYTHING):
        profiles.count_write(desk.db, garage, desk.now_ms + (7 * 24 + 1) * profiles.HOUR_MS)
    assert profiles.writes(desk.db, 0) == {"garage": 2, "street": 1}
