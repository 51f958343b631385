"""The metrics for Prometheus: of real workers and chargers, also after kills and reloads."""

import contextlib
import http.client
import itertools
import json
import math
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from shocpp.energy.model import METER_SILENT
from shocpp.metrics.counter_files import READINGS, CounterFile, remove_dead_files, sum_files
from shocpp.metrics.counters import ACTIONS, COUNTS, LENGTH, POSITIONS, Counters
from tests.world.charger import ENERGY_WH, Charger, ChargerWithCar
from tests.world.home import Home
from tests.world.machine import PATIENCE_S, ROOT, wait_for
from tests.world.server import Server
from tests.world.stored_limits import leading, set_point, store_set_points, store_site

TOKEN = "correct-horse-battery"
TWICE = 8
"""The number of scrapes after which each of two workers has almost certainly answered one."""

Samples = dict[tuple[str, ...], float]


def get(server: Server, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    """Return the answer to a request for /metrics."""
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client.request(method, "/metrics", headers={"Host": f"localhost:{server.port}"} | named)
    return client.getresponse()


def scrape(server: Server) -> Samples:
    """Return the samples by their name and label values, as Prometheus would parse them."""
    response = get(server)
    text = response.read().decode()
    assert response.status == 200, text
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def frames_in(samples: Samples) -> float:
    """Return the number of received frames."""
    return sum(
        value for (name, *rest), value in samples.items() if is_frames(name) and "in" in rest
    )


def is_frames(name: str) -> bool:
    return name == "shocpp_frames_total"


def counters(samples: Samples) -> Samples:
    """Return the samples that may only rise."""
    ends = ("_total", "_bucket", "_count", "_sum")
    return {key: value for key, value in samples.items() if key[0].endswith(ends)}


def assert_none_fell(before: Samples, after: Samples) -> None:
    """Check that no counter is lower than before, or missing."""
    assert {
        key: (value, after.get(key))
        for key, value in counters(before).items()
        if after.get(key, -1.0) < value
    } == {}


@pytest.fixture
def workers(serve: Callable[..., Server], home: Home) -> Server:
    """Return a server with two workers and a token."""
    return serve(GUNICORN_CMD_ARGS="--workers 2", SHOCPP_TOKEN=TOKEN)


@pytest.fixture
def chargers(workers: Server, home: Home) -> Iterator[list[ChargerWithCar]]:
    """Yield chargers that are connected to both workers."""
    with contextlib.ExitStack() as stack:
        connected: list[ChargerWithCar] = []

        def are_on_both() -> bool:
            name = f"cp{len(connected)}"
            connected.append(stack.enter_context(ChargerWithCar(workers, name, serial=name)))
            return home.query("SELECT count(DISTINCT worker) FROM connection") == [(2,)]

        wait_for(are_on_both)
        yield connected


def test_any_worker_answers_with_the_sums_of_all(
    workers: Server, chargers: list[ChargerWithCar]
) -> None:
    for charger in chargers:
        for _ in range(10):
            charger.ask("Heartbeat")
    count = len(chargers)
    expected = {
        ("shocpp_frames_total", "Heartbeat", "in"): 10.0 * count,
        ("shocpp_frames_total", "Heartbeat", "out"): 10.0 * count,
        ("shocpp_frames_total", "BootNotification", "in"): count,
        ("shocpp_connections_opened_total",): count,
        ("shocpp_connections_closed_total",): 0,
        ("shocpp_connected_charge_points",): count,
        ("shocpp_workers", "healthy"): 2,
        ("shocpp_workers", "ill"): 0,
        ("shocpp_answer_seconds_count",): 12.0 * count,
    }
    wait_for(lambda: expected.items() <= scrape(workers).items())
    for _ in range(TWICE):
        assert expected.items() <= scrape(workers).items()


def test_no_count_falls_or_doubles_when_a_worker_is_killed_or_all_are_reloaded(
    workers: Server, home: Home
) -> None:
    with ChargerWithCar(workers, "a", serial="a") as charger:
        for _ in range(50):
            charger.ask("Heartbeat")
    wait_for(lambda: frames_in(scrape(workers)) == 52)
    before = scrape(workers)
    for pid in workers.workers():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: is_up(workers) and scrape(workers)["shocpp_workers", "healthy"] == 2)
    for _ in range(TWICE):
        after = scrape(workers)
        assert_none_fell(before, after)
        assert frames_in(after) == 52
        assert after["shocpp_workers", "healthy"] + after["shocpp_workers", "ill"] == 2
    old = set(workers.workers())
    workers.process.send_signal(signal.SIGHUP)
    wait_for(lambda: not old & set(workers.workers()) and len(workers.workers()) == 2)
    wait_for(lambda: is_up(workers) and scrape(workers)["shocpp_workers", "healthy"] == 2)
    with ChargerWithCar(workers, "a", serial="a") as charger:
        charger.ask("Heartbeat")
    wait_for(lambda: frames_in(scrape(workers)) >= 55)
    for _ in range(TWICE):
        assert_none_fell(after, scrape(workers))
        assert frames_in(scrape(workers)) == 55
    folder = Path(f"{home.database}-metrics")
    assert len(list(folder.iterdir())) <= 4
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def is_up(server: Server) -> bool:
    """Return True if a worker answers."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return get(server).status == 200
    return False


def test_a_start_resets_the_counters_but_not_those_of_a_running_server(
    server: Server, home: Home
) -> None:
    with ChargerWithCar(server, "a", serial="a"):
        wait_for(lambda: frames_in(scrape(server)) == 2)
        port = str(server.port)
        second = [sys.executable, "-m", "gunicorn", "--paste", "wsgi.ini"]
        environment = home.environment | {"WS_PORT": port}
        master = subprocess.Popen(
            second, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
        )
        assert master.stderr is not None
        try:
            assert "in use" in wait_for(master.stderr.readline) + master.stderr.readline()
        finally:
            master.kill()
            master.communicate()
        assert frames_in(scrape(server)) == 2
    assert server.stop() == 0
    server.restart()
    assert frames_in(scrape(server)) == 0


def test_gauges_are_read_from_the_database(server: Server, home: Home) -> None:
    with (
        ChargerWithCar(server, "garage") as charger,
        ChargerWithCar(server, "stranger", serial="s"),
    ):
        charger.start("3333")
        meter = {"value": "7400", "measurand": "Power.Active.Import", "unit": "W"}
        charger.ask(
            "MeterValues",
            connectorId=1,
            transactionId=charger.transaction_id,
            meterValue=[{"timestamp": "2026-10-01T05:00:00Z", "sampledValue": [meter]}],
        )
        wait_for(lambda: home.query("SELECT power_w FROM meter_reading"))
        charging = {
            ("shocpp_open_transactions",): 1,
            ("shocpp_charge_point_power_watts", "garage"): 7400,
            ("shocpp_charge_point_power_derived", "garage"): 0,
            ("shocpp_connector_status", "garage", "1", "Charging"): 1,
            ("shocpp_charge_point_connected", "garage"): 1,
            ("shocpp_charge_point_connected", "stranger"): 1,
            ("shocpp_connected_charge_points",): 2,
        }
        assert charging.items() <= scrape(server).items()
        charger.stop()
        charger.start("no-such-card")
        charger.stop()
    wait_for(lambda: scrape(server)["shocpp_connected_charge_points",] == 0)
    booked = {
        ("shocpp_open_transactions",): 0,
        ("shocpp_booked_energy_watt_hours", "family-y"): ENERGY_WH,
        ("shocpp_review_cases", "card"): 1,
        ("shocpp_review_cases", "transaction"): 0,
        ("shocpp_charge_point_connected", "garage"): 0,
        ("shocpp_connector_status", "garage", "1", "Available"): 1,
        ("shocpp_waiting_calls", "queued"): 0,
    }
    samples = scrape(server)
    assert booked.items() <= samples.items()
    assert not [key for key in samples if "stranger" in key]
    assert not [key for key in samples if key[0] == "shocpp_charge_point_power_watts"]
    rows = home.query("SELECT account, sum(wh) FROM monthly_consumption GROUP BY account")
    name = "shocpp_booked_energy_watt_hours"
    assert {(key[1], value) for key, value in samples.items() if key[0] == name} == set(rows)


def test_currents_and_limits_of_the_site_are_gauges_and_the_fallback_is_in_healthz(
    home: Home,
) -> None:
    with leading(home):
        server = Server(home)
        with Charger(server, "garage") as garage:
            garage.boot().report("Available")
        names = ("shocpp_site_", "shocpp_set_point_", "shocpp_limits_")
        assert not [key for key in scrape(server) if key[0].startswith(names)]
        store_site(home, METER_SILENT, is_fallback=True)
        points = [
            set_point("garage", 1, 10_000, "shares", cars=2, total_a=20),
            set_point("garage", 2, None, "base"),
        ]
        store_set_points(home, points)
        expected = {
            ("shocpp_site_current_amperes", "L1"): 18.4,
            ("shocpp_site_current_amperes", "L3"): 10,
            ("shocpp_site_house_amperes", "L2"): 4.2,
            ("shocpp_site_fallback",): 1,
            ("shocpp_set_point_amperes", "garage", "1"): 10,
            ("shocpp_set_point_amperes", "garage", "2"): 6,
            ("shocpp_limits_sent", "garage"): 17,
        }
        samples = scrape(server)
        assert expected.items() <= samples.items()
        assert 0 <= samples["shocpp_site_reading_age_seconds",] < 30
        health = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        health.request("GET", "/healthz")
        answer = health.getresponse()
        assert (answer.status, answer.read().decode()) == (
            200,
            "limits of current are in fallback: the meter reports nothing\n",
        )
        server.stop()


def test_a_power_that_follows_from_the_register_is_marked_as_derived(server: Server) -> None:
    with ChargerWithCar(server, "garage") as charger:
        charger.ask(
            "StartTransaction",
            connectorId=1,
            idTag="3333",
            meterStart=1_000,
            timestamp="2026-10-01T05:00:00Z",
        )
        registers = (("05:01:00", 1_100), ("05:02:00", 1_160))
        values = [
            {"timestamp": f"2026-10-01T{time}Z", "sampledValue": [{"value": f"{wh}"}]}
            for time, wh in registers
        ]
        charger.ask("MeterValues", connectorId=1, meterValue=values)
        derived = {
            ("shocpp_charge_point_power_watts", "garage"): 3600,
            ("shocpp_charge_point_power_derived", "garage"): 1,
        }
        wait_for(lambda: derived.items() <= scrape(server).items())
        charger.ask(
            "StopTransaction",
            transactionId=20_000_001,
            meterStop=1_160,
            timestamp="2026-10-01T05:03:00Z",
        )
        ended = dict.fromkeys(derived, 0)
        wait_for(lambda: ended.items() <= scrape(server).items())


def test_frames_that_are_refused_or_ignored_and_calls_are_counted(
    server: Server, home: Home
) -> None:
    with ChargerWithCar(server, "garage") as charger:
        charger.answers["Reset"] = "NotSupported"
        for action in ("ClearCache", "Reset"):
            home.run("shocpp-command", "-c", "garage", action, "{}" if action != "Reset" else HARD)
    with connect(server.url("odd"), subprotocols=["ocpp1.6"]) as wire:  # type: ignore[list-item]
        for text in ('[2,"1","Invented",{}]', '[2,"2","Invented2",{}]', '[2,"3","Reset",{}]'):
            wire.send(text)
            assert json.loads(wire.recv(5))[0] == 4
        wire.send('[3,"nobody asked",{}]')
        wire.send("[9]")
        wire.send('[2,"4","Heartbeat",{}]')
        wire.recv(5)
    with pytest.raises(InvalidStatus):
        connect(server.url("x"), origin="https://page.example").__enter__()  # type: ignore[arg-type]
    expected = {
        ("shocpp_call_errors_total", "NotImplemented"): 2,
        ("shocpp_call_errors_total", "NotSupported"): 1,
        ("shocpp_ignored_frames_total",): 2,
        ("shocpp_frames_total", "other", "in"): 4,
        ("shocpp_frames_total", "other", "out"): 2,
        ("shocpp_frames_total", "ClearCache", "out"): 1,
        ("shocpp_frames_total", "ClearCache", "in"): 1,
        ("shocpp_calls_total", "answered"): 1,
        ("shocpp_calls_total", "refused"): 1,
        ("shocpp_refused_upgrades_total", "403"): 1,
        ("shocpp_connections_closed_total",): 2,
    }
    wait_for(lambda: expected.items() <= scrape(server).items())
    named = {key[1] for key in scrape(server) if is_frames(key[0])}
    assert named <= set(ACTIONS)


HARD = '{"type": "Hard"}'


def test_the_histograms_add_up(server: Server) -> None:
    with ChargerWithCar(server, "garage") as charger:
        for _ in range(20):
            charger.ask("Heartbeat")
            charger.report("Available")
        wait_for(lambda: scrape(server)["shocpp_answer_seconds_count",] == 42)
    samples = scrape(server)
    for name in ("shocpp_answer_seconds", "shocpp_commit_seconds"):
        cumulated = sorted(
            (float(key[1]), value) for key, value in samples.items() if key[0] == f"{name}_bucket"
        )
        values = [value for _, value in cumulated]
        assert values == sorted(values)
        assert cumulated[-1] == (math.inf, samples[f"{name}_count",])
        least = sum(
            low * (upper - lower) for (low, lower), (_, upper) in itertools.pairwise(cumulated)
        )
        assert 0 < least + 1e-9 <= samples[f"{name}_sum",] + 1e-9 < 42 * PATIENCE_S


class GunicornAlone(Server):
    """A server that `gunicorn --paste wsgi.ini` starts, without shocpp-listener."""

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gunicorn", "--paste", "wsgi.ini"]
        environment = {**self.home.environment, **self.environment, "WS_PORT": str(self.port)}
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        wait_for(lambda: is_up(self))
        return self.process


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server for the tests that do not count."""
    server = GunicornAlone(Home(tmp_path_factory.mktemp("metrics") / "home"), SHOCPP_TOKEN=TOKEN)
    yield server
    server.kill()


def test_the_accept_header_chooses_the_format(alone: Server) -> None:
    response = get(alone, Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert response.headers["Cache-Control"] == "no-store"
    families = {family.name: family.type for family in parse_openmetrics(response.read().decode())}
    assert families["shocpp_frames"] == "counter"
    assert families["shocpp_answer_seconds"] == "histogram"
    assert families["shocpp_booked_energy_watt_hours"] == "gauge"
    assert get(alone).headers["Content-Type"].startswith("text/plain; version=")
    head = get(alone, "HEAD")
    assert (head.status, head.read()) == (200, b"")


def test_a_charger_may_be_called_metrics(alone: Server) -> None:
    with ChargerWithCar(alone, "metrics"):
        assert scrape(alone)["shocpp_charge_point_connected", "metrics"] == 1


NAMES = ['a"b', "a\\b", "a\\nb", 'Straße {x="y"} 1\n']


def test_names_cannot_break_the_text(alone: Server) -> None:
    with contextlib.ExitStack() as stack:
        for name in NAMES[:3]:
            quoted = name.replace("\\", "%5C").replace('"', "%22")
            stack.enter_context(ChargerWithCar(alone, quoted, serial=name))
        # No interface accepts a newline in a name, but the database might hold one nevertheless.
        renamed = "UPDATE charge_point SET charge_point_id = ? WHERE charge_point_id = ?"
        with contextlib.closing(sqlite3.connect(alone.home.database, timeout=10)) as db, db:
            assert db.execute(renamed, (NAMES[3], NAMES[0])).rowcount == 1
        name = "shocpp_charge_point_connected"
        names = {key[1] for key in scrape(alone) if key[0] == name}
        assert set(NAMES[1:]) <= names
        assert NAMES[0] not in names


def test_strangers_get_nothing(alone: Server) -> None:
    for headers in ({"Host": "charging.example"}, {"X_Forwarded_For": "203.0.113.7"}):
        response = get(alone, **headers)
        text = response.read().decode()
        assert (response.status, response.headers.get_content_type()) == (401, "text/plain")
        assert text.count("\n") == 1
        assert "shocpp_" not in text
        assert get(alone, Authorization=f"Bearer {TOKEN}", **headers).status == 200
        assert get(alone, Authorization="Bearer wrong-horse", **headers).status == 401
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert get(alone, method).status == 405


def test_counters_are_exposed_even_if_the_database_cannot_be_read(
    server: Server, home: Home
) -> None:
    aside = home.database.with_suffix(".aside")
    home.database.rename(aside)
    samples = scrape(server)
    assert samples["shocpp_database_readable",] == 0
    assert ("shocpp_open_transactions",) not in samples
    wait_for(lambda: scrape(server)["shocpp_workers", "ill"] == 1)
    aside.rename(home.database)
    assert scrape(server)["shocpp_database_readable",] == 1


# -- counter files --------------------------------------------------------------------------------


def heartbeats(folder: Path) -> float:
    """Return the number of Heartbeats in all counter files of a folder."""
    return sum_files(folder).numbers[POSITIONS["frames", "in", "Heartbeat"]]


def counted(folder: Path, times: int) -> CounterFile:
    """Return the file of a worker that has counted so many Heartbeats."""
    file = CounterFile(folder, Counters())
    for _ in range(times):
        file.counters.received("Heartbeat")
    file.write()
    return file


def test_a_file_is_taken_over_only_when_its_worker_is_gone(tmp_path: Path) -> None:
    first, second = counted(tmp_path, 3), counted(tmp_path, 4)
    assert (heartbeats(tmp_path), sum_files(tmp_path).healthy) == (7, 2)
    remove_dead_files(tmp_path)
    assert heartbeats(tmp_path) == 7
    first.close()
    assert (heartbeats(tmp_path), sum_files(tmp_path).healthy) == (7, 1)
    third = counted(tmp_path, 5)
    assert (heartbeats(tmp_path), sum_files(tmp_path).healthy) == (12, 2)
    assert len(list(tmp_path.iterdir())) == 2
    second.close()
    third.close()
    remove_dead_files(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_removed_or_damaged_loses_no_worker(tmp_path: Path) -> None:
    file = counted(tmp_path, 3)
    (path,) = tmp_path.iterdir()
    path.unlink()
    file.counters.received("Heartbeat")
    file.write()
    assert heartbeats(tmp_path) == 4
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert heartbeats(tmp_path) == 0
    file.write()
    assert heartbeats(tmp_path) == 4
    file.close()


def test_a_file_that_is_read_during_a_write_is_complete(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path;"
        "from shocpp.metrics.counters import Counters;"
        "from shocpp.metrics.counter_files import CounterFile;"
        "file = CounterFile(Path(sys.argv[1]), Counters()); print(flush=True)\n"
        "while True:\n"
        "    file.counters.numbers[:] = [number + 1 for number in file.counters.numbers]\n"
        "    file.write()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            wait_for(lambda: heartbeats(tmp_path) > 0)
            before = 0.0
            for _ in range(5 * READINGS):
                numbers = set(sum_files(tmp_path).numbers)
                assert len(numbers) == 1
                assert min(numbers) >= before
                before = min(numbers)
        finally:
            writer.kill()


def test_every_number_has_a_place_of_its_own() -> None:
    assert sorted(POSITIONS.values()) == list(range(len(POSITIONS)))
    assert len(POSITIONS) < LENGTH
    assert {key[0] for key in POSITIONS} == {count.name for count in COUNTS}
