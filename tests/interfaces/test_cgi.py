"""Canned calls over HTTP: from the app itself, and through web servers with and without it."""

import functools
import itertools
import json
import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.world.charger import ChargerWithCar
from tests.world.machine import ROOT, free_port, needs, wait_for
from tests.world.shipped import (
    CONF,
    PASSWORD,
    TOKEN,
    USER,
    Answer,
    Deployment,
    Endpoint,
    basic,
    built,
    certificate,
    put_in,
    shipped_site,
)

CALLER = ROOT / "cgi-bin" / "caller.py"
EXAMPLES = json.loads((CONF / "canned.json.example").read_text())
CLEAR = {"action": "ClearCache"}
OUR_TYPE = "text/plain; charset=utf-8"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Yield a server with a token and the canned calls of the example."""
    with built(tmp_path_factory.mktemp("cgi")) as deployment:
        yield deployment


@pytest.fixture
def name(deployment: Deployment) -> str:
    """Return the name of a canned call that no other test uses: a repeat would not be sent."""
    unique = f"clear-{next(NUMBERS)}"
    canned = deployment.home.settings.canned_file
    canned.with_suffix(".new").write_text(json.dumps(EXAMPLES | {unique: CLEAR}))
    canned.with_suffix(".new").replace(canned)
    return unique


NUMBERS = itertools.count(1)


@pytest.fixture
def charger(deployment: Deployment) -> Iterator[ChargerWithCar]:
    """Yield the only charger, with a car."""
    with ChargerWithCar(deployment.server, "garage") as charger:
        yield charger


# -- web servers ----------------------------------------------------------------------------------


def app(deployment: Deployment) -> Endpoint:
    """Return the app itself; a request for another host name is a stranger's."""
    return Endpoint(deployment.server.port, None, {}, {"Host": "charging.example"})


@functools.cache
def nginx(deployment: Deployment) -> Endpoint:
    """Start nginx in front of the app, with the shipped file."""
    tls, port = certificate(deployment), free_port()
    deployment.run_nginx(shipped_site(deployment, port))
    return Endpoint(port, tls, basic(PASSWORD), {})


@functools.cache
def nginx_and_fcgiwrap(deployment: Deployment) -> Endpoint:
    """Start nginx with the shipped locations for CGI, and fcgiwrap as the shipped units do."""
    tls, port = certificate(deployment), free_port()
    deployment.run_nginx(site_with_fcgiwrap(deployment, port))
    return Endpoint(port, tls, basic(PASSWORD), {})


def site_with_fcgiwrap(deployment: Deployment, port: int) -> str:
    """Start fcgiwrap as the shipped units do; return the shipped file with its locations."""
    units = CONF / "systemd"
    (listen,) = re.findall(
        "^ListenStream=(.*)", (units / "shocpp-fcgiwrap.socket").read_text(), re.MULTILINE
    )
    (start,) = re.findall(
        "^ExecStart=(.*)", (units / "shocpp-fcgiwrap.service").read_text(), re.MULTILINE
    )
    wrapper, *options = shlex.split(start)
    activated = [needs("systemd-socket-activate"), f"--listen={deployment.folder}/fcgiwrap"]
    activated += [f"--setenv={name}" for name in ("SHOCPP_HOME", "TZ", "PATH")]
    deployment.run(*activated, needs(Path(wrapper).name), *options)
    wait_for((deployment.folder / "fcgiwrap").exists)
    location = put_in(
        (CONF / "nginx" / "shocpp-cgi.conf").read_text(),
        {
            f"unix:{listen}": f"unix:{deployment.folder}/fcgiwrap",
            "/opt/shocpp/cgi-bin/caller.py": CALLER,
            "/etc/nginx/shocpp.htpasswd": deployment.folder / "htpasswd",
            "/var/log/nginx/": f"{deployment.folder}/nginx-",
        },
    )
    (deployment.folder / "cgi.conf").write_text(location)
    site, replaced = re.subn(
        r"    location = /cgi-bin/caller \{.*?\n    \}\n",
        f"    include {deployment.folder}/cgi.conf;\n",
        shipped_site(deployment, port),
        flags=re.DOTALL,
    )
    assert replaced == 1
    return site


def lighttpd(deployment: Deployment) -> Endpoint:
    """Start lighttpd without passwords: only the client's address authenticates a request."""
    port = free_port()
    environment = ", ".join(
        f'"{name}" => "{deployment.home.environment[name]}"'
        for name in ("SHOCPP_HOME", "TZ", "PATH")
    )
    (deployment.folder / "lighttpd.conf").write_text(
        f"""
        server.modules = ("mod_alias", "mod_cgi", "mod_setenv")
        server.bind = "127.0.0.1"
        server.port = {port}
        server.document-root = "{deployment.folder}"
        server.errorlog = "{deployment.folder}/lighttpd.log"
        alias.url = ("/cgi-bin/caller" => "{CALLER}")
        cgi.assign = ("/caller.py" => "")
        setenv.add-environment = ({environment})
        """
    )
    deployment.run(needs("lighttpd"), "-D", "-f", deployment.folder / "lighttpd.conf", port=port)
    return Endpoint(port, None, {}, {"Host": "charging.example"})


def busybox(deployment: Deployment) -> Endpoint:
    """Start busybox httpd with one plain password, and with the script in its cgi-bin."""
    port = free_port()
    (deployment.folder / "www" / "cgi-bin").mkdir(parents=True)
    (deployment.folder / "www" / "cgi-bin" / "caller").symlink_to(CALLER)
    (deployment.folder / "httpd.conf").write_text("/cgi-bin:family:staple\n")
    deployment.run(
        *(needs("busybox"), "httpd", "-f", "-p", f"127.0.0.1:{port}"),
        *("-h", deployment.folder / "www", "-c", deployment.folder / "httpd.conf"),
        port=port,
    )
    return Endpoint(port, None, basic("staple"), {})


DOORS = [app, nginx, nginx_and_fcgiwrap, lighttpd, busybox]


@pytest.fixture(scope="module", params=DOORS, ids=lambda build: build.__name__)
def endpoint(deployment: Deployment, request: pytest.FixtureRequest) -> Endpoint:
    """Return each of the web servers."""
    opened: Endpoint = request.param(deployment)
    return opened


@pytest.fixture
def shipped(deployment: Deployment) -> Endpoint:
    """Return nginx with the shipped file, for an address whose requests it has not counted yet."""
    opened: Endpoint = nginx(deployment)
    return opened._replace(source=f"127.0.1.{next(ADDRESSES)}")


ADDRESSES = itertools.count(1)


# -- the plain case -------------------------------------------------------------------------------


def test_the_url_of_the_readme_makes_a_charger_behind_nginx_charge(
    deployment: Deployment, shipped: Endpoint, name: str
) -> None:
    url = f"wss://localhost:{shipped.port}/ocpp/garage"
    with ChargerWithCar(deployment.server, url=url, tls=shipped.tls) as charger:
        assert not deployment.home.query("SELECT 1 FROM open_transactions")
        answer = shipped.ask("/cgi-bin/caller?canned=start-family", basic(PASSWORD))
        assert (answer.status, answer.body) == (200, "garage lädt.\n")
        assert deployment.home.query("SELECT account FROM open_transactions") == [("family-y",)]
        assert charger.calls == [("RemoteStartTransaction", {"idTag": "3333", "connectorId": 1})]
        assert shipped.call("stop-family").body == "Accepted\n"
        wait_for(lambda: not deployment.home.query("SELECT 1 FROM open_transactions"))


def test_a_canned_call_is_answered_in_one_plain_line(
    endpoint: Endpoint, name: str, charger: ChargerWithCar
) -> None:
    answer = endpoint.call(name)
    assert (answer.status, answer.body) == (200, "Accepted\n")
    assert answer.headers["Content-Type"] == OUR_TYPE
    assert answer.headers["Cache-Control"] == "no-store"
    assert charger.calls == [("ClearCache", {})]


def test_a_form_is_as_good_as_a_query(
    endpoint: Endpoint, name: str, charger: ChargerWithCar
) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = endpoint.ask("/cgi-bin/caller", endpoint.allowed | form, "POST", f"canned={name}")
    assert (answer.status, answer.body) == (200, "Accepted\n")
    assert len(charger.calls) == 1


def test_a_json_object_is_as_good_as_a_query(
    endpoint: Endpoint, name: str, charger: ChargerWithCar
) -> None:
    headers = endpoint.allowed | {"Content-Type": "application/json; charset=utf-8"}
    body = json.dumps({"canned": f" {name} ", "comment": "from a phone"}, indent=1)
    answer = endpoint.ask("/cgi-bin/caller", headers, "POST", body)
    assert (answer.status, answer.body) == (200, "Accepted\n")
    assert len(charger.calls) == 1


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("{", "the body is not JSON: "),
        ('{"canned": "a", "canned": "b"}', "the body is not JSON: 'canned' is there twice"),
        ("[" * 4_000, "the body is not JSON: "),
        ("[]", "the body must be an object of texts"),
        ('{"canned": 1}', "the body must be an object of texts"),
        ("", "the name of the canned call is missing"),
        ("{}", "the name of the canned call is missing"),
    ],
)
def test_a_body_that_names_no_canned_call_is_400_and_one_line(
    deployment: Deployment, body: str, line: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = app(deployment).ask("/cgi-bin/caller", headers, "POST", body)
    assert answer.status == 400
    assert answer.body.startswith(line)
    assert answer.body.count("\n") == 1


def test_blanks_around_a_name_do_not_matter(
    endpoint: Endpoint, name: str, charger: ChargerWithCar
) -> None:
    answer = endpoint.call(f"+{name}%20")
    assert (answer.status, answer.body) == (200, "Accepted\n")


def test_the_car_charges_before_a_start_is_answered(
    deployment: Deployment, endpoint: Endpoint, name: str, charger: ChargerWithCar
) -> None:
    assert endpoint.call("start-family").body == "garage lädt.\n"
    assert deployment.home.query("SELECT account FROM open_transactions") == [("family-y",)]
    assert endpoint.call("stop-family").body == "Accepted\n"
    wait_for(lambda: not deployment.home.query("SELECT 1 FROM open_transactions"))
    assert [action for action, _ in charger.calls] == [
        "RemoteStartTransaction",
        "RemoteStopTransaction",
    ]


# -- refusals -------------------------------------------------------------------------------------


def test_an_unknown_name_is_404(endpoint: Endpoint, name: str) -> None:
    answer = endpoint.call("start-nobody")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == OUR_TYPE
    assert answer.body.startswith("there is no canned call 'start-nobody': ")
    assert answer.body.count("\n") == 1


@pytest.mark.parametrize("credentials", [{}, basic("wrong"), basic(""), basic(PASSWORD, "root")])
def test_a_stranger_is_401_and_nothing_is_sent(
    endpoint: Endpoint, name: str, charger: ChargerWithCar, credentials: dict[str, str]
) -> None:
    answer = endpoint.ask(f"/cgi-bin/caller?canned={name}", endpoint.strange | credentials)
    assert answer.status == 401
    assert "Basic" in answer.headers["WWW-Authenticate"]
    assert endpoint.call("state").status == 200
    assert charger.calls == []


def test_a_charger_that_is_away_is_502_and_one_line(endpoint: Endpoint, name: str) -> None:
    answer = endpoint.call(name)
    assert (answer.status, answer.body) == (502, "OCPP unreachable\n")
    assert answer.headers["Content-Type"] == OUR_TYPE


# -- nginx ----------------------------------------------------------------------------------------


def is_line_of_nginx(answer: Answer, status: int, line: str) -> bool:
    """Return True if an answer is one line of text, and no page of nginx."""
    assert (answer.status, answer.body) == (status, f"{line}\n")
    assert answer.headers["Content-Type"] == OUR_TYPE
    assert answer.headers["Cache-Control"] == "no-store"
    return True


@pytest.mark.parametrize("build", [nginx.__wrapped__, nginx_and_fcgiwrap], ids=["app", "cgi"])
def test_an_error_of_nginx_at_a_canned_call_is_one_line(
    deployment: Deployment, build: Callable[[Deployment], Endpoint]
) -> None:
    # An nginx of its own: the tests above may have used up the requests of a minute.
    endpoint = build(deployment)
    for credentials in ({}, basic("wrong")):
        answer = endpoint.ask("/cgi-bin/caller?canned=state", credentials)
        assert is_line_of_nginx(answer, 401, "Name oder Passwort ist falsch.")
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="shocpp"'
    answer = endpoint.ask("/cgi-bin/caller", endpoint.allowed, "POST", "x" * 5_000)
    assert is_line_of_nginx(answer, 413, "Die Anfrage ist zu lang.")


def test_nginx_without_its_app_answers_a_canned_call_in_one_line(deployment: Deployment) -> None:
    port, tls = free_port(), certificate(deployment)
    deployment.run_nginx(
        shipped_site(deployment, port, app_port=free_port()).replace("default de;", "default en;")
    )
    alone = Endpoint(port, tls, basic(PASSWORD), {})
    answer = alone.call("state")
    assert is_line_of_nginx(answer, 502, "The server of the chargers does not run.")
    answers = [alone.ask("/cgi-bin/caller", basic("wrong")) for _ in range(30)]
    line = "There are too many requests; please try again in a minute."
    assert is_line_of_nginx(answers[-1], 429, line)
    assert answers[-1].headers["Retry-After"] == "60"


def test_nginx_takes_a_slash_at_the_end_of_the_address(
    deployment: Deployment, name: str, charger: ChargerWithCar
) -> None:
    shipped = nginx.__wrapped__(deployment)
    answer = shipped.ask(f"/cgi-bin/caller/?canned={name}", basic(PASSWORD))
    assert (answer.status, answer.body) == (200, "Accepted\n")
    assert shipped.ask(f"/cgi-bin/caller/?canned={name}", {}).status == 401


def test_nginx_passes_the_user_name_and_not_the_clients_claim(
    deployment: Deployment, shipped: Endpoint, name: str, charger: ChargerWithCar
) -> None:
    claims = {"X-Remote-User": "root", "X-Forwarded-For": "127.0.0.1"}
    shipped.ask(f"/cgi-bin/caller?canned={name}", basic(PASSWORD) | claims)
    assert deployment.home.query("SELECT asked_by FROM call WHERE canned = ?", name) == [(USER,)]


@pytest.mark.parametrize(
    "target",
    [
        "/healthz",
        "/ocpp/garage",
        "/ocpp/../healthz",
        "/cgi-bin/caller.py",
        "/cgi-bin/caller/x",
        "/cgi-bin/caller/../../ocpp/garage",
        "/ocpp/%2e%2e/healthz",
    ],
)
def test_nginx_closes_all_other_paths_to_people(shipped: Endpoint, target: str) -> None:
    answer = shipped.ask(target, basic(PASSWORD))
    assert answer.status == 404
    assert "nginx" in answer.body, "nginx has passed the request to the app"


@pytest.mark.parametrize(
    "target",
    ["/ocpp/../cgi-bin/caller", "/ocpp/%2e%2e/cgi-bin/caller", "//cgi-bin//caller"],
)
@pytest.mark.parametrize("upgrade", [{}, {"Upgrade": "websocket", "Connection": "Upgrade"}])
def test_no_path_bypasses_the_password(
    shipped: Endpoint, name: str, charger: ChargerWithCar, target: str, upgrade: dict[str, str]
) -> None:
    assert shipped.ask(f"{target}?canned={name}", upgrade).status == 401
    assert charger.calls == []


def test_the_logs_of_nginx_hold_no_secret(
    deployment: Deployment, shipped: Endpoint, name: str
) -> None:
    for credentials in ({}, basic("wrong"), basic(PASSWORD)):
        shipped.ask(f"/cgi-bin/caller?canned={name}&secret=open-sesame-123", credentials)
    logged = "".join(log.read_text() for log in deployment.folder.glob("nginx-*.log"))
    assert " GET /cgi-bin/caller 401 " in logged
    for secret in ("open-sesame-123", TOKEN, PASSWORD):
        assert secret not in logged


def test_nginx_limits_the_guessing_of_passwords(deployment: Deployment) -> None:
    port = free_port()
    tls = certificate(deployment)
    deployment.run_nginx(shipped_site(deployment, port))
    guesser = Endpoint(port, tls, {}, {})
    statuses = [guesser.ask("/cgi-bin/caller", basic("wrong")).status for _ in range(30)]
    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429


CARELESS = {
    "no headers": "",
    "the headers of Debian": """
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;""",
    "its manual on WebSockets": """
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";""",
}
if os.geteuid() == 0:
    # The default since nginx 1.29.7. Only the user of its workers, which is not root, shows that a
    # proxy has forwarded the request.
    CARELESS["kept connections"] = """
        proxy_http_version 1.1;
        proxy_set_header Connection "";"""


@pytest.mark.parametrize("lines", CARELESS.values(), ids=CARELESS)
@pytest.mark.parametrize("host", ["charging.example", "localhost"])
def test_a_stranger_behind_a_careless_nginx_is_not_this_machine(
    deployment: Deployment, name: str, charger: ChargerWithCar, lines: str, host: str
) -> None:
    port = free_port()
    deployment.run_nginx(
        f"server {{ listen 127.0.0.1:{port}; location / {{ {lines}"
        f" proxy_pass http://127.0.0.1:{deployment.server.port}; }} }}",
        workers="daemon",
    )
    stranger = Endpoint(port, None, {}, {})
    answer = stranger.ask(f"/cgi-bin/caller?canned={name}", {"Host": host})
    assert answer.status == 401
    assert charger.calls == []
