"""Paths to a number in a JSON document, as they are written in site.json."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.configuration.json_paths import JsonPath, parse_path, value_at
from shocpp.errors import UsageError

SHELLY = {
    "total_power": 231.4,
    "emeters": [{"power": 10.5}, {"power": "-20"}, {"power": None, "is_valid": True}],
    "em:0": {"a.b": 3, "": 4},
    "0": 7,
}


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("total_power", ("total_power",)),
        ("emeters[0].power", ("emeters", 0, "power")),
        ("$.emeters[2]", ("emeters", 2)),
        ("$[1].x", (1, "x")),
        ("[0][1]", (0, 1)),
        ("em:0.a_current", ("em:0", "a_current")),
        ('["em:0"]["a.b"]', ("em:0", "a.b")),
        ('a["b c"].d', ("a", "b c", "d")),
        ("Zähler.1-0:1.8.0", ("Zähler", "1-0:1", "8", "0")),
    ],
)
def test_a_path_is_read_into_its_steps(text: str, steps: tuple[str | int, ...]) -> None:
    assert parse_path(text) == JsonPath(text, steps)


@pytest.mark.parametrize(
    "text",
    [
        *("", "$", ".", "a.", ".a", "a..b", "a[", "a[]", "a[-1]", "a[x]", "a]", "a b", "a\n"),
        *("$a", "[0]b", "x" * 201, "a[99999]"),
    ],
)
def test_a_path_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no path to a value; write it as total_power or"):
        parse_path(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("total_power", 231.4),
        ("emeters[0].power", 10.5),
        ("emeters[1].power", -20.0),
        ('["em:0"]["a.b"]', 3.0),
        ('["em:0"][""]', 4.0),
    ],
)
def test_a_number_is_found_at_its_path(text: str, number: float) -> None:
    assert value_at(SHELLY, parse_path(text)) == number


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("power", "power: there is no 'power' in the document"),
        ("emeters[3].power", "emeters[3].power: there is no 3 at emeters in the document"),
        ("emeters[0].watt", "emeters[0].watt: there is no 'watt' at emeters.0 in the document"),
        ("emeters.power", "emeters.power: there is no 'power' at emeters in the document"),
        ("[0]", "[0]: there is no 0 in the document"),
        ("total_power.x", "total_power.x: there is no 'x' at total_power in the document"),
        ("emeters[2].power", "emeters[2].power is no number but None"),
        ("emeters[2].is_valid", "emeters[2].is_valid is no number but True"),
        ("emeters[2]", "emeters[2] is no number but {'power': None, 'is_valid': True}"),
    ],
)
def test_the_first_step_that_leads_nowhere_is_named(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        value_at(SHELLY, parse_path(text))
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "spelled", ['"nan"', "NaN", "Infinity", '"1e999"', "1e999", '"12 W"', '""']
)
def test_a_value_that_is_no_finite_number_is_refused(spelled: str) -> None:
    with pytest.raises(UsageError, match="p is no number but"):
        value_at(json.loads(f'{{"p": {spelled}}}'), parse_path("p"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.text(max_size=12) | st.from_regex(r"[ab$.\[\]\"0]{1,8}", fullmatch=True), JSON)
def test_any_path_and_document_give_a_number_or_one_sentence(text: str, document: Any) -> None:
    with suppress(UsageError):
        assert isinstance(value_at(document, parse_path(text)), float)
        return
    with pytest.raises(UsageError) as refused:
        value_at(document, parse_path(text))
    assert str(refused.value).isprintable()


@given(
    st.lists(st.text(max_size=6).filter(lambda name: '"' not in name), min_size=1), st.floats(-9, 9)
)
def test_every_name_has_a_path(names: list[str], number: float) -> None:
    document: Any = number
    for name in reversed(names):
        document = {name: document}
    text = "".join(f'["{name}"]' for name in names)
    if text.isprintable() and len(text) <= 200:
        assert value_at(document, parse_path(text)) == number
