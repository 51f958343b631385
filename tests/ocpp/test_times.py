"""Tests of timestamps: spellings of chargers, implausible times, and our own spelling."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ocpp.times import format_timestamp, parse_timestamp

BERLIN = ZoneInfo("Europe/Berlin")

MORNING_MS = 1_693_727_530_000  # 2023-09-03T07:52:10Z
FIRST_MS = 946_684_800_000
LAST_MS = 4_102_444_800_000


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2023-09-03T07:52:10Z", MORNING_MS),
        ("2023-09-03T07:52:10.000Z", MORNING_MS),
        ("2023-09-03T09:52:10+02:00", MORNING_MS),
        ("2023-09-03T05:22:10-02:30", MORNING_MS),
        ("2023-09-03T07:52:10.25Z", MORNING_MS + 250),
        ("2023-09-03T07:52:10.123456789Z", MORNING_MS + 123),
        ("2023-09-03t07:52:10z", MORNING_MS),
        (" 2023-09-03T07:52:10Z ", MORNING_MS),
        (" 2023-09-03t07:52:10.123456789z", MORNING_MS + 123),
        ("2023-09-03T07:52:10Z" + " " * 20, MORNING_MS),
        ("2023-09-03 07:52:10Z", MORNING_MS),
        ("2023-09-03", 1_693_699_200_000),
        ("2000-01-01T00:00:00Z", FIRST_MS),
        ("2099-12-31T23:59:59.999Z", LAST_MS - 1),
        ("2023-09-02T24:00:00Z", 1_693_699_200_000),
        ("2023-09-02T24:00:00.000Z", 1_693_699_200_000),
        ("2023-09-02 24:00", 1_693_699_200_000),
        ("2023-09-03T24:00:00+02:00", 1_693_778_400_000),
        ("2023-12-31T24:00:00Z", 1_704_067_200_000),
        ("2016-12-31T23:59:60Z", 1_483_228_799_999),
        ("2016-12-31T23:59:60.5Z", 1_483_228_799_999),
        ("2017-01-01T00:59:60+01:00", 1_483_228_799_999),
        (" 2023-09-03 07:52:60", MORNING_MS + 49_999),
    ],
)
def test_a_charger_writes_a_moment_in_many_ways(text: str, ms: int) -> None:
    assert parse_timestamp(text) == ms


def test_a_time_without_a_zone_is_utc() -> None:
    """Growatt THOR leaves it out."""
    assert parse_timestamp("2023-09-03T07:52:10") == MORNING_MS


def test_our_times_have_milliseconds_and_a_z() -> None:
    assert format_timestamp(MORNING_MS) == "2023-09-03T07:52:10.000Z"
    assert format_timestamp(MORNING_MS + 7) == "2023-09-03T07:52:10.007Z"
    assert format_timestamp(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "text",
    [
        None,
        True,
        1_693_727_530,
        ["2023-09-03T07:52:10Z"],
        "",
        "2023",
        "yesterday, at noon",
        "2023-09-31T07:52:10Z",
        "2023-09-03T25:52:10Z",
        "2023-09-03T07:52:61Z",
        "2023-09-03T24:00:01Z",
        "2023-09-03T24:30:00Z",
        "2023-09-03T25:00:00Z",
        "2023-09-03T24:60:00Z",
        "9999-12-31T24:00:00Z",
        "222222017-10-27T19:10:11Z",
        "2023-09-03T07:52:10Z" + " " * 21,
        "\u0662\u0660\u0662\u0663-09-03T07:52:10Z",
        "\ud800" * 20,
    ],
)
def test_a_value_that_is_no_time_is_none(text: object) -> None:
    assert parse_timestamp(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01T00:00:12Z",
        "1999-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00+23:59",
        "2100-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_a_time_before_2000_or_after_2099_is_none(text: str) -> None:
    """MicroOcpp says 1970 until its clock is set."""
    assert parse_timestamp(text) is None


@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    assert parse_timestamp(text) is None or FIRST_MS <= (parse_timestamp(text) or 0) < LAST_MS


@given(st.integers(FIRST_MS, LAST_MS - 1))
def test_our_timestamps_are_read_as_the_same_moment(ms: int) -> None:
    assert parse_timestamp(format_timestamp(ms)) == ms


@given(st.integers(FIRST_MS, LAST_MS - 1), st.timezones())
def test_every_zone_names_the_same_moment(ms: int, zone: tzinfo) -> None:
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(zone)
    assert parse_timestamp(moment.isoformat()) == ms


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2023-09-03T09:52:10", "2023-09-03T07:52:10.000Z"),
        ("2023-12-03 09:52:10.5", "2023-12-03T08:52:10.500Z"),
        ("2023-09-03T09:52:10Z", "2023-09-03T09:52:10.000Z"),
        ("2023-09-03T09:52:10-01:00", "2023-09-03T10:52:10.000Z"),
        ("2023-10-29T02:30:00", "2023-10-29T00:30:00.000Z"),  # the first of two
        ("2023-03-26T02:30:00", "2023-03-26T01:30:00.000Z"),  # skipped by the clock
    ],
)
def test_a_time_without_a_zone_is_in_the_zone_of_its_charger(text: str, utc: str) -> None:
    assert format_timestamp(parse_timestamp(text, BERLIN) or 0) == utc


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "1999-12-31T23:00"])
def test_an_implausible_time_is_none_in_a_zone_too(text: str) -> None:
    assert parse_timestamp(text, BERLIN) is None
