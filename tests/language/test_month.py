"""Tests of the month: its spellings, its neighbours, and its time in a zone."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.language.month import Month, months_of, months_up_to

BERLIN = ZoneInfo("Europe/Berlin")

MONTHS = st.builds(Month, st.integers(2000, 2099), st.integers(1, 12))
ZONES = st.sampled_from(
    ("Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati", "Asia/Kathmandu")
).map(ZoneInfo)


@given(MONTHS)
def test_a_month_comes_back_from_its_name(month: Month) -> None:
    assert Month.parse(month.name) == month
    assert month.slashed == month.name.replace("-", "/")


@given(MONTHS, MONTHS)
def test_names_sort_like_months(one: Month, other: Month) -> None:
    assert (one < other) == (one.name < other.name)


@given(MONTHS)
def test_months_follow_each_other_without_a_gap(month: Month) -> None:
    assert month.last_day + timedelta(days=1) == month.next().first_day
    assert month.last_day.day == (month.next().first_day - month.first_day).days


@given(MONTHS, ZONES)
def test_a_month_contains_its_moments_until_its_end(month: Month, zone: ZoneInfo) -> None:
    begin_ms = int(month.begin(zone).timestamp() * 1000)
    end_ms = int(month.end(zone).timestamp() * 1000)
    assert Month.of_moment(begin_ms, zone) == Month.of_moment(end_ms - 1, zone) == month
    assert Month.of_moment(end_ms, zone) == month.next()
    assert [month.is_over(moment_ms, zone) for moment_ms in (begin_ms, end_ms - 1, end_ms)] == [
        *(False, False, True),
    ]


@pytest.mark.parametrize(
    ("zone_name", "name"),
    [("Europe/Berlin", "2026-11"), ("America/New_York", "2026-10"), ("UTC", "2026-10")],
)
def test_a_moment_lies_in_the_month_of_local_time(zone_name: str, name: str) -> None:
    moment_ms = 1_793_489_400_000  # 2026-10-31T23:30:00Z
    assert Month.of_moment(moment_ms, ZoneInfo(zone_name)).name == name


def test_a_month_ends_an_hour_late_where_the_clock_was_set_back() -> None:
    """October in Berlin has 31 days and an hour."""
    october = Month(2026, 10)
    length_s = october.end(BERLIN).timestamp() - october.begin(BERLIN).timestamp()
    assert length_s == 31 * 86_400 + 3_600


def test_december_ends_with_the_year() -> None:
    december = Month(2026, 12)
    assert (december.next(), december.last_day) == (Month(2027, 1), date(2026, 12, 31))
    assert months_of(2026)[-1] == december
    assert len(months_of(2026)) == 12


@given(MONTHS)
def test_the_months_up_to_one_follow_each_other(month: Month) -> None:
    months = months_up_to(month, 14)
    assert [each.next() for each in months[:-1]] == months[1:]
    assert [each.next().previous() for each in months] == months
    assert (months[-1], len(months)) == (month, 14)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-9", "2026-13", "2026-00", "26-09", "2026-09-01"]
)
def test_no_other_text_is_a_month(text: str) -> None:
    with pytest.raises(ValueError, match=f"^'{text}' is not a month such as 2026-09$"):
        Month.parse(text)


def test_months_have_names_in_both_languages() -> None:
    months = Month(2026, 1), Month(2026, 3), Month(2026, 12)
    assert [month.spelled("de") for month in months] == ["Januar", "März", "Dezember"]
    assert Month(2026, 10).spelled("en") == "October"
