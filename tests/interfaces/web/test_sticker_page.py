"""The page behind a sticker, /c/garage: strangers see free or occupied, drivers start and stop."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.world.charger import Charger, ChargerWithCar
from tests.world.form_pages import PageBrowser, forms_of
from tests.world.home import Home
from tests.world.machine import wait_for
from tests.world.people import Response, send
from tests.world.server import Server

BROWSER = {"Accept": "text/html"}
EVIL = '"><script>alert(1)<script>'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose family-y may use the garage only, with a name for everything."""
    home = Home(tmp_path_factory.mktemp("sticker") / "home")
    accounts = json.loads(home.tags_file.read_text())
    accounts[1]["charge_points"] = ["garage", EVIL]
    home.tags_file.write_text(json.dumps(accounts))
    connectors = {"1": "left", "2": "right"}
    home.charge_points_file.write_text(
        json.dumps(
            {
                "garage": {"auth": "none", "name": "Space 4", "connectors": connectors},
                **{name: {"auth": "none"} for name in ("yard", "c")},
                EVIL: {"auth": "none"},
            }
        )
    )
    server = Server(home, SHOCPP_LANG="en")
    yield server
    server.stop()


def see(server: Server, name: str = "garage") -> Response:
    """Load the page of a charger as a stranger."""
    return send(server.port, "GET", f"/c/{name}", BROWSER)


def states(server: Server, name: str = "garage") -> list[str]:
    """Return the states that strangers see."""
    text = see(server, name).text
    return [part.partition('"')[0] for part in text.split('data-state="')[1:]]


def test_strangers_see_free_or_occupied_and_nothing_else(server: Server) -> None:
    assert states(server) == ["out_of_service"]
    with Charger(server, "garage") as garage:
        garage.boot().report("Available", 1)
        garage.report("Available", 2)
        assert states(server) == ["free", "free"]
        transaction_id = garage.begin("3333", 9_042_000, 2)
        garage.report("Charging", 2)
        garage.report("Unavailable", 1)
        answer = see(server)
        assert states(server) == ["out_of_service", "occupied"]
        assert {text in answer.text for text in ("Space 4", "left", "right")} == {True}
        for text in ("family-y", "since", "3333", "9042", "kW", "Charging", "<form", "<nav"):
            assert text not in answer.text, text
        assert "Set-Cookie" not in answer.headers
        assert "no-store" in answer.headers["Cache-Control"]
        assert "<script" not in answer.text
        # A wrong cookie makes nobody else of a stranger.
        wrong = send(server.port, "GET", "/c/garage", {**BROWSER, "Cookie": "shocpp_0=x"})
        assert (wrong.status, wrong.text) == (200, answer.text)
        garage.end(transaction_id, 9_043_000)


def test_an_unknown_charger_looks_like_one_that_may_not_be_used(server: Server) -> None:
    driver = PageBrowser(server, "driver/family-y")
    with Charger(server, "yard") as yard:
        yard.boot().report("Available")
        assert states(server, "yard") == ["free"]
        answers = [driver.get("/c/yard"), driver.get("/c/nobody")]
        texts = {one.text.replace("yard", "NAME").replace("nobody", "NAME") for one in answers}
        assert ({one.status for one in answers}, len(texts)) == ({404}, 1)
        for answer in (see(server, "nobody"), PageBrowser(server).get("/c/nobody")):
            assert (answer.status, "This sticker has no charger here" in answer.text) == (404, True)
        for name in ("*", "%0A", "a%2Fb", "x" * 300, "%FF"):
            assert see(server, name).status == 404


def test_a_driver_starts_and_stops_there_and_comes_back(server: Server) -> None:
    driver = PageBrowser(server, "driver/family-y")
    with ChargerWithCar(server) as garage:
        page = driver.text("/c/garage")
        assert "yard" not in page
        start = next(form for form in forms_of(page) if form.action == "/start")
        answer = driver.post(start)
        assert (answer.status, answer.headers["Location"]) == (303, "/c/garage")
        wait_for(lambda: "charging since" in driver.text("/c/garage"))
        assert "occupied" in states(server)
        stop = driver.form("/c/garage", "/stop")
        assert driver.post(stop).headers["Location"] == "/c/garage"
        wait_for(lambda: garage.transaction_id is None)
        # A form that is wrong comes back there, too.
        refused = driver.post(start, **{"as": "nobody"})
        assert refused.status == 422
        assert "Please choose who charges." in refused.text
        assert "data-only" in refused.text
        # The name of another charger leads to no other page.
        other = driver.post(start, charger="yard")
        assert (other.status, "yard" in other.text) == (404, False)


def test_every_role_sees_what_it_sees_on_the_first_page(server: Server) -> None:
    with Charger(server, "garage") as garage:
        garage.boot().report("Charging", 1)
        transaction_id = garage.begin("1111", 9_042_000)
        for role in ("admin", "treasurer"):
            assert "company-x" in PageBrowser(server, role).text("/c/garage")
        viewer = PageBrowser(server, "viewer").text("/c/garage")
        assert ("company-x" in viewer, "charging since" in viewer) == (False, True)
        driver = PageBrowser(server, "driver/family-y").text("/c/garage")
        assert ("company-x" in driver, "charging since" in driver) == (False, False)
        assert "occupied" in driver
        garage.end(transaction_id, 9_043_000)


def test_a_charger_may_be_called_anything_here(server: Server) -> None:
    quoted = "%22%3E%3Cscript%3Ealert%281%29%3Cscript%3E"
    with Charger(server, quoted, serial="1") as charger, Charger(server, "c") as other:
        charger.boot().report("Available")
        assert other.boot() is other
        for text in (see(server, quoted).text, PageBrowser(server).text(f"/c/{quoted}")):
            assert EVIL not in text
        driver = PageBrowser(server, "driver/family-y")
        answer = driver.post(driver.form(f"/c/{quoted}", "/start"))
        assert (answer.status, answer.headers["Location"]) == (303, f"/c/{quoted}")


def test_the_page_of_strangers_is_cheap(server: Server) -> None:
    see(server)
    begun_s = time.monotonic()
    for _ in range(50):
        assert see(server).status == 200
    # Measured: 3 ms on an idle machine.
    assert (time.monotonic() - begun_s) / 50 < 0.1
