"""Devices and programs through the shipped nginx, with the app and with fcgiwrap behind it.

The app checks their secrets. All requests are for localhost and come from this machine, where only
the forwarding headers show that they are not this machine's own.
"""

import contextlib
import json
import re
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from shocpp.admission.people.roles import ROLES
from tests.interfaces.test_cgi import is_line_of_nginx, site_with_fcgiwrap
from tests.interfaces.test_roles import (
    ADMINS,
    CALLS,
    JSON,
    MINE,
    SEEING,
    TABLE,
    Row,
    Site,
    assert_permission,
    charging,
    fresh,
    write_accounts,
)
from tests.whole.test_nginx import PROGRAMS, SECRET, UPGRADE, Before, Listener
from tests.world.machine import free_port, wait_for
from tests.world.people import Response, cookie_of, token_of
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
from tests.world.watching import revoke_newest

CLEAR = Row("POST", "/cgi-bin/caller?canned=clear", ADMINS)
POWER = Row("GET", "/cgi-bin/caller?canned=power", SEEING)
WITH_SECRET = f"/cgi-bin/caller?canned=power&secret={SECRET}"
UNLIMITED = {"rate=1r/s": "rate=1000r/s"}
AT_ONCE = "Zu viele Anfragen zugleich; bitte gleich noch einmal."
TOO_OFTEN = "Zu viele Anfragen; bitte in einer Minute noch einmal."


class ProxiedSite(Site):
    """A site whose requests pass nginx; browsers have their cookie by TLS."""

    def __init__(self, server: Any, chargers: Any, endpoint: Endpoint) -> None:
        super().__init__(server, *chargers)
        self.endpoint = endpoint
        for role, headers in self.cookie.items():
            self.cookie[role] = headers | {"Cookie": f"__Host-{headers['Cookie']}"}

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: object = None
    ) -> Response:
        """Send a request to nginx."""
        text = None if body is None else json.dumps(body)
        sent = {**headers, **(JSON if text else {})}
        answer = self.endpoint.ask(path, sent, method, text)
        return Response(answer.status, answer.headers, answer.body)


class Sites(NamedTuple):
    """One server behind two nginx, with the app's canned calls and with those of fcgiwrap."""

    deployment: Deployment
    app: ProxiedSite
    cgi: ProxiedSite


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Start it all; nginx has the shipped files, but no limit of requests."""
    with contextlib.ExitStack() as until_end:
        folder = tmp_path_factory.mktemp("devices")
        deployment = until_end.enter_context(built(folder, SHOCPP_TRUSTED_PROXIES="127.0.0.1"))
        write_accounts(deployment.home)
        tls, server = certificate(deployment), deployment.server
        chargers = until_end.enter_context(charging(server))
        behind = []
        for site_of in (shipped_site, site_with_fcgiwrap):
            port = free_port()
            deployment.run_nginx(put_in(site_of(deployment, port), UNLIMITED))
            endpoint = Endpoint(port, tls, basic(PASSWORD), {})
            behind.append(ProxiedSite(server, chargers, endpoint))
        yield Sites(deployment, *behind)


@pytest.fixture(params=["app", "cgi"])
def site(sites: Sites, request: pytest.FixtureRequest) -> ProxiedSite:
    """Return each of the two."""
    way: ProxiedSite = getattr(sites, request.param)
    return way


def is_canned(row: Row) -> bool:
    """Return True if a request is for a canned call."""
    return row.path.startswith("/cgi-bin/")


def asked_by(sites: Sites, path: str) -> list[tuple[str]]:
    """Return the names of those who have sent a canned call."""
    name = path.rpartition("=")[2]
    return sites.deployment.home.query("SELECT asked_by FROM call WHERE canned = ?", name)


# -- what nginx hands on --------------------------------------------------------------------------

OWN_SECRETS = {
    "token": {"Authorization": "Bearer x"},
    "token in lower case": {"Authorization": "bearer x"},
    "token and cookie": {"Authorization": "Bearer x", "Cookie": "shocpp_01234567=x"},
    "cookie": {"Cookie": "a=b; shocpp_01234567=x"},
    "cookie by TLS": {"Cookie": "__Host-shocpp_89abcdef=x;a=b"},
}
NO_SECRETS = {
    "other scheme": {"Authorization": f"Digest {TOKEN}"},
    "no scheme": {"Authorization": f"Bearer={TOKEN}"},
    "other cookies": {"Cookie": "shocpp_0=x; xshocpp_01234567=x; __Host-shocpp_0123456=x"},
    "no cookie": {"Cookie": "a=shocpp_01234567=x; shocpp_01234567"},
    "wrong password and cookie": basic("wrong") | {"Cookie": "shocpp_01234567=x"},
}


@pytest.fixture(scope="module")
def nginx_alone(sites: Sites) -> Iterator[Before]:
    """Start nginx with the shipped file, but no limit of requests, before a listener."""
    port, listener = free_port(), Listener()
    listener.start()
    site = shipped_site(sites.deployment, port, app_port=listener.port)
    sites.deployment.run_nginx(put_in(site, UNLIMITED))
    yield Before(sites.app.endpoint._replace(port=port), listener)
    listener.close()


@pytest.fixture
def before(nginx_alone: Before) -> Before:
    """Return the same, which has heard nothing yet."""
    nginx_alone.listener.heard.clear()
    return nginx_alone


@pytest.mark.parametrize("target", [*PROGRAMS, "/cgi-bin/caller?canned=x", "/cgi-bin/caller/"])
@pytest.mark.parametrize("secret", OWN_SECRETS.values(), ids=OWN_SECRETS)
def test_a_secret_is_handed_on_as_it_is_and_no_claim(
    before: Before, target: str, secret: dict[str, str]
) -> None:
    claims = {
        "X-Remote-User": "root",
        "X_Remote_User": "root",
        "X-Forwarded-For": "10.1.2.3",
        "X-Forwarded-Proto": "http",
    }
    answer = before.endpoint.ask(target, secret | claims | UPGRADE, "POST", "canned=x")
    assert (answer.status, answer.body) == (200, "ok\n")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    ((head, body),) = before.listener.heard
    assert head.startswith(f"POST {target.removesuffix('/' * ('caller/' in target))} HTTP/1.1\r\n")
    assert body == b"canned=x"
    handed_on = re.findall("^(Authorization|Cookie): (.*)\r$", head, re.MULTILINE)
    assert sorted(handed_on) == sorted(secret.items())
    assert not re.search("Remote.User|Upgrade", head)
    assert TOKEN not in head
    assert re.findall("X-Forwarded-For: (.*)\r", head) == ["127.0.0.1"]
    assert re.findall("X-Forwarded-Proto: (.*)\r", head) == ["https"]
    assert f"\r\nHost: localhost:{before.endpoint.port}\r\n" in head


@pytest.mark.parametrize("target", [*PROGRAMS, "/cgi-bin/caller?canned=x"])
@pytest.mark.parametrize("headers", NO_SECRETS.values(), ids=NO_SECRETS)
def test_nginx_asks_all_others_for_a_password(
    before: Before, target: str, headers: dict[str, str]
) -> None:
    assert before.endpoint.ask(target, headers).status == 401
    assert before.listener.heard == []


@pytest.mark.parametrize("first", [0, 1])
def test_a_token_beside_a_password_is_400(before: Before, first: int) -> None:
    values = ["Bearer x", basic(PASSWORD)["Authorization"]]
    lines = [f"Authorization: {values[number]}\r\n" for number in (first, 1 - first)]
    assert before.endpoint.tls
    with (
        socket.create_connection(("127.0.0.1", before.endpoint.port), timeout=20) as wire,
        before.endpoint.tls.wrap_socket(wire, server_hostname="localhost") as encrypted,
    ):
        encrypted.sendall(
            f"GET /metrics HTTP/1.1\r\nHost: localhost\r\n{''.join(lines)}\r\n".encode()
        )
        assert b" 400 " in encrypted.recv(100)
    assert before.listener.heard == []


def test_a_program_posts_up_to_64_kib(before: Before) -> None:
    who, most = OWN_SECRETS["token"], "x" * 64 * 1024
    assert before.endpoint.ask("/api/x", who, "POST", most).status == 200
    assert before.listener.heard[0][1].decode() == most
    assert before.endpoint.ask("/api/x", who, "POST", f"{most}x").status == 413
    assert len(before.listener.heard) == 1


def test_programs_and_people_share_the_connections_of_an_address(before: Before) -> None:
    everybody = [basic(PASSWORD), *OWN_SECRETS.values()]
    before.listener.may_answer.clear()
    with ThreadPoolExecutor(20) as pool:
        try:
            waiting = [
                pool.submit(before.endpoint.ask, "/metrics", everybody[number % len(everybody)])
                for number in range(20)
            ]
            wait_for(lambda: len(before.listener.heard) == 20)
            for headers in everybody:
                assert before.endpoint.ask("/api/x", headers).status == 503
                answer = before.endpoint.ask("/cgi-bin/caller", headers)
                assert is_line_of_nginx(answer, 503, AT_ONCE)
        finally:
            before.listener.may_answer.set()
        assert [answer.result().status for answer in waiting] == [200] * 20


# -- roles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bearer", "cookie"])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path} {row.body}")
def test_each_role_gets_its_paths_through_nginx(sites: Sites, row: Row, kind: str) -> None:
    for site in (sites.app, sites.cgi) if is_canned(row) else (sites.app,):
        for role in ROLES:
            assert_permission(site, row, role, getattr(site, kind)[role])


def test_a_program_posts_a_canned_call_and_signs_it_with_its_name(
    sites: Sites, site: ProxiedSite
) -> None:
    row = fresh(site, Row("POST", "/cgi-bin/caller?canned=start", MINE))
    claims = {"X-Remote-User": "root", "X-Shocpp-Remote-User": "root"}
    body = {"canned": row.path.rpartition("=")[2]}
    answer = site.send("POST", "/cgi-bin/caller", site.bearer["driver"] | claims, body)
    assert answer.status == 200, answer
    assert asked_by(sites, row.path) == [("driver's program",)]


@pytest.mark.parametrize("kind", ["bearer", "cookie"])
def test_no_header_makes_more_of_a_role(site: ProxiedSite, kind: str) -> None:
    before = len(site.sent)
    row = fresh(site, CLEAR)
    for claims in (
        {"X-Remote-User": USER},
        {"X_Remote_User": USER, "Remote-User": USER},
        {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "X-Forwarded-Host": "localhost"},
        {"Host": "localhost", "Forwarded": "for=127.0.0.1"},
        {"X-Shocpp-Secret": TOKEN, "X-Authorization": f"Bearer {TOKEN}"},
        {"Connection": "X-Forwarded-For, X-Remote-User, close"},
    ):
        headers = getattr(site, kind)["viewer"] | claims
        assert site.send("POST", row.path, headers).status == 403
        answer = site.send("POST", CALLS["garage"].path, headers, CALLS["garage"].body)
        assert answer.status == 403, answer
    assert len(site.sent) == before


# -- strangers ------------------------------------------------------------------------------------

STRANGERS: dict[str, dict[str, str]] = {
    "nobody": {},
    "a name": {"X-Remote-User": USER},
    "a wrong token": {"Authorization": "Bearer wrong"},
    "a wrong token and a name": {"Authorization": "Bearer wrong", "X-Remote-User": USER},
    "an empty token": {"Authorization": "Bearer"},
    "no token": {"Authorization": "bearer  "},
    "a wrong cookie": {"Cookie": "__Host-shocpp_01234567=wrong"},
    "a wrong cookie and a name": {"Cookie": "shocpp_01234567=wrong", "X-Remote-User": USER},
    "another cookie": {"Cookie": "shocpp_=x; xshocpp_01234567=x"},
    "a wrong password": basic("wrong"),
    "a wrong password and a cookie": basic("wrong") | {"Cookie": "shocpp_01234567=wrong"},
    "a password as a token": {
        "Authorization": basic(PASSWORD)["Authorization"].replace("Basic", "Bearer")
    },
    "another scheme": {"Authorization": f"Digest {TOKEN}"},
}


@pytest.mark.parametrize("headers", STRANGERS.values(), ids=STRANGERS)
def test_a_stranger_is_401(site: ProxiedSite, headers: dict[str, str]) -> None:
    before = len(site.sent)
    row = fresh(site, CLEAR)
    for path in (row.path, "/cgi-bin/caller?canned=power", "/api/transactions", "/metrics"):
        method = "POST" if path == row.path else "GET"
        answer = site.send(method, path, headers | {"Sec-Fetch-Site": "none"})
        assert answer.status == 401, answer
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert len(site.sent) == before


def test_without_credentials_nginx_asks_for_a_password(site: ProxiedSite) -> None:
    answer = site.endpoint.ask("/cgi-bin/caller?canned=power", {"Cookie": "theme=dark"})
    assert is_line_of_nginx(answer, 401, "Name oder Passwort ist falsch.")


def test_the_password_of_basic_auth_is_no_token(sites: Sites, site: ProxiedSite) -> None:
    token = token_of(sites.deployment.home, "admin")
    for headers in (basic(token), basic(TOKEN), basic(token) | site.cookie["admin"]):
        assert site.send("GET", "/api/transactions", headers).status == 401
        assert site.send("GET", "/cgi-bin/caller?canned=power", headers).status == 401


def test_basic_auth_beside_a_cookie_is_the_users(sites: Sites, site: ProxiedSite) -> None:
    row = fresh(site, CLEAR)
    headers = basic(PASSWORD) | site.cookie["viewer"] | {"X-Remote-User": "root"}
    assert site.send("POST", row.path, headers).status == 200
    assert asked_by(sites, row.path) == [(USER,)]


def test_a_revoked_token_or_cookie_is_401(sites: Sites, site: ProxiedSite) -> None:
    home = sites.deployment.home
    for kind in ("bearer", "cookie"):
        if kind == "bearer":
            headers = {"Authorization": f"Bearer {token_of(home, 'admin')}"}
        else:
            headers = {"Cookie": f"__Host-{cookie_of(home, 'admin')}"}
        for status in (200, 401):
            for path in ("/api/transactions", fresh(site, POWER).path):
                assert site.send("GET", path, headers).status == status
            if status == 200:
                revoke_newest(home)


# -- pages of others ------------------------------------------------------------------------------


def test_a_cookie_is_for_pages_of_the_same_site(site: ProxiedSite) -> None:
    before = len(site.sent)
    cookie = {"Cookie": site.cookie["admin"]["Cookie"]}
    own = f"https://localhost:{site.endpoint.port}"
    for headers in (
        {"Origin": "https://evil.example"},
        {"Referer": "https://evil.example/"},
        {"Origin": "null"},
        {"Origin": own, "Sec-Fetch-Site": "cross-site"},
    ):
        row = fresh(site, CLEAR)
        assert site.send("POST", row.path, cookie | headers).status == 403
        answer = site.send("POST", CALLS["garage"].path, cookie | headers, CALLS["garage"].body)
        assert answer.status == 403, answer
    row = fresh(site, CLEAR)
    assert site.send("GET", row.path, cookie).status == 403
    assert len(site.sent) == before
    assert site.send("POST", row.path, cookie | {"Origin": own}).status == 200
    answer = site.send("POST", CALLS["garage"].path, cookie | {"Origin": own}, CALLS["garage"].body)
    assert answer.status == 200
    assert len(site.sent) == before + 2


# -- limits ---------------------------------------------------------------------------------------


def test_a_hundred_wrong_tokens_of_an_address_are_too_many(sites: Sites) -> None:
    guesser = sites.app.endpoint._replace(source="127.0.0.9")
    wrong = {"Authorization": "Bearer wrong"}
    assert {guesser.ask("/metrics", wrong).status for _ in range(100)} == {401}
    answers = [
        way._replace(source=guesser.source).ask(path, wrong)
        for way in (sites.app.endpoint, sites.cgi.endpoint)
        for path in ("/api/transactions", "/cgi-bin/caller?canned=power")
    ]
    assert {answer.status for answer in answers} == {429}
    assert all("too many wrong tokens" in answer.body for answer in answers)
    # A right token is never refused, and other addresses have counts of their own.
    assert guesser.ask("/metrics", sites.app.bearer["metrics"]).status == 200
    assert sites.app.endpoint.ask("/metrics", wrong).status == 401


@pytest.mark.parametrize("site_of", [shipped_site, site_with_fcgiwrap], ids=["app", "cgi"])
def test_nginx_limits_requests_with_tokens_in_one_line(sites: Sites, site_of: Any) -> None:
    deployment, port = sites.deployment, free_port()
    deployment.run_nginx(site_of(deployment, port))
    guesser = sites.app.endpoint._replace(port=port, source="127.0.0.8")
    wrong = {"Authorization": "Bearer wrong"}
    answer = guesser.ask(WITH_SECRET, wrong, "POST", "x" * 5_000)
    assert is_line_of_nginx(answer, 413, "Die Anfrage ist zu lang.")
    answers = [guesser.ask(WITH_SECRET, wrong) for _ in range(40)]
    assert [answer.status for answer in answers[:10]] == [401] * 10
    assert is_line_of_nginx(answers[-1], 429, TOO_OFTEN)
    assert answers[-1].headers["Retry-After"] == "60"


def test_nginx_without_its_app_answers_a_program_in_one_line(sites: Sites) -> None:
    deployment, port = sites.deployment, free_port()
    deployment.run_nginx(shipped_site(deployment, port, app_port=free_port()))
    alone = sites.app.endpoint._replace(port=port)
    answer = alone.ask(WITH_SECRET, sites.app.bearer["viewer"])
    assert is_line_of_nginx(answer, 502, "Der Server der Wallbox läuft nicht.")
    assert alone.ask("/api/transactions", sites.app.cookie["admin"]).status == 502


# -- at the end: the logs of all the tests above --------------------------------------------------


def test_the_logs_hold_no_token_and_no_cookie(sites: Sites) -> None:
    secrets = [TOKEN, PASSWORD, SECRET]
    for site in (sites.app, sites.cgi):
        secrets += [headers["Authorization"].split()[1] for headers in site.bearer.values()]
        secrets += [headers["Cookie"].partition("=")[2] for headers in site.cookie.values()]
        for headers in (site.bearer["viewer"], site.cookie["viewer"]):
            assert site.send("GET", fresh(site, POWER).path, headers).status == 200
    home = sites.deployment.home
    logs = {path.name: path.read_text(errors="replace") for path in home.folder.glob("*log*")}
    assert " GET /cgi-bin/caller 200 " in logs["nginx-shocpp.log"]
    for secret in secrets:
        assert [name for name, text in logs.items() if secret in text] == []
