"""The access to the pages with forms: each role, each page, each form, each way of forging one."""

import html
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from shocpp.admission.people.roles import ROLES
from tests.world.home import Home
from tests.world.page_table import PAGES, PageRow
from tests.world.people import STRANGER, Response, cookie_of, form_token_of, post_form, send
from tests.world.server import Server

BROWSER = {"Accept": "text/html"}
EVIL = "<script>alert(1)<script>"
FORMS = [(row, f"{row.path}{form}") for row in PAGES for form in row.forms]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this file."""
    home = Home(tmp_path_factory.mktemp("pages") / "home")
    home.charge_points_file.write_text('{"garage": {"auth": "none"}}')
    server = Server(home)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cookies(server: Server) -> dict[str, str]:
    """The cookie of a device of each role."""
    return {
        role: cookie_of(server.home, role, "family-y" if role == "driver" else None)
        for role in ROLES
    }


def files(server: Server) -> dict[str, str]:
    """Return the texts of the files of conf/."""
    return {path.name: path.read_text() for path in (server.home.folder / "conf").glob("*.json")}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.path)
def test_a_page_is_for_its_roles(
    server: Server, cookies: dict[str, str], row: PageRow, role: str
) -> None:
    before = files(server)
    answer = send(server.port, "GET", row.path, {"Cookie": cookies[role]} | BROWSER)
    assert answer.status == (200 if role in row.roles else 403), answer.text
    assert files(server) == before


@pytest.mark.parametrize("path", [row.path for row in PAGES])
def test_strangers_are_shown_the_way_in(server: Server, path: str) -> None:
    assert send(server.port, "GET", path, BROWSER).status == 401


@pytest.mark.parametrize(("row", "path"), FORMS, ids=[path for _, path in FORMS])
def test_a_form_is_for_its_roles_and_of_our_pages(
    server: Server, cookies: dict[str, str], row: PageRow, path: str
) -> None:
    before = files(server)
    for role, cookie in cookies.items():
        for fields in ({"x": "1"}, {"form": "wrong"}):
            answer = post_form(server.port, path, fields, {"Cookie": cookie})
            assert answer.status == 403, (role, answer.text)
        token = form_token_of(server.home, cookie)
        foreign = {"Cookie": cookie, "Origin": "http://elsewhere.example"}
        assert post_form(server.port, path, {"form": token}, foreign).status == 403
        if role not in row.roles:
            own = {"Cookie": cookie, "Origin": f"http://{STRANGER}"}
            assert post_form(server.port, path, {"form": token}, own).status == 403
    assert files(server) == before


def text_of(answer: Response) -> str:
    """Return the text of a page without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", html.unescape(answer.text)).split())


def test_a_refusal_is_a_page_with_the_next_step(server: Server, cookies: dict[str, str]) -> None:
    for role, path, status, sentence, step in (
        ("driver", "/accounts", 403, "Deine Rolle erlaubt", 'href="/account">Zu meinem Konto'),
        ("treasurer", "/chargers", 403, "Deine Rolle erlaubt", 'href="/">Zur ersten Seite'),
        ("admin", "/accounts/99", 404, "Diese Seite gibt es nicht", 'href="/">Zur ersten'),
        ("admin", "/nowhere", 404, "Diese Seite gibt es nicht", 'href="/">Zur ersten'),
        ("driver", "/c/nix", 404, "Zu diesem Aufkleber", 'href="/account">'),
        ("", "/c/nix", 404, "Zu diesem Aufkleber", 'href="/i">Anmelden'),
        ("", f"/c/{EVIL}", 404, "Zu diesem Aufkleber", 'href="/i">Anmelden'),
    ):
        cookie = {"Cookie": cookies[role]} if role else {}
        answer = send(server.port, "GET", quote(path), cookie | BROWSER)
        assert (answer.status, sentence in text_of(answer)) == (status, True), (path, answer.text)
        assert step in answer.text
        assert ("<nav" in answer.text) == (role in ("admin", "treasurer", "driver"))
        assert EVIL not in answer.text


def test_a_refusal_is_one_line_for_programs(server: Server, cookies: dict[str, str]) -> None:
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        for path, status, line in (
            ("/accounts", 403, "your role does not allow this\n"),
            ("/c/nix", 404, "there is no /c/nix here\n"),
        ):
            answer = send(server.port, "GET", path, {"Cookie": cookies["driver"], **accept})
            assert (answer.status, answer.text) == (status, line)
            assert answer.headers["Content-Type"].startswith("text/plain")
    for path in ("/metrics", "/static/x/y"):
        answer = send(server.port, "GET", path, {"Cookie": cookies["driver"], **BROWSER})
        assert answer.headers["Content-Type"].startswith("text/plain"), path


def test_a_form_of_an_earlier_sign_in_says_what_to_do(
    server: Server, cookies: dict[str, str]
) -> None:
    headers = {"Cookie": cookies["admin"], **BROWSER}
    answer = post_form(server.port, "/accounts", {"form": "wrong"}, headers)
    assert (answer.status, "Lade seine Seite neu" in text_of(answer)) == (403, True)
