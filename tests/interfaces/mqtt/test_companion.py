"""A server with a mosquitto: one client, inputs of the site, and files with errors."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shocpp.store.database import open_database
from shocpp.store.site import mqtt
from shocpp.store.site.mqtt import BrokerState
from tests.world.broker import Broker, Household
from tests.world.findings import check
from tests.world.home import Home
from tests.world.limits import write_site
from tests.world.machine import BIN, ROOT, wait_for
from tests.world.power.limited_site import leader_of
from tests.world.server import Server

STATUS, METER, DIM = "shocpp/status", "haus/meter", "haus/dim"
PASSWORD = "correct horse battery"

Serve = Callable[..., Server]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker with a password."""
    broker = Broker(tmp_path / "broker", {"shocpp": PASSWORD, "house": "x"})
    yield broker
    broker.kill()


@pytest.fixture
def household(broker: Broker) -> Iterator[Household]:
    """A program that gets all messages."""
    household = Household(broker, "house", "x")
    yield household
    household.close()


def write_mqtt(home: Home, broker: Broker, **more: Any) -> None:
    """Write a mqtt.json with the broker."""
    conf = {"host": "127.0.0.1", "port": broker.port, "user": "shocpp", "password": PASSWORD}
    replace(home, json.dumps({**conf, **more}))


def replace(home: Home, text: str) -> None:
    """Replace the mqtt.json as an editor does."""
    path = home.settings.mqtt_file
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def state(home: Home) -> BrokerState | None:
    """Return the stored state of the connection."""
    with open_database(home.database) as db:
        return mqtt.broker_state(db)


def is_connected(home: Home) -> bool:
    """Return True if the connection is stored as being there."""
    present = state(home)
    return present is not None and present.trouble is None


def readings(home: Home) -> list[tuple[str, int, int, int]]:
    """Return the stored readings of the meter."""
    query = "SELECT source, l1_ma, l2_ma, l3_ma FROM site_reading ORDER BY id"
    return [tuple(row) for row in home.query(query)]


# --- one client ---


def test_without_a_mqtt_json_nothing_is_imported_and_nothing_stored(
    serve: Serve, home: Home
) -> None:
    script = (
        "import sys, shocpp.interfaces.mqtt.companion, shocpp.interfaces.stdio.backend;"
        "print(*[name for name in sys.modules if name.startswith('paho')])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("", "")
    serve()
    assert home.query("SELECT name FROM property WHERE name LIKE 'mqtt%'") == []


def test_of_three_workers_one_connects_and_its_end_says_offline(
    serve: Serve, home: Home, broker: Broker, household: Household
) -> None:
    write_mqtt(home, broker)
    server = serve(GUNICORN_CMD_ARGS="--workers=3")
    wait_for(lambda: len(server.workers()) == 3)
    wait_for(lambda: household.payloads(STATUS) == [b"online"])
    wait_for(lambda: is_connected(home))
    assert broker.log().count(" as shocpp") == 1
    # While all of them end, the next one may lead for a moment.
    server.stop()
    wait_for(lambda: household.newest(STATUS) == b"offline")


def test_after_hup_and_after_kill_9_of_the_leader_the_status_is_online_and_stays(
    serve: Serve, home: Home, broker: Broker, household: Household
) -> None:
    write_mqtt(home, broker)
    server = serve(GUNICORN_CMD_ARGS="--workers=2")
    wait_for(lambda: household.payloads(STATUS) == [b"online"])
    former = set(server.workers())
    os.kill(server.process.pid, signal.SIGHUP)
    wait_for(lambda: len(server.workers()) == 2 and not former & set(server.workers()))
    # One of the former workers may have led for a moment.
    wait_for(lambda: household.payloads(STATUS)[1:][-2:] == [b"offline", b"online"])
    before = len(household.payloads(STATUS))
    os.kill(wait_for(lambda: leader_of(server)), signal.SIGKILL)
    wait_for(lambda: household.payloads(STATUS)[before:] == [b"offline", b"online"])
    newcomer = Household(broker, "house", "x")
    assert wait_for(lambda: newcomer.payloads(STATUS)) == [b"online"]
    newcomer.close()


def test_another_broker_in_the_file_is_used_at_once(
    serve: Serve, home: Home, broker: Broker, household: Household, tmp_path: Path
) -> None:
    write_mqtt(home, broker, prefix="laden")
    serve()
    wait_for(lambda: household.payloads("laden/status") == [b"online"])
    other = Broker(tmp_path / "other")
    try:
        listener = Household(other)
        replace(home, json.dumps({"host": "127.0.0.1", "port": other.port}))
        wait_for(lambda: listener.payloads(STATUS) == [b"online"])
        wait_for(lambda: household.payloads("laden/status") == [b"online", b"offline"])
        home.settings.mqtt_file.unlink()
        wait_for(lambda: listener.payloads(STATUS) == [b"online", b"offline"])
        query = "SELECT 1 FROM property WHERE name IN ('mqtt', 'mqtt_state')"
        wait_for(lambda: home.query(query) == [])
        listener.close()
    finally:
        other.kill()


# --- files with errors ---


def test_a_broken_mqtt_json_leaves_the_broker_before_it_also_over_a_restart(
    serve: Serve, home: Home, broker: Broker, household: Household
) -> None:
    write_mqtt(home, broker)
    server = serve()
    wait_for(lambda: is_connected(home))
    replace(home, f'{{"host": "127.0.0.1",\n "pasword": "{PASSWORD}"}}')
    wait_for(lambda: "line 2: pasword is unknown" in server.log())
    assert "the broker before it stays" in server.log()
    server.kill()
    server.restart()
    wait_for(lambda: household.payloads(STATUS) == [b"online", b"offline", b"online"])
    server.stop()
    for path in [home.database, server.log_file]:
        assert b"correct horse" not in path.read_bytes()


# --- the meter ---


def test_a_topic_is_the_meter_but_its_retained_value_is_none(
    serve: Serve, home: Home, broker: Broker, household: Household
) -> None:
    household.publish(METER, '{"w": 9999}', retain=True)
    write_mqtt(home, broker)
    write_site(home, limit_a=35, meter={"mqtt": METER, "path": "w", "factor": -1})
    serve()
    wait_for(lambda: household.newest(STATUS) == b"online")
    household.publish(METER, '{"w": -2300}', retain=True)
    wait_for(lambda: readings(home))
    assert readings(home) == [("mqtt", 10_000, 10_000, 10_000)]


def test_of_many_messages_in_a_second_the_newest_counts(
    serve: Serve, home: Home, broker: Broker, household: Household
) -> None:
    write_mqtt(home, broker)
    write_site(home, limit_a=35, meter={"mqtt": METER, "unit": "A"})
    serve()
    wait_for(lambda: household.newest(STATUS) == b"online")
    for ampere in range(200):
        household.publish(METER, f"{ampere / 10}")
    wait_for(lambda: readings(home)[-1:] == [("mqtt", 19_900, 19_900, 19_900)])
    assert len(readings(home)) < 20


def test_a_message_without_a_reading_is_named_until_the_next_good_one(
    serve: Serve, home: Home, broker: Broker, household: Household
) -> None:
    write_mqtt(home, broker)
    write_site(home, limit_a=35, meter={"mqtt": METER, "path": "w"})
    serve()
    wait_for(lambda: household.newest(STATUS) == b"online")
    household.publish(METER, '{"w": "1,5"}')
    wait_for(lambda: (present := state(home)) is not None and present.meter_trouble)
    present = state(home)
    assert present is not None
    assert present.meter_trouble == (
        "the meter's topic haus/meter cannot be read: w is no number but '1,5'"
    )
    shown = home.run("shocpp", "site").stdout
    assert present.meter_trouble in shown
    assert present.meter_trouble in check(home).stdout
    assert readings(home) == []
    household.publish(METER, '{"w": 1.5}')
    wait_for(lambda: (now := state(home)) is not None and now.meter_trouble is None)
    assert len(readings(home)) == 1


# --- the signal of the grid operator ---


def test_a_retained_signal_counts_and_the_loss_of_the_broker_is_noted(
    serve: Serve, home: Home, broker: Broker, household: Household
) -> None:
    household.publish(DIM, "on", retain=True)
    write_mqtt(home, broker)
    write_site(home, limit_a=35, dimmed_w=4200, dim={"mqtt": DIM})
    serve()
    query = "SELECT is_dimmed, lost_ms IS NULL FROM dim_signal"
    wait_for(lambda: home.query(query) == [(1, 1)])
    broker.kill()
    wait_for(lambda: home.query(query) == [(1, 0)])
    broker.start()
    wait_for(lambda: home.query(query) == [(1, 1)])
    wait_for(lambda: household.payloads(STATUS) == [b"online", b"online"])
    household.publish(DIM, "maybe")
    wait_for(lambda: (present := state(home)) is not None and present.dim_trouble)
    household.publish(DIM, "OFF")
    wait_for(lambda: home.query(query) == [(0, 1)])


def test_a_process_for_one_charger_has_the_connection_where_no_server_runs(
    migrated_home: Home, broker: Broker, household: Household
) -> None:
    home = migrated_home
    write_mqtt(home, broker)
    process = subprocess.Popen(
        [BIN / "shocpp-backend", "-c", "garage"], stdin=subprocess.PIPE, env=home.environment
    )
    assert process.stdin is not None
    try:
        wait_for(lambda: household.payloads(STATUS) == [b"online"])
        process.stdin.close()
        assert process.wait(10) == 0
        wait_for(lambda: household.payloads(STATUS) == [b"online", b"offline"])
    finally:
        process.kill()
        process.wait()
