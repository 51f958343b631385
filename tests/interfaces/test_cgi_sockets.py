"""Canned calls by CGI processes that pass their request to a running server, or answer alone."""

import base64
import itertools
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shocpp.database_path import sockets_folder
from shocpp.interfaces.cgi_client import DECLINED, GREETING, framed, perspective, unframed
from shocpp.settings import depends_on_process, read_settings
from tests.world.charger import Charger, ChargerWithCar
from tests.world.home import Home
from tests.world.machine import PATIENCE_S, ROOT, wait_for
from tests.world.server import Server

TOKEN = "correct-horse-battery"
SECRET = "open-sesame-please"
SCRIPT = ROOT / "cgi-bin" / "caller.py"
EXAMPLES = json.loads((ROOT / "conf" / "canned.json.example").read_text())
CLEAR = {"action": "ClearCache"}
THREADS = 8
NUMBERS = itertools.count(1)

STRANGER = {"REMOTE_ADDR": "192.0.2.7", "HTTP_HOST": "charging.example"}
MACHINE = {"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "1", "HTTP_HOST": "localhost:8080"}
USER = STRANGER | {"REMOTE_USER": "anna"}
ENERGY = {"QUERY_STRING": "canned=family-this-month"}
FORM = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded"}
JSON = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json"}


class Printed(NamedTuple):
    """The output of a CGI process, and if it has passed its request on."""

    answer: bytes
    log: bytes
    is_passed_on: bool

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(self.answer.split()[1])

    @property
    def body(self) -> str:
        """The line of the answer."""
        return self.answer.partition(b"\r\n\r\n")[2].decode()


def ask(home: Home, request: dict[str, str], body: bytes = b"", **more: Any) -> Printed:
    """Run the script with the variables of a request."""
    environment = {
        **home.environment,
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": "GET",
        "SERVER_PROTOCOL": "HTTP/1.1",
        **({"CONTENT_LENGTH": str(len(body))} if body else {}),
        **request,
    }
    # Only a process that answers by itself imports sqlite3.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", str(SCRIPT)],
        input=body,
        env=environment,
        capture_output=True,
        timeout=PATIENCE_S,
        **more,
    )
    assert done.returncode == 0, done
    lines = done.stderr.splitlines(keepends=True)
    imported = [line for line in lines if line.startswith(b"import time:")]
    log = b"".join(line for line in lines if not line.startswith(b"import time:"))
    return Printed(done.stdout, log, not any(b"sqlite3" in line for line in imported))


def sockets(home: Home) -> list[Path]:
    """Return the sockets of the workers."""
    return list(Path(sockets_folder(str(home.database))).glob("[!.]*"))


@contextmanager
def without_sockets(home: Home) -> Iterator[None]:
    """Hide the sockets, so that each process answers by itself."""
    folder = Path(sockets_folder(str(home.database)))
    hidden = folder.rename(folder.with_name("hidden"))
    try:
        yield
    finally:
        hidden.rename(folder)


@contextmanager
def short_home() -> Iterator[Home]:
    """Yield a home with a path that is short enough for sockets; those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="cgi-") as folder:
        yield Home(Path(folder) / "home")


@pytest.fixture
def home() -> Iterator[Home]:
    """Yield a home folder."""
    with short_home() as home:
        yield home


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """Start one server without a token; CGI processes of the tests have one."""
    with short_home() as home:
        server = Server(home)
        home.environment["SHOCPP_TOKEN"] = TOKEN
        yield server
        server.kill()


@pytest.fixture
def town(shared: Server) -> Home:
    """Return the home of that server."""
    write(shared.home)
    return shared.home


def write(home: Home, **entries: Any) -> None:
    """Write canned.json."""
    new = home.settings.canned_file.with_suffix(".new")
    secret = {"with-secret": CLEAR | {"secret": SECRET}}
    new.write_text(json.dumps(EXAMPLES | secret | {"clear": CLEAR} | entries))
    new.replace(home.settings.canned_file)


def own_call(home: Home, entry: dict[str, Any] = CLEAR) -> dict[str, str]:
    """Return a request for a canned call that no test has used: a repeat would not be sent."""
    name = f"clear-{next(NUMBERS)}"
    write(home, **{name: entry})
    return {"QUERY_STRING": f"canned={name}"}


# -- both ways ------------------------------------------------------------------------------------


def basic(password: str) -> str:
    """Return the value of Authorization for basic auth."""
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


def by(authorization: str) -> dict[str, str]:
    """Return a stranger's request with this Authorization."""
    return STRANGER | {"HTTP_AUTHORIZATION": authorization, "QUERY_STRING": "canned=clear"}


Request = tuple[int, dict[str, str], bytes]

SECRET_CALL = {"QUERY_STRING": "canned=with-secret"}
REQUESTS: list[Request] = [
    # -- methods and pages
    *(
        (405, USER | ENERGY | {"REQUEST_METHOD": method}, b"")
        for method in ("PUT", "HEAD", "", "get")
    ),
    *(
        (403, USER | ENERGY | header, b"")
        for header in (
            {"HTTP_SEC_FETCH_SITE": "cross-site"},
            {"HTTP_SEC_FETCH_SITE": "same-site"},
            {"HTTP_SEC_PURPOSE": "prefetch"},
            {"HTTP_X_MOZ": "prefetch"},
            {"HTTP_ORIGIN": "https://evil.example"},
            {"HTTP_REFERER": "https://evil.example/charging.example"},
        )
    ),
    # -- this machine
    *(
        (401, request | {"QUERY_STRING": "canned=clear"}, b"")
        for request in (
            STRANGER,
            MACHINE | {"REMOTE_ADDR": ""},
            {"HTTP_HOST": "localhost"},
            MACHINE | {"REMOTE_ADDR": "192.0.2.7"},
            MACHINE | {"REMOTE_ADDR": "unix:"},
            MACHINE | {"HTTP_HOST": "charging.example"},
            MACHINE | {"HTTP_HOST": "localhost.evil.example"},
            MACHINE | {"HTTP_HOST": ""},
            MACHINE | {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
            MACHINE | {"HTTP_FORWARDED": "for=127.0.0.1"},
            MACHINE | {"HTTP_VIA": "1.1 proxy"},
            MACHINE | {"HTTP_X_REAL_IP": "127.0.0.1"},
            MACHINE | {"HTTP_X_REMOTE_USER": "anna"},
            MACHINE | {"HTTP_CONNECTION": "upgrade"},
            MACHINE | {"REMOTE_ADDR": "", "GATEWAY_INTERFACE": ""},
        )
    ),
    (200, MACHINE | ENERGY, b""),
    (200, MACHINE | ENERGY | {"REMOTE_ADDR": "::1", "HTTP_HOST": "[::1]:8080"}, b""),
    (200, MACHINE | ENERGY | {"SERVER_PROTOCOL": "HTTP/1.0"}, b""),
    # -- users, tokens and secrets
    *(
        (401, STRANGER | ENERGY | {name: "anna"}, b"")
        for name in ("HTTP_REMOTE_USER", "HTTP_X_REMOTE_USER", "REMOTE_IDENT", "remote_user")
    ),
    (401, STRANGER | ENERGY | {"REMOTE_USER": ""}, b""),
    *(
        (401, by(authorization), b"")
        for authorization in (
            *("Bearer", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN),
            *(f"Digest {TOKEN}", basic("wrong"), basic(""), "Basic", "Basic !!!!", "Bearer \udcff"),
        )
    ),
    (200, by(f"Bearer {TOKEN}") | ENERGY, b""),
    (200, by(basic(TOKEN)) | ENERGY, b""),
    (401, STRANGER | SECRET_CALL, b""),
    (401, STRANGER | SECRET_CALL | {"HTTP_X_SHOCPP_SECRET": "wrong"}, b""),
    (401, STRANGER | ENERGY | {"HTTP_X_SHOCPP_SECRET": SECRET}, b""),
    (502, STRANGER | SECRET_CALL | {"HTTP_X_SHOCPP_SECRET": SECRET}, b""),
    (502, STRANGER | FORM, f"canned=with-secret&secret={SECRET}".encode()),
    # -- parameters and bodies
    *(
        (status, USER | {"QUERY_STRING": query}, b"")
        for status, query in (
            (400, ""),
            (400, "canned="),
            (400, "canned=family-this-month&canned=family-this-month"),
            (400, "&".join(f"a{number}=1" for number in range(11))),
            (404, "canned=nobody"),
            (404, "canned=%ff%0a%1b[31m"),
            (404, "canned=" + "x" * 9_000),
            (200, "canned=+family-this-month%20"),
            (502, "canned=state"),
            (502, "canned=clear"),
        )
    ),
    *(
        (400, USER | kind | {"CONTENT_LENGTH": length}, b"canned=family-this-month")
        for kind in (FORM, JSON)
        for length in ("4097", "5000", "99999", "-1", "+1", "1_0", "x", "٣")
    ),
    *(
        (400, USER | JSON, body)
        for body in (b"{", b"[]", b'{"canned": 1}', b"{}", b"[" * 4_000, b"\xff")
    ),
    (400, USER | FORM | ENERGY, b"canned=family-this-month"),
    (400, USER | FORM | {"CONTENT_LENGTH": ""}, b"canned=family-this-month"),
    (200, USER | FORM, b"canned=family-this-month"),
    (200, USER | FORM, b"canned=family-this-month&" + b"x" * 4_070),
    (200, USER | JSON, b'{"canned": " family-this-month "}'),
    (200, USER | ENERGY | {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "text/plain"}, b"x" * 9_000),
    # -- settings of the CGI process alone
    (200, USER | ENERGY | {"SHOCPP_LANG": "en"}, b""),
    (401, by(f"Bearer {TOKEN}") | {"SHOCPP_TOKEN": "another-token-of-16"}, b""),
    (200, by("Bearer another-token-of-16") | ENERGY | {"SHOCPP_TOKEN": "another-token-of-16"}, b""),
    (404, USER | ENERGY | {"SHOCPP_CANNEDFILE": "/nowhere/canned.json"}, b""),
    (200, USER | ENERGY | {"TZ": "America/New_York"}, b""),
    # -- a name that is no UTF-8
    (200, STRANGER | ENERGY | {"REMOTE_USER": "\udcff\u2028" + "x" * 99}, b""),
]


@pytest.mark.parametrize(
    ("status", "request_", "body"),
    REQUESTS,
    ids=[f"{number}-{status}" for number, (status, _, _) in enumerate(REQUESTS)],
)
def test_a_server_answers_a_request_as_the_process_alone(
    town: Home, status: int, request_: dict[str, str], body: bytes
) -> None:
    passed_on = ask(town, request_, body)
    with without_sockets(town):
        alone = ask(town, request_, body)
    assert (passed_on.is_passed_on, alone.is_passed_on) == (True, False)
    assert passed_on[:2] == alone[:2]
    assert passed_on.status == status, passed_on
    assert passed_on.answer.endswith(b"\n")
    assert passed_on.body[:-1].isprintable()


@pytest.mark.parametrize(
    "more",
    [
        {"SHOCPP_FRAME_DAYS": "x"},
        {"SHOCPP_TOKEN": "short"},
        {"SHOCPP_TAGSFILE": "conf/tags.json"},
        {"SHOCPP_CANNEDFILE": "~/canned.json"},
        {"SHOCPP_DATABASE": "db/shocpp.sqlite3"},
        {"SHOCPP_HOME": "."},
        {"HTTP_X_LONG": "x" * 100_000, "HTTP_X_LONG_2": "x" * 100_000, "HTTP_X_3": "x" * 100_000},
    ],
    ids=lambda more: next(iter(more)),
)
def test_a_process_answers_alone_if_the_server_would_answer_otherwise(
    town: Home, more: dict[str, str]
) -> None:
    first = ask(town, USER | ENERGY | more, cwd=town.folder)
    with without_sockets(town):
        again = ask(town, USER | ENERGY | more, cwd=town.folder)
    assert first[:2] == again[:2]
    assert not first.is_passed_on


def test_another_checkout_or_another_view_of_the_network_is_declined(town: Home) -> None:
    (path,) = sockets(town)
    environment = town.environment | MACHINE | ENERGY | {"GATEWAY_INTERFACE": "CGI/1.1"}
    environment["REQUEST_METHOD"] = "GET"
    here, own_view = str(ROOT).encode(), f"{os.geteuid()} {os.readlink('/proc/self/ns/net')}"
    user = {"REMOTE_USER": "anna"}
    forwarded = {"HTTP_X_FORWARDED_FOR": "192.0.2.7", "HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}
    for checkout, view, more, is_answered in (
        (here, own_view, {}, True),
        (here, "1 net:[1]", {}, False),
        (here, "", {}, False),
        (here, "1 net:[1]", user, True),
        (here, "1 net:[1]", forwarded, True),
        (b"/elsewhere", own_view, user, False),
    ):
        entries = (f"{name}={value}".encode() for name, value in (environment | more).items())
        answer = talk(path, framed(checkout, view.encode(), b"\0".join(entries), b""))
        assert (b"Status: 200 OK" in answer, answer == DECLINED) == (is_answered, not is_answered)


def talk(path: Path, request: bytes) -> bytes:
    """Send bytes to a socket after its greeting, and return its answer."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PATIENCE_S)
        line.connect(str(path))
        assert line.recv(100) == GREETING
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(65_536), b""))


def test_a_hundred_wrong_tokens_are_too_many_here_as_well(town: Home, shared: Server) -> None:
    (path,) = sockets(town)
    guess = town.environment | by("Bearer wrong") | {"REMOTE_ADDR": "192.0.2.9"}
    entries = b"\0".join(f"{name}={value}".encode() for name, value in guess.items())
    request = framed(str(ROOT).encode(), perspective(), b"REQUEST_METHOD=GET\0" + entries, b"")
    *answers, last = (talk(path, request) for _ in range(101))
    assert all(b"Status: 401 " in answer for answer in answers)
    assert b"Status: 429 " in last


@pytest.mark.parametrize("cut", [0, 1, 7, -1])
def test_a_request_that_is_not_whole_is_not_executed(town: Home, shared: Server, cut: int) -> None:
    (path,) = sockets(town)
    environment = town.environment | USER | own_call(town) | {"REQUEST_METHOD": "GET"}
    entries = b"\0".join(f"{name}={value}".encode() for name, value in environment.items())
    with ChargerWithCar(shared) as charger:
        assert talk(path, framed(str(ROOT).encode(), b"", entries, b"")[:cut]) == b""
        assert ask(town, USER | ENERGY).status == 200
        assert charger.calls == []


def test_a_client_of_the_tcp_port_cannot_speak_as_a_cgi_process(town: Home, shared: Server) -> None:
    entries = b"\0".join(f"{name}={value}".encode() for name, value in (USER | ENERGY).items())
    http = (
        "GET /cgi-bin/caller?canned=clear HTTP/1.1\r\nHost: charging.example\r\n"
        "REMOTE_USER: anna\r\nRemote-User: anna\r\nREMOTE_ADDR: 127.0.0.1\r\n"
        "GATEWAY_INTERFACE: CGI/1.1\r\nSHOCPP_TOKEN: \r\nConnection: close\r\n\r\n"
    )
    for request in (http.encode(), framed(str(ROOT).encode(), b"", entries, b"")):
        with socket.create_connection(("127.0.0.1", shared.port), PATIENCE_S) as line:
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda line=line: line.recv(65_536), b""))
        assert not answer or answer.split()[1] in (b"400", b"401"), answer


# -- a charger ------------------------------------------------------------------------------------


def test_a_call_that_is_passed_on_reaches_the_charger_once(town: Home, shared: Server) -> None:
    with ChargerWithCar(shared) as charger:
        request = USER | own_call(town)
        passed_on = ask(town, request)
        assert (passed_on.body, passed_on.is_passed_on) == ("Accepted\n", True)
        assert charger.calls == [("ClearCache", {})]
        name = request["QUERY_STRING"].partition("=")[2]
        assert passed_on.log == f"canned call '{name}' of 'anna': done, Accepted\n".encode()
        assert town.query("SELECT asked_by FROM call WHERE canned = ?", name) == [("anna",)]
        with without_sockets(town):
            assert ask(town, USER | own_call(town)).answer == passed_on.answer


def test_a_process_waits_for_a_charger_alone_if_the_server_has_no_slot_left(
    town: Home, shared: Server
) -> None:
    with Charger(shared, "garage", ClearCache=None) as charger, ThreadPoolExecutor() as asking:
        charger.boot()
        entry = CLEAR | {"timeout_s": 4}
        requests = [{"QUERY_STRING": f"canned=wait-{number}"} for number in range(6)]
        write(town, **{f"wait-{number}": entry for number in range(6)})
        answers = list(asking.map(lambda request: ask(town, USER | request), requests))
        assert [(answer.status, answer.body) for answer in answers] == [
            (504, "OCPP unreachable\n")
        ] * 6
        assert sum(answer.is_passed_on for answer in answers) == THREADS // 2


def test_a_server_that_dies_after_the_request_leaves_the_outcome_unknown(
    home: Home, serve: Callable[..., Server]
) -> None:
    server = serve()

    def kill(charger: Charger, unique_id: str, payload: dict[str, Any]) -> None:
        os.kill(server.workers()[0], signal.SIGKILL)

    request = USER | own_call(home, CLEAR | {"timeout_s": 20})
    with Charger(server, "garage", ClearCache=kill) as charger:
        charger.boot()
        answer = ask(home, request)
        assert answer.status == 504
        assert answer.body.startswith("outcome unknown: the server has ended")
        assert answer.log.decode() == f"canned call failed: 504 {answer.body}"
        assert len(charger.calls) == 1
    assert home.query("SELECT count(*) FROM call") == [(1,)]


def test_a_server_that_hangs_is_not_waited_for(home: Home, serve: Callable[..., Server]) -> None:
    server = serve()
    write(home)
    (worker,) = server.workers()
    os.kill(worker, signal.SIGSTOP)
    answer = ask(home, USER | ENERGY)
    os.kill(worker, signal.SIGCONT)
    assert not answer.is_passed_on
    assert answer.status == 200


# -- other peers of the protocol ------------------------------------------------------------------


def peer(answers: list[bytes], *, reads: bool) -> Callable[[socket.socket], None]:
    """Return a peer that sends a greeting and perhaps an answer."""

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(answers[0])
            while reads and connection.recv(65_536):
                pass
            for answer in answers[1:]:
                connection.sendall(answer)

    return serve


WHOLE = framed(b"a line\n", b"Status: 200 OK\r\n\r\nhello\n")


@pytest.mark.parametrize(
    ("answers", "reads", "status"),
    [
        ([b"shocpp-cgi 2\n"], False, "alone"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], False, "alone"),
        ([b""], False, "alone"),
        ([GREETING, DECLINED], True, "alone"),
        ([GREETING], True, "unknown"),
        ([GREETING, WHOLE[:-1]], True, "unknown"),
        ([GREETING, WHOLE + b"x"], True, "unknown"),
        ([GREETING, b"HTTP/1.1 400 Bad Request\r\n\r\n"], True, "unknown"),
        ([GREETING, WHOLE], True, "passed on"),
    ],
)
def test_a_process_executes_its_request_only_if_no_server_can_have(
    migrated_home: Home, answers: list[bytes], reads: bool, status: str
) -> None:
    folder = Path(sockets_folder(str(migrated_home.database)))
    folder.mkdir()
    write(migrated_home)
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(folder / "peer"))
        listener.listen()
        thread = threading.Thread(target=peer(answers, reads=reads), args=(listener,))
        thread.start()
        answer = ask(migrated_home, USER | ENERGY)
        thread.join()
    expected = {"alone": (200, "family-y: "), "passed on": (200, "hello\n")}
    if status == "unknown":
        assert (answer.status, answer.body[:15]) == (504, "outcome unknown")
    else:
        assert (answer.status, answer.body[:10]) == expected[status]


# -- the socket -----------------------------------------------------------------------------------


def test_the_socket_is_the_servers_alone_and_goes_with_it(
    home: Home, serve: Callable[..., Server]
) -> None:
    old_mask = os.umask(0)
    try:
        folder = Path(sockets_folder(str(home.database)))
        folder.mkdir(parents=True, mode=0o777)
        server = serve()
    finally:
        os.umask(old_mask)
    (path,) = sockets(home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert server.stop() == 0
    assert list(folder.iterdir()) == []


def test_each_worker_has_a_socket_and_dead_ones_are_removed(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home)
    server = serve(GUNICORN_CMD_ARGS="--workers 2")
    wait_for(lambda: len(sockets(home)) == 2)
    first = set(sockets(home))
    assert all(ask(home, USER | ENERGY).is_passed_on for _ in range(3))
    server.kill()
    assert set(sockets(home)) == first
    assert ask(home, USER | ENERGY).status == 200
    server.restart()
    wait_for(lambda: len(sockets(home)) == 2 and not first & set(sockets(home)))
    assert ask(home, USER | ENERGY).is_passed_on


def test_a_reload_replaces_the_socket(home: Home, serve: Callable[..., Server]) -> None:
    write(home)
    server = serve()
    first = sockets(home)
    os.kill(server.process.pid, signal.SIGHUP)
    while not (sockets(home) and not set(first) & set(sockets(home))):
        assert ask(home, USER | ENERGY).status == 200
    assert ask(home, USER | ENERGY).is_passed_on


def test_a_second_server_of_a_database_has_a_socket_of_its_own(
    home: Home, serve: Callable[..., Server]
) -> None:
    write(home)
    first = serve()
    second = serve()
    assert len(sockets(home)) == 2
    first.stop()
    assert len(sockets(home)) == 1
    assert ask(home, USER | ENERGY).is_passed_on
    second.stop()
    assert ask(home, USER | ENERGY).status == 200


def test_a_path_that_is_too_long_for_a_socket_is_one_notice(
    home: Home, serve: Callable[..., Server]
) -> None:
    deep = home.folder / ("x" * 100)
    deep.mkdir()
    home.environment["SHOCPP_DATABASE"] = str(deep / "shocpp.sqlite3")
    write(home)
    server = serve()
    assert server.log().count("CGI scripts answer canned calls without the server") == 1
    answer = ask(home, USER | ENERGY)
    assert (answer.status, answer.is_passed_on) == (200, False)


def test_a_script_by_a_link_finds_its_checkout(town: Home, tmp_path: Path) -> None:
    (tmp_path / "checkout").symlink_to(ROOT)
    (tmp_path / "caller").symlink_to("checkout/cgi-bin/caller.py")
    environment = town.environment | USER | ENERGY | {"REQUEST_METHOD": "GET"}
    shutil.copytree(town.folder / "conf", tmp_path / "conf")
    for script, cwd in (
        (tmp_path / "caller", tmp_path),
        (tmp_path / "checkout" / "cgi-bin" / "caller.py", tmp_path),
        ("caller.py", ROOT / "cgi-bin"),
        ("./caller", tmp_path),
    ):
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-X", "importtime", str(script)],
            env=environment,
            cwd=cwd,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        assert done.stdout.startswith(b"Status: 200 OK\r\n"), done
        assert b"sqlite3" not in done.stderr


def test_without_settings_the_path_is_that_of_the_checkout() -> None:
    assert read_settings({}).database == ROOT / "db" / "shocpp.sqlite3"
    assert read_settings({"SHOCPP_HOME": "/tmp"}).database == Path("/tmp/db/shocpp.sqlite3")
    assert read_settings({"SHOCPP_DATABASE": "/x/y"}).database == Path("/x/y")
    assert read_settings({"SHOCPP_DATABASE": "~/y"}).database == Path.home() / "y"
    assert not depends_on_process({"SHOCPP_HOME": "/tmp", "SHOCPP_TAGSFILE": "", "WS_PORT": "1"})


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(0, 5), st.integers(1, 9))
def test_parts_are_read_as_they_were_sent_and_only_whole(
    parts: list[bytes], count: int, cut: int
) -> None:
    assert unframed(framed(*parts), count) == (parts if count == len(parts) else None)
    assert unframed(framed(*parts)[:-cut], len(parts) or 1) is None
