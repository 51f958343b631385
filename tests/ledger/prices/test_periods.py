"""The prices of a time: validity dates, hours of the day, and changes of the clock."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ledger.prices.periods import Period, Rate, Window, day_of, stretches

BERLIN = ZoneInfo("Europe/Berlin")
HT = Rate("own", "HT", "2026-01-01", 312_700, None, vat_included=False)
NT = HT._replace(rate="NT", microeuro_per_kwh=241_000)
NIGHT = Window(22 * 60, 6 * 60, NT)


def ms(text: str) -> int:
    """Return the moment of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def period(
    since: str, until: str | None = None, rate: Rate | None = HT, *windows: Window
) -> Period:
    """Return a period without fee and VAT."""
    end = None if until is None else date.fromisoformat(until)
    day = () if rate is None else day_of(rate, windows)
    assert day is not None
    return Period(date.fromisoformat(since), end, rate, windows, day, 0, None, False)


def prices_of(
    periods: list[Period],
    begin: str,
    end: str,
    flat_prices: dict[int, int] | None = None,
    zone: tzinfo = BERLIN,
) -> list[tuple[str, str | int]]:
    """Return the begin (UTC) and the price of each stretch: its name, its number, or "none"."""
    priced = stretches(periods, flat_prices or {}, ms(begin), ms(end), zone)
    assert priced[0].from_ms == ms(begin)
    assert priced[-1].until_ms == ms(end)
    assert all(stretch.from_ms % 60_000 == 0 for stretch in priced)
    assert all(a.until_ms == b.from_ms for a, b in pairwise(priced))
    return [
        (
            datetime.fromtimestamp(stretch.from_ms / 1000, UTC).strftime("%m-%dT%H:%M"),
            "none" if stretch.rate is None else stretch.rate.rate or stretch.rate.microeuro_per_kwh,
        )
        for stretch in priced
    ]


@given(
    at=st.dates(date(1970, 1, 2), date(2037, 12, 1)),
    zone=st.sampled_from(("Europe/Berlin", "Africa/Monrovia", "Asia/Kathmandu", "Australia/Eucla")),
)
def test_the_first_midnight_of_a_price_is_that_of_its_zone(at: date, zone: str) -> None:
    """Monrovia's clock changed by 44.5 minutes within an hour of UTC."""
    midnight_ms = int(datetime(at.year, at.month, at.day, tzinfo=ZoneInfo(zone)).timestamp()) * 1000
    begun = [period(at.isoformat())]
    first = stretches(begun, {}, midnight_ms - 1, midnight_ms + 1, ZoneInfo(zone))
    assert [stretch.rate for stretch in first] == [None, HT]


# --- validity ---


def test_one_price_is_one_stretch_of_any_length() -> None:
    assert prices_of([period("2026-01-01")], "2026-01-10T00:00", "2036-01-10T00:00") == [
        ("01-10T00:00", "HT")
    ]


def test_a_price_begins_at_local_midnight() -> None:
    """In Berlin, 2026-07-01 begins at 22:00 UTC of the day before."""
    later = HT._replace(rate="new")
    both = [period("2026-01-01", "2026-06-30"), period("2026-07-01", None, later)]
    assert prices_of(both, "2026-06-30T20:00", "2026-07-01T05:00") == [
        ("06-30T20:00", "HT"),
        ("06-30T22:00", "new"),
    ]


def test_a_span_that_ends_at_midnight_has_no_part_at_the_next_price() -> None:
    both = [period("2026-01-01", "2026-06-30"), period("2026-07-01", None, NT)]
    assert prices_of(both, "2026-06-30T20:00", "2026-06-30T22:00") == [("06-30T20:00", "HT")]
    assert prices_of(both, "2026-06-30T22:00", "2026-06-30T23:00") == [("06-30T22:00", "NT")]


def test_there_is_no_price_outside_the_periods() -> None:
    some = [period("2026-07-02", "2026-07-02"), period("2026-07-04", "2026-07-04", NT)]
    assert prices_of(some, "2026-07-01T00:00", "2026-07-06T00:00") == [
        ("07-01T00:00", "none"),
        ("07-01T22:00", "HT"),
        ("07-02T22:00", "none"),
        ("07-03T22:00", "NT"),
        ("07-04T22:00", "none"),
    ]
    assert prices_of([], "2026-07-01T00:00", "2026-07-06T00:00") == [("07-01T00:00", "none")]


def test_a_period_knows_its_years_and_its_days() -> None:
    until_march, on = period("2026-01-01", "2027-03-31"), period("2026-06-15")
    assert list(until_march.years(0)) == [2026, 2027]
    assert list(on.years(0)) == [2026]
    assert list(on.years(2028)) == [2026, 2027, 2028]
    june = date(2026, 6, 1), date(2026, 6, 30)
    assert until_march.days_in(*june) == 30
    assert on.days_in(*june) == 16
    assert on.days_in(date(2026, 5, 1), date(2026, 5, 31)) == 0
    assert until_march.days_in(date(2027, 3, 1), date(2027, 4, 30)) == 31


# --- the year's flat price ---


def test_the_flat_price_is_that_of_the_local_year() -> None:
    flat = [period("2026-03-01", None, None)]
    prices = {2026: 340_000, 2027: 350_000}
    assert prices_of(flat, "2026-12-31T20:00", "2027-01-01T05:00", prices) == [
        ("12-31T20:00", 340_000),
        ("12-31T23:00", 350_000),
    ]
    priced = stretches(flat, prices, ms("2026-12-31T20:00"), ms("2027-01-01T05:00"), BERLIN)
    assert [stretch.rate for stretch in priced] == [
        Rate("flat", "", "2026-03-01", 340_000, None, vat_included=False),
        Rate("flat", "", "2027-01-01", 350_000, None, vat_included=False),
    ]


def test_the_flat_price_does_not_change_when_summer_begins() -> None:
    flat = [period("2026-01-01", None, None)]
    assert prices_of(flat, "2026-03-28T20:00", "2026-03-29T05:00", {2026: 340_000}) == [
        ("03-28T20:00", 340_000)
    ]


def test_a_year_may_be_without_a_flat_price() -> None:
    flat = [period("2026-01-01", None, None)]
    assert prices_of(flat, "2026-12-31T20:00", "2027-01-01T05:00", {2027: 350_000}) == [
        ("12-31T20:00", "none"),
        ("12-31T23:00", 350_000),
    ]


# --- hours of the day ---


def test_a_window_spans_midnight() -> None:
    assert prices_of(
        [period("2026-01-01", None, HT, NIGHT)], "2026-01-10T12:00", "2026-01-12T12:00"
    ) == [
        ("01-10T12:00", "HT"),
        ("01-10T21:00", "NT"),
        ("01-11T05:00", "HT"),
        ("01-11T21:00", "NT"),
        ("01-12T05:00", "HT"),
    ]


def test_a_stretch_may_begin_with_a_window() -> None:
    tariff = [period("2026-01-01", None, HT, NIGHT)]
    assert prices_of(tariff, "2026-01-10T21:00", "2026-01-11T05:00") == [("01-10T21:00", "NT")]


def test_a_day_may_have_three_prices_in_any_order() -> None:
    st_ = HT._replace(rate="ST")
    windows = (Window(17 * 60, 20 * 60, st_), Window(0, 5 * 60, NT), Window(23 * 60, 0, NT))
    assert prices_of(
        [period("2026-01-01", None, HT, *windows)], "2026-01-10T12:00", "2026-01-11T12:00"
    ) == [
        ("01-10T12:00", "HT"),
        ("01-10T16:00", "ST"),
        ("01-10T19:00", "HT"),
        ("01-10T22:00", "NT"),
        ("01-11T04:00", "HT"),
    ]


def test_windows_may_fill_the_day() -> None:
    assert day_of(HT, [Window(0, 720, NT), Window(720, 0, NT)]) == ((0, 720, NT), (720, 1440, NT))


@pytest.mark.parametrize(
    "windows",
    [
        [NIGHT, Window(5 * 60, 7 * 60, NT)],
        [NIGHT, Window(21 * 60, 22 * 60 + 1, NT)],
        [NIGHT, NIGHT],
        [NIGHT, Window(23 * 60, 1, HT)],
    ],
)
def test_windows_that_overlap_make_no_day(windows: list[Window]) -> None:
    assert day_of(HT, windows) is None


def test_windows_may_touch() -> None:
    assert day_of(HT, [NIGHT, Window(360, 420, NT), Window(1200, 1320, NT)]) is not None


# --- the nights the clock is changed ---


def test_the_night_is_seven_hours_when_summer_begins() -> None:
    """2026-03-29: 22:00 in winter time is 21:00 UTC, 06:00 in summer time 04:00 UTC."""
    assert prices_of(
        [period("2026-01-01", None, HT, NIGHT)], "2026-03-28T20:00", "2026-03-29T21:00"
    ) == [
        ("03-28T20:00", "HT"),
        ("03-28T21:00", "NT"),
        ("03-29T04:00", "HT"),
        ("03-29T20:00", "NT"),
    ]


def test_the_night_is_nine_hours_when_summer_ends() -> None:
    """2026-10-25: 22:00 in summer time is 20:00 UTC, 06:00 in winter time 05:00 UTC."""
    assert prices_of(
        [period("2026-01-01", None, HT, NIGHT)], "2026-10-24T19:00", "2026-10-25T22:00"
    ) == [
        ("10-24T19:00", "HT"),
        ("10-24T20:00", "NT"),
        ("10-25T05:00", "HT"),
        ("10-25T21:00", "NT"),
    ]


UNTIL_HALF_PAST_TWO = Window(22 * 60, 2 * 60 + 30, NT)


def test_a_window_until_a_missing_half_past_two_ends_at_three() -> None:
    """At 01:00 UTC the clock goes from 02:00 to 03:00."""
    tariff = [period("2026-01-01", None, HT, UNTIL_HALF_PAST_TWO)]
    assert prices_of(tariff, "2026-03-28T22:00", "2026-03-29T05:00") == [
        ("03-28T22:00", "NT"),
        ("03-29T01:00", "HT"),
    ]
    from_half_past_two = [period("2026-01-01", None, HT, Window(150, 240, NT))]
    assert prices_of(from_half_past_two, "2026-03-28T22:00", "2026-03-29T05:00") == [
        ("03-28T22:00", "HT"),
        ("03-29T01:00", "NT"),
        ("03-29T02:00", "HT"),
    ]


def test_a_window_until_half_past_two_ends_twice_when_the_hour_repeats() -> None:
    """At 01:00 UTC the clock goes from 03:00 back to 02:00, which is in the window again."""
    tariff = [period("2026-01-01", None, HT, UNTIL_HALF_PAST_TWO)]
    assert prices_of(tariff, "2026-10-24T22:00", "2026-10-25T05:00") == [
        ("10-24T22:00", "NT"),
        ("10-25T00:30", "HT"),
        ("10-25T01:00", "NT"),
        ("10-25T01:30", "HT"),
    ]


def test_a_change_of_the_clock_changes_no_price_by_itself() -> None:
    tariff = [period("2026-01-01", None, HT, Window(22 * 60, 60, NT))]
    assert prices_of(tariff, "2026-03-29T00:30", "2026-03-29T05:00") == [("03-29T00:30", "HT")]
    assert prices_of(tariff, "2026-03-29T01:00", "2026-03-29T05:00") == [("03-29T01:00", "HT")]
    assert prices_of(tariff, "2026-03-29T00:30", "2026-03-29T01:00") == [("03-29T00:30", "HT")]


def test_a_day_without_midnight_begins_an_hour_later() -> None:
    """In Beirut 2026-03-29 begins at 01:00, which is 22:00 UTC."""
    both = [period("2026-01-01", "2026-03-28"), period("2026-03-29", None, NT)]
    assert prices_of(
        both, "2026-03-28T12:00", "2026-03-29T12:00", zone=ZoneInfo("Asia/Beirut")
    ) == [
        ("03-28T12:00", "HT"),
        ("03-28T22:00", "NT"),
    ]


class Nowhere(tzinfo):
    """A time zone that does not know its offset from UTC."""

    def utcoffset(self, dt: datetime | None) -> None:
        """Return None: the offset is not known."""

    def fromutc(self, dt: datetime) -> datetime:
        """Return the time unchanged."""
        return dt


def test_a_zone_without_an_offset_is_utc() -> None:
    tariff = [period("2026-01-01", None, HT, NIGHT)]
    assert prices_of(tariff, "2026-06-01T21:00", "2026-06-01T23:00", zone=Nowhere()) == [
        ("06-01T21:00", "HT"),
        ("06-01T22:00", "NT"),
    ]


# --- properties ---

minutes = st.integers(0, 1439)
ZONES = [BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Africa/Casablanca"), UTC]


@given(
    st.sampled_from([*ZONES, timezone(timedelta(hours=5, minutes=45))]),
    st.sampled_from(["2026-03-28", "2026-10-24", "2026-04-04", "2026-02-14", "2026-07-10"]),
    minutes,
    st.integers(1, 3 * 1440),
    minutes,
    minutes,
)
def test_every_minute_has_the_price_of_its_local_time(
    zone: tzinfo, day: str, start: int, length: int, begin: int, end: int
) -> None:
    """The price of a minute follows from the local time alone, without any arithmetic."""
    if begin == end:
        return
    began_ms = ms(day) + start * 60_000
    ended_ms = began_ms + length * 60_000
    tariff = [period("2026-01-01", None, HT, Window(begin, end, NT))]
    priced = stretches(tariff, {}, began_ms, ended_ms, zone)
    for moment_ms in range(began_ms, ended_ms, 7 * 60_000):
        clock = datetime.fromtimestamp(moment_ms // 1000, zone)
        minute = clock.hour * 60 + clock.minute
        inside = begin <= minute < end if begin < end else minute >= begin or minute < end
        (rate,) = [s.rate for s in priced if s.from_ms <= moment_ms < s.until_ms]
        assert rate == (NT if inside else HT)
