"""The pages of days: for whom, with which words, and their files."""

import csv
import html
import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest

from shocpp.clock import now_ms
from shocpp.energy.model import SiteReading
from shocpp.store.database import open_database
from shocpp.store.keys import NO_KEYS
from shocpp.store.site import history, readings
from tests.world.charger import Charger
from tests.world.form_pages import PageBrowser
from tests.world.home import Home
from tests.world.scenes import start
from tests.world.server import Server
from tests.world.stored_day import HOUSE_W, store_day, sun_w
from tests.world.stored_limits import leading, set_point, store_set_points

CHARGE_POINTS = {
    "garage": {"auth": "none", "name": "Garage"},
    "yard": {"auth": "none", "name": "=Hof"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server with the history of yesterday, which leaves it alone."""
    home = Home(tmp_path_factory.mktemp("days") / "home")
    home.charge_points_file.write_text(json.dumps(CHARGE_POINTS))
    with leading(home):
        server = Server(home)
        with Charger(server, "garage") as garage, Charger(server, "yard") as yard:
            garage.boot().report("Available")
            yard.boot().report("Available")
            store_day(home, yesterday(home))
            yield server
        server.stop()


def today(home: Home) -> date:
    """Return the day of the server."""
    return datetime.now(home.settings.zone).date()


def yesterday(home: Home) -> date:
    """Return the day with values."""
    return today(home) - timedelta(1)


def words_of(text: str) -> str:
    """Return the text of a page without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", html.unescape(text)).split())


def rows_of(server: Server, path: str, person: str = "admin") -> list[list[str]]:
    """Return the rows of a file."""
    answer = PageBrowser(server, person).get(path)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.text[0] == "\ufeff"
    return list(csv.reader(answer.text[1:].splitlines(), delimiter=";"))


@pytest.mark.parametrize("role", ["admin", "treasurer"])
def test_the_page_has_sun_house_grid_and_each_car_with_its_reasons(
    server: Server, role: str
) -> None:
    text = PageBrowser(server, role).text(f"/site/day/{yesterday(server.home)}")
    words = words_of(text)
    assert "Sonne, übrig 48,2 kWh" in words
    assert "Autos 83,8 kWh" in words
    assert "Netz 51,2 kWh Bezug, 8,6 kWh Einspeisung" in words
    assert "Garage 39,6 kWh" in words
    assert "=Hof 44,2 kWh" in words
    assert "08:00 Nur Sonne 0 A: wartet auf Sonne" in words
    assert "19:00 Schnell 16 A: mehr ist nicht erlaubt" in words
    assert "09:30 6,09 0,00" in words, "a row of the table: sun, house …"
    kinds = re.findall('<path class="([a-z]+)" d="M[0-9.]+ [0-9.]+[VH]', text)
    assert kinds.count("cars") == 3 + 1, "of the site, of each car, and the one of the legend"
    assert kinds.count("bound") == 2


def test_the_files_have_the_same_values(server: Server) -> None:
    base = f"/site/day/{yesterday(server.home)}"
    head, *rows = rows_of(server, f"{base}.csv")
    assert head == [
        *("Zeit", "Zeit (UTC)", "Sonne, übrig (kW)", "Haus (kW)", "Netz (kW)"),
        *("'=Hof, Leistung (kW)", "'=Hof, Limit (A)"),
        *("Garage, Leistung (kW)", "Garage, Limit (A)"),
    ]
    assert len(rows) == 288
    noon = next(row for row in rows if row[0].endswith(" 12:30:00"))
    left_w = sum(sun_w(12.5 + minute / 60) - HOUSE_W for minute in range(5)) / 5
    sun, house, grid, *cars = noon[2:]
    assert abs(float(sun.replace(",", ".")) - left_w / 1000) < 0.002
    assert abs(float(grid.replace(",", ".")) - (8_280 - left_w) / 1000) < 0.002
    assert [house, *cars] == ["0,000", "0,000", "", "8,280", "12"]
    day = yesterday(server.home)
    head, *rows = rows_of(server, f"{base}/limits.csv")
    assert head == ["Zeit", "Zeit (UTC)", "Wallbox", "Ladeart", "Limit (A)", "Limit mit Grund"]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    night = [row[2:] for row in rows if row[0] == f"{day:%d.%m.%Y} 19:00:00"]
    sentence = "16 A: mehr ist nicht erlaubt"
    assert night == [["'=Hof", "Schnell", "16", sentence]]


def test_a_driver_sees_its_own_car_only_and_no_house(server: Server) -> None:
    home, driver = server.home, PageBrowser(server, "driver/family-y")
    path = f"/account/day/{today(home)}"
    assert "hat hier kein Auto mit deinen Karten geladen" in words_of(driver.text(path))
    with Charger(server, "garage") as garage, Charger(server, "yard") as yard:
        start(garage.boot(), "3333", minutes=0)
        start(yard.boot(), "1111", minutes=0)
        with open_database(home.database) as db, db.writing(keys=NO_KEYS):
            readings.add(db, readings.POSTED, SiteReading(now_ms(), (9_000, 9_000, 9_000)))
            history.record(
                db,
                [(("garage", 1), 4_140), (("yard", 1), 11_040)],
                [set_point("garage", 1, 6_000, "shares", cars=2, total_a=22)],
                now_ms(),
            )
        words = words_of(driver.text(path))
        other = words_of(PageBrowser(server, "driver/company-x").text(path))
        files = [
            rows_of(server, f"{path}{end}", "driver/family-y") for end in (".csv", "/limits.csv")
        ]
    assert "6 A: zwei Autos teilen 22 A" in words
    assert "Garage" in words
    assert "=Hof" in other
    assert "Garage" not in other
    for word in ("=Hof", "Netz", "Haus"):
        assert word not in words
    assert files[0][0] == ["Zeit", "Zeit (UTC)", "Garage, Leistung (kW)", "Garage, Limit (A)"]
    assert {row[2] for row in files[1][1:]} == {"Garage"}
    assert driver.get(f"/site/day/{today(home)}").status == 403
    assert f'href="{path}"' in driver.text("/account")


@pytest.mark.parametrize(
    "name", ["2026-13-01", "01.10.2026", "2026-1-1", "9999-12-31", "0001-01-01", "2026-10-01x", "-"]
)
@pytest.mark.parametrize("ending", ["", ".csv", "/limits.csv"])
def test_what_is_no_day_of_the_past_is_not_there(server: Server, name: str, ending: str) -> None:
    assert PageBrowser(server).get(f"/site/day/{name}{ending}").status == 404


def test_a_day_without_values_says_so_and_days_lead_to_their_neighbours(server: Server) -> None:
    admin, home = PageBrowser(server), server.home
    assert "Für diesen Tag gibt es keine Werte. Aufbewahrt werden sie 14 Tage." in words_of(
        admin.text("/site/day/2000-01-01")
    )
    text = admin.text(f"/site/day/{yesterday(home)}")
    for day in (today(home), yesterday(home) - timedelta(1)):
        assert f'href="/site/day/{day}"' in text
    oldest = today(home) - timedelta(14)
    assert f"/site/day/{oldest - timedelta(1)}" not in admin.text(f"/site/day/{oldest}")
    assert f"/site/day/{today(home) + timedelta(1)}" not in admin.text(f"/site/day/{today(home)}")


def test_the_page_of_limits_leads_to_the_day(server: Server) -> None:
    path = f'href="/site/day/{today(server.home)}"'
    assert path not in PageBrowser(server).text("/site")
    store_set_points(server.home, [set_point("garage", 1, 6_000, "shares", cars=2, total_a=12)])
    assert path in PageBrowser(server).text("/site")
