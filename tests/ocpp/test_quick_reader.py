"""Tests of the quick reader: it gives the same results as the thorough one, or none at all."""

import json
import os
import subprocess
import sys
from datetime import timedelta, timezone, tzinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ocpp.actions import CallContext, meter_values
from shocpp.ocpp.connection import Connection, Reported
from shocpp.ocpp.facts import MeterValuesReported, Reading
from shocpp.ocpp.fields.of_ocpp_2 import is_of_ocpp_2
from shocpp.ocpp.frames import Call, decode_thoroughly, parse
from shocpp.ocpp.quick.structures import DEEPEST, decode_plain, plain_meter_values
from shocpp.ocpp.stored.long_lists import SHORTEST_TEXT
from tests.world.machine import ROOT
from tests.world.odd_readings import OddReadings

MORNING = "2023-09-03T07:52:10Z"
MORNING_MS = 1_693_727_530_000
PLAIN = {
    "connectorId": 1,
    "transactionId": 7,
    "meterValue": [
        {
            "timestamp": MORNING,
            "sampledValue": [
                {"value": "9042.5", "unit": "kWh", "context": "Sample.Periodic", "format": "Raw"},
                {"value": "7360", "measurand": "Power.Active.Import", "location": "Outlet"},
                {"value": "16", "measurand": "Current.Import", "phase": "L1"},
            ],
        }
    ],
}
FACT = MeterValuesReported(1, 7, (Reading(MORNING_MS, 9_042_500, 7_360, "Outlet", "Outlet"),))


def call(payload: object) -> str:
    """Return a Call of MeterValues."""
    return json.dumps([2, "u", "MeterValues", payload], ensure_ascii=False)


def sample(**members: object) -> dict[str, Any]:
    """Return plain MeterValues, but for one sample."""
    return PLAIN | {"meterValue": [{"timestamp": MORNING, "sampledValue": [members]}]}


def assert_read_alike(text: str, zone: tzinfo | None = None) -> bool:
    """Assert that the quick results are the thorough ones; return True if they are MeterValues."""
    thorough: Any
    try:
        thorough = decode_thoroughly(text)
    except (ValueError, RecursionError):
        thorough = None
    try:
        quick = decode_plain(text)
    except (ValueError, RecursionError):
        pass
    else:
        # A representation tells 1 from 1.0, 0.0 from -0.0, and the order of members.
        assert repr(quick) == repr(thorough), text
    plain = plain_meter_values(text, zone)
    if plain is None:
        return False
    assert isinstance(thorough, list), text
    kind, unique_id, action, payload = thorough
    assert (kind, unique_id, action) == (2, plain[0], "MeterValues"), text
    assert not is_of_ocpp_2(action, payload), text
    answer = meter_values(payload, CallContext(0, 0, zone))
    assert (repr(plain[1]), {}) == (repr(answer.fact), answer.confirmation), text
    return True


# -- MeterValues ----------------------------------------------------------------------------------


def test_plain_meter_values_are_read_quickly() -> None:
    assert plain_meter_values(call(PLAIN), None) == ("u", FACT)
    assert assert_read_alike(call(PLAIN))


def test_both_ways_give_one_event() -> None:
    event = Connection(55).receive(call(PLAIN), 0)
    assert event == Reported("MeterValues", "u", FACT, {})
    assert event == Connection(55).receive(call(PLAIN | {"of a vendor": 1}), 0)


def test_a_time_without_an_offset_is_in_the_zone() -> None:
    text = call(PLAIN).replace("Z", "")
    assert assert_read_alike(text, timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    "payload",
    [
        PLAIN | {"transactionId": None},
        {name: value for name, value in PLAIN.items() if name != "transactionId"},
        PLAIN | {"meterValue": []},
        PLAIN | {"meterValue": [{"timestamp": "x", "sampledValue": []}]},
        sample(value="", measurand=None, unit=None, format=None),
    ],
)
def test_what_may_be_absent_is_plain(payload: object) -> None:
    assert assert_read_alike(call(payload))


@pytest.mark.parametrize(
    "payload",
    [
        *(PLAIN | {"connectorId": value} for value in (-1, 2**31, 1.0, "1", None, True)),
        *(PLAIN | {"transactionId": value} for value in (2**62, -(2**62), 7.0, 7.5, "7", True)),
        PLAIN | {"meterValue": None},
        PLAIN | {"evseId": 1},
        *(sample(value=value) for value in (1, 1.5, None, "9" * 41, {"signedMeterData": "x"})),
        *(sample(value="1", format=word) for word in ("SignedData", "signed", "raw", "")),
        *(sample(value="1", unit=word) for word in ("KWH", " kWh", "", 7, [])),
        sample(value="1", phase="l1"),
        *(sample(value="1", context=f"Transaction.{word}") for word in ("Begin", "End", "begin")),
        sample(value="1", location="Grid"),
        sample(value="1", measurand=""),
        sample(value="1", extra="of a vendor"),
        sample(measurand="Voltage"),
        {"meterValue": []},
    ],
)
def test_odd_meter_values_go_the_thorough_way(payload: object) -> None:
    text = call(payload)
    assert plain_meter_values(text, None) is None
    assert not assert_read_alike(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        '[2,"u","Heartbeat",{}]',
        call(PLAIN)[:-1],
        call(PLAIN).replace('"u"', "7"),
        call(PLAIN).replace('"u"', '"\\u0075"'),
        call(PLAIN).replace("[2,", "[3,"),
        call(PLAIN)[:-1] + ",1]",
        " " * 100 + call(PLAIN),
        "\ufeff" + call(PLAIN),
        call(PLAIN).replace("Outlet", "Out\tlet"),
        call(PLAIN).replace("Outlet", "\ud800"),
    ],
)
def test_other_texts_are_no_plain_meter_values(text: str) -> None:
    assert plain_meter_values(text, None) is None
    assert_read_alike(text)


def test_the_last_of_two_members_counts_for_both() -> None:
    assert assert_read_alike(
        call(PLAIN).replace('"connectorId": 1', '"connectorId":2,"connectorId":1')
    )
    assert assert_read_alike(call(PLAIN).replace('"value": "7360"', '"value":"1","value":"7360"'))


def test_a_long_text_goes_the_thorough_way() -> None:
    """Endless lists are shortened there."""
    entries = PLAIN["meterValue"] * 10_001
    text = call(PLAIN | {"meterValue": entries})
    assert len(text) > SHORTEST_TEXT
    event = Connection(55).receive(text, 0)
    assert isinstance(event, Reported)
    assert event.short_text is not None


@given(st.integers(0, 2**32))
def test_odd_readings_are_read_alike(seed: int) -> None:
    texts = OddReadings(seed)
    for _ in range(10):
        assert_read_alike(texts.text())


def test_many_odd_readings_are_read_alike_and_a_good_part_of_them_is_plain() -> None:
    texts = OddReadings(0)
    assert 300 < sum(assert_read_alike(texts.text()) for _ in range(2_000)) < 1_700


# -- any JSON -------------------------------------------------------------------------------------

NUMBERS = [
    *("0", "-0", "-0.0", "1.0", "1E5", "1e-400", "0.1", "1.7976931348623157e308", "5e-324"),
    *("9" * 20, "9" * 40, "9" * 41, "9" * 4300, str(2**64), str(-(2**63) - 1), "123456789.1"),
    *("9007199254740993.0", "0.1000000000000000055511151231257827021181583404541015625", "1e22"),
]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_is_the_same_number(number: str) -> None:
    assert repr(decode_plain(f"[{number}]")) == repr(decode_thoroughly(f"[{number}]"))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "[1e400]",
            "[NaN]",
            "[-Infinity]",
            f"[{'9' * 4301}]",
            '["a\x1fb"]',
            '{"a\0":1}',
            "\ufeff[]",
        ),
        *(
            '["\\u0041"]',
            '["\\n"]',
            '["\\ud800"]',
            '["\ud800"]',
            "[" * 101 + "]" * 101,
            "[" * 50_000,
        ),
        *("", "[1", "[1,]", "[01]", "[+1]", "[1]x", "{1:2}", "['a']", "[1]\0", "\xa0[1]"),
    ],
)
def test_a_text_that_is_not_plain_raises(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        decode_plain(text)


def test_texts_up_to_the_deepest_are_plain() -> None:
    text = "[" * DEEPEST + "]" * DEEPEST
    assert decode_plain(text) == decode_thoroughly(text)


def test_the_last_of_two_members_counts_at_the_place_of_the_first() -> None:
    payload = parse('[2,"u","x",{"a":1,"b":2,"a":3}]')
    assert isinstance(payload, Call)
    assert [*payload.payload.items()] == [("a", 3), ("b", 2)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.booleans())
def test_any_json_is_read_alike(value: object, is_ascii: bool) -> None:
    assert_read_alike(json.dumps(value, ensure_ascii=is_ascii))


@given(st.text(st.sampled_from('[]{}",:0123456789.eE+-tfn \\\n\x00é'), max_size=40))
def test_any_text_is_read_alike(text: str) -> None:
    assert_read_alike(text)


# -- without msgspec ------------------------------------------------------------------------------

EVENTS = """
import sys
from shocpp.ocpp.connection import Connection
from tests.world.fuzzing import Mutator
from tests.world.odd_readings import OddReadings
mutator, odd, connection = Mutator(5), OddReadings(5), Connection(55)
for number in range(600):
    if number % 20 == 0:
        connection = Connection(55)
    for text in (mutator.frame(), odd.text()):
        print(ascii(connection.receive(text, 1_700_000_000_000)))
print(sys.modules.get("msgspec") is not None)
"""


def events(*before: str) -> list[str]:
    """Return the events of many texts, printed by a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*before, EVENTS])],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


def test_without_msgspec_all_texts_make_the_same_events() -> None:
    *with_it, is_there = events()
    *without_it, is_there_too = events("import sys", "sys.modules['msgspec'] = None")
    assert with_it == without_it
    assert (len(with_it), is_there) == (1_200, "True")
    assert is_there_too == "False"
