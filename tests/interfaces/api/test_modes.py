"""Modes that programs choose."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.interfaces.api.test_app import Answer, ask, assert_refused
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.people import token_of
from tests.world.server import Server
from tests.world.stored_limits import chosen_modes, forget, leading


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server with a charger of two connectors, which decides nothing."""
    home = Home(tmp_path_factory.mktemp("modes") / "home")
    with leading(home):
        server = Server(home)
        with Charger(server, "garage", serial="219010") as garage:
            garage.boot()
            garage.report("Available")
            garage.report("Available", 2)
            yield server
        server.stop()


@pytest.fixture
def server(shared: Server) -> Server:
    """Return the server without modes."""
    forget(shared.home)
    return shared


def post(server: Server, document: Any, name: str = "garage", **headers: str) -> Answer:
    """Post a mode."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return ask(server, f"/api/charge-points/{name}/mode", body, headers=headers)


def test_a_mode_is_chosen_and_taken_back(server: Server) -> None:
    answer = post(server, {"mode": "min", "kwh": 7.5, "by": "07:00"}, "219010")
    assert (answer.status, answer.content) == (200, {"mode": "min", "connectors": [1, 2]})
    assert [(*one[:3], one[4]) for one in chosen_modes(server.home)] == [
        ("garage", 1, "min", 7_500),
        ("garage", 2, "min", 7_500),
    ]
    answer = post(server, {"mode": "default", "connector": 1})
    assert (answer.status, answer.content) == (200, {"mode": "default", "connectors": [1]})
    assert [one[:3] for one in chosen_modes(server.home)] == [("garage", 2, "min")]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, '"mode" must be one of fast, min, solar, off, default'),
        ({"mode": "Solar"}, '"mode" must be one of'),
        ({"mode": "min", "kwh": 0}, '"kwh" must be a number above 0 and up to 1000'),
        ({"mode": "min", "by": "07:00"}, '"by" needs "kwh"'),
        ({"mode": "min", "until": "25:00"}, '"until" must be a time of day'),
        ({"mode": "min", "until": None}, "'until' is null; leave it out"),
        ({"mode": "min", "connector": 0}, '"connector" must be the number of a connector'),
        (b'{"mode": "min", "mode": "off"}', "twice"),
    ],
)
def test_a_wrong_mode_is_400_with_the_sentence(
    server: Server, document: object, words: str
) -> None:
    assert_refused(post(server, document), 400, words)
    assert chosen_modes(server.home) == []


def test_solar_without_a_meter_is_409(server: Server) -> None:
    assert_refused(post(server, {"mode": "solar"}), 409, "solar needs a meter of the site")
    server.home.settings.site_file.write_text('{"limit_a": 35, "meter": {"posted": true}}')
    assert post(server, {"mode": "solar"}).status == 200


def test_a_mode_that_ends_too_early_is_409(server: Server) -> None:
    # Whatever the time is: one of them is later.
    times = ("03:00", "15:00")
    answers = [
        post(server, {"mode": "min", "kwh": 1, "until": until, "by": by})
        for until, by in (times, times[::-1])
    ]
    assert sorted(answer.status for answer in answers) == [200, 409]


def test_an_unknown_charger_or_connector_is_404(server: Server) -> None:
    sentence = "garage has no connector 3; it has 1, 2"
    assert_refused(post(server, {"mode": "min", "connector": 3}), 404, sentence)
    assert_refused(post(server, {"mode": "min", "connector": 1000}), 404, "there is no connector")
    assert_refused(post(server, {"mode": "min"}, "cellar"), 404, "'cellar' is no charger")


def test_a_driver_chooses_only_where_its_own_car_charges(server: Server) -> None:
    mine = {"Authorization": f"Bearer {token_of(server.home, 'driver', 'family-y')}"}
    elsewhere = "family-y does not charge there now"
    assert_refused(post(server, {"mode": "min"}, **mine), 403, elsewhere)
    with Charger(server, "yard") as yard:
        yard.boot()
        yard.report("Available", 2)
        sent = yard.begin("3333", 1_000)
        assert_refused(post(server, {"mode": "min"}, "yard", **mine), 403, elsewhere)
        assert_refused(
            post(server, {"mode": "min", "connector": 2}, "yard", **mine), 403, elsewhere
        )
        assert post(server, {"mode": "min", "connector": 1}, "yard", **mine).status == 200
        assert [one[:3] for one in chosen_modes(server.home)] == [("yard", 1, "min")]
        yard.ask(
            "StopTransaction", transactionId=sent, meterStop=2_000, timestamp="2026-01-01T00:00:00Z"
        )
        assert_refused(
            post(server, {"mode": "off", "connector": 1}, "yard", **mine), 403, elsewhere
        )
