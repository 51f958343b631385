"""The form of a mode in a browser: one thumb, no scripts, the narrowest phone, and the driver."""

import json
from collections.abc import Iterator

import pytest

from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from tests.world.browser import Browser, Screen
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.people import cookie_of
from tests.world.scenes import charge
from tests.world.server import Server
from tests.world.stored_limits import chosen_modes, forget, leading

ACCOUNTS = [
    {"index": 1, "account": "company-x", "ids": ["1111"]},
    {"index": 2, "account": "family-y", "ids": ["3333"]},
]
METER = '{"limit_a": 35, "meter": {"posted": true}}'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server whose garage charges for family-y; it leaves the rows of the tests alone."""
    home = Home(tmp_path_factory.mktemp("thumb") / "home")
    home.tags_file.write_text(json.dumps(ACCOUNTS))
    with leading(home):
        server = Server(home)
        with Charger(server, "garage") as garage:
            charge(garage.boot(), "3333", minutes=60, kwh=7.2, kw=6.9)
            yield server
        server.kill()


@pytest.fixture
def server(shared: Server) -> Server:
    """Return the server with a meter of the site, and without modes."""
    forget(shared.home)
    shared.home.settings.site_file.write_text(METER)
    with open_database(shared.home.database) as db, db.writing(keys=NO_KEYS):
        # As a leader does, which this server is not.
        db.execute("INSERT OR REPLACE INTO property VALUES ('site', ?)", (METER,))
    return shared


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with Browser() as browser:
        yield browser


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_thumb_chooses_the_sun_and_a_goal(
    browser: Browser, server: Server, has_scripts: bool
) -> None:
    cookie = cookie_of(server.home, "driver", "family-y")
    with browser.tab(server.port, cookie, has_scripts=has_scripts) as tab:
        tab.open("/c/garage")
        tab.page.locator(".mode-form summary").tap()
        mode = tab.page.locator(".mode-form label", has_text="Nur Sonne")
        box = mode.bounding_box()
        assert box is not None
        assert box["height"] >= 48
        mode.tap()
        tab.page.get_by_label("kWh ab jetzt").fill("7,5")
        tab.page.locator(".mode-form button", has_text="Setzen").tap()
        wait_for(
            lambda: (
                [one[:5] for one in chosen_modes(server.home)]
                == [("garage", 1, "solar", None, 7_500)]
            )
        )
        assert tab.page.url.endswith("/c/garage")
        assert tab.field("garage/1", "mode") == "Ladeart: Nur Sonne, 7,5 kWh, noch 7,5 kWh"
        tab.page.locator(".mode-form summary").tap()
        assert tab.overflow() == 0
        default = tab.page.locator(".mode-form button", has_text="Wie voreingestellt")
        default.tap()
        wait_for(lambda: chosen_modes(server.home) == [])
        # A browser that is closed while it loads a page may hang.
        default.wait_for(state="hidden")


def test_an_open_page_follows_the_choice_of_another(browser: Browser, server: Server) -> None:
    with browser.tab(server.port, cookie_of(server.home, "viewer")) as tab:
        tab.open().await_live()
        assert tab.page.locator(".mode-form").count() == 0
        assert server.home.run("shocpp", "mode", "-c", "garage", "off").returncode == 0
        assert tab.await_field("garage/1", "mode", "Ladeart: Aus") < 3


def test_a_wrong_form_comes_back_open_with_the_sentence(browser: Browser, server: Server) -> None:
    cookie = cookie_of(server.home, "admin", name="Anna")
    with browser.tab(server.port, cookie, Screen(320), may_complain=True) as tab:
        tab.open()
        tab.page.locator(".mode-form summary").tap()
        tab.page.get_by_label("kWh ab jetzt").fill("zwanzig")
        tab.page.locator(".mode-form button", has_text="Setzen").tap()
        tab.page.locator(".error", has_text="Schreibe eine Zahl über 0 und bis 1000.").wait_for()
        assert tab.page.get_by_label("kWh ab jetzt").input_value() == "zwanzig"
        assert tab.overflow() == 0
        tab.page.get_by_label("kWh ab jetzt").fill("20")
        tab.page.locator(".mode-form button", has_text="Setzen").tap()
        wait_for(lambda: [one[4] for one in chosen_modes(server.home)] == [20_000])
        # The tile is the place of the form; a mistake does not lead away from it.
        tab.page.wait_for_url(f"{tab.origin}/")
