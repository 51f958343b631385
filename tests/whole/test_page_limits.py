"""The slider of a limit in a browser: one thumb, no scripts, and every page that has it."""

import json
from collections.abc import Iterator

import pytest

from tests.world.browser import DESK, Browser, Screen, Tab
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.people import cookie_of
from tests.world.scenes import charge
from tests.world.server import Server
from tests.world.stored_limits import (
    choose,
    chosen,
    forget,
    leading,
    set_point,
    store_set_points,
    store_site,
)

ACCOUNTS = [
    {"index": 1, "account": "company-x", "ids": ["1111"]},
    {"index": 2, "account": "family-y", "ids": ["3333"]},
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server whose garage charges for family-y; it leaves the rows of the tests alone."""
    home = Home(tmp_path_factory.mktemp("thumb") / "home")
    home.tags_file.write_text(json.dumps(ACCOUNTS))
    with leading(home):
        server = Server(home)
        with Charger(server, "garage") as garage, Charger(server, "yard") as yard:
            charge(garage.boot(), "3333", minutes=60, kwh=7.2, kw=6.9)
            yard.boot().report("Available")
            yield server
        server.kill()


@pytest.fixture
def server(shared: Server) -> Server:
    """Return the server without limits."""
    forget(shared.home)
    return shared


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with Browser() as browser:
        yield browser


def share(server: Server, limit_ma: int) -> None:
    """Decide that two cars share the current, as the service does."""
    points = [
        set_point("garage", 1, limit_ma, "shares", cars=2, total_a=20),
        set_point("yard", 1, None, "base"),
    ]
    store_set_points(server.home, points)


def drag(tab: Tab, place: str, share_of_width: float) -> None:
    """Drag the slider within an element with a finger."""
    slider = tab.page.locator(f"{place} input[type=range]")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    begin, end = box["x"] + box["width"] - 20, box["x"] + 18 + (box["width"] - 36) * share_of_width
    session = tab.context.new_cdp_session(tab.page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": begin, "y": y})
    for step in range(1, 11):
        touch("touchMove", {"x": begin + (end - begin) * step / 10, "y": y})
    touch("touchEnd")


def test_a_thumb_drags_the_slider_and_sets_the_limit(browser: Browser, server: Server) -> None:
    with browser.tab(server.port, cookie_of(server.home, "admin", name="Anna")) as tab:
        tab.open("/site")
        assert tab.overflow() == 0
        garage = 'section:has(> h2:text("garage"))'
        tab.page.locator(f"{garage} summary").first.tap()
        number = tab.page.locator(f"{garage} input[type=number]")
        assert number.input_value() == "32"
        drag(tab, garage, 4 / 26)
        assert number.input_value() == "10"
        number.fill("12")
        assert tab.page.locator(f"{garage} input[type=range]").input_value() == "12"
        thumb = tab.page.locator(f"{garage} input[type=range]").bounding_box()
        assert thumb is not None
        assert thumb["height"] >= 48
        tab.page.locator(f"{garage} button", has_text="Setzen").first.tap()
        tab.page.wait_for_url("**/site")
        wait_for(lambda: [row[:3] for row in chosen(server.home)] == [("garage", 1, 12_000)])


def test_the_tile_has_the_slider_while_current_is_limited(browser: Browser, server: Server) -> None:
    with browser.tab(server.port, cookie_of(server.home, "admin", name="Anna")) as tab:
        tab.open().await_live()
        assert tab.page.locator(".limit-form").count() == 0
        share(server, 10_000)
        assert tab.await_field("garage/1", "limit", "10 A: zwei Autos teilen 20 A") < 3
        tab.open().await_live()
        tile = '[data-tile="garage/1"]'
        tab.tile("garage/1").locator("summary").tap()
        drag(tab, tile, 0)
        # A change of the stream takes nothing out of the hand.
        share(server, 8_000)
        tab.await_field("garage/1", "limit", "8 A: zwei Autos teilen 20 A")
        assert tab.tile("garage/1").locator("input[type=number]").input_value() == "6"
        tab.tile("garage/1").locator("button", has_text="Setzen").tap()
        wait_for(lambda: [row[:3] for row in chosen(server.home)] == [("garage", 1, 6_000)])
        tab.await_live()
        assert tab.page.url.endswith("/")
        assert tab.overflow() == 0


def test_a_driver_sees_the_reason_of_its_session_and_no_slider(
    browser: Browser, server: Server
) -> None:
    share(server, 10_000)
    choose(server.home, "yard", 1, 8_000)
    for account, limit in (("family-y", "10 A: zwei Autos teilen 20 A"), ("company-x", "")):
        with browser.tab(server.port, cookie_of(server.home, "driver", account)) as tab:
            tab.open().await_live()
            assert tab.field("garage/1", "limit") == limit
            assert tab.field("yard/1", "limit") == ""
            assert tab.page.locator("input[type=range], .limit-form").count() == 0
            tab.open("/c/garage").await_live()
            assert tab.field("garage/1", "limit") == limit
            assert tab.page.locator("input[type=range], .limit-form").count() == 0


def test_strangers_see_nothing_of_limits(browser: Browser, server: Server) -> None:
    share(server, 10_000)
    with browser.tab(server.port) as tab:
        tab.open("/c/garage")
        content = tab.page.content()
        assert "belegt" in content
        assert "10 A" not in content
        assert "imit" not in content


def test_a_limit_is_set_without_scripts(browser: Browser, server: Server) -> None:
    share(server, 10_000)
    cookie = cookie_of(server.home, "admin", name="Anna")
    with browser.tab(server.port, cookie, has_scripts=False) as tab:
        tab.open("/c/garage")
        tab.page.locator(".limit-form summary").tap()
        assert tab.page.locator("input[type=range]").count() == 1
        assert not tab.page.locator("input[type=range]").is_visible()
        tab.page.locator("input[type=number]").fill("7")
        tab.page.locator("button", has_text="Setzen").tap()
        wait_for(lambda: [row[:3] for row in chosen(server.home)] == [("garage", 1, 7_000)])
        assert tab.page.url.endswith("/c/garage")
        tab.page.locator(".limit-form summary").tap()
        tab.page.locator("button", has_text="Kein Limit").tap()
        wait_for(lambda: chosen(server.home) == [])


def test_the_page_of_the_site_follows_by_itself(browser: Browser, server: Server) -> None:
    server.home.settings.site_file.write_text('{"limit_a": 35, "meter": {"posted": true}}')
    store_site(server.home)
    share(server, 10_000)
    with browser.tab(server.port, cookie_of(server.home, "treasurer"), DESK) as tab:
        tab.open("/site")
        tab.page.locator("text=10 A: zwei Autos teilen 20 A").wait_for()
        share(server, 9_000)
        store_site(server.home, "silent", is_fallback=True)
        tab.page.locator("text=9 A: zwei Autos teilen 20 A").wait_for()
        tab.page.locator("#alarms", has_text="Ersatzbetrieb").wait_for()


@pytest.mark.parametrize("width", [320, 360])
def test_the_page_of_the_site_fits_the_narrowest_phone(
    browser: Browser, server: Server, width: int
) -> None:
    groups = {"Tiefgarage Nordflügel": {"limit_a": 63, "members": ["garage", "yard"]}}
    rules = {"limit_a": 100, "meter": {"posted": True}, "groups": groups}
    server.home.settings.site_file.write_text(json.dumps(rules))
    store_site(server.home, "silent", is_fallback=True)
    share(server, 10_000)
    choose(server.home, "garage", 1, 10_000, 4_102_444_800_000)
    cookie = cookie_of(server.home, "admin", name="Anna")
    with browser.tab(server.port, cookie, Screen(width)) as tab:
        tab.open("/site")
        tab.page.locator(".limit-form summary").first.tap()
        assert tab.overflow() == 0


def test_the_keyboard_moves_the_slider(browser: Browser, server: Server) -> None:
    share(server, 10_000)
    cookie = cookie_of(server.home, "admin", name="Anna")
    with browser.tab(server.port, cookie, DESK) as tab:
        tab.open().await_live()
        tab.tile("garage/1").locator("summary").focus()
        tab.page.keyboard.press("Enter")
        tab.page.keyboard.press("Tab")
        assert tab.run("document.activeElement.type") == "range"
        assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        tab.page.keyboard.press("Home")
        tab.page.keyboard.press("ArrowRight")
        assert tab.tile("garage/1").locator("input[type=number]").input_value() == "7"
