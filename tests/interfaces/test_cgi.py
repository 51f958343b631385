"""Canned calls over HTTP: from the app itself, and through web servers with and without it."""

import functools
import itertools
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.charger import ChargerWithCar
from tests.world.machine import ROOT, free_port, needs, wait_for
from tests.world.shipped import (
    CONF,
    PASSWORD,
    TOKEN,
    USER,
    Door,
    House,
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
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Yield a server with a token and the canned calls of the example."""
    with built(tmp_path_factory.mktemp("cgi")) as house:
        yield house


@pytest.fixture
def name(house: House) -> str:
    """Return the name of a canned call that no other test uses: a repeat would not be sent."""
    unique = f"clear-{next(NUMBERS)}"
    canned = house.home.settings.canned_file
    canned.with_suffix(".new").write_text(json.dumps(EXAMPLES | {unique: CLEAR}))
    canned.with_suffix(".new").replace(canned)
    return unique


NUMBERS = itertools.count(1)


@pytest.fixture
def garage(house: House) -> Iterator[ChargerWithCar]:
    """Yield the only charger, with a car."""
    with ChargerWithCar(house.server, "garage") as charger:
        yield charger


# -- web servers ----------------------------------------------------------------------------------


def app(house: House) -> Door:
    """Return the app itself; a request for another host name is a stranger's."""
    return Door(house.server.port, None, {}, {"Host": "charging.example"})


@functools.cache
def nginx(house: House) -> Door:
    """Start nginx in front of the app, with the shipped file."""
    tls, port = certificate(house), free_port()
    house.run_nginx(shipped_site(house, port))
    return Door(port, tls, basic(PASSWORD), {})


def nginx_and_fcgiwrap(house: House) -> Door:
    """Start nginx with the shipped location for CGI, and fcgiwrap as the shipped units do."""
    tls, port = certificate(house), free_port()
    units = CONF / "systemd"
    (listen,) = re.findall(
        "^ListenStream=(.*)", (units / "shocpp-fcgiwrap.socket").read_text(), re.MULTILINE
    )
    (start,) = re.findall(
        "^ExecStart=(.*)", (units / "shocpp-fcgiwrap.service").read_text(), re.MULTILINE
    )
    wrapper, *options = shlex.split(start)
    activated = [needs("systemd-socket-activate"), f"--listen={house.folder}/fcgiwrap"]
    activated += [f"--setenv={name}" for name in ("SHOCPP_HOME", "TZ", "PATH")]
    house.run(*activated, needs(Path(wrapper).name), *options)
    wait_for((house.folder / "fcgiwrap").exists)
    location = put_in(
        (CONF / "nginx" / "shocpp-cgi.conf").read_text(),
        {
            f"unix:{listen}": f"unix:{house.folder}/fcgiwrap",
            "/opt/shocpp/cgi-bin/caller.py": CALLER,
            "/etc/nginx/shocpp.htpasswd": house.folder / "htpasswd",
            "/var/log/nginx/": f"{house.folder}/nginx-",
        },
    )
    (house.folder / "cgi.conf").write_text(location)
    site, replaced = re.subn(
        r"    location = /cgi-bin/caller \{.*?\n    \}\n",
        f"    include {house.folder}/cgi.conf;\n",
        shipped_site(house, port),
        flags=re.DOTALL,
    )
    assert replaced == 1
    house.run_nginx(site)
    return Door(port, tls, basic(PASSWORD), {})


def lighttpd(house: House) -> Door:
    """Start lighttpd without passwords: only the client's address authenticates a request."""
    port = free_port()
    environment = ", ".join(
        f'"{name}" => "{house.home.environment[name]}"' for name in ("SHOCPP_HOME", "TZ", "PATH")
    )
    (house.folder / "lighttpd.conf").write_text(
        f"""
        server.modules = ("mod_alias", "mod_cgi", "mod_setenv")
        server.bind = "127.0.0.1"
        server.port = {port}
        server.document-root = "{house.folder}"
        server.errorlog = "{house.folder}/lighttpd.log"
        alias.url = ("/cgi-bin/caller" => "{CALLER}")
        cgi.assign = ("/caller.py" => "")
        setenv.add-environment = ({environment})
        """
    )
    house.run(needs("lighttpd"), "-D", "-f", house.folder / "lighttpd.conf", port=port)
    return Door(port, None, {}, {"Host": "charging.example"})


def busybox(house: House) -> Door:
    """Start busybox httpd with one plain password, and with the script in its cgi-bin."""
    port = free_port()
    (house.folder / "www" / "cgi-bin").mkdir(parents=True)
    (house.folder / "www" / "cgi-bin" / "caller").symlink_to(CALLER)
    (house.folder / "httpd.conf").write_text("/cgi-bin:family:staple\n")
    house.run(
        *(needs("busybox"), "httpd", "-f", "-p", f"127.0.0.1:{port}"),
        *("-h", house.folder / "www", "-c", house.folder / "httpd.conf"),
        port=port,
    )
    return Door(port, None, basic("staple"), {})


DOORS = [app, nginx, nginx_and_fcgiwrap, lighttpd, busybox]


@pytest.fixture(scope="module", params=DOORS, ids=lambda build: build.__name__)
def door(house: House, request: pytest.FixtureRequest) -> Door:
    """Return each of the web servers."""
    opened: Door = request.param(house)
    return opened


@pytest.fixture
def shipped(house: House) -> Door:
    """Return nginx with the shipped file."""
    opened: Door = nginx(house)
    return opened


# -- the plain case -------------------------------------------------------------------------------


def test_the_url_of_the_readme_makes_a_charger_behind_nginx_charge(
    house: House, shipped: Door, name: str
) -> None:
    url = f"wss://localhost:{shipped.port}/ocpp/garage"
    with ChargerWithCar(house.server, url=url, tls=shipped.tls) as garage:
        assert not house.home.query("SELECT 1 FROM open_transactions")
        answer = shipped.ask("/cgi-bin/caller?canned=start-family", basic(PASSWORD))
        assert (answer.status, answer.body) == (200, "garage lädt.\n")
        assert house.home.query("SELECT account FROM open_transactions") == [("family-y",)]
        assert garage.calls == [("RemoteStartTransaction", {"idTag": "3333"})]
        assert shipped.call("stop-family").body == "Accepted\n"
        wait_for(lambda: not house.home.query("SELECT 1 FROM open_transactions"))


def test_a_canned_call_is_answered_in_one_plain_line(
    door: Door, name: str, garage: ChargerWithCar
) -> None:
    answer = door.call(name)
    assert (answer.status, answer.body) == (200, "Accepted\n")
    assert answer.headers["Content-Type"] == OUR_TYPE
    assert answer.headers["Cache-Control"] == "no-store"
    assert garage.calls == [("ClearCache", {})]


def test_a_form_is_as_good_as_a_query(door: Door, name: str, garage: ChargerWithCar) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = door.ask("/cgi-bin/caller", door.allowed | form, "POST", f"canned={name}")
    assert (answer.status, answer.body) == (200, "Accepted\n")
    assert len(garage.calls) == 1


def test_the_car_charges_before_a_start_is_answered(
    house: House, door: Door, name: str, garage: ChargerWithCar
) -> None:
    assert door.call("start-family").body == "garage lädt.\n"
    assert house.home.query("SELECT account FROM open_transactions") == [("family-y",)]
    assert door.call("stop-family").body == "Accepted\n"
    wait_for(lambda: not house.home.query("SELECT 1 FROM open_transactions"))
    assert [action for action, _ in garage.calls] == [
        "RemoteStartTransaction",
        "RemoteStopTransaction",
    ]


# -- refusals -------------------------------------------------------------------------------------


def test_an_unknown_name_is_404(door: Door, name: str) -> None:
    answer = door.call("start-nobody")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == OUR_TYPE
    assert answer.body.startswith("there is no canned call 'start-nobody': ")
    assert answer.body.count("\n") == 1


@pytest.mark.parametrize("credentials", [{}, basic("wrong"), basic(""), basic(PASSWORD, "root")])
def test_a_stranger_is_401_and_nothing_is_sent(
    door: Door, name: str, garage: ChargerWithCar, credentials: dict[str, str]
) -> None:
    answer = door.ask(f"/cgi-bin/caller?canned={name}", door.strange | credentials)
    assert answer.status == 401
    assert "Basic" in answer.headers["WWW-Authenticate"]
    assert door.call("state").status == 200
    assert garage.calls == []


def test_a_charger_that_is_away_is_502_and_one_line(door: Door, name: str) -> None:
    answer = door.call(name)
    assert (answer.status, answer.body) == (502, "OCPP unreachable\n")
    assert answer.headers["Content-Type"] == OUR_TYPE


# -- nginx ----------------------------------------------------------------------------------------


def test_nginx_passes_the_user_name_and_not_the_clients_claim(
    house: House, shipped: Door, name: str, garage: ChargerWithCar
) -> None:
    claims = {"X-Remote-User": "root", "X-Forwarded-For": "127.0.0.1"}
    shipped.ask(f"/cgi-bin/caller?canned={name}", basic(PASSWORD) | claims)
    assert house.home.query("SELECT asked_by FROM call WHERE canned = ?", name) == [(USER,)]


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/healthz",
        "/ocpp/garage",
        "/ocpp/../healthz",
        "/cgi-bin/caller.py",
        "/cgi-bin/caller/",
        "/cgi-bin/caller/../../ocpp/garage",
        "/ocpp/%2e%2e/healthz",
    ],
)
def test_nginx_closes_all_other_paths_to_people(shipped: Door, target: str) -> None:
    answer = shipped.ask(target, basic(PASSWORD))
    assert answer.status == 404
    assert "nginx" in answer.body, "nginx has passed the request to the app"


@pytest.mark.parametrize(
    "target",
    ["/ocpp/../cgi-bin/caller", "/ocpp/%2e%2e/cgi-bin/caller", "//cgi-bin//caller"],
)
@pytest.mark.parametrize("upgrade", [{}, {"Upgrade": "websocket", "Connection": "Upgrade"}])
def test_no_path_bypasses_the_password(
    shipped: Door, name: str, garage: ChargerWithCar, target: str, upgrade: dict[str, str]
) -> None:
    assert shipped.ask(f"{target}?canned={name}", upgrade).status == 401
    assert garage.calls == []


def test_the_logs_of_nginx_hold_no_secret(house: House, shipped: Door, name: str) -> None:
    for credentials in ({}, basic("wrong"), basic(PASSWORD)):
        shipped.ask(f"/cgi-bin/caller?canned={name}&secret=open-sesame-123", credentials)
    logged = "".join(log.read_text() for log in house.folder.glob("nginx-*.log"))
    assert " GET /cgi-bin/caller 401 " in logged
    for secret in ("open-sesame-123", TOKEN, PASSWORD):
        assert secret not in logged


def test_nginx_limits_the_guessing_of_passwords(house: House) -> None:
    port = free_port()
    tls = certificate(house)
    house.run_nginx(shipped_site(house, port))
    guesser = Door(port, tls, {}, {})
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
    house: House, name: str, garage: ChargerWithCar, lines: str, host: str
) -> None:
    port = free_port()
    house.run_nginx(
        f"server {{ listen 127.0.0.1:{port}; location / {{ {lines}"
        f" proxy_pass http://127.0.0.1:{house.server.port}; }} }}",
        workers="daemon",
    )
    stranger = Door(port, None, {}, {})
    answer = stranger.ask(f"/cgi-bin/caller?canned={name}", {"Host": host})
    assert answer.status == 401
    assert garage.calls == []
