"""A mode on each way to a charger of a server that decides: command, canned call, page, default."""

import json
from collections.abc import Iterator

import pytest

from tests.world.charger import Charger, now
from tests.world.form_pages import PageBrowser
from tests.world.home import Home
from tests.world.limits import limits, start
from tests.world.machine import wait_for
from tests.world.people import send, token_of
from tests.world.server import Server
from tests.world.stored_limits import chosen_modes

ENOUGH_S = 20
REST = {"action": "mode", "charge_point": "garage", "payload": {"mode": "off"}}


@pytest.fixture
def charger(home: Home, server: Server) -> Iterator[Charger]:
    """Yield a charger of a server, without any site.json."""
    home.settings.canned_file.write_text(json.dumps({"rest": REST}))
    with Charger(server, "garage") as charger:
        charger.answers["SetChargingProfile"] = {"status": "Accepted"}
        charger.answers["ClearChargingProfile"] = {"status": "Accepted"}
        charger.boot().report("Available")
        yield charger


def test_off_before_the_plug_is_0_a_for_the_next_car_and_ends_with_it(
    home: Home, charger: Charger
) -> None:
    chosen = home.run("shocpp", "mode", "-c", "garage", "off", env={"SHOCPP_LANG": "en"})
    assert (chosen.stdout, chosen.returncode) == ("garage: off; it ends when the car leaves\n", 0)
    charger.report("Preparing")
    transaction_id = start(charger, "3333")
    wait_for(lambda: limits(charger)[-1:] == [0], ENOUGH_S)
    charger.ask("StopTransaction", transactionId=transaction_id, meterStop=0, **now())
    charger.report("Finishing")
    assert [one[2] for one in chosen_modes(home)] == ["off"]
    charger.report("Available")
    wait_for(lambda: chosen_modes(home) == [], ENOUGH_S)


def test_a_driver_pauses_its_own_car_by_a_shortcut_and_goes_on_by_the_page(
    home: Home, server: Server, charger: Charger
) -> None:
    headers = {"Authorization": f"Bearer {token_of(home, 'driver', 'family-y')}"}
    refused = send(server.port, "GET", "/cgi-bin/caller?canned=rest", headers)
    assert (refused.status, limits(charger)) == (403, [])
    start(charger, "3333")
    answer = send(server.port, "GET", "/cgi-bin/caller?canned=rest", headers)
    assert (answer.status, answer.text) == (200, "garage lädt jetzt so: Aus.\n")
    wait_for(lambda: limits(charger)[-1:] == [0], ENOUGH_S)
    driver = PageBrowser(server, "driver/family-y")
    form = driver.form("/mode", "/mode")
    assert driver.post(form._replace(fields={**form.fields, "do": "default"})).status == 303
    wait_for(lambda: charger.calls[-1][0] == "ClearChargingProfile", ENOUGH_S)


def test_a_default_of_the_account_counts_once_its_session_begins(
    home: Home, charger: Charger
) -> None:
    assert home.run("shocpp", "accounts", "set", "family-y", "--mode", "off").returncode == 0
    transaction_id = start(charger, "3333")
    wait_for(lambda: limits(charger)[-1:] == [0], ENOUGH_S)
    charger.ask("StopTransaction", transactionId=transaction_id, meterStop=0, **now())


def test_a_car_pauses_once_it_has_its_energy(home: Home, charger: Charger) -> None:
    transaction_id = start(charger, "3333")
    ended = home.run("shocpp", "mode", "-c", "garage", "fast", "--kwh", "5")
    assert ended.returncode == 0
    for wh in (2_000, 5_100):
        assert 0 not in limits(charger)
        sampled = [{"value": str(wh), "measurand": "Energy.Active.Import.Register"}]
        value = [{**now(), "sampledValue": sampled}]
        charger.ask("MeterValues", connectorId=1, transactionId=transaction_id, meterValue=value)
    wait_for(lambda: limits(charger)[-1:] == [0], ENOUGH_S)


def test_a_choice_that_limits_nothing_ends_with_its_car_too(home: Home, charger: Charger) -> None:
    assert home.run("shocpp", "mode", "-c", "garage", "fast").returncode == 0
    charger.report("Preparing")
    charger.report("Available")
    wait_for(lambda: chosen_modes(home) == [], ENOUGH_S)
    assert charger.calls == []
