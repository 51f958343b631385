"""Tests of signed values: their recognition, and their storage character by character."""

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.ocpp.facts import MeterValuesReported, Reading, SignedValue, TransactionStopped
from shocpp.ocpp.frames import Call, parse
from shocpp.ocpp.meter_values.quantities import readings
from shocpp.ocpp.meter_values.signed_values import (
    DEEPEST,
    is_signed,
    sample_of,
    sample_text,
    signed_values,
)

NOW = "2026-10-01T05:00:00Z"
OCMF = 'OCMF|{"FV":"1.0","RD":[{"TX":"B","RV":9042.10}]}|{"SD":"304402AB"}'


def entry(*samples: object, timestamp: object = NOW) -> dict[str, Any]:
    """Return a meterValue entry."""
    return {"timestamp": timestamp, "sampledValue": list(samples)}


def fact_of(text: str) -> Any:
    """Return the fact of the text of a Call."""
    from shocpp.ocpp.actions import ACTIONS, CallContext

    call = parse(text)
    assert isinstance(call, Call)
    return ACTIONS[call.action](call.payload, CallContext(0, 55)).fact


# --- recognition ---


@pytest.mark.parametrize(
    "format_",
    ["SignedData", "signedData", "SIGNEDDATA", " Signed_Data", "SignedMeterValue", "OCMF"],
)
def test_a_format_in_any_spelling_marks_a_signed_sample(format_: str) -> None:
    """The Open Charge Alliance's own document writes it in two ways."""
    assert is_signed({"value": "x", "format": format_})


@pytest.mark.parametrize(
    "value",
    [
        OCMF,
        "  " + OCMF,
        OCMF.encode().hex(),
        OCMF.encode().hex().upper(),
        "T0NNRnx7IkZWIjoiMS4wIn18eyJTRCI6IjMwNDQwMkFCIn0=",
        "AP;0;3;ALCV3ABBBISHMA2RYEGAZE3HV5YQBQRQAEHAR2MN;BIHEIWS=",
        '{"encodingMethod":"OCMF","signedMeterData":"T0NNRnx7"}',
        '<values><value><signedData format="ALFEN">AP;</signedData></value></values>',
        {"signedMeterData": "T0NNRnx7"},
    ],
)
@pytest.mark.parametrize("format_", [{}, {"format": "Raw"}])
def test_a_value_that_looks_signed_is_signed_without_a_format(value: object, format_: Any) -> None:
    assert is_signed({"value": value, **format_})


@pytest.mark.parametrize(
    "value",
    ["9042.10", "1" * 41, "", None, 5, 1.5, True, [OCMF], {"value": 5}, "OCMF|", "a word " * 9],
)
@pytest.mark.parametrize("format_", [{}, {"format": "Raw"}, {"format": 5}, {"format": None}])
def test_a_plain_reading_is_not_signed(value: object, format_: Any) -> None:
    assert not is_signed({"value": value, **format_})
    assert signed_values([entry({"value": value, **format_})]) == ()


def test_a_signed_sample_is_no_reading() -> None:
    signed = {"value": "5000", "format": "signedData"}
    assert readings([entry(signed, {"value": "7"})])[0][1:3] == (7, None)


# --- storage ---


def test_signed_samples_are_kept_in_their_order_with_timestamp_context_and_measurand() -> None:
    begin = {"value": OCMF, "format": "SignedData", "context": "Transaction.Begin"}
    end = {"measurand": "Energy.Active.Import.Register", "format": "SignedData", "value": "x"}
    values = signed_values([entry({"value": "5"}, begin), entry(end, timestamp=None)])
    assert values == (
        SignedValue(NOW, "Transaction.Begin", None, sample_text(begin)),
        SignedValue(None, None, "Energy.Active.Import.Register", sample_text(end)),
    )
    assert values[1].sample.startswith('{"measurand":"Energy.Active.Import.Register","format"')


def test_meter_values_and_stop_transaction_keep_signed_samples() -> None:
    values = json.dumps([entry({"format": "SignedData", "value": OCMF})])
    reported = fact_of(f'[2,"1","MeterValues",{{"connectorId":1,"meterValue":{values}}}]')
    stopped = fact_of(f'[2,"1","StopTransaction",{{"transactionData":{values}}}]')
    assert isinstance(reported, MeterValuesReported)
    assert isinstance(stopped, TransactionStopped)
    assert reported.signed == stopped.signed
    assert sample_of(reported.signed[0].sample)["value"] == OCMF
    assert reported.readings == stopped.readings == (Reading(1_790_830_800_000, None, None),)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"OCMF|{\"ID\":\"M\u00fcller\"}|", 'OCMF|{"ID":"Müller"}|'),
        ('OCMF|{\\"ID\\":\\"Müller \U0001f50c\\"}|', 'OCMF|{"ID":"Müller \U0001f50c"}|'),
        (r"OCMF|a\/b\\/c|", r"OCMF|a/b\/c|"),
        (r"OCMF|\ud83d\udd0c\u2028|", "OCMF|\U0001f50c\u2028|"),
        (r" OCMF|\r\n\t\u0001| ", " OCMF|\r\n\t\x01| "),
        ("x" * 20_000, "x" * 20_000),
    ],
)
def test_a_signed_text_is_kept_to_the_character(written: str, text: str) -> None:
    payload = (
        f'{{"meterValue":[{{"sampledValue":[{{"format":"SignedData","value":"{written}"}}]}}]}}'
    )
    (signed,) = fact_of(f'[2,"1","MeterValues",{payload}]').signed
    assert sample_of(signed.sample) == {"format": "SignedData", "value": text}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_signed_text_is_kept_to_the_character(value: str) -> None:
    sample = {"format": "SignedData", "value": value}
    (signed,) = signed_values([entry(sample)])
    assert sample_of(signed.sample) == sample


def test_a_number_that_json_does_not_have_is_kept_as_a_string() -> None:
    sample = {"value": OCMF, "odd": [math.nan, math.inf, 1.5], "long": Decimal("9" * 50)}
    assert sample_of(sample_text(sample)) == {
        "value": OCMF,
        "odd": ["NaN", "Infinity", 1.5],
        "long": "9" * 50,
    }


def nested(depth: int) -> Any:
    """Return lists in lists, of so many levels."""
    return [] if depth == 1 else [nested(depth - 1)]


def test_a_sample_nested_too_deeply_is_left_out() -> None:
    shallow, deep = (
        {"format": "SignedData", "value": OCMF, "x": nested(depth)}
        for depth in (DEEPEST - 1, DEEPEST)
    )
    values = signed_values([entry(deep, shallow)])
    assert [signed.sample for signed in values] == [sample_text(shallow)]


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "x",
        5,
        {},
        {"sampledValue": []},
        [None, 5, "x", []],
        [{}, {"sampledValue": None}, {"sampledValue": {}}, {"sampledValue": "SignedData"}],
        [{"sampledValue": [None, 5, "SignedData", [], {}]}],
    ],
)
def test_a_value_that_is_no_signed_sample_is_left_out(odd: Any) -> None:
    assert signed_values(odd) == ()
    good = entry({"format": "SignedData", "value": OCMF}, timestamp=5)
    if isinstance(odd, list):
        assert [signed.sampled_text for signed in signed_values([*odd, good])] == [None]


def test_long_words_are_cut_and_other_types_are_none() -> None:
    sample = {"format": "SignedData", "context": "x" * 500, "measurand": ["x"]}
    (signed,) = signed_values([entry(sample, timestamp="")])
    assert signed[:3] == (None, "x" * 100, None)
    assert sample_of(signed.sample) == sample


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["sampledValue", "value", "format"]), inner)
        ),
    )
)
def test_nothing_that_a_charger_sends_raises(meter_values: Any) -> None:
    for signed in signed_values(meter_values):
        json.loads(signed.sample)


# --- reading from a file ---


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "5",
        "null",
        '{"value":NaN}',
        '{"value":1e400}',
        '{"value":"\\ud800"}',
        "[" * 100_000,
        '{"x":' + "[" * 20 + "]" * 20 + "}",
    ],
    ids=lambda text: text[:15],
)
def test_sample_of_raises_if_the_text_is_no_sample(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind
        sample_of(text)
