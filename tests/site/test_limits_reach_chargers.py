"""Limits reach chargers: real servers, a site.json, and a WebSocket client as the charger."""

import json
import sqlite3
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from operator import itemgetter

import pytest

from shocpp.clock import now_ms
from shocpp.site.choices.limits import (
    ACCEPTED,
    OFFLINE,
    REFUSED,
    await_set_point,
    choose_limit,
)
from shocpp.site.inputs.posted import record_posted
from shocpp.site.present import site_present
from shocpp.store.database import open_database
from tests.world.charger import Charger
from tests.world.home import Home
from tests.world.limits import (
    device,
    limits,
    profiles,
    report_currents,
    set_point,
    start,
    write_site,
)
from tests.world.machine import wait_for
from tests.world.server import Server

SOON_S = 12.0
"""Two ticks, and the time of a Call."""


def post(home: Home, *currents_a: float) -> None:
    """Post a reading of the site's meter, as a worker does for its client."""
    with open_database(home.database) as db:
        record_posted(db, home.settings, {"a": [*currents_a]}, now_ms())


def reason(home: Home) -> str:
    """Return the key of the reason of the set point."""
    point = set_point(home)
    return "" if point is None else str(json.loads(point["reason"])["key"])


def test_a_charger_gets_its_base_and_then_the_limit_of_its_session(
    home: Home, serve: Callable[..., Server]
) -> None:
    write_site(home, limit_a=20)
    with Charger(serve(), "garage").boot() as charger:
        wait_for(lambda: profiles(charger), SOON_S)
        assert profiles(charger) == [(1, 0, "TxDefaultProfile", 6)]
        start(charger)
        wait_for(lambda: len(profiles(charger)) > 1, SOON_S)
        assert profiles(charger)[1:] == [(1, 1, "TxProfile", 20)]
        _, written = charger.calls[-1]
        assert written["csChargingProfiles"]["chargingSchedule"]["duration"] == 900
        wait_for(lambda: (set_point(home) or {})["confirmed_a"] == 20, SOON_S)
        assert reason(home) == "limit_of"


def test_a_site_json_that_is_saved_later_counts_within_seconds(home: Home, server: Server) -> None:
    with Charger(server, "garage").boot() as charger:
        time.sleep(1)
        assert home.query("SELECT count(*) FROM set_point") == [(0,)]
        write_site(home, limit_a=16)
        wait_for(lambda: limits(charger) == [6], SOON_S)


def test_a_site_json_counts_as_soon_as_its_last_member_has_connected(
    home: Home, serve: Callable[..., Server]
) -> None:
    write_site(home, groups={"cellar": {"limit_a": 16, "members": ["garage"]}})
    server = serve()
    wait_for(lambda: "no charger has this name" in server.log(), SOON_S)
    time.sleep(11)
    with Charger(server, "garage").boot() as charger:
        wait_for(lambda: limits(charger) == [6], SOON_S)


def test_posted_readings_lower_the_limit_at_once_with_the_reason(
    home: Home, serve: Callable[..., Server]
) -> None:
    write_site(home, limit_a=35, meter={"posted": True}, unbalance_a=35)
    with Charger(serve(), "garage").boot() as charger:
        for number in range(4):
            post(home, 5, 5, 5 + number / 100)
            time.sleep(1.1)
        wait_for(lambda: home.query("SELECT meter FROM site_state") == [("good",)], SOON_S)
        transaction_id = start(charger)
        wait_for(lambda: max(limits(charger), default=0) > 25, SOON_S)
        report_currents(charger, transaction_id, 20, 20, 20)
        before = len(limits(charger))
        # The house draws 18 A beside the car's 20.
        post(home, 38, 38, 38)
        lowered_at = time.monotonic()
        wait_for(lambda: len(limits(charger)) > before, SOON_S)
        assert limits(charger)[-1] <= 16
        assert time.monotonic() - lowered_at < 5
        wait_for(lambda: reason(home) == "house_leaves", SOON_S)


def test_a_polled_meter_is_read_by_one_worker_only(
    home: Home, serve: Callable[..., Server]
) -> None:
    with device() as meter:
        meter.document = {"emeters": [{"power": 230 * current} for current in (5, 6, 7)]}
        paths = [f"emeters[{number}].power" for number in range(3)]
        write_site(home, limit_a=35, meter={"url": meter.url, "paths": paths, "every_s": 1})
        server = serve(WS_WORKERS="2")
        with Charger(server, "garage").boot():
            begun = time.monotonic()
            wait_for(lambda: home.query("SELECT count(*) FROM site_reading")[0][0] >= 4, SOON_S)
            assert home.query("SELECT DISTINCT source, l1_ma, l2_ma, l3_ma FROM site_reading") == [
                ("polled", 5_000, 6_000, 7_000)
            ]
            assert len(meter.requests) <= time.monotonic() - begun + 3
            wait_for(lambda: home.query("SELECT meter FROM site_state") == [("good",)], SOON_S)


def test_a_meter_that_fails_is_logged_once_and_its_limits_stay(
    home: Home, serve: Callable[..., Server]
) -> None:
    with device() as meter:
        meter.status = 500
        write_site(home, limit_a=35, meter={"url": meter.url, "paths": ["power"], "every_s": 1})
        server = serve()
        wait_for(lambda: len(meter.requests) >= 4, SOON_S)
        assert server.log().count(f"{meter.url} answers with the status 500") == 1
        meter.status, meter.document = 200, {"power": 690}
        wait_for(lambda: home.query("SELECT l1_ma FROM site_reading") != [], SOON_S)
        assert f"the meter {meter.url} answers\n" in server.log()


def test_a_chosen_limit_works_without_a_site_json_and_ends(home: Home, server: Server) -> None:
    with (
        Charger(server, "garage").boot() as charger,
        open_database(home.database) as db,
    ):
        chosen = choose_limit(db, home.settings, "garage", None, 10_000, None, "anna", now_ms())
        assert await_set_point(db, chosen, 10_000, 10) == ACCEPTED
        assert profiles(charger) == [(1, 0, "TxDefaultProfile", 10)]
        present = site_present(db, home.settings, now_ms())
        (connector,) = present.connectors
        assert (connector.reason, connector.confirmed_ma) == ("10 A: von Hand gewählt", 10_000)
        assert connector.chosen is not None
        assert connector.chosen.chosen_by == "anna"
        choose_limit(db, home.settings, "garage", None, None, None, "anna", now_ms())
        wait_for(lambda: charger.calls[-1][0] == "ClearChargingProfile", SOON_S)
        wait_for(lambda: not home.query("SELECT 1 FROM installed_profile"), SOON_S)
        wait_for(lambda: set_point(home) is None, SOON_S)
        wait_for(lambda: not home.query("SELECT 1 FROM site_state"), SOON_S)


def test_a_limit_that_comes_back_at_once_is_sent_again(home: Home, server: Server) -> None:
    with (
        Charger(server, "garage").boot() as charger,
        open_database(home.database) as db,
    ):
        for limit_ma in (10_000, 0, 10_000, None, 10_000):
            chosen = choose_limit(
                db, home.settings, "garage", None, limit_ma, None, "anna", now_ms()
            )
            if limit_ma is None:
                wait_for(lambda: charger.calls[-1][0] == "ClearChargingProfile", SOON_S)
            else:
                assert await_set_point(db, chosen, limit_ma, 10) == ACCEPTED
        wait_for(lambda: limits(charger) == [10, 0, 10, 10], SOON_S)


def test_a_chosen_limit_ends_at_its_time(home: Home, server: Server) -> None:
    with (
        Charger(server, "garage").boot() as charger,
        open_database(home.database) as db,
    ):
        until_ms = now_ms() + 4_000
        choose_limit(db, home.settings, "garage", 1, 0, until_ms, "anna", now_ms())
        wait_for(lambda: limits(charger) == [0], SOON_S)
        wait_for(lambda: charger.calls[-1][0] == "ClearChargingProfile", 20)


def test_a_limit_for_a_charger_that_is_away_waits_for_it(home: Home, server: Server) -> None:
    with Charger(server, "garage").boot() as charger:
        charger.leave()
    with open_database(home.database) as db:
        chosen = choose_limit(db, home.settings, "garage", None, 8_000, None, "anna", now_ms())
        assert await_set_point(db, chosen, 8_000, 2) == OFFLINE
    with Charger(server, "garage").boot() as charger:
        wait_for(lambda: limits(charger) == [8], 20)


def test_a_charger_that_refuses_every_form_is_named_and_counts_with_its_maximum(
    home: Home, serve: Callable[..., Server]
) -> None:
    write_site(home, limit_a=20)
    answers = {"SetChargingProfile": {"status": "Rejected"}}
    with Charger(serve(), "garage", **answers).boot() as charger:
        start(charger)
        wait_for(lambda: (set_point(home) or {}).get("standing") == "refuses", 30)
        sent = profiles(charger)
        assert len(sent) == len({one[:3] for one in sent}) or len(sent) > 4
        assert home.query("SELECT reckoned_a FROM set_points") == [(32.0,)]
        assert reason(home) == "refuses"
        with open_database(home.database) as db:
            chosen = choose_limit(db, home.settings, "garage", None, 8_000, None, "a", now_ms())
            assert await_set_point(db, chosen, 8_000, 5) == REFUSED
        time.sleep(6)
        assert len(profiles(charger)) < 30


def test_a_charger_that_refuses_tx_profiles_gets_the_next_form(
    home: Home, serve: Callable[..., Server]
) -> None:
    def answer(charger: Charger, unique_id: str, payload: dict[str, object]) -> None:
        profile = payload["csChargingProfiles"]
        assert isinstance(profile, dict)
        is_tx = profile["chargingProfilePurpose"] == "TxProfile"
        charger.send([3, unique_id, {"status": "Rejected" if is_tx else "Accepted"}])

    write_site(home, limit_a=20)
    with Charger(serve(), "garage", SetChargingProfile=answer).boot() as charger:
        start(charger)
        wait_for(lambda: (1, 1, "TxDefaultProfile", 20) in profiles(charger), 20)
        wait_for(lambda: (set_point(home) or {})["confirmed_a"] == 20, SOON_S)


@pytest.mark.timeout(150)
def test_a_removed_site_json_counts_for_a_minute_and_then_all_profiles_are_cleared(
    home: Home, serve: Callable[..., Server]
) -> None:
    write_site(home, limit_a=20)
    server = serve()
    with Charger(server, "garage").boot() as charger:
        transaction_id = start(charger)
        wait_for(lambda: 20 in limits(charger), 20)
        (home.folder / "conf" / "site.json").unlink()
        # The next leader goes on with the limits, too.
        server.stop()
        server.restart()
    with Charger(server, "garage").boot() as charger:
        time.sleep(8)
        assert set_point(home) is not None
        assert "ClearChargingProfile" not in {action for action, _ in charger.calls}
        wait_for(
            lambda: [*map(itemgetter(0), charger.calls)].count("ClearChargingProfile") == 2, 75
        )
        wait_for(lambda: set_point(home) is None, SOON_S)
        charger.end(transaction_id, 100)


def test_a_locked_database_delays_a_decision_and_loses_nothing(
    home: Home, serve: Callable[..., Server]
) -> None:
    with device() as meter:
        meter.document = {"power": 690}
        write_site(home, limit_a=20, meter={"url": meter.url, "paths": ["power"], "every_s": 1})
        server = serve()
        wait_for(lambda: home.query("SELECT 1 FROM site_reading"), SOON_S)
        lock = sqlite3.connect(home.database, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        ((before,),) = home.query("SELECT count(*) FROM site_reading")
        requests = len(meter.requests)
        wait_for(lambda: "the limits are not decided now" in server.log(), 20)
        assert home.query("SELECT count(*) FROM site_reading") == [(before,)]
        lock.execute("ROLLBACK")
        lock.close()
        expected = before + len(meter.requests) - requests
        wait_for(lambda: home.query("SELECT count(*) FROM site_reading")[0][0] >= expected, SOON_S)
        wait_for(lambda: "the limits are decided again" in server.log(), SOON_S)
        assert server.log().count("the limits are not decided now") == 1


def test_a_charger_on_stdin_gets_limits_without_a_server(home: Home) -> None:
    write_site(home, limit_a=20)
    assert home.run("shocpp", "migrate").returncode == 0
    with home.backend("garage") as charger:
        assert charger.stdin is not None
        assert charger.stdout is not None
        boot = {"chargePointVendor": "maker", "chargePointModel": "model"}
        charger.stdin.write(json.dumps([2, "1", "BootNotification", boot]) + "\n")
        charger.stdin.flush()
        answer = json.loads(charger.stdout.readline())
        assert answer[:2] == [3, "1"]
        call = json.loads(charger.stdout.readline())
        assert (call[0], call[2]) == (2, "SetChargingProfile")
        charger.stdin.write(json.dumps([3, call[1], {"status": "Accepted"}]) + "\n")
        charger.stdin.flush()
        wait_for(lambda: (set_point(home) or {}).get("confirmed_a") == 6, SOON_S)


def test_an_error_ends_only_its_tick(home: Home, serve: Callable[..., Server]) -> None:
    write_site(home, limit_a=20)
    server = serve()
    wait_for(lambda: home.query("SELECT 1 FROM site_state"), SOON_S)

    def rename(old: str, new: str) -> None:
        with closing(sqlite3.connect(home.database, timeout=10)) as db:
            db.execute(f"ALTER TABLE {old} RENAME TO {new}")

    rename("limit_choice", "other")
    wait_for(lambda: "the limits are not decided now" in server.log(), SOON_S)
    time.sleep(6)
    rename("other", "limit_choice")
    wait_for(lambda: "the limits are decided again" in server.log(), 20)
    assert server.log().count("the limits are not decided now") == 1


def test_a_state_that_cannot_be_read_begins_anew(home: Home, serve: Callable[..., Server]) -> None:
    write_site(home, limit_a=20)
    server = serve()
    with Charger(server, "garage").boot() as charger:
        wait_for(lambda: limits(charger) == [6], SOON_S)
    server.stop()
    with closing(sqlite3.connect(home.database)) as db, db:
        db.execute("UPDATE site_state SET state = 'of another version'")
    server.restart()
    with Charger(server, "garage").boot() as charger:
        start(charger)
        wait_for(lambda: limits(charger)[-1:] == [20], SOON_S)
    assert "the state of the limits cannot be read; it begins anew" in server.log()


def test_a_reading_is_posted_to_any_worker_by_http(
    home: Home, serve: Callable[..., Server]
) -> None:
    write_site(home, limit_a=35, meter={"posted": True})
    server = serve()
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/api/site",
        json.dumps({"grid_w": 2300}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer) == {"accepted": True}
    wait_for(lambda: home.query("SELECT meter FROM site_state") == [("new",)], SOON_S)
    assert home.query("SELECT l1_ma, l2_ma, l3_ma FROM site_reading") == [(10_000,) * 3]
