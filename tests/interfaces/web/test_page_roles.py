"""The access to the pages with forms: each role, each page, each form, each way of forging one."""

from collections.abc import Iterator

import pytest

from shocpp.admission.people.roles import ROLES
from tests.world.home import Home
from tests.world.page_table import PAGES, PageRow
from tests.world.people import STRANGER, cookie_of, form_token_of, post_form, send
from tests.world.server import Server

BROWSER = {"Accept": "text/html"}
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
