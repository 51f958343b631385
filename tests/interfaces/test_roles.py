"""Roles: every path and method for every role, against one real server with two chargers.

family-y may use the garage only, and charges there; company-x charges at the yard.
"""

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from shocpp.admission.people.roles import ROLES
from shocpp.interfaces.web.app import create_app
from tests.world.charger import ChargerWithCar, now
from tests.world.home import Home
from tests.world.page_table import rules
from tests.world.people import STRANGER, Response, cookie_of, send, token_of
from tests.world.server import Server

TOKEN = "correct-horse-battery"
OWN, OTHER = "family-y", "company-x"
OWN_CARD, OTHER_CARD = "3333", "1111"
OTHER_NAME = "Frau Doktor"
JSON = {"Content-Type": "application/json"}
NUMBERS = itertools.count(1)

CANNED = {
    "power": {"show": "power", "charge_point": "garage"},
    "state": {"show": "state", "charge_point": "garage"},
    "state-named": {"show": "state", "charge_point": "garage", "reply": "{account} {kwh}"},
    "state-other": {"show": "state", "charge_point": "yard"},
    "energy": {"show": "energy", "account": OWN},
    "energy-other": {"show": "energy", "account": OTHER},
    "clear": {"action": "ClearCache", "charge_point": "garage"},
    "start": {
        "action": "RemoteStartTransaction",
        "payload": {"idTag": OWN_CARD},
        "charge_point": "garage",
    },
    "start-elsewhere": {
        "action": "RemoteStartTransaction",
        "payload": {"idTag": OWN_CARD},
        "charge_point": "yard",
    },
    "start-other": {
        "action": "RemoteStartTransaction",
        "payload": {"idTag": OTHER_CARD},
        "charge_point": "garage",
    },
    "mode": {"action": "mode", "charge_point": "garage", "payload": {"mode": "fast"}},
    "mode-there": {"action": "mode", "charge_point": "yard", "payload": {"mode": "fast"}},
    "stop": {"action": "RemoteStopTransaction", "payload": {"account": OWN}},
    "stop-here": {"action": "RemoteStopTransaction", "payload": {"charge_point": "garage"}},
    "stop-other": {"action": "RemoteStopTransaction", "payload": {"account": OTHER}},
    "stop-there": {"action": "RemoteStopTransaction", "payload": {"charge_point": "yard"}},
}

ALL = frozenset(ROLES)
BOOKS = frozenset(("admin", "treasurer"))
ADMINS = frozenset(("admin",))
SEEING = BOOKS | {"viewer", "driver"}
MINE = BOOKS | {"driver"}


class Site:
    """The server, its chargers, and the headers of each role."""

    def __init__(self, server: Server, garage: ChargerWithCar, yard: ChargerWithCar) -> None:
        self.server, self.garage, self.yard = server, garage, yard
        home = server.home
        self.bearer = {
            role: {"Authorization": f"Bearer {self.token(home, role)}"} for role in ROLES
        }
        self.cookie = {
            role: {
                "Cookie": cookie_of(home, role, OWN if role == "driver" else None),
                "Sec-Fetch-Site": "none",
            }
            for role in ROLES
        }
        self.own_id, self.other_id = garage.transaction_id, yard.transaction_id

    @staticmethod
    def token(home: Home, role: str) -> str:
        return token_of(home, role, OWN if role == "driver" else None)

    @property
    def sent(self) -> list[tuple[str, dict[str, Any]]]:
        """The Calls that the chargers have received."""
        return [*self.garage.calls, *self.yard.calls]

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: object = None
    ) -> Response:
        """Send a request with the Host of a stranger."""
        text = None if body is None else json.dumps(body)
        return send(self.server.port, method, path, {**headers, **(JSON if text else {})}, text)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site of these tests."""
    home = Home(tmp_path_factory.mktemp("roles") / "home")
    write_accounts(home)
    server = Server(home, SHOCPP_TOKEN=TOKEN)
    with contextlib.ExitStack() as until_end:
        until_end.callback(server.stop)
        yield Site(server, *until_end.enter_context(charging(server)))


def write_accounts(home: Home) -> None:
    """Write the accounts and canned calls: family-y may use one of two chargers."""
    accounts = json.loads(home.tags_file.read_text())
    accounts[0]["names"] = {OTHER_CARD: OTHER_NAME}
    accounts[1]["charge_points"] = ["Garage"]
    home.tags_file.write_text(json.dumps(accounts))
    write_canned(home, CANNED)


@contextlib.contextmanager
def charging(server: Server) -> Iterator[tuple[ChargerWithCar, ChargerWithCar]]:
    """Connect garage and yard, and let both accounts charge."""
    with contextlib.ExitStack() as until_end:
        garage = until_end.enter_context(ChargerWithCar(server, "garage", "1"))
        yard = until_end.enter_context(ChargerWithCar(server, "yard", "2"))
        for charger, id_tag in ((garage, OWN_CARD), (yard, OTHER_CARD)):
            for action in ("RemoteStartTransaction", "RemoteStopTransaction"):
                charger.answers[action] = {"status": "Rejected"}
            charger.start(id_tag)
            charger.stop()
            charger.start(id_tag)
            sample = {"value": "7400", "unit": "W", "measurand": "Power.Active.Import"}
            charger.ask(
                "MeterValues", connectorId=1, meterValue=[{**now(), "sampledValue": [sample]}]
            )
        yield garage, yard


def write_canned(home: Home, content: object) -> None:
    """Replace conf/canned.json."""
    new = home.settings.canned_file.with_suffix(".new")
    new.write_text(json.dumps(content))
    new.replace(home.settings.canned_file)


class Row(NamedTuple):
    """A request, and the roles that may send it; the others get a 403."""

    method: str
    path: str
    roles: frozenset[str]
    body: object = None


START, STOP = "RemoteStartTransaction", "RemoteStopTransaction"


def call(charge_point: str, action: str, roles: frozenset[str], **payload: object) -> Row:
    """Return the row of a Call by the API."""
    body = {"action": action, "payload": payload}
    return Row("POST", f"/api/charge-points/{charge_point}/calls", roles, body)


TABLE = [
    Row("GET", "/api/openapi.json", SEEING),
    Row("GET", "/api/charge-points", SEEING - {"driver"}),
    Row("GET", "/api/charge-points/garage", SEEING - {"driver"}),
    Row("GET", "/api/transactions", MINE),
    Row("GET", "/api/accounting", MINE),
    Row("GET", "/api/accounting?account=family-y", MINE),
    Row("GET", "/api/meter-values", BOOKS),
    Row("GET", "/api/set-points", SEEING - {"driver"}),
    Row("GET", "/api/site", BOOKS),
    # Posted readings would limit the chargers of these tests: tests/interfaces/api/test_site.py.
    Row("GET", "/metrics", BOOKS | {"metrics"}),
    call("garage", "ClearCache", ADMINS),
    call("garage", "Reset", frozenset(), type="Soft"),
    call("garage", "GetConfiguration", ADMINS),
    call("garage", START, MINE, idTag=OWN_CARD),
    call("garage", START, BOOKS, idTag=OTHER_CARD),
    call("garage", STOP, MINE, account=OWN),
    Row("POST", "/api/charge-points/garage/mode", ADMINS | {"driver"}, {"mode": "fast"}),
    *(
        Row("GET", f"/cgi-bin/caller?canned={name}", roles)
        for name, roles in {
            "power": SEEING,
            "state": SEEING,
            "state-named": MINE,
            "state-other": SEEING - {"driver"},
            "energy": MINE,
            "energy-other": BOOKS,
            "clear": ADMINS,
            "start": MINE,
            "start-other": BOOKS,
            "mode": ADMINS | {"driver"},
            "mode-there": ADMINS,
            "stop": MINE,
            "stop-here": MINE,
            "stop-other": BOOKS,
        }.items()
    ),
]
# Nobody resets the charger of these tests: an admin's Reset is not sent.
SENT_BY_ADMINS_TOO = [row for row in TABLE if row.roles]


def fresh(site: Site, row: Row) -> Row:
    """Return a row with a canned call of a new name: a repeated one would not be sent again."""
    prefix = "/cgi-bin/caller?canned="
    if not row.path.startswith(prefix):
        return row
    name = f"{row.path.removeprefix(prefix)}-{next(NUMBERS)}"
    write_canned(site.server.home, {name: CANNED[row.path.removeprefix(prefix)]})
    return row._replace(path=f"{prefix}{name}")


@pytest.mark.parametrize("kind", ["bearer", "cookie"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path} {row.body}")
def test_each_role_gets_its_paths_and_no_other(site: Site, row: Row, role: str, kind: str) -> None:
    assert_permission(site, row, role, getattr(site, kind)[role])


def assert_permission(site: Site, row: Row, role: str, headers: Mapping[str, str]) -> None:
    """Send a request as a role, which gets an answer or a 403 that has no effect."""
    if row not in SENT_BY_ADMINS_TOO and role == "admin":
        return
    before = len(site.sent)
    row = fresh(site, row)
    answer = site.send(row.method, row.path, headers, row.body)
    if role in row.roles:
        assert answer.status == 200, answer
    else:
        assert answer.status == 403, answer
        assert "your role does not allow this" in answer.text
        assert len(site.sent) == before


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/accounting?account=company-x", None, 404),
        ("/api/charge-points/yard/calls", {"action": START, "payload": {"idTag": OWN_CARD}}, 404),
        ("/api/charge-points/2/calls", {"action": START, "payload": {"idTag": OWN_CARD}}, 404),
        ("/api/charge-points/yard/calls", {"action": STOP, "payload": {}}, 404),
        ("/api/charge-points/garage/calls", {"action": STOP, "payload": {"account": OTHER}}, 403),
        (
            "/api/charge-points/garage/calls",
            {"action": START, "payload": {"idTag": "04A2"}},
            403,
        ),
        (
            "/api/charge-points/garage/calls",
            {"action": START, "payload": {"idTag": OWN_CARD, "chargingProfile": {}}},
            422,
        ),
    ],
)
def test_a_driver_reaches_nothing_of_others(
    site: Site, path: str, body: object, status: int
) -> None:
    before = len(site.sent)
    method = "GET" if body is None else "POST"
    answer = site.send(method, path, site.bearer["driver"], body)
    assert answer.status == status, answer
    assert len(site.sent) == before
    for word in (OTHER, OTHER_CARD, OTHER_NAME) if "account" not in f"{path}{body}" else ():
        assert word not in answer.text


def test_a_driver_stops_no_transaction_of_others_by_its_id(site: Site) -> None:
    before = len(site.sent)
    for name, number in (("garage", site.other_id), ("yard", site.other_id), ("garage", 1)):
        body = {"action": STOP, "payload": {"transactionId": number}}
        answer = site.send("POST", f"/api/charge-points/{name}/calls", site.bearer["driver"], body)
        assert answer.status in (404, 409), answer
    assert len(site.sent) == before
    body = {"action": STOP, "payload": {"transactionId": site.own_id}}
    own = site.send("POST", "/api/charge-points/garage/calls", site.bearer["driver"], body)
    assert own.status == 200


@pytest.mark.parametrize("role", ["treasurer", "driver"])
def test_a_charging_profile_is_for_admins(site: Site, role: str) -> None:
    period = {"startPeriod": 0, "limit": 6.0}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
    }
    body = {"action": START, "payload": {"idTag": OWN_CARD, "chargingProfile": profile}}
    path, before = "/api/charge-points/garage/calls", len(site.sent)
    assert site.send("POST", path, site.bearer[role], body).status == 403
    assert len(site.sent) == before


@pytest.mark.parametrize("name", ["start-elsewhere", "stop-there"])
def test_a_driver_uses_only_chargers_of_its_account(site: Site, name: str) -> None:
    row, before = fresh(site, Row("GET", f"/cgi-bin/caller?canned={name}", MINE)), len(site.sent)
    answer = site.send("GET", row.path, site.bearer["driver"])
    # Nothing of its account is open at the yard.
    assert answer.status == (403 if name == "start-elsewhere" else 200), answer
    assert len(site.sent) == before
    assert OTHER not in answer.text


def test_a_driver_cannot_find_out_which_chargers_exist(site: Site) -> None:
    """A charger that its account may not use is answered as one that nobody has."""
    with ChargerWithCar(site.server, "barn", "3"):
        pairs = []
        for name in ("barn", "BARN", "3", "nobody"):
            stop = {"action": STOP, "payload": {"charge_point": name}}
            answers = [
                site.send("GET", f"/api/accounting?charge_point={name}", site.bearer["driver"]),
                site.send("POST", f"/api/charge-points/{name}/calls", site.bearer["driver"], stop),
                site.send("POST", "/api/charge-points/garage/calls", site.bearer["driver"], stop),
            ]
            pairs.append([(one.status, one.text.replace(name, "NAME")) for one in answers])
        assert pairs[0][0][0] == 404
        assert pairs == [pairs[0]] * 4
        write_canned(
            site.server.home,
            CANNED | {"idle": {"show": "state", "charge_point": "barn"}},
        )
        shown = {
            role: site.send("GET", "/cgi-bin/caller?canned=idle", site.bearer[role])
            for role in ("viewer", "driver")
        }
        write_canned(site.server.home, CANNED)
    assert (shown["viewer"].status, shown["driver"].status) == (200, 403)
    assert "may not use this charger" in shown["driver"].text


@pytest.mark.parametrize("role", ["metrics", "site"])
def test_who_may_see_nothing_cannot_find_out_the_names_of_canned_calls(
    site: Site, role: str
) -> None:
    answers = {
        (answer.status, answer.text)
        for name in ("power", "clear", "stop", "nothing")
        for answer in [
            site.send("GET", f"/cgi-bin/caller?canned={name}", site.bearer[role]),
        ]
    }
    assert len(answers) == 1
    assert answers.pop()[0] == 403


def test_a_card_starts_at_no_charger_that_its_account_may_not_use(site: Site) -> None:
    """Also for those who may send any Call: the charger would refuse the card."""
    row, before = fresh(site, Row("GET", "/cgi-bin/caller?canned=start-elsewhere", ALL)), site.sent
    answer = site.send("GET", row.path, site.bearer["admin"])
    assert (answer.status, answer.text) == (
        200,
        f"Die Karte {OWN_CARD} darf an dieser Wallbox nicht laden.\n",
    )
    assert site.sent == before
    assert site.yard.ask("Authorize", idTag=OWN_CARD)["idTagInfo"]["status"] == "Blocked"
    assert site.garage.ask("Authorize", idTag=OWN_CARD)["idTagInfo"]["status"] == "Accepted"


@pytest.mark.parametrize("role", [*ROLES, "stranger"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST", "GET"])
def test_no_other_method_or_path_does_anything(site: Site, role: str, method: str) -> None:
    headers = site.bearer.get(role, {})
    before = (len(site.sent), site.server.home.query("SELECT count(*) FROM device"))
    paths = [
        *("/api", "/api/", "/api/nothing", "/api/charge-points/garage/calls", "/metrics"),
        *("/cgi-bin/caller", "/i", "/login", "/logout", "/nothing", "/api/accounting"),
    ]
    for path in paths:
        if (method, path) in (("GET", "/i"), ("GET", "/metrics"), ("GET", "/api/accounting")):
            continue
        answer = site.send(method, path, headers)
        assert answer.status in (400, 401, 403, 404, 405, 415), (path, answer)
    assert before == (len(site.sent), site.server.home.query("SELECT count(*) FROM device"))


def test_strangers_learn_nothing(site: Site) -> None:
    for row in TABLE:
        for headers in ({}, {"X-Remote-User": "papa"}, {"Authorization": f"Basic {'x' * 8}"}):
            answer = site.send(row.method, row.path, headers, row.body)
            assert answer.status == 401, (row, answer)


def test_the_table_has_every_path_of_the_application(site: Site) -> None:
    class Connected:
        """A switchboard that is never asked."""

        def __getattr__(self, name: str) -> "Connected":
            return self

        def __call__(self, *_: object) -> None:
            """Do nothing."""

    app = create_app(site.server.home.settings, Connected(), 1, 1)  # type: ignore[arg-type]
    paths = {rule.rule for rule in app.url_map.iter_rules()}
    known = {row.path.partition("?")[0].replace("garage", "<name>") for row in TABLE}
    # They are for all, for devices only (tests/interfaces/web), for chargers, or lead nowhere.
    others = {
        *("/healthz", "/i", "/login", "/logout", "/<any_path:path>"),
        *("/", "/start", "/stop", "/stream", "/static/<content_hash>/<name>"),
        "/account/statements/<month>.pdf",
        "/c/<charge_point>",
        *("/api", "/api/<any_path:path>"),
    }
    assert paths - known - others - rules() == set()
    assert known <= paths


# --- the rows that each role sees ---


def rows(site: Site, role: str, path: str) -> list[dict[str, Any]]:
    """Return the rows of an answer of the API."""
    answer = site.send("GET", path, site.bearer[role])
    assert answer.status == 200
    name = path.rpartition("/")[2].partition("?")[0].replace("-", "_")
    return list(json.loads(answer.text)[name])


@pytest.mark.parametrize("path", ["/api/transactions", "/api/accounting"])
def test_only_admins_see_whole_cards(site: Site, path: str) -> None:
    assert {row["id_tag"] for row in rows(site, "admin", path)} == {OWN_CARD, OTHER_CARD}
    assert {row["id_tag"] for row in rows(site, "treasurer", path)} == {"…"}


@pytest.mark.parametrize("path", ["/api/transactions", "/api/accounting"])
def test_a_driver_sees_only_its_own_rows(site: Site, path: str) -> None:
    assert {row["account"] for row in rows(site, "treasurer", path)} == {OWN, OTHER}
    assert {row["account"] for row in rows(site, "driver", path)} == {OWN}


def test_all_roles_get_the_same_form(site: Site) -> None:
    for path in ("/api/transactions", "/api/accounting"):
        assert rows(site, "driver", path)[0].keys() == rows(site, "admin", path)[0].keys()
    of_admin = rows(site, "admin", "/api/charge-points")
    for role in ("treasurer", "viewer"):
        of_role = rows(site, role, "/api/charge-points")
        assert [row.keys() for row in of_role] == [row.keys() for row in of_admin]
    assert {row["remote"] for row in of_role} == {None}
    assert {row["serial"] for row in of_role} == {None}


def test_a_drivers_answers_hold_nothing_of_others(site: Site) -> None:
    """Whatever a driver may read, during the whole session of another account."""
    for row in TABLE:
        row = fresh(site, row)
        answer = site.send(row.method, row.path, site.bearer["driver"], row.body)
        if "openapi" not in row.path:
            for word in (OTHER, OTHER_CARD, OTHER_NAME, "yard", str(site.other_id)):
                assert word not in answer.text.replace(row.path, ""), (row, answer)


# --- tokens and users ---


def test_a_revoked_token_has_no_rights_even_on_this_machine(site: Site) -> None:
    headers = site.bearer["viewer"] | {"Host": "localhost"}
    token = headers["Authorization"].removeprefix("Bearer ")
    assert site.send("GET", "/api/transactions", headers).status == 403
    assert site.send("GET", "/api/transactions", {"Host": "localhost"}).status == 200
    number = site.server.home.query("SELECT max(id) FROM device WHERE role = 'viewer'")[0][0]
    assert token
    spare = {"Authorization": f"Bearer {token_of(site.server.home, 'admin')}", "Host": "localhost"}
    assert site.send("GET", "/api/transactions", spare).status == 200
    number = site.server.home.query("SELECT max(id) FROM device")[0][0]
    assert site.server.home.run("shocpp", "devices", "revoke", str(number)).returncode == 0
    assert site.send("GET", "/api/transactions", spare).status == 401


def test_the_token_proves_nginx_and_people_json_has_the_roles(site: Site) -> None:
    of_nginx = {"Authorization": f"Bearer {TOKEN}"}
    clear = CALLS["garage"]

    def status(user: str | None) -> int:
        headers = of_nginx | ({} if user is None else {"X-Remote-User": user})
        return site.send("POST", clear.path, headers, clear.body).status

    # Without the file each user is an admin, as in earlier versions.
    assert (status("papa"), status("eve"), status(None)) == (200, 200, 200)
    path = site.server.home.folder / "conf" / "people.json"
    path.write_text('{"papa": {"role": "admin"}, "kasse": {"role": "treasurer"}}')
    assert (status("papa"), status("kasse"), status("eve"), status(None)) == (200, 403, 403, 200)
    path.write_text("{")
    assert (status("papa"), status("kasse"), status("eve"), status(None)) == (200, 403, 403, 200)
    health = site.send("GET", "/healthz", {})
    assert health.status == 200
    assert health.text == "the present people.json is not in force; see: shocpp check\n"
    # Anybody may read the line above; the administrator reads the log.
    log = site.server.log()
    assert "the users read before keep their roles: papa, kasse" in log


CALLS = {"garage": call("garage", "ClearCache", ADMINS)}


def test_a_link_of_another_site_sends_no_call_with_the_cookie_of_a_device(site: Site) -> None:
    """By plain HTTP a browser sends no Sec-Fetch-Site, and a link can be without a Referer."""
    row, before = fresh(site, Row("GET", "/cgi-bin/caller?canned=clear", ADMINS)), len(site.sent)
    link = {"Cookie": site.cookie["admin"]["Cookie"]}
    assert site.send("GET", row.path, link).status == 403
    assert len(site.sent) == before
    shown = fresh(site, Row("GET", "/cgi-bin/caller?canned=state", ADMINS))
    assert site.send("GET", shown.path, link).status == 200
    row = fresh(site, Row("POST", "/cgi-bin/caller?canned=clear", ADMINS))
    assert site.send("POST", row.path, link | {"Origin": "http://evil.test"}).status == 403
    assert site.send("POST", row.path, link | {"Origin": f"http://{STRANGER}"}).status == 200
    assert len(site.sent) == before + 1


def test_a_canned_calls_secret_opens_this_call_only(site: Site) -> None:
    write_canned(
        site.server.home,
        {
            "with": {"action": "ClearCache", "charge_point": "garage", "secret": "open-sesame-1"},
            "without": CANNED["clear"],
        },
    )
    headers = {"X-Shocpp-Secret": "open-sesame-1"}
    assert site.send("GET", "/cgi-bin/caller?canned=with", headers).status == 200
    for path in ("/cgi-bin/caller?canned=without", "/api/transactions", "/metrics"):
        assert site.send("GET", path, headers).status == 401
    # Also with the token of a viewer, which opens nothing more.
    both = headers | site.bearer["viewer"]
    assert site.send("GET", "/cgi-bin/caller?canned=without", both).status == 403
    write_canned(site.server.home, {"again": {**CANNED["clear"], "secret": "open-sesame-1"}})
    assert site.send("GET", "/cgi-bin/caller?canned=again", both).status == 200


# The last one: afterwards a session at the yard is one of family-y.
def test_a_driver_sees_no_card_of_another_account_that_has_charged_for_it(site: Site) -> None:
    home = site.server.home
    ((number,),) = home.query("SELECT number FROM accounting WHERE account = ?", OTHER)
    command = ("review", "assign", str(number), "--account", OWN, "--why", f"{OTHER} had it")
    done = home.run("shocpp", *command, "--by", "anna", "--yes")
    assert done.returncode == 0, done.stderr

    def decided(role: str) -> tuple[object, ...]:
        answer = site.send("GET", f"/api/accounting?account={OWN}", site.bearer[role])
        row = json.loads(answer.text)["accounting"][-1]
        return row["entry"], row["id_tag"], row["transaction_id"], row["decided_why"]

    assert decided("driver") == ("replacement", None, None, "… had it")
    assert decided("treasurer")[3] == f"{OTHER} had it"
    assert decided("admin")[1] == OTHER_CARD
