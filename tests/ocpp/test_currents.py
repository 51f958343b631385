"""The currents of the phases in meter values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ocpp.meter_values.currents import MOST_MA, Currents, EntryCurrents, currents_in


def sample(value: Any, phase: str | None = None, **more: Any) -> dict[str, Any]:
    members = {"value": value, "measurand": "Current.Import", "unit": "A", **more}
    return members if phase is None else {**members, "phase": phase}


def read(*samples: Any) -> EntryCurrents:
    """Return the currents of an entry with these samples."""
    (currents,) = currents_in([{"timestamp": "2026-10-01T05:30:00Z", "sampledValue": [*samples]}])
    return currents


@pytest.mark.parametrize(
    ("samples", "currents_ma"),
    [
        ([sample("16.02", "L1"), sample("15.9", "L2"), sample(0, "L3")], (16_020, 15_900, 0)),
        ([sample("6", "L2")], (None, 6_000, None)),
        ([sample("6.5", "L3-N"), sample("7", "L1-N")], (7_000, None, 6_500)),
        # Without a phase: the only one of a charger on one phase.
        ([sample("13,8")], (13_800, None, None)),
        # Beside currents of phases it is their sum, or the one of the neutral conductor.
        ([sample("18"), sample("6", "L1"), sample("12", "L2")], (6_000, 12_000, None)),
        ([sample("9", "N"), sample("6", "L1")], (6_000, None, None)),
        # A total at the outlet is better than what a charger takes from the grid.
        ([sample("20", location="Inlet"), sample("16", location="Outlet")], (16_000, None, None)),
        ([sample("-0.01", "L1")], (0, None, None)),
        ([sample("16", "L1", measurand="current.import ")], (16_000, None, None)),
        ([sample(f"{MOST_MA + 1}", "L1")], None),
        ([sample("", "L1"), sample(None, "L2"), sample("x", "L3")], None),
        ([sample("16", "L1", measurand="Current.Export"), "text", None, 7, {}], None),
        ([], None),
    ],
)
def test_currents_are_those_of_the_phases(samples: list[Any], currents_ma: Currents | None) -> None:
    assert read(*samples).currents_ma == currents_ma


def test_the_offered_current_is_read_beside_the_others() -> None:
    offered = sample("16", measurand="Current.Offered")
    assert read(offered) == EntryCurrents(None, 16_000)
    assert read(sample("6", "L1"), offered) == EntryCurrents((6_000, None, None), 16_000)
    of_phases = [
        sample(str(amperes), f"L{amperes}", measurand="Current.Offered") for amperes in (1, 2)
    ]
    assert read(*of_phases).offered_ma == 2_000


def test_each_entry_has_its_currents() -> None:
    entries = [{"sampledValue": [sample("6", "L1")]}, "no entry", {"sampledValue": {}}, {}]
    assert currents_in(entries) == [
        EntryCurrents((6_000, None, None), None),
        EntryCurrents(None, None),
        EntryCurrents(None, None),
    ]


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["sampledValue", "value", "measurand", "phase", "unit", "context"])
            | st.text(max_size=3),
            inner | st.sampled_from(["Current.Import", "Current.Offered", "L1", "6", "1e9"]),
            max_size=5,
        )
    ),
)


@given(anything | st.lists(st.fixed_dictionaries({"sampledValue": st.lists(anything)})))
def test_any_value_has_currents_or_none(meter_values: Any) -> None:
    for currents_ma, offered_ma in currents_in(meter_values):
        for current_ma in (*(currents_ma or ()), offered_ma):
            assert current_ma is None or 0 <= current_ma <= MOST_MA
