"""The limits of the demo's charger, and the car that keeps them."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from shocpp.demo.charge_point import ChargePoint
from shocpp.demo.limits import Limits
from shocpp.demo.serving.car import Car
from shocpp.demo.words import call_in_words

NOW = datetime(2030, 1, 31, 18, tzinfo=UTC)


def profile(
    limit: float,
    level: int = 0,
    purpose: str = "TxDefaultProfile",
    connector_id: int = 1,
    **schedule: Any,
) -> dict[str, Any]:
    """Return the payload of a SetChargingProfile."""
    return {
        "connectorId": connector_id,
        "csChargingProfiles": {
            "chargingProfileId": 10 * len(purpose) + level,
            "transactionId": 7,
            "stackLevel": level,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "startSchedule": (NOW - timedelta(minutes=1)).isoformat(),
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
                **schedule,
            },
        },
    }


@pytest.fixture
def limits() -> Limits:
    """The limits of a charger whose base is 6 A."""
    limits = Limits()
    assert limits.set(profile(6), None, NOW) == {"status": "Accepted"}
    return limits


def periods(limits: Limits, duration_s: int = 1_800) -> list[tuple[int, float]]:
    """Return the composite schedule as (seconds from now, limit)."""
    confirmation = limits.composite({"connectorId": 1, "duration": duration_s}, NOW)
    schedule = confirmation["chargingSchedule"]["chargingSchedulePeriod"]
    return [(period["startPeriod"], period["limit"]) for period in schedule]


def test_a_session_has_its_own_limit_until_its_duration_is_over(limits: Limits) -> None:
    limits.set(profile(13, 1, "TxProfile", duration=900), 7, NOW)
    assert periods(limits) == [(0, 13), (840, 6)]
    assert limits.at(NOW + timedelta(hours=1)) == 6


def test_the_limit_of_a_session_ends_with_it(limits: Limits) -> None:
    limits.set(profile(13, 1, "TxProfile"), 7, NOW)
    limits.end_transaction()
    assert periods(limits) == [(0, 6)]


def test_the_highest_level_counts_and_the_maximum_of_the_charger_besides(limits: Limits) -> None:
    limits.set(profile(16, 2, duration=600), None, NOW)
    limits.set(profile(10, purpose="ChargePointMaxProfile", connector_id=0), None, NOW)
    assert periods(limits) == [(0, 10), (540, 6)]


def test_a_profile_of_the_same_level_is_replaced_and_a_cleared_one_is_gone(limits: Limits) -> None:
    limits.set(profile(9), None, NOW)
    assert periods(limits) == [(0, 9)]
    assert limits.clear({"stackLevel": 3}) == {"status": "Unknown"}
    assert limits.clear({"chargingProfilePurpose": "TxDefaultProfile"}) == {"status": "Accepted"}
    assert periods(limits) == [(0, 32)]


def test_a_period_changes_the_limit(limits: Limits) -> None:
    both = [{"startPeriod": 0, "limit": 8}, {"startPeriod": 660, "limit": 12}]
    limits.set(profile(0, 1, chargingSchedulePeriod=both), None, NOW)
    assert periods(limits) == [(0, 8), (600, 12)]


@pytest.mark.parametrize(
    "payload",
    [
        profile(13, 1, "TxProfile", connector_id=0),
        profile(13, 9),
        profile(13, connector_id=2),
        profile(13, purpose="ChargePointMaxProfile"),
        profile(9_000, chargingRateUnit="W"),
    ],
)
def test_a_profile_that_it_cannot_keep_is_rejected(limits: Limits, payload: dict[str, Any]) -> None:
    assert limits.set(payload, 7, NOW) == {"status": "Rejected"}
    assert periods(limits) == [(0, 6)]


@pytest.mark.parametrize("transaction_id", [None, 8])
def test_a_limit_of_another_session_is_rejected(limits: Limits, transaction_id: int | None) -> None:
    of_session = profile(13, 1, "TxProfile")
    assert limits.set(of_session, transaction_id, NOW) == {"status": "Rejected"}


@pytest.mark.parametrize(
    ("limit_a", "wanted_w", "drawn_w"),
    [
        (16, 11_000, 11_000),
        (10, 11_000, 6_900),
        (6, 11_000, 4_140),
        (5.9, 11_000, 0),
        (10, 3_600, 2_300),
    ],
)
def test_a_car_keeps_the_limit_of_each_phase(limit_a: float, wanted_w: int, drawn_w: int) -> None:
    limits = Limits()
    limits.set(profile(limit_a), None, NOW)
    assert limits.allowed_w(wanted_w, NOW) == drawn_w


def test_a_car_uses_the_phases_of_its_limit(limits: Limits) -> None:
    one = [{"startPeriod": 0, "limit": 10, "numberPhases": 1}]
    limits.set(profile(10, 1, "TxProfile", chargingSchedulePeriod=one), 7, NOW)
    assert limits.allowed_w(11_000, NOW) == 2_300
    limits.end_transaction()
    assert limits.allowed_w(11_000, NOW) == 4_140


def test_a_limited_car_draws_less_energy_and_a_paused_one_none() -> None:
    charger = ChargePoint("go-e", 1, now=lambda: NOW)
    car = Car(charger, 11_040, Random(1))
    charger.plug_in()
    # There is no Central System to ask: an offline charger accepts each card.
    charger._connector.accept("3333")
    drawn_wh = []
    for limit_a in (16, 8, 0):
        assert charger.answer("SetChargingProfile", profile(limit_a)) == {"status": "Accepted"}
        before_wh = charger.meter_wh
        car.advance(3_600)
        drawn_wh.append(charger.meter_wh - before_wh)
    assert drawn_wh == pytest.approx([11_040, 5_520, 0], rel=0.04)
    assert charger.status == "SuspendedEVSE"


def test_limits_are_described_in_plain_words() -> None:
    limited = call_in_words("SetChargingProfile", profile(13, duration=900))
    assert limited == "charge with at most 13 A for 900 s"
    assert call_in_words("SetChargingProfile", {}) == "charge with at most ?"
