"""The looks of the pages: axe, colours, widths, languages, zoom, paper.

A pairwise choice of the looks, of which `make pages` (SHOCPP_PAGES=all) takes all.
"""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.world import scenes
from tests.world.browser import PHONE, Browser, Screen, Tab
from tests.world.home import Home
from tests.world.machine import needs
from tests.world.people import cookie_of
from tests.world.server import Server
from tests.world.stored_day import store_day
from tests.world.stored_limits import store_dimmings

TOKEN = "correct-horse-battery"
LANGUAGES = ("de", "en")
COLOURS = ("light", "dark")
WIDTHS = (1200, 320, 360)
YESTERDAY = datetime.now(UTC).date() - timedelta(1)
PAGES = {
    "empty": "/",
    "busy": "/",
    "error": "/i",
    "entrance": "/i",
    "login": "/login",
    "prices": "/prices",
    "settings": "/settings",
    "people": "/settings/people",
    "devices": "/settings/devices",
    "calls": "/settings/calls",
    "check": "/check",
    "limits": "/site",
    "day": f"/site/day/{YESTERDAY}",
    "dimmings": "/site/dimmings",
    "own": "/account",
    "account": "/accounts/1",
    "invitation": "/accounts/1",
    "chargers": "/chargers",
    "charger": "/chargers/garage?model=keba-p30-x",
    "sticker": "/sticker/garage",
    "stranger": "/c/garage",
    "broken": "/",
}
MADE_OF_THE_SAME_PARTS = {
    "question": "/chargers/garage/reset",
    "configuration": "/chargers/garage/configuration",
    "frames": "/chargers/garage/frames",
}
"""Pages that only `make pages` examines."""

IS_WHOLE = os.environ.get("SHOCPP_PAGES") == "all"
if IS_WHOLE:
    PAGES |= MADE_OF_THE_SAME_PARTS
STRANGERS, DRIVERS = ("error", "entrance", "login", "stranger"), ("own",)
"""The pages that no device loads, or that of a driver; admins load the others."""

ALL = list(product(PAGES, WIDTHS, COLOURS, LANGUAGES))
BUTTON_PX = 48
NARROW_BUTTONS = """
    (least) => [...document.querySelectorAll("button, select, input:not([type=hidden]), a.button")]
        .filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < least)
        .map((node) => node.outerHTML)
"""


def pairwise() -> Iterator[tuple[str, int, str, str]]:
    """Yield looks with each pair of page, width, colours and language."""
    for number, page in enumerate(PAGES):
        for step, width in enumerate(WIDTHS):
            colours = COLOURS[(number + (step > 0)) % 2]
            yield page, width, colours, LANGUAGES[(number + step) % 2]


LOOKS = ALL if IS_WHOLE else list(pairwise())
# The narrow widths have one layout. The others of a page have both colours and both languages.
FOR_AXE = ALL if IS_WHOLE else [look for look in LOOKS if look[1] != WIDTHS[-1]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def axe() -> Any:
    """The rules of axe-core."""
    reason = "axe-playwright-python is not installed"
    return pytest.importorskip("axe_playwright_python.sync_playwright", reason=reason).Axe()


def serve(folder: Path, language: str) -> Server:
    """Start a server that has a token, and no charger yet."""
    home = Home(folder / "home")
    scenes.furnish(home)
    return Server(home, SHOCPP_LANG=language, SHOCPP_TOKEN=TOKEN)


def test_the_choice_of_looks_has_all_pairs() -> None:
    chosen = list(pairwise())
    for first, second in product(range(4), range(4)):
        pairs = {(look[first], look[second]) for look in chosen}
        assert pairs == {(look[first], look[second]) for look in ALL}
    for part in (2, 3):
        assert {(look[0], look[part]) for look in FOR_AXE} == set(
            product(PAGES, (COLOURS, LANGUAGES)[part - 2])
        )


@pytest.mark.timeout(180)
@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing(browser: Browser, axe: Any, tmp_path: Path, language: str) -> None:
    server, found = serve(tmp_path, language), []
    admin = cookie_of(server.home, "admin")
    driver = cookie_of(server.home, "driver", scenes.DRIVER)
    nginx = {"Authorization": f"Bearer {TOKEN}", "X-Remote-User": "anna"}

    def examine(page: str) -> None:
        headers = nginx if page == "login" else {}
        cookie = "" if page in STRANGERS else driver if page in DRIVERS else admin
        looks = [look for look in LOOKS if (look[0], look[3]) == (page, language)]
        with browser.tab(
            server.port,
            cookie,
            extra_http_headers=headers,
            may_complain=page in ("broken", "error"),
        ) as tab:
            tab.open(PAGES[page])
            assert tab.run("document.documentElement.lang") == language
            if page == "error":
                tab.page.locator("input").fill("wrong")
                tab.page.locator("form button").click()
                tab.page.locator("[role=alert]").wait_for()
            if page == "limits":
                tab.page.locator(".limit-form summary").first.click()
                tab.page.locator(".mode-form summary").first.click()
            if page == "day":
                tab.run("for (const one of document.querySelectorAll('details')) one.open = true")
            if page == "invitation":
                tab.page.locator("#invite button").first.click()
                tab.page.locator(".qr").wait_for()
            for look in looks:
                _, width, colours, _ = look
                see(tab, width, colours)
                answer = axe.run(tab.page).response if look in FOR_AXE else {}
                for violation in answer.get("violations", ()):
                    nodes = [node["html"] for node in violation["nodes"]]
                    found.append((page, width, colours, violation["id"], nodes))
                assert tab.overflow() == 0, (page, width)
                assert tab.run(NARROW_BUTTONS, BUTTON_PX) == []

    try:
        examine("empty")
        with scenes.busy(server):
            store_day(server.home, YESTERDAY)
            store_dimmings(server.home, range(1, 4))
            for page in [page for page in PAGES if page not in ("empty", "broken")]:
                examine(page)
        scenes.damage(server.home)
        examine("broken")
    finally:
        server.kill()
    assert found == []


def see(tab: Tab, width: int, colours: str) -> None:
    """Give the screen a width and colours, and let transitions end."""
    tab.page.set_viewport_size({"width": width, "height": PHONE.height})
    tab.page.emulate_media(color_scheme=colours, reduced_motion="reduce")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with chargers in each state."""
    server = serve(tmp_path_factory.mktemp("looks"), "de")
    with scenes.busy(server):
        yield server
    server.kill()


def test_the_page_can_be_zoomed_and_has_room_for_large_letters(
    browser: Browser, busy: Server
) -> None:
    cookie = cookie_of(busy.home, "admin")
    with browser.tab(busy.port, cookie, Screen(640, 450, 2, is_phone=False)) as tab:
        tab.open()
        assert tab.overflow() == 0
        viewport = tab.page.locator("meta[name=viewport]").get_attribute("content")
        assert viewport == "width=device-width, initial-scale=1", "nothing forbids to zoom"
        tab.page.set_viewport_size({"width": 390, "height": 844})
        tab.run("document.documentElement.style.fontSize = '200%'")
        assert tab.overflow() == 0


def test_paper_has_figures_and_no_buttons(browser: Browser, busy: Server, tmp_path: Path) -> None:
    with browser.tab(busy.port, cookie_of(busy.home, "admin")) as tab:
        tab.open().page.pdf(path=tmp_path / "page.pdf")
    command = [needs("pdftotext"), "-layout", str(tmp_path / "page.pdf"), "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "7,4 kW" in text
    assert "Familie Yáñez" in text
    assert "Starten" not in text
    assert "Beenden" not in text


def test_nothing_moves_for_people_who_want_that(browser: Browser, busy: Server) -> None:
    cookie = cookie_of(busy.home, "admin")
    with browser.tab(busy.port, cookie) as tab:
        moving = "document.getAnimations().length"
        tab.open().page.wait_for_selector("[data-state=Charging]")
        assert tab.run(moving) > 0
        tab.page.emulate_media(reduced_motion="reduce")
        # The styles of a new preference are computed with the next frame.
        tab.page.wait_for_function(f"{moving} === 0")
