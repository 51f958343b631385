"""The Calls that bring limits into a charger: which, in which order, and when again."""

from typing import Any

import pytest

from shocpp.charger_models.charging_profiles import (
    Capabilities,
    ProfileChoice,
    profile_choice,
)
from shocpp.energy.model import (
    FAST,
    SOLAR,
    Connector,
    Goal,
    Installed,
    Reason,
    Session,
    SetPoint,
    Wish,
)
from shocpp.ocpp.charging_profiles import Variant, base_id, working_id
from shocpp.site.facts.charger import ChargerFacts
from shocpp.site.profiles import (
    BASE,
    FIRST,
    KEEP_ALIVE,
    RAISE,
    REDUCTION,
    wanted_calls,
)
from shocpp.store.site.chargers import SiteCharger
from shocpp.store.site.profiles import InstalledProfile
from shocpp.store.site.unanswered import UnansweredProfile

NOW_MS = 1_800_000_000_000
PLAIN = profile_choice("maker", "model", "1", Capabilities())
BASE_VARIANT, WORKING_VARIANT = PLAIN.bases[0], PLAIN.working[0]


def installed(variant: Variant, limit_ma: int, **more: Any) -> InstalledProfile:
    """Return a profile of connector 1 that was accepted a minute ago."""
    is_base = variant.stack_level == 0
    return InstalledProfile(
        **{
            "charge_point_id": "garage",
            "connector_id": 1,
            **dict(zip(("purpose", "kind", "stack_level", "unit"), variant, strict=True)),
            "profile_id": base_id(1) if is_base else working_id(1),
            "limit_ma": limit_ma,
            "transaction_id": 7 if variant.purpose == "TxProfile" else None,
            "starts_ms": NOW_MS - 120_000,
            "ends_ms": None if is_base else NOW_MS + 780_000,
            "firmware": "1",
            "accepted_ms": NOW_MS - 60_000,
            **more,
        }
    )


def charger(
    *profiles: InstalledProfile, choice: ProfileChoice = PLAIN, booted_ms: int = 0
) -> ChargerFacts:
    row = SiteCharger(1, "garage", "maker", "model", "1", booted_ms, NOW_MS - 600_000, NOW_MS)
    return ChargerFacts(row, choice, profiles, has_configuration=True)


def connector(*profiles: InstalledProfile, charges: bool = True, **more: Any) -> Connector:
    """Return connector 1 with its installed profiles, and the transaction 7."""
    base = next((one.limit_ma for one in profiles if one.stack_level == 0), None)
    working = next((one for one in profiles if one.stack_level > 0), None)
    in_force = Installed(
        base,
        None if working is None else working.limit_ma,
        None if working is None else working.ends_ms,
        NOW_MS - 60_000,
    )
    session = Session(7, NOW_MS - 300_000) if charges else None
    return Connector(("garage", 1), session=session, installed=in_force)._replace(**more)


def point(limit_ma: int | None, base_ma: int | None = 6_000) -> SetPoint:
    return SetPoint(("garage", 1), limit_ma, base_ma, "follows", Reason("base"))


def wanted(
    set_point: SetPoint | None, *profiles: InstalledProfile, **more: Any
) -> list[tuple[int, str, object]]:
    """Return rank, action and limit, or the id of a profile to clear, of each Call."""
    facts = charger(
        *profiles,
        choice=more.pop("choice", PLAIN),
        booted_ms=more.pop("booted_ms", 0),
    )._replace(unanswered=more.pop("unanswered", ()))
    calls = []
    for one in wanted_calls(facts, connector(*profiles, **more), set_point, NOW_MS):
        profile = one.payload.get("csChargingProfiles")
        value = one.payload.get("id")
        if profile is not None:
            value = profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
        calls.append((one.rank, one.action.removesuffix("ChargingProfile"), value))
    return calls


BASE_OF_6 = installed(BASE_VARIANT, 6_000)
WORKING_OF_16 = installed(WORKING_VARIANT, 16_000)


def test_a_charger_without_a_session_gets_its_base_once() -> None:
    assert wanted(point(None), charges=False) == [(REDUCTION, "Set", 6)]
    assert wanted(point(None), BASE_OF_6, charges=False) == []


def test_a_session_gets_a_working_limit_above_its_base() -> None:
    assert wanted(point(16_000), BASE_OF_6) == [(RAISE, "Set", 16)]
    assert wanted(point(0), BASE_OF_6) == [(REDUCTION, "Set", 0)]
    assert wanted(point(16_000), BASE_OF_6, WORKING_OF_16) == []


def test_a_car_that_charges_does_not_dip_to_a_new_base() -> None:
    assert wanted(point(16_000)) == [(REDUCTION, "Set", 6), (FIRST, "Set", 16)]
    assert wanted(point(0, 6_000)) == [(REDUCTION, "Set", 6), (REDUCTION, "Set", 0)]


def test_a_limit_that_is_in_force_lets_the_base_wait() -> None:
    assert wanted(point(16_000, 0), BASE_OF_6, WORKING_OF_16) == [(BASE, "Set", 0)]


def test_a_working_limit_is_sent_again_after_ten_minutes() -> None:
    old = WORKING_OF_16._replace(accepted_ms=NOW_MS - 599_000)
    assert wanted(point(16_000), BASE_OF_6, old) == []
    old = WORKING_OF_16._replace(accepted_ms=NOW_MS - 600_000)
    assert wanted(point(16_000), BASE_OF_6, old) == [(KEEP_ALIVE, "Set", 16)]


def test_a_working_limit_is_sent_again_after_the_clock_was_set_back() -> None:
    future = WORKING_OF_16._replace(accepted_ms=NOW_MS + 3_600_000, ends_ms=NOW_MS + 4_500_000)
    assert wanted(point(16_000), BASE_OF_6, future) == [(KEEP_ALIVE, "Set", 16)]
    # A tick begins before it reads.
    now = WORKING_OF_16._replace(accepted_ms=NOW_MS + 1_000, ends_ms=NOW_MS + 901_000)
    assert wanted(point(16_000), BASE_OF_6, now) == []


def test_a_working_limit_of_another_session_or_one_that_has_ended_does_not_count() -> None:
    other = WORKING_OF_16._replace(transaction_id=6)
    assert [one[1:] for one in wanted(point(16_000), BASE_OF_6, other)] == [("Set", 16)]
    ended = WORKING_OF_16._replace(ends_ms=NOW_MS)
    assert [one[1:] for one in wanted(point(16_000), BASE_OF_6, ended)] == [("Set", 16)]


def test_the_limit_of_a_session_is_cleared_after_it() -> None:
    variant = Variant("TxDefaultProfile", "Absolute", 1, "A")
    left = installed(variant, 16_000)
    calls = wanted(point(None), BASE_OF_6, left, charges=False)
    assert calls == [(BASE, "Clear", working_id(1))]


def test_a_late_session_gets_no_working_limit() -> None:
    late = Session(7, NOW_MS - 1_000, is_late=True)
    assert wanted(point(16_000), BASE_OF_6, session=late) == []


def test_without_a_set_point_only_our_profiles_are_cleared() -> None:
    by_hand = installed(BASE_VARIANT, 10_000, profile_id=1)
    assert wanted(None, by_hand) == []
    assert wanted(None, BASE_OF_6, WORKING_OF_16) == [
        (RAISE, "Clear", base_id(1)),
        (BASE, "Clear", working_id(1)),
    ]


@pytest.mark.parametrize("change", [{"firmware": "0"}, {"accepted_ms": NOW_MS - 700_000}])
def test_limits_are_sent_again_after_a_boot_or_an_update(change: dict[str, Any]) -> None:
    base = BASE_OF_6._replace(**change)
    calls = wanted(point(None), base, charges=False, booted_ms=NOW_MS - 650_000)
    assert calls == [(BASE, "Set", 6)]
    # A charger that boots at each reconnect is spared.
    frequent = wanted(point(None), base, charges=False, booted_ms=NOW_MS - 650_000, writes=100)
    assert frequent == ([] if "accepted_ms" in change else calls)


def in_doubt(profile: InstalledProfile) -> UnansweredProfile:
    return UnansweredProfile(*profile[:5], None, None, profile.transaction_id, None)


def test_limits_in_doubt_are_sent_again() -> None:
    base, working = in_doubt(BASE_OF_6), in_doubt(WORKING_OF_16)
    both = BASE_OF_6, WORKING_OF_16
    assert wanted(point(16_000), *both, unanswered=[base]) == [(BASE, "Set", 6)]
    assert wanted(point(16_000), *both, unanswered=[working]) == [(KEEP_ALIVE, "Set", 16)]
    one = profile_choice("ABB", "Terra", "1", Capabilities(max_installed=1))
    kept = installed(one.bases[0], 16_000)
    calls = wanted(point(16_000), kept, choice=one, unanswered=[in_doubt(kept)])
    assert [call[1:] for call in calls] == [("Set", 16)]


def test_a_limit_that_may_be_there_is_cleared() -> None:
    base, working = in_doubt(BASE_OF_6), in_doubt(WORKING_OF_16)
    assert wanted(None, unanswered=[base, working]) == [
        (RAISE, "Clear", base_id(1)),
        (BASE, "Clear", working_id(1)),
    ]


def test_a_refusal_at_another_connector_changes_no_limit() -> None:
    plain = charger()._replace(refused={2: frozenset(PLAIN.bases)})
    (call, _) = wanted_calls(plain, connector(), point(0), NOW_MS)
    assert call.connector_id == 1
    second = connector(charges=False)._replace(key=("garage", 2))
    assert [*wanted_calls(plain, second, point(None), NOW_MS)] == []


def test_one_profile_is_both_where_a_charger_takes_one_only() -> None:
    one = profile_choice("ABB", "Terra", "1", Capabilities(max_installed=1))
    assert one.keeps_last
    assert wanted(point(16_000), choice=one) == [(REDUCTION, "Set", 16)]
    (call,) = wanted_calls(charger(choice=one), connector(), point(16_000), NOW_MS)
    profile = call.payload["csChargingProfiles"]
    assert (profile["chargingProfileId"], profile["stackLevel"]) == (base_id(1), 0)
    assert "duration" not in profile["chargingSchedule"]
    kept = installed(one.bases[0], 16_000)
    assert wanted(point(None), kept, choice=one, charges=False) == [(REDUCTION, "Set", 6)]
    assert wanted(point(16_000), kept, choice=one) == []
    assert wanted(None, kept, choice=one) == [(RAISE, "Clear", base_id(1))]


def test_a_charger_that_refuses_all_gets_nothing() -> None:
    assert wanted(point(16_000), choice=ProfileChoice()) == []
    without_working = PLAIN._replace(working=())
    assert wanted(point(16_000), choice=without_working) == [(REDUCTION, "Set", 6)]


def test_a_working_profile_names_its_transaction_and_its_time() -> None:
    facts = charger(BASE_OF_6)
    (call,) = wanted_calls(facts, connector(BASE_OF_6, phases=(1,)), point(16_000), NOW_MS)
    profile = call.payload["csChargingProfiles"]
    assert profile["transactionId"] == 7
    assert profile["chargingSchedule"]["duration"] == 900
    assert profile["chargingSchedule"]["startSchedule"].startswith("2027-01-15T07:59:00")
    assert profile["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] == 1


@pytest.mark.parametrize("limit_ma", [6_000, 0])
def test_a_working_limit_below_the_base_outlasts_all_higher_ones(limit_ma: int) -> None:
    assert duration_s(limit_ma, 10_000) == 900 + 600


def duration_s(limit_ma: int, base_ma: int, **more: Any) -> int:
    """Return the duration of a working limit that is sent above this base."""
    base = installed(BASE_VARIANT, base_ma)
    facts, car = charger(base), connector(base, **more)
    (call,) = wanted_calls(facts, car, point(limit_ma, base_ma), NOW_MS)
    return int(call.payload["csChargingProfiles"]["chargingSchedule"]["duration"])


@pytest.mark.parametrize(
    ("base_ma", "wish"),
    [(0, Wish()), (6_000, Wish(SOLAR)), (6_000, Wish(FAST, Goal(0)))],
)
def test_a_pause_that_somebody_wants_lasts_for_hours(base_ma: int, wish: Wish) -> None:
    """It breaks no limit when the server is gone, and a night needs two of them."""
    base = installed(BASE_VARIANT, base_ma)
    pause = installed(WORKING_VARIANT, 0, ends_ms=NOW_MS + 43_000_000)
    assert wanted(point(0, base_ma), base, pause, wish=wish) == []
    old = pause._replace(accepted_ms=NOW_MS - 28_800_000)
    assert wanted(point(0, base_ma), base, old, wish=wish) == [(KEEP_ALIVE, "Set", 0)]
    if base_ma:
        assert duration_s(0, base_ma, wish=wish) == 12 * 3_600


def test_a_car_that_waits_for_its_turn_has_its_base_soon_after_the_server_is_gone() -> None:
    pause = installed(WORKING_VARIANT, 0, ends_ms=NOW_MS + 43_000_000)
    assert wanted(point(0), BASE_OF_6, pause) == []
    # That of a car whose mode was another one is replaced.
    old = pause._replace(accepted_ms=NOW_MS - 600_000)
    assert wanted(point(0), BASE_OF_6, old) == [(KEEP_ALIVE, "Set", 0)]
    assert duration_s(0, 6_000) == 900 + 600


def test_a_short_pause_that_becomes_a_long_one_is_sent_again_before_it_ends() -> None:
    pause = installed(WORKING_VARIANT, 0, ends_ms=NOW_MS + 180_000)
    calls = wanted(point(0), BASE_OF_6, pause, wish=Wish(SOLAR))
    assert calls == [(KEEP_ALIVE, "Set", 0)]
    soon = pause._replace(ends_ms=NOW_MS + 181_000)
    assert wanted(point(0), BASE_OF_6, soon, wish=Wish(SOLAR)) == []
