"""Messages of MQTT as readings of the meter: devices of a day, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.configuration.site.conf import parse_site
from shocpp.configuration.site.meter_source import SiteMeter
from shocpp.energy.model import VOLT
from shocpp.errors import UsageError
from shocpp.site.inputs.messages import message_currents, record_message
from shocpp.store.database import open_database
from shocpp.store.site import readings
from tests.world.home import Home
from tests.world.power.readers import SHELLY_TOPIC, TASMOTA_TOPIC, shelly_day, tasmota_day


def meter(topic: str = "haus/meter", **members: Any) -> SiteMeter:
    """Return the meter of a site.json."""
    conf = parse_site(json.dumps({"limit_a": 35, "meter": {"mqtt": topic, **members}}), "it", None)
    assert conf.meter is not None
    return conf.meter


# --- devices ---


def test_each_message_of_a_shellys_day_has_the_power_of_each_phase() -> None:
    shelly = meter(SHELLY_TOPIC, paths=[f"{phase}_act_power" for phase in "abc"])
    count = 0
    for read in shelly_day():
        if read.watts is None:
            with pytest.raises(UsageError, match="a_act_power is no number but None"):
                message_currents(shelly, read.payload)
        else:
            count += 1
            for watts, current_ma in zip(
                read.watts, message_currents(shelly, read.payload), strict=True
            ):
                assert current_ma == pytest.approx(1000 * watts / VOLT, abs=1)
    assert count == 1_438


def test_each_message_of_a_tasmotas_day_has_the_power_of_all_phases() -> None:
    tasmota = meter(TASMOTA_TOPIC, path="SML.Power_curr", split=[0.5, 0.25, 0.25])
    count = 0
    for read in tasmota_day():
        if read.watts is None:
            with pytest.raises(UsageError, match="there is no 'SML' in the document"):
                message_currents(tasmota, read.payload)
        else:
            count += 1
            sum_ma = 1000 * sum(read.watts) / VOLT
            currents_ma = message_currents(tasmota, read.payload)
            assert currents_ma[0] == pytest.approx(sum_ma / 2, abs=4)
            assert sum(currents_ma) == pytest.approx(sum_ma, abs=6)
    assert count == 1_436


def test_a_message_may_be_a_number_alone() -> None:
    assert message_currents(meter(), b"2300") == (10_000, 10_000, 10_000)
    assert message_currents(meter(unit="A"), b" -1.5\n") == (-1_500, -1_500, -1_500)
    # Programs send numbers as texts of JSON, too.
    assert message_currents(meter(), b'"230"') == (1_000, 1_000, 1_000)
    assert message_currents(meter(factor=1000), b"0.23") == (1_000, 1_000, 1_000)


# --- refused messages ---


@pytest.mark.parametrize(
    ("members", "payload", "sentence"),
    [
        ({}, b"", "the message is no JSON and no number but ''"),
        ({}, b"1,5", "the message is no JSON and no number but '1,5'"),
        ({}, b'"1,5"', "the message is no number but '1,5'"),
        ({}, b"NaN", "the message is no number but nan"),
        ({}, b"-Infinity", "the message is no number but -inf"),
        ({}, b'"nan"', "the message is no number but 'nan'"),
        ({}, b"null", "the message is no number but None"),
        ({}, b"true", "the message is no number but True"),
        ({}, b"unavailable", "the message is no JSON and no number but 'unavailable'"),
        ({}, b"{}", "the message is no number but {}"),
        ({}, b"\xff\xfe1\x00", "the message is no UTF-8"),
        ({}, b"1" * 70_000, "the message has more than 64 KiB"),
        ({}, b"[" * 50_000, "the message is no JSON and no number but '[[["),
        ({}, b"9e99", "the reading has more than 10000 A; check the unit"),
        ({"unit": "A"}, b"23000", "the reading has more than 10000 A; check the unit"),
        ({"path": "w"}, b"<html><body>1</body></html>", "the message is no JSON and no number but"),
        ({"path": "w"}, b'{"power": 5}', "w: there is no 'w' in the document"),
        ({"path": "w"}, b'{"w": null}', "w is no number but None"),
        ({"path": "w"}, b'{"w": NaN}', "w is no number but nan"),
        ({"path": "w"}, b'{"w": "1,5"}', "w is no number but '1,5'"),
        ({"path": "w"}, b"5", "w: there is no 'w' in the document"),
        ({"paths": ["a", "b", "c"]}, b'{"a": 1, "b": 2}', "c: there is no 'c' in the document"),
    ],
)
def test_a_message_without_a_reading_is_refused_with_its_reason(
    members: dict[str, Any], payload: bytes, sentence: str
) -> None:
    with pytest.raises(UsageError) as refused:
        message_currents(meter(**members), payload)
    assert str(refused.value).startswith(sentence)
    assert str(refused.value).isprintable()


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_message_is_a_reading_or_is_refused(payload: bytes) -> None:
    try:
        currents_ma = message_currents(meter(), payload)
    except UsageError as error:
        sentence = str(error)
    else:
        sentence = "a reading"
        assert all(abs(current_ma) <= 10_000_000 for current_ma in currents_ma)
    assert sentence.isprintable()


def test_a_reading_is_stored_with_the_time_of_its_message(migrated_home: Home) -> None:
    with open_database(migrated_home.database) as db:
        record_message(
            db, migrated_home.settings, meter(path="w"), b'{"w": 460}', 1_800_000_000_000
        )
        with pytest.raises(UsageError):
            record_message(db, migrated_home.settings, meter(path="w"), b"{}", 1_800_000_000_000)
        stored = readings.newest(db)
    assert stored == (1_800_000_000_000, (2_000, 2_000, 2_000), True)
