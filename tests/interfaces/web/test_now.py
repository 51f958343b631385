"""The first page of a real server: its tiles, its forms, and other people's data."""

import html
import json
import re
import time
import urllib.parse
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any, NamedTuple

import pytest

from shocpp.admission.people.roles import ADMIN, DRIVER, TREASURER, VIEWER
from shocpp.interfaces.web.assets import url_of
from tests.world.charger import Charger, ChargerWithCar, now
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.people import cookie_of
from tests.world.server import Server

EVIL = '"><script>alert(1)</script>'
ACCOUNTS = [
    {"index": 1, "account": EVIL, "ids": ["1111"], "names": {"1111": f"card {EVIL}"}},
    {"index": 2, "account": "family-y", "ids": ["3333", "4444"], "names": {"3333": "Golf"}},
    {"index": 3, "account": "blocked", "ids": ["5555"], "blocked": True},
    {"index": 4, "account": "neighbour", "ids": ["04A20BC0FFEE"]},
]


class Answer(NamedTuple):
    """An answer of the server."""

    status: int
    headers: dict[str, str]
    text: str

    def tile(self, name: str) -> str:
        """Return the HTML of a tile."""
        start = self.text.index(f'data-tile="{html.escape(name)}"')
        return self.text[start : self.text.index("</article>", start)]

    def field(self, name: str, field: str) -> str:
        """Return the text of a field of a tile."""
        found = re.search(f'data-field="{field}"[^>]*>([^<]*)<', self.tile(name))
        assert found is not None, self.tile(name)
        return html.unescape(found[1])

    def form(self, name: str, action: str) -> dict[str, str]:
        """Return the hidden fields of a tile's form."""
        tile = self.tile(name)
        part = tile[tile.index(f'action="/{action}"') :].partition("</form>")[0]
        found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', part)
        return {key: html.unescape(value) for key, value in found}

    def choice(self, label: str) -> str:
        """Return the value of an option of a form."""
        found = re.search(f'<option value="([^"]+)"[^>]*>{html.escape(label)}</option>', self.text)
        assert found is not None, label
        return found[1]


class Browser:
    """A browser of one person."""

    def __init__(self, server: Server, person: str = ADMIN) -> None:
        self._server = server
        role, _, account = person.partition("/")
        self._cookie = cookie_of(server.home, role, account or None)

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        """Send a request."""
        line = HTTPConnection("127.0.0.1", self._server.port, timeout=20)
        cookie = {"Cookie": self._cookie}
        try:
            line.request(method, path, body, {**cookie, **headers})
            answer = line.getresponse()
            text = answer.read().decode()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, text)
        finally:
            line.close()

    def page(self, path: str = "/") -> Answer:
        """Load a page."""
        answer = self.ask("GET", path, Accept="text/html")
        assert answer.status == 200, answer
        return answer

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """Post a form."""
        plain = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urllib.parse.urlencode(fields), **{**plain, **headers})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this file."""
    home = Home(tmp_path_factory.mktemp("page") / "home")
    home.tags_file.write_text(json.dumps(ACCOUNTS))
    tariff = {"account": "*", "valid_from": "2020-01-01", "ct_per_kwh": 31.27}
    (home.folder / "conf" / "tariffs.json").write_text(json.dumps({"tariffs": [tariff]}))
    home.charge_points_file.write_text(
        json.dumps({"*": {"auth": "none"}, "yard": {"auth": "none", "name": f"yard {EVIL}"}})
    )
    server = Server(home)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def admin(server: Server) -> Browser:
    return Browser(server)


def calls_of(server: Server, charger: str) -> int:
    """Return the number of Calls to a charger."""
    return int(
        server.home.query(
            "SELECT count(*) FROM calls WHERE charge_point_id = ? AND canned IS NOT NULL", charger
        )[0][0]
    )


def starting(page: Answer, tile: str, label: str) -> dict[str, str]:
    """Return the fields of a start."""
    return {**page.form(tile, "start"), "as": page.choice(label)}


def test_a_start_is_answered_at_once_and_its_tile_shows_the_session(
    server: Server, admin: Browser
) -> None:
    with ChargerWithCar(server, "house"):
        page = admin.page()
        begun = time.monotonic()
        answer = admin.post("/start", starting(page, "house/1", "family-y · Golf"))
        assert (answer.status, answer.headers["location"]) == (303, "/")
        assert time.monotonic() - begun < 2
        # The start comes before the status of the connector.
        wait_for(lambda: admin.page().field("house/1", "phrase").startswith("lädt seit "))
        page = admin.page()
        assert page.field("house/1", "account") == "family-y"
        assert page.field("house/1", "card") == "Golf"
        assert page.field("house/1", "outcome") == ""
        stopping = page.form("house/1", "stop")
        assert admin.post("/stop", stopping).status == 303
        wait_for(lambda: admin.page().field("house/1", "phrase") == "frei")
        asked = server.home.query("SELECT DISTINCT asked_by FROM calls WHERE canned IS NOT NULL")
        assert asked == [("admin's phone",)]
        # The form of a session that has ended stops no other one.
        before = calls_of(server, "house")
        assert admin.post("/stop", stopping).status == 303
        assert calls_of(server, "house") == before


def test_a_start_of_a_silent_charger_holds_no_thread(server: Server, admin: Browser) -> None:
    with Charger(server, "silent", RemoteStartTransaction=None) as silent:
        silent.boot().report("Preparing")
        fields = starting(admin.page(), "silent/1", "family-y")
        begun = time.monotonic()
        for _ in range(10):
            assert admin.post("/start", fields).status == 303
        assert time.monotonic() - begun < 5
        assert admin.page().field("silent/1", "outcome") == "Der Start ist unterwegs …"
        # Ten taps are one Call.
        assert calls_of(server, "silent") == 1
        wait_for(lambda: "antwortet nicht" in admin.page().field("silent/1", "outcome"))


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        ("Available", "Accepted", "vielleicht ist das Kabel nicht eingesteckt"),
        ("Finishing", "Rejected", "der letzte Ladevorgang ist noch nicht zu Ende"),
        ("Preparing", "Rejected", "es nennt keinen Grund"),
    ],
)
def test_a_start_that_comes_to_nothing_says_why(
    server: Server, admin: Browser, status: str, answer: str, words: str
) -> None:
    name = f"why-{status[:4]}-{answer[:3]}"
    with Charger(server, name, RemoteStartTransaction={"status": answer}) as charger:
        charger.boot().report(status)
        fields = starting(admin.page(), f"{name}/1", "family-y")
        begun = time.monotonic()
        admin.post("/start", fields)
        wait_for(lambda: words in admin.page().field(f"{name}/1", "outcome"))
        assert time.monotonic() - begun < 8


def test_a_wrong_form_comes_back_with_its_values_and_the_reason(
    server: Server, admin: Browser
) -> None:
    with Charger(server, "form") as charger:
        charger.boot().report("Preparing")
        page = admin.page()
        fields = starting(page, "form/1", "family-y")
        answer = admin.post("/start", {**fields, "as": "9-nobody"})
        assert answer.status == 422
        tile = answer.tile("form/1")
        (described_by,) = re.findall(r'aria-describedby="([^"]+)"', tile)
        assert f'id="{described_by}" role="alert">Bitte wählen, für wen geladen wird.' in tile
        # Only this tile has it.
        assert answer.text.count("aria-describedby") == 1
        gone = admin.post("/start", {**fields, "charger": f"nowhere {EVIL}"})
        assert gone.status == 422
        assert "Diesen Ladepunkt gibt es nicht" in gone.text
        charger.leave()
        late = admin.post("/start", fields)
        assert late.status == 422
        assert "form ist gerade nicht verbunden" in html.unescape(late.tile("form/1"))
        assert f'<option value="{fields["as"]}" selected>' in late.tile("form/1")
        assert calls_of(server, "form") == 0


@pytest.mark.parametrize(
    "fields",
    [{}, {"charger": "garage"}, {"charger": "\ud800"}, {"charger": "x", "connector": "²"}],
)
def test_a_form_of_another_kind_is_refused(admin: Browser, fields: dict[str, str]) -> None:
    token = re.search(r'name="form" value="([^"]+)"', admin.page().text)
    with_token = {**fields, "form": token[1]} if token else fields
    body = urllib.parse.urlencode(with_token, errors="surrogatepass")
    plain = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/start", "/stop"):
        assert admin.ask("POST", path, body, **plain).status in (403, 422)


def test_a_form_of_another_site_is_refused(server: Server, admin: Browser) -> None:
    with Charger(server, "csrf") as charger:
        charger.boot().report("Preparing")
        fields = starting(admin.page(), "csrf/1", "family-y")
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            assert admin.post("/start", fields, **headers).status == 403
        assert admin.post("/start", {**fields, "form": "wrong"}).status == 403
        assert admin.post("/start", {**fields, "filler": "x" * 5_000}).status == 413
        assert calls_of(server, "csrf") == 0


def test_names_are_texts(server: Server, admin: Browser) -> None:
    with (
        ChargerWithCar(server, "yard") as yard,
        Charger(server, urllib.parse.quote(EVIL), "evil") as evil,
    ):
        yard.ask("BootNotification", chargePointVendor=EVIL[:20], chargePointModel=EVIL[:20])
        yard.start("1111")
        evil.boot()
        evil.report(EVIL[:20])
        page = admin.page()
        assert page.field("yard/1", "account") == EVIL
        assert page.field("yard/1", "card") == f"card {EVIL}"
        assert page.field("yard/1", "name") == f"yard {EVIL}"
        assert "<script>alert" not in page.text
        # The module is the only script.
        assert re.findall(r"<script[^>]*>", page.text) == [
            f'<script type="module" src="{url_of("page.mjs")}">'
        ]
        yard.stop()


def test_a_driver_sees_nothing_of_others(server: Server, admin: Browser) -> None:
    driver = Browser(server, f"{DRIVER}/family-y")
    with ChargerWithCar(server, "shared") as shared:
        shared.start("04A20BC0FFEE")
        meter = {"value": "7777", "measurand": "Power.Active.Import", "unit": "W"}
        values = [{**now(), "sampledValue": [meter]}]
        shared.ask(
            "MeterValues", connectorId=1, transactionId=shared.transaction_id, meterValue=values
        )
        page, whole = driver.page(), admin.page()
        assert whole.field("shared/1", "power") == "7,8 kW"
        assert 'data-state="occupied"' in page.tile("shared/1")
        assert page.field("shared/1", "phrase") == "belegt"
        for secret in ("neighbour", "04A20B", "FFEE", "7,8", EVIL, html.escape(EVIL)):
            assert secret not in page.text
        for field in ("power", "energy", "amount", "since", "account", "card", "reason"):
            assert page.field("shared/1", field) == ""
        # Nor may it stop that session, or start with another's card.
        token = page.form("shared/1", "stop")["form"]
        fields = {**whole.form("shared/1", "stop"), "form": token}
        assert driver.post("/stop", fields).status == 303
        # A start is refused without asking the charger: its answer would tell how it goes there.
        start = {**page.form("shared/1", "start"), "as": page.choice("family-y · Golf")}
        refused = driver.post("/start", start)
        assert refused.status == 422
        assert "Hier lässt sich gerade nicht starten: belegt." in refused.text
        shared.stop()
        shared.report("Preparing")
        wrong = {**driver.page().form("shared/1", "start"), "as": admin.page().choice("neighbour")}
        assert driver.post("/start", wrong).status == 422
        assert calls_of(server, "shared") == 0
        own = starting(driver.page(), "shared/1", "family-y")
        assert driver.post("/start", own).status == 303
        wait_for(lambda: driver.page().field("shared/1", "account") == "family-y")


def test_a_driver_without_a_charger_is_not_asked_to_set_one_up(server: Server) -> None:
    """Its account is gone, renamed, or may use none."""
    with ChargerWithCar(server, "garage"):
        page = Browser(server, f"{DRIVER}/gone").page()
    assert "Keine Wallbox für dieses Konto" in page.text
    assert "ws://" not in page.text
    assert "<article" not in page.text


def test_a_viewer_sees_no_names_and_has_no_forms(server: Server, admin: Browser) -> None:
    viewer = Browser(server, VIEWER)
    with ChargerWithCar(server, "seen") as seen:
        seen.start("3333")
        fields = admin.page().form("seen/1", "stop")
        page = viewer.page()
        assert page.field("seen/1", "phrase").startswith("lädt seit ")
        for word in ("family-y", "Golf", "3333", "/start", "/stop", "<table", "data-months"):
            assert word not in page.text
        assert viewer.post("/stop", fields).status == 403
        assert calls_of(server, "seen") == 0


@pytest.mark.parametrize("person", [ADMIN, TREASURER, VIEWER, f"{DRIVER}/family-y"])
def test_no_page_has_the_number_of_a_card(server: Server, person: str) -> None:
    with ChargerWithCar(server, "numbers") as charger:
        charger.start("04A20BC0FFEE")
        text = Browser(server, person).page().text
        assert not re.search(r"\b(1111|3333|4444|5555|04A20BC0FFEE)\b", text)


def test_roles_without_the_page_are_refused(server: Server) -> None:
    for role in ("metrics", "site", "unheard-of"):
        assert Browser(server, role).ask("GET", "/").status == 403


def test_the_month_is_that_of_shocpp_summary(server: Server, admin: Browser) -> None:
    with ChargerWithCar(server, "sums") as charger:
        charger.start("3333")
        charger.stop()
        ((month,),) = server.home.query("SELECT max(month) FROM accounting")
        done = server.home.run("shocpp-summary", *month.split("-"), "--format", "json")
        accounts = json.loads(done.stdout)["accounts"]
        rows = re.findall(
            r'<tr><th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td>', admin.page().text
        )
        assert len(rows) == len(ACCOUNTS)
        assert {html.unescape(name): (wh_of(kwh), ct_of(eur)) for name, kwh, eur in rows} == {
            row["account"]: (row["wh"], row["total_ct"]) for row in accounts
        }


def wh_of(kwh: str) -> int:
    """Return the Wh of `1.234,567`."""
    return int(kwh.replace(".", "").replace(",", ""))


def ct_of(eur: str) -> int | None:
    """Return the cents of `1.234,56`, None of a dash."""
    return None if eur == "–" else int(eur.replace(".", "").replace(",", ""))


def test_other_methods_change_nothing(server: Server, admin: Browser) -> None:
    head = admin.ask("HEAD", "/")
    assert (head.status, head.text) == (200, "")
    assert head.headers["content-type"] == "text/html; charset=utf-8"
    before = server.home.query("SELECT count(*) FROM call")
    for method, path in [("PUT", "/"), ("POST", "/"), ("DELETE", "/"), ("PUT", "/start")]:
        assert admin.ask(method, path, "").status == 405, (method, path)
    for path in ("/start", "/stop", "/start?charger=garage&connector=1&as=2-0"):
        # The address of a form that came back may be loaded again.
        answer = admin.ask("GET", path)
        assert (answer.status, answer.headers["location"]) == (303, "/")
        assert admin.ask("HEAD", path).status == 303
    assert server.home.query("SELECT count(*) FROM call") == before


@pytest.mark.parametrize("name", ["start", "stop", "static", "stream", "account", "i"])
def test_a_charger_may_have_the_name_of_a_page(server: Server, admin: Browser, name: str) -> None:
    with Charger(server, name) as charger:
        charger.boot().report("Available")
        assert admin.page().field(f"{name}/1", "phrase") == "frei"
    with Charger(server, f"static/abc/{name}.css", "219010") as charger:
        charger.boot().report("Available")
        assert admin.page().field(f"{name}.css/1", "phrase") == "frei"


def test_a_page_has_the_headers_that_protect_it(admin: Browser) -> None:
    headers = admin.page().headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "frame-ancestors 'none'" in policy
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    text = admin.page().text
    assert "style=" not in text
    assert not re.search(r"\son\w+=", text)
    assert not re.search(r"""(src|href)="(https?:)?//""", text)


def test_a_page_says_that_the_database_cannot_be_used_and_recovers(serve: Any, home: Home) -> None:
    server = serve()
    browser = Browser(server)
    assert browser.page().status == 200

    away = home.database.with_suffix(".away")
    home.database.rename(away)
    broken = browser.ask("GET", "/")
    assert broken.status == 503
    assert "Die Datenbank ist gerade nicht erreichbar" in broken.text
    assert str(server.home.folder) not in broken.text, "strangers see the page, too"
    assert url_of("retry.mjs") in broken.text
    assert "Traceback" not in broken.text
    away.rename(home.database)
    assert browser.page().status == 200
