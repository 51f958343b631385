"""The payloads of states: what Home Assistant can take, whatever a charger reports."""

from hypothesis import given
from hypothesis import strategies as st

from shocpp.interfaces.mqtt.states.payloads import changed, states_of_charger, states_of_site
from shocpp.interfaces.mqtt.states.present import (
    BookFigures,
    PublishedCharger,
    PublishedConnector,
    SiteFigures,
)
from shocpp.store.site.limits import LimitChoice

IDLE = PublishedConnector(
    1, "", "Available", "NoError", 0, None, False, "", "fast", None, None, 6_000, 32_000
)
CHARGING = IDLE._replace(
    status="Charging", power_w=7_400, session_wh=12_345, has_session=True, account="home"
)
CHARGER = PublishedCharger(1, "garage", "garage", "", "", "", True, (IDLE,))
PAUSE = LimitChoice("garage", 1, 0, None, "mqtt", 0)

CONNECTORS = st.builds(
    PublishedConnector,
    st.integers(1, 20),
    st.text(),
    st.none() | st.sampled_from(["Available", "Charging", "Faulted", "Reserved"]) | st.text(),
    st.text(max_size=2_000),
    st.none() | st.integers(0, 400_000),
    st.none() | st.integers(0, 2**31),
    st.booleans(),
    st.text(max_size=300),
    st.sampled_from(["fast", "min", "solar", "off"]),
    st.none() | st.just(PAUSE) | st.just(PAUSE._replace(limit_ma=6_500)),
    st.none() | st.integers(0, 80_000),
    st.just(6_000),
    st.just(32_000),
)


def values(connector: PublishedConnector, error: str = "", **more: bool) -> dict[str, str]:
    """Return the values of connector 1 by the names of its states."""
    charger = CHARGER._replace(connectors=(connector,))
    errors = {("garage", 1): error} if error else {}
    payloads = states_of_charger("shocpp", charger, {}, errors, **{"names_accounts": True, **more})
    return {
        topic.removeprefix("shocpp/garage/1/"): payload.decode()
        for topic, payload in payloads.items()
        if topic.startswith("shocpp/garage/1/")
    }


@given(CONNECTORS, st.text(max_size=2_000))
def test_each_payload_is_short_and_none_is_empty(connector: PublishedConnector, error: str) -> None:
    charger = CHARGER._replace(connectors=(connector,))
    at = connector.connector_id
    payloads = states_of_charger(
        "shocpp", charger, {at: 1_500_000}, {("garage", at): error}, names_accounts=True
    )
    for topic, payload in payloads.items():
        # An empty one would delete the retained message.
        assert 0 < len(payload.decode()) <= 255, topic


def test_a_session_has_its_figures() -> None:
    assert values(CHARGING) == {
        "power": "7400",
        "session": "12.345",
        "state": "Charging",
        "plug": "ON",
        "charge": "ON",
        "mode": "fast",
        "limit": "32",
        "allowed": "None",
        "error": "NoError",
        "account": "home",
    }


def test_what_is_not_known_is_unknown_and_not_0() -> None:
    new = values(IDLE._replace(status=None, power_w=None))
    assert [new[name] for name in ("power", "state", "plug", "session")] == ["None"] * 4


def test_without_accounts_nobody_is_named() -> None:
    assert "account" not in values(CHARGING, names_accounts=False)
    assert "home" not in values(CHARGING, names_accounts=False).values()


def test_a_pause_is_off_and_a_fault_an_error() -> None:
    paused = values(CHARGING._replace(chosen=PAUSE, allowed_ma=0))
    assert (paused["charge"], paused["limit"], paused["allowed"]) == ("OFF", "0", "0")
    fault = IDLE._replace(status="Faulted", error_code="GroundFailure")
    assert (values(fault)["error"], values(fault)["plug"]) == ("GroundFailure", "None")
    assert values(fault, "refused")["error"] == "refused"


def test_the_site_says_only_what_it_has() -> None:
    books = BookFigures(2, 1_500)
    bare = states_of_site("shocpp", SiteFigures(False, False, None, None, False), books, "")
    assert {topic.removeprefix("shocpp/site/") for topic in bare} == {
        "reviews",
        "unassigned",
        "error",
    }
    site = SiteFigures(True, True, -2_300, 35_000, True, True)
    full = states_of_site("shocpp", site, books, "no such charger")
    assert {
        topic.removeprefix("shocpp/site/"): value.decode() for topic, value in full.items()
    } == {
        "reviews": "2",
        "unassigned": "1.500",
        "error": "no such charger",
        "fallback": "ON",
        "limit": "35",
        "power": "-2300",
        "dimmed": "ON",
    }


@given(st.dictionaries(st.text(), st.binary()), st.dictionaries(st.text(), st.binary()))
def test_only_what_differs_is_sent(former: dict[str, bytes], new: dict[str, bytes]) -> None:
    sent = dict(changed(former, new))
    assert {**{key: former[key] for key in former.keys() & new.keys()}, **sent} == new
    assert all(former.get(topic) != payload for topic, payload in sent.items())
