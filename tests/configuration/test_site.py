"""The parser of site.json: limits and the meter, or a sentence with line and key."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.configuration.entries import line_of
from shocpp.configuration.json_paths import WHOLE, parse_path
from shocpp.configuration.power.keys import Power
from shocpp.configuration.site.conf import SiteConf, parse_site
from shocpp.configuration.site.meter_source import SiteMeter
from shocpp.energy.model import GroupRules, SiteRules
from shocpp.errors import ConfigError

URL = "http://192.168.1.30/status"
POLLED = {"url": URL, "paths": ["total_power"]}
KNOWN = {name: Power() for name in ("p1", "p2", "garage")}


def parsed(content: object, known: Mapping[str, Power | None] | None = KNOWN) -> SiteConf:
    """Return a site.json, parsed."""
    return parse_site(json.dumps(content), "conf/site.json", known)


def refusal(text: str) -> str:
    """Return the sentence of the refusal of a file, without the file and the example."""
    with pytest.raises(ConfigError) as refused:
        parse_site(text, "conf/site.json", KNOWN)
    sentence = str(refused.value)
    assert sentence.isprintable()
    assert sentence.startswith("conf/site.json")
    assert sentence.endswith("; see conf/site.json.example")
    return sentence.removeprefix("conf/site.json").removesuffix("; see conf/site.json.example")


# --- valid files ---


def test_a_limit_alone_has_the_defaults() -> None:
    conf = parsed({"limit_a": 35})
    assert conf == SiteConf(SiteRules(35_000), {}, None)
    assert conf.rules == SiteRules(
        35_000, 1_000, 30_000, 6_000, 20_000, has_meter=False, house_ma=None, groups={}
    )


def test_a_meter_needs_no_limit() -> None:
    for content in ({"meter": POLLED}, {**groups(), "meter": POLLED}):
        rules = parsed(content).rules
        assert (rules.limit_ma, rules.has_meter) == (None, True)


def test_every_limit_is_read_in_ma_and_ms() -> None:
    limits = {"limit_a": 86.6, "margin_a": 2.5, "house_a": 12, "unbalance_a": 18}
    rules = parsed({**limits, "fallback_a": 0, "stale_s": 12.5, "comment": ["x"]}).rules
    assert rules == SiteRules(86_600, 2_500, 12_500, 0, 18_000, house_ma=12_000)


def test_groups_have_a_limit_and_members_in_any_case() -> None:
    groups = {
        "Tiefgarage": {"limit_a": 63, "members": ["P1", "p2"], "comment": 1},
        "Hof": {"limit_a": 20, "members": [" garage"]},
    }
    conf = parsed({"groups": groups})
    assert conf.rules == SiteRules(
        None, groups={"Tiefgarage": GroupRules(63_000), "Hof": GroupRules(20_000)}
    )
    assert conf.members == {"p1": ("Tiefgarage",), "p2": ("Tiefgarage",), "garage": ("Hof",)}


def test_any_name_may_be_a_member_if_no_chargers_are_known() -> None:
    conf = parsed({"groups": {"x": {"limit_a": 20, "members": ["elsewhere"]}}}, known=None)
    assert conf.members == {"elsewhere": ("x",)}


def test_a_meter_may_be_posted() -> None:
    conf = parsed({"limit_a": 35, "meter": {"posted": True, "split": [0.5, 0.25, 0.25]}})
    assert conf.rules.has_meter
    assert conf.meter == SiteMeter(is_posted=True, split=(0.5, 0.25, 0.25))


def test_a_meter_may_be_polled() -> None:
    meter = parsed({"limit_a": 35, "meter": POLLED}).meter
    assert meter == SiteMeter(url=URL, paths=(parse_path("total_power"),))
    assert meter is not None
    assert (meter.is_posted, meter.factor, meter.unit, meter.every_s) == (False, 1.0, "W", 5)
    assert (meter.sign_paths, meter.split) == ((), None)


def test_a_meter_may_be_a_topic_with_documents_or_numbers() -> None:
    numbers = parsed({"limit_a": 35, "meter": {"mqtt": "haus/meter"}}).meter
    assert numbers == SiteMeter(topic="haus/meter", paths=(WHOLE,))
    meter = {"mqtt": "haus/meter", "path": "w", "factor": -1}
    documents = parsed({"limit_a": 35, "meter": meter}).meter
    assert documents == SiteMeter(topic="haus/meter", paths=(parse_path("w"),), factor=-1)


def test_a_meter_of_currents_takes_signs_from_powers() -> None:
    currents = [f"emeters[{phase}].current" for phase in range(3)]
    powers = [f"emeters[{phase}].power" for phase in range(3)]
    keys = {"unit": "A", "factor": -0.001, "signs": powers, "every_s": 10}
    meter = parsed({"limit_a": 35, "meter": {"url": URL, "paths": currents, **keys}}).meter
    assert meter == SiteMeter(
        url=URL,
        paths=tuple(map(parse_path, currents)),
        factor=-0.001,
        unit="A",
        sign_paths=tuple(map(parse_path, powers)),
        every_s=10,
    )


# --- refusals ---


def topic(name: object, **keys: object) -> dict[str, object]:
    """Return a site.json with a meter that sends messages to a topic."""
    return {"limit_a": 35, "meter": {"mqtt": name, **keys}}


def meter(**keys: object) -> dict[str, object]:
    """Return a file with a polled meter that has these keys."""
    return {"limit_a": 35, "meter": POLLED | keys}


def groups(**keys: object) -> dict[str, object]:
    """Return a file with one group."""
    return {"groups": {"g": {"limit_a": 20, "members": ["p1"]} | keys}}


TWO_GROUPS = {name: {"limit_a": 20, "members": ["p1"]} for name in ("Hof", "Tiefgarage")}

REFUSED: list[tuple[object, str]] = [
    ([], "the file must be an object, not []"),
    ({}, "the file has no limit: write limit_a, or groups with a limit_a each"),
    ({"groups": {}}, "the file has no limit"),
    ({"limit": 35}, "limit is unknown; there are limit_a, margin_a, house_a"),
    ({"limit_a": "35"}, "limit_a must be a number 0..10000, not '35'"),
    ({"limit_a": True}, "limit_a must be a number 0..10000, not True"),
    ({"limit_a": None}, "limit_a must be a number 0..10000, not None"),
    ({"limit_a": -1}, "limit_a must be a number 0..10000, not -1"),
    ({"limit_a": 5.9}, "limit_a is 5.9 A, but no car charges with less than 6 A"),
    ({"limit_a": 1e99}, "limit_a must be a number 0..10000, not 1e+99"),
    ({"limit_a": float("nan")}, "limit_a must be a number 0..10000, not nan"),
    ({"limit_a": 35, "margin_a": -1}, "margin_a must be a number 0..35, not -1"),
    (
        {"limit_a": 35, "margin_a": 30, "meter": POLLED},
        "margin_a leaves less than 6 A, with which no car charges: limit_a less margin_a (30 A)",
    ),
    ({"limit_a": 6, "meter": POLLED}, "limit_a leaves less than 6 A, with which no car charges"),
    ({"limit_a": 35, "house_a": 36}, "house_a must be a number 0..35, not 36"),
    ({"limit_a": 35, "unbalance_a": "20"}, "unbalance_a must be a number 0..10000, not '20'"),
    ({"limit_a": 35, "fallback_a": 5}, "fallback_a is 5 A, but no car charges with less than 6 A"),
    ({"limit_a": 35, "stale_s": 0}, "stale_s must be a number 1..3600, not 0"),
    ({"limit_a": 35, "groups": []}, "groups must be an object, not []"),
    (groups(limit_a=5), "groups, g, limit_a is 5 A, but no car charges with less than 6 A"),
    (groups(member=["p1"]), "groups, g, member is unknown; there are limit_a, members, comment"),
    (groups(members="p1"), "groups, g, members must be a list, not 'p1'"),
    (groups(members=[]), "groups, g, members is empty; write names of chargers, or leave"),
    (groups(members=[1]), "groups, g, members, entry 1 must be a text on one line, not 1"),
    (groups(members=["p1", "px"]), "groups, g, members, entry 2 is 'px', and no charger has this"),
    (
        groups(members=["p1", "P1"]),
        "groups, g, members, entry 2 is 'P1', which is there twice; remove one",
    ),
    ({"groups": TWO_GROUPS}, "groups, Tiefgarage, members, entry 1 is 'p1', which is in the group"),
    ({"groups": {"g": {"limit_a": 20}}}, "groups, g has no members; a group needs limit_a and me"),
    ({"groups": {"g": {"members": ["p1"]}}}, "groups, g has no limit_a; a group needs limit_a"),
    ({"groups": {" ": {}}}, "groups, ' ' is no name of a group; write some letters"),
    ({"groups": {"g\n": {}}}, r"groups, 'g\n' is no name of a group"),
    ({"limit_a": 35, "meter": URL}, "meter must be an object, not 'http://192.168.1.30/status'"),
    ({"limit_a": 35, "meter": {}}, 'meter needs one of url, mqtt and "posted": true'),
    ({"limit_a": 35, "meter": {"url": URL}}, "meter needs path or paths: where the values are in"),
    (meter(mqtt="haus/meter"), 'meter needs one of url, mqtt and "posted": true'),
    (meter(path="w"), "meter, path has no meaning beside paths; remove one of them"),
    (topic("haus/#"), "meter, mqtt must be one topic, without the wildcards + and #, not 'haus/#'"),
    (topic("$SYS/load"), "meter, mqtt must not begin with $, which is for topics of the broker"),
    (
        topic("/haus"),
        "meter, mqtt must have levels that are not empty, not '/haus'; write it as in",
    ),
    (topic("x" * 201), "meter, mqtt must have at most 200 bytes, and no control characters"),
    (topic(5), "meter, mqtt must be a text on one line, not 5"),
    (topic("haus", every_s=5), "meter, every_s has no meaning beside mqtt, whose devices send"),
    (topic("haus", posted=True), "meter, mqtt has no meaning beside posted; remove one of them"),
    ({"limit_a": 35, "meter": {"posted": 1}}, "meter, posted can only be true; remove it for a"),
    (meter(posted=True), "meter, url has no meaning beside posted; remove one of them"),
    (meter(url="ftp://x/"), "meter, url must be an address such as http://192.168.1.30/status, no"),
    (meter(url="192.168.1.30"), "meter, url must be an address such as"),
    (meter(url="http:///status"), "meter, url must be an address such as"),
    (meter(url="http://x:99999/"), "meter, url must be an address such as"),
    (meter(url="http://[x/"), "meter, url must be an address such as"),
    (meter(url="http://x/a b"), "meter, url must be an address such as"),
    (meter(url="http://x/ä"), "meter, url must be an address such as"),
    (meter(url=5), "meter, url must be a text on one line, not 5"),
    (meter(paths="total_power"), "meter, paths must be a list, not 'total_power'"),
    (meter(paths=["a", "b"]), "meter, paths must be one path (the sum) or three (L1, L2, L3)"),
    (meter(paths=["a..b"]), "meter, paths, entry 1 cannot be read: 'a..b' is no path to a value"),
    (meter(paths=[0]), "meter, paths, entry 1 must be a text on one line, not 0"),
    (meter(unit="kW"), "meter, unit must be W or A, not 'kW'"),
    (meter(unit=[]), "meter, unit must be W or A, not []"),
    (meter(factor=0), "meter, factor is 0, so that the meter would always read 0; write 1 or -1"),
    (meter(factor="2"), "meter, factor must be a number -1e+06..1e+06, not '2'"),
    (meter(signs=["p"]), 'meter, signs is for currents, and needs "unit": "A"; powers have a sign'),
    (meter(unit="A", signs=["a", "b", "c"]), "meter, signs must be as many as paths: 1"),
    (meter(every_s=0), "meter, every_s must be a whole number 1..600, not 0"),
    (meter(every_s=2.5), "meter, every_s must be a whole number 1..600, not 2.5"),
    (meter(every_s=20), "meter leaves no time for 2 readings: write a stale_s of at least 40"),
    (meter() | {"stale_s": 9}, "stale_s leaves no time for 2 readings: write a stale_s of at le"),
    (meter(split=[1, 1, 1]), "meter, split must be three shares that are 1 together, such as"),
    (meter(split=[1]), "meter, split must be three shares that are 1 together"),
    (meter(split=[2, -1, 0]), "meter, split, entry 1 must be a number 0..1, not 2"),
    (meter(split=[1, 0, 0], paths=["a", "b", "c"]), "meter, split is for one path, the sum of"),
]


@pytest.mark.parametrize(("content", "sentence"), REFUSED)
def test_an_error_is_reported_with_its_key(content: object, sentence: str) -> None:
    line, _, said = refusal(json.dumps(content)).partition(": ")
    assert line == ", line 1"
    assert said.startswith(sentence)


def test_an_address_with_a_password_is_not_repeated() -> None:
    sentence = refusal(json.dumps(meter(url="http://admin:geheim@x/")))
    assert "meter, url has a user's name, which is not sent" in sentence
    assert "geheim" not in sentence


LINES = """{
  "comment": "the key limit_a is below, and so are { and [",
  "limit_a": 35,
  "groups": {
    "yard": {"limit_a": 20,
             "members": [
               "p1",
               "nobody"]}
  },
  "meter": {"url": "http://x/",
    "paths": ["a"], "every_s": 5,
    "unit": "kW"
  }
}
"""


def test_an_error_is_reported_with_its_line() -> None:
    assert refusal(LINES).startswith(", line 8: groups, yard, members, entry 2 is 'nobody'")
    members_good = LINES.replace("nobody", "p2")
    assert refusal(members_good).startswith(", line 12: meter, unit must be W or A")
    assert refusal(LINES.replace("35", "3")).startswith(", line 8: groups")
    assert refusal(members_good.replace("kW", "W").replace("35", "3")).startswith(
        ", line 3: limit_a"
    )
    assert refusal(members_good.replace('"limit_a": 20,', "")).startswith(
        ", line 5: groups, yard has"
    )


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, '{"limit_a": 35, "limit_a": 40}', "1" * 5000]
)
def test_a_text_that_is_not_json_is_refused(text: str) -> None:
    assert refusal(text).startswith(" is not JSON: ")


def test_a_key_that_is_there_twice_has_the_line_of_the_second_one() -> None:
    text = LINES.replace('"limit_a": 35', '"comment": 1,\n  "limit_a": 35, "limit_a":\n 35')
    assert refusal(text) == " is not JSON: 'limit_a' is there twice, line 4"
    inner = LINES.replace('"paths": ["a"]', '"paths": ["a"],\n"url": {"url": 1}')
    assert refusal(inner) == " is not JSON: 'url' is there twice in 'meter', line 12"


# --- any content ---

KEYS = (
    *("limit_a", "margin_a", "house_a", "unbalance_a", "fallback_a", "stale_s", "groups", "meter"),
    *("members", "posted", "url", "every_s", "paths", "unit", "factor", "signs", "split", "x"),
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 99) | st.floats() | st.text(max_size=5)
    | st.sampled_from(["p1", "P2", URL, "W", "A", "a[0].b", 35, 10**400])
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "limit_a": st.integers(0, 99) | SCALARS,
        "margin_a": st.integers(0, 9) | SCALARS,
        "fallback_a": st.integers(0, 9) | SCALARS,
        "stale_s": st.integers(1, 99) | SCALARS,
        "groups": st.dictionaries(
            st.text(min_size=1, max_size=3),
            st.fixed_dictionaries(
                {"limit_a": st.integers(5, 99), "members": st.lists(st.sampled_from(["p1", "p2"]))}
            ),
            max_size=2,
        )
        | ANYTHING,
        "meter": st.fixed_dictionaries(
            {"url": st.just(URL) | SCALARS, "paths": st.just(["a"]) | st.just(["a", "b", "c"])},
            optional={
                "unit": st.sampled_from(["W", "A"]) | SCALARS,
                "signs": st.just(["a"]),
                "every_s": st.integers(1, 30) | SCALARS,
                "split": st.just([0.5, 0.5, 0]) | ANYTHING,
            },
        )
        | st.just({"posted": True})
        | ANYTHING,
    },
)


@given(LIKELY | ANYTHING)
def test_any_content_is_read_or_refused_in_one_sentence_with_its_line(content: Any) -> None:
    text = json.dumps(content, indent=1)
    with suppress(ConfigError):
        check(parse_site(text, "conf/site.json", KNOWN))
        return
    sentence = refusal(text)
    assert sentence.startswith((", line ", " is not JSON: "))


def check(conf: SiteConf) -> None:
    """Check what every file in force promises to the controller."""
    rules = conf.rules
    limits = [group.limit_ma for group in rules.groups.values()]
    limits += [] if rules.limit_ma is None else [rules.limit_ma]
    # A meter alone is for the sun, and dimming needs no limit.
    assert limits or conf.meter is not None or rules.dimmed_w is not None
    assert all(isinstance(limit, int) and limit >= 6_000 for limit in limits)
    assert rules.fallback_ma == 0 or rules.fallback_ma >= 6_000
    assert rules.stale_ms >= 1_000
    assert rules.has_meter == (conf.meter is not None)
    assert all(set(names) <= set(rules.groups) for names in conf.members.values())
    assert set(conf.members) <= set(KNOWN)
    if conf.meter is not None:
        assert rules.limit_ma is None or rules.limit_ma - rules.margin_ma >= 6_000
        assert conf.meter.is_posted or len(conf.meter.paths) in (1, 3)
        assert conf.meter.is_posted or rules.stale_ms >= 2_000 * conf.meter.every_s


@given(ANYTHING, st.data())
def test_each_value_has_the_line_of_its_text(content: Any, draw: st.DataObject) -> None:
    """With one line for each value, its line is one more than the values and brackets before it."""
    path: list[str | int] = []
    value = content
    while isinstance(value, dict | list) and value:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = draw.draw(st.sampled_from(keys))
        path.append(key)
        value = value[key]
    text = json.dumps(content, indent=0)
    line = text.split("\n")[line_of(text, path) - 1]
    if path and isinstance(path[-1], str):
        assert line.startswith(json.dumps(path[-1]))
    if not isinstance(value, dict | list):
        assert line.rstrip(",").endswith(json.dumps(value))
