"""The page /site, and the forms of limits on it and on tiles."""

import html
import json
import re
from collections.abc import Iterator

import pytest

from shocpp.energy.model import METER_SILENT
from shocpp.language.site import REASONS, reason_text
from tests.world.charger import Charger
from tests.world.form_pages import Form, PageBrowser, error_of
from tests.world.home import Home
from tests.world.people import send
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

CHARGE_POINTS = {
    "garage": {"auth": "none", "name": "Garage", "max_a": 16},
    "yard": {"auth": "none", "name": "Hof"},
    "attic": {"auth": "none", "name": "Dachboden"},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server with two chargers, which leaves the rows of the tests alone."""
    home = Home(tmp_path_factory.mktemp("limits") / "home")
    home.charge_points_file.write_text(json.dumps(CHARGE_POINTS))
    with leading(home):
        server = Server(home)
        with Charger(server, "garage") as garage, Charger(server, "yard") as yard:
            garage.boot().report("Available")
            yard.boot().report("Available", 1)
            yard.report("Available", 2)
            yield server
        server.stop()


@pytest.fixture
def server(shared: Server) -> Server:
    """Return the server without limits."""
    forget(shared.home)
    return shared


def words_of(text: str) -> str:
    """Return the text of a page without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", html.unescape(text)).split())


def limit_form(browser: PageBrowser, path: str, number: int = 0) -> Form:
    """Return the form of a limit; its buttons have values, too."""
    form = browser.form(path, "/site/limit", number)
    return form._replace(fields={**form.fields, "do": ""})


def test_without_limits_the_page_explains_them_and_the_others_look_as_before(
    server: Server,
) -> None:
    admin = PageBrowser(server)
    text = admin.text("/site")
    assert "Ein Limit ist der höchste Strom" in words_of(text)
    assert "conf/site.json (docs/power.md)." in words_of(text)
    assert 'id="site"' not in text
    forms = [form for form in admin.forms("/site") if form.action == "/site/limit"]
    assert [form.fields["charger"] for form in forms] == ["garage", "yard", "yard"]
    for path in ("/", "/c/garage"):
        page = admin.text(path)
        assert "/site/limit" not in page
        assert "limit.css" not in page
        assert "limit.mjs" not in page


def test_a_treasurer_sees_limits_and_has_no_form(server: Server) -> None:
    store_set_points(server.home, [set_point("garage", 1, 6_000, "shares", cars=2, total_a=12)])
    treasurer = PageBrowser(server, "treasurer")
    text = treasurer.text("/site")
    assert "6 A: zwei Autos teilen 12 A" in words_of(text)
    assert "gemessen 5,8 A · bestätigt 6 A · ohne Server 6 A" in words_of(text)
    assert "/site/limit" not in text + treasurer.text("/")
    assert '<a href="/site"' in text


@pytest.mark.parametrize("person", ["viewer", "driver/family-y"])
def test_others_have_neither_page_nor_form(server: Server, person: str) -> None:
    store_set_points(server.home, [set_point("garage", 1, 6_000, "shares", cars=2, total_a=12)])
    browser = PageBrowser(server, person)
    assert browser.get("/site").status == 403
    text = browser.text("/")
    assert "/site" not in text
    assert "limit.css" not in text


def test_the_site_is_shown_by_phase_with_its_meter(server: Server) -> None:
    server.home.settings.site_file.write_text('{"limit_a": 35, "meter": {"posted": true}}')
    store_site(server.home)
    store_set_points(server.home, [set_point("garage", 1, 10_000, "chosen")])
    words = words_of(PageBrowser(server).text("/site"))
    assert "Je Phase sind höchstens 35 A erlaubt." in words
    assert "Aus dem Netz kommen 9,80 kW." in words
    assert "L1 18,4 A 8,4 A 10 A L2 14,2 A 4,2 A 10 A L3 10 A 0 A 10 A" in words
    assert re.search(r"der Zähler ist in Ordnung, letzter Wert vor \d+ s", words)
    assert "Ersatzbetrieb" not in words


def test_each_group_has_its_limit_and_what_its_chargers_may_draw(server: Server) -> None:
    groups = {
        "hof": {"limit_a": 20, "members": ["YARD"]},
        "a & b": {"limit_a": 16, "members": ["attic"]},
    }
    server.home.settings.site_file.write_text(json.dumps({"groups": groups}))
    one_phase = set_point("yard", 2, 8_000, "own_maximum")._replace(phases="L2")
    points = [
        set_point("garage", 1, 16_000, "own_maximum"),
        set_point("yard", 1, 10_000, "own_maximum"),
        one_phase,
    ]
    store_set_points(server.home, points)
    words = words_of(PageBrowser(server).text("/site"))
    assert "hof 20 A 10 A 18 A 10 A a & b 16 A 0 A 0 A 0 A" in words
    assert "Es gibt kein Limit für alle zusammen" in words
    # Without a meter there is nothing of the grid and the house.
    assert "L1 26 A L2 34 A L3 26 A" in words


VALUES: dict[str, int | str] = {
    "cars": 3,
    "total_a": 20,
    "to_a": 16,
    "seconds": 30,
    "minutes": 5,
    "max_a": 32,
    "unbalance_a": 20,
    "limit_w": 4_200,
    "phases": 3,
    "where": "site",
}
"""Values for any reason."""


@pytest.mark.parametrize("key", REASONS["de"])
def test_every_set_point_has_its_reason_on_the_page(server: Server, key: str) -> None:
    store_set_points(server.home, [set_point("garage", 1, 6_000, key, **VALUES)])
    words = words_of(PageBrowser(server).text("/site"))
    reason = reason_text((key, VALUES), 6_000, "de")
    assert reason.startswith("6 A: ")
    assert "?" not in reason
    assert reason in words


def test_the_fallback_and_a_broken_file_are_said(server: Server) -> None:
    server.home.settings.site_file.write_text('{"limit_a": 5}')
    store_site(server.home, METER_SILENT, is_fallback=True)
    words = words_of(PageBrowser(server).text("/site"))
    assert "Ersatzbetrieb: " in words
    assert "site.json hat einen Fehler, die letzte gute Fassung gilt." in words


def test_a_charger_that_refuses_is_marked(server: Server) -> None:
    point = set_point("garage", 1, 6_000, "refuses", max_a=16)._replace(standing="refuses")
    store_set_points(server.home, [point])
    text = PageBrowser(server).text("/site")
    assert "<em>6 A: die Wallbox lehnt Limits ab; gerechnet wird mit 16 A</em>" in text
    # It has refused that one, too.
    assert "ohne Server" not in words_of(text)


def test_a_limit_is_set_paused_and_taken_back(server: Server) -> None:
    admin = PageBrowser(server)
    answer = admin.post(limit_form(admin, "/site"), do="set", limit_a="10")
    assert (answer.status, answer.headers["Location"]) == (303, "/site")
    assert [row[:4] for row in chosen(server.home)] == [("garage", 1, 10_000, None)]
    assert "gewählt: 10 A" in words_of(admin.text("/site")) or "10 A: von Hand gewählt" in (
        words_of(admin.text("/site"))
    )
    # The tiles have the form now, and it returns to their page.
    answer = admin.post(limit_form(admin, "/"), do="pause", until="06:00")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    ((*_, limit_ma, until_ms, _),) = chosen(server.home)
    assert limit_ma == 0
    assert until_ms is not None
    answer = admin.post(limit_form(admin, "/c/garage"), do="off")
    assert (answer.status, answer.headers["Location"]) == (303, "/c/garage")
    assert chosen(server.home) == []
    assert "/site/limit" not in admin.text("/")


def test_a_limit_of_a_whole_charger_is_taken_back_as_a_whole(server: Server) -> None:
    choose(server.home, "yard", 0, 10_000)
    admin = PageBrowser(server)
    admin.post(limit_form(admin, "/site", 1), do="set", limit_a="8")
    assert [row[1:3] for row in chosen(server.home)] == [(0, 10_000), (1, 8_000)]
    admin.post(limit_form(admin, "/site", 1), do="off")
    assert [row[1:3] for row in chosen(server.home)] == [(0, 10_000)]
    admin.post(limit_form(admin, "/site", 2), do="off")
    assert chosen(server.home) == []


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"do": "set", "limit_a": "5"}, "limit_a", "Wähle 6 bis 16 A."),
        ({"do": "set", "limit_a": "17"}, "limit_a", "Wähle 6 bis 16 A."),
        ({"do": "set", "limit_a": "\u0661\u0660"}, "limit_a", "Wähle 6 bis 16 A."),
        ({"do": "set", "limit_a": "10", "until": "25:00"}, "until", "Schreibe eine Uhrzeit"),
        ({"do": ""}, "", "Wähle Setzen, Pause oder Kein Limit."),
        ({"do": "set", "limit_a": "10", "charger": "nobody"}, "", "Diesen Ladepunkt gibt es nicht"),
        ({"do": "set", "limit_a": "10", "charger": "\ud800"}, "", "Diesen Ladepunkt gibt es nicht"),
        ({"do": "set", "limit_a": "10", "connector": "7"}, "", "Diesen Ladepunkt gibt es nicht"),
    ],
)
def test_a_wrong_form_comes_back_with_its_values(
    server: Server, fields: dict[str, str], field: str, sentence: str
) -> None:
    admin = PageBrowser(server)
    encodable = {name: text.replace("\ud800", "\x07") for name, text in fields.items()}
    answer = admin.post(limit_form(admin, "/site"), **encodable)
    assert answer.status == 422
    assert sentence in (error_of(answer.text, field) if field else words_of(answer.text))
    if field:
        assert f'value="{fields["limit_a"]}"' in answer.text
    assert chosen(server.home) == []


def test_a_shortcut_of_a_limit_is_made_and_used_from_outside(server: Server) -> None:
    admin = PageBrowser(server)
    form = admin.form("/settings/calls", "/settings/calls/limit")
    answer = admin.post(form, call_name="slow", limit="10A", until="06:00", charger="yard")
    assert answer.status == 200
    address = re.search(r"<code>http://[^/]*(/cgi-bin/caller\?[^<]*)</code>", answer.text)
    assert address is not None
    assert "begrenzt auf 10A bis 06:00 Uhr, an yard" in words_of(admin.text("/settings/calls"))
    # Nobody sends the limit in this home, so the answer comes after the default time.
    used = send(server.port, "GET", html.unescape(address[1]), {})
    assert used.text == "Das Limit ist gewählt, yard hat es noch nicht bestätigt.\n"
    assert used.status == 504
    ((charger, connector_id, limit_ma, until_ms, by),) = chosen(server.home)
    assert (charger, connector_id, limit_ma, by) == ("yard", 0, 10_000, "secret")
    assert until_ms is not None
    wrong = admin.post(form, call_name="slower", limit="10A", until="26:00")
    assert wrong.status == 422
    assert "&#34;until&#34; must be a time of day" in wrong.text


def test_healthz_names_a_site_file_with_an_error(server: Server) -> None:
    path = server.home.settings.site_file
    before = path.read_text() if path.exists() else None
    path.write_text("{")
    try:
        line = PageBrowser(server).text("/healthz")
        assert "the present site.json is not in force; see: shocpp check" in line
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
