"""The JSON API against a real server, with a simulated charger."""

import base64
import contextlib
import http.client
import itertools
import json
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from shocpp.interfaces.api.posted_calls import Refused, posted_call
from tests.world.charger import ENERGY_WH, ChargerWithCar, now
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.server import Server

TOKEN = "correct-horse-battery"
STRANGER = {"Host": "charging.example"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
CALLS = "/api/charge-points/garage/calls"
PATHS = (
    *("/api", "/api/", "/api/openapi.json", "/api/charge-points", "/api/charge-points/garage"),
    *(CALLS, "/api/transactions", "/api/accounting", "/api/meter-values", "/api/nothing"),
)
CLEAR = {"action": "ClearCache"}
THREADS = 8


class Answer(NamedTuple):
    """An answer's status, headers and content."""

    status: int
    headers: Mapping[str, str]
    content: Any


def ask(
    server: Server,
    path: str,
    body: Any = None,
    *,
    method: str = "",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a request from this machine, unless the headers say otherwise; post a body as JSON."""
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    text = body if body is None or isinstance(body, bytes) else json.dumps(body)
    json_type = {} if body is None else {"Content-Type": "application/json"}
    with contextlib.closing(client):
        sent = json_type | dict(headers or {})
        client.request(method or ("GET" if body is None else "POST"), path, text, sent)
        response = client.getresponse()
        read = response.read()
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    content = json.loads(read, parse_constant=pytest.fail) if read else None
    return Answer(response.status, dict(response.headers), content)


def assert_refused(answer: Answer, status: int, *words: str) -> None:
    """Check the status of an answer, and that its sentence has these words."""
    assert answer.status == status, answer
    assert [word for word in words if word not in answer.content["error"]] == [], answer.content


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, ChargerWithCar]]:
    """Yield the server and charger of these tests, with four records and an open transaction."""
    home = Home(tmp_path_factory.mktemp("api") / "home")
    server = Server(home, SHOCPP_TOKEN=TOKEN)
    with contextlib.ExitStack() as until_end:
        until_end.callback(server.kill)
        charger = until_end.enter_context(ChargerWithCar(server, "garage"))
        for id_tag in ("3333", "1111", "3333", "3333"):
            charger.start(id_tag)
            charger.stop()
        charger.start("1111")
        yield server, charger


@pytest.fixture
def server(built: tuple[Server, ChargerWithCar]) -> Server:
    return built[0]


@pytest.fixture
def charger(built: tuple[Server, ChargerWithCar]) -> ChargerWithCar:
    """Return the charger; it rejects remote starts and stops, and accepts all other Calls."""
    built[1].calls.clear()
    built[1].answers = {
        action: {"status": "Rejected"}
        for action in ("RemoteStartTransaction", "RemoteStopTransaction")
    }
    return built[1]


# -- chargers and transactions --------------------------------------------------------------------


def test_chargers_are_listed_with_their_connectors(server: Server) -> None:
    (garage,) = ask(server, "/api/charge-points").content["charge_points"]
    assert (garage["id"], garage["serial"], garage["connected"]) == ("garage", "219010", 1)
    (connector,) = garage["connectors"]
    assert (connector["connector_id"], connector["status"]) == (1, "Charging")


@pytest.mark.parametrize("name", ["garage", "GARAGE", "219010"])
def test_one_charger_is_named_by_identity_or_serial(server: Server, name: str) -> None:
    (garage,) = ask(server, "/api/charge-points").content["charge_points"]
    assert ask(server, f"/api/charge-points/{name}").content == garage


def test_a_charger_that_was_never_here_is_not_found(server: Server) -> None:
    for path in ("/api/charge-points/carport", "/api/accounting?charge_point=carport"):
        assert_refused(ask(server, path), 404, "'carport'", "shocpp charge-points")


def test_transactions_are_those_without_a_stop(server: Server, charger: ChargerWithCar) -> None:
    (transaction,) = ask(server, "/api/transactions").content["transactions"]
    assert transaction["transaction_id"] == charger.transaction_id
    assert (transaction["account"], transaction["consumed_wh"]) == ("company-x", None)


def test_the_same_rows_are_printed_by_the_command(server: Server) -> None:
    printed = json.loads(server.home.run("shocpp", "transactions", "--json").stdout)
    assert ask(server, "/api/transactions").content["transactions"] == printed


# -- accounting -----------------------------------------------------------------------------------


def accounting(server: Server, query: str = "") -> list[int]:
    """Return the numbers of the records of a query."""
    answer = ask(server, f"/api/accounting{query}")
    assert answer.status == 200, answer
    return [record["number"] for record in answer.content["accounting"]]


def test_accounting_records_have_numbers_and_utc_times(server: Server) -> None:
    record = ask(server, "/api/accounting").content["accounting"][0]
    assert (record["account"], record["consumed_wh"]) == ("family-y", ENERGY_WH)
    assert record["stopped_at"].endswith("Z")


def test_records_are_chosen_by_account_charger_and_time(server: Server) -> None:
    (year, month), *_ = server.home.query(
        "SELECT CAST(substr(month, 1, 4) AS INTEGER), CAST(substr(month, 6) AS INTEGER)"
        " FROM accounting WHERE number = 1"
    )
    every = [1, 2, 3, 4]
    assert accounting(server, "?account=family-y") == [1, 3, 4]
    assert accounting(server, "?account=nobody") == []
    assert accounting(server, "?charge_point=219010") == every
    assert accounting(server, f"?year={year}") == every
    assert accounting(server, f"?month={month}") == every
    assert accounting(server, f"?year={year}&month={month}&account=company-x") == [2]
    assert accounting(server, f"?year={year}&month={month % 12 + 1}") == []
    assert accounting(server, f"?month={month % 12 + 1}") == []
    assert accounting(server, f"?year={year - 1}") == []


def test_pages_continue_and_new_records_come_on_the_next_page(serve: Any) -> None:
    server = serve()
    with ChargerWithCar(server, "garage") as charger:

        def charge(id_tag: str) -> None:
            charger.start(id_tag)
            charger.stop()

        for id_tag in ("3333", "1111", "3333"):
            charge(id_tag)
        first = ask(server, "/api/accounting?limit=2").content
        assert ([row["number"] for row in first["accounting"]], first["more"]) == ([1, 2], True)
        second = ask(server, f"/api/accounting?limit=2&after={first['after']}").content
        assert ([row["number"] for row in second["accounting"]], second["more"]) == ([3], False)
        third = ask(server, f"/api/accounting?after={second['after']}").content
        assert third == {"accounting": [], "after": 3, "more": False}
        charge("3333")
        assert accounting(server, f"?after={third['after']}") == [4]


# -- meter values ---------------------------------------------------------------------------------


def samples(*values: Any) -> dict[str, Any]:
    """Return a meter value with these samples."""
    return {**now(), "sampledValue": [{"value": value} for value in values]}


def values_of(server: Server, query: str) -> list[Any]:
    """Return the values of all pages of a query, which are read three at a time."""
    values: list[Any] = []
    after = "0"
    for _ in range(20):
        page = ask(server, f"/api/meter-values?limit=3&after={after}{query}").content
        values += [row["value"] for row in page["meter_values"]]
        after = page["after"]
        if not page["more"]:
            return values
    pytest.fail("pages without end")


def test_every_sample_is_on_one_page(server: Server) -> None:
    with ChargerWithCar(server, "carport", "219011") as carport:
        meter_value = [samples("1", "2"), samples("3", 4, "5")]
        carport.ask("MeterValues", connectorId=1, meterValue=meter_value)
        empty = [{**now(), "sampledValue": []}] * 1_100
        carport.ask("MeterValues", connectorId=1, meterValue=empty)
        carport.ask("MeterValues", connectorId=0, meterValue=[samples("6")])
        carport.start("3333")
        transaction_id = carport.transaction_id
        carport.ask(
            "MeterValues",
            connectorId=1,
            transactionId=transaction_id,
            meterValue=[samples("7", "8", "9", "10")],
        )
        stop = {"meterStop": 99_000_000, "transactionData": [samples("11"), samples("12")]}
        carport.ask("StopTransaction", transactionId=transaction_id, **stop, **now())
        every = ["1", "2", "3", 4, *map(str, range(5, 13))]
        assert values_of(server, "&charge_point=carport") == every
        assert values_of(server, "") == every
        assert values_of(server, f"&transaction={transaction_id}") == every[6:]
        assert values_of(server, f"&charge_point=219011&transaction={transaction_id}") == every[6:]
        assert values_of(server, f"&charge_point=garage&transaction={transaction_id}") == []
        assert values_of(server, "&charge_point=garage") == []
        last = ask(server, "/api/meter-values?limit=1000").content["after"]
        carport.ask("MeterValues", connectorId=1, meterValue=[samples("13")])
        new = ask(server, f"/api/meter-values?after={last}").content["meter_values"]
        assert [row["value"] for row in new] == ["13"]
        carport.ask("MeterValues", connectorId=1, meterValue=[samples("14")])
        # SQLite stores this number as infinity; ask() fails on anything but valid JSON.
        carport.ask("MeterValues", connectorId=1, meterValue=[samples(10**400)])
        assert values_of(server, "&charge_point=carport")[-1] is None


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", ["limit", "1 to 1000"]),
        ("limit=1001", ["limit"]),
        ("limit=", ["limit"]),
        ("limit=٣", ["limit"]),
        ("limit=1.5", ["limit"]),
        ("after=-1", ["after"]),
        ("after=9223372036854775808", ["after"]),
        ("year=26", ["year", "2000"]),
        ("month=13", ["month", "1 to 12"]),
        ("limit=1&limit=2", ["limit", "twice"]),
        ("charge-point=garage", ["'charge-point'", "charge_point"]),
    ],
)
def test_an_invalid_parameter_is_named(server: Server, query: str, words: list[str]) -> None:
    encoded = query.replace("٣", "%D9%A3")
    assert_refused(ask(server, f"/api/accounting?{encoded}"), 400, *words)


@pytest.mark.parametrize("after", ["x", "1.2", "1.2.3.4", "-1", "1.2.9999999999999999999"])
def test_an_invalid_position_is_refused(server: Server, after: str) -> None:
    assert_refused(ask(server, f"/api/meter-values?after={after}"), 400, "after")


# -- Calls ----------------------------------------------------------------------------------------


def test_a_call_is_sent_and_its_confirmation_is_the_answer(
    server: Server, charger: ChargerWithCar
) -> None:
    charger.answers["GetConfiguration"] = {"configurationKey": [], "unknownKey": ["Volume"]}
    answer = ask(server, CALLS, {"action": "GetConfiguration", "payload": {"key": ["Volume"]}})
    assert answer.status == 200
    assert answer.content["state"] == "answered"
    assert answer.content["confirmation"] == charger.answers["GetConfiguration"]
    assert charger.calls == [("GetConfiguration", {"key": ["Volume"]})]
    asked_by = "SELECT asked_by FROM call ORDER BY id DESC LIMIT 1"
    assert server.home.query(asked_by) == [("this machine",)]


def test_a_charger_is_called_by_its_serial_too(server: Server, charger: ChargerWithCar) -> None:
    assert ask(server, "/api/charge-points/219010/calls", CLEAR).status == 200
    assert charger.calls == [("ClearCache", {})]


def test_1_0_is_an_integer_of_json(server: Server, charger: ChargerWithCar) -> None:
    payload = b'{"action": "UnlockConnector", "payload": {"connectorId": 1.0}}'
    assert ask(server, CALLS, payload).status == 200
    assert charger.calls == [("UnlockConnector", {"connectorId": 1})]


def test_an_error_of_the_charger_is_502_with_its_code(
    server: Server, charger: ChargerWithCar
) -> None:
    charger.answers["ClearCache"] = "NotSupported"
    answer = ask(server, CALLS, CLEAR)
    assert_refused(answer, 502, "garage", "NotSupported")
    assert (answer.content["state"], answer.content["code"]) == ("refused", "NotSupported")


def test_a_silent_charger_is_waited_for_as_long_as_asked(
    server: Server, charger: ChargerWithCar
) -> None:
    charger.answers["ClearCache"] = None
    answer = ask(server, CALLS, CLEAR | {"timeout_s": 0.3})
    assert_refused(answer, 504, "garage", "0.3 s", "may have been carried out")
    assert answer.content["state"] == "expired"


def test_a_call_has_an_unknown_outcome_when_the_charger_disconnects(server: Server) -> None:
    with ThreadPoolExecutor() as others, ChargerWithCar(server, "leaving", "219012") as leaving:
        leaving.answers["ClearCache"] = None
        path = "/api/charge-points/leaving/calls"
        answer = others.submit(ask, server, path, CLEAR | {"timeout_s": 20})
        wait_for(lambda: leaving.calls)
        leaving.hang_up()
        assert_refused(answer.result(), 504, "outcome unknown")
        assert answer.result().content["state"] == "unknown"
    assert_refused(ask(server, path, CLEAR), 502, "leaving is not connected")


def test_a_call_to_nobody_is_not_found(server: Server) -> None:
    assert_refused(ask(server, "/api/charge-points/nobody/calls", CLEAR), 404, "'nobody'")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"action": "Reset", "payload": {"type": "Medium"}}, ["Reset: type", "Hard, Soft"]),
        ({"action": "Reset"}, ["Reset: type is required"]),
        ({"action": "Explode"}, ["'Explode'", "UnlockConnector"]),
        (
            {"action": "ChangeConfiguration", "payload": {"key": "authorizationkey", "value": "1"}},
            ["shocpp charge-points add NAME --rotate"],
        ),
        ({"action": "RemoteStopTransaction", "payload": {"tag": "1"}}, ["'tag'"]),
    ],
)
def test_a_call_that_ocpp_does_not_allow_is_not_sent(
    server: Server, charger: ChargerWithCar, call: Any, words: list[str]
) -> None:
    assert_refused(ask(server, CALLS, call), 422, *words)
    assert charger.calls == []


def test_a_stop_by_account_is_for_this_charger_only(
    server: Server, charger: ChargerWithCar
) -> None:
    def stop(**payload: str) -> Answer:
        return ask(server, CALLS, {"action": "RemoteStopTransaction", "payload": payload})

    assert_refused(stop(account="family-y"), 409, "no transaction is open")
    with ChargerWithCar(server, "third", "219013") as third:
        third.start("3333")
        assert_refused(stop(account="family-y"), 409, "no transaction is open")
        assert_refused(stop(charge_point="third"), 422, "another charger")
        assert (charger.calls, third.calls) == ([], [])
        third.stop()
    assert stop(account="company-x").status == 200
    assert charger.calls == [("RemoteStopTransaction", {"transactionId": charger.transaction_id})]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"Reset"',
        b"null",
        b"\xff",
        b"[" * 60_000,
        b'{"action": 1}',
        b'{"payload": {}}',
        b'{"action": "ClearCache", "payload": []}',
        b'{"action": "ClearCache", "payload": null}',
        b'{"action": "ClearCache", "force": true}',
        b'{"action": "ClearCache", "timeout_s": true}',
        b'{"action": "ClearCache", "timeout_s": 0}',
        b'{"action": "ClearCache", "timeout_s": 121}',
        b'{"action": "ClearCache", "timeout_s": NaN}',
        b'{"action": "ClearCache", "timeout_s": 1e400}',
        b'{"action": "ClearCache", "timeout_s": ' + b"9" * 5_000 + b"}",
    ],
    ids=lambda body: repr(body[:50]),
)
def test_a_body_that_is_no_call_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        posted_call(body)
    assert refused.value.status == 400


def test_bodies_are_json_and_of_a_sensible_length(server: Server, charger: ChargerWithCar) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert_refused(ask(server, CALLS, CLEAR, headers=form), 415, "application/json")
    assert_refused(ask(server, CALLS, b"", headers={"Content-Type": ""}), 415)
    assert_refused(ask(server, CALLS, b"{"), 400, "not JSON")
    assert_refused(ask(server, CALLS, b" " * 65_537), 413, "65536")
    assert_refused(ask(server, f"{CALLS}?action=Reset", CLEAR), 400, "'action'")
    assert charger.calls == []
    charset = {"Content-Type": "application/json; charset=utf-8"}
    assert ask(server, CALLS, CLEAR, headers=charset).status == 200


@pytest.mark.parametrize(("size", "status"), [(10, 200), (70_000, 413)])
def test_a_body_in_chunks_is_as_good_as_another(
    server: Server, charger: ChargerWithCar, size: int, status: int
) -> None:
    body = json.dumps(CLEAR).encode() + b" " * size
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    with contextlib.closing(client):
        json_type = {"Content-Type": "application/json"}
        client.request("POST", CALLS, iter([body[:10], body[10:]]), json_type, encode_chunked=True)
        assert client.getresponse().status == status


def send_half(server: Server) -> socket.socket:
    """Send half of a Call, and return the connection, on which nothing more is sent."""
    wire = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    head = f"POST {CALLS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    wire.sendall(f'{head}Content-Length: 40\r\n\r\n{{"action": '.encode())
    return wire


def test_an_incomplete_body_is_408(server: Server) -> None:
    for falls_silent in (True, False):
        with send_half(server) as wire:
            if not falls_silent:
                wire.shutdown(socket.SHUT_WR)
            response = http.client.HTTPResponse(wire, method="POST")
            response.begin()
            assert (response.status, b"did not arrive" in response.read()) == (408, True)


def test_only_half_of_the_threads_wait_for_chargers(server: Server) -> None:
    canned = {"clear": {**CLEAR, "charge_point": "silent"}}
    server.home.settings.canned_file.write_text(json.dumps(canned))
    path = "/api/charge-points/silent/calls"
    with ThreadPoolExecutor() as others:
        with ChargerWithCar(server, "silent", "219015") as silent:
            silent.answers["ClearCache"] = None
            long = CLEAR | {"timeout_s": 20}
            waiting = [others.submit(ask, server, path, long) for _ in range(THREADS // 2)]
            count = "SELECT count(*) FROM waiting_calls"
            wait_for(lambda: server.home.query(count) == [(THREADS // 2,)])
            answer = ask(server, path, CLEAR)
            assert_refused(answer, 503, "too many requests")
            assert answer.headers["Retry-After"] == "10"
            spoken = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            spoken.request("GET", "/cgi-bin/caller?canned=clear")
            assert spoken.getresponse().status == 503
            assert ask(server, "/api/transactions").status == 200
        # The charger is connected again, and answers the Calls that are still queued.
        with ChargerWithCar(server, "silent", "219015"):
            assert sorted(answer.result().status for answer in waiting) == [200, 200, 200, 504]


# -- authentication -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic eDp5"},
        {"X-Remote-User": "x"},
    ],
    ids=str,
)
def test_strangers_get_the_same_401_at_every_path(
    server: Server, charger: ChargerWithCar, headers: dict[str, str]
) -> None:
    sentences = set()
    for path, method in itertools.product(PATHS, ("GET", "POST", "DELETE")):
        body = CLEAR if method == "POST" else None
        answer = ask(server, path, body, method=method, headers=STRANGER | headers)
        assert (answer.status, answer.headers["WWW-Authenticate"][:6]) == (401, "Basic ")
        sentences.add(answer.content["error"])
    assert len(sentences) == 1, "the answer depends on the path"
    assert charger.calls == []


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        (BEARER, "token"),
        ({"Authorization": "Basic " + base64.b64encode(f"me:{TOKEN}".encode()).decode()}, "token"),
        (BEARER | {"X-Remote-User": "Jürgen"}, "JÃ¼rgen"),
    ],
    ids=["bearer", "basic", "nginx"],
)
def test_a_caller_with_the_token_is_authenticated(
    server: Server, charger: ChargerWithCar, headers: dict[str, str], name: str
) -> None:
    sent = {key: value.encode().decode("latin-1") for key, value in (STRANGER | headers).items()}
    assert ask(server, "/api/openapi.json", headers=sent).status == 200
    assert ask(server, CALLS, CLEAR, headers=sent).status == 200
    asked_by = "SELECT asked_by FROM call ORDER BY id DESC LIMIT 1"
    assert server.home.query(asked_by) == [(name,)]


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Purpose": "prefetch"}],
    ids=str,
)
def test_a_page_of_another_site_is_refused_even_with_the_token(
    server: Server, charger: ChargerWithCar, headers: dict[str, str]
) -> None:
    assert_refused(ask(server, CALLS, CLEAR, headers=BEARER | headers), 403, "page")
    assert_refused(ask(server, "/api/accounting", headers=BEARER | headers), 403, "page")
    assert charger.calls == []


# -- paths and methods ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *("/api", "/api/", "/api/x", "/api//accounting", "/api/accounting/1", "/api/a%0Ab"),
        *("/api/charge-points//calls", "/api/charge-points/a/b/c"),
    ],
)
def test_an_unknown_path_is_404_in_json(server: Server, path: str) -> None:
    for method in ("GET", "POST", "BREW"):
        assert_refused(ask(server, path, method=method), 404, "/api/openapi.json")


@pytest.mark.parametrize("method", ["DELETE", "PUT", "OPTIONS", "TRACE", "BREW"])
def test_a_wrong_method_is_405_with_the_allowed_ones(server: Server, method: str) -> None:
    reading = ask(server, "/api/accounting", method=method)
    assert_refused(reading, 405, "GET")
    assert reading.headers["Allow"] == "GET, HEAD"
    sending = ask(server, CALLS, method=method)
    assert (sending.status, sending.headers["Allow"]) == (405, "POST")


def test_head_has_the_headers_of_get(server: Server) -> None:
    get, head = (ask(server, "/api/accounting", method=method) for method in ("GET", "HEAD"))
    assert (head.status, head.content) == (200, None)
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert ask(server, CALLS, method="HEAD").status == 405


def test_a_charger_may_have_any_path_even_this_one(server: Server) -> None:
    with ChargerWithCar(server, "api/charge-points", "219014"):
        assert ask(server, "/api/charge-points/charge-points").content["connected"] == 1


# -- failures -------------------------------------------------------------------------------------


def test_failures_are_answered_in_json(serve: Any) -> None:
    server = serve()
    server.home.query("DROP VIEW connectors")
    assert_refused(ask(server, "/api/charge-points"), 503, "no such table: connectors")
    server.home.query("CREATE VIEW connectors AS SELECT 'garage' AS stranger")
    answer = ask(server, "/api/charge-points")
    assert_refused(answer, 500, "log")
    assert "Traceback" in server.log()
    database = server.home.database
    database.rename(database.with_suffix(".away"))
    answer = ask(server, "/api/accounting")
    assert_refused(answer, 503, "no database")
    assert answer.headers["Retry-After"] == "10"
    assert_refused(ask(server, CALLS, CLEAR), 503, "no database")
    database.with_suffix(".away").rename(database)
    assert ask(server, "/api/accounting").status == 200
