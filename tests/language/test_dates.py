"""Tests of the days that people write."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.language.dates import day, parsed_day


@given(st.dates(date(1000, 1, 1)), st.sampled_from(("de", "en")))
def test_a_day_comes_back_from_its_spelling(when: date, language: str) -> None:
    assert parsed_day(day(when, language)) == when


@pytest.mark.parametrize("text", ["1.2.2026", " 01.02.2026 ", "2026-2-1", "2026-02-01"])
def test_a_day_may_lack_zeros_and_have_blanks(text: str) -> None:
    assert parsed_day(text) == date(2026, 2, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "31.02.2026",
        "2026-02-30",
        "1.2.26",
        "02/01/2026",
        "20260201",
        "2026-W05-7",
        "2026-02-0²",
    ],
)
def test_a_text_that_is_no_day_names_both_spellings(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no day; write 2026-12-31 or 31\.12\.2026"):
        parsed_day(text)
