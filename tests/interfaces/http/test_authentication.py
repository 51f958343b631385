"""Authentication of canned calls over HTTP, and refusals, against a real server.

Requests are written byte by byte, because the important ones are those that no client would send.
"""

import base64
import http.client
import itertools
import json
import socket
import sqlite3
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any, NamedTuple

import pytest

from shocpp.service_addresses import reachable_host
from tests.world.charger import ChargerWithCar
from tests.world.home import Home
from tests.world.machine import ROOT, wait_for
from tests.world.server import Server

TOKEN = "correct-horse-battery"
SECRET = "open-sesame-please"
OTHER_SECRET = "open-barley-please"

CLEAR = {"action": "ClearCache"}
EXAMPLES = json.loads((ROOT / "conf" / "canned.json.example").read_text())
STRANGER = {"Host": "charging.example"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
THREADS = 8
NUMBERS = itertools.count(1)


class Answer(NamedTuple):
    """An answer's status, headers and body."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def is_one_line(self) -> bool:
        """True if the body is one line that a voice assistant can read out."""
        return self.body.endswith("\n") and self.body[:-1].isprintable() and len(self.body) > 1


class Site:
    """A server with a token, its only charger, and a new canned call for each test."""

    def __init__(self, home: Home, server: Server, charger: ChargerWithCar) -> None:
        self.home = home
        self.server = server
        self.charger = charger
        self.name = ""

    def prepare(self) -> None:
        """Write a canned call that no test has used yet: a repeat would not be sent."""
        self.name = f"clear-{next(NUMBERS)}"
        own = {self.name: CLEAR | {"secret": SECRET}, "other": CLEAR | {"secret": OTHER_SECRET}}
        self.write(json.dumps(EXAMPLES | own))
        self.charger.calls.clear()
        self.charger.answers.clear()
        self.charger.has_car = True

    def write(self, text: str) -> None:
        """Write canned.json."""
        new = self.home.settings.canned_file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.home.settings.canned_file)

    def connect(self, from_address: str = "127.0.0.1") -> socket.socket:
        """Return a connection to the server."""
        server = ("127.0.0.1", self.server.port)
        return socket.create_connection(server, timeout=20, source_address=(from_address, 0))

    def ask(
        self,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        query: str | None = None,
        version: str = "1.1",
        body: bytes = b"",
        wire: socket.socket | None = None,
    ) -> Answer:
        """Send a request for this test's canned call, or with another `query`.

        By default it comes from this machine. Headers are sent as they are, without empty ones.
        """
        query = f"?canned={self.name}" if query is None else query
        lines = [f"{method} /cgi-bin/caller{query} HTTP/{version}"]
        sent = {"Host": f"localhost:{self.server.port}", **(headers or {})}
        if body:
            sent = {"Content-Length": str(len(body)), **FORM, **sent}
        lines += [f"{header}: {value}" for header, value in sent.items() if value]
        with wire or self.connect() as connection:
            head = "\r\n".join([*lines, "", ""])
            connection.sendall(head.encode("latin-1") + body)
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            return Answer(
                response.status, dict(response.headers), response.read().decode(errors="replace")
            )

    def is_healthy_at_once(self) -> bool:
        """Return True if /healthz answers within a second."""
        client = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=1)
        try:
            client.request("GET", "/healthz")
            return client.getresponse().status == 200
        except TimeoutError:
            return False
        finally:
            client.close()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Yield the server and charger of all these tests."""
    home = Home(tmp_path_factory.mktemp("callers") / "home")
    server = Server(home, SHOCPP_TOKEN=TOKEN)
    with ExitStack() as until_end:
        until_end.callback(server.kill)
        charger = until_end.enter_context(ChargerWithCar(server, "garage"))
        yield Site(home, server, charger)


@pytest.fixture
def site(built: Site) -> Site:
    """Return the garage, with a new canned call."""
    built.prepare()
    return built


def basic(password: str, user: str = "anybody") -> str:
    """Return the value of Authorization for basic auth."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def assert_sent(site: Site, answer: Answer) -> None:
    """Check that the Call was sent, and that its confirmation is the answer."""
    assert (answer.status, answer.body) == (200, "Accepted\n")
    assert answer.headers["Cache-Control"] == "no-store"
    assert site.charger.calls == [("ClearCache", {})]


def assert_refused(site: Site, answer: Answer, status: int) -> None:
    """Check the status and the single line, and that no Call was sent."""
    assert (answer.status, answer.is_one_line) == (status, True), answer
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert site.charger.calls == []


# -- this machine ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8080"]
)
def test_the_machine_itself_needs_no_password(site: Site, host: str) -> None:
    assert_sent(site, site.ask({"Host": host}))
    asked_by = "SELECT asked_by FROM call WHERE canned = ?"
    assert site.home.query(asked_by, site.name) == [("this machine",)]


@pytest.mark.parametrize(
    "trace",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "127.0.0.1"},
        {"X-Forwarded-Host": "localhost"},
        {"X-Forwarded-Proto": "https"},
        {"X-Remote-User": "family"},
    ],
    ids=str,
)
def test_a_forwarded_request_is_not_of_this_machine(site: Site, trace: dict[str, str]) -> None:
    assert_refused(site, site.ask(trace), 401)


def test_a_request_in_http_1_0_is_not_of_this_machine(site: Site) -> None:
    assert_refused(site, site.ask(version="1.0"), 401)


@pytest.mark.parametrize(
    "host",
    [
        "charging.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8080",
        "localhost.",
        "192.168.1.10:8080",
        "2130706433",
        "",
    ],
)
def test_a_page_that_has_rebound_its_name_is_not_this_machine(site: Site, host: str) -> None:
    assert_refused(site, site.ask({"Host": host}), 401)


def test_another_address_is_not_this_machine_whatever_host_it_names(site: Site) -> None:
    address = reachable_host("0.0.0.0")
    if address.startswith("127.") or not address[0].isdigit():
        pytest.skip("this machine has no other address than its loopback")
    assert_refused(site, site.ask(wire=site.connect(from_address=address)), 401)


# -- the token ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [f"Bearer {TOKEN}", f"bearer  {TOKEN}", basic(TOKEN), basic(TOKEN, ""), basic(TOKEN, "ü")],
)
def test_the_token_lets_a_stranger_in(site: Site, authorization: str) -> None:
    assert_sent(site, site.ask(STRANGER | {"Authorization": authorization}))


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer wrong-horse-battery",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f"Digest {TOKEN}",
        TOKEN,
        basic("wrong-horse-battery"),
        basic(""),
        basic("someone", TOKEN),
        "Basic",
        "Basic !!!!",
        "Basic " + "A" * 3001,
        "Basic " + base64.b64encode(b"\xff:\xfe").decode(),
        "Basic " + base64.b64encode(TOKEN.encode()).decode(),
        "Bearer \xff\xfe",
        f"Negotiate, Bearer {TOKEN}",
    ],
)
def test_any_other_authorization_is_refused(site: Site, authorization: str) -> None:
    answer = site.ask(STRANGER | {"Authorization": authorization})
    assert_refused(site, answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_a_proxy_with_the_token_names_the_caller(site: Site) -> None:
    proxy = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.7"}
    assert_sent(site, site.ask(STRANGER | proxy | {"X-Remote-User": "family"}))
    asked_by = "SELECT asked_by FROM call WHERE canned = ?"
    assert site.home.query(asked_by, site.name) == [("family",)]


@pytest.mark.parametrize("header", ["X-Remote-User", "Remote-User", "REMOTE_USER", "X_Remote_User"])
def test_a_user_without_the_token_is_a_claim(site: Site, header: str) -> None:
    assert_refused(site, site.ask(STRANGER | {header: "family"}), 401)


def test_without_a_token_no_password_is_right(site: Site, serve: Any) -> None:
    server = serve()
    other = Site(server.home, server, site.charger)
    other.prepare()
    for authorization in ("Bearer", "Bearer None", basic(""), basic("None"), "Bearer  "):
        assert_refused(other, other.ask(STRANGER | {"Authorization": authorization}), 401)


# -- the secret of one canned call ----------------------------------------------------------------


def test_a_secret_authorizes_its_canned_call(site: Site) -> None:
    assert_sent(site, site.ask(STRANGER | {"X-Shocpp-Secret": SECRET}))


def test_a_secret_may_be_in_the_query(site: Site) -> None:
    query = f"?canned={site.name}&secret={SECRET}"
    assert_sent(site, site.ask(STRANGER, query=query))


def test_a_secret_may_be_in_a_form(site: Site) -> None:
    body = f"canned={site.name}&secret={SECRET}".encode()
    assert_sent(site, site.ask(STRANGER, method="POST", query="", body=body))


@pytest.mark.parametrize("secret", ["wrong", "", OTHER_SECRET, SECRET[:-1], SECRET.upper(), TOKEN])
def test_a_wrong_secret_is_refused(site: Site, secret: str) -> None:
    query = f"?canned={site.name}&secret={secret}"
    assert_refused(site, site.ask(STRANGER | {"X-Shocpp-Secret": secret}), 401)
    assert_refused(site, site.ask(STRANGER, query=query), 401)


@pytest.mark.parametrize("name", ["start-family", "state", "start-nobody", ""])
def test_a_secret_does_not_authorize_other_canned_calls(site: Site, name: str) -> None:
    secret = {"X-Shocpp-Secret": SECRET}
    assert_refused(site, site.ask(STRANGER | secret, query=f"?canned={name}"), 401)


def test_a_stranger_does_not_learn_which_names_there_are(site: Site) -> None:
    names = (site.name, "other", "start-family", "state", "start-nobody", "")
    answers = [site.ask(STRANGER, query=f"?canned={name}") for name in names]
    site.write("{")
    answers.append(site.ask(STRANGER))
    comparable = [
        ({**answer.headers, "Date": ""}, answer._replace(headers={})) for answer in answers
    ]
    assert comparable[0][1].status == 401
    assert comparable == comparable[:1] * len(comparable)


def test_the_log_holds_neither_token_nor_secret(site: Site) -> None:
    query = f"?canned={site.name}&secret="
    for secret in (SECRET, OTHER_SECRET):
        site.ask(STRANGER, query=query + secret)
        site.ask(STRANGER | {"X-Shocpp-Secret": secret})
        site.ask(STRANGER, method="PUT", query=query + secret)
        site.ask(STRANGER, method="POST", query=query + secret, body=b"canned=")
    for authorization in (f"Bearer {TOKEN}", basic(TOKEN), TOKEN):
        site.ask(STRANGER | {"Authorization": authorization})
    log = site.server.log()
    assert f"canned call '{site.name}' of 'secret': done, Accepted" in log
    hidden = (TOKEN, SECRET, OTHER_SECRET, basic(TOKEN).removeprefix("Basic "))
    assert [secret for secret in hidden if secret in log] == []


# -- browsers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Host": "localhost:8080", "Origin": "http://localhost:8080"},
    ],
    ids=str,
)
def test_a_person_may_ask_with_a_browser(site: Site, headers: dict[str, str]) -> None:
    assert_sent(site, site.ask(headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "anything-new"},
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Purpose": "preview"},
        {"X-Moz": "prefetch"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/page"},
        {"Referer": "about:blank"},
        {"Host": "localhost:8080", "Origin": "http://localhost:3000"},
        {"Host": "localhost:8080", "Origin": "http://localhost"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "proof", [{}, {"Authorization": f"Bearer {TOKEN}"}], ids=["local", "token"]
)
def test_a_page_or_a_preview_may_not(
    site: Site, headers: dict[str, str], proof: dict[str, str]
) -> None:
    assert_refused(site, site.ask(headers | proof), 403)
    body = f"canned={site.name}".encode()
    assert_refused(site, site.ask(headers | proof, method="POST", query="", body=body), 403)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_405(site: Site, method: str) -> None:
    answer = site.ask(method=method)
    assert_refused(site, answer, 405)
    assert answer.headers["Allow"] == "GET, POST"


def test_a_head_request_of_a_link_preview_does_nothing(site: Site) -> None:
    answer = site.ask(method="HEAD")
    assert (answer.status, answer.body, site.charger.calls) == (405, "", [])
    assert answer.headers["Cache-Control"] == "no-store"


# -- malformed requests ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?", 400),
        ("?canned=", 400),
        ("?canned", 400),
        ("?Canned=state", 400),
        ("?canned=state&canned=state", 400),
        ("?canned=state&canned=", 400),
        ("?" + "&".join(["x=1"] * 500), 400),
        ("?canned=state" + ("&x=1" * 500), 400),
        ("?canned=a%0d%0aSet-Cookie:+a=b", 404),
        ("?canned=a%00b", 404),
        ("?canned=%1b[2J", 404),
        ("?canned=../../etc/passwd", 404),
        ("?canned=%2e%2e%2fconf%2fcanned.json", 404),
        ("?canned=" + "x" * 3_900, 404),
        ("?canned=%FF%FE%C0%80", 404),
        ("?canned=%ED%A0%80", 404),
        ("?canned=%E2%80%AEstate", 404),
        ("?canned=%", 404),
        ("?canned=__proto__", 404),
        ("?canned=state;canned=x", 404),
    ],
)
def test_a_strange_query_is_one_line(site: Site, query: str, status: int) -> None:
    answer = site.ask(query=query)
    assert_refused(site, answer, status)
    assert len(answer.body) < 300
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "query",
    ["?canned=" + "x" * 10_000, "?canned=state" + "&x=1" * 5_000, "?canned=\xff", "?canned=a\0b"],
    ids=["10 000 characters", "5000 parameters", "a raw byte", "a raw NUL"],
)
def test_invalid_http_is_refused(site: Site, query: str) -> None:
    answer = site.ask(query=query)
    assert 400 <= answer.status < 500
    assert site.charger.calls == []


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"", 400),
        ({}, b"canned=a&canned=a", 400),
        ({}, b"canned=" + b"x" * 4_000, 404),
        ({}, b"canned=" + b"x" * 5_000, 400),
        ({}, b"&x=1" * 1_000, 400),
        ({}, b"canned=\xff\xfe\0", 404),
        ({"Content-Length": "3"}, b"canned=state", 400),
        ({"Content-Length": "1000000000000"}, b"canned=state", 400),
        ({"Content-Type": "application/json"}, b'{"canned":', 400),
        ({"Content-Type": "application/json"}, b'["state"]', 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--", 400),
        ({"Content-Type": "text/plain"}, b"canned=state", 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_strange_form_is_one_line(
    site: Site, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = site.ask(headers, method="POST", query="", body=body)
    assert_refused(site, answer, status)
    assert len(answer.body) < 300


def test_a_name_in_both_query_and_form_is_refused(site: Site) -> None:
    body = f"canned={site.name}".encode()
    assert_refused(site, site.ask(method="POST", body=body), 400)


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "0x10", "\u0661", "4, 5"])
def test_a_content_length_that_is_no_number_is_refused(site: Site, length: str) -> None:
    header = {"Content-Length": length.encode().decode("latin-1"), **FORM}
    assert 400 <= site.ask(header, method="POST").status < 500
    assert site.charger.calls == []


HALF_A_FORM = """\
POST /cgi-bin/caller HTTP/1.1
Host: charging.example
Content-Type: application/x-www-form-urlencoded
Content-Length: 100

canned="""


@pytest.mark.parametrize("beginning", ["GET / HTTP/1.1\nHo", HALF_A_FORM], ids=["headers", "form"])
def test_half_requests_block_other_clients_only_for_seconds(site: Site, beginning: str) -> None:
    half = beginning.replace("\n", "\r\n").encode()
    with ExitStack() as until_end:
        halves = [until_end.enter_context(site.connect()) for _ in range(THREADS)]
        for connection in halves:
            connection.sendall(half)
        time.sleep(0.2)
        wait_for(site.is_healthy_at_once, timeout_s=5)
        # The threads are free because the server has closed, not because the clients have.
        ends = [connection.makefile("rb").read() for connection in halves]
    assert set(ends) == {b""} or all(end.startswith(b"HTTP/1.1 4") for end in ends)
    assert site.charger.calls == []


# -- canned.json ----------------------------------------------------------------------------------


def test_without_a_canned_json_there_is_no_name(site: Site) -> None:
    site.home.settings.canned_file.unlink()
    answer = site.ask()
    assert_refused(site, answer, 404)
    assert "canned.json does not exist" in answer.body


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff", "[" * 100_000, '{"a": {}, "a": {}}'])
def test_a_canned_json_that_cannot_be_used_is_500_and_says_why(site: Site, text: str) -> None:
    site.home.settings.canned_file.write_bytes(text.encode("latin-1"))
    answer = site.ask()
    assert_refused(site, answer, 500)
    assert "canned.json" in answer.body


def test_a_canned_json_that_cannot_be_read_is_500_and_says_why(site: Site) -> None:
    file = site.home.settings.canned_file
    file.unlink()
    file.mkdir()
    answer = site.ask()
    file.rmdir()
    assert_refused(site, answer, 500)
    assert "cannot be read" in answer.body


def test_an_entry_that_cannot_be_used_stops_no_other(site: Site) -> None:
    site.write(json.dumps({site.name: CLEAR, "broken": {"action": "Explode"}}))
    assert_refused(site, site.ask(query="?canned=broken"), 500)
    assert_sent(site, site.ask())


# -- repeats and waiting --------------------------------------------------------------------------


def test_a_repeat_gets_the_first_answer_and_no_second_call(site: Site) -> None:
    assert_sent(site, site.ask())
    site.charger.answers["ClearCache"] = {"status": "Rejected"}
    assert_sent(site, site.ask())
    assert_sent(site, site.ask(STRANGER | {"X-Shocpp-Secret": SECRET}))


def test_of_many_requests_at_once_one_is_sent_and_all_are_answered(site: Site) -> None:
    with ThreadPoolExecutor(6) as askers, closing(sqlite3.connect(site.home.database)) as db:
        # Until the lock is released, every request has looked for an earlier one without success.
        db.execute("BEGIN IMMEDIATE")
        answers = [askers.submit(site.ask) for _ in range(6)]
        time.sleep(0.3)
        db.rollback()
        for answer in answers:
            assert_sent(site, answer.result())


def test_a_start_after_a_stop_is_no_repeat(site: Site) -> None:
    site.write(json.dumps(EXAMPLES | {"start-again": EXAMPLES["start-family"]}))
    names = ("start-again", "start-again", "stop-family", "start-again", "stop-family")
    lines = []
    for name in names:
        lines.append(site.ask(query=f"?canned={name}").body)
        if name == "stop-family":
            wait_for(lambda: not site.home.query("SELECT 1 FROM open_transactions"))
    charging, stopped = "garage lädt.\n", "Accepted\n"
    assert lines == [charging, charging, stopped, charging, stopped]
    start, stop = "RemoteStartTransaction", "RemoteStopTransaction"
    assert [action for action, _ in site.charger.calls] == [start, stop, start, stop]


def test_no_more_than_half_of_the_threads_wait_for_cars(site: Site) -> None:
    site.charger.has_car = False
    site.charger.report("Available")
    start = EXAMPLES["start-family"] | {"timeout_s": 2}
    half = THREADS // 2
    names = [f"{site.name}-{number}" for number in range(half + 1)]
    site.write(json.dumps(dict.fromkeys(names, start)))
    with ThreadPoolExecutor(half) as askers:
        waiting = [askers.submit(site.ask, query=f"?canned={name}") for name in names[:half]]
        wait_for(lambda: len(site.charger.calls) == half)
        begun = time.monotonic()
        one_too_many = site.ask(query=f"?canned={names[half]}")
        assert one_too_many.status == 503
        assert one_too_many.is_one_line
        assert int(one_too_many.headers["Retry-After"]) > 0
        assert site.is_healthy_at_once()
        assert time.monotonic() - begun < 1
        answers = [answer.result() for answer in waiting]
    assert [answer.status for answer in answers] == [200] * half
    assert all("vielleicht ist das Kabel nicht eingesteckt" in answer.body for answer in answers)
    assert len(site.charger.calls) == half


# -- outcomes of a Call ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("confirmed", "status", "line"),
    [
        ({"status": "Rejected"}, 200, "Rejected\n"),
        ("InternalError", 502, "InternalError\n"),
        (None, 504, "OCPP unreachable\n"),
    ],
)
def test_a_refusal_an_error_and_silence_have_different_answers(
    site: Site, confirmed: dict[str, str] | str | None, status: int, line: str
) -> None:
    site.write(json.dumps({site.name: CLEAR | {"timeout_s": 0.5}}))
    site.charger.answers["ClearCache"] = confirmed
    answer = site.ask()
    assert (answer.status, answer.body) == (status, line)
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(site.charger.calls) == 1
