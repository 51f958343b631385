"""Tests of numbers and readings: read exactly, without trust, and without an exception."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ocpp.facts import Reading
from shocpp.ocpp.quantities import BIGGEST, is_integer, number, readings, whole_number

MORNING_MS = 1_693_727_530_000
MORNING = "2023-09-03T07:52:10Z"
ENDLESS = Decimal("9" * 1_000_001)


def entry(*samples: object, timestamp: object = MORNING) -> dict[str, Any]:
    """Return a meterValue entry."""
    return {"timestamp": timestamp, "sampledValue": list(samples)}


# --- numbers ---


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


# --- readings ---


def test_a_register_in_wh_is_the_default() -> None:
    assert readings([entry({"value": "9042000"})]) == (Reading(MORNING_MS, 9_042_000, None),)


def test_register_and_power_come_in_one_entry() -> None:
    samples = (
        {"value": "230", "measurand": "Voltage", "phase": "L1"},
        {"value": "9042.5", "measurand": "Energy.Active.Import.Register", "unit": "kWh"},
        {"value": "11.04", "measurand": "Power.Active.Import", "unit": "kW"},
    )
    assert readings([entry(*samples)]) == (Reading(MORNING_MS, 9_042_500, 11_040),)


def test_several_entries_are_several_readings() -> None:
    assert [
        reading.register_wh for reading in readings([entry({"value": 1}), entry({"value": 2})])
    ] == [1, 2]


def test_the_first_total_counts() -> None:
    samples = (
        {"value": "1"},
        {"value": "2"},
        {"value": "3", "measurand": "Power.Active.Import"},
        {"value": "4", "measurand": "Power.Active.Import"},
    )
    assert readings([entry(*samples)]) == (Reading(MORNING_MS, 1, 3),)


def test_an_unreadable_total_gives_way_to_a_readable_one() -> None:
    assert readings([entry({"value": "?"}, {"value": "5"})]) == (Reading(MORNING_MS, 5, None),)


@pytest.mark.parametrize("unit", ["kWh", " kWh "])
def test_blanks_around_a_unit_do_not_matter(unit: str) -> None:
    assert readings([entry({"value": "1", "unit": unit})])[0].register_wh == 1000


@pytest.mark.parametrize("unit", [None, "", "Wh", "Celcius", 7, ["kWh"]])
def test_any_other_unit_counts_as_wh(unit: object) -> None:
    """Autel leaves it out."""
    assert readings([entry({"value": "1", "unit": unit})])[0].register_wh == 1


@pytest.mark.parametrize(
    "sample",
    [
        {"value": "1", "phase": "L1"},
        {"value": "1", "location": "Inlet"},
        {"value": "1", "location": None},
        {"value": "1", "format": "SignedData"},
        {"value": "1", "measurand": "Energy.Active.Export.Register"},
        {"value": "1", "measurand": "Energy.Active.Import.Interval"},
        {"value": "1", "measurand": ["Energy.Active.Import.Register"]},
        {"value": "OCMF|{}", "measurand": "Energy.Active.Import.Register"},
        {},
        "1",
        None,
    ],
)
def test_a_sample_that_is_no_total_at_the_outlet_is_ignored(sample: object) -> None:
    assert readings([entry(sample)]) == (Reading(MORNING_MS, None, None),)


def test_a_total_is_read_after_an_ignored_sample() -> None:
    total = {"value": "9042100"}
    for other in ({"value": "1", "location": "Inlet"}, {"value": "1", "format": "SignedData"}):
        assert readings([entry(other, total)]) == (Reading(MORNING_MS, 9_042_100, None),)


@pytest.mark.parametrize("samples", [None, {}, "1", 5, []])
def test_an_entry_without_samples_is_an_empty_reading(samples: object) -> None:
    """Vestel sends an empty list."""
    assert readings([{"sampledValue": samples}]) == (Reading(None, None, None),)


@pytest.mark.parametrize("meter_values", [None, {}, "x", 5, [], [None, 5, "x", []]])
def test_a_value_that_is_no_list_of_entries_has_no_readings(meter_values: object) -> None:
    assert readings(meter_values) == ()


def power_of(*samples: tuple[str, str, str]) -> int | None:
    """Return the power read from samples of value, unit and phase."""
    values = [
        {"value": value, "unit": unit, "measurand": "Power.Active.Import"}
        | ({"phase": phase} if phase else {})
        for value, unit, phase in samples
    ]
    return readings([{"sampledValue": values}])[0].power_w


def test_power_without_a_total_is_that_of_its_phases() -> None:
    phases = (("2.3", "kW", "L1"), ("2300", "W", "L2-N"), ("2.4", "KW", "L3"))
    assert power_of(*phases) == 7000
    assert power_of(*phases, ("6.9", "kW", "")) == 6900, "a total wins"
    same = (("2.3", "kW", "L1"), ("2300", "W", "L1-N"), ("2.4", "kW", "L2"))
    assert power_of(*same) == 4700, "L1 and L1-N are one phase"
    assert power_of(("1.5", "kW", "N")) is None
    assert power_of(("x", "kW", "L1")) is None


@pytest.mark.parametrize("unit", ["A", "V", "W", "kW", "VA", "kVA", "var", "kvar", " A "])
def test_a_sample_without_measurand_and_with_another_unit_is_no_register(unit: str) -> None:
    """Alfen names no measurand for its amperes."""
    assert readings([entry({"value": "16", "unit": unit})]) == (Reading(MORNING_MS, None, None),)
    beside = [{"value": "16", "unit": unit}, {"value": "5000", "unit": "Wh"}]
    assert readings([entry(*beside)]) == (Reading(MORNING_MS, 5_000, None),)
    named = {"value": "16", "unit": unit, "measurand": "Energy.Active.Import.Register"}
    (reading,) = readings([entry(named)])
    assert reading.register_wh is not None
