"""Tests of the rule that selects readings: each label of one register gives the same reading."""

from datetime import timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ocpp.facts import Reading
from shocpp.ocpp.meter_values.quantities import (
    LOCATIONS,
    PHASES,
    begin_of,
    has_boundary,
    readings,
    source_rank,
)

MORNING_MS = 1_693_727_530_000
MORNING = "2023-09-03T07:52:10Z"


def entry(*samples: object, timestamp: object = MORNING) -> dict[str, Any]:
    """Return a meterValue entry."""
    return {"timestamp": timestamp, "sampledValue": list(samples)}


def outlet(wh: int | None, watt: int | None = None) -> Reading:
    """Return a reading whose values are totals at the outlet."""
    source = "Outlet" if wh is not None else None
    return Reading(MORNING_MS, wh, watt, source, "Outlet" if watt is not None else None)


def test_a_register_in_wh_is_the_default() -> None:
    assert readings([entry({"value": "9042000"})]) == (outlet(9_042_000),)


def test_register_and_power_come_in_one_entry() -> None:
    samples = (
        {"value": "230", "measurand": "Voltage", "phase": "L1"},
        {"value": "9042.5", "measurand": "Energy.Active.Import.Register", "unit": "kWh"},
        {"value": "11.04", "measurand": "Power.Active.Import", "unit": "kW"},
    )
    assert readings([entry(*samples)]) == (outlet(9_042_500, 11_040),)


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
    assert readings([entry(*samples)]) == (outlet(1, 3),)


def test_an_unreadable_total_gives_way_to_a_readable_one() -> None:
    assert readings([entry({"value": "?"}, {"value": "5"})]) == (outlet(5),)


@pytest.mark.parametrize("unit", ["kWh", " kWh ", "kwh", "KWH"])
def test_blanks_and_case_of_a_unit_do_not_matter(unit: str) -> None:
    assert readings([entry({"value": "1", "unit": unit})])[0].register_wh == 1000


@pytest.mark.parametrize("unit", [None, "", "Wh", "Celcius", 7, ["kWh"]])
def test_any_other_unit_counts_as_wh(unit: object) -> None:
    """Autel leaves it out."""
    assert readings([entry({"value": "1", "unit": unit})])[0].register_wh == 1


@pytest.mark.parametrize(
    "sample",
    [
        {"value": "1", "phase": "N"},
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
def test_a_sample_that_is_no_import_register_is_ignored(sample: object) -> None:
    assert readings([entry(sample)]) == (outlet(None),)


def test_a_total_is_read_after_an_ignored_sample() -> None:
    total = {"value": "9042100"}
    for other in ({"value": "1", "location": "Inlet"}, {"value": "1", "format": "SignedData"}):
        assert readings([entry(other, total)]) == (outlet(9_042_100),)


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
    assert readings([entry({"value": "16", "unit": unit})]) == (outlet(None),)
    beside = [{"value": "16", "unit": unit}, {"value": "5000", "unit": "Wh"}]
    assert readings([entry(*beside)]) == (outlet(5_000),)
    named = {"value": "16", "unit": unit, "measurand": "Energy.Active.Import.Register"}
    (reading,) = readings([entry(named)])
    assert reading.register_wh is not None


# --- the table ---


@pytest.mark.parametrize(
    ("labels", "source"),
    [
        ({}, "Outlet"),
        ({"location": None, "phase": "", "context": None}, "Outlet"),
        ({"location": "OUTLET", "measurand": "energy.active.import.register "}, "Outlet"),
        ({"location": "Inlet"}, "Inlet"),
        ({"location": "inlet ", "context": "Sample.Clock"}, "Inlet"),
        ({"location": "Body", "phase": "L1-N"}, "Body L1"),
        ({"location": "Cable", "phase": "l2"}, "Cable L2"),
        ({"location": "EV"}, "EV"),
        ({"location": "Socket"}, "other"),
        ({"phase": "L3"}, "Outlet L3"),
        ({"phase": "Total"}, "Outlet"),
        ({"context": "Transaction.Begin"}, "Outlet"),
        ({"measurand": ""}, "Outlet"),
        ({"measurand": None}, "Outlet"),
    ],
)
def test_a_register_is_read_under_each_of_its_labels(labels: dict[str, Any], source: str) -> None:
    """FoxESS says Inlet, Grizzl-E Body and L1-N."""
    (reading,) = readings([entry({"value": "13500", **labels})])
    assert reading == Reading(MORNING_MS, 13_500, None, source)


def test_the_order_of_the_sources_is_that_of_the_table() -> None:
    assert LOCATIONS[0] == "Outlet"
    assert LOCATIONS[-1] == "Inlet"
    ordered = ["Outlet", "Outlet L1+L2+L3", "Outlet L1", "Cable", "EV", "Body", "other", "Inlet"]
    ordered += ["Inlet L3", "Outlet from current", "Outlet without id", "Inlet L3 without id"]
    for better, worse in pairwise(map(source_rank, [*ordered, None])):
        assert better < worse
    assert source_rank("Outlet") == 0
    assert source_rank(None) == source_rank("a newer word") == 4 * len(LOCATIONS) * len(PHASES)


@given(st.permutations(["", "L1", "L2", "L3"]), st.permutations(["Outlet", "Body", "Inlet"]))
def test_the_best_source_of_an_entry_counts_in_any_order(
    phases: list[str], locations: list[str]
) -> None:
    samples = [
        {"value": f"{100 * (1 + LOCATIONS.index(location)) + len(phase)}", "location": location}
        | ({"phase": phase} if phase else {})
        for location in locations
        for phase in phases
    ]
    assert readings([entry(*samples)]) == (Reading(MORNING_MS, 100, None, "Outlet"),)
    without_total = [sample for sample in samples if "phase" in sample]
    (summed,) = readings([entry(*without_total)])
    assert (summed.register_wh, summed.register_source) == (306, "Outlet L1+L2+L3")
    inlet = [sample for sample in without_total if sample["location"] == "Inlet"]
    (last,) = readings([entry(*inlet)])
    assert (last.register_wh, last.register_source) == (1806, "Inlet L1+L2+L3")


def test_a_total_counts_without_its_phases_at_any_location() -> None:
    for measurand in ("Energy.Active.Import.Register", "Power.Active.Import"):
        samples = [
            {"value": value, "measurand": measurand, "location": "Inlet", "phase": phase}
            for value, phase in (("40", "L1"), ("120", ""), ("30", "L2"), ("50", "L3"))
        ]
        (total,) = readings([entry(*samples)])
        assert (total.register_wh or total.power_w) == 120
        assert (total.register_source or total.power_source) == "Inlet"
        (summed,) = readings([entry(*(each for each in samples if each["phase"]))])
        assert (summed.register_wh or summed.power_w) == 120
        assert (summed.register_source or summed.power_source) == "Inlet L1+L2+L3"


def test_phases_without_a_total_are_added() -> None:
    """Sino sends L1, L2 and L3 and no total."""
    samples = [{"value": f"{wh}", "phase": f"L{n}"} for n, wh in enumerate((4500, 4000, 5000), 1)]
    assert readings([entry(*samples)])[0].register_wh == 13_500
    assert readings([entry(*samples[1:])])[0].register_source == "Outlet L2+L3"
    comma = [{"value": "1,500", "phase": "L1"}, {"value": "900", "phase": "L2"}]
    (reading,) = readings([entry(*comma)])
    assert (reading.register_wh, reading.or_else_wh) == (902, 2_400)


def test_the_begin_never_wins_over_another_context() -> None:
    begin = {"value": "9000", "context": "Transaction.Begin"}
    for other in (
        {"value": "13500", "context": "Sample.Periodic"},
        {"value": "13500", "context": "Transaction.End", "location": "Inlet"},
        {"value": "13500", "phase": "L1"},
    ):
        for samples in ((begin, other), (other, begin)):
            assert readings([entry(*samples)])[0].register_wh == 13_500
    assert readings([entry(begin)])[0].register_wh == 9_000


def test_the_begin_of_transaction_data_is_found_beside_other_samples() -> None:
    begin = {"value": "110", "unit": "kWh", "context": "transaction.begin"}
    end = {"value": "125", "unit": "kWh", "context": "Transaction.End"}
    expected = Reading(MORNING_MS, 110_000, None, "Outlet")
    assert begin_of([entry(end, begin)]) == expected
    assert begin_of(
        [None, entry({"value": "x", "context": "Transaction.Begin"}), entry(begin)]
    ) == (expected)
    for without in (
        None,
        {},
        [5],
        [{"sampledValue": 5}],
        [entry(end)],
        [entry({**begin, **SIGNED})],
    ):
        assert begin_of(without) is None


def test_the_begin_without_an_offset_is_in_the_zone_of_the_charger() -> None:
    begin = {"value": "110000", "context": "Transaction.Begin"}
    local = entry(begin, timestamp="2023-09-03T09:52:10")
    assert begin_of([local], timezone(timedelta(hours=2))) == outlet(110_000)


SIGNED = {"format": "SignedData", "value": "OCMF|{}"}


@pytest.mark.parametrize(
    ("value", "unit", "wh", "or_else_wh"),
    [
        ("162,44", "Wh", 162, None),
        ("162,5", "kWh", 162_500, None),
        ("162,440", "kWh", 162_440, None),
        ("162,440", "Wh", 162, 162_440),
        ("162,440", None, 162, 162_440),
        ("0,440", "Wh", 0, None),
        ("1,234,567", "Wh", 1_234_567, None),
        ("1.234,5", "Wh", 1_235, None),
        ("162,", "Wh", None, None),
    ],
)
def test_a_comma_is_read_as_far_as_it_has_one_meaning(
    value: str, unit: str | None, wh: int | None, or_else_wh: int | None
) -> None:
    (reading,) = readings([entry({"value": value, "unit": unit})])
    assert (reading.register_wh, reading.or_else_wh) == (wh, or_else_wh)


def test_a_power_with_an_ambiguous_comma_is_none() -> None:
    assert power_of(("7,36", "kW", "")) == 7_360
    assert power_of(("7,360", "W", "")) is None


# --- power from current and voltage ---


def sampled(measurand: str, value: str, phase: str = "") -> dict[str, str]:
    """Return a sample of a measurand, with a phase if it is given."""
    return {"measurand": measurand, "value": value} | ({"phase": phase} if phase else {})


@pytest.mark.parametrize(
    ("samples", "watt", "source"),
    [
        (
            [
                *(sampled("Current.Import", "16.0", f"L{n}") for n in (1, 2, 3)),
                *(sampled("Voltage", "230.5", f"L{n}-N") for n in (1, 2, 3)),
            ],
            11_064,
            "Outlet L1+L2+L3 from current",
        ),
        (
            [sampled("Current.Import", "10,5"), sampled("Voltage", "230")],
            2_415,
            "Outlet from current",
        ),
        (
            [
                sampled("Current.Import", "6", "L1"),
                sampled("Current.Import", "6", "L2"),
                sampled("Current.Import", "6"),
                sampled("voltage", "230", "L1"),
                sampled("Voltage", "400", "L1-L2"),
            ],
            2_760,
            "Outlet L1+L2 from current",
        ),
        (
            [
                sampled("Current.Import", "10", "L1"),
                sampled("Current.Import", "10", "L2"),
                sampled("Voltage", "230", "L1"),
                sampled("Voltage", "240", "L2"),
            ],
            4_700,
            "Outlet L1+L2 from current",
        ),
        ([sampled("Current.Import", "0.001"), sampled("Voltage", "500")], 1, "Outlet from current"),
        (
            [sampled("Current.Import", "0.001"), sampled("Voltage", "499.999")],
            0,
            "Outlet from current",
        ),
        ([sampled("Current.Import", "6"), sampled("Voltage", "400", "L1-L2")], None, None),
        ([sampled("Current.Import", "6")], None, None),
        ([sampled("Voltage", "230")], None, None),
        ([sampled("Current.Import", "x"), sampled("Voltage", "230")], None, None),
        (
            [sampled("Current.Import", "4000000000000"), sampled("Voltage", "4000000000000")],
            None,
            None,
        ),
        (
            [
                sampled("Current.Import", "6"),
                sampled("Voltage", "230"),
                sampled("Power.Active.Import", "1379"),
            ],
            1_379,
            "Outlet",
        ),
    ],
)
def test_a_power_follows_from_current_and_voltage_without_one(
    samples: list[dict[str, str]], watt: int | None, source: str | None
) -> None:
    (reading,) = readings([entry(*samples)])
    assert (reading.power_w, reading.power_source) == (watt, source)


SAMPLES = st.fixed_dictionaries(
    {},
    optional={
        key: st.sampled_from(
            ["", "L1", "L2-N", "Inlet", "Transaction.Begin", "kWh", "5", "1,5", None, 7, []]
        )
        | st.text(max_size=5)
        for key in ("value", "measurand", "location", "phase", "context", "unit", "format")
    },
)


@given(st.lists(SAMPLES, max_size=5))
def test_no_sample_raises_and_each_source_is_in_the_table(samples: list[dict[str, Any]]) -> None:
    (reading,) = readings([entry(*samples)])
    assert (reading.register_wh is None) == (reading.register_source is None)
    assert (reading.power_w is None) == (reading.power_source is None)
    for source in {reading.register_source, reading.power_source} - {None}:
        assert source_rank(source) < source_rank(None)
    begin_of([entry(*samples)])


@pytest.mark.parametrize("context", ["Transaction.Begin", "Transaction.End", " transaction.END"])
def test_a_sample_of_the_begin_or_end_of_a_transaction_is_a_boundary(context: str) -> None:
    assert has_boundary([entry({"value": "1"}), entry({"value": "1"}, {"context": context})])


@pytest.mark.parametrize(
    "meter_values",
    [
        None,
        {},
        [],
        [1, {}, {"sampledValue": 1}],
        [entry()],
        [entry(1, {"value": "1"}, {"context": "Sample.Periodic"}, {"context": 3})],
    ],
)
def test_any_other_meter_values_are_no_boundary(meter_values: object) -> None:
    assert not has_boundary(meter_values)


@pytest.mark.parametrize("label", ["measurand", "context", "location", "phase", "unit"])
def test_a_long_label_is_an_unknown_word_and_blanks_around_it_do_not_count(label: str) -> None:
    word = {"context": "Sample.Clock", "location": "Outlet", "unit": "Wh"}.get(label, "")
    assert readings([entry({"value": "1", label: f"{' ' * 99}{word}{' ' * 99}"})]) == (outlet(1),)
    reading = readings([entry({"value": "1", label: word + "x" * 99})])[0]
    assert reading == readings([entry({"value": "1", label: word + "x" * 9_999})])[0]
