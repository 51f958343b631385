"""The charging profiles of the two simulated chargers, by the rules of OCPP 1.6 §3.13.

Both answer the same requests: the table holds each of them to a rule, and the property holds them
to each other.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp.charge_point import camel_to_snake_case

from tests.world.power.drawing_car import Car, Draw
from tests.world.power.profile_stack import ProfileStack, Rules, Session
from tests.world.power.second_charger import Memory

NOW = datetime(2026, 11, 1, 18, tzinfo=UTC)
BEGAN = NOW - timedelta(minutes=30)
SESSION = Session(7, BEGAN.timestamp())
HOUR = 3_600


def profile(
    limit: float,
    level: int = 0,
    purpose: str = "TxDefaultProfile",
    *,
    profile_id: int | None = None,
    starts: timedelta | None = timedelta(minutes=-1),
    duration: int | None = None,
    kind: str = "Absolute",
    unit: str = "A",
    periods: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return the csChargingProfiles of a SetChargingProfile."""
    schedule: dict[str, Any] = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods or [{"startPeriod": 0, "limit": limit}],
    }
    if starts is not None and kind != "Relative":
        schedule["startSchedule"] = (NOW + starts).isoformat()
    if duration is not None:
        schedule["duration"] = duration
    if purpose == "TxProfile":
        more.setdefault("transactionId", 7)
    number = 100 * ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile").index(purpose) + level
    return {
        "chargingProfileId": number if profile_id is None else profile_id,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
        **more,
    }


class Both:
    """A stack of each simulated charger, which get the same requests."""

    def __init__(self, *, charges: bool = True) -> None:
        self.first = ProfileStack(Rules(), max_a=32)
        self.second = Memory()
        self.session = SESSION if charges else None
        if charges:
            self.second.begin(SESSION.transaction_id, BEGAN)

    def set(self, fields: dict[str, Any], connector_id: int = 1) -> bool:
        """Install a profile in both, and return True if it is accepted."""
        payload = {"connectorId": connector_id, "csChargingProfiles": fields}
        sessions = {1: self.session} if self.session else {}
        first = self.first.set(payload, sessions) == "Accepted"
        second = self.second.install(connector_id, camel_to_snake_case(fields))
        assert first == second
        return first

    def clear(self, **filters: Any) -> bool:
        """Remove profiles from both, and return True if there was one."""
        first = self.first.clear(filters) == "Accepted"
        second = self.second.remove(
            filters.get("id"),
            filters.get("connectorId"),
            filters.get("chargingProfilePurpose"),
            filters.get("stackLevel"),
        )
        assert first == second
        return first

    def stop(self) -> None:
        """End the transaction."""
        self.session = None
        self.first.end(1)
        self.second.end()

    def schedule(self, duration_s: int = HOUR, at: datetime = NOW) -> list[tuple[int, float]]:
        """Return the composite schedule, which is the same of both."""
        first = self.first.composite(1, at.timestamp(), duration_s, self.session)
        second = self.second.schedule(at, duration_s)
        assert rounded(first) == rounded(second)
        return rounded(first)


def rounded(periods: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return periods with limits as they are sent, joined where these are the same."""
    joined: list[tuple[int, float]] = []
    for offset, limit in periods:
        if not joined or joined[-1][1] != round(limit, 1):
            joined.append((offset, round(limit, 1)))
    return joined


def test_without_a_profile_the_chargers_own_maximum_counts() -> None:
    assert Both().schedule() == [(0, 32)]


def test_the_highest_valid_level_counts_and_falls_back_when_its_duration_is_over() -> None:
    both = Both()
    both.set(profile(6, level=0))
    both.set(profile(14, level=2, duration=900))
    both.set(profile(10, level=1, duration=1_800))
    assert both.schedule() == [(0, 14), (840, 10), (1_740, 6)]


def test_a_higher_level_without_a_duration_never_falls_back() -> None:
    both = Both()
    both.set(profile(6, level=0))
    both.set(profile(14, level=1))
    assert both.schedule(10 * HOUR) == [(0, 14)]


def test_a_tx_profile_overrules_every_default_until_it_ends() -> None:
    both = Both()
    both.set(profile(8, level=5))
    both.set(profile(13, level=1, purpose="TxProfile", duration=900))
    assert both.schedule() == [(0, 13), (840, 8)]


def test_a_tx_profile_ends_with_its_transaction() -> None:
    both = Both()
    both.set(profile(6))
    both.set(profile(13, level=1, purpose="TxProfile"))
    both.stop()
    assert both.schedule() == [(0, 6)]


@pytest.mark.parametrize(
    ("fields", "connector_id"),
    [
        (profile(13, purpose="TxProfile", transactionId=8), 1),
        (profile(13, purpose="TxProfile"), 0),
        (profile(13, purpose="ChargePointMaxProfile"), 1),
    ],
    ids=["another transaction", "connector 0", "maximum of a connector"],
)
def test_a_profile_for_nothing_that_is_there_is_rejected(
    fields: dict[str, Any], connector_id: int
) -> None:
    both = Both()
    assert not both.set(fields, connector_id)
    assert both.schedule() == [(0, 32)]


def test_a_tx_profile_without_a_transaction_is_rejected() -> None:
    assert not Both(charges=False).set(profile(13, purpose="TxProfile"))


def test_the_maximum_of_the_charge_point_counts_besides() -> None:
    both = Both()
    both.set(profile(10, purpose="ChargePointMaxProfile", duration=600), 0)
    both.set(profile(13, level=1, purpose="TxProfile", duration=1_200))
    both.set(profile(8))
    assert both.schedule() == [(0, 10), (540, 13), (1_140, 8)]


def test_the_same_level_and_the_same_id_replace() -> None:
    both = Both()
    both.set(profile(10, level=1))
    both.set(profile(12, level=1, profile_id=55))
    assert both.schedule() == [(0, 12)]
    both.set(profile(6, level=0, profile_id=55))
    assert both.schedule() == [(0, 6)]


def test_a_profile_is_cleared_by_its_id_or_by_filters() -> None:
    both = Both()
    both.set(profile(6))
    both.set(profile(9, level=1))
    both.set(profile(13, purpose="TxProfile"))
    assert not both.clear(id=4)
    assert both.clear(id=101)
    assert both.clear(chargingProfilePurpose="TxProfile", connectorId=1)
    assert both.schedule() == [(0, 6)]
    assert both.clear()
    assert both.schedule() == [(0, 32)]


def test_a_limit_in_w_is_the_sum_of_three_phases_unless_it_names_another_number() -> None:
    both = Both()
    both.set(profile(4_140, unit="W"))
    assert both.schedule() == [(0, 6)]
    one_phase = [{"startPeriod": 0, "limit": 3_680, "numberPhases": 1}]
    both.set(profile(0, unit="W", periods=one_phase))
    assert both.schedule() == [(0, 16)]


def test_a_relative_schedule_counts_from_the_begin_of_the_transaction() -> None:
    both = Both()
    both.set(profile(6))
    both.set(profile(13, level=1, kind="Relative", duration=2_400))
    assert both.schedule() == [(0, 13), (600, 6)]


def test_a_recurring_schedule_comes_back_each_day() -> None:
    both = Both()
    evening = profile(6, kind="Recurring", recurrencyKind="Daily", duration=HOUR)
    both.set(evening)
    assert both.schedule(2 * HOUR, NOW + timedelta(days=3, minutes=-31)) == [
        *((0, 32), (1_800, 6), (5_400, 32)),
    ]


def test_periods_and_validity_bound_a_schedule() -> None:
    both = Both()
    periods = [{"startPeriod": 0, "limit": 6}, {"startPeriod": 600, "limit": 16}]
    until = (NOW + timedelta(minutes=20)).isoformat()
    both.set(profile(0, periods=periods, validTo=until))
    assert both.schedule() == [(0, 6), (540, 16), (1_200, 32)]


PROFILES = st.builds(
    profile,
    st.integers(0, 320).map(lambda tenths: tenths / 10),
    st.integers(0, 3),
    st.sampled_from(["TxDefaultProfile", "TxProfile"]),
    profile_id=st.integers(1, 6),
    starts=st.integers(-HOUR, HOUR).map(lambda seconds: timedelta(seconds=seconds)),
    duration=st.none() | st.integers(1, 2 * HOUR),
    kind=st.sampled_from(["Absolute", "Relative"]),
)


@given(
    profiles=st.lists(PROFILES, max_size=8),
    maximum=st.none() | st.integers(6, 32),
    charges=st.booleans(),
)
def test_both_chargers_have_the_same_schedule_whatever_is_installed(
    profiles: list[dict[str, Any]], maximum: int | None, charges: bool
) -> None:
    both = Both(charges=charges)
    for fields in profiles:
        both.set(fields)
    if maximum is not None:
        both.set(profile(maximum, purpose="ChargePointMaxProfile", profile_id=99), 0)
    both.schedule()


def test_a_car_lags_rounds_and_takes_more() -> None:
    draw = Draw(Car(lag_s=5, step_a=1, extra_a=0.7))
    assert draw.follow(12.6, at_s=0) == 0
    assert draw.follow(12.6, at_s=5) == pytest.approx(12.7)
    assert draw.follow(6, at_s=6) == pytest.approx(12.7)
    assert draw.follow(6, at_s=11) == pytest.approx(6.7)


@pytest.mark.parametrize(
    ("car", "limit_a", "drawn_a"),
    [
        (Car(), 5.9, 0),
        (Car(), 32, 16),
        (Car(least_a=8), 7, 0),
        (Car(stays_a=16), 6, 16),
        (Car(stays_a=16), 0, 0),
        (Car(ignores=True), 0, 16),
    ],
)
def test_a_car_has_its_habits(car: Car, limit_a: float, drawn_a: float) -> None:
    assert Draw(car).follow(limit_a, at_s=0) == drawn_a


def test_a_lie_is_reported_and_not_drawn() -> None:
    car = Car(lie_a=-4)
    assert (car.reported_a(Draw(car).follow(10, 0)), Draw(car).follow(10, 0)) == (6, 10)
