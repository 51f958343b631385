"""A limit on each way to a charger: command, canned call, page; and what each of them says."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.world.charger import Charger
from tests.world.form_pages import PageBrowser
from tests.world.home import Home
from tests.world.limits import limits, report_currents, start, write_site
from tests.world.machine import wait_for
from tests.world.people import send, token_of
from tests.world.server import Server

SLOW = {"action": "limit", "charge_point": "garage", "payload": {"limit": "8A"}}


@pytest.fixture
def charger(home: Home, server: Server) -> Iterator[Charger]:
    """Yield a charger of a server, which decides about its limits."""
    home.settings.canned_file.write_text(json.dumps({"slow": SLOW}))
    with Charger(server, "garage") as charger:
        charger.answers["SetChargingProfile"] = {"status": "Accepted"}
        charger.answers["ClearChargingProfile"] = {"status": "Accepted"}
        charger.boot().report("Available")
        yield charger


def test_the_command_waits_for_the_charger_and_says_that_it_keeps_the_limit(
    home: Home, charger: Charger
) -> None:
    chosen = home.run("shocpp", "limit", "-c", "garage", "10A", "-t", "20")
    assert (chosen.stdout, chosen.returncode) == ("garage: 10 A; garage has accepted it\n", 0)
    assert limits(charger) == [10]
    shown = json.loads(home.run("shocpp", "site", "--json").stdout)
    (point,) = shown["connectors"]
    assert (point["base_ma"], point["confirmed_ma"]) == (10_000, 10_000)
    assert shown["is_decided"]
    assert home.run("shocpp", "limit", "off").returncode == 0
    wait_for(lambda: charger.calls[-1][0] == "ClearChargingProfile", 20)


def test_the_command_names_a_charger_that_refuses(home: Home, charger: Charger) -> None:
    charger.answers["SetChargingProfile"] = {"status": "Rejected"}
    chosen = home.run("shocpp", "limit", "-c", "garage", "10A", "-t", "20")
    assert (chosen.stderr, chosen.returncode) == (
        "garage: 10 A; garage refuses limits; see: shocpp calls\n",
        1,
    )


def test_a_canned_call_is_answered_when_the_charger_has_accepted(
    home: Home, server: Server, charger: Charger
) -> None:
    headers = {"Authorization": f"Bearer {token_of(home, 'admin')}"}
    for _ in range(2):
        answer = send(server.port, "GET", "/cgi-bin/caller?canned=slow", headers)
        assert (answer.status, answer.text) == (200, "garage ist auf 8 A begrenzt.\n")
    assert limits(charger) == [8], "a double tap sends nothing twice"
    driver = {"Authorization": f"Bearer {token_of(home, 'driver', 'family-y')}"}
    refused = send(server.port, "GET", "/cgi-bin/caller?canned=slow", driver)
    assert (refused.status, limits(charger)) == (403, [8])


def test_a_program_posts_readings_and_everybody_sees_what_follows(
    home: Home, server: Server, charger: Charger
) -> None:
    bearer = {"Authorization": f"Bearer {token_of(home, 'site')}"}
    headers = {**bearer, "Content-Type": "application/json"}
    write_site(home, limit_a=35, meter={"posted": True}, unbalance_a=35)

    def post(*currents_a: float) -> None:
        body = json.dumps({"a": currents_a})
        answer = send(server.port, "POST", "/api/site", headers, body)
        assert (answer.status, answer.text) == (200, '{"accepted":true}\n')

    for number in range(4):
        post(5, 5, 5 + number / 100)
        time.sleep(1.1)
    transaction_id = start(charger, "3333")
    wait_for(lambda: max(limits(charger), default=0) > 25, 20)
    report_currents(charger, transaction_id, 20, 20, 20)
    # The house draws 18 A beside the car's 20.
    post(38, 38, 38)
    admin, driver = PageBrowser(server), PageBrowser(server, "driver/family-y")
    wait_for(lambda: limits(charger)[-1] <= 16, 20)
    reason = f"{limits(charger)[-1]:g} A: mehr lässt das Haus gerade nicht übrig"
    wait_for(lambda: reason in admin.text("/"), 20)
    assert reason in admin.text("/site")
    assert reason in driver.text("/")
    assert "/site" not in driver.text("/")
    (row,) = json.loads(send(server.port, "GET", "/api/set-points", {"Host": "localhost"}).text)[
        "set_points"
    ]
    assert row["limit_a"] == limits(charger)[-1]
    assert json.loads(row["reason"])["key"] == "house_leaves"
    shown = home.run("shocpp", "site", env={"SHOCPP_LANG": "en"}).stdout
    assert "38 A, 38 A, 38 A" in shown


def test_the_slider_reaches_the_charger_and_the_tile_says_so(
    server: Server, charger: Charger
) -> None:
    admin = PageBrowser(server)
    form = admin.form("/site", "/site/limit")
    admin.post(form._replace(fields={**form.fields, "do": "set"}), limit_a="12")
    wait_for(lambda: limits(charger) == [12], 20)
    wait_for(lambda: "12 A: von Hand gewählt" in admin.text("/"), 20)
