"""Topics: identities with any sign, there and back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.interfaces.mqtt.topics import (
    Command,
    charger_device,
    charger_status,
    command_filters,
    command_of,
    escaped,
    server_status,
    site_device,
    state_topic,
    unescaped,
)

IDENTITIES = st.text(min_size=1, max_size=255)


@given(IDENTITIES)
def test_an_escaped_identity_is_one_level_and_comes_back(identity: str) -> None:
    level = escaped(identity)
    # The signs that Home Assistant allows in ids, which neither `+` nor `#` nor `/` is.
    assert re.fullmatch(r"[A-Za-z0-9_-]+", level)
    assert unescaped(level) == identity


@given(st.sets(st.tuples(IDENTITIES, IDENTITIES), min_size=2, max_size=8))
def test_two_chargers_never_share_a_device(chargers: set[tuple[str, str]]) -> None:
    devices = {charger_device(prefix, identity) for prefix, identity in chargers}
    assert len(devices) == len(chargers)
    assert devices.isdisjoint(site_device(prefix) for prefix, _ in chargers)


@pytest.mark.parametrize(
    ("identity", "level"),
    [
        ("garage", "garage"),
        ("Box-7", "Box-7"),
        ("CP_1", "CP_5f1"),
        ("a.b", "a_2eb"),
        ("+#", "_2b_23"),
        ("Süd", "S_c3_bcd"),
    ],
)
def test_plain_signs_stay_and_others_are_hexadecimal(identity: str, level: str) -> None:
    assert escaped(identity) == level


@pytest.mark.parametrize("level", ["", "a b", "a_", "_4", "_41", "_ZZ", "_C3_BC", "_ff", "ü", "+"])
def test_a_level_that_nobody_escaped_means_no_charger(level: str) -> None:
    assert unescaped(level) is None


@given(IDENTITIES, st.sampled_from(["mode", "limit", "charge"]))
def test_the_topic_of_a_command_names_its_charger(identity: str, name: str) -> None:
    topic = f"{state_topic('haus/laden', identity, 3, name)}/set"
    assert command_of("haus/laden", topic) == Command(identity, "3", name)


@pytest.mark.parametrize(
    "topic",
    [
        "shocpp/garage/1/mode",
        "shocpp/garage/1/power/set",
        "shocpp/garage/mode/set",
        "shocpp/garage/1/mode/set/set",
        "other/garage/1/mode/set",
        "shocpp//1/mode/set",
        "shocpp/a b/1/mode/set",
        "",
    ],
)
def test_another_topic_is_no_command(topic: str) -> None:
    assert command_of("shocpp", topic) is None


def test_no_charger_can_take_a_topic_of_the_server() -> None:
    assert server_status("shocpp") != charger_status("shocpp", "site")
    assert command_filters("shocpp") == [
        "shocpp/+/+/mode/set",
        "shocpp/+/+/limit/set",
        "shocpp/+/+/charge/set",
    ]
