"""Tests of numbers: read exactly, without trust, and without an exception."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ocpp.numbers import BIGGEST, Quantity, is_integer, number, quantity, whole_number

ENDLESS = Decimal("9" * 1_000_001)


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        (9042000, 9042000),
        (-1, -1),
        (1.1, Decimal("1.1")),
        (9_042_000.0, Decimal("9042000.0")),
        ("9042000", 9042000),
        ("9042000.5", Decimal("9042000.5")),
        ("-12.5e3", -12500),
        ("  7 ", 7),
        ("007", 7),
        (Decimal("1.5"), Decimal("1.5")),
    ],
)
def test_a_number_or_a_string_that_spells_one_is_read_exactly(value: object, exact: Any) -> None:
    """OpenEVSE sends numbers, MicroOcpp put blanks around them."""
    assert number(value) == exact


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        "",
        " ",
        "1_000",
        "\uff11\uff12",
        "²",
        "0x10",
        "1,5",
        "+5",
        ".5",
        "5.",
        "1e",
        "1e400",
        "NaN",
        "Infinity",
        "--1",
        "1" * 31,
        float("nan"),
        float("inf"),
        float("-inf"),
        [],
        [5],
        {},
        {"value": 5},
    ],
)
def test_a_value_that_only_looks_like_a_number_is_none(value: object) -> None:
    assert number(value) is None
    assert whole_number(value) is None


@pytest.mark.parametrize(
    ("value", "scale", "wh"),
    [
        (9042, 1, 9042),
        ("9042.4", 1, 9042),
        ("9042.5", 1, 9043),
        ("-9042.5", 1, -9043),
        ("1.234", 1000, 1234),
        ("1.2345", 1000, 1235),
        (0.1, 1000, 100),
        (2**62 - 1, 1, 2**62 - 1),
        (-(2**62) + 1, 1, -(2**62) + 1),
    ],
)
def test_a_quantity_is_rounded_half_up(value: object, scale: int, wh: int) -> None:
    assert whole_number(value, scale) == wh


@pytest.mark.parametrize(
    "value", [2**62, -(2**62), 2**63 - 1, 2**200, "1e30", "9" * 29, 1e300, Decimal("9" * 5000)]
)
def test_a_quantity_beyond_64_bits_is_none(value: object) -> None:
    assert whole_number(value) is None


def test_a_quantity_that_leaves_the_range_only_by_its_unit_is_none() -> None:
    assert whole_number(2**61, 1000) is None


def test_a_number_of_a_million_digits_is_none() -> None:
    """It fits into one frame; a context of `decimal` traps exponents above 999 999."""
    assert whole_number(ENDLESS) is None


@pytest.mark.parametrize("value", [0, -1, 2**62 - 1, -(2**62) + 1])
def test_an_integer_is_an_integer(value: object) -> None:
    assert is_integer(value)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 2**62, -(2**62), 2**63, [1]])
def test_a_boolean_a_float_a_string_and_a_giant_are_no_integers(value: object) -> None:
    assert not is_integer(value)


@given(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.from_regex(r"\s*-?[0-9]{0,31}\.?[0-9]{0,31}(e[0-9]{1,3})?\s*", fullmatch=True),
    st.sampled_from([1, 1000]),
)
def test_whole_number_never_raises_and_stays_within_sqlites_integers(
    value: object, scale: int
) -> None:
    quantity = whole_number(value, scale)
    assert quantity is None or -BIGGEST <= quantity <= BIGGEST


@given(st.integers(-(10**15), 10**15), st.integers(0, 999))
def test_kwh_with_three_decimals_are_exact_wh(kwh: int, wh: int) -> None:
    text = f"{kwh}.{wh:03}"
    sign = -1 if text.startswith("-") else 1
    assert whole_number(text, 1000) == kwh * 1000 + sign * wh


@given(st.from_regex(r"[0-9]{1,15}(\.[0-9]{1,15})?", fullmatch=True), st.sampled_from([1, 1000]))
def test_digits_are_rounded_as_decimals_are(text: str, scale: int) -> None:
    assert whole_number(text, scale) == int(
        (Decimal(text) * scale).to_integral_value(ROUND_HALF_UP)
    )


@pytest.mark.parametrize(
    ("value", "scale", "read"),
    [
        ("7", 1, Quantity(7)),
        ("-7,5", 1, Quantity(-8)),
        (" 7,25 ", 1000, Quantity(7_250)),
        ("7,250", 1, Quantity(7, 7_250)),
        ("7,250", 1000, Quantity(7_250)),
        ("0,250", 1, Quantity(0)),
        ("1,234,567.8", 1, Quantity(1_234_568)),
        ("1,234,567", 1000, Quantity(1_234_567_000)),
        ("1.234.567,8", 1, Quantity(1_234_568)),
        ("1.234,567", 1000, Quantity(1_234_567)),
        ("1,5,7", 1, None),
        (",5", 1, None),
        ("7_0,5", 1, None),
        (None, 1, None),
        (True, 1, None),
        ([], 1, None),
    ],
)
def test_a_comma_is_a_decimal_or_a_separator(value: object, scale: int, read: object) -> None:
    assert quantity(value, scale) == read


@given(st.from_regex(r"-?[0-9]{1,17},[0-9]{1,17}", fullmatch=True), st.sampled_from([1, 1000]))
def test_a_quantity_with_a_comma_never_raises(text: str, scale: int) -> None:
    read = quantity(text, scale)
    if read is not None and read.or_else is None:
        assert read.value == whole_number(text.replace(",", "."), scale)
