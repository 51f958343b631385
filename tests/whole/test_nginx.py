"""The shipped nginx file: chargers with TLS and passwords, pages, people's programs, and attackers.

Where it matters what nginx hands on, the app behind it is one that only listens.
"""

import asyncio
import contextlib
import gzip
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from websockets import Subprotocol
from websockets.asyncio.client import connect as connect_async

from tests.whole.test_real_client import (
    Day,
    RealCharger,
    assert_no_frame_breaks_a_schema,
    whole_day,
)
from tests.world.charger import ChargerWithCar
from tests.world.faults import ask, connect
from tests.world.machine import free_port, wait_for
from tests.world.people import cookie_of
from tests.world.shipped import (
    PASSWORD,
    TOKEN,
    USER,
    Deployment,
    Endpoint,
    basic,
    built,
    certificate,
    put_in,
    shipped_site,
)
from tests.world.watching import Page, revoke_newest

CANNED = {"clear": {"action": "ClearCache"}, "state": {"show": "state"}}
PAGES = ["/", "/i", "/stream", "/static/0123456789ab/page.css", "/start", "/months/2026-10", "/c/a"]
PROGRAMS = ["/api/charge-points", "/api/", "/metrics"]
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
SECRET = "open-sesame-123"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server that has a token and two canned calls."""
    with built(tmp_path_factory.mktemp("nginx")) as deployment:
        deployment.home.settings.canned_file.write_text(json.dumps(CANNED))
        # Listed, because only so many chargers that are not may have rows.
        listed = {name: {"auth": "none"} for name in ("*", "newcomer", "beside", "garage")}
        deployment.home.charge_points_file.write_text(json.dumps(listed))
        yield deployment


@pytest.fixture(scope="module")
def endpoint(deployment: Deployment) -> Endpoint:
    """The shipped nginx before the server."""
    tls, port = certificate(deployment), free_port()
    deployment.run_nginx(shipped_site(deployment, port))
    return Endpoint(port, tls, basic(PASSWORD), {})


def page_of(endpoint: Endpoint, cookie: str) -> Page:
    """Open a page's stream through nginx; by TLS the app asks for the cookie's other name."""
    return Page(endpoint.port, f"{cookie}; __Host-{cookie}", endpoint.tls)


@pytest.fixture(scope="module")
def quiet_page(deployment: Deployment, endpoint: Endpoint) -> Iterator[Page]:
    """A page that has been open since the first test that asked for it."""
    with page_of(endpoint, cookie_of(deployment.home, "viewer")) as page:
        yield page


class Listener(threading.Thread):
    """In place of the app: keeps what it is sent, and answers it when it may."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.heard: list[tuple[str, bytes]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = int(self._socket.getsockname()[1])

    def run(self) -> None:
        """Listen until the socket is closed."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._hear, args=[connection], daemon=True).start()

    def _hear(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as received, contextlib.suppress(OSError):
            head = "".join(iter(lambda: received.readline().decode(), "\r\n"))
            length = re.search(r"^Content-Length: (\d+)", head, re.MULTILINE | re.IGNORECASE)
            self.heard.append((head, received.read(int(length[1]) if length else 0)))
            self.may_answer.wait(20)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")

    def close(self) -> None:
        """End it."""
        self.may_answer.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Before(NamedTuple):
    """An nginx, and who listens behind it."""

    endpoint: Endpoint
    listener: Listener


@pytest.fixture(scope="module")
def nginx_alone(deployment: Deployment) -> Iterator[Before]:
    """The shipped nginx before somebody who only listens."""
    tls, port, listener = certificate(deployment), free_port(), Listener()
    listener.start()
    deployment.run_nginx(shipped_site(deployment, port, app_port=listener.port))
    yield Before(Endpoint(port, tls, basic(PASSWORD), {}), listener)
    listener.close()


@pytest.fixture
def before(nginx_alone: Before) -> Before:
    """The same, and nothing has been heard yet."""
    nginx_alone.listener.heard.clear()
    return nginx_alone


# -- chargers -------------------------------------------------------------------------------------


def test_a_real_charger_with_a_password_charges_through_tls_and_is_booked(
    deployment: Deployment, endpoint: Endpoint
) -> None:
    async def day() -> int:
        async with connect_async(
            f"wss://localhost:{endpoint.port}/ocpp/wall",
            ssl=endpoint.tls,
            subprotocols=[Subprotocol("ocpp1.6")],
            additional_headers=basic("0123456789abcdef", "wall"),
        ) as connection:
            assert connection.subprotocol == "ocpp1.6"
            charger = RealCharger(Day("wall"), connection)
            listening = asyncio.create_task(charger.start())
            try:
                return await whole_day(charger)
            finally:
                listening.cancel()

    assert asyncio.run(day()) == 20_009_042
    assert_no_frame_breaks_a_schema(deployment.home)
    assert deployment.home.query(
        "SELECT charge_point_id, account, consumed_wh FROM accounting"
    ) == [("wall", "family-y", 33_000)]


def test_a_chargers_password_is_handed_on_unchanged_and_its_claims_are_not(before: Before) -> None:
    own = basic("0123456789abcdef", "garage")
    claims = {"X-Forwarded-For": "10.1.2.3", "X-Remote-User": "root"}
    before.endpoint.ask("/ocpp/garage", UPGRADE | own | claims)
    ((head, _),) = before.listener.heard
    assert head.startswith("GET /garage HTTP/1.1\r\n")
    assert f"\r\nAuthorization: {own['Authorization']}\r\n" in head
    assert head.count("X-Forwarded-For") == 1
    assert "\r\nX-Forwarded-For: 127.0.0.1\r\n" in head
    assert "X-Remote-User" not in head
    assert TOKEN not in head


def test_a_charger_without_a_password_gets_none_of_ours(before: Before) -> None:
    before.endpoint.ask("/ocpp/garage", UPGRADE)
    ((head, _),) = before.listener.heard
    assert "Authorization" not in head


def test_a_hundred_chargers_come_back_from_one_address_at_once_and_none_is_refused(
    deployment: Deployment, endpoint: Endpoint
) -> None:
    async def boot(number: int) -> str:
        async with connect_async(
            f"wss://localhost:{endpoint.port}/ocpp/of-many-{number}",
            ssl=endpoint.tls,
            subprotocols=[Subprotocol("ocpp1.6")],
            open_timeout=20,
        ) as charger:
            await charger.send('[2,"1","Heartbeat",{}]')
            answer = str(await charger.recv())
            await all_are_there.wait()
            return answer

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(boot(number) for number in range(100)))

    all_are_there = asyncio.Barrier(100)
    answers = asyncio.run(all_at_once())
    assert [answer[:7] for answer in answers] == ['[3,"1",'] * 100


PROFILE_2 = ["AES128-GCM-SHA256", "AES256-GCM-SHA384"]
BETTER = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"]
BROKEN = ["AES128-SHA", "AES256-SHA256", "ECDHE-RSA-AES128-SHA"]


def suite(deployment: Deployment, endpoint: Endpoint, offered: str, version: ssl.TLSVersion) -> str:
    """The suite that nginx chooses of those offered in that version."""
    client = ssl.create_default_context(cafile=deployment.folder / "nginx.pem")
    client.set_ciphers(offered)
    client.minimum_version = client.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", endpoint.port), timeout=20) as wire,
        client.wrap_socket(wire, server_hostname="localhost") as encrypted,
    ):
        cipher = encrypted.cipher()
        assert cipher
        return cipher[0]


@pytest.mark.parametrize("name", [*PROFILE_2, *BETTER])
def test_the_suites_of_security_profile_2_are_spoken(
    deployment: Deployment, endpoint: Endpoint, name: str
) -> None:
    assert suite(deployment, endpoint, name, ssl.TLSVersion.TLSv1_2) == name


def test_a_charger_that_knows_better_suites_gets_one(
    deployment: Deployment, endpoint: Endpoint
) -> None:
    offered = ":".join([*PROFILE_2, *BETTER])
    assert suite(deployment, endpoint, offered, ssl.TLSVersion.TLSv1_2) in BETTER


def test_tls_1_3_is_spoken_to_who_knows_it(deployment: Deployment, endpoint: Endpoint) -> None:
    assert suite(deployment, endpoint, "ALL", ssl.TLSVersion.TLSv1_3).startswith("TLS_")


@pytest.mark.parametrize("name", BROKEN)
def test_no_older_suite_is_spoken(deployment: Deployment, endpoint: Endpoint, name: str) -> None:
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        suite(deployment, endpoint, name, ssl.TLSVersion.TLSv1_2)


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated")
def test_nothing_older_than_tls_1_2_is_spoken(deployment: Deployment, endpoint: Endpoint) -> None:
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        suite(deployment, endpoint, "ALL:@SECLEVEL=0", ssl.TLSVersion.TLSv1_1)


# -- people's programs ----------------------------------------------------------------------------


@pytest.mark.parametrize("target", PROGRAMS)
def test_a_program_with_a_password_is_handed_on_with_the_token_and_its_users_name(
    before: Before, target: str
) -> None:
    claims = {"X-Remote-User": "root", "X-Forwarded-For": "10.1.2.3"}
    answer = before.endpoint.ask(target, basic(PASSWORD) | claims)
    assert (answer.status, answer.body) == (200, "ok\n")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    ((head, _),) = before.listener.heard
    assert head.startswith(f"GET {target} HTTP/1.1\r\n")
    assert head.count("Authorization") == 1
    assert f"\r\nAuthorization: Bearer {TOKEN}\r\n" in head
    assert re.findall("X-Remote-User: (.*)\r", head) == [USER]
    assert re.findall("X-Forwarded-For: (.*)\r", head) == ["127.0.0.1"]


@pytest.mark.parametrize(
    "target", ["/api/x", "/metrics", "/ocpp/../api/x", "//ocpp/%2e%2e/metrics"]
)
@pytest.mark.parametrize(
    "who",
    [{}, basic("wrong"), basic(PASSWORD, "root"), {"Authorization": f"Digest {TOKEN}"}, UPGRADE],
    ids=["nobody", "wrong password", "other user", "other scheme", "upgrade"],
)
def test_a_stranger_is_401_and_never_reaches_the_app(
    before: Before, target: str, who: dict[str, str]
) -> None:
    assert before.endpoint.ask(target, who).status == 401
    assert before.endpoint.ask("/elsewhere", {}).status == 404
    assert before.listener.heard == []


@pytest.mark.parametrize("target", ["/api", "/metrics/", "/metrics.json", "/API/", "/healthz"])
def test_what_is_nobodys_stays_404(before: Before, target: str) -> None:
    assert before.endpoint.ask(target, basic(PASSWORD)).status == 404
    assert before.listener.heard == []


def test_a_body_of_64_kib_is_handed_on_and_a_longer_one_is_not(before: Before) -> None:
    most = "x" * 64 * 1024
    assert before.endpoint.ask("/api/x", basic(PASSWORD), "POST", most).status == 200
    assert before.listener.heard[0][1].decode() == most
    assert before.endpoint.ask("/api/x", basic(PASSWORD), "POST", f"{most}x").status == 413
    assert len(before.listener.heard) == 1


def test_people_who_take_all_their_connections_leave_the_chargers_theirs(before: Before) -> None:
    answers: list[int] = []

    def wait_long() -> None:
        answers.append(before.endpoint.ask("/metrics", basic(PASSWORD)).status)

    waiting = [threading.Thread(target=wait_long) for _ in range(20)]
    before.listener.may_answer.clear()
    try:
        for person in waiting:
            person.start()
        wait_for(lambda: len(before.listener.heard) == 20)
        assert before.endpoint.ask("/api/x", basic(PASSWORD)).status == 503
        assert len(before.listener.heard) == 20
        before.listener.may_answer.set()
        assert before.endpoint.ask("/ocpp/garage", UPGRADE).status == 200
    finally:
        before.listener.may_answer.set()
        for person in waiting:
            person.join(20)
    assert answers == [200] * 20


# -- pages ----------------------------------------------------------------------------------------


def test_the_first_event_comes_through_nginx_at_once(quiet_page: Page) -> None:
    begun = time.monotonic()
    assert quiet_page.await_event("state").moment - begun < 1
    assert "text/event-stream" in quiet_page.head
    assert "gzip" not in quiet_page.head


@pytest.mark.parametrize("target", PAGES)
def test_pages_have_no_password_of_nginx_and_never_the_token(before: Before, target: str) -> None:
    claims = {"X-Remote-User": "root", "X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "http"}
    for credentials in ({}, basic(PASSWORD), {"Authorization": f"Bearer {TOKEN}"}):
        before.listener.heard.clear()
        assert before.endpoint.ask(target, claims | credentials).status == 200
        ((head, _),) = before.listener.heard
        assert head.startswith(f"GET {target} HTTP/1.1\r\n")
        assert "Authorization" not in head
        assert "X-Remote-User" not in head
        assert TOKEN not in head
        assert re.findall("X-Forwarded-For: (.*)\r", head) == ["127.0.0.1"]
        assert re.findall("X-Forwarded-Proto: (.*)\r", head) == ["https"]
        # With the port, which a browser's Origin has, too.
        assert f"\r\nHost: localhost:{before.endpoint.port}\r\n" in head


def test_login_wants_a_password_of_nginx_and_hands_on_its_user(before: Before) -> None:
    for who in ({}, basic("wrong"), {"Authorization": f"Bearer {TOKEN}"}):
        assert before.endpoint.ask("/login", who).status == 401
    assert before.listener.heard == []
    answer = before.endpoint.ask("/login", basic(PASSWORD) | {"X-Remote-User": "root"})
    assert answer.status == 200
    ((head, _),) = before.listener.heard
    assert f"\r\nAuthorization: Bearer {TOKEN}\r\n" in head
    assert re.findall("X-Remote-User: (.*)\r", head) == [USER]


def test_open_pages_take_no_connection_of_people(
    deployment: Deployment, endpoint: Endpoint
) -> None:
    cookies = [cookie_of(deployment.home, "viewer") for _ in range(2)]
    with contextlib.ExitStack() as stack:
        pages = [
            stack.enter_context(page_of(endpoint, cookies[number // 15])) for number in range(30)
        ]
        assert {page.status for page in pages} == {200}
        assert endpoint.ask("/metrics", basic(PASSWORD)).status == 200


def test_a_revoked_device_is_told_through_nginx(deployment: Deployment, endpoint: Endpoint) -> None:
    with page_of(endpoint, cookie_of(deployment.home, "viewer")) as page:
        page.await_event("state")
        begun = time.monotonic()
        revoke_newest(deployment.home)
        wait_for(lambda: page.is_over)
        assert page.events[-1].name == "end"
        assert time.monotonic() - begun < 2.5


def test_http_2_is_offered_and_texts_are_compressed(
    deployment: Deployment, endpoint: Endpoint
) -> None:
    client = ssl.create_default_context(cafile=deployment.folder / "nginx.pem")
    client.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", endpoint.port), timeout=20) as wire,
        client.wrap_socket(wire, server_hostname="localhost") as encrypted,
    ):
        assert encrypted.selected_alpn_protocol() == "h2"
    raw = http.client.HTTPSConnection("localhost", endpoint.port, timeout=20, context=endpoint.tls)
    with contextlib.closing(raw):
        raw.request(
            "GET", "/api/openapi.json", headers=basic(PASSWORD) | {"Accept-Encoding": "gzip"}
        )
        response = raw.getresponse()
        assert response.getheader("Content-Encoding") == "gzip"
        assert json.loads(gzip.decompress(response.read()))["openapi"]


# -- attacks --------------------------------------------------------------------------------------

BEGUN = (
    f"POST /cgi-bin/caller?canned=clear&secret={SECRET} HTTP/1.1\r\nHost: localhost\r\n"
    f"X-Shocpp-Secret: {SECRET}\r\nAuthorization: Basic {SECRET}\r\nX-"
)


@contextlib.contextmanager
def half_requests(endpoint: Endpoint, number: int) -> Iterator[list[ssl.SSLSocket]]:
    """TLS connections whose requests have begun and do not go on."""
    assert endpoint.tls
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(number):
            wire = socket.create_connection(("127.0.0.1", endpoint.port), timeout=20)
            encrypted = endpoint.tls.wrap_socket(
                stack.enter_context(wire), server_hostname="localhost"
            )
            connections.append(stack.enter_context(encrypted))
            encrypted.sendall(BEGUN.encode())
        yield connections


def inside(deployment: Deployment) -> int:
    """Return the number of connections to the app."""
    needle = f":{deployment.server.port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table]
    return sum(1 for row in rows if row[1].endswith(needle) and row[3] == "01")


def test_crowds_of_idle_connections_and_half_requests_keep_nobody_out(
    deployment: Deployment, endpoint: Endpoint
) -> None:
    # A page may be open.
    others = inside(deployment)
    with contextlib.ExitStack() as crowd:
        for _ in range(500):
            idle = socket.create_connection(("127.0.0.1", endpoint.port), timeout=20)
            crowd.enter_context(idle)
        crowd.enter_context(half_requests(endpoint, 200))
        wait_for(lambda: inside(deployment) <= others)
        url = f"wss://localhost:{endpoint.port}/ocpp/newcomer"
        with ChargerWithCar(deployment.server, "newcomer", url=url, tls=endpoint.tls) as newcomer:
            assert inside(deployment) <= others + 1, "nothing of the crowd may reach the app"
            answer = endpoint.call("clear")
            assert (answer.status, answer.body) == (200, "Accepted\n")
            assert newcomer.calls == [("ClearCache", {})]
        with connect(deployment.server.url("beside")) as direct:
            ask(direct, "Heartbeat", {})


def test_who_sends_a_header_byte_by_byte_is_hung_up_on(deployment: Deployment) -> None:
    port, tls = free_port(), certificate(deployment)
    seconds = {"client_header_timeout 10s": "client_header_timeout 1s"}
    deployment.run_nginx(put_in(shipped_site(deployment, port), seconds))

    def is_hung_up_on(slow: ssl.SSLSocket) -> bool:
        try:
            slow.sendall(b"x")
            return slow.recv(100) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    with half_requests(Endpoint(port, tls, {}, {}), 1) as (slow,):
        slow.settimeout(0.1)
        wait_for(lambda: is_hung_up_on(slow))


def test_the_logs_of_nginx_hold_no_secret_of_whole_or_half_requests(
    deployment: Deployment, endpoint: Endpoint
) -> None:
    with half_requests(endpoint, 3):
        pass
    with half_requests(endpoint, 1) as (broken,):
        broken.sendall(b"\0: \0\r\n\r\n")
        assert b" 400 " in broken.recv(100)
    long = {"Cookie": "x" * 40_000}
    assert endpoint.ask(f"/cgi-bin/caller?canned=clear&secret={SECRET}", long).status == 400
    endpoint.ask(f"/cgi-bin/caller?canned=clear&secret={SECRET}", basic(SECRET))
    endpoint.ask(f"/ocpp/garage?secret={SECRET}", {})
    endpoint.ask("/i", {"Cookie": f"__Host-shocpp_0={SECRET}"}, "POST", f"token={SECRET}")
    endpoint.ask("/stream", {"Cookie": f"shocpp_0={SECRET}"})
    for path in (f"/cgi-bin/caller?canned=clear&secret={SECRET}", "/api/x", "/metrics"):
        endpoint.ask(path, {"Authorization": f"Bearer {SECRET}"})
        endpoint.ask(path, {"Cookie": f"shocpp_01234567={SECRET}"})
    logged = "".join(
        log.read_text(errors="replace") for log in deployment.folder.glob("nginx-*.log")
    )
    assert " /cgi-bin/caller 4" in logged
    for secret in (SECRET, basic(SECRET)["Authorization"][6:], TOKEN, PASSWORD):
        assert secret not in logged


# -- without TLS ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(deployment: Deployment) -> Endpoint:
    """Port 80 of the shipped nginx."""
    certificate(deployment)
    port = free_port()
    deployment.run_nginx(shipped_site(deployment, free_port(), plain_port=port))
    return Endpoint(port, None, {}, {})


def test_a_person_without_tls_is_sent_to_it_under_our_own_name(plain: Endpoint) -> None:
    answer = plain.ask("/cgi-bin/caller?canned=clear", {"Host": "evil.example"})
    assert answer.status == 301
    assert answer.headers["Location"] == "https://localhost/cgi-bin/caller?canned=clear"


def test_a_charger_without_tls_is_told_what_to_change_and_not_sent_on(plain: Endpoint) -> None:
    answer = plain.ask("/ocpp/garage", UPGRADE | basic("0123456789abcdef", "garage"))
    assert answer.status == 403
    assert "wss://" in answer.body
    assert "Location" not in answer.headers


def test_what_a_plain_request_gives_away_is_not_logged_as_well(
    deployment: Deployment, plain: Endpoint
) -> None:
    plain.ask(f"/cgi-bin/caller?canned=clear&secret={SECRET}", basic(SECRET))
    logged = "".join(
        log.read_text(errors="replace") for log in deployment.folder.glob("nginx-*.log")
    )
    assert " GET /cgi-bin/caller 301 " in logged
    assert SECRET not in logged


# -- at the end, because it waits -----------------------------------------------------------------


def test_a_beat_keeps_a_quiet_page_open(quiet_page: Page) -> None:
    wait_for(lambda: quiet_page.beats, 22)
    assert not quiet_page.is_over
