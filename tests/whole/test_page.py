"""The first page in a real browser, as a phone on the LAN opens it, before simulated chargers."""

import json
import time
from collections.abc import Iterator
from statistics import median

import pytest

from tests.world.browser import DESK, Browser, Tab
from tests.world.charger import ChargerWithCar, now
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.people import cookie_of, invitation
from tests.world.server import Server
from tests.world.watching import revoke_newest

EVIL = '"><script>alert(1)</script>'
ACCOUNTS = [
    {"index": 1, "account": "company-x", "ids": ["1111"]},
    {"index": 2, "account": "family-y", "ids": ["3333", "4444"], "names": {"3333": "Golf"}},
    {"index": 3, "account": f"a {EVIL}", "ids": ["5555"], "names": {"5555": f"c {EVIL}"}},
]
TARIFF = {"account": "*", "valid_from": "2020-01-01", "ct_per_kwh": 31.27}
TO_SCREEN_S = 1.5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this file."""
    home = Home(tmp_path_factory.mktemp("page") / "home")
    home.tags_file.write_text(json.dumps(ACCOUNTS))
    (home.folder / "conf" / "tariffs.json").write_text(json.dumps({"tariffs": [TARIFF]}))
    listed = {"*": {"auth": "none"}, "evil": {"auth": "none", "name": f"n {EVIL}"}}
    home.charge_points_file.write_text(json.dumps(listed))
    server = Server(home)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def browser(server: Server) -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with Browser() as browser:
        yield browser


@pytest.fixture
def admin(browser: Browser, server: Server) -> Iterator[Tab]:
    """The phone of an admin, with the page open."""
    with browser.tab(server.port, cookie_of(server.home, "admin")) as tab:
        yield tab


def measure(charger: ChargerWithCar, power_w: int) -> None:
    """Send MeterValues of the running session."""
    power = {"value": str(power_w), "measurand": "Power.Active.Import", "unit": "W"}
    charger.ask(
        "MeterValues",
        connectorId=1,
        transactionId=charger.transaction_id,
        meterValue=[{**now(), "sampledValue": [power]}],
    )


def choose(tab: Tab, tile: str, label: str) -> None:
    """Choose a card, and press the button of the tile."""
    tab.tile(tile).locator("select").select_option(label=label)
    tab.tile(tile).locator(".start button").click()


def test_a_phone_scans_sees_starts_and_stops(browser: Browser, server: Server) -> None:
    token = invitation(server.home)
    with ChargerWithCar(server, "garage") as garage, browser.tab(server.port) as phone:
        phone.open(f"/i#{token}")
        phone.page.wait_for_url(f"{phone.origin}/")
        phone.await_live()
        assert phone.field("garage/1", "name") == "garage"
        choose(phone, "garage/1", "family-y · Golf")
        phone.await_field("garage/1", "phrase", "lädt seit")
        assert phone.field("garage/1", "account") == "family-y"
        phone.await_live()
        shown_s = []
        for power_w in (3_700, 7_400, 11_000):
            begun = time.monotonic()
            measure(garage, power_w)
            phone.await_field("garage/1", "power", f"{power_w / 1000:.1f}".replace(".", ","))
            shown_s.append(time.monotonic() - begun)
        assert median(shown_s) < TO_SCREEN_S, shown_s
        phone.tile("garage/1").get_by_role("button", name="garage: Laden beenden").click()
        phone.await_field("garage/1", "phrase", "frei")
        assert phone.page.locator("[data-months]").inner_text().split()[-2:] == ["33,000", "10,32"]
        # The token was sent in the body of a form only.
        assert not any(token in path for path in phone.requests)


def test_a_refused_start_shows_its_reason_at_the_tile(admin: Tab, server: Server) -> None:
    refusing = {"RemoteStartTransaction": {"status": "Rejected"}}
    with ChargerWithCar(server, "strict", "219011", **refusing):
        admin.open()
        choose(admin, "strict/1", "company-x")
        admin.await_field("strict/1", "outcome", "abgelehnt")


def test_a_start_without_a_cable_shows_why(admin: Tab, server: Server) -> None:
    with ChargerWithCar(server, "bare", "219012") as bare:
        bare.has_car = False
        bare.report("Available")
        admin.open()
        begun = time.monotonic()
        choose(admin, "bare/1", "company-x")
        admin.await_field("bare/1", "outcome", "Kabel")
        assert time.monotonic() - begun < 8


def test_a_double_tap_starts_once(admin: Tab, server: Server) -> None:
    with ChargerWithCar(server, "twice", "219013") as twice:
        admin.open()
        admin.tile("twice/1").locator("select").select_option(label="company-x")
        admin.tile("twice/1").locator(".start button").dblclick()
        admin.await_field("twice/1", "phrase", "lädt seit")
        assert [action for action, _ in twice.calls].count("RemoteStartTransaction") == 1


def test_a_driver_sees_only_its_own(browser: Browser, server: Server) -> None:
    cookie = cookie_of(server.home, "driver", "family-y")
    with (
        ChargerWithCar(server, "own", "219014") as own,
        ChargerWithCar(server, "others", "219015") as others,
        browser.tab(server.port, cookie) as driver,
    ):
        own.start("4444")
        driver.open().await_live()
        others.start("1111")
        measure(others, 4_200)
        driver.await_field("others/1", "phrase", "belegt")
        assert driver.field("own/1", "account") == "family-y"
        assert driver.tile("others/1").inner_text().split() == ["others", "belegt"]
        assert driver.tile("others/1").locator("button:visible").count() == 0
        content = driver.page.content()
        assert "company-x" not in content
        assert "4,2" not in content


def test_a_revoked_device_is_told_within_two_seconds_and_stays_out(
    browser: Browser, server: Server
) -> None:
    cookie = cookie_of(server.home, "viewer")
    with browser.tab(server.port, cookie, may_complain=True) as tab:
        tab.open().await_live()
        revoke_newest(server.home)
        begun = time.monotonic()
        tab.page.locator("[data-interrupted]", has_text="abgemeldet").wait_for()
        assert time.monotonic() - begun < 2
        streams = tab.requests.count("/stream")
        tab.page.wait_for_timeout(1_200)
        assert tab.requests.count("/stream") == streams
        tab.open()
        assert "abgemeldet" in tab.page.inner_text("main")
        assert tab.page.locator("[data-tile]").count() == 0
        assert all("401" in complaint for complaint in tab.complaints), tab.complaints


def test_a_keyboard_is_enough_and_its_focus_survives_updates(
    browser: Browser, server: Server
) -> None:
    cookie = cookie_of(server.home, "driver", "company-x")
    with (
        ChargerWithCar(server, "keys", "219016") as keys,
        browser.tab(server.port, cookie, DESK) as tab,
    ):
        tab.open().await_live()
        tab.page.keyboard.press("Tab")
        assert tab.run("document.activeElement.className") == "skip"
        tab.page.keyboard.press("Enter")
        assert tab.run("document.activeElement.id") == "content"

        def press_tab_until(label: str) -> None:
            for _ in range(30):
                tab.page.keyboard.press("Tab")
                if tab.run("document.activeElement.getAttribute('aria-label')") == label:
                    return
            pytest.fail(f"no Tab reaches {label}")

        press_tab_until("keys: Laden starten")
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert tab.run(outline) == "solid", "the focus can be seen"
        tab.page.keyboard.press("Enter")
        tab.await_field("keys/1", "phrase", "lädt seit")
        tab.await_live()
        press_tab_until("keys: Laden beenden")
        tab.run("window.kept = document.activeElement")
        for power_w in (1_100, 2_200):
            measure(keys, power_w)
            tab.await_field("keys/1", "power", f"{power_w / 1000:.1f}".replace(".", ","))
            assert tab.run("document.activeElement === window.kept")
        # A charger that appears changes the structure: the page waits until the focus is elsewhere.
        with ChargerWithCar(server, "newcomer", "219017"):
            measure(keys, 4_400)
            tab.await_field("keys/1", "power", "4,4")
            assert tab.run("document.activeElement === window.kept")
            assert tab.tile("newcomer/1").count() == 0
            tab.run("document.activeElement.blur()")
            tab.tile("newcomer/1").wait_for()
            assert tab.field("keys/1", "power").startswith("4,4")
        tab.tile("keys/1").locator(".stop button").focus()
        tab.page.keyboard.press("Enter")
        tab.await_field("keys/1", "phrase", "frei")


def test_all_but_liveness_works_without_scripts(browser: Browser, server: Server) -> None:
    token = invitation(server.home)
    with (
        ChargerWithCar(server, "plain", "219018"),
        browser.tab(server.port, has_scripts=False, may_complain=True) as tab,
    ):
        tab.open("/")
        tab.page.get_by_label("Code der Einladung").fill("wrong")
        tab.page.get_by_role("button", name="Anmelden").click()
        described = tab.page.get_by_label("Code der Einladung").get_attribute("aria-describedby")
        assert described is not None
        assert "gibt es nicht" in tab.page.inner_text(f"#{described.split()[-1]}")
        tab.page.get_by_label("Code der Einladung").fill(token)
        tab.page.get_by_role("button", name="Anmelden").click()
        tab.tile("plain/1").wait_for()
        choose(tab, "plain/1", "family-y · Golf")

        def is_shown(phrase: str) -> bool:
            tab.open()
            return phrase in tab.field("plain/1", "phrase")

        wait_for(lambda: is_shown("lädt seit"))
        tab.tile("plain/1").locator(".stop button").click()
        wait_for(lambda: is_shown("frei"))
        assert "/stream" not in tab.requests
        assert all(" 401 " in one or " 403 " in one for one in tab.complaints), tab.complaints


def test_names_are_text(admin: Tab, server: Server) -> None:
    admin.page.on("dialog", lambda dialog: pytest.fail("a script of a name ran"))
    with ChargerWithCar(server, "evil", "219019") as evil:
        admin.open().await_live()
        assert admin.field("evil/1", "name") == f"n {EVIL}"
        evil.start("5555")
        # By an event; then by the server.
        for _ in range(2):
            admin.await_field("evil/1", "account", f"a {EVIL}")
            admin.await_field("evil/1", "card", f"c {EVIL}")
            assert admin.run("document.scripts.length") == 1
            admin.open().await_live()
