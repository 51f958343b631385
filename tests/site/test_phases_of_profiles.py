"""The number of phases in the profiles of a charger, whatever their form."""

from typing import Any

import pytest

from shocpp.charger_models.charging_profiles import Capabilities, ProfileChoice, profile_choice
from shocpp.charger_models.phase_switching import NUMBER_PHASES, Means, Ways
from shocpp.configuration.power.keys import ProfileOverride
from shocpp.energy.model import Connector, Installed, Reason, Session, SetPoint, Switching
from shocpp.ocpp.charging_profiles import base_id, working_id
from shocpp.site.facts.charger import ChargerFacts
from shocpp.site.profiles import BASE, COMMAND, wanted_calls
from shocpp.store.site.chargers import SiteCharger
from shocpp.store.site.profiles import InstalledProfile

NOW_MS = 1_800_000_000_000
KEY = Means(key="Phases")


def choice(**stated: Any) -> ProfileChoice:
    return profile_choice("maker", "model", "1", Capabilities(), ProfileOverride(**stated))


def installed(limit_ma: int, phases: int, variant: Any, *, is_base: bool) -> InstalledProfile:
    return InstalledProfile(
        "garage",
        1,
        *(variant.purpose, variant.stack_level, base_id(1) if is_base else working_id(1)),
        *(variant.kind, variant.unit, limit_ma, 7 if variant.purpose == "TxProfile" else None),
        *(NOW_MS - 60_000, None if is_base else NOW_MS + 800_000, "1", NOW_MS - 60_000, phases),
    )


def wanted(
    of: ProfileChoice,
    means: Means,
    phases: int,
    *,
    commanded: int | None = None,
    charges: bool = True,
    installed_phases: int = 3,
) -> list[tuple[int, str, Any, Any]]:
    """Return rank, action, numberPhases (or the value) and limit at 0 A with these phases."""
    base, working = of.bases[0], of.working[0]
    is_single = (base.purpose, base.stack_level) == (working.purpose, working.stack_level)
    profiles = [installed(0 if is_single else 6_000, installed_phases, base, is_base=True)]
    if charges and not is_single:
        profiles.append(installed(0, installed_phases, working, is_base=False))
    row = SiteCharger(1, "garage", "maker", "model", "1", 0, NOW_MS - 600_000, NOW_MS)
    facts = ChargerFacts(row, of, profiles, has_configuration=True, ways=Ways(means))
    connector = Connector(
        ("garage", 1),
        session=Session(7, NOW_MS - 600_000) if charges else None,
        installed=Installed(6_000, 0 if charges else None, None, NOW_MS - 60_000),
        switching=Switching(commanded=commanded),
    )
    limit_ma = 0 if charges else None
    base_ma = 0 if is_single and not charges else 6_000
    point = SetPoint(("garage", 1), limit_ma, base_ma, "follows", Reason("base"), phases=phases)
    found = []
    for one in wanted_calls(facts, connector, point, NOW_MS):
        if one.action != "SetChargingProfile":
            found.append((one.rank, one.action, one.payload["value"], None))
            continue
        (period,) = one.payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
        found.append((one.rank, one.action, period.get("numberPhases"), period["limit"]))
    return found


SET = "SetChargingProfile"


def test_the_working_limit_is_the_command_and_the_base_follows_it() -> None:
    assert wanted(choice(), NUMBER_PHASES, 1) == [(COMMAND, SET, 1, 0)]
    after = wanted(choice(), NUMBER_PHASES, 1, commanded=1)
    assert (BASE, SET, 1, 6) in after
    assert wanted(choice(), NUMBER_PHASES, 1, commanded=1, installed_phases=1) == []


def test_without_a_session_the_base_is_the_command() -> None:
    assert wanted(choice(), NUMBER_PHASES, 1, charges=False) == [(COMMAND, SET, 1, 6)]


def test_the_one_profile_of_a_charger_is_the_command() -> None:
    of = choice(purpose="TxDefaultProfile", stack_level=0)
    assert of.keeps_last
    assert wanted(of, NUMBER_PHASES, 1) == [(COMMAND, SET, 1, 0)]


def test_a_key_is_sent_once_and_a_limit_in_a_says_nothing_of_phases() -> None:
    command = (COMMAND, "ChangeConfiguration", "1", None)
    assert wanted(choice(unit="A"), KEY, 1) == [command]
    assert wanted(choice(unit="A"), KEY, 1, commanded=1) == []
    assert wanted(choice(unit="A"), KEY, 3, commanded=1) == [(*command[:2], "3", None)]


def test_a_limit_in_w_is_the_sum_of_the_phases_in_use() -> None:
    after = wanted(choice(unit="W"), KEY, 1, commanded=1)
    assert (BASE, SET, 1, 6 * 230) in after


@pytest.mark.parametrize("means", [NUMBER_PHASES, KEY])
def test_nothing_is_sent_while_nothing_is_to_change(means: Means) -> None:
    assert wanted(choice(), means, 3) == []
    assert wanted(choice(), means, 3, commanded=3) == []
