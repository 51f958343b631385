"""The dimming by the grid operator on /site, /site/dimmings, /healthz, and in the commands."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from shocpp.clock import now_ms
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import dimmings
from shocpp.store.site.dimmings import DimSignal
from tests.interfaces.web.test_limit_pages import words_of
from tests.world.form_pages import PageBrowser
from tests.world.home import Home
from tests.world.people import send
from tests.world.server import Server
from tests.world.stored_limits import forget, leading

LATE_2026 = datetime(2026, 12, 31, 22, 30, tzinfo=UTC)
"""In Berlin it is still the same year, half an hour before its end."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server that leaves the rows of the tests alone."""
    home = Home(tmp_path_factory.mktemp("dimmings") / "home")
    with leading(home):
        server = Server(home)
        yield server
        server.stop()


@pytest.fixture
def server(shared: Server) -> Server:
    """Return the server without limits."""
    forget(shared.home)
    return shared


def write_dim(home: Home, **dim: Any) -> None:
    content = {"dimmed_w": 4200, "dim": dim or {"posted": True}}
    home.settings.site_file.write_text(json.dumps(content))


def store_signal(home: Home, signal: DimSignal) -> None:
    with open_database(home.database) as db, db.writing(keys=NO_KEYS):
        dimmings.store_signal(db, signal)


def log(home: Home, began_ms: int, ended_ms: int | None, source: str = "posted") -> None:
    """Store a dimming of the log."""
    with open_database(home.database) as db, db.writing(keys=NO_KEYS):
        dimmings.begin(db, began_ms, 4200, source)
        if ended_ms is not None:
            dimmings.end(db, ended_ms)


def ms(moment: datetime) -> int:
    return int(1000 * moment.timestamp())


def healthz(server: Server) -> str:
    answer = send(server.port, "GET", "/healthz")
    assert answer.status == 200
    return answer.text


def test_without_an_input_nothing_is_said(server: Server) -> None:
    assert "Netzbetreiber" not in PageBrowser(server).text("/site")
    assert "grid operator" not in healthz(server)


def test_a_site_that_is_not_dimmed_says_what_would_happen(server: Server) -> None:
    write_dim(server.home)
    words = words_of(PageBrowser(server).text("/site"))
    assert "Vom Netzbetreiber kam noch kein Signal." in words
    assert "Für die Phasen gibt es kein Limit." in words
    store_signal(server.home, DimSignal(False, "posted", now_ms(), None))
    words = words_of(PageBrowser(server).text("/site"))
    assert "Der Netzbetreiber dimmt gerade nicht." in words
    assert "höchstens 4200 W" in words
    assert "grid operator" not in healthz(server)


def test_a_dimming_is_shown_with_its_begin_everywhere(server: Server) -> None:
    write_dim(server.home)
    began_ms = ms(datetime(2026, 12, 1, 11, 0, tzinfo=UTC))
    store_signal(server.home, DimSignal(True, "posted", now_ms(), None))
    log(server.home, began_ms, None)
    for person in (None, "treasurer"):
        browser = PageBrowser(server) if person is None else PageBrowser(server, person)
        text = browser.text("/site")
        assert "Der Netzbetreiber dimmt seit 01.12.2026 12:00: Alle Wallboxen" in words_of(text)
        assert '<a href="/site/dimmings"' in text
    assert "has been dimming since 2026-12-01 12:00: all chargers together get 4200 W" in healthz(
        server
    )
    ended = server.home.run("shocpp", "site", env={"SHOCPP_LANG": "en"})
    assert "dimming  The grid operator has been dimming since 2026-12-01 12:00" in ended.stdout
    dim = json.loads(server.home.run("shocpp", "site", "--json").stdout)["dim"]
    assert (dim["is_dimmed"], dim["limit_w"], dim["since_ms"]) == (True, 4200, began_ms)


def test_a_lost_signal_says_since_when_and_what_counts(server: Server) -> None:
    lost_ms = ms(datetime(2026, 12, 1, 11, 30, tzinfo=UTC))
    signal = DimSignal(True, "mqtt", lost_ms - 60_000, lost_ms)
    store_signal(server.home, signal)
    write_dim(server.home, mqtt="haus/dim")
    words = words_of(PageBrowser(server).text("/site"))
    assert "fehlt seit 01.12.2026 12:30. So lange gilt der letzte Stand: gedimmt." in words
    assert "lost since 2026-12-01 12:30. Meanwhile the last state holds: dimmed" in healthz(server)
    write_dim(server.home, mqtt="haus/dim", on_loss="free")
    words = words_of(PageBrowser(server).text("/site"))
    assert "So lange gilt: nicht gedimmt." in words
    # Of a loss that is new, `on_loss` does not count yet.
    store_signal(server.home, signal._replace(lost_ms=now_ms()))
    assert "Meanwhile the last state holds: dimmed" in healthz(server)
    checked = server.home.run("shocpp", "check").stdout
    assert "meanwhile the last state holds: dimmed" in checked
    store_signal(server.home, signal._replace(is_dimmed=False))
    write_dim(server.home, mqtt="haus/dim", on_loss="dimmed")
    assert "weil das Signal des Netzbetreibers fehlt" in words_of(PageBrowser(server).text("/site"))
    ended = server.home.run("shocpp", "site", env={"SHOCPP_LANG": "en"})
    assert "Meanwhile the chargers are dimmed." in ended.stdout


def test_the_list_of_a_year_is_a_proof_on_the_page_and_as_a_file(server: Server) -> None:
    begun_ms, minute_ms = ms(LATE_2026), 60_000
    log(server.home, begun_ms - 86_400_000, begun_ms - 86_400_000 + 75 * minute_ms, "mqtt")
    # It ends in the next year, and belongs to that of its begin.
    log(server.home, begun_ms, begun_ms + 45 * minute_ms, "loss")
    log(server.home, begun_ms + 120 * minute_ms, begun_ms + 121 * minute_ms)
    browser = PageBrowser(server, "treasurer")
    text = browser.text("/site/dimmings?year=2026")
    words = words_of(text)
    assert "Dimmungen durch den Netzbetreiber 2026" in words
    assert "30.12.2026 23:30:00 31.12.2026 00:45:00 1:15 4200 W MQTT" in words
    assert "31.12.2026 23:30:00 01.01.2027 00:15:00 0:45 4200 W Signal fehlt" in words
    assert "2 Dimmungen, zusammen 2:00 h" in words
    assert "(Europe/Berlin)" in words
    answer = browser.get("/site/dimmings.csv?year=2026")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    lines = answer.text.splitlines()
    assert lines == [
        "began,ended,seconds,limit_w,source",
        "2026-12-30T23:30:00+01:00,2026-12-31T00:45:00+01:00,4500,4200,mqtt",
        "2026-12-31T23:30:00+01:00,2027-01-01T00:15:00+01:00,2700,4200,loss",
    ]
    run = server.home.run("shocpp", "site", "dimmings", "--year", "2026", "--csv")
    assert run.stdout.splitlines() == lines
    listed = json.loads(server.home.run("shocpp", "site", "dimmings", "--json").stdout)
    assert [one["source"] for one in listed] == ["mqtt", "loss", "posted"]
    table = server.home.run("shocpp", "site", "dimmings", "--year", "2026").stdout
    assert "2026-12-30 23:30" in table
    assert table.endswith("2 in all, 2:00 h\n")
    assert server.home.run("shocpp", "site", "dimmings", "--year", "2025").stdout == "none\n"


@pytest.mark.parametrize("year", ["1999", "2999", "x", "", "%C2%B2026", "20261"])
def test_a_year_without_a_list_is_not_there(server: Server, year: str) -> None:
    browser = PageBrowser(server)
    assert browser.get(f"/site/dimmings?year={year}").status == 404
    assert browser.get(f"/site/dimmings.csv?year={year}").status == 404


def test_a_year_without_dimmings_says_so(server: Server) -> None:
    assert "gab es keine Dimmung" in words_of(PageBrowser(server).text("/site/dimmings"))


@pytest.mark.parametrize("person", ["viewer", "driver/family-y"])
def test_others_see_no_dimmings(server: Server, person: str) -> None:
    browser = PageBrowser(server, person)
    for path in ("/site/dimmings", "/site/dimmings.csv"):
        assert browser.get(path).status == 403
