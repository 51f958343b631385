"""Tests of figures, dates and labels of the PDF statement, in German and English."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from shocpp.language.dates import day_and_time, local_datetime
from shocpp.language.figures import exact_euro, grouped_ct_per_kwh, grouped_euro, grouped_kwh, hours
from shocpp.reports.pdf.labels import WORDS


def test_both_languages_have_every_label_with_the_same_fields() -> None:
    assert WORDS["de"].keys() == WORDS["en"].keys()
    for key, german in WORDS["de"].items():
        fields = sorted(re.findall(r"{\w*}", german))
        assert fields == sorted(re.findall(r"{\w*}", WORDS["en"][key])), key


def test_no_two_marks_are_the_same() -> None:
    for words in WORDS.values():
        marks = [mark for key, mark in words.items() if key.startswith("mark_")]
        assert len(marks) == len(set(marks)) == 9


def test_figures_have_groups_of_thousands_and_all_their_decimals() -> None:
    assert (grouped_kwh(1_234_567, "de"), grouped_kwh(1_234_567, "en")) == (
        "1.234,567",
        "1,234.567",
    )
    assert (grouped_kwh(-5, "de"), grouped_kwh(0, "en")) == ("-0,005", "0.000")
    assert (grouped_euro(-123_456, "de"), grouped_euro(5, "en")) == ("-1.234,56", "0.05")


def test_a_price_has_two_decimals_or_more_if_it_needs_them() -> None:
    prices = [
        grouped_ct_per_kwh(microeuro, "de") for microeuro in (312_700, 312_750, 312_753, 300_000)
    ]
    assert prices == ["31,27", "31,275", "31,2753", "30,00"]


def test_a_duration_is_written_in_full_minutes() -> None:
    assert [hours(seconds) for seconds in (None, 0, 59, 3660, 360_000)] == [
        *("–", "0:00", "0:00", "1:01", "100:00"),
    ]


def test_moments_are_written_in_local_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    local = datetime(2026, 10, 1, 9, 10, tzinfo=berlin)
    assert local_datetime("2026-10-01T07:10:00.000Z", berlin) == local
    assert local_datetime(1_790_838_600_000, berlin) == local
    assert day_and_time(local, "de") == "01.10.2026 09:10"
    assert day_and_time(local, "en") == "2026-10-01 09:10"


def test_an_amount_in_euros_has_two_to_six_decimals() -> None:
    amounts = [exact_euro(microeuro, "de") for microeuro in (4_500_000, 4_000_000, 4_512_500, 1)]
    assert amounts == ["4,50", "4,00", "4,5125", "0,000001"]
    assert exact_euro(4_500_000, "en") == "4.50"
