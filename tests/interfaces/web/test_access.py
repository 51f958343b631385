"""Access to the pages, against one real server: invitations, cookies, forms, attacks."""

import itertools
import json
import re
from collections.abc import Callable, Iterator

import pytest

from shocpp.admission.people import devices
from shocpp.clock import now_ms
from shocpp.language.page import ACCESS
from shocpp.store import people
from shocpp.store.database import open_database
from tests.world.connections import ask, connect
from tests.world.home import Home
from tests.world.machine import ROOT
from tests.world.people import (
    STRANGER,
    Response,
    cookie_of,
    form_token_of,
    invitation,
    post_form,
    send,
    token_of,
)
from tests.world.server import Server

TOKEN = "correct-horse-battery"
OF_NGINX = {"Authorization": f"Bearer {TOKEN}"}
BY_TLS = {"X-Forwarded-Proto": "https", "Origin": f"https://{STRANGER}"}
BROWSER = {"Accept": "text/html"}
ADDRESSES = (f"10.1.{high}.{low}" for high, low in itertools.product(range(256), repeat=2))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a proxy on this machine."""
    home = Home(tmp_path_factory.mktemp("access") / "home")
    server = Server(home, SHOCPP_TOKEN=TOKEN, SHOCPP_TRUSTED_PROXIES="127.0.0.1", SHOCPP_LANG="en")
    yield server
    server.stop()


@pytest.fixture
def address() -> str:
    """An address that no other test has used."""
    return next(ADDRESSES)


def enter(server: Server, token: str, **headers: str) -> Response:
    """Post the token of an invitation, as the page /i does."""
    return post_form(server.port, "/i", {"token": token}, headers)


def device_count(server: Server) -> int:
    """Return the number of devices that were ever made."""
    return int(server.home.query("SELECT count(*) FROM device")[0][0])


def is_signed_in(server: Server, cookie: str) -> bool:
    """Return True if the page /i knows a cookie."""
    page = send(server.port, "GET", "/i", {"Cookie": cookie} | BROWSER)
    return ACCESS["en"]["known"].partition("{")[0] in page.text


# --- invitations ---


def test_an_invitation_becomes_a_device_with_a_cookie(server: Server) -> None:
    answer = enter(server, invitation(server.home))
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    name, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert re.fullmatch("shocpp_[0-9a-f]{8}=[a-z2-7]{26}", name)
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=34560000"} <= set(attributes)
    assert "Secure" not in attributes
    assert is_signed_in(server, answer.cookie)


def test_by_tls_only_this_host_gets_the_cookie(server: Server) -> None:
    answer = enter(server, invitation(server.home), **BY_TLS)
    assert answer.cookie.startswith("__Host-shocpp_")
    assert "Secure" in answer.headers["Set-Cookie"].split("; ")
    assert "Domain" not in answer.headers["Set-Cookie"]
    # By plain HTTP a browser does not send it, and the server does not take it.
    assert not is_signed_in(server, answer.cookie)
    page = send(server.port, "GET", "/i", {"Cookie": answer.cookie} | BROWSER | BY_TLS)
    assert 'name="token"' in page.text
    assert "data-known" in page.text


def test_a_cookie_without_tls_is_no_cookie_by_tls(server: Server) -> None:
    """Anybody on the network can set such a cookie, also for the host's pages by TLS."""
    cookie = cookie_of(server.home, "admin")
    page = send(server.port, "GET", "/i", {"Cookie": cookie} | BROWSER | BY_TLS)
    assert "data-known" not in page.text


def test_an_invitation_is_used_once(server: Server) -> None:
    token = invitation(server.home)
    assert enter(server, token).status == 303
    before = device_count(server)
    again = enter(server, token)
    assert again.status == 403
    assert "Set-Cookie" not in again.headers
    assert ACCESS["en"]["used"] in again.text
    assert device_count(server) == before


def test_a_preview_of_the_link_does_not_use_it_up(server: Server) -> None:
    token = invitation(server.home)
    # A fragment stays in the browser; a preview that sends it all the same changes nothing.
    for path in ("/i", f"/i?token={token}", f"/i?{token}"):
        for method in ("GET", "HEAD"):
            assert send(server.port, method, path, BROWSER).status == 200
    for purpose in ({"Sec-Purpose": "prefetch;prerender"}, {"X-Moz": "prefetch"}):
        assert enter(server, token, **purpose).status == 403
    assert enter(server, token).status == 303


def test_a_code_can_be_typed_without_javascript(server: Server) -> None:
    token = invitation(server.home)
    page = send(server.port, "GET", "/i", BROWSER)
    assert '<form method="post" action="/i"' in page.text
    assert '<label for="token">' in page.text
    assert enter(server, f" http://{STRANGER}/i#{token.upper()} ").status == 303


def test_a_wrong_code_comes_back_with_the_sentence_at_the_field(
    server: Server, address: str
) -> None:
    answer = enter(server, "wrong", **{"X-Forwarded-For": address})
    assert answer.status == 403
    assert 'aria-describedby="hint error"' in answer.text
    assert f'<p id="error" class="error" role="alert">{ACCESS["en"]["unknown"]}</p>' in answer.text


def test_a_new_invitation_replaces_the_device_of_its_browser(server: Server) -> None:
    former = enter(server, invitation(server.home, "viewer")).cookie
    cookie = enter(server, invitation(server.home, "admin"), Cookie=former).cookie
    assert is_signed_in(server, cookie)
    assert not is_signed_in(server, former)


def test_the_module_reads_the_fragment_and_is_a_file_of_its_own(server: Server) -> None:
    page = send(server.port, "GET", "/i", BROWSER)
    (path,) = re.findall(r'<script type="module" src="([^"]+)">', page.text)
    script = send(server.port, "GET", path)
    assert script.text == (ROOT / "shocpp/interfaces/web/static/enter.mjs").read_text()
    assert "<style" not in page.text
    assert re.findall(r"<script(?! type=\"module\" src)", page.text) == []


@pytest.mark.parametrize("path", ["/i", "/login", "/logout"])
def test_pages_have_the_headers_of_pages(server: Server, path: str) -> None:
    method = "POST" if path == "/logout" else "GET"
    page = send(server.port, method, path, BROWSER)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


# --- strangers ---


def test_a_browser_without_a_device_gets_one_sentence_and_the_way_in(server: Server) -> None:
    page = send(server.port, "POST", "/logout", BROWSER)
    assert page.status == 401
    # A scheme that a browser knows would make it ask for a password.
    assert page.headers["WWW-Authenticate"] == 'Invitation realm="shocpp"'
    assert ACCESS["en"]["no_device"] in page.text
    assert "shocpp invite" in page.text
    assert '<form method="post" action="/i"' in page.text


def test_a_program_without_a_device_gets_one_line(server: Server) -> None:
    answer = send(server.port, "POST", "/logout", {"Accept": "text/plain"})
    assert (answer.status, answer.text) == (401, ACCESS["en"]["no_device"] + "\n")


@pytest.mark.parametrize("forge", ["other", "cut", "name", "empty", "twice"])
def test_a_forged_cookie_is_no_device(server: Server, address: str, forge: str) -> None:
    name, _, secret = cookie_of(server.home, "admin").partition("=")
    cookie = {
        "other": f"{name}={'a' * 26}",
        "cut": f"{name}={secret[:-1]}",
        "name": f"shocpp_00000000={secret}",
        "empty": f"{name}=",
        "twice": f"{name}={'a' * 26}; {name}={secret}",
    }[forge]
    headers = {"Cookie": cookie, "X-Forwarded-For": address}
    assert send(server.port, "POST", "/logout", headers | BROWSER).status == 401
    assert not is_signed_in(server, cookie)


def test_a_revoked_cookie_ends_at_once(server: Server) -> None:
    cookie = cookie_of(server.home, "admin")
    assert is_signed_in(server, cookie)
    with open_database(server.home.database) as db:
        number = people.devices(db)[-1].id
        devices.revoke(db, number, now_ms())
    assert not is_signed_in(server, cookie)
    # A refusal of a known device counts as no guess.
    for _ in range(110):
        assert send(server.port, "POST", "/logout", {"Cookie": cookie} | BROWSER).status == 401


def test_a_hundred_wrong_tokens_are_too_many(server: Server, address: str) -> None:
    from_address = {"X-Forwarded-For": address}
    answers = [enter(server, "a" * 26, **from_address).status for _ in range(101)]
    assert answers == [403] * 100 + [429]
    page = enter(server, "a" * 26, **from_address)
    assert ACCESS["en"]["too_many"] in page.text
    # Another address, and the right token from this one.
    assert enter(server, "a" * 26, **{"X-Forwarded-For": next(ADDRESSES)}).status == 403
    assert enter(server, invitation(server.home), **from_address).status == 303


def test_wrong_cookies_and_bearer_tokens_count_as_well(server: Server, address: str) -> None:
    name = cookie_of(server.home, "admin").partition("=")[0]
    wrong = {"Cookie": f"{name}={'a' * 26}", "X-Forwarded-For": address}
    bearer = {"Authorization": f"Bearer {'b' * 26}", "X-Forwarded-For": address}
    pages = [send(server.port, "POST", "/logout", wrong).status for _ in range(50)]
    api = [send(server.port, "GET", "/api/transactions", bearer).status for _ in range(50)]
    assert pages == [401] * 50
    assert api == [401] * 50
    assert send(server.port, "POST", "/logout", wrong).status == 429
    for path in ("/api/transactions", "/metrics", "/cgi-bin/caller?canned=x"):
        refused = send(server.port, "GET", path, bearer)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "60")


def test_workers_together_allow_no_more_wrong_tokens(serve: Callable[..., Server]) -> None:
    server = serve(GUNICORN_CMD_ARGS="--workers 2")
    answers = [enter(server, "a" * 26).status for _ in range(201)]
    # The kernel chooses the worker, so one of them has its share earlier.
    assert answers[:50] == [403] * 50
    assert answers.count(403) <= 100
    assert set(answers) == {403, 429}


def test_a_programs_token_opens_no_page(server: Server, address: str) -> None:
    name = cookie_of(server.home, "admin").partition("=")[0]
    cookie = f"{name}={token_of(server.home, 'admin')}"
    assert not is_signed_in(server, cookie)
    page = send(server.port, "GET", "/", {"Cookie": cookie, "X-Forwarded-For": address} | BROWSER)
    assert (page.status, ACCESS["en"]["no_device"] in page.text) == (401, True)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {TOKEN}"},
        {"Host": "localhost"},
        {"X-Remote-User": "papa"},
        {"X-Remote-User": "papa", "Authorization": "Bearer wrong"},
        {"X-Remote-User": "papa", "Host": "localhost"},
    ],
)
def test_pages_know_devices_only(server: Server, headers: dict[str, str]) -> None:
    headers = {"X-Forwarded-For": next(ADDRESSES)} | headers | BROWSER
    assert send(server.port, "POST", "/logout", headers).status == 401


def test_a_programs_token_is_no_cookie_of_a_page(server: Server) -> None:
    bearer = {"Authorization": f"Bearer {token_of(server.home, 'admin')}"}
    assert send(server.port, "POST", "/logout", bearer | BROWSER).status == 401


# --- other sites ---

CROSS_SITE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "", "Referer": "https://evil.example/page"},
]


@pytest.mark.parametrize("sent", CROSS_SITE)
def test_another_site_cannot_use_an_invitation(server: Server, sent: dict[str, str]) -> None:
    token, before = invitation(server.home), device_count(server)
    assert enter(server, token, **sent).status == 403
    assert device_count(server) == before
    assert enter(server, token).status == 303


@pytest.mark.parametrize("sent", CROSS_SITE)
def test_another_site_cannot_make_a_device_of_a_password(
    server: Server, sent: dict[str, str]
) -> None:
    headers = OF_NGINX | {"X-Remote-User": "papa"} | sent
    before = device_count(server)
    assert post_form(server.port, "/login", {}, headers).status == 403
    assert device_count(server) == before


@pytest.mark.parametrize("sent", [*CROSS_SITE, {}])
def test_a_device_is_not_signed_out_without_the_form_token(
    server: Server, sent: dict[str, str]
) -> None:
    cookie = cookie_of(server.home, "admin")
    for fields in ({}, {"form": "wrong"}, {"form": "é"}):
        assert post_form(server.port, "/logout", fields, {"Cookie": cookie} | sent).status == 403
    assert is_signed_in(server, cookie)


def test_a_form_of_the_page_signs_the_device_out(server: Server) -> None:
    cookie, other = cookie_of(server.home, "viewer"), cookie_of(server.home, "admin")
    token = form_token_of(server.home, cookie)
    for sent in CROSS_SITE:
        headers = {"Cookie": cookie} | sent
        assert post_form(server.port, "/logout", {"form": token}, headers).status == 403
    # The token of one device is none of another.
    assert post_form(server.port, "/logout", {"form": token}, {"Cookie": other}).status == 403
    assert is_signed_in(server, cookie)
    answer = post_form(server.port, "/logout", {"form": token}, {"Cookie": cookie})
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert not is_signed_in(server, cookie)
    assert is_signed_in(server, other)


@pytest.mark.parametrize("path", ["/i", "/logout"])
def test_a_form_that_is_too_large_is_refused(server: Server, path: str) -> None:
    cookie = cookie_of(server.home, "admin")
    answer = post_form(server.port, path, {"token": "x" * 5_000}, {"Cookie": cookie})
    assert answer.status == 413
    assert "The form is too large. Shorten it, and send it once more." in answer.text


# --- nginx's users ---


def write_people(server: Server, content: object) -> None:
    """Replace conf/people.json."""
    new = server.home.folder / "conf" / "people.new"
    new.write_text(json.dumps(content))
    new.replace(new.with_name("people.json"))


def test_a_user_of_nginx_signs_in_a_device_that_follows_his_role(server: Server) -> None:
    write_people(server, {"papa": {"role": "admin"}})
    headers = OF_NGINX | {"X-Remote-User": "papa"}
    question = send(server.port, "GET", "/login", headers | BROWSER)
    assert question.status == 200
    assert ACCESS["en"]["login_as"].format(name="papa") in question.text
    assert "Set-Cookie" not in question.headers
    answer = post_form(server.port, "/login", {}, headers)
    assert answer.status == 303
    cookie = {"Cookie": answer.cookie}
    assert send(server.port, "GET", "/api/transactions", cookie).status == 200
    write_people(server, {"papa": {"role": "viewer"}})
    assert send(server.port, "GET", "/api/transactions", cookie).status == 403
    write_people(server, {"mama": {"role": "admin"}})
    assert not is_signed_in(server, answer.cookie)


def test_who_signs_in_again_has_one_device(server: Server) -> None:
    write_people(server, {"papa": {"role": "admin"}})
    headers = OF_NGINX | {"X-Remote-User": "papa"}
    first = post_form(server.port, "/login", {}, headers)
    second = post_form(server.port, "/login", {}, headers | {"Cookie": first.cookie})
    assert second.status == 303
    assert not is_signed_in(server, first.cookie)
    assert is_signed_in(server, second.cookie)


def test_a_user_without_a_role_makes_no_device(server: Server) -> None:
    write_people(server, {"papa": {"role": "admin"}})
    before = device_count(server)
    for send_it in (send(server.port, "GET", "/login", OF_NGINX | {"X-Remote-User": "eve"}),):
        assert send_it.status == 403
        assert ACCESS["en"]["no_role"].format(name="eve") in send_it.text
    assert post_form(server.port, "/login", {}, OF_NGINX | {"X-Remote-User": "eve"}).status == 403
    assert device_count(server) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Remote-User": "papa"},
        {"X-Remote-User": "papa", "Authorization": "Bearer guess"},
        {"X-Remote-User": "papa", "Host": "localhost"},
        {"X-Remote-User": "", "Authorization": f"Bearer {TOKEN}"},
    ],
)
def test_a_user_name_without_nginx_makes_no_device(server: Server, headers: dict[str, str]) -> None:
    before = device_count(server)
    assert post_form(server.port, "/login", {}, headers | {"Origin": ""}).status == 401
    assert device_count(server) == before


# --- markup and chargers ---


def test_names_are_text_and_no_markup(server: Server) -> None:
    name = '"><script>alert(1)</script>'
    with open_database(server.home.database) as db:
        person = devices.Person(name, "admin")
        secret, _ = devices.make_device(db, person, now_ms(), made_by="test")
        cookie = f"shocpp_{people.cookie_suffix(db)}={secret}"
    page = send(server.port, "GET", "/i", {"Cookie": cookie} | BROWSER)
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


@pytest.mark.parametrize("name", ["i", "login", "logout", "static"])
def test_a_charger_may_have_the_name_of_a_page(server: Server, name: str) -> None:
    with connect(server.url(name)) as charger:
        assert "currentTime" in ask(charger, "Heartbeat", {})
