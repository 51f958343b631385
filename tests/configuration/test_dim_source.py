"""The input of the grid operator's signal: its keys, its values, and the watts it must leave."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.configuration.json_paths import parse_path
from shocpp.configuration.power.keys import Power, power_of
from shocpp.configuration.site.conf import SiteConf, parse_site
from shocpp.configuration.site.dim_source import DimInput, signal_of, signal_value
from shocpp.errors import ConfigError, UsageError

URL = "http://192.168.1.31/relay/0"


def parsed(known: dict[str, Power | None] | None = None, **members: Any) -> SiteConf:
    """Return a site.json, parsed."""
    return parse_site(json.dumps(members), "conf/site.json", known)


def refusal(known: dict[str, Power | None] | None = None, **members: Any) -> str:
    """Return the sentence of the refusal of a file."""
    with pytest.raises(ConfigError) as refused:
        parsed(known, **members)
    assert str(refused.value).endswith("; see conf/site.json.example")
    return str(refused.value)


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        ({"posted": True}, DimInput("posted")),
        ({"posted": True, "on_loss": "dimmed", "stale_s": 60, "comment": "x"},
         DimInput("posted", on_loss="dimmed", stale_s=60)),
        ({"url": URL}, DimInput("polled", URL)),
        ({"url": URL, "path": "ison", "every_s": 2, "invert": True, "on_loss": "free"},
         DimInput("polled", URL, path=parse_path("ison"), every_s=2, is_inverted=True,
                  on_loss="free")),
        ({"mqtt": "haus/dim"}, DimInput("mqtt", topic="haus/dim")),
        ({"mqtt": "haus/dim", "path": "a.b", "stale_s": 90},
         DimInput("mqtt", topic="haus/dim", path=parse_path("a.b"), stale_s=90)),
    ],
)  # fmt: skip
def test_an_input_is_posted_polled_or_a_topic(dim: dict[str, Any], expected: DimInput) -> None:
    conf = parsed(limit_a=35, dimmed_w=4200, dim=dim)
    assert conf.dim == expected
    assert conf.rules.dimmed_w == 4200


def test_dimming_needs_no_other_limit() -> None:
    conf = parsed(dimmed_w=4200, dim={"posted": True})
    assert (conf.rules.limit_ma, conf.rules.dimmed_w) == (None, 4200)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"dim": {"posted": True}}, "dim needs dimmed_w"),
        ({"dimmed_w": 4200}, "dimmed_w needs dim"),
        ({"dimmed_w": 1000, "dim": {"posted": True}}, "dimmed_w must be a number 1380..1e+07"),
        ({"dimmed_w": True, "dim": {"posted": True}}, "not True"),
        ({"dimmed_w": "4200", "dim": {"posted": True}}, "not '4200'"),
        ({"dimmed_w": float("nan"), "dim": {"posted": True}}, "not nan"),
    ],
)
def test_watts_and_input_need_each_other(members: dict[str, Any], words: str) -> None:
    assert words in refusal(limit_a=35, **members)


@pytest.mark.parametrize(
    ("dim", "words"),
    [
        ({}, "dim needs one input"),
        ([], "dim must be an object"),
        ({"posted": True, "url": URL}, "dim needs one input"),
        ({"posted": False}, "can only be true"),
        ({"posted": True, "invert": True}, "invert has no meaning beside posted"),
        ({"posted": True, "path": "a"}, "path has no meaning beside posted"),
        ({"mqtt": "a", "every_s": 5}, "every_s has no meaning beside mqtt"),
        ({"url": URL, "stale_s": 60}, "stale_s has no meaning beside url"),
        ({"url": "haus/dim"}, "must be an address such as"),
        ({"url": "http://me:secret@1.2.3.4/"}, "has a user's name"),
        ({"url": URL, "path": "a..b"}, "cannot be read"),
        ({"url": URL, "every_s": 0}, "whole number 1..600"),
        ({"mqtt": "haus/#"}, "must be one topic"),
        ({"mqtt": " "}, "must be a text on one line"),
        ({"mqtt": "a", "invert": 1}, "must be true or false, not 1"),
        ({"mqtt": "a", "on_loss": "off"}, "must be dimmed or free, not 'off'"),
        ({"posted": True, "on_loss": "free"}, "on_loss needs stale_s beside posted"),
        ({"mqtt": "a", "stale_s": 1}, "must be a number 10..86400"),
        ({"topic": "a"}, "is unknown"),
    ],
)
def test_an_input_that_cannot_be_used_is_refused(dim: object, words: str) -> None:
    sentence = refusal(limit_a=35, dimmed_w=4200, dim=dim)
    assert words in sentence
    assert "secret" not in sentence


# --- the least that each charger needs ---


def test_watts_that_do_not_carry_a_charger_are_refused_with_both() -> None:
    known = {"garage": Power(), "yard": Power(phases=(1,), min_ma=6_000)}
    sentence = refusal(known, dimmed_w=4100, dim={"posted": True})
    assert "dimmed_w is 4100 W, but 'garage' needs 4140 W" in sentence
    assert parsed(known, dimmed_w=4140, dim={"posted": True}).rules.dimmed_w == 4140
    assert parsed({"yard": known["yard"]}, dimmed_w=1400, dim={"posted": True})


def test_a_charger_that_can_switch_its_phases_needs_one() -> None:
    garage = power_of({"phase_switch": {"means": "number_phases"}}, "garage")
    known = {"garage": garage}
    assert parsed(known, dimmed_w=1400, dim={"posted": True}).rules.dimmed_w == 1400


def test_the_neediest_charger_is_named() -> None:
    known = {"garage": Power(), "zoe": Power(min_ma=8_000)}
    assert "'zoe' needs 5520 W" in refusal(known, dimmed_w=4140, dim={"posted": True})


def test_a_charger_that_may_not_connect_any_more_needs_nothing() -> None:
    assert parsed({"old": None}, dimmed_w=1400, dim={"posted": True})


# --- values ---


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", "on", "ON", " true\n", "True", '"on"'])
def test_a_value_says_dimmed(value: object) -> None:
    assert signal_value(value)


@pytest.mark.parametrize("value", [False, 0, 0.0, "0", "off", "Off", "false", '"false"'])
def test_a_value_says_free(value: object) -> None:
    assert not signal_value(value)


@given(
    st.one_of(
        st.none(),
        st.floats().filter(lambda number: number not in (0, 1)),
        st.integers().filter(lambda number: number not in (0, 1)),
        st.lists(st.booleans()),
        st.text(max_size=3).filter(
            lambda text: text.strip().strip('"').casefold() not in ("0", "1", "on", "off")
        ),
    )
)
def test_any_other_value_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="is no signal") as error:
        signal_value(value)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("dim", "body", "is_dimmed"),
    [
        (DimInput("mqtt"), b"1", True),
        (DimInput("mqtt"), b"OFF", False),
        (DimInput("mqtt", is_inverted=True), b"1", False),
        (DimInput("polled", path=parse_path("relays[0].ison")), b'{"relays": [{"ison": true}]}',
         True),
        (DimInput("polled", path=parse_path("state")), b'{"state": "off"}', False),
        (DimInput("polled", path=parse_path("state"), is_inverted=True), b'{"state": "off"}', True),
    ],
)  # fmt: skip
def test_a_message_is_a_value_or_has_it_at_a_path(
    dim: DimInput, body: bytes, is_dimmed: bool
) -> None:
    assert signal_of(dim, body) is is_dimmed


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (None, b"", "is no signal"),
        (None, b"<html>", "is no signal"),
        (None, b"\xff", "no UTF-8"),
        ("state", b"<html>", "is no JSON"),
        ("state", b"[" * 100_000, "is no JSON"),
        ("state", b'{"on": 1}', "there is no 'state'"),
        ("state", b'{"state": 2}', "2 is no signal"),
        ("state", b'{"state": NaN}', "nan is no signal"),
    ],
)
def test_a_message_without_a_value_is_refused(path: str | None, body: bytes, words: str) -> None:
    dim = DimInput("mqtt", path=None if path is None else parse_path(path))
    with pytest.raises(UsageError, match=words):
        signal_of(dim, body)
