"""Answers of the web face without a usable database, without chargers, and to wrong requests."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.world.home import Home
from tests.world.people import STRANGER, cookie_of, post_form, send
from tests.world.server import Server

SECRET = "a" * 26
BEARER = {"Authorization": f"Bearer {SECRET}"}
BROWSER = {"Accept": "text/html"}


def test_without_its_database_a_server_tells_strangers_no_path(serve: Any, home: Home) -> None:
    """The first requests of a process: it has read nothing of the database for pages yet."""
    server, away = serve(), home.database.with_suffix(".away")
    cookie = cookie_of(home, "admin")
    home.database.rename(away)
    stranger = {"Cookie": f"{cookie.partition('=')[0]}={SECRET}"} | BROWSER
    answers = [
        *(send(server.port, "GET", path, stranger) for path in ("/", "/i", "/stream")),
        post_form(server.port, "/i", {"token": SECRET}),
        *(
            send(server.port, "GET", path, BEARER)
            for path in ("/api/transactions", "/metrics", "/cgi-bin/caller?canned=power")
        ),
    ]
    assert [answer.status for answer in answers] == [503] * 7
    for answer in answers:
        assert str(home.folder) not in answer.text
        assert answer.headers["Retry-After"] == "10"
    # The log has it, for who may read it.
    assert f"there is no database {home.database}" in server.log()
    assert "Traceback" not in server.log()
    away.rename(home.database)
    assert send(server.port, "GET", "/", {"Cookie": cookie} | BROWSER).status == 200


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that each test leaves as it was."""
    home = Home(tmp_path_factory.mktemp("faults") / "home")
    server = Server(home, SHOCPP_TRUSTED_PROXIES="127.0.0.1")
    yield server
    server.stop()


@pytest.mark.parametrize("path", ["/", "/i", "/login", "/start", "/logout", "/stream", "/nothing"])
def test_a_wrong_method_is_one_line(running: Server, path: str) -> None:
    answer = send(running.port, "DELETE", path, BROWSER)
    assert (answer.status, answer.headers["Content-Type"]) == (405, "text/plain; charset=utf-8")
    assert answer.text == f"this method is not allowed here; use {answer.headers['Allow']}\n"


def test_a_wrong_host_is_one_line(running: Server) -> None:
    answer = send(running.port, "GET", "/", {"Host": "a" * 300} | BROWSER)
    assert (answer.status, answer.text.count("\n")) == (400, 1)
    assert "<" not in answer.text


def test_the_address_for_chargers_is_that_of_the_shipped_nginx(running: Server) -> None:
    cookie = cookie_of(running.home, "admin")
    plain = send(running.port, "GET", "/", {"Cookie": cookie} | BROWSER)
    assert f"<code>ws://{STRANGER}/</code>" in plain.text
    by_tls = {"Cookie": f"__Host-{cookie}", "X-Forwarded-Proto": "https"} | BROWSER
    assert f"<code>wss://{STRANGER}/ocpp/</code>" in send(running.port, "GET", "/", by_tls).text
