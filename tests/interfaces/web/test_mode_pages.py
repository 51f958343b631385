"""The forms of modes on tiles, on /site and on their own page."""

import html
import json
import re
from collections.abc import Iterator

import pytest

from shocpp.clock import now_ms
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import modes
from shocpp.store.site.modes import ModeChoice
from tests.world.charger import Charger
from tests.world.form_pages import Form, PageBrowser, error_of
from tests.world.home import Home
from tests.world.people import send
from tests.world.server import Server
from tests.world.stored_limits import chosen_modes, forget, leading

CHARGE_POINTS = {
    "garage": {"auth": "none", "name": "Garage"},
    "yard": {"auth": "none", "name": "Hof"},
}
METER = '{"limit_a": 35, "meter": {"posted": true}}'
OWN = "driver/family-y"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server that decides nothing; both accounts charge, each at its own charger."""
    home = Home(tmp_path_factory.mktemp("modes") / "home")
    home.charge_points_file.write_text(json.dumps(CHARGE_POINTS))
    with leading(home):
        server = Server(home)
        with Charger(server, "garage") as garage, Charger(server, "yard") as yard:
            garage.boot()
            garage.begin("3333", 1_000)
            garage.report("Charging")
            yard.boot()
            yard.begin("1111", 1_000)
            yard.report("Charging")
            yard.report("Available", 2)
            yield server
        server.stop()


@pytest.fixture
def server(shared: Server) -> Server:
    """Return the server with a meter of the site, and without modes."""
    forget(shared.home)
    use_meter(shared.home, METER)
    return shared


def use_meter(home: Home, text: str | None) -> None:
    """Put a site.json in force, as a leader does, or none."""
    path = home.settings.site_file
    with open_database(home.database) as db, db.writing(keys=NO_KEYS):
        db.execute("DELETE FROM property WHERE name = 'site'")
        if text is not None:
            db.execute("INSERT INTO property VALUES ('site', ?)", (text,))
    if text is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(text)


def store(home: Home, choice: ModeChoice) -> None:
    """Store a chosen mode."""
    with open_database(home.database) as db, db.writing(keys=NO_KEYS):
        modes.choose(db, choice)


def words_of(text: str) -> str:
    """Return the text of a page without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", html.unescape(text)).split())


def mode_form(browser: PageBrowser, path: str, number: int = 0) -> Form:
    """Return the form of a mode; its buttons have values, too."""
    form = browser.form(path, "/mode", number)
    return form._replace(fields={**form.fields, "do": "set", "mode": "fast"})


def mode_forms(browser: PageBrowser, path: str) -> list[str]:
    """Return the connectors that have a form of a mode on a page."""
    return [
        f"{form.fields['charger']}/{form.fields['connector']}"
        for form in browser.forms(path)
        if form.action == "/mode"
    ]


def test_each_has_the_forms_of_its_role(server: Server) -> None:
    every = ["garage/1", "yard/1", "yard/2"]
    assert mode_forms(PageBrowser(server), "/") == every
    assert mode_forms(PageBrowser(server), "/site") == every
    assert mode_forms(PageBrowser(server), "/mode") == every
    assert mode_forms(PageBrowser(server), "/c/yard") == every[1:]
    driver = PageBrowser(server, OWN)
    assert mode_forms(driver, "/") == ["garage/1"]
    assert mode_forms(driver, "/mode") == ["garage/1"]
    assert mode_forms(driver, "/c/yard") == []
    for role in ("treasurer", "viewer"):
        assert mode_forms(PageBrowser(server, role), "/") == []
        assert PageBrowser(server, role).get("/mode").status == 403
    assert mode_forms(PageBrowser(server, "treasurer"), "/site") == []


def test_without_anything_to_choose_from_the_tiles_look_as_before(server: Server) -> None:
    use_meter(server.home, None)
    for person in ("admin", OWN):
        browser = PageBrowser(server, person)
        assert mode_forms(browser, "/") == []
        assert "limit.css" not in browser.text("/")
        assert mode_forms(browser, "/mode") != []


def test_a_mode_is_set_and_taken_back(server: Server) -> None:
    admin = PageBrowser(server)
    answer = admin.post(mode_form(admin, "/site"), mode="solar", kwh="7,5", by="06:00")
    assert (answer.status, answer.headers["Location"]) == (303, "/site")
    ((*place, mode, until_ms, goal_wh, by_ms),) = chosen_modes(server.home)
    assert (place, mode, until_ms, goal_wh) == (["garage", 1], "solar", None, 7_500)
    assert by_ms is not None
    for path in ("/site", "/", "/c/garage"):
        words = words_of(admin.text(path))
        assert re.search(r"Ladeart: Nur Sonne, 7,5 kWh bis [^,]*06:00, noch 7,5 kWh", words)
    form = mode_form(admin, "/")
    assert (form.fields["kwh"], form.fields["by"], form.fields["until"]) == ("7,5", "06:00", "")
    answer = admin.post(mode_form(admin, "/c/garage"), do="default")
    assert (answer.status, answer.headers["Location"]) == (303, "/c/garage")
    assert chosen_modes(server.home) == []
    assert "Ladeart: " not in words_of(admin.text("/"))


def test_a_driver_chooses_for_its_own_car_only(server: Server) -> None:
    driver = PageBrowser(server, OWN)
    form = mode_form(driver, "/")
    answer = driver.post(form, mode="min", until="23:00")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert [one[:3] for one in chosen_modes(server.home)] == [("garage", 1, "min")]
    assert "Ladeart: Minimum und Sonne bis" in words_of(driver.text("/"))
    for charger, connector in (("yard", "1"), ("yard", "2"), ("garage", "2")):
        answer = driver.post(form, charger=charger, connector=connector, mode="off")
        assert answer.status == 422
        assert "Hier lädt dein Auto nicht mehr" in words_of(answer.text)
    assert len(chosen_modes(server.home)) == 1
    # It may not open that page.
    answer = driver.post(form, at="site", mode="off")
    assert (answer.status, answer.headers["Location"]) == (303, "/mode")


def test_a_tile_of_others_says_nothing_of_their_mode(server: Server) -> None:
    store(server.home, ModeChoice("yard", 1, "off", None, None, None, None, "x", now_ms(), 1))
    assert "Ladeart: Aus" in words_of(PageBrowser(server).text("/"))
    assert "Ladeart: " not in words_of(PageBrowser(server, OWN).text("/"))


def test_a_default_is_said_where_it_is_in_force(server: Server) -> None:
    accounts = json.loads(server.home.tags_file.read_text())
    new = [{**one, "mode": "solar"} if one["index"] == 2 else one for one in accounts]
    admin = PageBrowser(server)
    server.home.tags_file.write_text(json.dumps(new))
    try:
        assert "Ladeart: Nur Sonne (voreingestellt)" in words_of(admin.text("/c/garage"))
        assert "voreingestellt)" not in words_of(admin.text("/c/yard"))
        # Setting only the kWh must not choose another mode.
        checked = r'value="([a-z]+)" checked'
        assert re.findall(checked, admin.text("/site")) == ["solar", "fast", "fast"]
        assert re.findall(checked, PageBrowser(server, OWN).text("/")) == ["solar"]
        # Without a meter it charges as ever.
        use_meter(server.home, None)
        assert "voreingestellt)" not in words_of(admin.text("/c/garage"))
    finally:
        server.home.tags_file.write_text(json.dumps(accounts))


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"mode": "Solar"}, "", "Wähle eine Ladeart."),
        ({"mode": ""}, "", "Wähle eine Ladeart."),
        ({"mode": "min", "kwh": "0"}, "kwh", "Schreibe eine Zahl über 0 und bis 1000."),
        ({"mode": "min", "kwh": "-1"}, "kwh", "Schreibe eine Zahl"),
        ({"mode": "min", "by": "07:00"}, "kwh", "Schreibe auch, wie viele kWh"),
        ({"mode": "min", "kwh": "5", "by": "25:00"}, "by", "Schreibe eine Uhrzeit"),
        ({"mode": "min", "until": "25:00"}, "until", "Schreibe eine Uhrzeit"),
        ({"mode": "off", "kwh": "5"}, "kwh", "„Aus“ lädt nichts"),
        ({"do": ""}, "", "Wähle Setzen oder Wie voreingestellt."),
        ({"charger": "nobody"}, "", "Hier lädt dein Auto nicht mehr"),
        ({"charger": "\x07"}, "", "Hier lädt dein Auto nicht mehr"),
    ],
)
def test_a_wrong_form_comes_back_with_its_values(
    server: Server, fields: dict[str, str], field: str, sentence: str
) -> None:
    admin = PageBrowser(server)
    answer = admin.post(mode_form(admin, "/"), **fields)
    assert answer.status == 422
    assert sentence in (error_of(answer.text, field) if field else words_of(answer.text))
    if field == "kwh" and "kwh" in fields:
        assert f'value="{fields["kwh"]}"' in answer.text
    assert chosen_modes(server.home) == []


def test_solar_without_a_meter_is_refused_with_the_remedy(server: Server) -> None:
    use_meter(server.home, '{"limit_a": 35}')
    admin = PageBrowser(server)
    answer = admin.post(mode_form(admin, "/site"), mode="solar")
    assert answer.status == 422
    assert "„Nur Sonne“ braucht einen Zähler am Hausanschluss" in words_of(answer.text)
    assert chosen_modes(server.home) == []


def test_a_goal_that_is_reached_says_so_and_is_not_set_again(server: Server) -> None:
    reached = ModeChoice("garage", 1, "fast", None, 5_000, None, 1_000, "x", now_ms(), 1)
    store(server.home, reached._replace(from_wh=-4_000))
    admin = PageBrowser(server)
    assert "Ladeart: Schnell, 5 kWh, noch 0,0 kWh" in words_of(admin.text("/"))
    assert mode_form(admin, "/").fields["kwh"] == ""


def test_defaults_are_chosen_on_the_pages_of_account_and_charger(server: Server) -> None:
    admin, home = PageBrowser(server), server.home
    pages = (
        ("/accounts/2", "/accounts/2/recipient", home.tags_file),
        ("/chargers/garage", "/chargers/garage/details", home.charge_points_file),
    )
    for page, action, path in pages:
        before = path.read_text()
        assert admin.post(admin.form(page, action), mode="solar").status == 303
        assert path.read_text().count('"mode": "solar"') == 1
        assert admin.form(page, action).fields["mode"] == "solar"
        assert admin.post(admin.form(page, action), mode="Solar").status == 422
        assert admin.post(admin.form(page, action), mode="").status == 303
        assert json.loads(path.read_text()) == json.loads(before)


def test_a_shortcut_of_a_mode_is_made_and_used_from_outside(server: Server) -> None:
    admin = PageBrowser(server)
    form = admin.form("/settings/calls", "/settings/calls/mode")
    answer = admin.post(form, call_name="sun", mode="solar", kwh="7,5", by="07:00", charger="yard")
    assert answer.status == 200
    address = re.search(r"<code>http://[^/]*(/cgi-bin/caller\?[^<]*)</code>", answer.text)
    assert address is not None
    does = "wählt die Ladeart: Nur Sonne, 7,5 kWh bis 07:00, an yard"
    assert does in words_of(admin.text("/settings/calls"))
    used = send(server.port, "GET", html.unescape(address[1]), {})
    assert used.status == 200
    assert used.text.startswith("yard lädt jetzt so: Nur Sonne, 7,5 kWh bis ")
    assert [one[:3] for one in chosen_modes(server.home)] == [
        ("yard", 1, "solar"),
        ("yard", 2, "solar"),
    ]
    for fields, sentence in (
        ({"kwh": "0"}, "Schreibe eine Zahl über 0 und bis 1000."),
        ({"mode": "Solar"}, '"mode" must be one of fast, min, solar, off, default'),
        ({"by": "07:00"}, '"by" needs "kwh"'),
    ):
        wrong = admin.post(form, call_name="other", **{"mode": "min", **fields})
        assert wrong.status == 422
        assert sentence in words_of(wrong.text)
