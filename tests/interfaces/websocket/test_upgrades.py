"""The upgrade of a charger's request, and its refusals."""

import http.client

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from shocpp.interfaces.http.refusals import Refused
from shocpp.interfaces.websocket.upgrades import identity_from
from tests.world.people import cookie_of
from tests.world.server import Server


@pytest.mark.parametrize(
    ("target", "charge_point_id"),
    [
        ("/garage", "garage"),
        ("//garage", "garage"),
        ("/garage/", "garage"),
        ("/ocpp/1.6/garage?x=/y", "garage"),
        ("/4/CBI-1", "CBI-1"),
        ("/Haus%20am%20See", "Haus am See"),
        ("/Stra%C3%9Fe", "Straße"),
        ("/a%2541", "a%41"),
        ("/", None),
        ("//", None),
        ("/?token=1", None),
    ],
)
def test_the_last_segment_names_the_charger(target: str, charge_point_id: str | None) -> None:
    assert identity_from(target) == charge_point_id


@pytest.mark.parametrize("target", ["/a%2Fb", "/a%00", "/a%0Ab", "/%FF", "/" + "x" * 256])
def test_a_name_with_slash_or_control_characters_is_refused(target: str) -> None:
    with pytest.raises(Refused):
        identity_from(target)


def get(server: Server, path: str, **headers: str) -> tuple[int, str]:
    """Return the status and text of the answer to a plain request."""
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    client.request("GET", path, headers=headers)
    response = client.getresponse()
    return response.status, response.read().decode()


def test_a_browser_gets_the_address_for_the_charger(server: Server) -> None:
    assert get(server, "/healthz") == (200, "ok\n")
    assert get(server, "/")[0] == 401
    status, text = get(server, "/", Cookie=cookie_of(server.home, "admin"))
    assert status == 200
    assert f"ws://127.0.0.1:{server.port}/" in text
    assert get(server, "/nothing")[0] == 404


def test_a_broken_upgrade_is_refused_with_400(server: Server) -> None:
    assert get(server, "/garage", Upgrade="websocket")[0] == 400
    assert get(server, "/garage", **{"Sec-WebSocket-Key": "x"})[0] == 400
    status, _ = get(server, "/garage", Upgrade="websocket", Connection="Upgrade")
    assert status == 400
    assert get(server, "/healthz")[0] == 200


@pytest.mark.parametrize(
    "offered", [["ocpp1.6"], ["ocpp2.0.1", "ocpp1.6"], ["ocpp1.6", "ocpp2.0.1"], None]
)
def test_ocpp16_is_chosen_at_any_position_and_presumed_when_nothing_is_offered(
    server: Server, offered: list[str] | None
) -> None:
    with connect(server.url("garage"), subprotocols=offered) as charger:  # type: ignore[arg-type]
        assert charger.subprotocol == (offered and "ocpp1.6")
        charger.send('[2,"1","Heartbeat",{}]')
        assert '"currentTime"' in str(charger.recv(5))


def test_foreign_subprotocols_alone_are_closed_after_the_handshake(server: Server) -> None:
    with connect(server.url("garage"), subprotocols=["ocpp2.0.1"]) as charger:  # type: ignore[list-item]
        assert charger.subprotocol is None
        with pytest.raises(ConnectionClosedError):
            charger.recv(5)
        assert charger.close_code == 1002


def test_a_web_page_cannot_speak_for_a_charger(server: Server) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(
            server.url("garage"),
            origin="http://evil.example",  # type: ignore[arg-type]
        ),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_compression_is_never_negotiated(server: Server) -> None:
    with connect(server.url("garage"), compression="deflate") as charger:
        assert charger.response is not None
        assert "Sec-WebSocket-Extensions" not in charger.response.headers


def test_a_strict_server_wants_the_subprotocol_offered(serve) -> None:  # type: ignore[no-untyped-def]
    server = serve(SHOCPP_STRICT_SUBPROTOCOL="1")
    with connect(server.url("garage")) as charger:
        with pytest.raises(ConnectionClosedError):
            charger.recv(5)
        assert charger.close_code == 1002
