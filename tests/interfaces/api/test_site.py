"""Readings of the site's meter that programs post, and the limits that programs read."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shocpp.admission.people.roles import ROLES
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from tests.interfaces.api.test_app import Answer, ask, assert_refused
from tests.world.home import Home
from tests.world.people import token_of
from tests.world.server import Server

POSTED = {"limit_a": 35, "meter": {"posted": True}}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield the server of these tests."""
    server = Server(Home(tmp_path_factory.mktemp("site") / "home"))
    yield server
    server.stop()


@pytest.fixture
def server(shared: Server) -> Server:
    """Return a server whose site.json expects posted readings, without any on file."""
    write_rules(shared.home, POSTED)
    with open_database(shared.home.database) as db, db.writing(keys=NO_KEYS):
        db.execute("DELETE FROM site_reading")
    return shared


def write_rules(home: Home, rules: object) -> None:
    """Write conf/site.json; None removes it."""
    path = home.settings.site_file
    if rules is None:
        path.unlink()
    else:
        path.write_text(json.dumps(rules))


def post(server: Server, document: Any, **headers: str) -> Answer:
    """Post a reading."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return ask(server, "/api/site", body, headers=headers)


def currents(server: Server) -> list[tuple[int, int, int]]:
    """Return the readings on file, in mA."""
    return server.home.query("SELECT l1_ma, l2_ma, l3_ma FROM site_reading ORDER BY id")


@pytest.mark.parametrize(
    ("document", "stored"),
    [
        ({"grid_w": -1500}, (-6522, -6522, -6522)),
        ({"w": [230, 0, 460.0]}, (1000, 0, 2000)),
        ({"a": [3.1, 4, -2.25]}, (3100, 4000, -2250)),
    ],
)
def test_a_reading_is_stored_and_shown(
    server: Server, document: object, stored: tuple[int, int, int]
) -> None:
    answer = post(server, document)
    assert (answer.status, answer.content) == (200, {"accepted": True})
    assert currents(server) == [stored]
    row = ask(server, "/api/site").content["site"]
    assert (row["l1_a"], row["l2_a"], row["l3_a"]) == tuple(ma / 1000 for ma in stored)
    assert row["source"] == "posted"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "one member"),
        ({"grid_w": 1, "a": [1, 1, 1]}, "one member"),
        ({"power": 1}, "'power' is unknown; there are grid_w, w, a, dimmed"),
        ({"dimmed": 2}, "dimmed: 2 is no signal"),
        ({"dimmed": True, "grid_w": 1}, "one member"),
        ({"a": [1, 2]}, "a must be a list of three numbers"),
        ({"w": [1, 2, "3"]}, "w must have numbers"),
        ({"grid_w": True}, "grid_w must have numbers"),
        ({"a": [1, 2, 10_001]}, "check the unit"),
        (b"[1]", 'the body must be an object: {"grid_w": -1500}'),
        (b"{", "the body is not JSON"),
        (b'{"grid_w": NaN}', "JSON has no number NaN"),
        (b'{"grid_w": 1, "grid_w": 2}', "twice"),
    ],
)
def test_a_wrong_reading_is_refused_with_the_sentence(
    server: Server, document: Any, words: str
) -> None:
    assert_refused(post(server, document), 400, words)
    assert currents(server) == []


@pytest.mark.parametrize("rules", [None, {"limit_a": 35}])
def test_a_reading_that_nobody_expects_is_409_with_the_remedy(
    server: Server, rules: object
) -> None:
    write_rules(server.home, rules)
    assert_refused(post(server, {"grid_w": 1}), 409, '"meter": {"posted": true}', "site.json")
    assert currents(server) == []


def test_a_signal_of_the_grid_operator_is_stored_where_it_is_expected(server: Server) -> None:
    refusal = '"dim": {"posted": true}'
    assert_refused(post(server, {"dimmed": True}), 409, refusal, "site.json")
    write_rules(server.home, {**POSTED, "dimmed_w": 4200, "dim": {"posted": True}})
    answer = post(server, {"dimmed": True})
    assert (answer.status, answer.content) == (200, {"accepted": True})
    assert server.home.query("SELECT is_dimmed, source FROM dim_signal") == [(1, "posted")]
    assert post(server, {"dimmed": "off"}).status == 200
    assert server.home.query("SELECT is_dimmed FROM dim_signal") == [(0,)]
    assert len(server.home.query("SELECT * FROM dimming WHERE ended_ms IS NOT NULL")) == 1
    assert currents(server) == []


def test_a_reading_is_only_for_programs_of_the_meter_and_admins(server: Server) -> None:
    stranger = {"Host": "box.example"}
    assert post(server, {"grid_w": 1}, **stranger).status == 401
    for role in ROLES:
        account = "family-y" if role == "driver" else None
        bearer = {"Authorization": f"Bearer {token_of(server.home, role, account)}"}
        answer = post(server, {"grid_w": 1}, **stranger, **bearer)
        assert answer.status == (200 if role in ("site", "admin") else 403), (role, answer)
    assert len(currents(server)) == 2


def test_the_site_is_null_without_readings_and_limits(home: Home) -> None:
    server = Server(home)
    try:
        assert ask(server, "/api/site").content == {"site": None}
        assert ask(server, "/api/set-points").content == {"set_points": []}
    finally:
        server.stop()
