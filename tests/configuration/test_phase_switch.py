"""The key phase_switch of charge_points.json: no, yes, or the means by hand."""

import json
from typing import Any

import pytest

from shocpp.charger_models.phase_switching import NUMBER_PHASES, Means
from shocpp.configuration.charge_points import parse_allowlist
from shocpp.configuration.power.phase_switch import PhaseSwitch
from shocpp.errors import ConfigError

KEY = {"key": "PhaseMode", "one": "1", "three": "3"}
TRANSFER = {"vendor_id": "maker", "message_id": "Phases", "one": '{"n": 1}', "three": '{"n": 3}'}


def phase_switch(value: object, **keys: object) -> PhaseSwitch | None:
    """Return the switching of the only entry of a file."""
    entry = {"auth": "none", "phase_switch": value} | keys
    allowlist = parse_allowlist(json.dumps({"garage": entry}), "conf/charge_points.json")
    found = allowlist.entry("garage")
    assert found is not None
    return found.power.phase_switch


def test_nothing_is_switched_unless_the_operator_says_so() -> None:
    allowlist = parse_allowlist('{"garage": {"auth": "none"}}', "x")
    entry = allowlist.entry("garage")
    assert entry is not None
    assert entry.power.phase_switch is None
    assert phase_switch(False) is None
    assert phase_switch(False, phases=1) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, PhaseSwitch()),
        ({}, PhaseSwitch()),
        ({"pause_s": 300}, PhaseSwitch(None, 300)),
        ({"means": "number_phases"}, PhaseSwitch(NUMBER_PHASES)),
        ({"means": KEY, "comment": "by mail"}, PhaseSwitch(Means("PhaseMode"))),
        (
            {"means": TRANSFER, "pause_s": 60},
            PhaseSwitch(Means(None, "maker", "Phases", '{"n": 1}', '{"n": 3}'), 60),
        ),
    ],
)
def test_the_means_are_those_of_the_vendor_or_by_hand(value: object, expected: PhaseSwitch) -> None:
    assert phase_switch(value) == expected


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("yes", "'garage': phase_switch must be true, false or an object, not 'yes'"),
        (1, "phase_switch must be true, false or an object, not 1"),
        (None, "phase_switch must be true, false or an object, not None"),
        ({"pause": 60}, "phase_switch: 'pause' is unknown; there are means, pause_s, comment"),
        ({"pause_s": 59}, "pause_s must be a whole number 60..900, not 59"),
        ({"pause_s": True}, "pause_s must be a whole number 60..900, not True"),
        ({"means": "numberPhases"}, 'means must be "number_phases", an object with key'),
        ({"means": {}}, 'means must be "number_phases", an object with key'),
        ({"means": KEY | {"message_id": "x"}}, "means: 'message_id' is unknown"),
        ({"means": KEY | {"one": 1}}, "means: one must be a text of 1..500 characters, not 1"),
        ({"means": KEY | {"key": ""}}, "means: key must be a text of 1..50 characters, not ''"),
        ({"means": KEY | {"three": "1"}}, "one and three must differ, not both be '1'"),
        ({"means": {"vendor_id": "maker", "one": "1"}}, "three must be a text of 1..500"),
    ],
)
def test_an_error_names_the_charger_and_the_key(value: object, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        phase_switch(value)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("value", [True, {"means": "number_phases"}])
def test_a_charger_on_one_phase_has_none_to_switch(value: Any) -> None:
    with pytest.raises(ConfigError, match="a charger with phases 1 has none to switch"):
        phase_switch(value, phases=1)
