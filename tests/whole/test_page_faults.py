"""The page in a real browser while server, stream and structure change below it."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.world.browser import Browser, Tab
from tests.world.charger import ChargerWithCar
from tests.world.home import Home
from tests.world.people import cookie_of, send
from tests.world.server import Server

INTERRUPTED_S = RIGHT_AGAIN_S = 3.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this file."""
    home = Home(tmp_path_factory.mktemp("page") / "home")
    home.charge_points_file.write_text(json.dumps({"*": {"auth": "none"}}))
    server = Server(home)
    yield server
    if server.process.poll() is None:
        server.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with Browser() as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser, server: Server) -> Iterator[Tab]:
    """The phone of an admin. Its browser complains about the server, and about nothing else."""
    cookie = cookie_of(server.home, "admin")
    zone = {"timezone_id": "Asia/Tokyo"}
    with browser.tab(server.port, cookie, may_complain=True, **zone) as tab:
        yield tab
        assert all("ERR_" in complaint for complaint in tab.complaints), tab.complaints


def hang_up(server: Server) -> None:
    os.kill(server.process.pid, signal.SIGHUP)


def stop(server: Server) -> None:
    server.stop()


def kill(server: Server) -> None:
    server.kill()


@pytest.mark.parametrize("fault", [hang_up, stop, kill])
def test_the_page_says_interrupted_and_is_right_again(
    tab: Tab, server: Server, fault: Callable[[Server], None]
) -> None:
    name = f"of-{fault.__name__}"
    with ChargerWithCar(server, name) as charger:
        charger.start("3333")
        tab.open().await_live()
        tab.await_field(f"{name}/1", "phrase", "lädt seit")
        # The sentence may be gone after a second: the observer keeps it.
        tab.run(
            """() => {
                const line = document.querySelector("[data-interrupted]");
                const keep = () => { document.body.dataset.sentence ??= line.textContent; };
                new MutationObserver(keep).observe(line, { attributes: true, childList: true });
            }"""
        )
        begun = time.monotonic()
        fault(server)
        tab.page.wait_for_selector("body[data-sentence]")
        assert time.monotonic() - begun < INTERRUPTED_S
        sentence = tab.run("document.body.dataset.sentence")
        assert "unterbrochen: Diese Werte sind von" in sentence
        # In the zone of the site, as all times of the page.
        berlin = datetime.now(ZoneInfo("Europe/Berlin"))
        clock_times = {f"{berlin - timedelta(seconds=ago):%H:%M}" for ago in (0, 20)}
        assert re.findall(r"\d\d:\d\d", sentence)[0] in clock_times
        if fault is not hang_up:
            server.restart()
        begun = time.monotonic()
    tab.await_live()
    # The charger has hung up meanwhile.
    tab.await_field(f"{name}/1", "phrase", "nicht verbunden")
    assert time.monotonic() - begun < RIGHT_AGAIN_S
    assert not tab.page.locator("[data-interrupted]").is_visible()
    assert tab.requests.count("/") == 1, "it was never loaded again"


def test_a_hidden_page_closes_its_stream_and_opens_it_when_it_is_seen(
    tab: Tab, server: Server
) -> None:
    closed: list[str] = []
    tab.page.on("requestfailed", lambda request: closed.append(request.url))
    tab.page.on("requestfinished", lambda request: closed.append(request.url))

    def show(state: str) -> None:
        # Chromium without a window shows each of its tabs; the rest is as in one with windows.
        tab.run(
            """(state) => {
                const hidden = { value: state === "hidden", configurable: true };
                Object.defineProperty(document, "hidden", hidden);
                document.dispatchEvent(new Event("visibilitychange"));
            }""",
            state,
        )

    with ChargerWithCar(server, "unseen") as charger:
        tab.open().await_live()
        assert tab.requests.count("/stream") == 1
        show("hidden")
        tab.page.wait_for_timeout(300)
        assert any(url.endswith("/stream") for url in closed)
        charger.start("3333")
        tab.page.wait_for_timeout(1_200)
        assert tab.field("unseen/1", "phrase").startswith("angesteckt")
        show("visible")
        tab.await_field("unseen/1", "phrase", "lädt seit")
        assert tab.requests.count("/stream") == 2


def test_texts_that_come_while_the_page_is_fetched_are_kept(tab: Tab, server: Server) -> None:
    with ChargerWithCar(server, "steady", "219021") as steady:
        tab.open().await_live()
        steady.start("3333")
        tab.await_field("steady/1", "phrase", "lädt seit")
        fetched: list[str] = []

        def answer_late(route: Any) -> None:
            cookie = {"Cookie": route.request.all_headers()["cookie"]}
            fetched.append(send(server.port, "GET", "/", cookie).text)
            if len(fetched) == 1:
                steady.stop()
                tab.await_field("steady/1", "phrase", "frei")
            route.fulfill(body=fetched[-1], content_type="text/html")

        tab.page.route(f"{tab.origin}/", answer_late)
        with ChargerWithCar(server, "another", "219022"):
            tab.tile("another/1").wait_for()
            assert "lädt seit" in fetched[0], "it was too old when it came"
            assert tab.field("steady/1", "phrase") == "frei"
            tab.page.wait_for_timeout(500)
            assert len(fetched) == 1, "one change of structure fetches once"


def test_a_broken_page_recovers_by_itself(tab: Tab, server: Server) -> None:
    # A worker that has not served a page yet has read nothing for one from the database.
    server.stop()
    server.restart()
    away = server.home.database.with_suffix(".away")
    tab.page.clock.install()
    server.home.database.rename(away)
    tab.page.goto(tab.origin)
    assert "nicht erreichbar" in tab.page.inner_text("main")
    for _ in range(2):
        tab.page.clock.run_for(10_000)
    assert tab.page.locator("[data-again]").is_visible(), "it stays while the database is away"
    away.rename(server.home.database)
    tab.page.clock.run_for(10_000)
    tab.await_live()
    tab.complaints = [one for one in tab.complaints if " 503 " not in one]
