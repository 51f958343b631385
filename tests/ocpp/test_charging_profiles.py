"""Charging profiles with one limit: their payloads, and what payloads of others limit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ocpp.charging_profiles import (
    ABSOLUTE,
    AMPERE,
    DEFAULT_PROFILE,
    RECURRING,
    RELATIVE,
    TX_PROFILE,
    WATT,
    Profile,
    Variant,
    base_id,
    clear_payload,
    profile_of,
    set_payload,
    working_id,
)
from shocpp.ocpp.outgoing import allowed_payload

NOON_MS = 1_693_735_200_000  # 2023-09-03T10:00:00Z
BASE = Variant(DEFAULT_PROFILE, ABSOLUTE, 0, AMPERE)
WORKING = Variant(TX_PROFILE, ABSOLUTE, 1, AMPERE)


def test_the_base_has_no_duration_and_started_in_the_past() -> None:
    assert set_payload(Profile(2, base_id(2), BASE, 6_000), NOON_MS) == {
        "connectorId": 2,
        "csChargingProfiles": {
            "chargingProfileId": 20_004,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "startSchedule": "2023-09-03T09:59:00.000Z",
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}],
            },
        },
    }


def test_the_working_limit_names_its_transaction_and_its_duration() -> None:
    profile = Profile(1, working_id(1), WORKING, 13_460, 1, 4711, 900, NOON_MS)
    assert set_payload(profile, NOON_MS + 5) == {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 20_003,
            "transactionId": 4711,
            "stackLevel": 1,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "duration": 900,
                "startSchedule": "2023-09-03T10:00:00.000Z",
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 13.4, "numberPhases": 1}],
            },
        },
    }


def test_a_relative_schedule_has_no_start() -> None:
    profile = Profile(1, base_id(1), BASE._replace(kind=RELATIVE), 6_000)
    schedule = set_payload(profile, NOON_MS)["csChargingProfiles"]["chargingSchedule"]
    assert "startSchedule" not in schedule


@pytest.mark.parametrize(
    ("limit_ma", "phases", "limit"),
    [(6_000, 3, 4_140), (6_000, 1, 1_380), (6_100, 3, 4_209), (6_001, 1, 1_380.2), (0, 3, 0)],
)
def test_a_limit_in_watts_is_the_sum_of_its_phases(
    limit_ma: int, phases: int, limit: float
) -> None:
    profile = Profile(1, base_id(1), BASE._replace(unit=WATT), limit_ma, phases)
    schedule = set_payload(profile, NOON_MS)["csChargingProfiles"]["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "W"
    assert schedule["chargingSchedulePeriod"][0]["limit"] == limit


def test_no_two_profiles_share_an_id() -> None:
    ids = [of(connector) for connector in range(100) for of in (base_id, working_id)]
    assert len(set(ids)) == 200
    assert clear_payload(base_id(1)) == {"id": 20_002}
    assert allowed_payload("ClearChargingProfile", clear_payload(1)) == {"id": 1}


variants = st.builds(
    Variant,
    st.sampled_from([DEFAULT_PROFILE, TX_PROFILE]),
    st.sampled_from([ABSOLUTE, RELATIVE]),
    st.integers(0, 9),
    st.sampled_from([AMPERE, WATT]),
)
profiles = st.builds(
    Profile,
    connector_id=st.integers(0, 99),
    profile_id=st.integers(0, 2**31 - 1),
    variant=variants,
    limit_ma=st.integers(0, 80).map(lambda limit_a: limit_a * 1_000),
    phases=st.integers(1, 3),
    transaction_id=st.none() | st.integers(1, 2**31 - 1),
    duration_s=st.none() | st.integers(0, 86_400),
    starts_ms=st.none(),
    valid_to_ms=st.none(),
)


@given(profiles)
def test_a_profile_is_read_back_as_it_was_written(profile: Profile) -> None:
    payload = set_payload(profile, NOON_MS)
    assert allowed_payload("SetChargingProfile", payload) == payload
    read = profile_of(payload)
    assert read is not None
    is_relative = profile.variant.kind == RELATIVE
    assert read == profile._replace(starts_ms=None if is_relative else NOON_MS - 60_000)


def payload_with(
    schedule: dict[str, Any] | None = None,
    profile: dict[str, Any] | None = None,
    **members: Any,
) -> dict[str, Any]:
    """Return a payload as a person may send it, with some members replaced."""
    plain = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.5}]}
    written = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "ChargePointMaxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": plain | (schedule or {}),
    }
    return {"connectorId": 0, "csChargingProfiles": written | (profile or {})} | members


def limit_of(*periods: Any, unit: str = "A") -> tuple[int, int] | None:
    """Return limit and phases of a profile with these periods."""
    schedule = {"chargingRateUnit": unit, "chargingSchedulePeriod": [*periods]}
    profile = profile_of(payload_with(schedule))
    return None if profile is None else (profile.limit_ma, profile.phases)


def test_the_highest_limit_of_several_periods_counts() -> None:
    periods = [{"startPeriod": second, "limit": limit} for second, limit in enumerate([6, 16, 10])]
    assert limit_of(*periods) == (16_000, 3)
    assert limit_of({"limit": 10}, {"limit": "x"}, "y", {"limit": -1}, {}) == (10_000, 3)
    watts = [{"limit": 4_140}, {"limit": 3_680, "numberPhases": 1}]
    assert limit_of(*watts, unit="W") == (16_000, 1)
    assert limit_of({"limit": 4_150}, unit="W") == (6_015, 3)
    assert limit_of({"limit": 16, "numberPhases": 7}) == (16_000, 3)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"connectorId": 1, "csChargingProfiles": []},
        payload_with(profile={"chargingSchedule": None}),
        payload_with(connectorId="1"),
        payload_with(profile={"chargingProfileId": True}),
        payload_with(profile={"stackLevel": -1}),
        payload_with(profile={"chargingProfilePurpose": None}),
        payload_with(profile={"chargingProfileKind": 3}),
        payload_with({"chargingRateUnit": "kW"}),
        payload_with({"chargingSchedulePeriod": {}}),
        payload_with({"chargingSchedulePeriod": []}),
    ],
)
def test_a_payload_without_a_limit_has_no_profile(payload: dict[str, Any]) -> None:
    assert profile_of(payload) is None


@pytest.mark.parametrize(
    ("schedule", "profile", "ends_ms"),
    [
        ({}, {}, None),
        ({"duration": 60}, {}, NOON_MS + 60_000),
        ({"duration": 60, "startSchedule": "2023-09-03T09:59:30Z"}, {}, NOON_MS + 30_000),
        ({"duration": 60}, {"validFrom": "2023-09-03T09:59:30Z"}, NOON_MS + 30_000),
        ({"duration": 60}, {"validTo": "2023-09-03T10:00:30Z"}, NOON_MS + 30_000),
        ({"duration": 60}, {"validTo": "2023-09-03T10:02:00Z"}, NOON_MS + 60_000),
        ({"duration": 60}, {"chargingProfileKind": RECURRING}, None),
        ({"duration": "x"}, {"validTo": "never"}, None),
    ],
)
def test_a_profile_ends_with_its_duration_or_its_validity(
    schedule: dict[str, Any], profile: dict[str, Any], ends_ms: int | None
) -> None:
    read = profile_of(payload_with(schedule, profile))
    assert read is not None
    assert read.ends_ms(NOON_MS) == ends_ms
