"""The keys of charge_points.json about current: what a charger's limits depend on."""

import json
from pathlib import Path

import pytest

from shocpp.configuration.charge_points import parse_allowlist
from shocpp.configuration.editing.charge_points import set_charger
from shocpp.configuration.power import keys
from shocpp.configuration.power.keys import Power, ProfileOverride
from shocpp.energy import model
from shocpp.errors import ConfigError

NONE = {"auth": "none"}


def power(**stated: object) -> Power:
    """Return the properties of the only entry of a file."""
    allowlist = parse_allowlist(json.dumps({"garage": NONE | stated}), "conf/charge_points.json")
    entry = allowlist.entry("garage")
    assert entry is not None
    return entry.power


def test_a_charger_without_keys_has_three_phases_and_32_a() -> None:
    assert power() == Power((0, 1, 2), 6_000, 32_000, 0, False, ProfileOverride())


def test_least_current_and_phases_are_those_of_the_controller() -> None:
    assert keys.LEAST_A * 1000 == model.LEAST_MA
    assert keys.ALL_PHASES == model.ALL_PHASES
    defaults = model.Connector(("garage", 1))
    assert Power()[:4] == (defaults.phases, defaults.min_ma, defaults.max_ma, defaults.priority)


def test_every_key_is_read() -> None:
    profile = {"purpose": "TxDefaultProfile", "kind": "Relative", "stack_level": 0, "unit": "W"}
    stated = {"min_a": 8, "max_a": 16, "priority": 5, "follows_limits": True, "profile": profile}
    assert power(**stated) == Power(
        (0, 1, 2), 8_000, 16_000, 5, True, ProfileOverride("TxDefaultProfile", "Relative", 0, "W")
    )
    assert power(profile={"unit": "A"}).profile == ProfileOverride(unit="A")


@pytest.mark.parametrize(
    ("phases", "rotation", "of_site"),
    [
        (3, "L1L2L3", (0, 1, 2)),
        (3, "L2L3L1", (1, 2, 0)),
        (3, "L3L1L2", (2, 0, 1)),
        (3, "L1L3L2", (0, 2, 1)),
        (3, None, (0, 1, 2)),
        (1, "L2", (1,)),
        (1, "L3", (2,)),
        (1, None, (0,)),
    ],
)
def test_the_rotation_gives_the_phases_of_the_site(
    phases: int, rotation: str | None, of_site: tuple[int, ...]
) -> None:
    wiring = {"phases": phases} | ({"rotation": rotation} if rotation else {})
    assert power(**wiring).phases == of_site


def test_the_entry_of_all_others_gives_them_its_properties() -> None:
    listed = parse_allowlist(json.dumps({"*": NONE | {"max_a": 16}}), "x")
    entry = listed.entry("anybody")
    assert entry is not None
    assert entry.power.max_ma == 16_000


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"phases": 2}, "'garage': phases must be 1 or 3, not 2"),
        ({"phases": True}, "phases must be 1 or 3, not True"),
        ({"phases": []}, "phases must be 1 or 3, not []"),
        ({"rotation": "L1L1L2"}, "rotation must be one of L1L2L3, L1L3L2, L2L1L3, L2L3L1, L3L1L2"),
        ({"rotation": "L2"}, "not 'L2' (for a charger on one phase write \"phases\": 1, too)"),
        ({"phases": 1, "rotation": "L1L2L3"}, "rotation must be one of L1, L2, L3, not 'L1L2L3'"),
        ({"rotation": ["L1"]}, "rotation must be one of"),
        ({"min_a": 5}, "'garage': min_a must be a whole number 6..32, not 5"),
        ({"min_a": 33}, "min_a must be a whole number 6..32, not 33"),
        ({"max_a": 5}, "'garage': max_a must be a whole number 6..80, not 5"),
        ({"max_a": 81}, "max_a must be a whole number 6..80, not 81"),
        ({"max_a": 16.5}, "max_a must be a whole number 6..80, not 16.5"),
        ({"min_a": 10, "max_a": 8}, "'garage': min_a 10 is above max_a 8; lower it"),
        ({"priority": 101}, "'garage': priority must be a whole number 0..100, not 101"),
        ({"priority": True}, "priority must be a whole number 0..100, not True"),
        ({"follows_limits": "yes"}, "'garage': follows_limits must be true or false, not 'yes'"),
        ({"profile": "W"}, "'garage': profile must be an object, not 'W'"),
        ({"profile": {"level": 1}}, "'garage': profile: 'level' is unknown; there are purpose"),
        (
            {"profile": {"purpose": "ChargePointMaxProfile"}},
            "profile, purpose must be TxProfile or TxDefaultProfile, not 'ChargePointMaxProfile'",
        ),
        ({"profile": {"kind": "Recurring"}}, "profile, kind must be Absolute or Relative, not 'Re"),
        ({"profile": {"unit": "kW"}}, "'garage': profile, unit must be A or W, not 'kW'"),
        ({"profile": {"unit": None}}, "profile, unit must be A or W, not None"),
        ({"profile": {"stack_level": -1}}, "profile, stack_level must be a whole number 0..100"),
        ({"profile": {"stack_level": None}}, "stack_level must be a whole number 0..100, not None"),
    ],
)
def test_an_error_names_the_charger_and_the_key(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        power(**wrong)
    assert sentence in str(refused.value)


def test_a_change_of_a_name_keeps_these_keys(tmp_path: Path) -> None:
    path = tmp_path / "charge_points.json"
    stated = {"phases": 1, "rotation": "L2", "max_a": 16, "profile": {"unit": "W"}}
    path.write_text(json.dumps({"garage": NONE | stated}))
    set_charger(path, "garage", {"name": "Stellplatz 4"})
    assert json.loads(path.read_text()) == {"garage": NONE | stated | {"name": "Stellplatz 4"}}
