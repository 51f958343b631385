"""Tests of JSON text: strict for frames, lenient for columns."""

import math
from decimal import Decimal

import pytest

from shocpp.ocpp.json_text import lenient_text, to_text


def test_a_frame_is_compact() -> None:
    assert to_text([3, "7", {"a": [1, None, True]}]) == '[3,"7",{"a":[1,null,true]}]'
    assert lenient_text([3, "7", {"a": [1, None, True]}]) == '[3,"7",{"a":[1,null,true]}]'


def test_signs_beyond_ascii_are_escaped() -> None:
    assert to_text("ä") == lenient_text("ä") == '"\\u00e4"'


def test_numbers_that_json_does_not_have_are_written_for_a_column() -> None:
    """`frames.parse` reads an endless integer as a Decimal."""
    assert lenient_text([math.nan, math.inf]) == "[NaN,Infinity]"
    assert lenient_text({"x": Decimal("9" * 50)}) == f'{{"x":"{"9" * 50}"}}'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_are_never_sent(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_text([value])
