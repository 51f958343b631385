"""Tests of frames: parsing and writing; no text of a Charge Point raises.

They follow OCPP-J §4.2. A frame without a readable id cannot be answered. Every other frame gets an
answer that echoes its id.
"""

import contextlib
import json
import math
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shocpp.ocpp.frames import (
    Call,
    CallError,
    CallResult,
    Frame,
    Malformed,
    Unreadable,
    Unsupported,
    call_text,
    error_text,
    parse,
    result_text,
    to_text,
)

FOUR_ELEMENTS = "a Call has four elements: [2, unique id, action, payload]"


def strings_of(value: Any) -> Iterator[str]:
    """Yield every string in a parsed value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings_of(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings_of(item)


def through_sqlite(text: str) -> str:
    """Return a text as SQLite returns it."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        return str(db.execute("SELECT ? || ''", (text,)).fetchone()[0])


# --- the plain case ---


def test_a_call_has_an_id_an_action_and_a_payload() -> None:
    text = '[2,"19223201","BootNotification",{"chargePointVendor":"VendorX"}]'
    assert parse(text) == Call("19223201", "BootNotification", {"chargePointVendor": "VendorX"})


def test_a_call_result_has_an_id_and_a_payload() -> None:
    assert parse('[3,"19223201",{"status":"Accepted"}]') == CallResult(
        "19223201", {"status": "Accepted"}
    )


def test_a_call_error_has_a_code_a_description_and_details() -> None:
    assert parse('[4,"7","NotSupported","no such action",{"a":1}]') == CallError(
        "7", "NotSupported", "no such action", {"a": 1}
    )


def test_pretty_printed_frames_are_frames() -> None:
    """Vestel and Grizzl-E Ultimate send several lines."""
    assert parse('[\n  2,\n  "7",\n  "Heartbeat",\n  {\n  }\n]\r\n') == Call("7", "Heartbeat", {})


def test_our_texts_are_compact_and_pure_ascii() -> None:
    assert to_text({"a": [1, 2.5, None, True], "ö": "ß"}) == (
        '{"a":[1,2.5,null,true],"\\u00f6":"\\u00df"}'
    )
    assert call_text("u", "Reset", '{"type":"Soft"}') == '[2,"u","Reset",{"type":"Soft"}]'
    assert result_text("u", {}) == '[3,"u",{}]'


def test_our_call_errors_have_five_elements_and_a_short_description() -> None:
    assert error_text("u", "GenericError", "") == '[4,"u","GenericError","",{}]'
    assert json.loads(error_text("u", "GenericError", "x" * 300))[3] == "x" * 255


# --- deviations from the specification that are readable ---


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('[2,"7","Heartbeat",null]', Call("7", "Heartbeat", {})),
        ('[2,"7","Heartbeat",{},"more",7]', Call("7", "Heartbeat", {})),
        ('[2.0,"7","Heartbeat",{}]', Call("7", "Heartbeat", {})),
        ('[2,"","Heartbeat",{}]', Call("", "Heartbeat", {})),
        ('[3,"7",null]', CallResult("7", {})),
        ('[3,"7"]', CallResult("7", {})),
        ('[4,"7"]', CallError("7", "", "", None)),
        (
            '[4,"7","TypeConstraintViolation","",""]',
            CallError("7", "TypeConstraintViolation", "", ""),
        ),
        ('[4,"7",null,5,[]]', CallError("7", "None", "5", [])),
    ],
)
def test_small_deviations_do_not_matter(text: str, frame: Frame) -> None:
    """Payload null (several), details as a string (Simpson & Partners), missing elements."""
    assert parse(text) == frame


def test_a_call_errors_code_and_description_are_cut() -> None:
    frame = parse(json.dumps([4, "7", "c" * 5000, ["d" * 5000], {}]))
    assert isinstance(frame, CallError)
    assert (len(frame.code), len(frame.description)) == (1000, 1000)


@pytest.mark.parametrize(
    "unique_id",
    [
        '"1"',
        '"531531541"',
        '"01234567890123456789"',
        '"a3f1 ß \\ud83d\\ude00"',
        '""',
        "7",
        "-1",
        "12345678901234567890123456789012345678901234567890",
        "1.5",
    ],
)
def test_the_unique_id_comes_back_as_it_was_sent(unique_id: str) -> None:
    """Go-e counts, Legrand sends 20 digits, some send numbers."""
    frame = parse(f'[2,{unique_id},"Heartbeat",{{}}]')
    assert isinstance(frame, Call)
    answer = json.loads(result_text(frame.unique_id, {}))
    assert answer == [3, json.loads(unique_id), {}]
    assert type(answer[1]) is type(json.loads(unique_id))


def test_of_equal_keys_the_last_one_counts() -> None:
    assert parse('[2,"7","Authorize",{"idTag":"a","idTag":"b"}]') == Call(
        "7", "Authorize", {"idTag": "b"}
    )


# --- Calls that are answered with a CallError ---


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[2,"7"]', FOUR_ELEMENTS),
        ('[2,"7","Heartbeat"]', FOUR_ELEMENTS),
        ('[2,"7",5,{}]', "the action is not a string"),
        ('[2,"7",null,{}]', "the action is not a string"),
        ('[2,"7",["Heartbeat"],{}]', "the action is not a string"),
        ('[2,"7","Heartbeat",[]]', "the payload is not an object"),
        ('[2,"7","Heartbeat",""]', "the payload is not an object"),
        ('[2,"7","Heartbeat",0]', "the payload is not an object"),
        ('[2,"7","Heartbeat",false]', "the payload is not an object"),
    ],
)
def test_a_call_that_is_no_call_is_malformed(text: str, reason: str) -> None:
    assert parse(text) == Malformed("7", "FormationViolation", reason)


# --- texts that get no answer ---


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\0",
        "hello",
        '[2,"7","Heartbeat",{}',  # Grizzl-E cuts its frames short
        '[2,"7","Heartbeat",{}]]',
        '[2,"7","Heartbeat",{}][2,"8","Heartbeat",{}]',
        "['2']",
        "[" * 100_000,
        '{"a":' * 100_000,
        '[2,"7","Heartbeat",' + "[" * 5_000 + "]" * 5_000 + "]",
    ],
)
def test_a_text_that_is_not_json_is_unreadable(text: str) -> None:
    frame = parse(text)
    assert isinstance(frame, Unreadable)
    assert frame.reason.startswith("not JSON: ")
    assert len(frame.reason) <= 110


def test_an_unreadable_text_has_a_reason() -> None:
    frame = parse("garbage")
    assert isinstance(frame, Unreadable)
    assert frame.reason.startswith("not JSON: Expecting value")


@pytest.mark.parametrize("text", ["{}", "null", "2", '"[2]"', "true", "NaN", "1e400", "9" * 5000])
def test_json_that_is_not_an_array_is_unreadable(text: str) -> None:
    assert parse(text) == Unreadable("not a JSON array")


@pytest.mark.parametrize("text", ["[]", '["2","7","Heartbeat",{}]', '[true,"7"]', "[null]", "[[]]"])
def test_an_array_without_a_message_type_is_unreadable(text: str) -> None:
    assert parse(text) == Unreadable("no message type")


@pytest.mark.parametrize("message_type", [2, 3, 4])
@pytest.mark.parametrize(
    "unique_id",
    ["", ",null", ",true", ",[]", ",{}", ",NaN", ",1e400", ",-Infinity", "," + "9" * 5000],
)
def test_a_frame_without_a_readable_id_is_unreadable(message_type: int, unique_id: str) -> None:
    assert parse(f"[{message_type}{unique_id}]") == Unreadable("no readable unique id")


def test_a_confirmation_that_is_no_object_refuses_our_call() -> None:
    reason = "the payload of the charger's CallResult is not an object"
    assert parse('[3,"7",[]]') == CallError("7", "FormationViolation", reason, [])


@pytest.mark.parametrize("text", ['[2,"7","Stop\t",{}]', '\ufeff[2,"7","Stop\t",{}]'])
def test_raw_control_characters_and_a_byte_order_mark_lose_nothing(text: str) -> None:
    assert parse(text) == Call("7", "Stop\t", {})


def test_a_raw_nul_is_replaced() -> None:
    assert parse('[2,"7","Stop\0",{}]') == Call("7", "Stop\ufffd", {})


@pytest.mark.parametrize(
    ("message_type", "text"),
    [
        ("1", "1"),
        ("5", "5"),
        ("-2", "-2"),
        ("2.5", "2.5"),
        ("NaN", "nan"),
        ("1e400", "inf"),
        ("9" * 30, "9" * 20),
    ],
)
def test_other_message_types_are_not_supported(message_type: str, text: str) -> None:
    """They are ignored, OCPP-J §4.1.3."""
    assert parse(f'[{message_type},"7","Heartbeat",{{}}]') == Unsupported(text)


# --- guards of the boundary ---


def test_numbers_that_python_refuses_leave_the_rest_readable() -> None:
    frame = parse(f'[2,"7","StopTransaction",{{"meterStop":{"9" * 5000},"transactionId":9}}]')
    assert isinstance(frame, Call)
    assert frame.payload == {"meterStop": Decimal("9" * 5000), "transactionId": 9}


@pytest.mark.parametrize("before", ["", "\ufeff"])
def test_endless_numbers_are_read_beside_control_characters_and_a_byte_order_mark(
    before: str,
) -> None:
    frame = parse(f'{before}[2,"7","Stop\t",{{"meterStop":{"9" * 5000}}}]')
    assert frame == Call("7", "Stop\t", {"meterStop": Decimal("9" * 5000)})


def test_ordinary_numbers_beside_an_endless_one_stay_integers() -> None:
    frame = parse(f'[2,"7","X",{{"a":-{"9" * 4301},"b":{"8" * 40},"c":{"8" * 41},"d":-3}}]')
    assert isinstance(frame, Call)
    kinds = {name: type(value) for name, value in frame.payload.items()}
    assert kinds == {"a": Decimal, "b": int, "c": Decimal, "d": int}


@pytest.mark.parametrize("endless", ["1" * 4301, "-" + "1" * 4301])
def test_an_endless_message_type_is_unreadable(endless: str) -> None:
    """It is read as a Decimal, which is no message type: the text is unreadable."""
    assert isinstance(parse(f'[{endless},"7"]'), Unreadable)


def test_nul_and_lone_surrogates_become_replacement_characters() -> None:
    frame = parse(
        r'[2,"7\u0000","Authorize",{"idTag\udc00":["\ud800x","\udfff","\ud83d\ude00",5,null]}]'
    )
    assert frame == Call(
        "7\ufffd", "Authorize", {"idTag\ufffd": ["\ufffdx", "\ufffd", "\U0001f600", 5, None]}
    )


def test_nan_and_infinity_are_read_but_never_sent() -> None:
    frame = parse('[2,"7","X",{"a":NaN,"b":1e400}]')
    assert isinstance(frame, Call)
    assert math.isnan(frame.payload["a"])
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_text(frame.payload)


# --- properties ---

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(alphabet=st.characters(categories=["Cs", "Cc", "Lu"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
frame_like = st.builds(
    lambda kind, rest: json.dumps([kind, *rest]),
    st.sampled_from([2, 3, 4, 5, 2.0, "2", True, None]),
    st.lists(json_values, max_size=5),
)


@st.composite
def mutated_frames(draw: st.DrawFn) -> str:
    """Draw a frame in which a piece was cut out, doubled or replaced."""
    text = draw(frame_like)
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, len(text)))
    middle = draw(
        st.sampled_from(
            ["", text[start:end] * 2, "[", "]", '"', "\\", "\\u0000", "\\ud800", "1e999"]
        )
        | st.text(max_size=3)
    )
    return text[:start] + middle + text[end:]


@given(st.text() | frame_like | mutated_frames())
@example('[2,"a\\ud800","b",{"c":"\\u0000"}]')
def test_parse_never_raises_and_every_string_it_returns_can_be_stored_and_sent(text: str) -> None:
    frame = parse(text)
    for string in strings_of(frame):
        assert through_sqlite(string) == string
        assert json.loads(to_text(string)) == string


@given(st.text() | frame_like | mutated_frames())
def test_a_call_with_a_readable_id_can_be_answered_with_it(text: str) -> None:
    frame = parse(text)
    if isinstance(frame, Call | Malformed):
        assert json.loads(result_text(frame.unique_id, {})) == [3, frame.unique_id, {}]
        assert json.loads(error_text(frame.unique_id, "X", ""))[1] == frame.unique_id


@given(
    st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.dictionaries(
        st.text(alphabet="abc", max_size=3), st.integers() | st.booleans() | st.none(), max_size=3
    ),
)
def test_our_texts_are_parsed_into_the_same_frames(
    unique_id: str, word: str, payload: dict[str, Any]
) -> None:
    assert parse(result_text(unique_id, payload)) == CallResult(unique_id, payload)
    assert parse(error_text(unique_id, word, word[:255])) == CallError(
        unique_id, word[:1000], word[:255], {}
    )
    assert parse(to_text([2, unique_id, word, payload])) == Call(unique_id, word, payload)
